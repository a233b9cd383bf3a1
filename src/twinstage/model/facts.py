"""All that a decision about one rollout may know, and what a decision is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum

from twinstage.model.database import DataKey
from twinstage.model.job import Job
from twinstage.model.names import Ecosystem, LaneId, RolloutId, ServiceName
from twinstage.model.reasons import Reason
from twinstage.model.release import Evidence, Release
from twinstage.model.rollout import Rollout, ServiceState
from twinstage.model.seen import Crossing, Observed


class Event(Enum):
    """What can happen to a rollout. The table in pipeline/states.py says where each leads."""

    BUILT = "built"
    EVIDENCE_COMPLETE = "evidence-complete"
    ADMITTED = "admitted"
    HEALTHY = "healthy"
    VERIFIED = "verified"
    VOID = "void"
    TURN = "turn"
    TURN_UNCOMPARED = "turn-uncompared"
    STEP = "step"
    PROMOTE = "promote"
    COMPLETE = "complete"
    UNFIT = "unfit"
    CLEARED = "cleared"
    SKIP = "skip"
    ABORT = "abort"
    SUPERSEDE = "supersede"


class Answer(StrEnum):
    PROMOTE = "promote"
    RETREAT = "retreat"
    WATCH = "watch"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The judge's answer about a canary."""

    answer: Answer
    detail: str
    """For people, the figures behind it: "23 of 61 requests failed, production 0 of 1,160"."""
    proven: bool = True
    """False: PROMOTE only because the longest canary is over and the standard promotes unproven."""


@dataclass(frozen=True, kw_only=True)
class MirrorBreak:
    """A part of the mirror that is (until is None) or was not whole."""

    service: ServiceName
    since: datetime
    until: datetime | None
    detail: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Built by one function of the controller, so a test builds it by hand."""

    service: ServiceState
    release: Release | None
    evidence: tuple[Evidence, ...]
    """For the rollout's commit, all gates."""
    jobs: tuple[Job, ...]
    """Of this rollout, oldest first, with their latest results."""
    seen: Mapping[Ecosystem, Observed]
    others: tuple[Rollout, ...]
    """Other open rollouts of the same service."""
    group: tuple[Rollout, ...]
    """Open rollouts of the same group, this one left out."""
    missing_dependencies: tuple[ServiceName, ...]
    """Declared, not in production, and not members of the same group."""
    lanes_in_use: int
    """Distinct lanes of open rollouts in HAS_LANE states."""
    mirror_breaks: tuple[MirrorBreak, ...]
    """In the candidate's closure; those that touch the time since its last verify job started, or now."""
    crossings: tuple[Crossing, ...]
    """Made by this release's instances and jobs since the rollout began."""
    verdict: Verdict | None
    """None: nothing to compare."""
    frozen: Reason | None = None
    ready: frozenset[DataKey] = frozenset()
    """Of this service: data that is there and migrated, for which releases."""
    mirror_data: Reason | None = None
    """Why staging's own databases of this service cannot be cloned yet."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Either an event or only a reason. Saved in one transaction: rollout row, jobs, baselines, journal."""

    event: Event | None
    reason: Reason
    share: int | None = None
    """With TURN, STEP, PROMOTE: the share to have next."""
    jobs: tuple[Job, ...] = ()
    """To be recorded (and then started) with this decision."""
    retry_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """First releases whose dependencies form a cycle, found ready together."""

    group: str
    lane: LaneId
    members: tuple[RolloutId, ...]


BACKOFF = tuple(timedelta(seconds=s) for s in (1, 2, 5, 10, 30, 60))
"""How long to wait before attempt 2, 3, ... after trouble of the platform; the last repeats."""
