"""Measures are carried out in order, each safe to repeat, and by nobody who was overtaken."""

from collections.abc import Callable
from typing import Any

import pytest

from keycloak_license.errors import (
    LeaseLostError,
    NotThereError,
    RejectedRequestError,
)
from keycloak_license.keycloak_api.enforcement import Enforcer, OwnThings
from keycloak_license.model.enforcement import MARK
from keycloak_license.model.measures import (
    AccessClosed,
    AccessOpened,
    LeakClosed,
    Measure,
    RoleCreated,
    RoleRemoved,
    SeatRoleAssigned,
    SeatRoleRemoved,
    TokensRevoked,
)
from keycloak_license.model.progress import no_progress
from keycloak_license.model.realm import Group, RealmSnapshot, Role
from tests.fakes import unfenced
from tests.unit.keycloak_api.fake import (
    Answer,
    FakeServer,
    connect,
    login,
    reply,
)

OWN = "keycloak-license"
ROLE_IDS = {"seat-WFM": "r-seat", "access-WFM": "r-access"}
KNOWN = OwnThings(OWN, {name: f"id-{name}" for name in (OWN, "wfm", "qm")}, ROLE_IDS)
SEAT = {"id": "r-seat", "name": "seat-WFM"}
ROLES = f"clients/id-{OWN}/roles"
INSIDE = f"{ROLES}/seat-WFM/composites"
ANN = "users/user-ann"
MAPPINGS = f"role-mappings/clients/id-{OWN}"
GONE = reply({"error": "Not found"}, 404)
SERVICES = {"serviceAccountsEnabled": True, "authorizationServicesEnabled": True}
KEYCLOAK_NOW = 2_000_000_000


@pytest.fixture
def realm(server: FakeServer) -> FakeServer:
    """A realm that takes every write, and in which everything is to be known already."""
    server.otherwise = reply(status=204)
    for name in ("wfm", "qm", "new"):
        server.on("GET", f"clients/id-{name}", reply(SERVICES))
    return server


def carry_out(
    *measures: Measure, known: OwnThings = KNOWN, before_write: Callable[[], None] = unfenced
) -> None:
    assert Enforcer(connect(), known, no_progress, before_write).carry_out(measures) == ()


def assigned(name: str) -> SeatRoleAssigned:
    return SeatRoleAssigned("WFM", f"user-{name}", name, "he has a seat", "seat-WFM")


def removed(name: str) -> SeatRoleRemoved:
    return SeatRoleRemoved("WFM", f"user-{name}", name, "his seat was released", "seat-WFM")


def body_of(server: FakeServer, method: str, path: str) -> Any:
    [ask] = server.asked(path, method)
    return ask.body


@pytest.mark.parametrize("status", [201, 409])
def test_a_role_is_made_with_our_mark_unless_it_is_there_already(realm: FakeServer, status: int) -> None:
    realm.on("POST", ROLES, reply(status=status))
    carry_out(RoleCreated("seat-WFM"))

    body = body_of(realm, "POST", ROLES)
    assert (body["name"], body["attributes"]) == ("seat-WFM", {MARK: ["true"]})


@pytest.mark.parametrize("answer", [reply(status=204), GONE])
def test_a_role_is_taken_away_unless_it_is_gone_already(realm: FakeServer, answer: Answer) -> None:
    realm.on("DELETE", f"{ROLES}/seat-A%2FB", answer)
    carry_out(RoleRemoved("seat-A/B"))

    assert realm.writes() == [f"DELETE {ROLES}/seat-A%2FB"]


def test_access_is_opened_by_one_request(realm: FakeServer) -> None:
    carry_out(AccessOpened("WFM"))

    assert realm.writes() == [f"POST {INSIDE}"]
    assert body_of(realm, "POST", INSIDE) == [{"id": "r-access", "name": "access-WFM"}]


@pytest.mark.parametrize("answer", [reply(status=204), GONE])
def test_access_is_closed_after_every_client_was_cut_off(realm: FakeServer, answer: Answer) -> None:
    realm.on("DELETE", INSIDE, answer)
    carry_out(AccessClosed("WFM", ("wfm", "qm")))

    assert realm.writes() == ["PUT clients/id-wfm", "PUT clients/id-qm", f"DELETE {INSIDE}"]
    assert body_of(realm, "DELETE", INSIDE) == [{"id": "r-access", "name": "access-WFM"}]


@pytest.mark.parametrize("measure", [AccessClosed("WFM", ("new",)), TokensRevoked("new")])
def test_tokens_become_worthless_by_keycloaks_clock_and_those_of_this_second_too(
    realm: FakeServer, measure: Measure
) -> None:
    # The look-up is the first request, so that the login has told the time before the write.
    realm.on("POST", "login", login(iat=KEYCLOAK_NOW))
    realm.on("GET", "clients", reply([{"id": "id-new", "clientId": "new"}]))
    carry_out(measure)

    body = body_of(realm, "PUT", "clients/id-new")
    assert body == {**SERVICES, "notBefore": body["notBefore"]}
    assert KEYCLOAK_NOW + 1 <= body["notBefore"] <= KEYCLOAK_NOW + 60


