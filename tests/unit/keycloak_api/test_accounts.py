"""Users are changed several at once: each step in its order, and one refused user holds up nobody."""

from collections.abc import Callable
from typing import Any

import pytest

from keycloak_license.errors import (
    AuthenticationError,
    KeycloakLicenseError,
    MissingRightError,
    UnreachableError,
)
from keycloak_license.keycloak_api.enforcement import WORKERS, Enforcer, OwnThings
from keycloak_license.model.enforcement import DISABLED_ROLE
from keycloak_license.model.measures import (
    AccountChange,
    Measure,
    Refusal,
    RoleCreated,
    SeatRoleAssigned,
    SeatRoleRemoved,
    UserDisabled,
    UserEnabled,
)
from keycloak_license.model.progress import Progress, no_progress
from tests.fakes import unfenced
from tests.unit.keycloak_api.fake import Answer, FakeServer, connect, cut_while_reading, reply
from tests.unit.keycloak_api.small_realm import user

OWN = "keycloak-license"
KNOWN = OwnThings(
    OWN,
    {name: f"id-{name}" for name in (OWN, "wfm", "qm")},
    {"seat-WFM": "r-seat", DISABLED_ROLE: "r-disabled"},
)
SEAT = {"id": "r-seat", "name": "seat-WFM"}
MARKED = {"id": "r-disabled", "name": DISABLED_ROLE}
ANN = "users/user-ann"
MAPPINGS = f"role-mappings/clients/id-{OWN}"
GONE = reply({"error": "Not found"}, 404)


@pytest.fixture
def realm(server: FakeServer) -> FakeServer:
    """A realm that takes every write, and shows only what a test has put there."""
    server.otherwise = reply(status=204)
    return server


def carry_out(
    *measures: Measure, progress: Progress = no_progress, before_write: Callable[[], None] = unfenced
) -> tuple[Refusal, ...]:
    return Enforcer(connect(), KNOWN, progress, before_write).carry_out(measures)


def assigned(name: str) -> SeatRoleAssigned:
    return SeatRoleAssigned("WFM", f"user-{name}", name, "he has a seat", "seat-WFM")


def removed(name: str, *clients: str) -> SeatRoleRemoved:
    return SeatRoleRemoved("WFM", f"user-{name}", name, "his seat was released", "seat-WFM", clients)


DISABLED = UserDisabled("WFM", "user-ann", "ann", "he waits for a seat")
ENABLED = UserEnabled("", "user-ann", "ann", "he has a seat")


def body_of(server: FakeServer, method: str, path: str) -> Any:
    [ask] = server.asked(path, method)
    return ask.body


def test_who_has_a_seat_gets_its_role_however_odd_his_id(realm: FakeServer) -> None:
    refused = carry_out(SeatRoleAssigned("WFM", "f:corp:a/b", "a/b", "he has a seat", "seat-WFM"))

    assert refused == ()
    assert body_of(realm, "POST", f"users/f:corp:a%2Fb/{MAPPINGS}") == [SEAT]
    assert len(realm.asks) == 1


def test_who_loses_his_role_loses_his_sessions_in_the_named_clients_before(realm: FakeServer) -> None:
    reached = {"s-1": ["wfm"], "s-2": ["qm"], "s-3": ["qm", "wfm"]}
    sessions = [{"id": id_, "clients": {f"id-{each}": each for each in at}} for id_, at in reached.items()]
    realm.on("GET", f"{ANN}/sessions", reply(sessions))
    realm.on("GET", f"{ANN}/offline-sessions/id-wfm", reply([{"id": "o-1"}]))
    carry_out(removed("ann", "wfm"))

    ended = ["DELETE sessions/s-1", "DELETE sessions/s-3", "DELETE sessions/o-1"]
    assert realm.writes() == [*ended, f"DELETE {ANN}/{MAPPINGS}"]
    queries = [ask.query for ask in realm.asks if ask.path.startswith("sessions/")]
    assert queries == [{}, {}, {"isOffline": "true"}]
    assert body_of(realm, "DELETE", f"{ANN}/{MAPPINGS}") == [SEAT]


