"""What a realm is like, without changing it.

In: a `ManagedRealm` and `now`; out: reports and lists for people. Called by `cli` and the screen.
`read_status` asks the ledger alone, so it also answers while Keycloak is down; the others read the realm
and show what a sync at this moment would find.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count, islice, repeat

from keycloak_license.errors import ConfigurationError, UnavailableError
from keycloak_license.model.application import Application
from keycloak_license.model.enforcement import Enforcement
from keycloak_license.model.instants import show_instant
from keycloak_license.model.license import Standing
from keycloak_license.model.measures import RealmMeasure, describe_measure
from keycloak_license.model.notice import Undelivered
from keycloak_license.model.realm import User
from keycloak_license.model.record import RealmRecord
from keycloak_license.model.report import ListedLicense, RealmReport
from keycloak_license.model.seat import Allocation, Claim
from keycloak_license.plan.admission import SHARED_DOORS_OPEN
from keycloak_license.plan.allocation import in_order
from keycloak_license.plan.audience import (
    audience_warnings,
    find_addressees,
    make_audience,
    without_address,
)
from keycloak_license.plan.clock import read_clock
from keycloak_license.plan.consumers import Path, paths_by_user, paths_of
from keycloak_license.plan.expiry import NoticeDaysError, notice_days
from keycloak_license.plan.in_force import list_licenses
from keycloak_license.plan.lifecycle import Installation, judge
from keycloak_license.plan.planner import count_usage, exempt_users, seat_terms
from keycloak_license.plan.remedies import Person, Place, Remedy, find_default_ways, find_remedies
from keycloak_license.services.installation import explain_dispute
from keycloak_license.services.observation import ManagedRealm, verify_licenses
from keycloak_license.services.reconcile import preview_once
from keycloak_license.services.recovery import read_licenses
from keycloak_license.services.viewing import View, look_at

MAX_TOLD = 5
"""How many reasons, and people for each, a warning names."""


@dataclass(frozen=True, slots=True)
class Member:
    """A user who holds or waits for a seat."""

    claim: Claim
    position: int | None
    """Place in the queue, from 1; None for a holder."""
    paths: tuple[Path, ...]

    @property
    def since(self) -> datetime:
        """When the seat was given, or the waiting began."""
        return (self.claim.seated_at if self.claim.is_seated else None) or self.claim.claimed_at


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a user holds, waits for or does not need a seat of one application."""

    application: Application
    member: Member | None
    """None when the user does not consume."""
    paths: tuple[Path, ...]
    """Also those that do not count, for example of a disabled user."""
    remedies: tuple[Remedy, ...] = ()
    """What would have to change."""


@dataclass(frozen=True, slots=True)
class UserExplanation:
    """A user and every application."""

    user: User
    standing: Standing
    is_exempt: bool
    applications: tuple[Explanation, ...]
    default_role: str | None = None
    """The step of a path that stands for the default roles, which everybody has."""


def read_status(managed: ManagedRealm, now: datetime) -> RealmReport:
    """Return licence and usage as of the last sync, judged now."""
    record = managed.ledger.load(managed.name)
    last = record.last_sync
    clock = read_clock(now, None, record.clock)
    genuine, warnings = verify_licenses(managed.verifier, record.licenses)
    warnings += (*([clock.doubt] if clock.doubt else []), *_sync_warnings(record))
    installation = installation_of(managed, record)
    standing = judge(genuine, installation, clock.now)
    usages = []
    for application in managed.applications:
        claims = [claim for claim in record.claims if claim.application == application.id]
        limit = seat_terms(standing, application.id, may_take=True).limit
        usages.append(count_usage(application, limit, claims))
    return RealmReport(
        realm=managed.name,
        installation_id=record.installation_id,
        standing=standing,
        applications=tuple(usages),
        synced_at=last.synced_at if last else None,
        is_complete=last is not None and last.is_complete and record.failure is None,
        held=last.held if last else (),
        # A dictionary keeps the order and drops what is said twice.
        warnings=tuple(dict.fromkeys((*managed.warnings, *warnings))),
    )


