"""A service, the status of all of them, and what separates the ecosystems."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from twinstage.model.names import Phase
from twinstage.model.seen import Health
from twinstage.wire.document import Document
from twinstage.wire.rollouts import Break, Count, Crossing, Freeze, Reason, Skip


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
    skipped: list[Skip] = Field(default_factory=list)


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
    """Attempts to reach the places that it tried in the last 24 hours."""
    last: Crossing | None = None


class ServiceRow(Document):
    """One service in ``status``."""

    name: str
    ports: dict[str, Ports]
    """By ecosystem."""
    baseline: Baseline | None
    pin: Pin | None
    freeze: Freeze | None = None
    """What holds it longest: a freeze of its own, or the one of every service."""
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
    freezes: list[Freeze] = Field(default_factory=list)
    """All that stand."""
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
