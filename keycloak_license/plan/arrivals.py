"""When each new consumer came, as far as Keycloak's admin events tell.

In: the events' times and the claims that were there before; out: instants by user id. Called by
`plan.planner`. The design: "Free seats go to the waiting in order of `claimed_at` (admin-event time where
known, else the sync that saw him first)".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from keycloak_license.model.realm import GrantTimes
from keycloak_license.model.seat import Claim

TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What new claims and seats are stamped with."""

    now: datetime
    """For seats that are given; later than every claim."""
    otherwise: datetime
    """When those came of whom no event tells."""
    known: Mapping[str, datetime] = field(default_factory=dict)
    """When others came, by user id."""

    def of(self, user_id: str) -> datetime:
        """Return when a new consumer came."""
        return self.known.get(user_id, self.otherwise)


def date_arrivals(
    claims: Iterable[Claim], times: GrantTimes, now: datetime, *, is_first: bool = False
) -> Arrivals:
    """Return when new consumers came: never before those who have a claim, never in the future.

    First come stays first served, whatever clocks do. Whom no event names came with a group or composite,
    else just now; at the `is_first` sync of a realm he was there before all events.
    """
    stamps = (stamp for claim in claims for stamp in (claim.claimed_at, claim.seated_at) if stamp)
    latest = max(stamps, default=None)
    at = _after(latest, now)
    stamp, stamp_of = latest, {}
    for told in sorted(set(times.users.values())):
        stamp = stamp_of[told] = _after(stamp, min(told, at))
    known = {user_id: stamp_of[told] for user_id, told in times.users.items()}
    if stamp is not None:
        at = max(at, stamp)
    if is_first and known:
        return Arrivals(at, min(known.values()) - TICK, known)
    return Arrivals(at, _after(latest, min(times.structure, at)) if times.structure else at, known)


def _after(stamp: datetime | None, at: datetime) -> datetime:
    return at if stamp is None else max(at, stamp + TICK)
