"""What a realm tells of logins, simulated and real."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.model.application import Application
from keycloak_license.model.logins import LoginReading, LoginSearch
from keycloak_license.model.seat import Claim
from keycloak_license.plan.idle_seats import SeatUse, find_use, login_search
from keycloak_license.services.ports import Realm
from tests.contract.realm_admin import VIEW_ONLY, connect_as_sidecar, connect_as_viewer
from tests.fakes import SimulatedRealm
from tests.real.keycloak import MakeRealm, RealRealm
from tests.real.logins import App

PASSWORD = "correct horse"
WFM = Application("WFM", "Workforce Management", clients=("wfm-app",))
DAY = timedelta(days=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Door(Protocol):
    """The realm from the side of its users and its admin."""

    def user_id(self, username: str) -> str: ...

    def log_in(self, username: str, client_id: str) -> None:
        """Log in, and stay."""

    def record(self, *, on: bool) -> None:
        """Switch the recording of logins."""

    def forget_logins(self) -> None:
        """Delete what is recorded."""

    def end_sessions(self) -> None: ...


@dataclass
class SimulatedDoor:
    realm: SimulatedRealm

    def user_id(self, username: str) -> str:
        found = self.realm.find_user(username)
        return found.id if found else self.realm.create_user(username)

    def log_in(self, username: str, client_id: str) -> None:
        self.realm.logins.log_in(self.user_id(username), datetime.now(UTC), client_id, stays=True)

    def record(self, *, on: bool) -> None:
        self.realm.logins.is_recording = on

    def forget_logins(self) -> None:
        self.realm.logins.events.clear()

    def end_sessions(self) -> None:
        self.realm.logins.sessions.clear()


@dataclass
class RealDoor:
    real: RealRealm

    def user_id(self, username: str) -> str:
        return self.real.user_id(username)

    def log_in(self, username: str, client_id: str) -> None:
        tokens = App(self.real.api.url, self.real.name, client_id).direct_grant(username, PASSWORD)
        assert tokens.are_granted, tokens

    def record(self, *, on: bool) -> None:
        self.real.put("/events/config", self.real.get("/events/config") | {"eventsEnabled": on})

    def forget_logins(self) -> None:
        self.real.delete("/events")

    def end_sessions(self) -> None:
        self.real.post("/logout-all")


def person(name: str) -> dict[str, object]:
    return {
        "username": name,
        "enabled": True,
        "email": f"{name}@example.org",
        "firstName": name,
        "lastName": "Example",
        "credentials": [{"type": "password", "value": PASSWORD}],
    }


def representation() -> dict[str, object]:
    apps = [
        {"clientId": name, "publicClient": True, "directAccessGrantsEnabled": True}
        for name in ("wfm-app", "other-app")
    ]
    return {
        "eventsEnabled": True,
        "clients": [*VIEW_ONLY["clients"], *apps],
        "users": [*VIEW_ONLY["users"], person("ann"), person("bob")],
    }


@pytest.fixture(params=["simulated", "real"])
def place(request: pytest.FixtureRequest) -> tuple[Door, Realm]:
    if request.param == "simulated":
        simulated = SimulatedRealm()
        return SimulatedDoor(simulated), simulated
    make_realm: MakeRealm = request.getfixturevalue("make_realm")
    real = make_realm(representation())
    return RealDoor(real), KeycloakRealm(connect_as_sidecar(real))


@pytest.fixture
def door(place: tuple[Door, Realm]) -> Door:
    return place[0]


@pytest.fixture
def realm(place: tuple[Door, Realm]) -> Realm:
    return place[1]


def uses(reading: LoginReading) -> set[tuple[str, str]]:
    return set(reading.last_seen)


def use_of(realm: Realm, user: str, now: datetime) -> SeatUse:
    """How a seat is used that was given long ago."""
    claim = Claim("WFM", user, user, None, None, LONG_AGO, is_seated=True, seated_at=LONG_AGO)
    reading = realm.read_logins(login_search([claim], [WFM], now, 1))
    return find_use([claim], WFM, reading, now, 1)[0].state


def test_a_login_is_told_with_its_client_and_day(door: Door, realm: Realm) -> None:
    before = realm.read_logins(LoginSearch(LONG_AGO))
    assert (uses(before), before.gaps) == (set(), ())
    assert before.record is not None
    assert before.record.recorded == ()

    door.log_in("ann", "wfm-app")
    door.log_in("ann", "other-app")
    door.end_sessions()
    reading = realm.read_logins(LoginSearch(LONG_AGO))

    ann = door.user_id("ann")
    assert uses(reading) == {(ann, "wfm-app"), (ann, "other-app")}
    assert reading.record is not None
    assert reading.record.kept_for is None
    assert reading.record.recorded[0] == reading.last_seen[ann, "wfm-app"]


def test_a_session_tells_where_no_logins_are_recorded_and_nobody_is_idle(door: Door, realm: Realm) -> None:
    door.record(on=False)
    door.log_in("ann", "wfm-app")
    now = datetime.now(UTC)

    assert realm.read_logins(LoginSearch(LONG_AGO)).record is None
    assert use_of(realm, door.user_id("ann"), now) is SeatUse.ACTIVE
    assert use_of(realm, door.user_id("bob"), now) is SeatUse.UNKNOWN
    door.end_sessions()
    assert use_of(realm, door.user_id("ann"), now) is SeatUse.UNKNOWN


def test_only_sessions_of_the_clients_in_question_are_told(door: Door, realm: Realm) -> None:
    for client_id in ("wfm-app", "other-app"):
        door.log_in("ann", client_id)
    door.forget_logins()
    reading = realm.read_logins(LoginSearch(LONG_AGO, client_ids=frozenset({"wfm-app"})))
    assert uses(reading) == {(door.user_id("ann"), "wfm-app")}


def test_who_never_came_is_idle_when_the_record_is_long_enough_and_who_came_is_not(
    door: Door, realm: Realm
) -> None:
    """Keycloak's clock cannot be moved, so ours is: two days on, one day without a login is proved."""
    door.log_in("ann", "wfm-app")
    door.end_sessions()
    ann, bob, now = door.user_id("ann"), door.user_id("bob"), datetime.now(UTC)

    assert use_of(realm, ann, now) is SeatUse.ACTIVE
    assert use_of(realm, bob, now) is SeatUse.UNKNOWN
    assert use_of(realm, ann, now + 2 * DAY) is SeatUse.DORMANT
    assert use_of(realm, bob, now + 2 * DAY) is SeatUse.DORMANT
    assert use_of(realm, bob, now + 30 * DAY) is SeatUse.UNKNOWN
    door.forget_logins()
    assert use_of(realm, bob, now + 2 * DAY) is SeatUse.UNKNOWN


def test_without_the_right_to_view_events_it_is_said_which_would_help(make_realm: MakeRealm) -> None:
    real = make_realm(representation())
    door = RealDoor(real)
    door.log_in("ann", "wfm-app")
    reading = KeycloakRealm(connect_as_viewer(real)).read_logins(LoginSearch(LONG_AGO))
    assert reading.record is None
    assert "the role view-events" in reading.gaps[0]
    assert uses(reading) == {(door.user_id("ann"), "wfm-app")}
