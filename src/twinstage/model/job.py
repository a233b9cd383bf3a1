"""Work that takes longer than a moment and ends: builds, gates and verifications."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from twinstage.model.names import JobId, LaneId, Place, ReleaseId, RolloutId, ServiceName
from twinstage.model.release import Artifact


class JobKind(StrEnum):
    BUILD = "build"
    GATE = "gate"
    VERIFY = "verify"


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
    """``build``, the gate's name, or ``verify``."""
    place: Place
    rollout: RolloutId
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
    packages: bool = False
    """May use the package proxy: builds only."""
    result: JobResult | None = None
    exit_status: int | None = None
    started: datetime | None = None
    ended: datetime | None = None
    output: Mapping[str, str] = field(default_factory=dict)
    """What the job brought forth: a build's ``digest``."""
    log_end: str = ""
