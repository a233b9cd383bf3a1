"""The tables as queries see them. migrations/ makes them; a test compares the two.

A row is a few columns to find it by and ``body``: the frozen dataclass as JSON (model/encoding.py). So a decision
that is read back is exactly the one that was written, and the columns are only ever derived from it.
"""

from sqlalchemy import Boolean, Column, Integer, MetaData, String, Table, UniqueConstraint

metadata = MetaData()

standing = Table(
    "standing",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
)

ecosystem = Table(
    "ecosystem", metadata, Column("id", Integer, primary_key=True), Column("body", String, nullable=False)
)

services = Table(
    "services",
    metadata,
    Column("name", String, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("body", String, nullable=False),
)

offsets = Table(
    "offsets",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("service", String, nullable=False, unique=True),
)
"""A service has one offset: its four ports are that far into their ranges. Rows stay: ports are not reused."""

freezes = Table("freezes", metadata, Column("scope", String, primary_key=True), Column("body", String, nullable=False))
"""Those that stand, at most one a scope: a service's name, or the empty text for all. The journal has those that ended."""

releases = Table(
    "releases",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("service", String, nullable=False),
    Column("body", String, nullable=False),
)

rollouts = Table(
    "rollouts",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("service", String, nullable=False, index=True),
    Column("state", String, nullable=False),
    Column("open", Boolean, nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("body", String, nullable=False),
)

evidence = Table(
    "evidence",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("service", String, nullable=False),
    Column("commit_id", String, nullable=False, index=True),
    Column("gate", String, nullable=False),
    Column("body", String, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("rollout", String, nullable=True, index=True),
    Column("about", String, nullable=True, index=True),
    Column("finished", Boolean, nullable=False, index=True),
    Column("body", String, nullable=False),
)
"""``about``: which data a job on databases works on and for which release, ``staging/orders/main/r_0a1b2c3d4e5f``."""

ready = Table(
    "ready",
    metadata,
    Column("ecosystem", String, primary_key=True),
    Column("service", String, primary_key=True),
    Column("data", String, primary_key=True),
    Column("release", String, primary_key=True),
    Column("at", String, nullable=False),
)
"""Data that is there and migrated, for which release."""

migrations = Table(
    "migrations",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("service", String, nullable=False, index=True),
    Column("job", String, nullable=False, unique=True),
    Column("body", String, nullable=False),
)
"""What each migration changed."""

clones = Table(
    "clones",
    metadata,
    Column("service", String, primary_key=True),
    Column("lane", String, primary_key=True),
    Column("body", String, nullable=False),
)
"""Lanes' data that was asked for and not yet seen to be dropped."""

intents = Table(
    "intents",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("pending", Boolean, nullable=False, index=True),
    Column("body", String, nullable=False),
)

crossings = Table(
    "crossings",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("ecosystem", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("target", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("release", String, nullable=True, index=True),
    Column("count", Integer, nullable=False),
    Column("first", String, nullable=False),
    Column("at", String, nullable=False),
    Column("body", String, nullable=False),
    UniqueConstraint("ecosystem", "owner", "target", "kind"),
)
"""One row for whoever tries to reach one place, however often: ``at`` and ``body`` are of the latest attempt."""

crossings_read = Table(
    "crossings_read",
    metadata,
    Column("ecosystem", String, primary_key=True),
    Column("number", Integer, nullable=False),
)
"""How far each ecosystem's record of crossings was read."""

collections = Table(
    "collections",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("open", Boolean, nullable=False, index=True),
    Column("body", String, nullable=False),
)
"""What was decided to go; ``open``: not all of it has gone yet."""

mirror_breaks = Table(
    "mirror_breaks",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("service", String, nullable=False),
    Column("open", Boolean, nullable=False, index=True),
    Column("until", String, nullable=True, index=True),
    Column("body", String, nullable=False),
)

windows = Table(
    "windows",
    metadata,
    Column("rollout", String, primary_key=True),
    Column("body", String, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("who", String, nullable=False),
    Column("what", String, nullable=False),
    Column("why", String, nullable=False),
    Column("service", String, nullable=True, index=True),
    Column("rollout", String, nullable=True, index=True),
    Column("release", String, nullable=True),
    Column("before", String, nullable=True),
    Column("after", String, nullable=True),
)
"""Append-only: triggers refuse UPDATE and DELETE."""
