"""What the store holds beside the model's own nouns, and what one transaction may write."""

from dataclasses import dataclass
from datetime import datetime

from twinstage.model.database import Clone, DataKey, Migration
from twinstage.model.facts import MirrorBreak
from twinstage.model.holding import Collection
from twinstage.model.job import Job
from twinstage.model.names import Ecosystem, ReleaseId, RolloutId, ServiceName
from twinstage.model.release import Evidence, Release
from twinstage.model.rollout import Freeze, Intent, Rollout, ServiceState
from twinstage.model.seen import Crossing, TrafficSample


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the audit journal, before it has its number and its time."""

    who: str
    """A person's name, or ``twinstage``."""
    what: str
    """``rollout`` ``baseline`` ``pin`` ``freeze`` ``skip`` ``group`` ``intent`` ``job`` ``crossing`` ``mirror`` ``exposed``
    ``trouble`` ``ecosystem`` ``controller`` ``database`` ``schema`` ``secret`` ``visit``."""
    why: str
    """A sentence."""
    service: ServiceName | None = None
    rollout: RolloutId | None = None
    release: ReleaseId | None = None
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, kw_only=True)
class JournalRow:
    """One line of the audit journal: who, what, why, when, before, after."""

    seq: int
    at: datetime
    who: str
    what: str
    why: str
    service: ServiceName | None
    rollout: RolloutId | None
    release: ReleaseId | None
    before: str | None
    after: str | None


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Where a canary's judging began: all counters of its service when its present share was first seen in force."""

    rollout: RolloutId
    since: datetime
    first: tuple[TrafficSample, ...]


@dataclass(frozen=True, kw_only=True)
class Attributed:
    """A crossing, and the release that its source was running (None: a source that nobody knows any more)."""

    crossing: Crossing
    service: ServiceName | None
    release: ReleaseId | None
    rollout: RolloutId | None = None
    """The rollout whose job it was; None when an instance made it."""
    first: datetime | None = None
    """As read from the store: when it was first tried; the crossing is then the latest, and counts all since."""

    @property
    def owner(self) -> str:
        """Whom repeats are counted for: the release, else whatever the source was called."""
        return self.release or str(self.crossing.source)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Crossings of one kind by one release in one ecosystem."""

    ecosystem: Ecosystem
    release: ReleaseId | None
    """None: of sources that nobody knows any more."""
    kind: str
    attempts: int
    places: int
    """That are told apart."""
    together: int
    """Attempts at places that are not."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """Everything that one transaction writes: all of it, or nothing.

    ``rollouts`` and ``services`` are (before, after) pairs; before None inserts. The row must still have before's
    version, else Conflict; ``after`` is written with that version plus one.
    """

    at: datetime
    rollouts: tuple[tuple[Rollout | None, Rollout], ...] = ()
    services: tuple[tuple[ServiceState, ServiceState], ...] = ()
    releases: tuple[Release, ...] = ()
    jobs: tuple[Job, ...] = ()
    """New ones. An id that exists already is left as it is."""
    results: tuple[Job, ...] = ()
    """Recorded ones with their results."""
    ready: tuple[DataKey, ...] = ()
    """Data that is there and migrated from now on."""
    migrations: tuple[Migration, ...] = ()
    clones: tuple[Clone, ...] = ()
    """Lanes' data that is asked for."""
    dropped: tuple[Clone, ...] = ()
    """And that was seen to be dropped: nothing of it is ready any more."""
    evidence: tuple[Evidence, ...] = ()
    crossings: tuple[Attributed, ...] = ()
    read: tuple[tuple[Ecosystem, int], ...] = ()
    """How far each ecosystem's record of crossings was read, where the last ones are not kept: the probe made them."""
    breaks: tuple[MirrorBreak, ...] = ()
    """until None: begins (one open break a service). Otherwise: the open one of that service ends then."""
    retold: tuple[MirrorBreak, ...] = ()
    """Open ones that go on with another detail."""
    watches: tuple[Watch, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    """To stand from now on, each in place of one of the same service."""
    thaws: tuple[Freeze, ...] = ()
    """Over."""
    collection: Collection | None = None
    """Begins, or where it is done ends, the one collection that may be open."""
    intent: Intent | None = None
    """Answered by this transaction."""
    journal: tuple[Entry, ...] = ()

    @property
    def empty(self) -> bool:
        parts = (self.rollouts, self.services, self.releases, self.jobs, self.results, self.evidence, self.crossings)
        more = (self.breaks, self.watches, self.freezes, self.thaws, self.collection, self.intent, self.journal)
        data = (self.retold, self.read, self.ready, self.migrations, self.clones, self.dropped)
        return not any((*parts, *more, *data))
