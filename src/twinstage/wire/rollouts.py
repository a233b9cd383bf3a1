"""A rollout, and all that explains where it is."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from twinstage.model.names import Phase
from twinstage.wire.databases import Migration
from twinstage.wire.document import Document


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


class Skip(Document):
    """A phase that somebody has a rollout leave out."""

    phase: Phase
    by: str
    why: str
    at: datetime


class Rollout(Document):
    """The journey of one commit."""

    id: str
    service: str
    kind: str
    commit: str
    subject: str = ""
    """First line of the commit's message."""
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
    skipped: list[Skip] = Field(default_factory=list)
    """Who asked for which of them. A rollback skips its canary without anybody asking."""
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


class Passage(Document):
    """One rollout in the ``history``: what it was, how it went, how it ended."""

    rollout: Rollout
    steps: list[Step]
    ended: datetime | None
    """None: it is under way."""
    seconds: float
    """From being submitted to its end, or to now."""
    why: str
    """Why it ended as it did, or what it waits for; of a rollback, why it was asked for."""
    schema_changed: list[str] = Field(default_factory=list)
    """Databases whose schema it changed in production, whether or not it went live."""


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
    """An attempt to reach what is not there for the caller, at its latest."""

    at: datetime
    count: int = 1
    """How often it was tried, all in all."""
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


class Freeze(Document):
    """While it stands nothing moves on into production or in it; it ends by itself."""

    service: str | None
    """None: every service."""
    by: str
    why: str
    at: datetime
    until: datetime


class Journey(Document):
    """One rollout with all that explains where it is."""

    at: datetime
    rollout: Rollout
    steps: list[Step]
    unblock: str
    """What would let it move; empty when it moves by itself."""
    health: Count | None
    """Of its workload where it runs now."""
    freeze: Freeze | None = None
    """What holds its service, or will once it comes to production."""
    wanted: list[str]
    """Gates the standard asks for."""
    evidence: list[Evidence]
    jobs: list[Job]
    spoken: list[str] = Field(default_factory=list)
    """Its release's instances that left a log, gone ones too; who wrote last comes last."""
    migrations: list[Migration] = Field(default_factory=list)
    """Of its release, in its lane, in production and in staging, oldest first."""
    crossings: list[Crossing]
    breaks: list[Break]
    history: list[JournalEntry]
