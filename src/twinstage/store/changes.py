"""The one way to write a decision."""

from sqlalchemy.exc import IntegrityError

from twinstage.store.database import Database
from twinstage.store.rows import Change
from twinstage.store.trouble import Conflict
from twinstage.store.writing import write


class Changes(Database):
    def commit(self, change: Change) -> None:
        """Write all of it or nothing. An empty change writes nothing and counts no generation.

        Raises StaleEpoch when somebody newer took the store, Conflict when a row was changed since it was read or a
        second rollout of a service would enter canary or production.
        """
        if change.empty:
            return
        try:
            with self.writing() as connection:
                write(connection, change)
        except IntegrityError as trouble:
            raise Conflict(f"cannot save to {self.path}: {trouble.orig}; read again and decide again") from trouble
