"""How long somebody at a browser is let in: sessions that end, roles that are lost."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from starlette.requests import Request

from keycloak_license.errors import UnreachableError
from keycloak_license.model.screen import ScreenAddress
from keycloak_license.model.session import LoginAttempt, LoginClient
from keycloak_license.services.viewing import Viewer
from keycloak_license.web import sessions
from keycloak_license.web.bearer import MAX_REMEMBERED, Managers
from keycloak_license.web.jobs import Job
from keycloak_license.web.oidc import Identity, Provider
from keycloak_license.web.sessions import SESSION_COOKIE, NoRoleError, NoSessionError
from keycloak_license.web.site import Actor, Desk, Site, digest
from tests.fake_sessions import MemoryAudit, MemorySessions
from tests.unit.services.world import NOON, World

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
IDLE, LASTING = 30 * MINUTE, 480 * MINUTE


@dataclass
class Roles:
    """`ports.Directory` in memory: who has the role."""

    managers: set[str] = field(default_factory=lambda: {"user-ann"})
    is_down: bool = False
    asked: int = 0

    def is_license_manager(self, user_id: str) -> bool:
        self.asked += 1
        if self.is_down:
            raise UnreachableError("Keycloak does not answer: the test says so")
        return user_id in self.managers

    def find_session_user(self, client_id: str, sid: str) -> str | None:
        return None

    def login_client(self) -> LoginClient:
        return LoginClient("screen", "secret")


@dataclass
class CountingSessions(MemorySessions):
    """Remembers how often it was written that somebody was there."""

    kept: int = 0

    def keep(self, key: str, seen_at: datetime, checked_at: datetime) -> None:
        self.kept += 1
        super().keep(key, seen_at, checked_at)


class Place:
    """A screen of two realms, with a clock that moves."""

    def __init__(self) -> None:
        self.now, self.roles, self.sessions, self.world = NOON, Roles(), CountingSessions(), World()
        self.desks = {name: self._desk(name) for name in ("acme", "other")}
        self.site = Site(
            address=ScreenAddress("http://screen", "http://screen"),
            desks=self.desks,
            sessions=self.sessions,
            audit=MemoryAudit(),
            idle=IDLE,
            lasting=LASTING,
            clock=lambda: self.now,
        )

    def _desk(self, name: str) -> Desk:
        managed = self.world.managed
        provider = Provider("http://127.0.0.1:1", name, verify_tls=True, timeout_seconds=1)
        return Desk(name, lambda _: managed, Viewer(managed), self.roles, provider, Job())

    def begin(self, who: str = "ann", realm: str = "acme") -> str:
        """What the browser of somebody who logs in holds."""
        identity = Identity(f"user-{who}", who, f"sid-{who}", "an id token")
        return sessions.begin(self.site, self.desks[realm], identity)[0]

    def enter(self, token: str | None, after: timedelta = timedelta(), realm: str = "acme") -> str:
        """Come back after a while; return who it is."""
        self.now += after
        return sessions.require(self.site, self.desks[realm], browser(token)).username


def browser(token: str | None) -> Request:
    """A request of a browser that holds this."""
    headers = [(b"cookie", f"{SESSION_COOKIE}={token}".encode())] if token is not None else []
    return Request({"type": "http", "headers": headers})


@pytest.fixture
def place() -> Place:
    return Place()


def test_who_has_logged_in_is_known_by_what_his_browser_holds(place: Place) -> None:
    ann, again = place.begin(), place.begin()
    assert ann != again
    assert place.enter(ann) == place.enter(again) == "ann"
    assert set(place.sessions._sessions) == {digest(ann), digest(again)}


@pytest.mark.parametrize("token", [None, "", "x", "é", digest("x")])
def test_who_holds_nothing_of_ours_is_nobody(place: Place, token: str | None) -> None:
    held = place.begin()
    for made_up in (token, digest(held), held[:-1]):
        with pytest.raises(NoSessionError):
            place.enter(made_up)


def test_a_session_that_nobody_uses_is_over(place: Place) -> None:
    ann = place.begin()
    place.enter(ann, IDLE - SECOND)
    place.enter(ann, IDLE - SECOND)
    with pytest.raises(NoSessionError):
        place.enter(ann, IDLE)
    assert place.sessions._sessions == {}


def test_every_session_is_over_some_day_however_much_it_is_used(place: Place) -> None:
    ann = place.begin()
    for _ in range(47):
        place.enter(ann, 10 * MINUTE)
    place.enter(ann, 10 * MINUTE - SECOND)
    with pytest.raises(NoSessionError):
        place.enter(ann, SECOND)
    assert place.sessions._sessions == {}


def test_the_role_is_asked_for_once_a_minute(place: Place) -> None:
    ann = place.begin()
    place.enter(ann, 54 * SECOND)
    assert place.roles.asked == 0
    place.enter(ann, SECOND)
    assert place.roles.asked == 1
    place.enter(ann, 54 * SECOND)
    assert place.roles.asked == 1
    place.enter(ann, SECOND)
    assert place.roles.asked == 2


def test_who_loses_the_role_is_out_within_a_minute_and_for_good(place: Place) -> None:
    ann = place.begin()
    place.roles.managers.clear()
    place.enter(ann, 54 * SECOND)
    with pytest.raises(NoRoleError) as refused:
        place.enter(ann, SECOND)
    assert refused.value.username == "ann"
    place.roles.managers.add("user-ann")
    with pytest.raises(NoSessionError):
        place.enter(ann)


def test_while_keycloak_is_down_nobody_is_let_in_whose_role_is_in_doubt(place: Place) -> None:
    ann = place.begin()
    place.roles.is_down = True
    place.enter(ann, 50 * SECOND)
    with pytest.raises(UnreachableError):
        place.enter(ann, 5 * SECOND)
    place.roles.is_down = False
    assert place.enter(ann) == "ann"


def test_that_somebody_was_there_is_kept_twice_a_minute_at_most(place: Place) -> None:
    ann = place.begin()
    for _ in range(120):
        place.enter(ann, SECOND)
    assert 2 <= place.sessions.kept <= 6
    seen_at = place.sessions._sessions[digest(ann)].seen_at
    assert place.now - seen_at <= 30 * SECOND


def test_a_session_is_of_one_realm_and_lives_on_when_it_is_shown_to_another(place: Place) -> None:
    ann = place.begin()
    with pytest.raises(NoSessionError):
        place.enter(ann, realm="other")
    assert place.enter(ann) == "ann"


def test_a_clock_that_was_set_back_lets_nobody_in_unchecked(place: Place) -> None:
    ann = place.begin()
    place.enter(ann, -60 * MINUTE)
    assert place.roles.asked == 1
    place.roles.managers.clear()
    place.enter(ann, 54 * SECOND)
    with pytest.raises(NoRoleError):
        place.enter(ann, SECOND)


def test_with_each_login_what_is_too_old_is_forgotten(place: Place) -> None:
    attempt = LoginAttempt("key", "acme", "state", "nonce", "verifier", "/", NOON)
    place.sessions.begin_login(attempt)
    place.begin()
    place.now += IDLE + SECOND
    place.begin("bob")
    assert [each.username for each in place.sessions._sessions.values()] == ["bob"]
    assert place.sessions.take_login("key") is None


# Programs.


def found(place: Place, managers: Managers, user_id: str = "user-ann") -> Actor | None:
    return managers.find(place.desks["acme"], user_id, place.now)


def test_the_role_of_a_program_is_believed_as_long_as_that_of_a_person(place: Place) -> None:
    managers = Managers()
    ann = place.world.realm.create_user("Ann")
    place.roles.managers = {ann}
    assert found(place, managers, ann) == Actor(ann, "ann")
    place.now += 54 * SECOND
    place.roles.managers.clear()
    assert found(place, managers, ann) == Actor(ann, "ann")
    assert place.roles.asked == 1
    place.now += SECOND
    assert found(place, managers, ann) is None
    place.roles.managers = {ann}
    assert found(place, managers, ann) == Actor(ann, "ann")


def test_nobody_gets_the_name_of_who_is_called_like_his_id(place: Place) -> None:
    place.world.realm.create_user("user-ann")
    assert found(place, Managers()) == Actor("user-ann", "")


def test_who_may_manage_licences_in_one_realm_is_nothing_in_another(place: Place) -> None:
    managers = Managers()
    assert found(place, managers)
    place.roles.managers.clear()
    assert managers.find(place.desks["other"], "user-ann", place.now) is None


def test_no_more_programs_are_remembered_than_there_is_room_for(place: Place) -> None:
    managers, many = Managers(), [f"user-{number}" for number in range(MAX_REMEMBERED + 1)]
    place.roles.managers = set(many)
    for each in many:
        found(place, managers, each)
    assert len(managers._known) == MAX_REMEMBERED
    asked = place.roles.asked
    found(place, managers, many[-1])
    assert place.roles.asked == asked
    found(place, managers, many[0])
    assert place.roles.asked == asked + 1
