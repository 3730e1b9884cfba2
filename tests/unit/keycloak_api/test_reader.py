"""What a read brings home, what it says it could not see, and what it costs."""

from math import ceil
from typing import Any

import pytest
import requests

from keycloak_license.errors import AuthenticationError, MissingRightError, UnavailableError
from keycloak_license.keycloak_api.client import PAGE_SIZE
from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.model.application import Application
from keycloak_license.model.progress import no_progress
from keycloak_license.model.realm import Group, RealmSnapshot, User
from tests.unit.keycloak_api.fake import FakeServer, connect, reply
from tests.unit.keycloak_api.small_realm import SmallRealm, group_id, role_id, user

WFM = Application("WFM", "Workforce", roles=("WFM_*",), client_roles=(("wfm-app", ("agent",)),))


def read(**access: Any) -> RealmSnapshot:
    return KeycloakRealm(connect(**access)).read([WFM])


def names(snapshot: RealmSnapshot, ids: frozenset[str]) -> set[str]:
    return {snapshot.users[user_id].username for user_id in ids}


@pytest.fixture(params=[200, 403], ids=["export", "walk"])
def export_status(request: pytest.FixtureRequest) -> int:
    return int(request.param)


REALM = SmallRealm(
    roles={
        "WFM_AGENT": ["ann"],
        "WFM_EMPTY": [],
        "OTHER": ["stranger"],
        "LEAD": ["lea"],
        "wfm-app/agent": ["bob"],
        "wfm-app/other": ["stranger"],
    },
    composites={"LEAD": ["WFM_AGENT"]},
    groups={"/A": ["gus"], "/A/B": ["gil"], "/A/B/C": ["guy"], "/X": ["stranger"]},
    group_roles={"/A": ["WFM_AGENT"], "/A/B": ["WFM_AGENT", "wfm-app/agent"], "/X": ["OTHER"]},
    service_accounts={"robot": "service-account-robot"},
    attributes={"license.number": "7", "foreign": "1"},
)


def test_a_snapshot_holds_who_has_the_roles_and_nobody_else(server: FakeServer, export_status: int) -> None:
    REALM.serve(server, export_status=export_status)
    snapshot = read()

    assert (snapshot.realm, snapshot.realm_id) == ("acme", "realm-id")
    assert snapshot.attributes == {"license.number": "7", "foreign": "1"}
    assert snapshot.is_complete
    assert {each.username for each in snapshot.users.values()} == {"ann", "lea", "bob", "gus", "gil", "guy"}
    assert names(snapshot, snapshot.role_users[role_id("WFM_AGENT")]) == {"ann"}
    assert names(snapshot, snapshot.role_users[role_id("LEAD")]) == {"lea"}
    assert role_id("OTHER") not in snapshot.role_users
    assert snapshot.role_groups[role_id("WFM_AGENT")] == {group_id("/A"), group_id("/A/B")}
    assert snapshot.role_groups[role_id("wfm-app/agent")] == {group_id("/A/B")}
    assert snapshot.groups[group_id("/A/B/C")] == Group(group_id("/A/B/C"), "/A/B/C", group_id("/A/B"))
    assert names(snapshot, snapshot.group_members[group_id("/A/B/C")]) == {"guy"}


def test_all_of_a_user_that_matters_is_kept(server: FakeServer) -> None:
    SmallRealm(roles={"WFM_AGENT": []}).serve(server)
    server.on_list(
        "roles/WFM_AGENT/users",
        [user("ann", enabled=False, email="ann@x.example", createdTimestamp=1_795_520)],
    )

    assert read().users == {"user-ann": User("user-ann", "ann", False, "ann@x.example", 1_795_520)}


def test_lists_are_asked_for_briefly(server: FakeServer, export_status: int) -> None:
    REALM.serve(server, export_status=export_status)
    read()

    long_lists = [
        ask for ask in server.asks if ask.path.endswith(("/users", "/members", "/groups", "/children"))
    ]
    assert long_lists
    assert {ask.query.get("briefRepresentation") for ask in long_lists} == {"true"}


