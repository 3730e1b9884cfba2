"""What time alone can change: whether a realm in which nothing has happened has to be planned again.

In: a standing, a clock reading and what the guard holds; out: an `Outlook` to compare with an earlier one.
Called by `services.following`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from keycloak_license.model.license import Standing
from keycloak_license.model.seat import HeldRelease
from keycloak_license.plan.clock import ClockReading
from keycloak_license.plan.guard import Guard
from keycloak_license.plan.notices import NoticeDaysError, expiry_notice, notice_days


@dataclass(frozen=True, slots=True)
class Outlook:
    """How things stand at one moment, as far as they go by time."""

    standing: Standing
    notice: str | None
    """That access is about to end."""
    is_clock_doubted: bool
    are_clocks_apart: bool
    releases_due: int
    """How many held releases have been held long enough."""


def look_out(
    standing: Standing,
    clock: ClockReading,
    held: Iterable[HeldRelease],
    guard: Guard,
    days: tuple[int, ...],
) -> Outlook:
    """Return how things stand now; `days` are those before the end of access on which to say so."""
    return Outlook(
        standing=standing,
        notice=expiry_notice(standing, clock.now, days),
        is_clock_doubted=clock.doubt is not None,
        are_clocks_apart=clock.comparison is not None,
        releases_due=sum(clock.believed - each.since >= guard.hold for each in held),
    )


def days_in_force(attributes: Mapping[str, str], default: tuple[int, ...]) -> tuple[int, ...]:
    """Return on which days to say that access is about to end."""
    try:
        return notice_days(attributes, default)
    except NoticeDaysError:
        return default
