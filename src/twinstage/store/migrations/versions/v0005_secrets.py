"""Services have secrets: names, versions, who set them and when.

No table changes: they stand in a service's row. It is a revision all the same, so that an older Twinstage, which would write
such a row back without them, refuses the store instead.
"""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Rows without secrets are read as services that have none."""
