"""Who gets a seat of one application: first come, first served.

In: the consumers, the claims of the last sync and the terms; out: an `Allocation`. Called by
`plan.planner` for each application on its own.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from math import inf
from operator import attrgetter

from keycloak_license.model.attributes import queue_attribute
from keycloak_license.model.realm import User
from keycloak_license.model.seat import Allocation, Claim


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
    application: str, consumers: Mapping[str, User], claims: Iterable[Claim], terms: Terms, now: datetime
) -> Allocation:
    """Return who is seated and who waits.

    A holder keeps the seat while he consumes. Free seats go to the waiting in order. A smaller limit
    takes the newest seats first; who loses one that way stands first in the queue.
    """
    staying, arriving = _match(claims, consumers, terms.kept)
    holders = [claim for claim in staying if claim.is_seated]
    queue = [claim for claim in staying if not claim.is_seated]
    queue.extend(_new_claim(application, user, now) for user in arriving)
    if terms.limit is not None and terms.may_displace and len(holders) > terms.limit:
        holders = in_order(holders)
        queue.extend(replace(claim, is_seated=False) for claim in holders[terms.limit :])
        del holders[terms.limit :]

    queue = in_order(queue)
    free = len(queue) if terms.limit is None else max(0, terms.limit - len(holders))
    # Who keeps his place without being seen keeps just that.
    next_ones = islice((claim for claim in queue if claim.user_id in consumers), free)
    granted = {claim.user_id: _seated(claim, now) for claim in next_ones}
    return Allocation(
        application=application,
        limit=terms.limit,
        seated=(*holders, *granted.values()),
        waiting=tuple(claim for claim in queue if claim.user_id not in granted),
    )


def stamp_after(claims: Iterable[Claim], now: datetime) -> datetime:
    """Return `now`, or just after the latest claim where a clock that was wrong has got ahead of it.

    First come stays first served, whatever clocks do.
    """
    stamps = (stamp for claim in claims for stamp in (claim.claimed_at, claim.seated_at) if stamp)
    latest = max(stamps, default=None)
    return now if latest is None else max(now, latest + timedelta(microseconds=1))


def freeze(application: str, claims: Iterable[Claim], limit: int | None) -> Allocation:
    """Return the claims as they are: nobody gains, nobody loses."""
    known = tuple(claims)
    return Allocation(
        application=application,
        limit=limit,
        seated=tuple(claim for claim in known if claim.is_seated),
        waiting=tuple(in_order(claim for claim in known if not claim.is_seated)),
    )


def in_order(claims: Iterable[Claim]) -> list[Claim]:
    """Return the claims by: those who had a seat, oldest seat first; then by claim, account age and id.

    Some federated users have no ``createdTimestamp``; they come after those of the same instant.
    """
    # What counts most is sorted last; one kind of value at a time, for tuples take three times as long.
    ordered = sorted(claims, key=attrgetter("user_id"))
    ordered.sort(key=_account_age)
    ordered.sort(key=attrgetter("claimed_at"))
    seats = [claim for claim in ordered if claim.seated_at is not None]
    seats.sort(key=attrgetter("seated_at"))
    return [*seats, *(claim for claim in ordered if claim.seated_at is None)]


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


def _match(
    claims: Iterable[Claim], consumers: Mapping[str, User], kept: Collection[str]
) -> tuple[list[Claim], Collection[User]]:
    """Return the claims that stay, with the names and addresses of today, and the users who have none yet."""
    staying: list[Claim] = []
    arriving = dict(consumers)
    for claim in claims:
        user = arriving.pop(claim.user_id, None)
        if user is not None and (claim.username != user.username or claim.email != user.email):
            staying.append(replace(claim, username=user.username, email=user.email))
        elif user is not None or claim.user_id in kept:
            staying.append(claim)
    return staying, arriving.values()


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


def _seated(claim: Claim, now: datetime) -> Claim:
    """Return the claim with a seat; who had one before keeps its age."""
    # Spelled out, for there may be very many, and `replace` takes three times as long.
    return Claim(
        application=claim.application,
        user_id=claim.user_id,
        username=claim.username,
        email=claim.email,
        created_at=claim.created_at,
        claimed_at=claim.claimed_at,
        is_seated=True,
        seated_at=claim.seated_at or now,
        provider_id=claim.provider_id,
    )


def _account_age(claim: Claim) -> float:
    return inf if claim.created_at is None else claim.created_at
