"""A realm read by export and one read by walking are the same."""

from collections.abc import Mapping
from typing import Any

from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.structure import Structure, export_structure, walk_structure
from keycloak_license.model.realm import Group
from tests.contract.realm_admin import RestAdmin, connect_as_sidecar
from tests.contract.test_reading import ODD_NAMES
from tests.real.keycloak import MakeRealm

RICH: Mapping[str, Any] = {
    "attributes": {"team.long": "x" * 5000, "team.empty": "", "team.unicode": "ž 🐎", "${env.HOME}": "${x}"},
    "defaultGroups": ["/A/B", "/C"],
    "groups": [
        {"name": "A", "realmRoles": ["offline_access"], "subGroups": [{"name": "B"}]},
        {"name": "C", "clientRoles": {"account": ["view-profile"]}},
    ],
    "components": {
        "org.keycloak.storage.UserStorageProvider": [
            {
                "name": "directory",
                "providerId": "ldap",
                "config": {
                    "enabled": ["false"],
                    "vendor": ["other"],
                    "connectionUrl": ["ldap://127.0.0.1:1"],
                    "usersDn": ["ou=people"],
                    "usernameLDAPAttribute": ["uid"],
                    "rdnLDAPAttribute": ["uid"],
                    "uuidLDAPAttribute": ["entryUUID"],
                    "userObjectClasses": ["inetOrgPerson"],
                    "editMode": ["READ_ONLY"],
                    "authType": ["simple"],
                    "bindDn": ["cn=admin"],
                    "bindCredential": ["only-for-this-test"],
                },
            }
        ]
    },
}


def assert_same_both_ways(client: KeycloakClient) -> Structure:
    exported, walked = export_structure(client), walk_structure(client)
    assert comparable(exported) == comparable(walked)
    return walked


def comparable(structure: Structure) -> object:
    """The structure as everything it answers, whatever it is made of."""
    graph, realm = structure.graph, structure.realm
    composites = {parent: children for parent, children in graph.composites.items() if children}
    trees = {role_id: [tree(structure, g) for g in by_id(structure, role_id)] for role_id in graph.roles}
    return {
        "realm": (realm.id, realm.realm, realm.attributes, realm.default_role, set(realm.default_groups)),
        "clients": {each.id: (each.client_id, each.service_accounts_enabled) for each in structure.clients},
        "providers": {each.id: (each.name, each.provider_id, each.config) for each in structure.providers},
        "roles": (graph.roles, composites, {role_id: graph.path_of(role_id) for role_id in graph.roles}),
        "groups": trees,
    }


def by_id(structure: Structure, role_id: str) -> list[Group]:
    return sorted(structure.groups.of_role(role_id), key=lambda group: group.id)


def tree(structure: Structure, group: Group) -> object:
    children = sorted(structure.groups.children(group), key=lambda child: child.id)
    return group, [tree(structure, child) for child in children]


def test_a_new_realm_is_the_same_by_export_and_by_walking(make_realm: MakeRealm) -> None:
    structure = assert_same_both_ways(connect_as_sidecar(make_realm()))
    assert len(structure.graph.composites) > 2  # the default roles, and some of realm-management


def test_attributes_default_groups_and_federations_are_the_same_by_export_and_by_walking(
    make_realm: MakeRealm,
) -> None:
    structure = assert_same_both_ways(connect_as_sidecar(make_realm(RICH)))
    assert structure.realm.attributes.items() >= RICH["attributes"].items()
    assert set(structure.realm.default_groups) == {"/A/B", "/C"}
    assert [provider.name for provider in structure.providers] == ["directory"]


def test_odd_names_and_cycles_are_the_same_by_export_and_by_walking(make_realm: MakeRealm) -> None:
    real = make_realm()
    admin = RestAdmin(real)
    roles = [
        admin.create_role(name, client_id)
        for client_id in (None, "desk", "desk/ž 100%")
        for name in ODD_NAMES
    ]
    for parent, child in zip(roles, [*roles[1:], roles[0]], strict=True):
        admin.add_to_composite(parent, child)
    admin.add_to_composite(roles[0], admin.default_role)
    admin.add_to_composite(admin.default_role, roles[-1])
    group: str | None = None
    for role in roles:
        group = admin.create_group("g/h", group)
        admin.grant_group(group, role)

    structure = assert_same_both_ways(connect_as_sidecar(real))
    assert structure.graph.composites.keys() >= set(roles)
    assert all(structure.groups.of_role(role) for role in roles)
