"""Everything one sync decides, in one pure step.

In: what was read (`SyncInputs`); out: a `SyncPlan` whose changes, carried out, leave nothing to plan.
Called by `services.reconcile`, and with other inputs by every preview.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from keycloak_license.model.application import Application
from keycloak_license.model.attributes import LICENSE_FILE
from keycloak_license.model.changes import (
    Change,
    SeatAssigned,
    SeatChange,
    SeatDisplaced,
    SeatReleased,
    WaitingEnded,
    WaitingStarted,
)
from keycloak_license.model.license import DEFAULT_EXEMPT_USERS, Standing
from keycloak_license.model.realm import RealmSnapshot, User
from keycloak_license.model.report import ApplicationUsage, RealmReport, SyncPlan
from keycloak_license.model.seat import Allocation, Claim
from keycloak_license.plan.allocation import Terms, allocate
from keycloak_license.plan.attributes import plan_attributes
from keycloak_license.plan.consumers import find_warnings, resolve_consumers


@dataclass(frozen=True, slots=True)
class SyncInputs:
    """What a sync knows before it decides."""

    snapshot: RealmSnapshot
    applications: Sequence[Application]
    claims: Sequence[Claim]
    standing: Standing
    installation_id: str
    now: datetime
    warnings: tuple[str, ...] = ()
    """Found before planning, for example a stored licence that no longer verifies."""
    keeps_file: bool = False
    """Whether the realm's licence file stays although it does not count: it may be the only copy."""


def plan_sync(inputs: SyncInputs) -> SyncPlan:
    """Return the allocations, the changes that lead there, and the report of how things then stand."""
    claims_of: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in inputs.claims:
        claims_of[claim.application].append(claim)
    allocations: list[Allocation] = []
    changes: list[Change] = []
    for application in inputs.applications:
        claims = claims_of[application.id]
        consumers = resolve_consumers(inputs.snapshot, application, exempt_users(inputs.standing))
        terms = seat_terms(inputs.standing, application.id, is_complete=inputs.snapshot.is_complete)
        allocation = allocate(application.id, consumers, claims, terms, inputs.now)
        allocations.append(allocation)
        changes.extend(plan_seats(allocation, claims, inputs))
    read_warnings = tuple(_read_warnings(inputs))
    report = make_report(inputs, allocations, inputs.warnings + read_warnings)
    kept = frozenset({LICENSE_FILE}) if inputs.keeps_file else frozenset()
    changes.extend(plan_attributes(report, inputs.snapshot.attributes, kept))
    return SyncPlan(report, tuple(allocations), tuple(changes), read_warnings)


def exempt_users(standing: Standing) -> tuple[str, ...]:
    """Return who does not consume; only a signed licence can name others than the seed's two."""
    return standing.license.exempt_users if standing.license else DEFAULT_EXEMPT_USERS


def seat_terms(standing: Standing, application: str, *, is_complete: bool) -> Terms:
    """Return what an allocation may do.

    Without a licence nobody gets a seat, and nobody loses one; likewise holders keep theirs while
    access is blocked. After an incomplete read nobody loses anything.
    """
    limit = 0 if standing.license is None else standing.license.scope.get(application, 0)
    return Terms(limit=limit, may_release=is_complete, may_displace=is_complete and standing.is_granted)


def plan_seats(allocation: Allocation, claims: Sequence[Claim], inputs: SyncInputs) -> Iterator[SeatChange]:
    """Yield the difference between the claims of the last sync and an allocation."""
    before = {claim.user_id: claim for claim in claims}
    after = {claim.user_id for claim in (*allocation.seated, *allocation.waiting)}
    for claim in claims:
        if claim.user_id not in after:
            ended = SeatReleased if claim.is_seated else WaitingEnded
            yield ended(claim, _reason_ended(inputs.snapshot.users.get(claim.user_id), inputs.standing))
    for claim in allocation.waiting:
        earlier = before.get(claim.user_id)
        if earlier is None:
            yield WaitingStarted(claim, "no_free_seat")
        elif earlier.is_seated:
            yield SeatDisplaced(claim, "limit_reduced")
    for claim in allocation.seated:
        earlier = before.get(claim.user_id)
        if earlier is None or not earlier.is_seated:
            yield SeatAssigned(claim, "first_come" if earlier is None else "seat_free")


def _reason_ended(user: User | None, standing: Standing) -> str:
    if user is not None and not user.enabled:
        return "disabled"
    if user is not None and user.username.lower() in {name.lower() for name in exempt_users(standing)}:
        return "exempt"
    return "no_role"


def _read_warnings(inputs: SyncInputs) -> Iterator[str]:
    snapshot = inputs.snapshot
    yield from (f"Incomplete read, nobody loses a seat: {gap}" for gap in snapshot.gaps)
    if snapshot.is_complete:
        yield from find_warnings(snapshot, inputs.applications)


def make_report(
    inputs: SyncInputs, allocations: Sequence[Allocation], warnings: tuple[str, ...]
) -> RealmReport:
    """Return the report that every exit shows."""
    snapshot = inputs.snapshot
    return RealmReport(
        realm=snapshot.realm,
        installation_id=inputs.installation_id,
        standing=inputs.standing,
        applications=tuple(
            count_usage(application, allocation.limit, (*allocation.seated, *allocation.waiting))
            for application, allocation in zip(inputs.applications, allocations, strict=True)
        ),
        synced_at=inputs.now,
        is_complete=snapshot.is_complete,
        warnings=warnings,
    )


def count_usage(application: Application, limit: int | None, claims: Sequence[Claim]) -> ApplicationUsage:
    """Return the one count that screen, mail, metrics and attributes show."""
    used = sum(claim.is_seated for claim in claims)
    return ApplicationUsage(
        id=application.id, name=application.name, seats=limit, used=used, waiting=len(claims) - used
    )
