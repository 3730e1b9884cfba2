"""The parts of a realm that do not grow with its users, by export or by walking."""

from collections.abc import Mapping, Sequence

import pytest

from keycloak_license.errors import MissingRightError, RealmNotFoundError, UnexpectedAnswerError
from keycloak_license.keycloak_api.structure import (
    MAX_CLIENTS_TO_EXPORT,
    MAX_GROUPS_TO_EXPORT,
    Structure,
    export_structure,
    read_structure,
    walk_structure,
)
from keycloak_license.keycloak_api.wire import ClientRepresentation
from keycloak_license.model.realm import Group, Role
from tests.unit.keycloak_api.fake import FakeServer, connect, no_realm, reply
from tests.unit.keycloak_api.small_realm import SmallRealm, group_id, role_id

REALM = SmallRealm(
    roles={"AGENT": ["ann"], "LEAD": [], "LOOP": [], "wfm-app/agent": ["bob"], "wfm-app/lead": []},
    composites={
        "LEAD": ["AGENT", "wfm-app/agent"],
        "wfm-app/lead": ["LOOP"],
        "LOOP": ["wfm-app/lead", "AGENT"],
    },
    groups={"/A": [], "/A/B": [], "/A/B/C": [], "/D": []},
    group_roles={"/A": ["AGENT", "wfm-app/agent"], "/A/B": ["AGENT"], "/D": ["LOOP"]},
    service_accounts={"robot": "service-account-robot"},
    attributes={"license.number": "7", "foreign": "1"},
    default_groups=["/D"],
)


def groups_of(structure: Structure) -> Mapping[str, set[Group]]:
    """Return every answer the groups give, by what was asked."""
    found = {role: set(structure.groups.of_role(role)) for role in structure.graph.roles}
    for path in REALM.groups:
        parent = group_id(path.rpartition("/")[0]) if path.count("/") > 1 else None
        found[path] = set(structure.groups.children(Group(group_id(path), path, parent)))
    return found


def by_id(clients: Sequence[ClientRepresentation]) -> dict[str, ClientRepresentation]:
    return {each.id: each for each in clients}


def test_export_and_walk_tell_the_same(server: FakeServer) -> None:
    REALM.serve(server)
    export, walk = export_structure(connect()), walk_structure(connect())

    assert export.graph == walk.graph
    assert by_id(export.clients) == by_id(walk.clients)
    assert list(export.providers) == list(walk.providers)
    assert groups_of(export) == groups_of(walk)
    for field in ("id", "realm", "attributes", "default_role", "default_groups"):
        assert getattr(export.realm, field) == getattr(walk.realm, field)


def test_the_graph_names_realm_and_client_roles_and_inverts_nothing(server: FakeServer) -> None:
    REALM.serve(server)
    graph = read_structure(connect()).graph

    assert graph.roles[role_id("wfm-app/agent")] == Role(role_id("wfm-app/agent"), "agent", "wfm-app")
    assert graph.roles[role_id("AGENT")] == Role(role_id("AGENT"), "AGENT", None)
    assert graph.composites == {
        role_id("LEAD"): frozenset({role_id("AGENT"), role_id("wfm-app/agent")}),
        role_id("wfm-app/lead"): frozenset({role_id("LOOP")}),
        role_id("LOOP"): frozenset({role_id("wfm-app/lead"), role_id("AGENT")}),
    }


def test_names_are_quoted_in_paths(server: FakeServer) -> None:
    odd = "a/b c?#%ä"
    SmallRealm(roles={"AGENT": []}).serve(server)
    listed = [{"id": "odd", "name": odd, "containerId": "realm-id"}]
    server.on_list("roles", listed)
    server.on_list(
        "clients/client-account/roles", [listed[0] | {"id": "odd2", "containerId": "client-account"}]
    )
    graph = walk_structure(connect()).graph

    quoted = "a%2Fb%20c%3F%23%25%C3%A4"
    assert graph.path_of("odd") == f"roles/{quoted}"
    assert graph.path_of("odd2") == f"clients/client-account/roles/{quoted}"
    server.on_list(f"roles/{quoted}/groups", [])
    assert walk_structure(connect()).groups.of_role("odd") == []
    assert server.asks[-1].path == f"roles/{quoted}/groups"


@pytest.mark.parametrize("name", [".", ".."])
def test_a_role_named_like_a_step_in_a_path_never_leads_to_the_users_of_the_whole_realm(
    server: FakeServer, name: str
) -> None:
    # urljoin, requests and urllib3 all take the dots for steps: roles/../users is the realm's users.
    SmallRealm(roles={"AGENT": []}).serve(server)
    server.on_list("roles", [{"id": "dots", "name": name, "containerId": "realm-id"}])
    server.on_list("users", [{"id": "g", "path": "/everybody"}])
    server.on_list("groups", [{"id": "g", "path": "/everything"}])
    structure = walk_structure(connect())

    with pytest.raises(UnexpectedAnswerError):
        structure.groups.of_role("dots")