def list_all_licenses(managed: ManagedRealm, now: datetime) -> tuple[ListedLicense, ...]:
    """Return every licence ever imported, with the reason why each is or is not in force."""
    record = managed.ledger.load(managed.name, known_claims=())
    known = read_licenses(managed.verifier, record.licenses)
    clock = read_clock(now, None, record.clock)
    return list_licenses(known, installation_of(managed, record), clock.now)


def check_time(managed: ManagedRealm, now: datetime) -> str:
    """Return how far time had got; `UnavailableError` when the clock contradicts it."""
    clock = read_clock(now, None, managed.ledger.load(managed.name, known_claims=()).clock)
    if clock.doubt:
        raise UnavailableError(clock.doubt)
    return f"judged as of {show_instant(clock.now)}, never earlier than the last sync"


def check_enforcement(managed: ManagedRealm, now: datetime) -> str:
    """Return how the realm is enforced; `UnavailableError` when it is not as its mode wants it.

    People who are only due to get or lose something are the next sync's business, and no fault.
    """
    report = preview_once(managed, now=now)
    due = [describe_measure(each) for each in report.changes if isinstance(each, RealmMeasure)]
    if due:
        more = f" and {len(due) - 1} more" if len(due) > 1 else ""
        raise UnavailableError(
            f"Realm {managed.name} is not as mode {managed.enforcement.mode} wants it ({due[0]}{more}): run "
            "keycloak-license sync"
        )
    match managed.enforcement.mode:
        case Enforcement.OBSERVE:
            return "nobody is kept out (observe)"
        case Enforcement.GATE:
            gated = sorted({client_id for each in managed.applications for client_id in each.clients})
            intact = f"the gate is intact before {', '.join(gated) or 'no client'}"
            return f"{intact}. {SHARED_DOORS_OPEN}" if SHARED_DOORS_OPEN in report.realm.warnings else intact
        case Enforcement.DISABLE:
            return "users without a seat are disabled"


def describe_audience(managed: ManagedRealm) -> str:
    """Return who is told and who will not hear; `UnavailableError` where mail has nowhere to go."""
    terms = managed.notice_terms
    if not terms.has_mail:
        return "nobody is told by mail"
    snapshot = managed.keycloak.read(managed.asked_about)
    addressees = find_addressees(snapshot)
    audience = make_audience(addressees, terms, None)
    if not audience.addresses:
        raise UnavailableError("; ".join(audience_warnings(addressees, terms)))
    try:
        days = notice_days(snapshot.attributes, terms.expiry_days)
    except NoticeDaysError as error:
        raise ConfigurationError(str(error)) from None
    deaf = ", ".join(each.username for each in without_address(addressees))
    ahead = ", ".join(str(each) for each in sorted({*days, 0}, reverse=True))
    told = f"mails go to {len(audience.addresses)}, days before access ends: {ahead}"
    return f"{told}; without a usable address, and so not told: {deaf}" if deaf else told


def installation_of(managed: ManagedRealm, record: RealmRecord) -> Installation:
    """Return the installation as the last sync found it."""
    last = record.last_sync
    return Installation(
        record.installation_id or "",
        last.realm_id if last else "",
        managed.zone,
        is_disputed=last.is_disputed if last else False,
    )


def _sync_warnings(record: RealmRecord) -> Iterator[str]:
    last, failure = record.last_sync, record.failure
    if failure is not None:
        yield (
            f"Since {show_instant(failure.since)} no sync has ended well, the last at "
            f"{show_instant(failure.at)}: {failure.reason}"
        )
    if last is None:
        yield f"Realm {record.realm} was never synced: run keycloak-license sync"
        return
    yield from last.warnings
    yield from _undelivered_warnings(record.undelivered)
    if dispute := explain_dispute(record.realm, last.installation_id, last.published_id):
        yield dispute


def _undelivered_warnings(undelivered: Undelivered) -> Iterator[str]:
    if undelivered.count and undelivered.since:
        yield (
            f"Notices wait to be delivered ({undelivered.count}), the oldest since "
            f"{show_instant(undelivered.since)}: {_why(undelivered)}"
        )
    if undelivered.given_up:
        yield f"Notices of the last 30 days were given up ({undelivered.given_up}): {_why(undelivered)}"


