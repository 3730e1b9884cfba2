"""Who gave what began a seat event, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add three columns; of what happened before nobody knows."""
    op.add_column("seat_events", sa.Column("granted_at", sa.DateTime(timezone=True)))
    op.add_column("seat_events", sa.Column("granted_by_id", sa.Text))
    op.add_column("seat_events", sa.Column("granted_by", sa.Text))
