"""Databases: what is ready, what migrations changed, which lanes have clones."""

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from twinstage.jobs.databases import key_of
from twinstage.model.database import Clone, DataKey, Migration
from twinstage.model.encoding import dumps, encode
from twinstage.model.job import Job, JobKind
from twinstage.model.names import Ecosystem, ReleaseId, ServiceName
from twinstage.store import tables as t
from twinstage.store.database import Database
from twinstage.store.reading import read
from twinstage.store.rows import Change


class Data(Database):
    def ready(self) -> frozenset[DataKey]:
        """All data that is there and migrated, for which releases."""
        with self.reading() as connection:
            return frozenset(
                DataKey(
                    ecosystem=Ecosystem(row.ecosystem),
                    service=ServiceName(row.service),
                    data=row.data,
                    release=ReleaseId(row.release),
                )
                for row in connection.execute(select(t.ready))
            )

    def data_jobs(self, key: DataKey) -> list[Job]:
        """Jobs on that data for that release, of whatever rollout; oldest first."""
        query = select(t.jobs.c.body).where(t.jobs.c.about == about(key)).order_by(t.jobs.c.seq)
        with self.reading() as connection:
            return [read(Job, body) for body in connection.execute(query).scalars()]

    def lone_jobs(self, service: ServiceName, limit: int = 20) -> list[Job]:
        """The latest jobs on a service's data that no rollout waits for; newest first."""
        mine = [t.jobs.c.about.startswith(f"{eco.value}/{service}/", autoescape=True) for eco in Ecosystem]
        query = select(t.jobs.c.body).where(t.jobs.c.rollout.is_(None), mine[0] | mine[1])
        with self.reading() as connection:
            rows = connection.execute(query.order_by(t.jobs.c.seq.desc()).limit(limit)).scalars()
            return [read(Job, body) for body in rows]

    def probe(self, ecosystem: Ecosystem, *, ended: bool = False) -> Job | None:
        """The latest probe of the ecosystem's boundary (``ended``: the latest that is over); None before the first."""
        query = select(t.jobs.c.body).where(t.jobs.c.about == _probe(ecosystem.value))
        if ended:
            query = query.where(t.jobs.c.finished)
        with self.reading() as connection:
            body = connection.execute(query.order_by(t.jobs.c.seq.desc()).limit(1)).scalar()
        return None if body is None else read(Job, body)

    def migrations(self, service: ServiceName) -> list[Migration]:
        """Of all its data, oldest first."""
        query = select(t.migrations.c.body).where(t.migrations.c.service == service).order_by(t.migrations.c.seq)
        with self.reading() as connection:
            return [read(Migration, body) for body in connection.execute(query).scalars()]

    def clones(self) -> list[Clone]:
        """Lanes' data that was asked for and not yet seen to be dropped."""
        with self.reading() as connection:
            query = select(t.clones.c.body).order_by(t.clones.c.service, t.clones.c.lane)
            return [read(Clone, body) for body in connection.execute(query).scalars()]


def about(key: DataKey | None) -> str | None:
    """How the jobs' table finds it."""
    return None if key is None else f"{key.ecosystem.value}/{key.service}/{key.data}/{key.release}"


def about_job(job: Job) -> str | None:
    """How the jobs' table finds a job that is about data, or about an ecosystem's boundary."""
    return _probe(job.place.value) if job.kind is JobKind.PROBE else about(key_of(job))


def _probe(ecosystem: str) -> str:
    return f"probe/{ecosystem}"


def write(connection: Connection, change: Change) -> None:
    """The part of a change that is about databases."""
    for key in change.ready:
        connection.execute(insert(t.ready).prefix_with("OR IGNORE").values(**encode(key), at=encode(change.at)))
    for item in change.migrations:
        row = {"service": item.key.service, "job": item.job, "body": dumps(item)}
        connection.execute(insert(t.migrations).prefix_with("OR IGNORE").values(row))
    for clone in change.clones:
        made = upsert(t.clones).values(service=clone.service, lane=clone.lane, body=dumps(clone))
        names = ["service", "lane"]
        connection.execute(made.on_conflict_do_update(index_elements=names, set_={"body": dumps(clone)}))
    for clone in change.dropped:
        here = (t.clones.c.service == clone.service) & (t.clones.c.lane == clone.lane)
        connection.execute(delete(t.clones).where(here))
        there = (t.ready.c.service == clone.service) & (t.ready.c.data == clone.lane)
        connection.execute(delete(t.ready).where(there))
