"""Who is told, what they have been told, and what is on its way to them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add two tables, and columns that the next sync fills in."""
    instant = sa.DateTime(timezone=True)
    op.add_column("realms", sa.Column("addressees", sa.JSON))
    op.add_column("realms", sa.Column("locale", sa.Text))
    op.create_table(
        "notice_marks",
        sa.Column("realm", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("since", instant, nullable=False),
        sa.Column("told_at", instant),
        sa.Column("has_news", sa.Boolean, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("notice", sa.JSON, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", instant, index=True),
        sa.Column("claimed_until", instant),
        sa.Column("delivered_at", instant),
        sa.Column("given_up_at", instant),
        sa.Column("problem", sa.Text),
    )
