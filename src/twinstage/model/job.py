"""Work that takes longer than a moment and ends: builds, gates, verifications, and what is done to databases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from twinstage.model.bounds import Bounds
from twinstage.model.names import JobId, LaneId, Place, ReleaseId, RolloutId, ServiceName
from twinstage.model.release import Artifact


class JobKind(StrEnum):
    BUILD = "build"
    GATE = "gate"
    PREPARE = "prepare"
    """Twinstage's own: role and databases exist; a lane's are cloned from the ecosystem's main ones."""
    MIGRATE = "migrate"
    """The release's command for one database; the catalogue is measured before and after."""
    VERIFY = "verify"
    DROP = "drop"
    """Twinstage's own: a lane's databases and roles go."""
    PROBE = "probe"
    """Twinstage's own: every way out that we know is tried, from inside a sandbox as an instance has one."""


class JobResult(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Exit status other than 0: blames the release."""
    TIMED_OUT = "timed-out"
    """Blames the release."""
    LOST = "lost"
    """No result and not running: blames the platform; run again as the next attempt."""
    STOPPED = "stopped"
    """We stopped it."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Recorded before it starts. Its result is a file that its own wrapper renames into place."""

    id: JobId
    kind: JobKind
    name: str
    """``build``, the gate's name, ``verify``, ``databases`` (PREPARE, DROP) or the database's name (MIGRATE)."""
    place: Place
    rollout: RolloutId | None
    """None: work for an ecosystem's databases that no rollout waits for (staging's main ones, a lane's when it is gone)."""
    service: ServiceName
    commit: str
    round: int
    attempt: int
    command: str
    limit: timedelta
    source: str
    """Name of the exported commit (a tar file) that the job unpacks into its working copy."""
    artifact: Artifact | None = None
    """None: the job builds it. Otherwise mounted read-only where it was built."""
    builds: str | None = None
    """BUILD only: the artifact's location to build at."""
    release: ReleaseId | None = None
    lane: LaneId | None = None
    """VERIFY gets TWINSTAGE_URL (its own frontend) and TWINSTAGE_BAGGAGE."""
    calls: tuple[ServiceName, ...] = ()
    """VERIFY: its own frontend and what the definition declares; else none."""
    env: Mapping[str, str] = field(default_factory=dict)
    databases: tuple[str, ...] = ()
    """PREPARE, DROP: all that the definition names; MIGRATE: the one; GATE: the throwaway ones it declares; else none."""
    data: str = "main"
    """Which databases: ``main``, or the lane whose clones they are."""
    bounds: Bounds = field(default_factory=Bounds)
    packages: bool = False
    """May use the package proxy: builds only."""
    result: JobResult | None = None
    exit_status: int | None = None
    started: datetime | None = None
    ended: datetime | None = None
    output: Mapping[str, str] = field(default_factory=dict)
    """What the job brought forth: a build's ``digest``, a migration's ``schema_before`` and ``schema_after``,
    a probe's ``tried`` and ``stopped`` (how many ways) and ``passed`` (their names)."""
    log_end: str = ""
