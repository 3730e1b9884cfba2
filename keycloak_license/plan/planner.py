"""Everything one sync decides, in one pure step.

In: what was read (`SyncInputs`); out: a `SyncPlan` whose changes, carried out, leave nothing to plan.
Called by `services.observation`, for syncs and previews.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from keycloak_license.model.application import Application
from keycloak_license.model.attributes import LICENSE_FILE
from keycloak_license.model.audience import NO_NOTICES, Addressee, NoticeTerms
from keycloak_license.model.changes import (
    AttributeChange,
    Change,
    SeatAssigned,
    SeatChange,
    SeatDisplaced,
    SeatReleased,
    WaitingEnded,
    WaitingStarted,
)
from keycloak_license.model.enforcement import OBSERVE_ONLY, EnforcementTerms
from keycloak_license.model.license import DEFAULT_EXEMPT_USERS, Standing
from keycloak_license.model.notice import Mark, Tidings
from keycloak_license.model.realm import NO_GRANT_TIMES, Grant, GrantTimes, RealmSnapshot, UserReading
from keycloak_license.model.report import ApplicationUsage, RealmReport, SyncPlan
from keycloak_license.model.seat import NO_CONSENT, Allocation, Claim, Consent, HeldRelease
from keycloak_license.plan.allocation import Terms, allocate, freeze, recover_claims
from keycloak_license.plan.arrivals import date_arrivals
from keycloak_license.plan.attributes import backup_attributes, plan_attributes, plan_verdict
from keycloak_license.plan.audience import audience_warnings, find_addressees, make_audience
from keycloak_license.plan.consumers import find_warnings, resolve_consumers, resolve_exempt
from keycloak_license.plan.endings import Endings, Evidence, GuardTerms, find_endings
from keycloak_license.plan.enforcement import enforcement_warnings, plan_enforcement
from keycloak_license.plan.expiry import expiry_warnings, understood_days
from keycloak_license.plan.guard import DEFAULT_GUARD, Guard
from keycloak_license.plan.notices import NoticeInputs, plan_notices
from keycloak_license.plan.own_roles import EnforcementInputs, seated_by_role
from keycloak_license.plan.recovery import lacks_people

FIRST_COME = "first_come"
LIMIT_REDUCED, NOT_LICENSED = "limit_reduced", "not_licensed"
DISPLACED = frozenset({LIMIT_REDUCED, NOT_LICENSED})
"""Why somebody lost a seat that is no more."""


@dataclass(frozen=True, slots=True)
class SyncInputs:
    """What a sync knows before it decides."""

    snapshot: RealmSnapshot
    applications: Sequence[Application]
    claims: Sequence[Claim]
    standing: Standing
    installation_id: str
    now: datetime
    believed: datetime
    """The same, but never one that a clock only just leapt to; see `plan.clock`."""
    warnings: tuple[str, ...] = ()
    """Found before planning, for example a stored licence that no longer verifies; found again by who
    asks later."""
    read_warnings: tuple[str, ...] = ()
    """Those that only reading the realm brings out."""
    notice_terms: NoticeTerms = NO_NOTICES
    marks: tuple[Mark, ...] = ()
    """What people were told before."""
    addressees: tuple[Addressee, ...] = ()
    """Who was there to be told before."""
    is_failing: bool = False
    """Whether the sync before this one failed."""
    files: tuple[str, ...] = ()
    """Of the licences in force, and of those that only the realm has."""
    is_ledger_new: bool = False
    """Whether the ledger knows nothing of this realm: it may have been lost."""
    is_disputed: bool = False
    """Whether ledger and realm belong to different installations; then nothing but the verdict changes."""
    readings: Mapping[str, UserReading] = field(default_factory=dict)
    """Users who were read by themselves, by id, because their claims would end."""
    guard: Guard = DEFAULT_GUARD
    held: tuple[HeldRelease, ...] = ()
    """What the guard held at the last sync."""
    consent: Consent = NO_CONSENT
    """What somebody has confirmed of what the guard holds."""
    enforcement: EnforcementTerms = OBSERVE_ONLY
    granted_at: GrantTimes = NO_GRANT_TIMES


def plan_sync(inputs: SyncInputs) -> SyncPlan:
    """Return the allocations, the changes that lead there, and the report of how things then stand."""
    claims_of: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in inputs.claims:
        claims_of[claim.application].append(claim)
    allocations: list[Allocation] = []
    changes: list[Change] = []
    held: list[HeldRelease] = []
    unconfirmed: list[str] = []
    for application in inputs.applications:
        claims = claims_of[application.id]
        allocation, endings = _allocate(inputs, application, claims)
        allocations.append(allocation)
        seats = plan_seats(allocation, claims, endings, inputs.standing)
        changes.extend(_with_grants(seats, inputs.granted_at.grants))
        held.extend(endings.held)
        unconfirmed.extend(endings.unconfirmed)
    enforcement = _enforcement_inputs(inputs, allocations)
    read_warnings = (*_read_warnings(inputs), *enforcement_warnings(enforcement))
    addressees = find_addressees(inputs.snapshot, inputs.addressees)
    read_warnings += tuple(audience_warnings(addressees, inputs.notice_terms))
    report = _make_report(inputs, allocations, held, inputs.warnings + read_warnings)
    changes.extend(_plan_attributes(inputs, report, allocations))
    changes.extend(plan_enforcement(enforcement))
    return SyncPlan(
        report=report,
        allocations=tuple(allocations),
        changes=tuple(changes),
        read_warnings=read_warnings,
        unconfirmed=tuple(unconfirmed),
        may_begin=_may_begin(inputs, allocations),
        has_arrivals=any(map(_is_arrival, changes)),
        tidings=_plan_tidings(inputs, report, allocations, changes, addressees),
        addressees=addressees,
    )


def _plan_tidings(
    inputs: SyncInputs,
    report: RealmReport,
    allocations: Sequence[Allocation],
    changes: Sequence[Change],
    addressees: Sequence[Addressee],
) -> Tidings:
    terms = inputs.notice_terms
    return plan_notices(
        NoticeInputs(
            report=report,
            allocations=allocations,
            changes=changes,
            now=inputs.now,
            terms=terms,
            expiry_days=understood_days(inputs.snapshot.attributes, terms.expiry_days),
            audience=make_audience(addressees, terms, inputs.snapshot.locale),
            marks={mark.key: mark for mark in inputs.marks},
            held_before=inputs.held,
            hold=inputs.guard.hold,
            is_disputed=inputs.is_disputed,
            is_failing=inputs.is_failing,
        )
    )


def _with_grants(changes: Sequence[SeatChange], grants: Mapping[str, Grant]) -> Sequence[SeatChange]:
    """Return the changes, with what began each claim that is new."""
    # Told of few, if of any: nobody else is to cost anything.
    if not grants:
        return changes
    return [
        replace(change, grant=grants.get(change.claim.user_id)) if _is_arrival(change) else change
        for change in changes
    ]


def _is_arrival(change: Change) -> bool:
    return isinstance(change, WaitingStarted) or (
        isinstance(change, SeatAssigned) and change.reason == FIRST_COME
    )


def _may_begin(inputs: SyncInputs, allocations: Sequence[Allocation]) -> bool:
    """Whether a ledger that may have lost people sees all whom the realm tells of, or need not."""
    snapshot = inputs.snapshot
    if not inputs.is_ledger_new or snapshot.is_complete or (inputs.consent.to_all and not snapshot.gaps):
        return True
    return not lacks_people(snapshot.attributes, allocations)


def _allocate(
    inputs: SyncInputs, application: Application, claims: Sequence[Claim]
) -> tuple[Allocation, Endings]:
    terms = seat_terms(inputs.standing, application.id, may_take=not inputs.snapshot.gaps)
    if inputs.is_disputed:
        held = tuple(each for each in inputs.held if each.application == application.id)
        return freeze(application.id, claims, terms.limit), Endings(held=held)
    exempt = _exempt_here(inputs.standing, claims)
    consumers = resolve_consumers(inputs.snapshot, application, exempt)
    evidence = Evidence(inputs.snapshot, frozenset(map(str.lower, exempt)), inputs.readings)
    guard = GuardTerms(inputs.believed, inputs.guard, inputs.held, inputs.consent)
    endings = find_endings(application, claims, consumers.keys(), evidence, guard)
    arrivals = date_arrivals(claims, inputs.granted_at, inputs.now, is_first=inputs.is_ledger_new)
    if inputs.is_ledger_new:
        seated = seated_by_role(inputs.snapshot, inputs.enforcement, application.id)
        claims = recover_claims(application.id, consumers, inputs.snapshot.attributes, seated, inputs.now)
    terms = replace(terms, kept=endings.kept)
    return allocate(application.id, consumers, claims, terms, arrivals), endings


def _plan_attributes(
    inputs: SyncInputs, report: RealmReport, allocations: Sequence[Allocation]
) -> Iterator[AttributeChange]:
    current = inputs.snapshot.attributes
    if inputs.is_disputed:
        return plan_verdict(report, current)
    counting = inputs.standing.license
    published = counting.file if counting else current.get(LICENSE_FILE, "")
    standby = [file for file in inputs.files if file != published]
    # Where no licence counts, a file that may be the only copy stays where it is.
    kept = frozenset({LICENSE_FILE}) if not counting and published in inputs.files else frozenset()
    return plan_attributes(report, current, kept, backup_attributes(allocations, standby))


def _enforcement_inputs(inputs: SyncInputs, allocations: Sequence[Allocation]) -> EnforcementInputs:
    exempt = exempt_users(inputs.standing)
    return EnforcementInputs(
        snapshot=inputs.snapshot,
        applications=inputs.applications,
        terms=inputs.enforcement,
        standing=inputs.standing,
        allocations=allocations,
        exempt={each.id: resolve_exempt(inputs.snapshot, each, exempt) for each in inputs.applications},
        is_disputed=inputs.is_disputed,
    )


def exempt_users(standing: Standing) -> tuple[str, ...]:
    """Return who does not consume; only a signed licence can name others than the seed's two."""
    return standing.license.exempt_users if standing.license else DEFAULT_EXEMPT_USERS


