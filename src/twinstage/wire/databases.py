"""A service's databases, and what releases did to them."""

from datetime import datetime

from twinstage.wire.document import Document


class Migration(Document):
    """A release's command ran on one database. What it changed is measured: digests of the catalogue."""

    ecosystem: str
    data: str
    """``main``, or the lane whose clone it was."""
    database: str
    release: str
    rollout: str | None
    """None: no rollout waited for it; staging's own follow what production runs."""
    job: str
    at: datetime
    changed: bool
    """Did it change the schema?"""
    before: str
    after: str


class Database(Document):
    """One of a service's databases in one ecosystem."""

    name: str
    ecosystem: str
    ready: bool
    """Is it where production's release needs it?"""
    detail: str = ""
    """Why it is not."""
    migrated: Migration | None
    """The latest migration."""
    changed: Migration | None
    """The latest that changed its schema."""
