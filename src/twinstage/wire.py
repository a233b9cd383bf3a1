"""The documents that travel between the controller and its clients: what ``/v1`` answers, and what it takes.

They are a promise to people's scripts (``--json`` prints them), so a field is added, never renamed or removed. Times
are ISO 8601 with a zone; shares are percent; durations are seconds. Readers ignore fields they do not know.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from twinstage.model.names import Phase
from twinstage.model.rollout import IntentVerb
from twinstage.model.seen import Health

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
Who = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]


class Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Taken(BaseModel):
    """What a client sends. A field it misspells is an error, not a surprise."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# --------------------------------------------------------------------------------------------------------- errors


class Mistake(Document):
    """One thing wrong in a definition."""

    text: str
    """``file:line: path: what is wrong, what would be right``."""


class Problem(Document):
    """``application/problem+json``: what could not be done, why, and what to do about it."""

    title: str
    detail: str
    hint: str = ""
    status: int
    mistakes: list[Mistake] = []


# --------------------------------------------------------------------------------------------------------- rollouts


class Reason(Document):
    code: str
    owner: str
    """Whose move it is: release, platform, operator or clock."""
    sentence: str
    until: datetime | None = None


class Count(Document):
    """Instances of one workload, as the proxy sees them."""

    healthy: int
    wanted: int
    detail: str = ""
    """What ails one that is not healthy."""


class Rollout(Document):
    """The journey of one commit."""

    id: str
    service: str
    kind: str
    commit: str
    release: str | None
    state: str
    phase: Phase
    """Of a retreat or an end: the phase it came to."""
    open: bool
    share: int
    entered: datetime
    exposed: datetime | None
    deadline: datetime
    attempt: int
    round: int
    lane: str
    group: str | None
    skips: list[Phase]
    outcome: str | None
    submitted: datetime
    by: str
    reason: Reason


class Step(Document):
    """One phase of a rollout, for people who watch it."""

    phase: Phase
    state: Literal["done", "now", "ahead", "skipped", "failed"]
    since: datetime | None = None
    until: datetime | None = None
    detail: str = ""


class Evidence(Document):
    gate: str
    passed: bool
    by: str
    at: datetime
    detail: str
    exit_status: int | None
    seconds: float | None
    log_end: str


class Job(Document):
    id: str
    kind: str
    name: str
    place: str
    command: str
    result: str | None
    exit_status: int | None
    started: datetime | None
    ended: datetime | None
    log_end: str


class Crossing(Document):
    """One attempt to reach what is not there for the caller."""

    at: datetime
    ecosystem: str
    source: str
    target: str
    kind: str
    answered: str
    advice: str


class JournalEntry(Document):
    """Who did what, why and when, with what was before and after."""

    seq: int
    at: datetime
    who: str
    what: str
    why: str
    service: str | None
    rollout: str | None
    release: str | None
    before: str
    after: str


class Break(Document):
    """A part of the mirror that is not whole."""

    service: str
    since: datetime | None
    """None: seen just now, and not yet written down."""
    until: datetime | None = None
    detail: str


class Journey(Document):
    """One rollout with all that explains where it is."""

    at: datetime
    rollout: Rollout
    steps: list[Step]
    unblock: str
    """What would let it move; empty when it moves by itself."""
    health: Count | None
    """Of its workload where it runs now."""
    wanted: list[str]
    """Gates the standard asks for."""
    evidence: list[Evidence]
    jobs: list[Job]
    crossings: list[Crossing]
    breaks: list[Break]
    history: list[JournalEntry]


# --------------------------------------------------------------------------------------------------------- services


class Ports(Document):
    frontend: int
    """Where callers reach the service."""
    backend: int
    """Where its instances listen."""


class Pin(Document):
    release: str
    by: str
    why: str
    at: datetime


class Baseline(Document):
    """What production runs, and staging mirrors."""

    release: str
    commit: str
    since: datetime | None
    production: Count
    staging: Count


class Occupant(Document):
    """A rollout in a phase."""

    rollout: str
    commit: str
    release: str | None
    state: str
    share: int
    health: Count | None
    progress: float | None
    """0 to 1 of the present phase; None where it cannot be told."""
    since: datetime
    reason: Reason


class Ended(Document):
    """The newest rollout that is over."""

    rollout: str
    commit: str
    release: str | None
    state: str
    at: datetime
    sentence: str


Part = Literal["baseline", "canary", "lane", "leaving"]


class Instance(Document):
    id: str
    ecosystem: str
    release: str
    part: Part
    health: Health
    since: datetime
    restarts: int
    detail: str


class Crossings(Document):
    count: int = 0
    """In the last 24 hours."""
    last: Crossing | None = None


class ServiceRow(Document):
    """One service in ``status``."""

    name: str
    ports: dict[str, Ports]
    """By ecosystem."""
    baseline: Baseline | None
    pin: Pin | None
    phases: dict[Phase, list[Occupant]]
    ended: Ended | None
    restarts: int
    crossings: Crossings


class Service(ServiceRow):
    """One service with what only its own page shows."""

    repository: str
    branch: str
    path: str
    baselines: list[str]
    """Releases that were good, oldest first; the last is the present one."""
    instances: list[Instance]


class LogLine(Document):
    """One line of ``logs --json``."""

    source: str
    text: str


class Mirror(Document):
    """How true staging is: services mirrored of services in production, and what is not whole."""

    mirrored: int
    services: int
    breaks: list[Break]


class Attention(Document):
    """Something a person should know."""

    service: str | None
    text: str
    since: datetime | None = None


class Status(Document):
    version: str
    """Changes whenever anything but the clock does: pass it as ``after``."""
    at: datetime
    ecosystem: str
    enforced: bool
    """Is the boundary enforced, in both ecosystems."""
    mirror: Mirror
    services: list[ServiceRow]
    parts: dict[str, dict[str, Health]]
    attention: list[Attention]


class Boundary(Document):
    """What separates the ecosystems on this machine, and what is lacking."""

    enforced: bool
    attributes: bool
    means: list[str]
    lacking: list[str]
    crossings: list[Crossing]


# --------------------------------------------------------------------------------------------------------- intents


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


class Received(Document):
    """The mirror has the commit with all of its content."""

    commit: str
    tree: str
    subject: str


class Commits(Document):
    commits: list[Commit] = Field(description="Commits that the controller's mirror of the repository has at its refs.")
