"""What was seen and must outlive the controller: crossings, breaks of the mirror, where a canary's watch began."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, or_, select

from twinstage.model.encoding import decode, encode
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
        """Crossings with the release that made each: one for each place that it tried, at its latest attempt (``since``:
        those tried again since), counting all. Newest first."""
        query = select(t.crossings).order_by(t.crossings.c.at.desc(), t.crossings.c.seq.desc()).limit(limit)
        if release is not None:
            query = query.where(t.crossings.c.release == release)
        if since is not None:
            query = query.where(t.crossings.c.at >= encode(since))
        with self.reading() as connection:
            return [_whole(row) for row in connection.execute(query)]

    def tried(self, owner: str) -> set[tuple[str, str]]:
        """(target, kind) of every crossing that is known of this owner; see ``Attributed.owner``."""
        query = select(t.crossings.c.target, t.crossings.c.kind).where(t.crossings.c.owner == owner)
        with self.reading() as connection:
            return {(str(row.target), str(row.kind)) for row in connection.execute(query)}

    def last_crossings(self) -> dict[Ecosystem, int]:
        """The highest ``seq`` recorded of each ecosystem; 0 before the first."""
        with self.reading() as connection:
            rows = connection.execute(select(t.crossings_read))
            found = {Ecosystem(row.ecosystem): int(row.number) for row in rows}
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


def _whole(row: Row[Any]) -> Attributed:
    latest = read(Attributed, row.body)
    return replace(
        latest, crossing=replace(latest.crossing, count=row._mapping["count"]), first=decode(datetime, row.first)
    )
