"""Crossings by who tried what, counted; how far they were read; collections."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _crossings()
    op.create_table(
        "collections",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("open", sa.Boolean, nullable=False, index=True),
        sa.Column("body", sa.String, nullable=False),
    )


def _crossings() -> None:
    op.drop_index("ix_crossings_release", "crossings")
    op.rename_table("crossings", "crossings_each")
    op.create_table(
        "crossings",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("ecosystem", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("target", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("release", sa.String, nullable=True, index=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("first", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("body", sa.String, nullable=False),
        sa.UniqueConstraint("ecosystem", "owner", "target", "kind"),
    )
    op.create_table(
        "crossings_read",
        sa.Column("ecosystem", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.execute(
        "INSERT INTO crossings (ecosystem, owner, target, kind, release, count, first, at, body) "
        "WITH told AS ("
        " SELECT seq, ecosystem, release, at, body, json_extract(body, '$.crossing.target') AS target,"
        " json_extract(body, '$.crossing.kind') AS kind,"
        " coalesce(release, json_extract(body, '$.crossing.source')) AS owner FROM crossings_each"
        "), counted AS ("
        " SELECT max(seq) AS seq, count(*) AS count, min(at) AS first FROM told"
        " GROUP BY ecosystem, owner, target, kind"
        ") SELECT ecosystem, owner, target, kind, release, count, first, at, body FROM told JOIN counted USING (seq)"
    )
    op.execute("INSERT INTO crossings_read SELECT ecosystem, max(number) FROM crossings_each GROUP BY ecosystem")
    op.drop_table("crossings_each")
