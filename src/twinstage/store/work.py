"""Jobs, intents and collections: what is to be done and what was asked."""

from sqlalchemy import insert, select

from twinstage.model.encoding import dumps
from twinstage.model.holding import Collection
from twinstage.model.job import Job
from twinstage.model.names import JobId, RolloutId
from twinstage.model.rollout import Intent
from twinstage.store import tables as t
from twinstage.store.database import Database
from twinstage.store.reading import read
from twinstage.store.trouble import Unknown


class Work(Database):
    def jobs(self, *, rollout: RolloutId | None = None, unfinished: bool = False) -> list[Job]:
        """Oldest first, with their results as far as recorded."""
        query = select(t.jobs.c.body).order_by(t.jobs.c.seq)
        if rollout is not None:
            query = query.where(t.jobs.c.rollout == rollout)
        if unfinished:
            query = query.where(~t.jobs.c.finished)
        with self.reading() as connection:
            return [read(Job, body) for body in connection.execute(query).scalars()]

    def job(self, job: JobId) -> Job:
        """Raises Unknown in words."""
        with self.reading() as connection:
            body = connection.execute(select(t.jobs.c.body).where(t.jobs.c.id == job)).scalar()
        if body is None:
            raise Unknown(f"cannot find job {job}: there is none of that name")
        return read(Job, body)

    def collection(self, *, open_only: bool = True) -> Collection | None:
        """The one that is being carried out; or else, where asked for, the latest."""
        query = select(t.collections.c.body).order_by(t.collections.c.seq.desc()).limit(1)
        if open_only:
            query = query.where(t.collections.c.open)
        with self.reading() as connection:
            body = connection.execute(query).scalar()
        return None if body is None else read(Collection, body)

    def add_intent(self, intent: Intent) -> None:
        """Ask the controller. Anybody may, in any thread, with or without an epoch; the same id twice is once."""
        values = {"id": intent.id, "pending": intent.answered is None, "body": dumps(intent)}
        with self._immediate() as connection:
            connection.execute(insert(t.intents).prefix_with("OR IGNORE").values(values))

    def intents(self, *, pending: bool = True) -> list[Intent]:
        """Oldest first: those not yet answered, or with ``pending=False`` all."""
        query = select(t.intents.c.body).order_by(t.intents.c.seq)
        if pending:
            query = query.where(t.intents.c.pending)
        with self.reading() as connection:
            return [read(Intent, body) for body in connection.execute(query).scalars()]

    def intent(self, intent: str) -> Intent:
        """Raises Unknown in words."""
        with self.reading() as connection:
            body = connection.execute(select(t.intents.c.body).where(t.intents.c.id == intent)).scalar()
        if body is None:
            raise Unknown(f"cannot find intent {intent}: there is none of that name")
        return read(Intent, body)
