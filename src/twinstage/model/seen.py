"""What is seen: one look at the world, never a wish."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from twinstage.model.names import Ecosystem, InstanceId, JobId, ServiceName
from twinstage.model.workload import Route, WorkloadKey


class Health(StrEnum):
    STARTING = "starting"
    HEALTHY = "healthy"
    """As said by the PROXY that would route to it, nobody else."""
    UNHEALTHY = "unhealthy"
    CRASHING = "crashing"
    """The supervisor gave up or keeps restarting."""
    STOPPING = "stopping"


@dataclass(frozen=True, kw_only=True)
class InstanceSeen:
    id: InstanceId
    health: Health
    since: datetime
    restarts: int = 0
    detail: str = ""
    """For people: "exited with status 1", "does not listen on PORT 12001, but on 8000"."""


@dataclass(frozen=True, kw_only=True)
class WorkloadSeen:
    key: WorkloadKey
    replicas: int
    """What the runtime was last told."""
    instances: tuple[InstanceSeen, ...]
    in_flight: int | None
    """None: this runtime cannot know; then draining waits its full time."""

    @property
    def healthy(self) -> int:
        return sum(i.health is Health.HEALTHY for i in self.instances)


@dataclass(frozen=True, kw_only=True)
class Observed:
    """One look at one ecosystem. The latest is kept in memory; only changes that matter are written to the store."""

    ecosystem: Ecosystem
    at: datetime
    workloads: Mapping[WorkloadKey, WorkloadSeen]
    routes: Mapping[ServiceName, Route]
    """As the proxy ACCEPTED them (its version), not as we wrote them."""
    parts: Mapping[str, Health]
    """proxy, sentinel, supervisor."""
    enforced: bool
    """False is shown on every status line."""

    @cached_property
    def by_service(self) -> Mapping[ServiceName, Mapping[WorkloadKey, WorkloadSeen]]:
        """Workloads of each service that has any, in the order of their keys. Sorted once a look: asked once a service."""
        found: dict[ServiceName, dict[WorkloadKey, WorkloadSeen]] = {}
        for key, workload in sorted(self.workloads.items()):
            found.setdefault(key.service, {})[key] = workload
        return found


@dataclass(frozen=True, kw_only=True)
class TrafficSample:
    """Cumulative counters of one workload at one proxy. Sum differences per (source, epoch); a new epoch is a reset."""

    workload: WorkloadKey
    source: str
    epoch: str
    """Changes when that proxy restarts."""
    at: datetime
    requests: int
    errors: int
    """5xx, resets, local 503s: attempts, so retries hide nothing."""
    latency: tuple[tuple[float, int], ...]
    """(upper bound in milliseconds, cumulative count), ascending."""


OTHER_ECOSYSTEM, UNDECLARED, OUTSIDE = "other-ecosystem", "undeclared", "outside"
"""Kinds of crossings."""
ELSEWHERE, ACROSS = "many other places", "many other places in the other ecosystem"
"""Targets that stand for all beyond those that are told apart, as the sentinel itself calls them."""


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """One attempt to reach what is not there for the caller. The caller is a fact: its network namespace."""

    seq: int
    at: datetime
    ecosystem: Ecosystem
    source: WorkloadKey | JobId
    instance: InstanceId
    target: str
    """``198.51.100.7:443``, ``dns api.stripe.com``, ``production payments``."""
    kind: str
    """``other-ecosystem`` | ``undeclared`` (a neighbour not declared) | ``outside`` (any other address or name)."""
    answered: str
    """``403`` | ``closed`` | ``NXDOMAIN`` | ``dropped``."""
    advice: str = ""
    """What to do instead: "use PAYMENTS_URL"."""
    count: int = 1
    """How many attempts this tells of: the same one is told once in a while, not each time."""


@dataclass(frozen=True, kw_only=True)
class Lack:
    """Something that a machine does not give, though ecosystems can be sealed on it."""

    name: str
    means: str
    """For the boundary, or for what may be taken of the machine."""
    takes: str
    """What would have to be there for it to be given."""


@dataclass(frozen=True, kw_only=True)
class SentinelSeen:
    """What the sentinel of one ecosystem has done since it last started; its counters begin anew with each start."""

    ecosystem: Ecosystem
    answers: Mapping[tuple[str, str], int]
    """(kind, answered) of crossings -> how many attempts."""
    unread: int
    """How often the guard told of more datagrams than could be read: some of them left no record."""
    starts: int
    """How often it was started since its ecosystem was; 1 when it never ended."""
    lacking: tuple[Lack, ...] = ()
    """What its kernel does not give it, as it met it."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """One thing that instances and jobs are kept from taking too much of. ``how`` it is done, or what it would take; what it
    ``means`` that it is not in force, empty where it is."""

    what: str
    in_force: bool
    how: str
    means: str = ""


@dataclass(frozen=True, kw_only=True)
class BoundaryReport:
    enforced: bool
    means: tuple[str, ...]
    lacking: tuple[Lack, ...]
    """Limits that are not in force too."""
    attributes: bool
    """Can it say which release tried."""
    limits: tuple[Limit, ...] = ()
