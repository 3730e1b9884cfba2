"""Who is at work on a realm, what is held or fails there, and where a user's account comes from."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add three tables, and a column that claims fill in as they change."""
    instant = sa.DateTime(timezone=True)
    op.add_column("claims", sa.Column("provider_id", sa.Text))
    op.create_table(
        "held_releases",
        sa.Column("realm", sa.Text, primary_key=True),
        sa.Column("application", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since", instant, nullable=False),
    )
    op.create_table(
        "sync_failures",
        sa.Column("realm", sa.Text, primary_key=True),
        sa.Column("since", instant, nullable=False),
        sa.Column("at", instant, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("realm", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("renewed_at", instant),
        sa.Column("expires_at", instant),
    )
