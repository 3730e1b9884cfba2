"""What of the history has had its time.

In: when the last sync was, what it changed, and the history; out: whether to tidy up, who is to be forgotten,
and whom to ask for. Called by `services.retention`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from math import ceil
from zlib import crc32

from keycloak_license.model.changes import SeatChange, SeatReleased, WaitingEnded
from keycloak_license.model.record import SeatEvent
from keycloak_license.model.seat import Claim

DELETED = "deleted"
"""The reason of a claim that ends with its user."""
ASKED_PER_DAY = 500
"""About so many people are asked for on one day: each costs a request, while nobody else may sync."""


def is_tidying_due(last_sync: datetime | None, now: datetime) -> bool:
    """Whether this is the first sync of a day: once a day is often enough for what is kept for months."""
    return last_sync is None or last_sync.astimezone(UTC).date() < now.astimezone(UTC).date()


def find_deleted(changes: Iterable[SeatChange], claims: Iterable[Claim]) -> frozenset[str]:
    """Return the ids of the users who are deleted, as these changes say, and have no claim afterwards."""
    ended = {
        change.claim.user_id
        for change in changes
        if isinstance(change, SeatReleased | WaitingEnded) and change.reason == DELETED
    }
    return frozenset(ended.difference(claim.user_id for claim in claims))


def find_absent(events: Iterable[SeatEvent], claims: Iterable[Claim]) -> frozenset[str]:
    """Return the ids of those whom the history names and who have no claim: they may be gone."""
    named = {event.user_id for event in events if not event.is_forgotten}
    named |= {event.granted_by_id for event in events if event.granted_by_id and event.granted_by}
    return frozenset(named.difference(claim.user_id for claim in claims))


def choose_asked(absent: frozenset[str], now: datetime) -> frozenset[str]:
    """Return those of them whose turn it is today: everybody once in as many days as it takes.

    Whose turn it is depends on nobody else, so that no one is passed over while others come and go.
    """
    days = ceil(len(absent) / ASKED_PER_DAY)
    today = now.astimezone(UTC).toordinal()
    return frozenset(user_id for user_id in absent if crc32(user_id.encode()) % days == today % days)
