"""What time alone can change: whether a realm in which nothing has happened has to be planned again.

In: a standing, a clock reading and what the guard holds; out: an `Outlook` to compare with an earlier one.
Called by `services.following`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from keycloak_license.model.license import Standing
from keycloak_license.model.seat import HeldRelease
from keycloak_license.plan.clock import ClockReading
from keycloak_license.plan.guard import Guard


@dataclass(frozen=True, slots=True)
class Outlook:
    """How things stand at one moment, as far as they go by time."""

    standing: Standing
    warnings: tuple[str, ...]
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
    warnings: Iterable[str],
) -> Outlook:
    """Return how things stand now; `warnings` are those of `notices.expiry_warnings`."""
    return Outlook(
        standing=standing,
        warnings=tuple(warnings),
        is_clock_doubted=clock.doubt is not None,
        are_clocks_apart=clock.comparison is not None,
        releases_due=sum(clock.believed - each.since >= guard.hold for each in held),
    )
