"""The roles and groups that a user storage provider gives to each of its users.

In: a client and a `Structure`; out: ids of roles and groups by provider. Called by `reader`. Keycloak tells
them with the user only, never in the lists of a role or group: those of hardcoded LDAP mappers, and the
defaults of the realm where users are not imported.
"""

from collections.abc import Iterator, Mapping

from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.structure import RoleGraph, Structure
from keycloak_license.model.realm import Group

_MAPPER_TYPE = "org.keycloak.storage.ldap.mappers.LDAPStorageMapper"


def find_provider_grants(
    client: KeycloakClient, structure: Structure, groups: Mapping[str, Group], default_groups: frozenset[str]
) -> dict[str, set[str]]:
    """Return, by provider id, the ids of the roles and groups that all of its users have."""
    grants: dict[str, set[str]] = {}
    for provider in structure.providers:
        if provider.provider_id != "ldap":
            continue
        grants[provider.id] = set(_mapped(client, provider, structure.graph, groups))
        if provider.config.get("importEnabled") == ("false",):
            default = structure.realm.default_role
            grants[provider.id] |= {*default_groups, *([default.id] if default else ())}
    return grants


def _mapped(
    client: KeycloakClient,
    provider: wire.ComponentRepresentation,
    graph: RoleGraph,
    groups: Mapping[str, Group],
) -> Iterator[str]:
    for mapper in client.get("components", wire.COMPONENTS, parent=provider.id, type=_MAPPER_TYPE):
        if mapper.provider_id == "hardcoded-ldap-role-mapper":
            yield from (_role_id(graph, name) for name in mapper.config.get("role", ()) if name)
        elif mapper.provider_id == "hardcoded-ldap-group-mapper":
            paths = mapper.config.get("group", ())
            yield from (group.id for group in groups.values() if group.path in paths)


def _role_id(graph: RoleGraph, name: str) -> str:
    """Return the id of ``client.role`` or of a realm role; Keycloak tries the longest client id first."""
    ids = {(role.client_id, role.name): role.id for role in graph.roles.values()}
    for at in range(len(name) - 1, 0, -1):
        if name[at] == "." and name[:at] in graph.client_ids:
            return ids.get((name[:at], name[at + 1 :]), "")
    return ids.get((None, name), "")
