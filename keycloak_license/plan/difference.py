"""What one plan does to seats that another does not.

In: two plans of the same realm and the claims that both began with; out: seat changes, and what the
guard holds. Called by `services.what_if`: what a sync would do anyway is not blamed on what somebody is
asking about.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from keycloak_license.model.changes import (
    ClaimKey,
    SeatAssigned,
    SeatChange,
    SeatDisplaced,
    SeatReleased,
    WaitingEnded,
    WaitingStarted,
    claim_key,
)
from keycloak_license.model.report import RealmReport, SyncPlan
from keycloak_license.model.seat import Claim, HeldRelease
from keycloak_license.plan.endings import Endings
from keycloak_license.plan.planner import exempt_users, plan_seats

KEPT = "kept"
"""Why somebody has what he had all along, and would lose without the supposition."""
NOT_YET = "not_yet"
"""Why somebody does not get what he never had, and would get without the supposition."""


def compare_plans(before: SyncPlan, after: SyncPlan, claims: Sequence[Claim]) -> Iterator[SeatChange]:
    """Yield the changes that lead from the outcome of one plan to that of the other."""
    standing = after.report.standing
    had = {claim_key(claim): claim.is_seated for claim in claims}
    for one, other in zip(before.allocations, after.allocations, strict=True):
        earlier = (*one.seated, *one.waiting)
        endings = Endings(reasons=_reasons(earlier, after))
        for change in plan_seats(other, earlier, endings, standing):
            yield _seen_from(had, change)


def newly_held(before: RealmReport, after: RealmReport) -> tuple[HeldRelease, ...]:
    """Return the releases that the guard holds after it, and did not hold without it."""
    known = {(each.application, each.user_id) for each in before.held}
    return tuple(each for each in after.held if (each.application, each.user_id) not in known)


def _reasons(claims: Sequence[Claim], plan: SyncPlan) -> dict[str, str]:
    """Return why each claim would end; the plan says nothing of those that it never saw begin."""
    told = {
        claim_key(change.claim): change.reason
        for change in plan.changes
        if isinstance(change, SeatReleased | WaitingEnded)
    }
    exempt = {name.lower() for name in exempt_users(plan.report.standing)}
    return {
        claim.user_id: told.get(claim_key(claim), "exempt" if claim.username.lower() in exempt else "no_role")
        for claim in claims
    }


def _seen_from(had: Mapping[ClaimKey, bool], change: SeatChange) -> SeatChange:
    """Return a change as it is for somebody who knows the claims of the last sync only."""
    claim, reason = change.claim, change.reason
    match change, had.get(claim_key(claim)):
        case SeatAssigned(), True:
            return SeatAssigned(claim, KEPT)
        case WaitingStarted() | SeatDisplaced(), False:
            return WaitingStarted(claim, KEPT)
        case SeatDisplaced(), None:
            return WaitingStarted(claim, "no_free_seat")
        case SeatReleased() | WaitingEnded(), None:
            return replace(change, reason=NOT_YET)
        case SeatReleased(), False:
            return WaitingEnded(claim, reason)
        case WaitingEnded(), True:
            return SeatReleased(claim, reason)
        case _:
            return change
