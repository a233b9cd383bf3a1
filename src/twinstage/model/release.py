"""What is shipped: a definition, the artifact built from its commit, the release of both, and the evidence for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from twinstage.model.names import Digest, Ecosystem, JobId, ReleaseId, ServiceName


@dataclass(frozen=True, kw_only=True)
class Process:
    """One kind of process of a service. ``web`` has a port; later ones may have none."""

    run: str
    instances: Mapping[Ecosystem, int]
    port: int | None = None
    """For programs that cannot read PORT: the wire turns the backend port to this one."""
    health: str | None = None
    """The path that the proxy asks. None: healthy while its port answers."""
    drain: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Outside:
    """A name beyond the company that a release may reach."""

    hosts: Mapping[Ecosystem, str]
    """``host:port`` that its programs call, in lower case. With a ``stub`` staging's is production's."""
    shared: str = ""
    """Why the same host is safe for both ecosystems. Empty: each has a host of its own."""
    stub: ServiceName | None = None
    """The service of the company that answers in staging instead."""


@dataclass(frozen=True, kw_only=True)
class Definition:
    """twinstage.yaml at one commit. Part of the release: rolling back rolls configuration back too."""

    service: ServiceName
    build: str | None
    processes: Mapping[str, Process]
    """``run``, ``health``, ``instances`` at the top of the file are those of ``web``."""
    depends_on: tuple[ServiceName, ...] = ()
    """Cycles are legal."""
    outside: Mapping[str, Outside] = field(default_factory=dict)
    databases: Mapping[str, str | None] = field(default_factory=dict)
    """Name -> migrate command. ``orders`` is reached by ORDERS_DATABASE_URL."""
    config: Mapping[str, Mapping[Ecosystem, str]] = field(default_factory=dict)
    """Keyed by ecosystem: a canary always has production's values."""
    secrets: tuple[str, ...] = ()
    gates: Mapping[str, str] = field(default_factory=dict)
    """Gate name -> shell command. ``review`` is never here: it is read from the commit."""
    gate_databases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Gate name -> which of ``databases`` it gets, new and migrated by this release, thrown away with the gate."""
    verify: str | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    """What its instances may take, where that is less than the standard's: keys of ``model.bounds.STATED``."""

    @property
    def web(self) -> Process:
        return self.processes["web"]

    def calls(self, ecosystem: Ecosystem) -> tuple[ServiceName, ...]:
        """Services whose frontends exist for it there: in staging also those that stand in for what is outside."""
        if ecosystem is Ecosystem.PRODUCTION:
            return self.depends_on
        stubs = [it.stub for _, it in sorted(self.outside.items()) if it.stub is not None]
        return tuple(dict.fromkeys((*self.depends_on, *stubs)))


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """What runs."""

    kind: str
    """``tree`` on the local runtime."""
    digest: Digest
    """Of the content; sealed after the build, checked before every use."""
    location: str
    """The absolute path inside sandboxes that it was built at, because virtual environments do not move."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """Immutable. Comes into being when a build ends; before that there is only a rollout of a commit."""

    id: ReleaseId
    service: ServiceName
    commit: str
    tree: str
    artifact: Artifact
    definition: Definition


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One gate's result for one commit."""

    service: ServiceName
    commit: str
    tree: str
    """git's tree id: a squash of the same tree is the same content."""
    gate: str
    passed: bool
    by: str
    at: datetime
    detail: str = ""
    """One sentence a person can read: why it failed, or who reviewed."""
    job: JobId | None = None
    exit_status: int | None = None
    seconds: float | None = None
    log_end: str = ""
    """The last lines of the gate's log, bounded."""
    attestation: bytes | None = None
    """The seam for signed envelopes."""
