"""Admin events: none is missed, none is taken twice, and each is known for what it touches."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keycloak_license.keycloak_api import activity, wire
from keycloak_license.keycloak_api.events import (
    MAX_PAGES,
    OVERLAP,
    PAGE_SIZE,
    EventLog,
    LostEventsError,
    News,
    date_grants,
    sort_out,
    to_milliseconds,
)
from keycloak_license.model.realm import Grant
from tests.unit.keycloak_api.fake import Answer, Ask, FakeServer, Reply, connect, login, reply

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass
class Journal:
    """Keycloak's log of admin events, newest first, and its clock."""

    server: FakeServer
    events: list[dict[str, Any]] = field(default_factory=list)
    now: datetime | None = NOON

    def __post_init__(self) -> None:
        self.server.on("GET", "admin-events", self._list)
        self.server.on("POST", "login", self._log_in)
        self.server.on("GET", "", reply({"id": "realm-id", "realm": "acme"}))
        self.client = connect()

    def add(self, name: str, at: datetime, path: str = "users/ann") -> None:
        event = {"id": name, "time": to_milliseconds(at), "operationType": "CREATE", "resourceType": "USER"}
        self.events.append(event | {"resourcePath": path})
        self.events.sort(key=lambda each: int(each["time"]), reverse=True)

    def look(self, log: EventLog) -> list[str | None]:
        """Look as the program does: at the realm first, which tells what its clock shows."""
        self.client.get("", wire.REALM)
        return [each.id for each in log.look()]

    def _list(self, ask: Ask) -> Reply:
        since, first = int(ask.query.get("dateFrom", 0)), int(ask.query.get("first", 0))
        found = [each for each in self.events if int(each["time"]) >= since]
        return reply(found[first : first + int(ask.query["max"])])

    def _log_in(self, _ask: Ask) -> Reply:
        # It expires at once, so that each request learns what Keycloak's clock shows.
        return login(expires_in=0, iat=self.now.timestamp() if self.now else None)


@pytest.fixture
def journal(server: FakeServer) -> Journal:
    return Journal(server)


@pytest.fixture
def log(journal: Journal) -> EventLog:
    log = EventLog(journal.client)
    assert journal.look(log) == []
    return log


def test_what_was_there_before_the_first_look_is_not_new(journal: Journal) -> None:
    journal.add("old", NOON - SECOND)
    log = EventLog(journal.client)
    assert journal.look(log) == []
    journal.add("new", NOON)
    assert journal.look(log) == ["new"]
    assert journal.look(log) == []


def test_an_event_that_comes_late_is_not_missed_and_none_comes_twice(journal: Journal, log: EventLog) -> None:
    journal.add("a", NOON + 9 * SECOND)
    journal.now = NOON + 10 * SECOND
    assert journal.look(log) == ["a"]
    journal.add("late", NOON + 10 * SECOND - OVERLAP + SECOND)
    journal.add("b", NOON + 11 * SECOND)
    journal.now = NOON + 12 * SECOND
    assert journal.look(log) == ["b", "late"]
    journal.now = NOON + 40 * SECOND
    assert journal.look(log) == []
    journal.now = NOON + 400 * SECOND
    assert journal.look(log) == []


def test_nothing_new_is_one_request_however_long_the_log(journal: Journal, server: FakeServer) -> None:
    for number in range(3 * PAGE_SIZE):
        journal.add(str(number), NOON - timedelta(hours=1) + number * timedelta(milliseconds=1))
    log = EventLog(journal.client)
    for minutes in range(5):
        journal.now = NOON + timedelta(minutes=minutes)
        assert journal.look(log) == []
    assert len(server.asked("admin-events")) == 5


def test_every_page_is_read_also_while_more_comes_in(
    journal: Journal, log: EventLog, server: FakeServer
) -> None:
    for number in range(2 * PAGE_SIZE + 5):
        journal.add(f"e{number}", NOON + SECOND)

    def disturbed(ask: Ask) -> Reply:
        answer = journal._list(ask)
        if ask.query["first"] == "0":
            journal.add("meanwhile", NOON + 2 * SECOND)
        return answer

    server.on("GET", "admin-events", disturbed)
    found = journal.look(log)
    assert len(found) == len(set(found)) == 2 * PAGE_SIZE + 5
    server.on("GET", "admin-events", journal._list)
    assert journal.look(log) == ["meanwhile"]


def test_a_log_that_was_cleared_is_noticed(journal: Journal, log: EventLog) -> None:
    journal.add("a", NOON + SECOND)
    assert journal.look(log) == ["a"]
    journal.events.clear()
    with pytest.raises(LostEventsError):
        journal.look(log)


def test_what_has_grown_old_is_not_missed(journal: Journal, log: EventLog) -> None:
    journal.add("a", NOON + SECOND)
    assert journal.look(log) == ["a"]
    journal.now = NOON + 2 * OVERLAP
    assert journal.look(log) == []
    journal.events.clear()
    assert journal.look(log) == []