def _why(undelivered: Undelivered) -> str:
    """Return each reason with whom it concerns, as far as a person reads that."""
    who: dict[str, dict[str, None]] = {}
    for recipient, problem in undelivered.problems:
        who.setdefault(problem, {})[recipient or "the webhook"] = None
    told = [f"{problem} ({', '.join(islice(names, MAX_TOLD))})" for problem, names in who.items()]
    return "; ".join(told[:MAX_TOLD]) or "nobody has tried"


def list_members(
    managed: ManagedRealm, application_id: str, now: datetime
) -> tuple[Allocation, list[Member]]:
    """Return an application's allocation and its members: the seated, then the waiting in order."""
    application = find_application(managed.applications, application_id)
    return members_in(look_at(managed, now), application)


def members_in(view: View, application: Application) -> tuple[Allocation, list[Member]]:
    """Return the same of a realm that was looked at."""
    allocation = next(each for each in view.plan.allocations if each.application == application.id)
    return allocation, _members(allocation, paths_by_user(view.seen.snapshot, application))


def explain_user(managed: ManagedRealm, name: str, now: datetime) -> UserExplanation:
    """Return why a user, given by username or id, holds, waits for or does not need each seat."""
    user = find_user(managed, name)
    return explanation_in(look_at(managed, now), managed.applications, user)


def find_user(managed: ManagedRealm, name: str) -> User:
    """Return the user of that username or id."""
    user = managed.keycloak.find_user(name)
    if user is None:
        raise ConfigurationError(
            f"Realm {managed.name} has no user {name!r}: give the exact username or the user's id"
        )
    return user


def explanation_in(view: View, applications: Sequence[Application], user: User) -> UserExplanation:
    """Return why a user of a realm that was looked at holds, waits for or does not need each seat."""
    snapshot, standing = view.seen.snapshot, view.plan.report.standing
    exempt = {username.lower() for username in exempt_users(standing)}
    default = snapshot.roles.get(snapshot.default_role_id or "")
    person = Person(
        is_enabled=user.enabled,
        is_exempt=user.username.lower() in exempt,
        is_service_account=user.id in snapshot.service_accounts,
        default_role=default.label if default else None,
    )
    explanations = tuple(
        _explain(view, person, application, allocation, user)
        for application, allocation in zip(applications, view.plan.allocations, strict=True)
    )
    return UserExplanation(user, standing, person.is_exempt, explanations, person.default_role)


def _explain(
    view: View, person: Person, application: Application, allocation: Allocation, user: User
) -> Explanation:
    paths = paths_of(view.seen.snapshot, application, user.id)
    member = _find_member(allocation, user.id, paths)
    place = Place(
        application=application,
        limit=allocation.limit,
        used=len(allocation.seated),
        claim=member.claim if member else None,
        position=member.position if member else None,
        paths=paths,
        default_ways=find_default_ways(view.seen.snapshot, application),
        is_held=any(
            (each.application, each.user_id) == (application.id, user.id) for each in view.plan.report.held
        ),
    )
    remedies = find_remedies(person, view.plan.report.standing, place)
    return Explanation(application, member, paths, remedies)


def _find_member(allocation: Allocation, user_id: str, paths: tuple[Path, ...]) -> Member | None:
    placed = chain(zip(allocation.seated, repeat(None)), zip(allocation.waiting, count(start=1)))
    return next((Member(claim, place, paths) for claim, place in placed if claim.user_id == user_id), None)


def find_application(applications: Sequence[Application], application_id: str) -> Application:
    """Return the application of that id."""
    for application in applications:
        if application.id == application_id:
            return application
    known = ", ".join(application.id for application in applications)
    raise ConfigurationError(
        f"There is no application {application_id!r} in the configuration: it has {known}"
    )


def _members(allocation: Allocation, paths: dict[str, list[Path]]) -> list[Member]:
    seated = [
        Member(claim, None, tuple(paths.get(claim.user_id, ()))) for claim in in_order(allocation.seated)
    ]
    waiting = [
        Member(claim, position, tuple(paths.get(claim.user_id, ())))
        for position, claim in enumerate(allocation.waiting, start=1)
    ]
    return seated + waiting