def test_a_session_that_has_ended_by_itself_does_not_keep_him_the_role(realm: FakeServer) -> None:
    realm.on("GET", f"{ANN}/sessions", reply([{"id": "s-1", "clients": {"id-wfm": "wfm"}}]))
    realm.on("GET", f"{ANN}/offline-sessions/id-wfm", reply([{"id": "o-1"}]))
    realm.on("DELETE", "sessions/s-1", GONE)
    realm.on("DELETE", "sessions/o-1", GONE)
    carry_out(removed("ann", "wfm"))

    assert realm.writes() == ["DELETE sessions/s-1", "DELETE sessions/o-1", f"DELETE {ANN}/{MAPPINGS}"]


def test_without_a_client_that_is_there_no_session_is_looked_for(realm: FakeServer) -> None:
    realm.on("GET", "clients", reply([]))
    carry_out(removed("ann"), removed("bob", "new"))

    assert [ask.path for ask in realm.asks if ask.method == "GET"] == ["clients"]
    assert len(realm.writes()) == 2


def test_a_user_is_marked_then_logged_out_then_disabled(realm: FakeServer) -> None:
    realm.on("GET", ANN, reply(user("ann")))
    carry_out(DISABLED)

    assert realm.writes() == [f"POST {ANN}/{MAPPINGS}", f"POST {ANN}/logout", f"PUT {ANN}"]
    assert body_of(realm, "POST", f"{ANN}/{MAPPINGS}") == [MARKED]
    assert body_of(realm, "PUT", ANN) == {"enabled": False}


def test_who_was_disabled_by_somebody_else_meanwhile_is_not_marked(realm: FakeServer) -> None:
    realm.on("GET", ANN, reply(user("ann", enabled=False)))
    carry_out(DISABLED)

    assert realm.writes() == []


def test_a_rejected_disabling_takes_the_mark_away_again(realm: FakeServer) -> None:
    realm.on("GET", ANN, reply(user("ann")))
    realm.on("PUT", ANN, reply({"errorMessage": "User is read only!"}, 400))
    [refusal] = carry_out(DISABLED)

    assert refusal.user_id == "user-ann"
    assert realm.writes()[-2:] == [f"PUT {ANN}", f"DELETE {ANN}/{MAPPINGS}"]
    assert body_of(realm, "DELETE", f"{ANN}/{MAPPINGS}") == [MARKED]


def test_a_disabling_of_which_nobody_knows_whether_it_was_done_leaves_the_mark(realm: FakeServer) -> None:
    realm.on("GET", ANN, reply(user("ann")))
    realm.on("PUT", ANN, reply({}, 500))

    assert len(carry_out(DISABLED)) == 1
    assert realm.asked(f"{ANN}/{MAPPINGS}", "DELETE") == []


@pytest.mark.parametrize(
    ("is_enabled", "writes"),
    [(False, [f"PUT {ANN}", f"DELETE {ANN}/{MAPPINGS}"]), (True, [f"DELETE {ANN}/{MAPPINGS}"])],
)
def test_a_user_is_enabled_where_he_is_not_and_loses_the_mark_last(
    realm: FakeServer, is_enabled: bool, writes: list[str]
) -> None:
    realm.on("GET", ANN, reply(user("ann", enabled=is_enabled)))
    carry_out(ENABLED)

    assert realm.writes() == writes
    assert body_of(realm, "DELETE", f"{ANN}/{MAPPINGS}") == [MARKED]
    assert [ask.body for ask in realm.asked(ANN, "PUT")] == [{"enabled": True}] * (not is_enabled)


def test_who_could_not_be_enabled_keeps_the_mark(realm: FakeServer) -> None:
    realm.on("GET", ANN, reply(user("ann", enabled=False)))
    realm.on("PUT", ANN, reply({}, 400))

    assert len(carry_out(ENABLED)) == 1
    assert realm.writes() == [f"PUT {ANN}"]


