"""What was seen and must outlive the controller: crossings, breaks of the mirror, where a canary's watch began."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, func, or_, select

from twinstage.model.encoding import decode, encode
from twinstage.model.facts import MirrorBreak
from twinstage.model.names import Ecosystem, ReleaseId, RolloutId
from twinstage.model.seen import OTHER_ECOSYSTEM, Crossing
from twinstage.store import tables as t
from twinstage.store.database import Database
from twinstage.store.reading import read
from twinstage.store.rows import Attributed, Tally, Watch


class Sightings(Database):
    def crossings(self, *, limit: int | None = None) -> list[Crossing]:
        """Newest first."""
        return [a.crossing for a in self.attributed(limit=limit)]

    def crossings_of(self, release: ReleaseId, since: datetime, limit: int) -> list[Crossing]:
        """Of one release: those towards the other ecosystem first, which many others must not hide, then newest first."""
        query = (
            select(t.crossings)
            .where(t.crossings.c.release == release, t.crossings.c.at >= encode(since))
            .order_by(t.crossings.c.kind != OTHER_ECOSYSTEM, t.crossings.c.at.desc(), t.crossings.c.seq.desc())
            .limit(limit)
        )
        with self.reading() as connection:
            return [_whole(row).crossing for row in connection.execute(query)]

    def attributed(self, *, since: datetime | None = None, limit: int | None = None) -> list[Attributed]:
        """Crossings with the release that made each: one for each place that it tried, at its latest attempt (``since``:
        those tried again since), counting all. Newest first."""
        query = select(t.crossings).order_by(t.crossings.c.at.desc(), t.crossings.c.seq.desc()).limit(limit)
        if since is not None:
            query = query.where(t.crossings.c.at >= encode(since))
        with self.reading() as connection:
            return [_whole(row) for row in connection.execute(query)]

    def attributed_to(self, releases: Collection[ReleaseId], limit: int) -> list[Attributed]:
        """As `attributed`, of any of these releases."""
        latest = (t.crossings.c.at.desc(), t.crossings.c.seq.desc())
        query = select(t.crossings).where(t.crossings.c.release.in_(releases)).order_by(*latest).limit(limit)
        with self.reading() as connection:
            return [_whole(row) for row in connection.execute(query)]

    def tallies(self, together: Collection[str]) -> list[Tally]:
        """All crossings, counted by ecosystem, release and kind. ``together``: targets that stand for many."""
        many = case((t.crossings.c.target.in_(together), t.crossings.c.count), else_=0)
        which = (t.crossings.c.ecosystem, t.crossings.c.release, t.crossings.c.kind)
        query = select(*which, func.sum(t.crossings.c.count), func.count(), func.sum(many)).group_by(*which)
        with self.reading() as connection:
            return [
                Tally(
                    ecosystem=Ecosystem(eco), release=release, kind=kind, attempts=tried, places=places, together=more
                )
                for eco, release, kind, tried, places, more in connection.execute(query)
            ]

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
