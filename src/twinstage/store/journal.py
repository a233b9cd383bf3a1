"""The audit journal: who, what, why, when, before, after. Rows are written by commit() and never change."""

from sqlalchemy import select

from twinstage.model.encoding import decode
from twinstage.model.names import RolloutId, ServiceName
from twinstage.store import tables as t
from twinstage.store.database import Database
from twinstage.store.rows import JournalRow


class Journal(Database):
    def journal(
        self,
        *,
        after: int = 0,
        service: ServiceName | None = None,
        rollout: RolloutId | None = None,
        what: str | None = None,
        limit: int = 500,
        tail: bool = False,
    ) -> list[JournalRow]:
        """Rows with ``seq`` > after, ascending, at most ``limit``: the first ones, or with ``tail`` the last ones."""
        query = select(t.journal).where(t.journal.c.seq > after).limit(limit)
        if service is not None:
            query = query.where(t.journal.c.service == service)
        if rollout is not None:
            query = query.where(t.journal.c.rollout == rollout)
        if what is not None:
            query = query.where(t.journal.c.what == what)
        query = query.order_by(t.journal.c.seq.desc() if tail else t.journal.c.seq)
        with self.reading() as connection:
            rows = [decode(JournalRow, dict(row._mapping)) for row in connection.execute(query)]
        return rows[::-1] if tail else rows