@pytest.mark.parametrize(
    "change", [assigned("ann"), removed("ann"), removed("ann", "wfm"), DISABLED, ENABLED], ids=repr
)
def test_a_user_who_is_gone_is_no_error(realm: FakeServer, change: AccountChange) -> None:
    realm.otherwise = GONE
    realm.on("POST", f"users/user-bob/{MAPPINGS}", reply(status=204))

    assert carry_out(change, assigned("bob")) == ()
    assert len(realm.asked(f"users/user-bob/{MAPPINGS}", "POST")) == 1


def test_a_user_who_goes_while_he_is_disabled_is_no_error(realm: FakeServer) -> None:
    realm.otherwise = GONE
    realm.on("GET", ANN, reply(user("ann")))
    realm.on("POST", f"{ANN}/{MAPPINGS}", reply(status=204))
    realm.on("POST", f"{ANN}/logout", reply(status=204))

    assert carry_out(DISABLED) == ()


@pytest.mark.parametrize("status", [400, 500, 503])
def test_a_user_whom_keycloak_does_not_change_is_told_and_the_others_are_changed(
    realm: FakeServer, status: int
) -> None:
    realm.on("POST", f"users/user-bad/{MAPPINGS}", reply({}, status))
    [refusal] = carry_out(*map(assigned, ["a", "bad", "b", "c", "d", "e"]), RoleCreated("x"))

    assert refusal.user_id == "user-bad"
    assert f"with status {status}" in refusal.why
    assert "bad" not in refusal.why
    assert all(realm.asked(f"users/user-{name}/{MAPPINGS}", "POST") for name in "abcde")
    assert realm.asks[-1].path == f"clients/id-{OWN}/roles"


def test_the_refused_of_every_stretch_of_the_plan_are_told(realm: FakeServer) -> None:
    for name in ("ann", "bob"):
        realm.on("POST", f"users/user-{name}/{MAPPINGS}", reply({}, 400))
    refused = carry_out(assigned("ann"), RoleCreated("x"), assigned("bob"))

    assert [refusal.user_id for refusal in refused] == ["user-ann", "user-bob"]


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (cut_while_reading(), UnreachableError),
        (reply({}, 504), UnreachableError),
        (reply({}, 403), MissingRightError),
        (reply({}, 401), AuthenticationError),
    ],
    ids=["cut", "504", "403", "401"],
)
def test_what_concerns_every_user_ends_everything(
    realm: FakeServer, trouble: Answer, error: type[KeycloakLicenseError]
) -> None:
    names = [f"u{number}" for number in range(200)]
    for name in names:
        realm.on("POST", f"users/user-{name}/{MAPPINGS}", trouble)

    with pytest.raises(error):
        carry_out(*map(assigned, names), RoleCreated("x"))
    assert realm.asked(f"clients/id-{OWN}/roles", "POST") == []
    # Whoever meets it begins nothing more, however long the thread that waits for all takes to hear of it.
    assert len({ask.path for ask in realm.asks}) <= WORKERS


def test_who_may_write_is_asked_before_the_first_user_is_changed(realm: FakeServer) -> None:
    written: list[int] = []
    carry_out(assigned("ann"), assigned("bob"), before_write=lambda: written.append(len(realm.writes())))

    assert written[0] == 0


def test_each_user_who_is_done_counts_as_progress_the_refused_too(realm: FakeServer) -> None:
    realm.on("POST", f"{ANN}/{MAPPINGS}", reply({}, 400))
    shown: list[tuple[str, int, int]] = []
    carry_out(assigned("ann"), assigned("bob"), progress=lambda *each: shown.append(each))

    assert shown == [("users", 1, 2), ("users", 2, 2)]


def test_a_client_that_is_gone_meanwhile_keeps_nobody_his_role(realm: FakeServer) -> None:
    realm.on("GET", f"{ANN}/sessions", reply([]))
    realm.on("GET", f"{ANN}/offline-sessions/id-wfm", reply({"error": "Client not found"}, 404))
    carry_out(removed("ann", "wfm"))

    assert realm.writes() == [f"DELETE {ANN}/{MAPPINGS}"]
