"""When what could not be delivered is tried again.

In: what came of an attempt; out: an instant, or None to give up. Called by `services.delivery`.
"""

from datetime import datetime, timedelta

from keycloak_license.model.notice import Delivery, Refused, Unreachable

FIRST_PAUSE = timedelta(seconds=5)
"""Doubled with each attempt."""
LONGEST_PAUSE_WHEN_AWAY = timedelta(minutes=10)
"""A server that was away is found again soon after it is back."""
LONGEST_PAUSE_WHEN_REFUSED = timedelta(hours=6)
"""Whoever refuses one address again and again is not to be asked all the time."""
GIVEN_UP_AFTER = timedelta(days=5)
"""As mail servers do with each other (RFC 5321, 4.5.4.1)."""


def is_too_late(delivery: Delivery, now: datetime) -> bool:
    """Whether it is so old that nobody is to be told any more."""
    return delivery.created_at is not None and now - delivery.created_at >= GIVEN_UP_AFTER


def next_attempt(delivery: Delivery, outcome: Refused | Unreachable, now: datetime) -> datetime | None:
    """Return when to try again; None when it was tried long enough."""
    if is_too_late(delivery, now):
        return None
    is_refused = isinstance(outcome, Refused)
    longest = LONGEST_PAUSE_WHEN_REFUSED if is_refused else LONGEST_PAUSE_WHEN_AWAY
    # Two to the thirtieth is years, and more would not fit.
    doublings: int = min(delivery.attempts, 30)
    return now + min(longest, FIRST_PAUSE * (1 << doublings))