def test_a_clock_that_goes_back_is_noticed(journal: Journal, log: EventLog) -> None:
    journal.now = NOON - 2 * OVERLAP
    with pytest.raises(LostEventsError):
        journal.look(log)


def test_too_many_to_read_are_lost(journal: Journal, log: EventLog, server: FakeServer) -> None:
    def endless(ask: Ask) -> Reply:
        first = int(ask.query["first"])
        kind = {"time": to_milliseconds(NOON), "operationType": "CREATE", "resourceType": "USER"}
        return reply([{"id": str(first + number), **kind} for number in range(PAGE_SIZE)])

    server.on("GET", "admin-events", endless)
    with pytest.raises(LostEventsError):
        journal.look(log)
    assert len(server.asked("admin-events")) == 1 + MAX_PAGES


def test_without_keycloaks_clock_the_last_event_tells_how_far_to_look(journal: Journal) -> None:
    journal.now = None
    journal.add("old", NOON)
    log = EventLog(journal.client)
    assert journal.look(log) == []
    journal.add("same instant", NOON)
    journal.add("new", NOON + SECOND)
    assert journal.look(log) == ["new", "same instant"]
    assert journal.look(log) == []


def test_events_of_older_servers_have_no_id(server: FakeServer, journal: Journal, log: EventLog) -> None:
    event = {"time": to_milliseconds(NOON), "operationType": "CREATE", "resourceType": "USER"}
    answer: Answer = reply([event | {"resourcePath": f"users/{name}"} for name in ("ann", "bob", "ann")])
    server.on("GET", "admin-events", answer)
    assert sort_out(log.look()).user_ids == {"ann", "bob"}
    assert journal.look(log) == []


def event(act: str, kind: str, path: str | None, seconds: int = 0) -> activity.AdminEventRepresentation:
    return activity.AdminEventRepresentation(
        time=to_milliseconds(NOON + seconds * SECOND),
        operation_type=act,
        resource_type=kind,
        resource_path=path,
    )


NOTHING, STRUCTURE, ALL = News(), News(is_structure_touched=True), News(is_all_touched=True)


@pytest.mark.parametrize(
    ("act", "kind", "path", "touched"),
    [
        ("CREATE", "USER", "users/ann", News(frozenset({"ann"}))),
        ("DELETE", "USER", "users/ann", News(frozenset({"ann"}))),
        ("ACTION", "USER", "users/f:ldap:ann/logout", News(frozenset({"f:ldap:ann"}))),
        ("CREATE", "REALM_ROLE_MAPPING", "users/ann/role-mappings/realm", News(frozenset({"ann"}))),
        ("DELETE", "CLIENT_ROLE_MAPPING", "users/ann/role-mappings/clients/c", News(frozenset({"ann"}))),
        ("CREATE", "GROUP_MEMBERSHIP", "users/ann/groups/g", News(frozenset({"ann"}))),
        ("DELETE", "ORGANIZATION_MEMBERSHIP", "organizations/o/members/ann", News(frozenset({"ann"}))),
        ("DELETE", "ORGANIZATION", "organizations/o", ALL),
        ("CREATE", "ORGANIZATION", "organizations/o", NOTHING),
        ("CREATE", "REALM_ROLE_MAPPING", "groups/g/role-mappings/realm", STRUCTURE),
        ("CREATE", "GROUP", "groups/g/children", STRUCTURE),
        ("UPDATE", "GROUP", "groups", STRUCTURE),
        ("DELETE", "REALM_ROLE", "roles/users", STRUCTURE),
        ("CREATE", "REALM_ROLE", "roles-by-id/r/composites", STRUCTURE),
        ("CREATE", "CLIENT_ROLE", "clients/c/roles/agent", STRUCTURE),
        ("UPDATE", "CLIENT", "clients/c", STRUCTURE),
        ("UPDATE", "AUTH_EXECUTION", "authentication/executions/x", STRUCTURE),
        ("CREATE", "COMPONENT", "components/ldap", ALL),
        ("UPDATE", "REALM", None, NOTHING),
        ("ACTION", "REALM", "clear-user-cache", NOTHING),
        ("CREATE", "REALM", "users/ann", News(frozenset({"ann"}), is_structure_touched=True)),
        (
            "UPDATE",
            "REALM",
            "users/ann",
            News(frozenset({"ann"}), is_structure_touched=True, is_all_touched=True),
        ),
        ("CREATE", "REALM", "realms/a-role", STRUCTURE),
        ("CREATE", "REQUIRED_ACTION", "authentication/required-actions/x", NOTHING),
        ("CREATE", "SOMETHING_NEW", "users/ann", NOTHING),
    ],
)
def test_an_event_touches(act: str, kind: str, path: str | None, touched: News) -> None:
    assert sort_out([event(act, kind, path)]) == touched


def test_events_are_added_up() -> None:
    found = sort_out([event("CREATE", "USER", "users/ann"), event("UPDATE", "GROUP", "groups/g")])
    assert found == News(frozenset({"ann"}), is_structure_touched=True)
    assert sort_out([]) == NOTHING