def test_a_group_reached_by_two_ways_is_read_once(server: FakeServer, export_status: int) -> None:
    REALM.serve(server, export_status=export_status)
    read()

    for path in ("/A", "/A/B", "/A/B/C"):
        firsts = [ask.query["first"] for ask in server.asked(f"groups/{group_id(path)}/members")]
        assert firsts == ["0", str(PAGE_SIZE)]


def pages(entries: int) -> int:
    """A list takes its full pages and the empty one after them."""
    return ceil(entries / PAGE_SIZE) + 1


def test_the_number_of_requests_by_export_is_as_computed(server: FakeServer) -> None:
    REALM.serve(server)
    client = connect()
    KeycloakRealm(client).read([WFM])

    login, structure = 1, 3
    roles = sum(pages(len(REALM.roles[name])) for name in ("WFM_AGENT", "WFM_EMPTY", "LEAD", "wfm-app/agent"))
    groups = sum(pages(len(REALM.groups[path])) for path in ("/A", "/A/B", "/A/B/C"))
    service_accounts = 1
    assert client.requests_made == login + structure + roles + groups + service_accounts == 1 + 3 + 7 + 6 + 1


def test_the_number_of_requests_by_walking_is_as_computed(server: FakeServer) -> None:
    REALM.serve(server, export_status=403)
    client = connect()
    KeycloakRealm(client).read([WFM])

    login, refused_export = 1, 3
    realm, clients, providers, realm_roles = 1, 1, 1, 1
    client_roles, composites, service_accounts = 3, 1, 1
    of_roles = [
        (len(REALM.roles[name]), sum(name in roles for roles in REALM.group_roles.values()))
        for name in ("WFM_AGENT", "WFM_EMPTY", "LEAD", "wfm-app/agent")
    ]
    of_groups = [
        (len(REALM.groups[path]), children) for path, children in (("/A", 1), ("/A/B", 1), ("/A/B/C", 0))
    ]
    assert client.requests_made == (
        (login + refused_export)
        + (realm + clients + providers + realm_roles + client_roles + composites + service_accounts)
        + sum(pages(users) + pages(groups) for users, groups in of_roles)
        + sum(pages(members) + pages(children) for members, children in of_groups)
    )


def test_the_number_of_requests_does_not_grow_with_the_users(server: FakeServer) -> None:
    counts = set()
    for people in (1, 1000):
        SmallRealm(roles={"WFM_AGENT": [f"u{n}" for n in range(people)]}).serve(server)
        client = connect()
        KeycloakRealm(client).read([WFM])
        counts.add(client.requests_made)
    assert len(counts) == 1


@pytest.mark.parametrize(
    ("path", "gap", "missing"),
    [
        ("roles/WFM_AGENT/users", "the users of role WFM_AGENT were not read", "ann"),
        ("clients/client-wfm-app/roles/agent/users", "the users of role wfm-app/agent were not read", "bob"),
        (f"groups/{group_id('/A/B')}/members", "the members of group /A/B were not read", "gil"),
    ],
)
@pytest.mark.parametrize("status", [404, 500])
def test_a_list_that_fails_is_a_gap_and_the_rest_is_read(
    server: FakeServer, export_status: int, path: str, gap: str, missing: str, status: int
) -> None:
    REALM.serve(server, export_status=export_status)
    server.on("GET", path, reply({}, status))
    snapshot = read()

    [told] = snapshot.gaps
    assert told.startswith(gap)
    assert not snapshot.is_complete
    everybody = {"ann", "lea", "bob", "gus", "gil", "guy"}
    assert {each.username for each in snapshot.users.values()} == everybody - {missing}


@pytest.mark.parametrize(
    ("path", "gap"),
    [
        ("roles/WFM_AGENT/groups", "the groups of role WFM_AGENT were not read"),
        (f"groups/{group_id('/A')}/children", "the subgroups of group /A were not read"),
    ],
)
def test_a_list_of_groups_that_fails_is_a_gap_too(server: FakeServer, path: str, gap: str) -> None:
    REALM.serve(server, export_status=403)
    server.on("GET", path, reply({}, 500))

    [told] = read().gaps
    assert told.startswith(gap)


