"""Too many releases at once are held back: fewer users is not users gone.

In: the endings of one application's claims that a complete read asks for, and those held earlier; out:
those that stay held. Called by `plan.endings` and, for the latter, `services.observation`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from keycloak_license.model.record import RealmRecord
from keycloak_license.model.seat import Claim, HeldRelease


@dataclass(frozen=True, slots=True)
class Guard:
    """How many releases at once are believed."""

    max_release_percent: int = 20
    """Percent of the seats given in an application that one sync may release."""
    max_release_seats: int = 5
    """Number of seats that one sync may always release."""
    hold: timedelta = timedelta(hours=24)
    """How long a held release has to persist until it is carried out."""


DEFAULT_GUARD = Guard()


@dataclass(frozen=True, slots=True)
class Ending:
    """A claim that would end, and why."""

    claim: Claim
    reason: str
    is_certain: bool = False
    """Whether it ends whatever the user's account is like: the licence says so, or he is no person."""


def distrust(guard: Guard) -> Guard:
    """Return a guard that believes no release before it has persisted; for a realm that was made anew."""
    return replace(guard, max_release_percent=0, max_release_seats=0)


def hold_back(
    endings: Sequence[Ending], seated: int, earlier: Iterable[HeldRelease], guard: Guard, now: datetime
) -> tuple[HeldRelease, ...]:
    """Return the endings that are held.

    `seated` is how many have a seat of the application before any of this. When too many of them would
    lose it, everybody keeps what he has, those who wait included. What is held stays so, whatever else
    changes, until it was held long enough.
    """
    known = {held.user_id: replace(held, since=min(held.since, now)) for held in earlier}
    recent: list[HeldRelease] = []
    releases = 0
    for ending in endings:
        claim = ending.claim
        first_seen = known[claim.user_id].since if claim.user_id in known else now
        if not ending.is_certain and now - first_seen < guard.hold:
            recent.append(known.get(claim.user_id) or _held(ending, now))
            releases += claim.is_seated
    is_too_much = releases > guard.max_release_seats and releases * 100 > guard.max_release_percent * seated
    return tuple(each for each in recent if is_too_much or each.user_id in known)


def carry_over(record: RealmRecord, now: datetime, *, has_gaps: bool) -> tuple[HeldRelease, ...]:
    """Return what the last sync held.

    Time in which no sync ended well, or that ends in a read with gaps, does not count as persisting.
    """
    last_sync = record.last_sync
    if last_sync is None:
        return ()
    is_unseen = has_gaps or record.failure is not None
    away = max(now - last_sync.synced_at, timedelta()) if is_unseen else timedelta()
    return tuple(replace(held, since=held.since + away) for held in last_sync.held)


def _held(ending: Ending, since: datetime) -> HeldRelease:
    claim = ending.claim
    return HeldRelease(claim.application, claim.user_id, claim.username, ending.reason, since)
