"""Logins: how many requests they take, when reading ends, and what is said where nothing can be known."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keycloak_license.errors import UnavailableError
from keycloak_license.keycloak_api.events import to_milliseconds
from keycloak_license.keycloak_api.logins import read_logins
from keycloak_license.model.logins import LoginReading, LoginRecord, LoginSearch
from tests.unit.keycloak_api.fake import FakeServer, connect, paged, reply

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
TYPES = ["LOGIN", "LOGOUT", "TOKEN_EXCHANGE"]


def event(
    number: int, user: str, at: datetime, client: str = "wfm-app", kind: str = "LOGIN"
) -> dict[str, Any]:
    return {"id": f"e{number}", "time": to_milliseconds(at), "type": kind, "userId": user, "clientId": client}


def session(user: str, at: datetime) -> dict[str, Any]:
    return {"id": f"s-{user}", "userId": user, "lastAccess": to_milliseconds(at)}


@pytest.fixture
def realm(server: FakeServer) -> FakeServer:
    """One that records logins for ever, and has none."""
    configure(server)
    server.on_list("events", [])
    server.on("GET", "client-session-stats", reply([]))
    return server


def configure(server: FakeServer, **config: object) -> None:
    known = {"eventsEnabled": True, "eventsExpiration": 0, "enabledEventTypes": TYPES}
    server.on("GET", "events/config", reply(known | config))


def read(holders: Sequence[str] = (), since: datetime = NOON - 97 * DAY, **more: Any) -> LoginReading:
    search = LoginSearch(since, dict.fromkeys(holders, since), **more)
    return read_logins(connect(), search)


def test_the_last_login_of_each_user_and_the_first_of_each_day_are_told(realm: FakeServer) -> None:
    realm.on_list(
        "events",
        [
            event(4, "ann", NOON),
            event(3, "ann", NOON - timedelta(hours=1)),
            event(2, "ann", NOON - DAY, "other-app"),
            event(1, "bob", NOON - 2 * DAY, kind="TOKEN_EXCHANGE"),
            {"id": "e0", "time": to_milliseconds(NOON - 3 * DAY), "type": "LOGIN"},
        ],
    )
    reading = read()

    assert reading.last_seen == {
        ("ann", "wfm-app"): NOON,
        ("ann", "other-app"): NOON - DAY,
        ("bob", "wfm-app"): NOON - 2 * DAY,
    }
    recorded = (NOON - 3 * DAY, NOON - DAY, NOON - timedelta(hours=1))
    assert reading.record == LoginRecord(recorded, None)
    assert reading.gaps == ()


def test_only_logins_of_the_time_that_matters_are_asked_for(realm: FakeServer) -> None:
    read()
    [ask] = realm.asked("events")
    assert ask.query["dateFrom"] == str(to_milliseconds(NOON - 97 * DAY))
    assert "type=LOGIN&type=TOKEN_EXCHANGE&" in realm.urls[realm.asks.index(ask) + len(realm.logins)]


@pytest.mark.parametrize("users", [1, 400])
def test_the_number_of_requests_depends_on_pages_and_clients_not_on_users(
    realm: FakeServer, users: int
) -> None:
    names = [f"user{number}" for number in range(users)]
    realm.on_list("events", [event(number, name, NOON) for number, name in enumerate(names)])
    stats = [("a", 1, 0), ("b", 1, 1), ("c", 0, 0)]
    realm.on(
        "GET",
        "client-session-stats",
        reply([{"id": i, "clientId": f"{i}-app", "active": str(n), "offline": str(o)} for i, n, o in stats]),
    )
    for path in ("clients/a/user-sessions", "clients/b/user-sessions", "clients/b/offline-sessions"):
        realm.on_list(path, [session(name, NOON) for name in names])
    reading = read(names)

    assert len(reading.last_seen) == 3 * users
    # What is recorded, two pages of events, which clients have sessions, and two pages of each list.
    assert len(realm.asks) == 1 + 2 + 1 + 3 * 2


def test_only_sessions_of_the_clients_in_question_are_read(realm: FakeServer) -> None:
    stats = [{"id": i, "clientId": f"{i}-app", "active": "1", "offline": "0"} for i in ("a", "b")]
    realm.on("GET", "client-session-stats", reply(stats))
    realm.on_list("clients/a/user-sessions", [session("ann", NOON), {"id": "s", "userId": "old"}])
    assert read(client_ids=frozenset({"a-app"})).last_seen == {("ann", "a-app"): NOON}


def test_a_client_that_was_deleted_meanwhile_has_no_sessions(realm: FakeServer) -> None:
    stats = [{"id": "gone", "clientId": "gone-app", "active": "1", "offline": "0"}]
    realm.on("GET", "client-session-stats", reply(stats))
    assert read().last_seen == {}


def test_reading_ends_when_the_time_is_covered_and_everybody_was_seen(realm: FakeServer) -> None:
    """A page may be cut short, so that only an empty one is known to be the last."""
    pages = [[event(9, "ann", NOON)], [event(8, "bob", NOON - 98 * DAY)], [event(7, "eve", NOON - 300 * DAY)]]
    realm.on("GET", "events", *(reply(page) for page in pages), reply([]))
    search = LoginSearch(NOON - 97 * DAY, {"ann": NOON - 400 * DAY, "bob": NOON - 400 * DAY})
    assert ("eve", "wfm-app") not in read_logins(connect(), search).last_seen
    assert len(realm.asked("events")) == 2


def test_reading_goes_on_for_whom_it_has_not_seen_back_to_his_seat(realm: FakeServer) -> None:
    pages = [[event(9, "ann", NOON - 98 * DAY)], [event(8, "bob", NOON - 300 * DAY)]]
    realm.on("GET", "events", *(reply(page) for page in pages), reply([]))
    search = LoginSearch(NOON - 97 * DAY, {"ann": NOON - 400 * DAY, "bob": NOON - 400 * DAY})
    reading = read_logins(connect(), search)
    assert reading.last_seen["bob", "wfm-app"] == NOON - 300 * DAY
    assert realm.asked("events")[0].query["dateFrom"] == str(to_milliseconds(NOON - 400 * DAY))


def test_of_too_many_logins_the_newest_are_read_and_nothing_is_known_before_them(realm: FakeServer) -> None:
    pages = [[event(number, "ann", NOON - number * DAY)] for number in range(5)]
    realm.on("GET", "events", *(reply(page) for page in pages), reply([]))
    reading = read_logins(connect(), LoginSearch(NOON - 97 * DAY), max_events=3)
    assert reading.record == LoginRecord((NOON - 2 * DAY, NOON - DAY, NOON), None)
    assert reading.gaps == ("Of the logins that are recorded, only the newest 3 were read",)


@pytest.mark.parametrize(
    "config",
    [{"eventsEnabled": False}, {"enabledEventTypes": ["LOGOUT"]}],
    ids=["off", "without logins"],
)
def test_where_logins_are_not_recorded_old_ones_still_count(
    realm: FakeServer, config: dict[str, Any]
) -> None:
    configure(realm, **config)
    realm.on_list("events", [event(1, "ann", NOON)])
    reading = read()
    assert reading.last_seen == {("ann", "wfm-app"): NOON}
    assert reading.record is None
    assert "switch on user events" in reading.gaps[0]


def test_an_empty_list_of_types_is_the_usual_ones_and_expiration_is_in_seconds(realm: FakeServer) -> None:
    configure(realm, enabledEventTypes=[], eventsExpiration=86400)
    assert read().record == LoginRecord((), DAY)


def test_a_missing_right_is_told_with_its_name_and_sessions_still_count(realm: FakeServer) -> None:
    realm.on("GET", "events/config", reply({"error": "HTTP 403 Forbidden"}, 403))
    stats = [{"id": "a", "clientId": "a-app", "active": "1", "offline": "0"}]
    realm.on("GET", "client-session-stats", reply(stats))
    realm.on("GET", "clients/a/user-sessions", paged([session("ann", NOON)]))
    reading = read()
    assert reading.last_seen == {("ann", "a-app"): NOON}
    assert reading.record is None
    assert "the role view-events of client realm-management" in reading.gaps[0]


def test_sessions_that_may_not_be_read_are_told(realm: FakeServer) -> None:
    realm.on("GET", "client-session-stats", reply({"error": "HTTP 403 Forbidden"}, 403))
    reading = read()
    assert reading.record == LoginRecord((), None)
    assert reading.gaps[0].startswith("Sessions cannot be read: ")


def test_a_keycloak_that_fails_is_no_reason_to_know_nothing(realm: FakeServer) -> None:
    realm.on("GET", "events", reply({}, 500))
    with pytest.raises(UnavailableError):
        read()
