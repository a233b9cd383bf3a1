"""Databases: jobs that no rollout waits for, what is ready, what migrations changed, lanes' clones."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _jobs()
    names = ("ecosystem", "service", "data", "release")
    op.create_table(
        "ready",
        *(sa.Column(name, sa.String, primary_key=True) for name in names),
        sa.Column("at", sa.String, nullable=False),
    )
    op.create_table(
        "migrations",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("service", sa.String, nullable=False, index=True),
        sa.Column("job", sa.String, nullable=False, unique=True),
        sa.Column("body", sa.String, nullable=False),
    )
    op.create_table(
        "clones",
        sa.Column("service", sa.String, primary_key=True),
        sa.Column("lane", sa.String, primary_key=True),
        sa.Column("body", sa.String, nullable=False),
    )


def _jobs() -> None:
    """SQLite cannot make a column nullable: the table is made anew."""
    for index in ("rollout", "finished"):
        op.drop_index(f"ix_jobs_{index}", "jobs")
    op.rename_table("jobs", "jobs_of_rollouts")
    op.create_table(
        "jobs",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("rollout", sa.String, nullable=True, index=True),
        sa.Column("about", sa.String, nullable=True, index=True),
        sa.Column("finished", sa.Boolean, nullable=False, index=True),
        sa.Column("body", sa.String, nullable=False),
    )
    op.execute(
        "INSERT INTO jobs (seq, id, rollout, finished, body) SELECT seq, id, rollout, finished, body FROM jobs_of_rollouts"
    )
    op.drop_table("jobs_of_rollouts")
