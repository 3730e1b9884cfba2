"""Who is at the screen, and what people did there."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add three tables."""
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "login_attempts",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("nonce", sa.Text, nullable=False),
        sa.Column("verifier", sa.Text, nullable=False),
        sa.Column("return_to", sa.Text, nullable=False),
        sa.Column("begun_at", instant, nullable=False),
        sa.Index("ix_login_attempts_realm_begun_at_key", "realm", "begun_at", "key"),
    )
    op.create_table(
        "screen_sessions",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("sid", sa.Text, nullable=False),
        sa.Column("id_token", sa.Text, nullable=False),
        sa.Column("csrf_token", sa.Text, nullable=False),
        sa.Column("begun_at", instant, nullable=False),
        sa.Column("seen_at", instant, nullable=False),
        sa.Column("checked_at", instant, nullable=False),
    )
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("at", instant, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("problem", sa.Text),
        sa.Index("ix_audit_entries_realm_id", "realm", "id"),
    )
