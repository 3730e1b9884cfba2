"""How far time had got at the last sync, and the installation id that the realm showed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add four columns that earlier syncs left unknown."""
    instant = sa.DateTime(timezone=True)
    op.add_column("realms", sa.Column("published_id", sa.Text))
    op.add_column("realms", sa.Column("clock_reached", instant))
    op.add_column("realms", sa.Column("clock_leapt_to", instant))
    op.add_column("realms", sa.Column("clock_latest", instant))