def _exempt_here(standing: Standing, claims: Sequence[Claim]) -> tuple[str, ...]:
    """Return who does not consume an application: without a licence nobody who did before."""
    if standing.license is not None:
        return exempt_users(standing)
    present = {claim.username.lower() for claim in claims}
    return tuple(name for name in exempt_users(standing) if name.lower() not in present)


def seat_terms(standing: Standing, application: str, *, may_take: bool) -> Terms:
    """Return what an allocation may do.

    Without a licence nobody gets a seat, and nobody loses one; likewise holders keep theirs while
    access is blocked. Nor does a smaller limit take anything while it `may` not, after a read with gaps.
    """
    limit = 0 if standing.license is None else standing.license.scope.get(application, 0)
    return Terms(limit=limit, may_displace=may_take and standing.is_granted)


def plan_seats(
    allocation: Allocation, claims: Sequence[Claim], endings: Endings, standing: Standing
) -> list[SeatChange]:
    """Return the difference between the claims of the last sync and an allocation."""
    before = {claim.user_id: claim for claim in claims}
    begun: list[SeatChange] = []
    for claim in allocation.waiting:
        earlier = before.pop(claim.user_id, None)
        if earlier is None:
            begun.append(WaitingStarted(claim, "no_free_seat"))
        elif earlier.is_seated:
            begun.append(SeatDisplaced(claim, _reason_displaced(claim.application, standing)))
    for claim in allocation.seated:
        earlier = before.pop(claim.user_id, None)
        if earlier is None or not earlier.is_seated:
            begun.append(SeatAssigned(claim, FIRST_COME if earlier is None else "seat_free"))
    ended: list[SeatChange] = [
        (SeatReleased if claim.is_seated else WaitingEnded)(claim, endings.reasons[claim.user_id])
        for claim in before.values()
    ]
    return ended + begun


