"""A service, the status of all of them, and what separates the ecosystems."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from twinstage.model.names import Phase
from twinstage.model.seen import Health
from twinstage.wire.databases import Database
from twinstage.wire.document import Document
from twinstage.wire.rollouts import Break, Count, Crossing, Freeze, Job, Reason, Skip


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
    databases: list[Database] = Field(default_factory=list)
    """Of what production runs, in both ecosystems."""
    jobs: list[Job] = Field(default_factory=list)
    """The latest jobs on its databases that no rollout waits for, newest first."""


class LogLine(Document):
    """One line of ``logs --json``."""

    source: str
    text: str


class SharedHost(Document):
    """A host beyond the company that both ecosystems call, because a definition says why that is safe."""

    service: str
    host: str
    """``host:port`` in production."""
    why: str


class Mirror(Document):
    """How true staging is: services mirrored of services in production, and what is not whole."""

    mirrored: int
    services: int
    breaks: list[Break]
    coming: list[str] = Field(default_factory=list)
    """Services whose release production has just changed, and whose mirror is being brought to it."""
    shared: list[SharedHost] = Field(default_factory=list)
    """Hosts beyond the company that staging calls as production does."""


class Attention(Document):
    """Something a person should know."""

    service: str | None
    text: str
    since: datetime | None = None


class Probe(Document):
    """The last time every known way across an ecosystem's boundary was tried."""

    ecosystem: str
    job: str
    """Whose log tells of each way: what was tried, what came back."""
    under_way: bool
    """Is another one being made now."""
    at: datetime | None = None
    """When it ended."""
    result: str | None = None
    """``succeeded``: all was tried. Anything else: nothing is known of the boundary from it."""
    tried: int = 0
    stopped: int = 0
    passed: list[str] = Field(default_factory=list)
    """Ways that were not stopped, or not in the way that the wall stops them."""
    detail: str = ""
    """Why nothing is known, where it did not succeed."""


class Lack(Document):
    """Something that the machine does not give, though ecosystems can be sealed on it."""

    name: str
    means: str
    """For the boundary, or for what may be taken of the machine."""
    takes: str
    """What would have to be there for it to be given."""


class Limit(Document):
    """One thing that instances and jobs are kept from taking too much of."""

    what: str
    in_force: bool
    how: str
    """How it is done, or what it would take."""


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
    probes: list[Probe] = Field(default_factory=list)
    """When every known way across the boundary was last tried, of each ecosystem."""
    leaving: tuple[str, ...] = ()
    """Services that were removed and of which something still runs."""
    limits: list[Limit] = Field(default_factory=list)
    """Which limits of instances and jobs this machine enforces, and which it does not."""


class Tally(Document):
    """What one release tried in one ecosystem, of one kind, all in all."""

    ecosystem: str
    service: str
    """Empty for what nobody knows any more."""
    release: str
    kind: str
    attempts: int
    places: int
    """Told apart; what is beyond the bound stands together."""
    together: int
    """Attempts at places that are not told apart."""


class Sentinel(Document):
    """What answers attempts in one ecosystem, and what it counted since it started."""

    ecosystem: str
    restarts: int
    answers: dict[str, int]
    """Attempts by how they were answered."""
    unread: int
    """How often more datagrams were dropped at once than could be recorded."""


class Boundary(Document):
    """What separates the ecosystems on this machine, and what is lacking."""

    enforced: bool
    attributes: bool
    means: list[str]
    lacking: list[str]
    """Each of ``lacks`` as one sentence."""
    lacks: list[Lack] = Field(default_factory=list)
    """What the machine does not give; limits that are not in force too."""
    shared: list[SharedHost] = Field(default_factory=list)
    """Of every release that production runs and of every one under way."""
    crossings: list[Crossing]
    totals: list[Tally] = Field(default_factory=list)
    sentinels: list[Sentinel] = Field(default_factory=list)
    """Those that answer at the moment."""
    probes: list[Probe] = Field(default_factory=list)
    """Of each ecosystem where one has been made or begun."""
    limits: list[Limit] = Field(default_factory=list)
