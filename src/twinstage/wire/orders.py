"""What clients ask for, and the controller's answers."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from twinstage.model.names import Phase
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


class Freezing(Order):
    until: AwareDatetime | None = Field(default=None, description="When it ends by itself. Default: after a day.")


class Skipping(Order):
    phases: list[Phase] = Field(min_length=1, max_length=len(Phase), description="All of them, or none.")


class Received(Document):
    """The mirror has the commit with all of its content."""

    commit: str
    tree: str
    subject: str


class Commits(Document):
    commits: list[Commit] = Field(description="Commits that the controller's mirror of the repository has at its refs.")
