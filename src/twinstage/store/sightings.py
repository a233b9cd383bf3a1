"""What was seen and must outlive the controller: crossings, breaks of the mirror, where a canary's watch began."""

from datetime import datetime

from sqlalchemy import func, or_, select

from twinstage.model.encoding import encode
from twinstage.model.facts import MirrorBreak
from twinstage.model.names import Ecosystem, ReleaseId, RolloutId
from twinstage.model.seen import Crossing
from twinstage.store import tables as t
from twinstage.store.database import Database
from twinstage.store.reading import read
from twinstage.store.rows import Attributed, Watch


class Sightings(Database):
    def crossings(
        self, *, release: ReleaseId | None = None, since: datetime | None = None, limit: int | None = None
    ) -> list[Crossing]:
        """Newest first."""
        return [a.crossing for a in self.attributed(release=release, since=since, limit=limit)]

    def attributed(
        self, *, release: ReleaseId | None = None, since: datetime | None = None, limit: int | None = None
    ) -> list[Attributed]:
        """Crossings with the release that made each. Newest first."""
        query = select(t.crossings.c.body).order_by(t.crossings.c.seq.desc()).limit(limit)
        if release is not None:
            query = query.where(t.crossings.c.release == release)
        if since is not None:
            query = query.where(t.crossings.c.at >= encode(since))
        with self.reading() as connection:
            return [read(Attributed, body) for body in connection.execute(query).scalars()]

    def last_crossings(self) -> dict[Ecosystem, int]:
        """The highest ``seq`` recorded of each ecosystem; 0 before the first."""
        query = select(t.crossings.c.ecosystem, func.max(t.crossings.c.number)).group_by(t.crossings.c.ecosystem)
        with self.reading() as connection:
            found = {Ecosystem(name): int(number) for name, number in connection.execute(query)}
        return dict.fromkeys(Ecosystem, 0) | found

    def mirror_breaks(self, *, open_only: bool = True, since: datetime | None = None) -> list[MirrorBreak]:
        """Oldest first. ``since`` leaves out those that ended before it."""
        query = select(t.mirror_breaks.c.body).order_by(t.mirror_breaks.c.seq)
        if open_only:
            query = query.where(t.mirror_breaks.c.open)
        if since is not None:
            query = query.where(or_(t.mirror_breaks.c.open, t.mirror_breaks.c.until >= encode(since)))
        with self.reading() as connection:
            return [read(MirrorBreak, body) for body in connection.execute(query).scalars()]

    def watch(self, rollout: RolloutId) -> Watch | None:
        """Where the judging of its present share began; None before that share was seen in force."""
        with self.reading() as connection:
            body = connection.execute(select(t.windows.c.body).where(t.windows.c.rollout == rollout)).scalar()
        return None if body is None else read(Watch, body)
