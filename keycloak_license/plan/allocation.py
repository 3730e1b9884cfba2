"""Who gets a seat of one application: first come, first served.

In: the consumers, the claims of the last sync and the terms; out: an `Allocation`. Called by
`plan.planner` for each application on its own.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from keycloak_license.model.attributes import queue_attribute
from keycloak_license.model.realm import User
from keycloak_license.model.seat import Allocation, Claim
from keycloak_license.plan.arrivals import Arrivals


@dataclass(frozen=True, slots=True)
class Terms:
    """What an allocation may do."""

    limit: int | None
    """Licensed seats; None is unlimited."""
    may_displace: bool = True
    """Whether holders beyond the limit lose their seats; not while access is blocked anyway, so that
    a renewal finds the same people."""
    kept: frozenset[str] = frozenset()
    """Users who keep what they have although they are not seen consuming; see `plan.endings`."""


def allocate(
    application: str, consumers: Mapping[str, User], claims: Iterable[Claim], terms: Terms, arrivals: Arrivals
) -> Allocation:
    """Return who is seated and who waits.

    A holder keeps the seat while he consumes. Free seats go to the waiting in order. A smaller limit
    takes the newest seats first; who loses one that way stands first in the queue.
    """
    known = {claim.user_id: claim for claim in claims}
    staying = [
        _renamed(claim, consumers.get(claim.user_id))
        for claim in known.values()
        if claim.user_id in consumers or claim.user_id in terms.kept
    ]
    arriving = [
        _new_claim(application, user, arrivals.of(user.id))
        for user in consumers.values()
        if user.id not in known
    ]

    holders = sorted((claim for claim in staying if claim.is_seated), key=_queue_order)
    kept = holders[: terms.limit] if terms.may_displace else holders
    displaced = [replace(claim, is_seated=False) for claim in holders[len(kept) :]]

    queue = sorted([*displaced, *arriving, *(c for c in staying if not c.is_seated)], key=_queue_order)
    free = len(queue) if terms.limit is None else max(0, terms.limit - len(kept))
    # Who keeps his place without being seen keeps just that.
    next_ones = [claim for claim in queue if claim.user_id in consumers][:free]
    granted = [
        replace(claim, is_seated=True, seated_at=claim.seated_at or arrivals.now) for claim in next_ones
    ]
    seated_ids = {claim.user_id for claim in granted}
    return Allocation(
        application=application,
        limit=terms.limit,
        seated=tuple(sorted([*kept, *granted], key=_queue_order)),
        waiting=tuple(claim for claim in queue if claim.user_id not in seated_ids),
    )


def freeze(application: str, claims: Iterable[Claim], limit: int | None) -> Allocation:
    """Return the claims as they are: nobody gains, nobody loses."""
    ordered = sorted(claims, key=_queue_order)
    return Allocation(
        application=application,
        limit=limit,
        seated=tuple(claim for claim in ordered if claim.is_seated),
        waiting=tuple(claim for claim in ordered if not claim.is_seated),
    )


def recover_claims(
    application: str,
    consumers: Mapping[str, User],
    attributes: Mapping[str, str],
    seated: Collection[str],
    now: datetime,
) -> list[Claim]:
    """Return the claims that the realm tells of, for a ledger that has lost them.

    Those who have a seat's role hold a seat. Those who are named as waiting come behind everybody else who
    consumes: instants in a row keep their order.
    """
    ids = attributes.get(queue_attribute(application), "").split(",")
    known = [
        consumers[user_id] for user_id in dict.fromkeys(ids) if user_id in consumers and user_id not in seated
    ]
    holders = [user for user in consumers.values() if user.id in seated]
    return [
        *(replace(_new_claim(application, user, now), is_seated=True, seated_at=now) for user in holders),
        *(
            _new_claim(application, user, now + timedelta(microseconds=place))
            for place, user in enumerate(known, start=1)
        ),
    ]


def _new_claim(application: str, user: User, now: datetime) -> Claim:
    return Claim(
        application=application,
        user_id=user.id,
        username=user.username,
        email=user.email,
        created_at=user.created_at,
        claimed_at=now,
        provider_id=user.provider_id,
    )


def _renamed(claim: Claim, user: User | None) -> Claim:
    """Return the claim with the name and address that the account has now."""
    if user is None or (claim.username, claim.email) == (user.username, user.email):
        return claim
    return replace(claim, username=user.username, email=user.email)


def _queue_order(claim: Claim) -> tuple[bool, datetime, datetime, float, str]:
    """Order by: those who had a seat, oldest seat first; then by claim, account age and id.

    Some federated users have no ``createdTimestamp``; they come after those of the same instant.
    """
    created = float("inf") if claim.created_at is None else claim.created_at
    return (
        claim.seated_at is None,
        claim.seated_at or claim.claimed_at,
        claim.claimed_at,
        created,
        claim.user_id,
    )