def test_a_small_realm_is_exported(server: FakeServer) -> None:
    REALM.serve(server)
    read_structure(connect())

    assert [str(ask) for ask in server.asks] == ["GET groups/count", "GET clients", "POST partial-export"]
    assert server.asks[-1].query == {"exportGroupsAndRoles": "true", "exportClients": "true"}
    assert server.asks[1].query == {"first": str(MAX_CLIENTS_TO_EXPORT), "max": "1"}


def test_a_realm_with_many_groups_is_walked(server: FakeServer) -> None:
    REALM.serve(server)
    server.on("GET", "groups/count", reply({"count": MAX_GROUPS_TO_EXPORT + 1}))

    assert read_structure(connect()).graph == export_structure(connect()).graph
    assert len(server.asked("partial-export", "POST")) == 1


@pytest.mark.parametrize(
    ("clients", "is_exported"), [(MAX_CLIENTS_TO_EXPORT, True), (MAX_CLIENTS_TO_EXPORT + 1, False)]
)
def test_a_realm_with_many_clients_is_walked(server: FakeServer, clients: int, *, is_exported: bool) -> None:
    names = [f"c{number}/R" for number in range(clients - 1)]
    SmallRealm(roles={name: [] for name in names}).serve(server)

    assert len(read_structure(connect()).graph.roles) == clients - 1
    assert bool(server.asked("partial-export", "POST")) is is_exported


def test_a_refused_export_is_replaced_by_the_walk(server: FakeServer) -> None:
    REALM.serve(server, export_status=403)
    structure = read_structure(connect())

    REALM.serve(server)
    assert structure.graph == export_structure(connect()).graph


def test_an_export_that_lacks_a_group_is_replaced_by_the_walk(server: FakeServer) -> None:
    REALM.serve(server)
    server.on("GET", "groups/count", reply({"count": len(REALM.groups) + 1}))

    assert groups_of(read_structure(connect())) == groups_of(walk_structure(connect()))
    assert server.asked(f"groups/{group_id('/A')}/children", "GET")


def test_a_group_that_is_counted_but_not_listed_is_trouble(server: FakeServer) -> None:
    REALM.serve(server)
    listed = [{"id": group_id("/A/B"), "path": "/A/B", "parentId": group_id("/A"), "subGroupCount": 2}]
    server.on("GET", f"groups/{group_id('/A')}/children", reply(listed), reply([]))
    groups = walk_structure(connect()).groups
    (inner,) = groups.children(Group(group_id("/A"), "/A"))

    with pytest.raises(UnexpectedAnswerError, match="lists 1 groups inside group /A/B and counts 2"):
        groups.children(inner)


def test_another_trouble_with_the_export_is_not_hidden(server: FakeServer) -> None:
    REALM.serve(server, export_status=400)

    with pytest.raises(UnexpectedAnswerError):
        read_structure(connect())


def test_a_composite_of_a_role_that_is_not_in_the_export_is_not_dropped_in_silence(
    server: FakeServer,
) -> None:
    export = REALM.export()
    server.on(
        "POST",
        "partial-export",
        reply(
            export | {"roles": {"realm": [{"id": "lead", "name": "LEAD", "composites": {"realm": ["GONE"]}}]}}
        ),
    )

    with pytest.raises(UnexpectedAnswerError):
        export_structure(connect())


@pytest.mark.parametrize(
    "components",
    [
        {
            "org.keycloak.userprofile.UserProfileProvider": [
                {"id": "u", "providerId": "declarative-user-profile"}
            ]
        },
        {"org.keycloak.storage.UserStorageProvider": [{"id": "k", "providerId": "kerberos"}]},
    ],
    ids=["customised user profile", "user storage"],
)
def test_components_without_a_name_do_not_stop_the_read(server: FakeServer, components: object) -> None:
    # Keycloak keeps a user profile that was changed in its console as a component without a name.
    REALM.serve(server)
    server.on("POST", "partial-export", reply(REALM.export() | {"components": components}))

    assert read_structure(connect()).realm.id == "realm-id"


@pytest.mark.parametrize("path", ["groups/count", "clients"])
def test_a_missing_right_is_told_not_walked_around(server: FakeServer, path: str) -> None:
    REALM.serve(server)
    server.on("GET", path, reply({}, 403))

    with pytest.raises(MissingRightError):
        read_structure(connect())


def test_a_realm_that_does_not_exist_is_named(server: FakeServer) -> None:
    # The login works when the client lives in another realm.
    server.otherwise = no_realm()
    with pytest.raises(RealmNotFoundError, match="has no realm acme"):
        read_structure(connect(auth_realm="master"))


def test_a_list_of_clients_that_is_empty_is_a_missing_right(server: FakeServer) -> None:
    # With query-clients but without view-clients Keycloak answers 200 and []; every realm has clients.
    REALM.serve(server, export_status=403)
    server.on_list("clients", [])

    with pytest.raises(MissingRightError, match="view-clients"):
        read_structure(connect())
