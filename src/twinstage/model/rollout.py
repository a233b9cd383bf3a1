"""What is decided: the journey of one commit, and the one row a service has. Nothing else in the store matters as much."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum

from twinstage.model.names import Ecosystem, LaneId, Phase, Port, ReleaseId, RolloutId, ServiceName
from twinstage.model.reasons import Reason
from twinstage.model.secret import Secret


@dataclass(frozen=True, kw_only=True)
class Pin:
    """Set by ``rollback``, cleared by ``resume``. While it stands no SHIP rollout takes its turn."""

    release: ReleaseId
    by: str
    why: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Freeze:
    """Set by ``freeze``; ends by itself, or with ``unfreeze``. While it stands nothing moves on into production or in it.

    What takes a release back is never frozen, and neither is the end of one that has all of production's traffic.
    """

    service: ServiceName | None
    """None: every service."""
    by: str
    why: str
    at: datetime
    until: datetime

    @property
    def what(self) -> str:
        return self.service or "every service"


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """One row a service. ``baselines[-1]`` IS what production runs; only COMPLETE changes it."""

    service: ServiceName
    repository: str
    """Absolute path of the git repository, as the ecosystem's file names it."""
    branch: str
    path: str
    baselines: tuple[ReleaseId, ...]
    """Good ones, oldest first. A completed rollback pops; the bad one is never appended."""
    frontends: Mapping[Ecosystem, Port]
    """Allocated once, unique over both ecosystems, never reused while the service exists."""
    backends: Mapping[Ecosystem, Port]
    """Every instance of the service in that ecosystem listens there."""
    secrets_version: Mapping[Ecosystem, int]
    """+1 when a value that something there has is replaced: instances with the new one are another workload."""
    pin: Pin | None = None
    removed: bool = False
    removed_at: datetime | None = None
    secrets: Mapping[Ecosystem, Mapping[str, Secret]] = field(default_factory=dict)
    """By name, those that are set."""
    version: int = 1

    @property
    def baseline(self) -> ReleaseId | None:
        return self.baselines[-1] if self.baselines else None

    def lacks(self, names: Iterable[str], ecosystem: Ecosystem) -> tuple[str, ...]:
        """Which of these secrets are not set there."""
        there = self.secrets.get(ecosystem, {})
        return tuple(name for name in names if name not in there)


class Kind(StrEnum):
    SHIP = "ship"
    ROLLBACK = "rollback"
    """Born VERIFIED, skips CANARY, ignores freeze and pin."""


class State(Enum):
    BUILDING = "building"
    GATING = "gating"
    CANDIDATE = "candidate"
    STAGING = "staging"
    VERIFYING = "verifying"
    VERIFIED = "verified"
    CANARY = "canary"
    PRODUCTION = "production"
    RETREATING = "retreating"
    LIVE = "live"
    FAILED = "failed"
    ABORTED = "aborted"
    SUPERSEDED = "superseded"


FINAL = frozenset({State.LIVE, State.FAILED, State.ABORTED, State.SUPERSEDED})
IN_PRODUCTION = frozenset({State.CANARY, State.PRODUCTION})
"""A partial unique index on rollouts(service) holds "one at a time" for these."""
HAS_LANE = frozenset({State.STAGING, State.VERIFYING, State.VERIFIED}) | IN_PRODUCTION


@dataclass(frozen=True, kw_only=True)
class Skip:
    """One phase that somebody has a rollout leave out, and why: an emergency's, never silent."""

    phase: Phase
    by: str
    why: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """The journey of one commit. Errored is not a state: trouble of the platform keeps the state and sets ``retry_at``."""

    id: RolloutId
    service: ServiceName
    kind: Kind
    commit: str
    tree: str
    subject: str = ""
    """First line of the commit's message: what people know it by."""
    release: ReleaseId | None
    """None while BUILDING."""
    state: State
    share: int = 0
    """Percent of production traffic that it is to have."""
    entered: datetime
    """When this state (and share) began."""
    exposed: datetime | None = None
    """When the proxy was SEEN to give this share; bake counts from here."""
    deadline: datetime
    attempt: int = 1
    """Of the present work; trouble of the platform adds one."""
    round: int = 0
    """How often VERIFYING was entered: a voided verification is another job."""
    retry_at: datetime | None = None
    outcome: State | None = None
    """Set on entering RETREATING: which final state CLEARED leads to."""
    skips: frozenset[Phase] = frozenset()
    """Phases that it leaves out, from when that was asked on: those to come, too."""
    skipped: tuple[Skip, ...] = ()
    """Who asked for which of them. A rollback is born with skips that nobody asked for."""
    lane: LaneId
    group: str | None = None
    """Rollouts of one group share a lane and move together."""
    submitted: datetime
    by: str
    reason: Reason
    """Why it is here or what it waits for; never empty."""
    version: int = 1

    def skip_of(self, phase: Phase) -> Skip | None:
        """Who has it leave out that phase; None where nobody asked."""
        return next((skip for skip in self.skipped if skip.phase is phase), None)

    @property
    def open(self) -> bool:
        return self.state not in FINAL


class IntentVerb(StrEnum):
    """What a person asks of the controller. The API writes intents; only the tick carries them out."""

    CONFIGURE = "configure"
    SUBMIT = "submit"
    ABORT = "abort"
    ROLLBACK = "rollback"
    RESUME = "resume"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    SKIP = "skip"
    REMOVE = "remove"
    PRUNE = "prune"
    PROVE = "prove"
    EXEC = "exec"
    """Answered before anybody is let in: what is not in the journal does not happen."""
    EXEC_ENDED = "exec-ended"
    SET_SECRET = "set-secret"  # noqa: S105 - a verb
    """The value waits in the vault under the intent's id: an intent never holds it."""
    REMOVE_SECRET = "remove-secret"  # noqa: S105 - a verb


@dataclass(frozen=True, kw_only=True)
class Intent:
    """One request, answered exactly once by the tick that carries it out."""

    id: str
    verb: IntentVerb
    args: Mapping[str, str]
    by: str
    why: str
    at: datetime
    answered: datetime | None = None
    accepted: bool | None = None
    answer: str = ""
    """A sentence for the person who asked."""
    rollout: RolloutId | None = None
