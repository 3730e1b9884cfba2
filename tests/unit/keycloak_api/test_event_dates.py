"""Events since an instant, of a Keycloak that tells instants and of one that tells days only."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.events import PAGE_SIZE, list_events, to_milliseconds
from keycloak_license.keycloak_api.logins import read_logins
from keycloak_license.model.logins import LoginSearch
from tests.unit.keycloak_api.fake import Ask, FakeServer, Reply, connect, reply

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SINCE = to_milliseconds(NOON)


def admin_event(number: int, at: datetime) -> dict[str, Any]:
    return {"time": to_milliseconds(at), "operationType": "CREATE", "resourcePath": f"users/u{number}"}


@pytest.fixture
def old(server: FakeServer) -> FakeServer:
    """Knows days only, and has many events of the day before and two that are new."""
    earlier = [admin_event(number, NOON - (number + 1) * MINUTE) for number in range(2 * PAGE_SIZE)]
    events = [admin_event(-1, NOON + MINUTE), admin_event(-2, NOON), *earlier]

    def answer(ask: Ask) -> Reply:
        if ask.query["dateFrom"] != "2026-04-30":
            return reply({"error": "Invalid value for 'Date(From)', expected format is yyyy-MM-dd"}, 400)
        first = int(ask.query["first"])
        return reply(events[first : first + int(ask.query["max"])])

    server.on("GET", "admin-events", answer)
    return server


def paths(client: KeycloakClient) -> list[str | None]:
    return [event.resource_path for event in list_events(client, SINCE)]


def test_of_days_only_what_is_new_is_taken_and_no_page_too_many_is_read(old: FakeServer) -> None:
    assert paths(connect()) == ["users/u-1", "users/u-2"]
    assert len(old.asked("admin-events")) == 2


def test_who_knows_days_only_is_not_asked_for_an_instant_again(old: FakeServer) -> None:
    client = connect()
    assert paths(client) == paths(client)
    assert [ask.query["dateFrom"] for ask in old.asked("admin-events")] == [
        str(SINCE),
        "2026-04-30",
        "2026-04-30",
    ]


def test_logins_are_read_likewise_and_need_no_ids(server: FakeServer) -> None:
    logins = [
        {"time": to_milliseconds(at), "type": "LOGIN", "userId": user, "clientId": "wfm-app"}
        for user, at in (("ann", NOON), ("bob", NOON), ("cid", NOON - 8 * 24 * 60 * MINUTE))
    ]

    def answer(ask: Ask) -> Reply:
        is_day = len(ask.query["dateFrom"]) == len("2026-04-30")
        first = int(ask.query["first"])
        return reply(logins[first:] if is_day else {"error": "Invalid value"}, 200 if is_day else 400)

    server.on("GET", "events/config", reply({"eventsEnabled": True, "enabledEventTypes": ["LOGIN"]}))
    server.on("GET", "events", answer)
    server.on("GET", "client-session-stats", reply([]))

    reading = read_logins(connect(), LoginSearch(NOON - 7 * 24 * 60 * MINUTE, {}))

    assert {user for user, _ in reading.last_seen} == {"ann", "bob"}
