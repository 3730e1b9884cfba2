"""Realms, claims, licences and seat events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first four tables."""
    instant = sa.DateTime(timezone=True)
    counted = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "realms",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("realm_id", sa.Text, nullable=False),
        sa.Column("installation_id", sa.Text, nullable=False),
        sa.Column("synced_at", instant, nullable=False),
        sa.Column("is_complete", sa.Boolean, nullable=False),
        sa.Column("warnings", sa.JSON, nullable=False),
    )
    op.create_table(
        "claims",
        sa.Column("realm", sa.Text, primary_key=True),
        sa.Column("application", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("email", sa.Text),
        sa.Column("created_at", sa.BigInteger),
        sa.Column("claimed_at", instant, nullable=False),
        sa.Column("is_seated", sa.Boolean, nullable=False),
        sa.Column("seated_at", instant),
    )
    op.create_table(
        "licenses",
        sa.Column("id", counted, primary_key=True),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("issue", sa.BigInteger, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("imported_at", instant, nullable=False),
        sa.Column("replaced_at", instant),
        sa.Index("ix_licenses_realm", "realm"),
    )
    op.create_table(
        "seat_events",
        sa.Column("id", counted, primary_key=True),
        sa.Column("realm", sa.Text, nullable=False),
        sa.Column("application", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", instant, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Index("ix_seat_events_realm_application_id", "realm", "application", "id"),
    )
