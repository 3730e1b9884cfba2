"""When access ends, and how long before that it is said.

In: a standing, `now` and the days in advance; out: days left, and sentences. Called by `plan.planner`,
`plan.notices` and `services.following`. The end is that of access, so a licence that is to take over mutes
what would be said of the one before.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from keycloak_license.model.attributes import EXPIRY_NOTICE_DAYS
from keycloak_license.model.instants import show_instant
from keycloak_license.model.license import Standing

MAX_NOTICE_DAYS = 3650


class NoticeDaysError(ValueError):
    """The realm's own setting cannot be understood; the message is a whole sentence."""


def notice_days(attributes: Mapping[str, str], default: tuple[int, ...]) -> tuple[int, ...]:
    """Return how many days in advance to tell: what the realm's admins set, else the default.

    The seed: "set the Expiration notification in days value". Several are separated by commas.
    """
    return parse_days(attributes.get(EXPIRY_NOTICE_DAYS, "")) or default


def parse_days(text: str) -> tuple[int, ...]:
    """Return the days that a text such as ``30, 7`` names; none for an empty one."""
    text = text.strip()
    if not text:
        return ()
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdigit() and len(word) <= 4 for word in words):
        raise _not_understood()
    days = tuple(int(word) for word in words)
    if max(days) > MAX_NOTICE_DAYS:
        raise _not_understood()
    return days


def understood_days(attributes: Mapping[str, str], default: tuple[int, ...]) -> tuple[int, ...]:
    """Return the same, and the default where the realm's own setting cannot be understood."""
    try:
        return notice_days(attributes, default)
    except NoticeDaysError:
        return default


def expiry_warnings(
    standing: Standing, now: datetime, attributes: Mapping[str, str], default: tuple[int, ...]
) -> Iterator[str]:
    """Yield that access is about to end, and that the realm's own setting about it is not understood."""
    try:
        notice_days(attributes, default)
    except NoticeDaysError as error:
        yield str(error)
    if (notice := expiry_notice(standing, now, understood_days(attributes, default))) is not None:
        yield notice


def expiry_notice(standing: Standing, now: datetime, days: tuple[int, ...]) -> str | None:
    """Return that access is about to end and what to do; None when there is time, or it has ended."""
    left = days_left(standing, now)
    if left is None or standing.stops_at is None or not days or left > max(days):
        return None
    remedy = "activate the licence" if standing.is_last_in_grace else "import a renewal"
    return f"Access ends at {show_instant(standing.stops_at)}: {remedy} before then"


def days_left(standing: Standing, now: datetime) -> int | None:
    """Return the days from today to the last day of access, 0 on that day; None where none is known.

    Days are those of the calendar in the realm's time zone, as in the seed: "the defined number of days
    before the license expiration".
    """
    if not standing.is_granted or standing.stops_at is None:
        return None
    return (last_day(standing.stops_at) - now.astimezone(standing.stops_at.tzinfo).date()).days


def last_day(stops_at: datetime) -> date:
    """Return the day before access ends, also where the clocks skip that midnight."""
    moment_before = stops_at.astimezone(UTC) - timedelta(seconds=1)
    return moment_before.astimezone(stops_at.tzinfo).date()


def _not_understood() -> NoticeDaysError:
    return NoticeDaysError(
        f"The realm attribute {EXPIRY_NOTICE_DAYS} is not a number of days from 0 to {MAX_NOTICE_DAYS}, or "
        "several separated by commas, and the configured days count instead: correct or remove it"
    )
