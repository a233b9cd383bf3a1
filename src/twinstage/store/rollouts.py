"""Rollouts, releases and the evidence for commits, as they are read."""

from functools import cached_property

from sqlalchemy import select

from twinstage.model.names import ReleaseId, ServiceName
from twinstage.model.release import Evidence, Release
from twinstage.model.rollout import Rollout
from twinstage.store import tables as t
from twinstage.store.database import Database
from twinstage.store.reading import read
from twinstage.store.trouble import Unknown


class Rollouts(Database):
    @cached_property
    def _known(self) -> dict[ReleaseId, Release]:
        return {}

    def rollouts(
        self, *, service: ServiceName | None = None, open_only: bool = False, limit: int | None = None
    ) -> list[Rollout]:
        """Newest first."""
        query = select(t.rollouts.c.body).order_by(t.rollouts.c.seq.desc()).limit(limit)
        if service is not None:
            query = query.where(t.rollouts.c.service == service)
        if open_only:
            query = query.where(t.rollouts.c.open)
        with self.reading() as connection:
            return [read(Rollout, body) for body in connection.execute(query).scalars()]

    def rollout(self, name: str) -> Rollout:
        """By its id or the beginning of one that only it has. Raises Unknown in words."""
        query = select(t.rollouts.c.id, t.rollouts.c.body).where(t.rollouts.c.id.startswith(name, autoescape=True))
        with self.reading() as connection:
            found = connection.execute(query.order_by(t.rollouts.c.seq).limit(9)).all()
        exact = [row for row in found if row.id == name] or found
        if not name or not exact:
            raise Unknown(f"cannot find rollout {name}: there is none of that name; `twinstage status` lists them")
        if len(exact) > 1:
            names = ", ".join(row.id for row in exact)
            raise Unknown(f"cannot tell which rollout {name} is: {names}; give more of its name")
        return read(Rollout, exact[0].body)

    def releases(self) -> dict[ReleaseId, Release]:
        """All of them. They are immutable, so each row is read once in the life of this object."""
        known = self._known
        with self.reading() as connection:
            query = select(t.releases.c.id, t.releases.c.body).where(t.releases.c.seq > len(known))
            for row in connection.execute(query):
                known[ReleaseId(row.id)] = read(Release, row.body)
        return dict(known)

    def release(self, release: ReleaseId) -> Release:
        """Raises Unknown in words."""
        with self.reading() as connection:
            body = connection.execute(select(t.releases.c.body).where(t.releases.c.id == release)).scalar()
        if body is None:
            raise Unknown(f"cannot find release {release}: there is none of that name")
        return read(Release, body)

    def evidence(self, service: ServiceName, commit: str) -> list[Evidence]:
        """The latest of each gate, in the order in which gates first had a result."""
        query = select(t.evidence.c.body).where(t.evidence.c.service == service, t.evidence.c.commit_id == commit)
        with self.reading() as connection:
            every = [read(Evidence, b) for b in connection.execute(query.order_by(t.evidence.c.seq)).scalars()]
        return list({e.gate: e for e in every}.values())