def _reason_displaced(application: str, standing: Standing) -> str:
    is_licensed = standing.license is not None and application in standing.license.scope
    return LIMIT_REDUCED if is_licensed else NOT_LICENSED


def _read_warnings(inputs: SyncInputs) -> Iterator[str]:
    snapshot = inputs.snapshot
    yield from inputs.read_warnings
    days = inputs.notice_terms.expiry_days
    yield from expiry_warnings(inputs.standing, inputs.now, snapshot.attributes, days)
    yield from (f"Incomplete read, nobody loses a seat: {gap}" for gap in snapshot.gaps)
    yield from (f"Incomplete read, he keeps what he has: {doubt}" for doubt in _doubts(inputs))
    for silence in snapshot.silent_providers.values():
        yield f"Incomplete read, the users of that federation keep what they have: {silence}"
    if not snapshot.gaps:
        yield from find_warnings(snapshot, inputs.applications)


def _doubts(inputs: SyncInputs) -> tuple[str, ...]:
    doubts = (reading.doubt for reading in inputs.readings.values())
    return tuple(doubt for doubt in doubts if doubt is not None)


def _gaps(inputs: SyncInputs) -> tuple[str, ...]:
    snapshot = inputs.snapshot
    return (*snapshot.gaps, *snapshot.silent_providers.values(), *_doubts(inputs))


def _make_report(
    inputs: SyncInputs,
    allocations: Sequence[Allocation],
    held: Sequence[HeldRelease],
    warnings: tuple[str, ...],
) -> RealmReport:
    """Return the report that every exit shows."""
    snapshot, gaps = inputs.snapshot, _gaps(inputs)
    return RealmReport(
        realm=snapshot.realm,
        installation_id=inputs.installation_id,
        standing=inputs.standing,
        applications=tuple(
            count_usage(application, allocation.limit, (*allocation.seated, *allocation.waiting))
            for application, allocation in zip(inputs.applications, allocations, strict=True)
        ),
        synced_at=inputs.now,
        is_complete=not gaps,
        gaps=gaps,
        held=tuple(held),
        warnings=warnings,
    )


def count_usage(application: Application, limit: int | None, claims: Sequence[Claim]) -> ApplicationUsage:
    """Return the one count that screen, mail, metrics and attributes show."""
    used = sum(claim.is_seated for claim in claims)
    return ApplicationUsage(
        id=application.id, name=application.name, seats=limit, used=used, waiting=len(claims) - used
    )