def test_a_list_that_breaks_off_keeps_what_came_and_is_a_gap(server: FakeServer) -> None:
    REALM.serve(server)
    server.on("GET", "roles/WFM_AGENT/users", reply([user("ann")]), reply({}, 500))
    snapshot = read()

    assert names(snapshot, snapshot.role_users[role_id("WFM_AGENT")]) == {"ann"}
    assert len(snapshot.gaps) == 1


@pytest.mark.parametrize(("status", "error"), [(403, MissingRightError), (401, AuthenticationError)])
def test_a_missing_right_is_an_error_and_not_a_gap(
    server: FakeServer, export_status: int, status: int, error: type[Exception]
) -> None:
    REALM.serve(server, export_status=export_status)
    server.on("GET", "roles/WFM_AGENT/users", reply({}, status))

    with pytest.raises(error):
        read()


@pytest.mark.parametrize("path", ["groups/count", "clients", "", "roles", "components"])
def test_a_realm_that_cannot_be_read_at_all_is_an_error(server: FakeServer, path: str) -> None:
    REALM.serve(server, export_status=403)
    server.on("GET", path, reply({}, 500))

    with pytest.raises(UnavailableError):
        read()


def test_a_server_that_goes_away_in_the_middle_ends_the_read(server: FakeServer) -> None:
    # Else each list that is left costs four attempts, of a time-out each: hours in a realm of many roles.
    many = {f"WFM_{number:03}": ["ann"] for number in range(100)}
    SmallRealm(roles=many).serve(server)
    for name in list(many)[1:]:
        server.on("GET", f"roles/{name}/users", requests.ConnectionError("refused"))

    with pytest.raises(UnavailableError):
        read()
    assert len(server.asks) < 30


SERVICE_ACCOUNTS = SmallRealm(
    roles={
        "WFM_AGENT": [f"service-account-{name}" for name in ("robot", "bob", "plain", "nobody")],
        "plain/role-of-a-client-without-service-account": [],
    },
    service_accounts={"Robot": "service-account-robot", "Bob": "service-account-of-another-name"},
)


def test_only_what_its_client_names_is_a_service_account(server: FakeServer, export_status: int) -> None:
    SERVICE_ACCOUNTS.serve(server, export_status=export_status)
    snapshot = read()

    assert names(snapshot, snapshot.service_accounts & snapshot.users.keys()) == {"service-account-robot"}


def test_a_service_account_is_told_by_its_client_whatever_it_is_called(server: FakeServer) -> None:
    SmallRealm(roles={"WFM_AGENT": ["ann", "imported"]}, service_accounts={"robot": "imported"}).serve(server)
    snapshot = read()

    assert names(snapshot, snapshot.service_accounts) == {"imported"}


@pytest.mark.parametrize("status", [404, 409])
def test_a_service_account_that_is_gone_is_passed_over_at_once(server: FakeServer, status: int) -> None:
    SERVICE_ACCOUNTS.serve(server)
    server.on("GET", "clients/client-Robot/service-account-user", reply({}, status))

    assert read().is_complete
    assert len(server.asked("clients/client-Robot/service-account-user")) == 1


def test_a_robot_that_cannot_be_told_from_a_person_ends_the_read(server: FakeServer) -> None:
    SERVICE_ACCOUNTS.serve(server)
    server.on("GET", "clients/client-Robot/service-account-user", reply({}, 500))

    with pytest.raises(UnavailableError):
        read()


def test_default_groups_and_the_default_role_are_told(server: FakeServer) -> None:
    realm = SmallRealm(
        roles={"WFM_AGENT": [], "default-roles-acme": ["ann"]},
        composites={"default-roles-acme": ["WFM_AGENT"]},
        groups={"/A": ["gus"], "/B": [], "/C": []},
        group_roles={"/A": ["WFM_AGENT"], "/C": ["WFM_AGENT"]},
        default_groups=["/A", "/B"],
    )
    realm.serve(server)
    default = {"id": role_id("default-roles-acme"), "name": "default-roles-acme", "containerId": "realm-id"}
    server.on("POST", "partial-export", reply(realm.export() | {"defaultRole": default}))
    snapshot = read()

    assert snapshot.default_role_id == role_id("default-roles-acme")
    assert snapshot.default_groups == {group_id("/A"), group_id("/B")}
    assert names(snapshot, snapshot.role_users[role_id("default-roles-acme")]) == {"ann"}


