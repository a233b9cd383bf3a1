"""What clients ask for, and the controller's answers."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from twinstage.model.names import Ecosystem, Phase
from twinstage.model.rollout import IntentVerb
from twinstage.wire.document import Document, Taken

Who = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]


class Intent(Document):
    """What a person asked, and the controller's answer to it."""

    id: str
    verb: IntentVerb
    by: str
    why: str
    at: datetime
    answered: datetime | None
    accepted: bool | None
    answer: str
    rollout: str | None


class Submission(Taken):
    commit: Commit
    by: Who


class Order(Taken):
    """Who wants it, and why."""

    by: Who
    why: Why


class Rollback(Order):
    force: bool = Field(default=False, description="Also past a change of its databases' schema, which stays as it is.")


class Freezing(Order):
    until: AwareDatetime | None = Field(default=None, description="When it ends by itself. Default: after a day.")


class Skipping(Order):
    phases: list[Phase] = Field(min_length=1, max_length=len(Phase), description="All of them, or none.")


class Terminal(Taken):
    """Of the person who asks."""

    kind: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}$", description="As $TERM has it.")
    rows: int = Field(ge=0, le=10_000)
    columns: int = Field(ge=0, le=10_000)


class Visiting(Taken):
    """A command to run in an instance. Not over HTTP: descriptors come back with the answer."""

    instance: str = Field(min_length=1, max_length=300)
    command: list[Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]] = Field(min_length=1, max_length=10_000)
    by: Who
    why: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""
    terminal: Terminal | None = Field(default=None, description="null: three pipes.")


class Secret(Document):
    """One secret of one service in one ecosystem. No document ever has its value."""

    service: str
    ecosystem: Ecosystem
    name: str
    version: int | None = Field(description="How often it was set; null: it is lacking, and something needs it.")
    at: datetime | None
    by: str | None
    needed: list[str] = Field(description="Who names it: what production runs, and rollouts.")
    rotating: str = Field(default="", description="Why instances with an older value still serve; empty: none does.")


class Received(Document):
    """The mirror has the commit with all of its content."""

    commit: str
    tree: str
    subject: str
    mistakes: list[str] = Field(default_factory=list)
    """Of its definition: to ship it would be refused for these."""


class Commits(Document):
    commits: list[Commit] = Field(description="Commits that the controller's mirror of the repository has at its refs.")
