"""The fixed parts of a realm: its roles and what contains what, its groups, clients and user storage.

In: a client; out: a `Structure`. Called by `reader`. A small realm tells all of it in one partial export;
a large one is walked. Composites are told downward only, so those of all roles of all clients are needed
to know who contains an application's role.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from keycloak_license.errors import MissingRightError, UnexpectedAnswerError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.federation import list_providers
from keycloak_license.keycloak_api.rights import list_clients
from keycloak_license.model.realm import Group, Role

MAX_GROUPS_TO_EXPORT = 100
MAX_CLIENTS_TO_EXPORT = 50
"""A partial export takes 6 ms a group and 4 ms a client while Keycloak's cache is cold. In a small realm
it replaces a request for each client, composite and group; in a large one those requests are faster
(measured: 300 clients and 10 000 groups, 0.9 s against 5.7 s)."""


class Groups(Protocol):
    """Where the groups of a realm are asked for."""

    def of_role(self, role_id: str) -> Sequence[Group]:
        """Return the groups that have a role directly."""

    def children(self, group: Group) -> Sequence[Group]:
        """Return the groups directly inside a group."""


@dataclass(frozen=True, slots=True)
class RoleGraph:
    """Roles by id, and for each composite the roles directly inside it."""

    roles: Mapping[str, Role]
    composites: Mapping[str, frozenset[str]]
    client_ids: Mapping[str, str]
    """Client id to Keycloak's id."""

    def path_of(self, role_id: str) -> str:
        """Return where Keycloak keeps a role, below the realm."""
        role = self.roles[role_id]
        name = quote(role.name, safe="")
        return (
            f"clients/{self.client_ids[role.client_id]}/roles/{name}" if role.client_id else f"roles/{name}"
        )


@dataclass(frozen=True, slots=True)
class Structure:
    """Everything about a realm that does not grow with its users."""

    realm: wire.RealmRepresentation
    clients: Sequence[wire.ClientRepresentation]
    providers: Sequence[wire.ComponentRepresentation]
    graph: RoleGraph
    groups: Groups
    exported_groups: int = 0
    """How many groups an export held."""
    is_exported: bool = False
    """Whether it comes from an export, which takes the right to write."""

    def read_default_groups(self, client: KeycloakClient) -> frozenset[str]:
        """Return the ids of the default groups; the realm tells only paths, which need not be unique."""
        if not self.realm.default_groups:
            return frozenset()
        return frozenset(group.id for group in client.get("default-groups", wire.GROUPS))


def read_structure(client: KeycloakClient) -> Structure:
    """Read a small realm by export and a large one by walking.

    The export needs manage-realm, which a dry run may lack; without it, or when the export lacks groups,
    it is the walk too.
    """
    group_count = client.get("groups/count", wire.COUNT).count
    if group_count <= MAX_GROUPS_TO_EXPORT and _has_few_clients(client):
        with suppress(MissingRightError):
            structure = export_structure(client)
            if structure.exported_groups == group_count:
                return structure
    return walk_structure(client)


def export_structure(client: KeycloakClient) -> Structure:
    """Read everything from one partial export; needs manage-realm, view-clients and view-users."""
    export = client.post(
        "partial-export", None, wire.EXPORT, exportGroupsAndRoles="true", exportClients="true"
    )
    try:
        graph = _graph_of(export)
    except KeyError as error:
        raise UnexpectedAnswerError(
            f"The export of realm {client.realm} names a role inside a composite that it does not hold"
        ) from error
    groups = ExportedGroups(export.groups, graph)
    return Structure(
        realm=export,
        clients=export.clients,
        providers=export.components.storage,
        graph=graph,
        groups=groups,
        exported_groups=groups.count,
        is_exported=True,
    )


def walk_structure(client: KeycloakClient) -> Structure:
    """Read with one request for each client and each composite role; groups are asked for as needed."""
    realm = client.get("", wire.REALM)
    clients = list_clients(client)
    graph = _walk_roles(client, {each.client_id: each.id for each in clients})
    return Structure(realm, clients, list_providers(client), graph, ListedGroups(client, graph))


