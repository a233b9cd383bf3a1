"""What is wanted: computed from decisions, never stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from twinstage.model.bounds import Bounds
from twinstage.model.names import Ecosystem, LaneId, Port, ReleaseId, ServiceName
from twinstage.model.release import Artifact


@dataclass(frozen=True, kw_only=True, order=True)
class WorkloadKey:
    """Names a set of identical instances. Canary -> production keeps the key: nothing restarts."""

    ecosystem: Ecosystem
    service: ServiceName
    process: str
    release: ReleaseId
    secrets: int
    """Secrets version: rotating makes another workload."""
    data: str = "main"
    """``main``, or the lane whose clone of the databases it uses."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What to run. The runtime adds HOST, PORT and *_URL: no address is ever decided above it."""

    key: WorkloadKey
    replicas: int
    artifact: Artifact
    run: str
    backend: Port
    listens: int | None
    """The program's own port, where it cannot read PORT."""
    health: str | None
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    calls: tuple[ServiceName, ...] = ()
    """The only frontends that exist for it."""
    outside: Mapping[str, str] = field(default_factory=dict)
    """Name -> ``host:port``: all beyond the company that exists for it."""
    stubs: Mapping[str, ServiceName] = field(default_factory=dict)
    """Name of ``outside`` -> the service, one of ``calls``, that answers there instead."""
    databases: tuple[str, ...] = ()
    drain: timedelta = timedelta(seconds=30)
    bounds: Bounds = field(default_factory=Bounds)


@dataclass(frozen=True, kw_only=True)
class Route:
    """One service's frontend port. Shares sum to 100; an empty split answers 503 and says why."""

    ecosystem: Ecosystem
    service: ServiceName
    port: Port
    split: tuple[tuple[WorkloadKey, int], ...] = ()
    lanes: tuple[tuple[LaneId, WorkloadKey], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Desired:
    """One service in one ecosystem."""

    ecosystem: Ecosystem
    service: ServiceName
    workloads: tuple[Workload, ...]
    route: Route | None
    migrate: tuple[tuple[ReleaseId, str], ...] = ()
    """(release, data): databases that must be there and migrated before that release's workload on that data is put."""
