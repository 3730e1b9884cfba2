"""What a sync is about to do, one frozen object a change.

Made by `plan.planner`; `ledger` carries out the claim changes, `keycloak_api` the attribute changes and the
measures of enforcement, every exit prints `kind`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, assert_never

from keycloak_license.model.measures import Measure
from keycloak_license.model.realm import Grant
from keycloak_license.model.seat import Claim


@dataclass(frozen=True, slots=True)
class ClaimChange:
    """Something that happens to one user's claim; `claim` is how it looks afterwards."""

    kind: ClassVar[str]
    claim: Claim
    reason: str
    grant: Grant | None = None
    """Which grant began it, as far as an event tells."""


@dataclass(frozen=True, slots=True)
class SeatAssigned(ClaimChange):
    """The user gets a seat."""

    kind: ClassVar[str] = "seat_assigned"


@dataclass(frozen=True, slots=True)
class SeatReleased(ClaimChange):
    """The user no longer consumes: the seat is free and the claim is gone."""

    kind: ClassVar[str] = "seat_released"


@dataclass(frozen=True, slots=True)
class SeatDisplaced(ClaimChange):
    """The limit shrank: the user loses the seat but stays, first in the queue."""

    kind: ClassVar[str] = "seat_released"


@dataclass(frozen=True, slots=True)
class WaitingStarted(ClaimChange):
    """The user consumes, but there is no free seat."""

    kind: ClassVar[str] = "waiting"


@dataclass(frozen=True, slots=True)
class WaitingEnded(ClaimChange):
    """A waiting user no longer consumes."""

    kind: ClassVar[str] = "waiting_ended"


@dataclass(frozen=True, slots=True)
class AttributeSet:
    """A realm attribute of ours gets a value."""

    kind: ClassVar[str] = "attribute_set"
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class AttributeRemoved:
    """A realm attribute of ours no longer applies."""

    kind: ClassVar[str] = "attribute_removed"
    name: str


ClaimKey = tuple[str, str]
"""Application id and user id: what a claim is known by within its realm."""


SeatChange = SeatAssigned | SeatReleased | SeatDisplaced | WaitingStarted | WaitingEnded
AttributeChange = AttributeSet | AttributeRemoved
Change = SeatChange | AttributeChange | Measure


def claim_key(claim: Claim) -> ClaimKey:
    """Return what a claim is known by; claims are sorted by it."""
    return claim.application, claim.user_id


def outcome_of(changes: Iterable[SeatChange]) -> dict[ClaimKey, Claim | None]:
    """Return how each claim that is touched looks in the end; None when it is gone."""
    outcome: dict[ClaimKey, Claim | None] = {}
    for change in changes:
        match change:
            case SeatAssigned() | SeatDisplaced() | WaitingStarted():
                outcome[claim_key(change.claim)] = change.claim
            case SeatReleased() | WaitingEnded():
                outcome[claim_key(change.claim)] = None
            case _:
                assert_never(change)
    return outcome


def claims_after(claims: Iterable[Claim], changes: Iterable[SeatChange]) -> tuple[Claim, ...]:
    """Return the claims as they are when the changes are carried out, in order."""
    after = {claim_key(claim): claim for claim in claims} | outcome_of(changes)
    return tuple(sorted((claim for claim in after.values() if claim is not None), key=claim_key))
