"""Is the file what was written? The database's own check, the journal's numbers, its guards, and every row as a noun."""

from collections.abc import Iterator

from sqlalchemy import Connection, Table, func, select, text

from twinstage.model.database import Clone, Migration
from twinstage.model.encoding import loads
from twinstage.model.holding import Collection
from twinstage.model.job import Job
from twinstage.model.policy import EcosystemFile
from twinstage.model.release import Evidence, Release
from twinstage.model.rollout import Intent, Rollout, ServiceState
from twinstage.store import tables as t
from twinstage.store.database import Database

_NOUNS: tuple[tuple[Table, type], ...] = (
    (t.ecosystem, EcosystemFile),
    (t.services, ServiceState),
    (t.releases, Release),
    (t.rollouts, Rollout),
    (t.evidence, Evidence),
    (t.jobs, Job),
    (t.migrations, Migration),
    (t.clones, Clone),
    (t.intents, Intent),
    (t.collections, Collection),
)
_GUARDS = frozenset({"journal_refuses_update", "journal_refuses_delete"})


class Integrity(Database):
    def integrity(self) -> list[str]:
        """What is wrong with the file, as half sentences; empty when nothing is. Reads all of it."""
        with self.reading() as connection:
            return [*_file(connection), *_journal(connection), *_rows(connection)]


def _file(connection: Connection) -> Iterator[str]:
    for row in connection.execute(text("PRAGMA integrity_check")):
        if row[0] != "ok":
            yield f"the database says: {row[0]}"
    for row in connection.execute(text("PRAGMA foreign_key_check")):
        yield f"a row of {row[0]} leads to nothing"


def _journal(connection: Connection) -> Iterator[str]:
    count, first, last = connection.execute(
        select(func.count(), func.min(t.journal.c.seq), func.max(t.journal.c.seq)).select_from(t.journal)
    ).one()
    if count and (first != 1 or last != count):
        yield f"the journal has {count} lines with numbers from {first} to {last}: some were taken out"
    there = {
        str(name)
        for name in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars()
    }
    if missing := sorted(_GUARDS - there):
        yield f"the journal is not guarded against changes any more: {', '.join(missing)} is missing"


def _rows(connection: Connection) -> Iterator[str]:
    for table, kind in _NOUNS:
        broken = 0
        for body in connection.execute(select(table.c.body)).scalars():
            try:
                loads(kind, body)
            except (ValueError, TypeError, KeyError):
                broken += 1
        if broken:
            yield f"{broken} rows of {table.name} cannot be read as what they should be"