class ExportedGroups:
    """Answers from the group tree of an export."""

    def __init__(self, tree: Sequence[wire.ExportedGroup], graph: RoleGraph) -> None:
        self._children: dict[str, list[Group]] = {}
        self._of_role: dict[str, list[Group]] = {}
        self.count = 0
        ids = {(role.client_id, role.name): role.id for role in graph.roles.values()}
        todo: list[tuple[wire.ExportedGroup, str | None]] = [(group, None) for group in tree]
        while todo:
            exported, parent_id = todo.pop()
            self.count += 1
            group = Group(exported.id, exported.path, parent_id)
            if parent_id is not None:
                self._children.setdefault(parent_id, []).append(group)
            for name in exported.role_names():
                if name in ids:
                    self._of_role.setdefault(ids[name], []).append(group)
            todo += [(child, group.id) for child in exported.sub_groups]

    def of_role(self, role_id: str) -> Sequence[Group]:
        """Return the groups that have a role directly."""
        return self._of_role.get(role_id, ())

    def children(self, group: Group) -> Sequence[Group]:
        """Return the groups directly inside a group."""
        return self._children.get(group.id, ())


@dataclass(frozen=True, slots=True)
class ListedGroups:
    """Asks Keycloak each time; may raise what `KeycloakClient.get` raises."""

    client: KeycloakClient
    graph: RoleGraph
    _counts: dict[str, int] = field(default_factory=dict)
    """How many groups each should have inside, where a list has told."""

    def of_role(self, role_id: str) -> Sequence[Group]:
        """Return the groups that have a role directly."""
        return self._list(f"{self.graph.path_of(role_id)}/groups")

    def children(self, group: Group) -> Sequence[Group]:
        """Return the groups directly inside a group."""
        found = self._list(f"groups/{group.id}/children")
        if len(found) < self._counts.get(group.id, 0):
            raise UnexpectedAnswerError(
                f"Keycloak lists {len(found)} groups inside {group.label} and counts "
                f"{self._counts[group.id]}: sync again, and look into its log if this stays"
            )
        return found

    def _list(self, path: str) -> list[Group]:
        pages = self.client.pages(path, wire.GROUPS, briefRepresentation="true")
        found = [group for page in pages for group in page]
        self._counts.update({group.id: group.sub_group_count or 0 for group in found})
        return [Group(group.id, group.path, group.parent_id) for group in found]


def _has_few_clients(client: KeycloakClient) -> bool:
    return not client.get("clients", wire.CLIENTS, first=MAX_CLIENTS_TO_EXPORT, max=1)


def _graph_of(export: wire.PartialExport) -> RoleGraph:
    found: list[tuple[Role, wire.ExportedRole]] = []
    for client_id, exported in ((None, export.roles.realm), *export.roles.client.items()):
        found += [(Role(role.id, role.name, client_id), role) for role in exported]
    ids = {(role.client_id, role.name): role.id for role, _ in found}
    return RoleGraph(
        roles={role.id: role for role, _ in found},
        composites={
            role.id: frozenset(ids[name] for name in names)
            for role, exported in found
            if (names := list(exported.composites.role_names()))
        },
        client_ids={each.client_id: each.id for each in export.clients},
    )


def _walk_roles(client: KeycloakClient, client_ids: Mapping[str, str]) -> RoleGraph:
    roles: dict[str, Role] = {}
    composites: dict[str, frozenset[str]] = {}
    for client_id, role in _list_roles(client, client_ids):
        roles[role.id] = Role(role.id, role.name, client_id)
        if role.composite:
            inside = client.get(f"roles-by-id/{role.id}/composites", wire.ROLES)
            composites[role.id] = frozenset(each.id for each in inside)
    return RoleGraph(roles, composites, client_ids)


def _list_roles(
    client: KeycloakClient, client_ids: Mapping[str, str]
) -> Iterator[tuple[str | None, wire.RoleRepresentation]]:
    for role in client.get("roles", wire.ROLES):
        yield None, role
    for client_id, id_ in client_ids.items():
        for role in client.get(f"clients/{id_}/roles", wire.ROLES):
            yield client_id, role
