"""Brings a store's file to the present schema, inside the caller's one transaction."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from twinstage.store.trouble import NewerStore

HEAD = "0005"
"""The newest revision in migrations/versions. Stated here so that opening a good store does not load Alembic."""

MIGRATIONS = Path(__file__).parent / "migrations"


def bring_up(connection: Connection, path: Path) -> None:
    """Nothing to do at HEAD. Raises NewerStore for a revision that this version does not know."""
    present = _revision(connection)
    if present == HEAD:
        return
    # Imported late: a second of start-up that only a new or an old file pays.
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(MIGRATIONS))
    if present is not None and present not in {s.revision for s in scripts.walk_revisions()}:
        raise NewerStore(
            f"cannot open {path}: it was written by a newer Twinstage (schema {present}, this one knows up to {HEAD}); "
            "start the newer version again, or upgrade this one"
        )
    context = MigrationContext.configure(connection, opts={"fn": lambda rev, _ctx: scripts._upgrade_revs(HEAD, rev)})
    with Operations.context(context):
        context.run_migrations()


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)
