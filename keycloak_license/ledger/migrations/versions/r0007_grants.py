"""Who gave what began a seat event, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add three columns, of what happened before nobody knows, and indexes to find people by."""
    op.add_column("seat_events", sa.Column("granted_at", sa.DateTime(timezone=True)))
    op.add_column("seat_events", sa.Column("granted_by_id", sa.Text))
    op.add_column("seat_events", sa.Column("granted_by", sa.Text))
    for name in ("user_id", "granted_by_id"):
        op.create_index(f"ix_seat_events_realm_{name}", "seat_events", ["realm", name])
