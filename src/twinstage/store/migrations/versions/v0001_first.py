"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _decisions()
    _work()
    _sightings()
    _journal()
    op.execute("INSERT INTO standing (id, epoch, generation) VALUES (1, 0, 0)")


def _decisions() -> None:
    op.create_table(
        "standing",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
    )
    op.create_table(
        "ecosystem", sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.String, nullable=False)
    )
    op.create_table(
        "services",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", sa.String, nullable=False),
    )
    op.create_table(
        "offsets",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("service", sa.String, nullable=False, unique=True),
    )
    op.create_table(
        "releases",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("body", sa.String, nullable=False),
    )
    op.create_table(
        "rollouts",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("service", sa.String, nullable=False, index=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False, index=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", sa.String, nullable=False),
    )
    # The database itself holds "one at a time": two rollouts of a service never share its production traffic.
    op.execute("CREATE UNIQUE INDEX one_in_production ON rollouts (service) WHERE state IN ('canary', 'production')")


def _work() -> None:
    op.create_table(
        "evidence",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("commit_id", sa.String, nullable=False, index=True),
        sa.Column("gate", sa.String, nullable=False),
        sa.Column("body", sa.String, nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("rollout", sa.String, nullable=False, index=True),
        sa.Column("finished", sa.Boolean, nullable=False, index=True),
        sa.Column("body", sa.String, nullable=False),
    )
    op.create_table(
        "intents",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("pending", sa.Boolean, nullable=False, index=True),
        sa.Column("body", sa.String, nullable=False),
    )


def _sightings() -> None:
    op.create_table(
        "crossings",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("ecosystem", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("release", sa.String, nullable=True, index=True),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("body", sa.String, nullable=False),
        sa.UniqueConstraint("ecosystem", "number"),
    )
    op.create_table(
        "mirror_breaks",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False, index=True),
        sa.Column("until", sa.String, nullable=True, index=True),
        sa.Column("body", sa.String, nullable=False),
    )
    op.execute("CREATE UNIQUE INDEX one_open_break ON mirror_breaks (service) WHERE open")
    op.create_table(
        "windows",
        sa.Column("rollout", sa.String, primary_key=True),
        sa.Column("body", sa.String, nullable=False),
    )


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("what", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("service", sa.String, nullable=True, index=True),
        sa.Column("rollout", sa.String, nullable=True, index=True),
        sa.Column("release", sa.String, nullable=True),
        sa.Column("before", sa.String, nullable=True),
        sa.Column("after", sa.String, nullable=True),
    )
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER journal_refuses_{verb.lower()} BEFORE {verb} ON journal "
            f"BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        )
