"""Freezes."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "freezes",
        sa.Column("scope", sa.String, primary_key=True),
        sa.Column("body", sa.String, nullable=False),
    )
