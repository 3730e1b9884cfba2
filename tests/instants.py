"""Instants as a ledger keeps them; used by what stands in for one."""

from datetime import UTC, datetime


def in_utc(instant: datetime) -> datetime:
    """Return the same instant in UTC; a naive one is refused as the real ledger does."""
    if instant.utcoffset() is None:
        raise ValueError(f"{instant.isoformat()} has no time zone and cannot be kept in the ledger")
    return instant.astimezone(UTC)
