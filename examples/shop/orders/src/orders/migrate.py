"""Brings the database to what this release needs: ``python -m orders.migrate``.

Each file of ``migrations/`` is applied once, in the order of the names, in a transaction of its own
that also notes it. What a later release has applied is left as it is.
"""

import hashlib
import os
import sys
from importlib.resources import files

import psycopg

LOCK = 20_260_112  # whoever comes second waits for the first, and finds the work done
NOTES = """
    CREATE TABLE IF NOT EXISTS migrations (
        name text PRIMARY KEY,
        digest text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""


class Changed(Exception):
    """A migration's text is not the one that was applied."""


def scripts():
    """``(name, SQL)`` of each, in order."""
    found = {file.name: file for file in (files("orders") / "migrations").iterdir()}
    names = sorted(name for name in found if name.endswith(".sql"))
    return [(name, found[name].read_text("utf-8")) for name in names]


def migrate(connection, wanted):
    """Applies those that are lacking; gives their names. ``connection`` is in autocommit."""
    applied = []
    for name, script in wanted:
        digest = hashlib.sha256(script.encode()).hexdigest()
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            connection.execute(NOTES)
            row = connection.execute("SELECT digest FROM migrations WHERE name = %s", [name])
            if noted := row.fetchone():
                if noted[0] != digest:
                    raise Changed(f"{name} is not what was applied: write another one instead")
                continue
            connection.execute(script)
            connection.execute("INSERT INTO migrations VALUES (%s, %s)", [name, digest])
        applied.append(name)
    return applied


def main():
    try:
        with psycopg.connect(os.environ["ORDERS_DATABASE_URL"], autocommit=True) as connection:
            applied = migrate(connection, scripts())
    except (psycopg.Error, Changed) as error:
        sys.exit(f"cannot migrate orders: {error}")
    print("applied " + ", ".join(applied) if applied else "nothing to apply")


if __name__ == "__main__":
    main()