def granted(*events: activity.AdminEventRepresentation) -> dict[str, int]:
    """Seconds after noon, by user."""
    backwards: Callable[[activity.AdminEventRepresentation], int] = lambda each: -each.time  # noqa: E731
    times = date_grants(sorted(events, key=backwards)).users
    return {user: int((at - NOON) / SECOND) for user, at in times.items()}


def test_who_is_given_something_came_then() -> None:
    give = ("CREATE", "REALM_ROLE_MAPPING", "users/ann/role-mappings/realm")
    join = ("CREATE", "GROUP_MEMBERSHIP", "users/ann/groups/g")
    assert granted(event(*give, 1)) == {"ann": 1}
    assert granted(event(*join, 2), event(*give, 3)) == {"ann": 2}
    assert granted(event("CREATE", "USER", "users/ann", 1), event(*give, 3)) == {"ann": 3}
    assert granted(event(*give, 1), event("UPDATE", "USER", "users/ann", 5)) == {"ann": 1}


def test_what_was_taken_in_between_begins_anew() -> None:
    path = "users/ann/role-mappings/realm"
    events = [("CREATE", 1), ("DELETE", 2), ("CREATE", 3), ("CREATE", 4)]
    assert granted(*(event(act, "REALM_ROLE_MAPPING", path, at) for act, at in events)) == {"ann": 3}
    assert granted(event("DELETE", "REALM_ROLE_MAPPING", path, 1)) == {}


def test_who_is_only_changed_came_with_the_last_change() -> None:
    assert granted(*(event("UPDATE", "USER", "users/ann", at) for at in (1, 2))) == {"ann": 2}
    assert granted(event("ACTION", "USER", "users/ann/logout", 1)) == {}


def by(user: str | None, *given: Any, realm: str | None = "realm-id") -> activity.AdminEventRepresentation:
    """An event in which somebody of a realm did something."""
    details = activity.AuthDetailsRepresentation(realm_id=realm, user_id=user)
    return event(*given).model_copy(update={"auth_details": details, "realm_id": "realm-id"})


def test_who_gave_something_is_known_where_it_was_one_person() -> None:
    role = ("CREATE", "REALM_ROLE_MAPPING", "users/ann/role-mappings/realm")
    group = ("CREATE", "GROUP_MEMBERSHIP", "users/ann/groups/g")

    def grants(*events: activity.AdminEventRepresentation) -> dict[str, Grant]:
        return dict(date_grants(events).grants)

    at = NOON + SECOND
    assert grants(by("eve", *role, 1), by("eve", *group, 2)) == {
        "ann": Grant(at, "eve", is_by_neighbour=True)
    }
    assert grants(by("eve", *role, 1), by("bob", *group, 2)) == {}
    assert grants(event(*role, 1)) == grants(by(None, *role, 1)) == {}
    assert grants(by("eve", *role, 1), event(*group, 2)) == {}
    assert grants(by("eve", *role, 1, realm="master")) == {"ann": Grant(at, "eve")}
    assert grants(by("eve", *role, 1, realm=None)) == {"ann": Grant(at, "eve")}


def test_who_made_somebody_counts_where_nobody_gave_him_anything() -> None:
    role = ("CREATE", "REALM_ROLE_MAPPING", "users/ann/role-mappings/realm")
    made = ("CREATE", "USER", "users/ann")
    [grant] = date_grants([by("bob", *made, 1), by("eve", *role, 2)]).grants.values()
    assert grant.by_id == "eve"
    [grant] = date_grants([by("bob", *made, 1)]).grants.values()
    assert grant.by_id == "bob"


def test_nobody_is_named_rather_than_the_wrong_one() -> None:
    role = ("CREATE", "REALM_ROLE_MAPPING", "users/ann/role-mappings/realm")
    taken = ("DELETE", "REALM_ROLE_MAPPING", "users/ann/role-mappings/realm")
    of_group = ("CREATE", "REALM_ROLE_MAPPING", "groups/g/role-mappings/realm")
    change = ("UPDATE", "USER", "users/ann")
    assert date_grants([by("bob", *change, 1)]).grants == {}
    assert date_grants([by("bob", *change, 1), by("eve", *of_group, 2)]).grants == {}
    assert date_grants([by("bob", *role, 1), by("eve", *of_group, 2)]).grants == {}
    # Which of the two roles makes a consumer is not told.
    assert date_grants([by("eve", *role, 1), by("carl", *taken, 2), by("dora", *role, 3)]).grants == {}


def test_what_is_given_to_many_at_once_is_dated_as_well() -> None:
    group = event("CREATE", "CLIENT_ROLE_MAPPING", "groups/g/role-mappings/clients/c", 3)
    composite = event("CREATE", "REALM_ROLE", "roles/TEAM/composites", 2)
    made = event("CREATE", "REALM_ROLE", "roles/TEAM", 1)
    assert date_grants([group, composite, made]).structure == NOON + 2 * SECOND
    assert date_grants([made]).structure is None