def test_a_silent_provider_makes_the_read_incomplete(server: FakeServer, export_status: int) -> None:
    provider = {"id": "p", "name": "corp", "providerId": "ldap", "config": {"enabled": ["false"]}}
    SmallRealm(roles={"WFM_AGENT": ["ann"]}, providers=[provider]).serve(server, export_status=export_status)
    snapshot = read()

    assert snapshot.silent_providers == {"p": "user storage provider corp is disabled"}
    assert snapshot.gaps == ()
    assert not snapshot.is_complete


def test_a_provider_that_does_not_answer_is_a_gap_for_everybody(
    server: FakeServer, export_status: int
) -> None:
    provider = {"id": "p", "name": "corp", "providerId": "ldap", "config": {}}
    SmallRealm(roles={"WFM_AGENT": ["ann"]}, providers=[provider]).serve(server, export_status=export_status)
    server.on("POST", "testLDAPConnection", reply({}, 400))
    snapshot = read()

    assert snapshot.silent_providers == {}
    assert snapshot.gaps == ("user storage provider corp does not answer, or refuses Keycloak's login",)


@pytest.mark.parametrize(
    ("told", "provider_id"),
    [
        ({}, None),
        ({"federationLink": None}, None),
        ({"federationLink": "p-1"}, "p-1"),
        ({"id": "f:p-2:ann"}, "p-2"),
        ({"id": "f:p-2:ann:of:colons"}, "p-2"),
        ({"id": "f:p-2:ann", "federationLink": "p-1"}, "p-1"),
        ({"id": "fee1-dead"}, None),
    ],
)
def test_where_an_account_is_kept_is_told_by_its_link_or_its_id(
    server: FakeServer, told: dict[str, object], provider_id: str | None
) -> None:
    SmallRealm(roles={"WFM_AGENT": []}).serve(server)
    server.on_list("roles/WFM_AGENT/users", [user("ann") | told])

    [found] = read().users.values()
    assert found.provider_id == provider_id


def test_progress_counts_roles_and_groups_and_never_goes_beyond_the_total(server: FakeServer) -> None:
    REALM.serve(server)
    seen: list[tuple[str, int, int]] = []
    KeycloakRealm(connect(), lambda *step: seen.append(step)).read([WFM])

    assert [step for step in seen if step[0] == "roles"] == [("roles", n, 4) for n in range(5)]
    assert [done for what, done, _ in seen if what == "groups"] == [0, 1, 2, 3]
    assert all(done <= total for _, done, total in seen)
    no_progress("roles", 0, 1)


def test_a_user_is_found_by_exact_username_or_by_id(server: FakeServer) -> None:
    realm = KeycloakRealm(connect())
    server.on("GET", "users", lambda ask: reply([user("ann")] if ask.query["username"] == "ann" else []))
    server.on("GET", "users/user-bob", reply(user("bob")))

    assert [found and found.username for found in map(realm.find_user, ("ann", "user-bob", "eve"))] == [
        "ann",
        "bob",
        None,
    ]
    assert [ask.path for ask in server.asks] == [
        *("users/ann", "users"),
        "users/user-bob",
        *("users/eve", "users"),
    ]
    assert server.asks[1].query["exact"] == "true"


def test_a_name_with_odd_letters_is_quoted_when_it_is_tried_as_an_id(server: FakeServer) -> None:
    server.on_list("users", [])
    KeycloakRealm(connect()).find_user("a/b?c")

    assert server.asks[0].path == "users/a%2Fb%3Fc"


@pytest.mark.parametrize("name", ["count", "profile", ".."])
def test_a_name_that_is_a_path_of_keycloaks_is_nobody(server: FakeServer, name: str) -> None:
    server.on_list("users", [])
    server.on("GET", f"users/{name}", reply(3))
    server.on("GET", "", reply(REALM.representation()))

    assert KeycloakRealm(connect()).find_user(name) is None


def test_an_empty_name_is_nobody(server: FakeServer) -> None:
    # Keycloak takes an empty username for no condition at all and lists everybody.
    server.on_list("users", [user("ann")])

    assert KeycloakRealm(connect()).find_user("") is None
