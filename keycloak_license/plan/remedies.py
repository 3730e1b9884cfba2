"""What would have to change, so that somebody gets a seat, frees it, or comes to need one.

In: a person and his place with one application; out: remedies, as data. Called by `services.overview`;
`services.remedies` puts them into words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from keycloak_license.model.application import Application
from keycloak_license.model.license import Reason, Standing
from keycloak_license.model.realm import RealmSnapshot, Role
from keycloak_license.model.seat import Claim
from keycloak_license.plan.consumers import Path, granting_roles


class RemedyKind(StrEnum):
    """What is to be done."""

    IMPORT = "import_license"
    """Nobody has access, for want of a licence that has begun."""
    RENEW = "renew_license"
    """Nobody has access, because the licence has ended."""
    ACTIVATE = "activate_license"
    """Nobody has access, because the licence is not activated for this installation."""
    ADD_TO_LICENSE = "add_to_license"
    """The licence does not name the application."""
    SEATS = "more_seats"
    """There have to be more seats, or as many holders who give theirs up."""
    TAKE_AWAY = "take_away"
    """All of these grants have to go, so that the seat is free."""
    SEE_AGAIN = "see_again"
    """A claim is kept, although nobody sees why it is needed: the next complete read decides."""
    HELD = "confirm_release"
    """The guard holds the end of the claim, until somebody confirms it or it has lasted long enough."""
    GIVE_ROLE = "give_role"
    """One of these roles makes the user a consumer."""
    ENABLE = "enable_account"
    """The account is disabled, and needs no seat as long as it is."""
    UNEXEMPT = "license_without_exemption"
    """The licence exempts the user, who needs no seat as long as it does."""
    NOTHING = "nothing"
    """Accounts of services never need a seat."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One thing that would have to change."""

    kind: RemedyKind
    seats: int | None = None
    """How many are lacking."""
    grants: tuple[str, ...] = ()
    """What the user himself was given, as the first steps of his paths."""
    shared: tuple[str, ...] = ()
    """What is among the default roles, so that to take it out concerns everybody."""
    roles: tuple[str, ...] = ()
    """Roles that count, as shell patterns."""


@dataclass(frozen=True, slots=True)
class Person:
    """What is the same for every application."""

    is_enabled: bool
    is_exempt: bool
    is_service_account: bool
    default_role: str | None
    """The step that stands for the default roles."""


@dataclass(frozen=True, slots=True)
class Place:
    """How a person stands with one application."""

    application: Application
    limit: int | None
    used: int
    claim: Claim | None
    """None where no seat is needed."""
    position: int | None
    """Place in the queue, from 1; None for who does not wait."""
    paths: tuple[Path, ...]
    default_ways: tuple[str, ...] = ()
    """What among the default roles makes everybody a consumer."""
    is_held: bool = False
    """Whether the guard holds the end of the claim."""


def find_default_ways(snapshot: RealmSnapshot, application: Application) -> tuple[str, ...]:
    """Return the roles directly among the default roles that are or contain one of the application's."""
    defaults = snapshot.composites.get(snapshot.default_role_id or "", frozenset())
    granting = granting_roles(snapshot, application) & defaults
    return tuple(sorted(snapshot.roles[role_id].label for role_id in granting))


def find_remedies(person: Person, standing: Standing, place: Place) -> tuple[Remedy, ...]:
    """Return what would have to change: all of it together, in the order in which it is to be done."""
    if person.is_service_account:
        return (Remedy(RemedyKind.NOTHING),)
    if place.claim is None:
        return tuple(_to_need_one(person, place))
    if place.is_held:
        return (*_to_open(standing), *_to_end(person, place, place.claim))
    if place.claim.is_seated:
        return (*_to_open(standing), *_to_free(person, place))
    return (*_to_open(standing), *_to_get_one(standing, place))


def _to_open(standing: Standing) -> Iterator[Remedy]:
    """Yield what gives access to everybody, where nobody has it."""
    match standing.reason:
        case Reason.NO_LICENSE | Reason.NOT_STARTED:
            yield Remedy(RemedyKind.IMPORT)
        case Reason.EXPIRED:
            yield Remedy(RemedyKind.RENEW)
        case Reason.GRACE_OVER | Reason.OTHER_INSTALLATION:
            yield Remedy(RemedyKind.ACTIVATE)


def _to_end(person: Person, place: Place, claim: Claim) -> Iterator[Remedy]:
    """Yield what lets the claim end, and for who waits also what makes it a claim again."""
    yield Remedy(RemedyKind.HELD)
    if not claim.is_seated:
        yield from _to_need_one(person, place)


def _to_get_one(standing: Standing, place: Place) -> Iterator[Remedy]:
    if not place.paths:
        yield Remedy(RemedyKind.SEE_AGAIN)
    elif standing.license is not None and place.application.id not in standing.license.scope:
        yield Remedy(RemedyKind.ADD_TO_LICENSE, seats=place.position)
    elif standing.license is not None and place.limit is not None and place.position is not None:
        lacking = place.used + place.position - place.limit
        if lacking > 0:
            yield Remedy(RemedyKind.SEATS, seats=lacking)


def _to_free(person: Person, place: Place) -> Iterator[Remedy]:
    """Yield the beginnings of all paths: what is left of one is enough to need the seat."""
    if not place.paths:
        yield Remedy(RemedyKind.SEE_AGAIN)
        return
    own = {path[0] for path in place.paths if path[0] != person.default_role}
    # The default roles as such may be a role of the application.
    own |= {path[0] for path in place.paths if path == (person.default_role,)}
    is_shared = any(path[0] == person.default_role and len(path) > 1 for path in place.paths)
    yield Remedy(
        RemedyKind.TAKE_AWAY, grants=tuple(sorted(own)), shared=place.default_ways if is_shared else ()
    )


def _to_need_one(person: Person, place: Place) -> Iterator[Remedy]:
    if not place.paths:
        patterns = (Role("", name, client_id).label for client_id, name in place.application.patterns())
        yield Remedy(RemedyKind.GIVE_ROLE, roles=tuple(patterns))
    if not person.is_enabled:
        yield Remedy(RemedyKind.ENABLE)
    if person.is_exempt:
        yield Remedy(RemedyKind.UNEXEMPT)
