"""The ledger's tables as they are now; `migrations` is how they came to be.

In: rows of plain Python values; out: the same, instants exact and in UTC. Used by `store` and `schema`.
"""

from datetime import UTC, datetime

import sqlalchemy as sa

VERSION_TABLE = "keycloak_license_version"
"""Not Alembic's usual name: the database may be shared with a program that uses Alembic as well."""


class Instant(sa.TypeDecorator[datetime]):
    """An aware time, to the microsecond; a naive one is a ValueError, for nobody knows when it is."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Store UTC: SQLite keeps the digits only and drops the offset."""
        if value is not None and value.utcoffset() is None:
            raise ValueError(f"{value.isoformat()} has no time zone and cannot be kept in the ledger")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Return UTC, whatever time zone the database session is in."""
        if value is not None and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value.astimezone(UTC) if value else None


METADATA = sa.MetaData()

# SQLite counts a key up by itself only when it is called INTEGER.
counted = sa.BigInteger().with_variant(sa.Integer, "sqlite")

realms = sa.Table(
    "realms",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("realm_id", sa.Text, nullable=False),
    sa.Column("installation_id", sa.Text, nullable=False),
    sa.Column("synced_at", Instant, nullable=False),
    sa.Column("is_complete", sa.Boolean, nullable=False),
    sa.Column("warnings", sa.JSON, nullable=False),
    sa.Column("published_id", sa.Text),
    sa.Column("clock_reached", Instant),
    sa.Column("clock_leapt_to", Instant),
    sa.Column("clock_latest", Instant),
    sa.Column("addressees", sa.JSON),
    sa.Column("locale", sa.Text),
)

claims = sa.Table(
    "claims",
    METADATA,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("application", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("email", sa.Text),
    sa.Column("created_at", sa.BigInteger),
    sa.Column("claimed_at", Instant, nullable=False),
    sa.Column("is_seated", sa.Boolean, nullable=False),
    sa.Column("seated_at", Instant),
    sa.Column("provider_id", sa.Text),
)

held_releases = sa.Table(
    "held_releases",
    METADATA,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("application", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", Instant, nullable=False),
)

sync_failures = sa.Table(
    "sync_failures",
    METADATA,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("since", Instant, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

notice_marks = sa.Table(
    "notice_marks",
    METADATA,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("since", Instant, nullable=False),
    sa.Column("told_at", Instant),
    sa.Column("has_news", sa.Boolean, nullable=False),
)

outbox = sa.Table(
    "outbox",
    METADATA,
    sa.Column("number", counted, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("realm", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("locale", sa.Text, nullable=False),
    sa.Column("notice", sa.JSON, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    # Empty once it is delivered or given up.
    sa.Column("due_at", Instant, index=True),
    sa.Column("claimed_until", Instant),
    sa.Column("delivered_at", Instant),
    sa.Column("given_up_at", Instant),
    sa.Column("problem", sa.Text),
)

leases = sa.Table(
    "leases",
    METADATA,
    sa.Column("realm", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("renewed_at", Instant),
    sa.Column("expires_at", Instant),
)

workers = sa.Table(
    "workers",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("realms", sa.JSON, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)

licenses = sa.Table(
    "licenses",
    METADATA,
    sa.Column("id", counted, primary_key=True),
    sa.Column("realm", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("issue", sa.BigInteger, nullable=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("imported_at", Instant, nullable=False),
    sa.Column("replaced_at", Instant),
    sa.Index("ix_licenses_realm", "realm"),
)

seat_events = sa.Table(
    "seat_events",
    METADATA,
    sa.Column("id", counted, primary_key=True),
    sa.Column("realm", sa.Text, nullable=False),
    sa.Column("application", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("granted_at", Instant),
    sa.Column("granted_by_id", sa.Text),
    sa.Column("granted_by", sa.Text),
    sa.Index("ix_seat_events_realm_application_id", "realm", "application", "id"),
    sa.Index("ix_seat_events_realm_user_id", "realm", "user_id"),
    sa.Index("ix_seat_events_realm_granted_by_id", "realm", "granted_by_id"),
)

login_attempts = sa.Table(
    "login_attempts",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("realm", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("nonce", sa.Text, nullable=False),
    sa.Column("verifier", sa.Text, nullable=False),
    sa.Column("return_to", sa.Text, nullable=False),
    sa.Column("begun_at", Instant, nullable=False),
    sa.Index("ix_login_attempts_realm_begun_at_key", "realm", "begun_at", "key"),
)

screen_sessions = sa.Table(
    "screen_sessions",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("realm", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("sid", sa.Text, nullable=False),
    sa.Column("id_token", sa.Text, nullable=False),
    sa.Column("csrf_token", sa.Text, nullable=False),
    sa.Column("begun_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("checked_at", Instant, nullable=False),
)

audit_entries = sa.Table(
    "audit_entries",
    METADATA,
    sa.Column("id", counted, primary_key=True),
    sa.Column("realm", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("problem", sa.Text),
    sa.Index("ix_audit_entries_realm_id", "realm", "id"),
)