def test_a_client_that_the_realm_does_not_have_is_not_cut_off(realm: FakeServer) -> None:
    realm.on("GET", "clients", reply([]))
    carry_out(AccessClosed("WFM", ("new", "wfm")))

    assert realm.writes() == ["PUT clients/id-wfm", f"DELETE {INSIDE}"]


@pytest.mark.parametrize("answer", [reply(status=204), GONE])
@pytest.mark.parametrize(
    ("holder", "path"),
    [
        (Group("g-1", "/all"), f"groups/g-1/{MAPPINGS}"),
        (Role("r-1", "default"), "roles-by-id/r-1/composites"),
    ],
    ids=["group", "role"],
)
def test_a_leak_is_closed_where_it_is(
    realm: FakeServer, holder: Group | Role, path: str, answer: Answer
) -> None:
    realm.on("DELETE", path, answer)
    carry_out(LeakClosed("seat-WFM", holder))

    assert realm.writes() == [f"DELETE {path}"]
    assert body_of(realm, "DELETE", path) == [SEAT]


def test_measures_are_carried_out_in_the_order_of_the_plan(realm: FakeServer) -> None:
    carry_out(RoleCreated("seat-QM"), assigned("ann"), AccessOpened("WFM"), removed("bob"), RoleRemoved("x"))

    assert realm.writes() == [
        f"POST {ROLES}",
        f"POST {ANN}/{MAPPINGS}",
        f"POST {INSIDE}",
        f"DELETE users/user-bob/{MAPPINGS}",
        f"DELETE {ROLES}/x",
    ]


def test_what_keycloak_refuses_about_the_realm_ends_everything(realm: FakeServer) -> None:
    realm.on("POST", ROLES, reply({}, 400))

    with pytest.raises(RejectedRequestError):
        carry_out(RoleCreated("seat-WFM"), AccessOpened("WFM"))
    assert realm.writes() == [f"POST {ROLES}"]


@pytest.mark.parametrize("writes", [0, 1, 2, 3, 5])
def test_who_was_overtaken_changes_nothing_more_about_the_realm(realm: FakeServer, writes: int) -> None:
    def was_overtaken() -> None:
        if len(realm.writes()) == writes:
            raise LeaseLostError("Another process took over realm acme")

    closed = AccessClosed("WFM", ("wfm", "qm"))
    with pytest.raises(LeaseLostError):
        carry_out(
            RoleCreated("seat-WFM"), AccessOpened("WFM"), closed, RoleRemoved("x"), before_write=was_overtaken
        )
    assert len(realm.writes()) == writes


def test_who_was_overtaken_changes_no_user(realm: FakeServer) -> None:
    def was_overtaken() -> None:
        raise LeaseLostError("Another process took over realm acme")

    with pytest.raises(LeaseLostError):
        carry_out(*map(assigned, "abcdefgh"), before_write=was_overtaken)
    assert realm.writes() == []


def test_what_a_snapshot_tells_is_not_looked_up_again(realm: FakeServer) -> None:
    roles = (
        Role("r-seat", "seat-WFM", OWN),
        Role("r-access", "access-WFM", OWN),
        Role("r-no", "seat-WFM", "qm"),
    )
    snapshot = RealmSnapshot(
        "acme", "realm-id", {role.id: role for role in roles}, client_ids=KNOWN.client_uuids
    )
    known = OwnThings.of(OWN, snapshot)
    carry_out(AccessOpened("WFM"), AccessClosed("WFM", ("wfm",)), assigned("ann"), known=known)

    assert {ask.path for ask in realm.asks if ask.method == "GET"} == {"clients/id-wfm"}
    assert body_of(realm, "POST", f"{ANN}/{MAPPINGS}") == [SEAT]


def test_what_is_not_known_is_looked_up_once_for_all_users(realm: FakeServer) -> None:
    realm.on("GET", "clients", lambda ask: reply([{"id": f"id-{ask.query['clientId']}", "clientId": "x"}]))
    realm.on("GET", f"{ROLES}/seat-WFM", reply(SEAT))
    carry_out(*map(assigned, "abcdefgh"), known=OwnThings.of(OWN, None))

    assert [ask.query for ask in realm.asked("clients")] == [{"clientId": OWN}]
    assert len(realm.asked(f"{ROLES}/seat-WFM")) == 1
    assert all(body_of(realm, "POST", f"users/user-{name}/{MAPPINGS}") == [SEAT] for name in "abcdefgh")


def test_without_our_own_client_a_sentence_says_what_makes_it(realm: FakeServer) -> None:
    realm.on("GET", "clients", reply([]))

    with pytest.raises(NotThereError, match=f"Realm acme has no client {OWN}: run keycloak-license init"):
        carry_out(RoleCreated("seat-WFM"), known=OwnThings(OWN))
    assert realm.writes() == []


def test_a_client_that_is_gone_meanwhile_keeps_no_access_open(realm: FakeServer) -> None:
    realm.on("PUT", "clients/id-wfm", reply({"error": "Could not find client"}, 404))
    carry_out(AccessClosed("WFM", ("wfm", "qm")))

    assert realm.writes()[-1] == f"DELETE {INSIDE}"
