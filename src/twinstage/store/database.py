"""The SQLite file: opened, private to its owner, at the present schema, with the two kinds of transaction."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event, insert, select, update
from sqlalchemy.exc import DBAPIError

from twinstage.model.encoding import encode
from twinstage.store import tables as t
from twinstage.store.schema import bring_up
from twinstage.store.trouble import DamagedStore, StaleEpoch, StoreTrouble


class Database:
    """What every part of the store is built on: ``reading()``, ``writing()`` and the epoch."""

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path
        self.epoch: int | None = None
        """Of the controller that took the store through this object; None: reads and intents only."""
        self.generation = 0
        """+1 each committed decision."""
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
        self._engine = create_engine(URL.create("sqlite", database=str(path)), pool_size=16, max_overflow=48)
        synchronous = "FULL" if durable else "OFF"

        @event.listens_for(self._engine, "connect")
        def _connected(connection: sqlite3.Connection, _record: Any) -> None:
            # The driver's own transactions would commit before DDL and leave half of a failed migration behind.
            connection.isolation_level = None
            for pragma in ("busy_timeout=10000", "journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(self._engine, "begin")
        def _begun(connection: Connection) -> None:
            # IMMEDIATE: a write transaction never finds at its end that somebody else wrote since its first read.
            immediate = connection.get_execution_options().get("immediate", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

        try:
            with self._immediate() as connection:
                bring_up(connection, path)
        except DBAPIError as error:
            raise _unopened(path, error) from error

    def close(self) -> None:
        """Give back the file. A store is not used afterwards."""
        self._engine.dispose()

    def take(self, at: datetime, after: int = 0) -> int:
        """Become the one controller. Returns the new epoch; every older holder's writes are refused from now on.

        ``after``: the highest epoch that is known of elsewhere, so that a store from a copy does not stay behind it.
        """
        with self._immediate() as connection:
            row = connection.execute(select(t.standing)).one()
            self.epoch, self.generation = max(row.epoch, after) + 1, row.generation
            connection.execute(update(t.standing).values(epoch=self.epoch))
            why = f"a controller took the store with epoch {self.epoch}"
            line = {"at": encode(at), "who": "twinstage", "what": "controller", "why": why, "after": str(self.epoch)}
            connection.execute(insert(t.journal).values(line))
        return self.epoch

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent look."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction of the controller's; counts a generation. Raises StaleEpoch once somebody newer took it."""
        with self._immediate() as connection:
            row = connection.execute(select(t.standing)).one()
            if row.epoch != self.epoch:
                mine = "none" if self.epoch is None else str(self.epoch)
                raise StaleEpoch(f"cannot write {self.path}: epoch {row.epoch} has it, this controller's is {mine}")
            connection.execute(update(t.standing).values(generation=row.generation + 1))
            yield connection
        self.generation = row.generation + 1

    @contextmanager
    def _immediate(self) -> Iterator[Connection]:
        with self._engine.connect() as plain:
            connection = plain.execution_options(immediate=True)
            with connection.begin():
                yield connection


def _unopened(path: Path, error: DBAPIError) -> StoreTrouble:
    """What the machine refuses passes (a full disk, a lock); what is not a database any more does not."""
    if isinstance(error.orig, sqlite3.OperationalError):
        return StoreTrouble(f"cannot open {path}: {error.orig}; is there room on its disk, and is it this account's?")
    return DamagedStore(
        f"cannot open {path}: {error.orig}. Take the company down and put a copy of it back (without its -wal and -shm); without "
        f"a copy move {path.parent.parent}/ away: then `twinstage up` begins anew"
    )
