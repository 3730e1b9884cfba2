"""The snapshot that a live read of an exported realm would be.

In: a `RealmExport` and how the realm is enforced; out: a `RealmSnapshot` that says what an export cannot
tell. Called by `cli.offline`. Exports name roles by name and groups by path, so ids are looked up.
"""

from collections.abc import Iterable, Iterator

from keycloak_license.errors import ConfigurationError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.export import HOW_TO_EXPORT, ExportedGroup, RealmExport, made_id
from keycloak_license.model.enforcement import MARK, EnforcementTerms, disabled_by_us
from keycloak_license.model.realm import Group, RealmSnapshot, Role


def snapshot_of(export: RealmExport, terms: EnforcementTerms) -> RealmSnapshot:
    """Return what a live read would show; `ConfigurationError` when the export contradicts itself."""
    return _Reading(export).to_snapshot(terms)


class _Reading:
    """Turns names and paths into ids, and what each user has into who has each thing."""

    def __init__(self, export: RealmExport) -> None:
        self._export = export
        self._roles: dict[str, Role] = {}
        self._role_ids: dict[wire.RoleName, str] = {}
        self._groups: dict[str, Group] = {}
        self._group_ids: dict[str, list[str]] = {}
        """By path: names may hold slashes, so that two groups may have the same."""
        self._exported_groups: list[ExportedGroup] = []

    def to_snapshot(self, terms: EnforcementTerms) -> RealmSnapshot:
        export = self._export
        composites = self._read_roles()
        self._read_groups()
        everybody = [(each, each.to_user()) for each in (*export.users, *export.federated_users)]
        users = {user.id: user for _, user in everybody}
        if len(users) < len(everybody) or "" in users:
            raise ConfigurationError(
                f"The export of realm {export.realm} holds a user twice, or one without id and username: "
                f"make a new one with {HOW_TO_EXPORT}"
            )
        role_users = _gather((user.id, map(self._role_id, each.role_names())) for each, user in everybody)
        group_members = _gather((user.id, self._ids_of_groups(each.groups)) for each, user in everybody)
        role_groups = _gather(
            (each.id, map(self._role_id, each.role_names())) for each in self._exported_groups
        )
        has_own_client = any(
            each.client_id == terms.client_id and MARK in each.attributes for each in export.clients
        )
        return RealmSnapshot(
            realm=export.realm,
            realm_id=export.id,
            roles=self._roles,
            composites=composites,
            groups=self._groups,
            users=users,
            role_users=role_users,
            role_groups=role_groups,
            group_members=group_members,
            service_accounts=self._service_accounts(),
            default_role_id=self._role_id((None, export.default_role.name)) if export.default_role else None,
            default_groups=frozenset(self._ids_of_groups(export.default_groups)),
            attributes=export.attributes,
            locale=export.default_locale if export.internationalization_enabled else None,
            silent_providers=self._silent_providers(),
            providers={each.id: each.name for each in export.components.storage},
            gaps=self._gaps(),
            client_ids={each.client_id: each.id for each in export.clients},
            has_own_client=has_own_client,
            disabled_here=disabled_by_us(terms, self._roles, role_users) if has_own_client else frozenset(),
        )

    def _read_roles(self) -> dict[str, frozenset[str]]:
        roles = self._export.roles
        exported = [
            (Role(role.id, role.name, client_id), role)
            for client_id, of_one in ((None, roles.realm), *roles.client.items())
            for role in of_one
        ]
        for role, _ in exported:
            self._add_role(role)
        return {
            role.id: frozenset(map(self._role_id, each.composites.role_names())) for role, each in exported
        }

    def _add_role(self, role: Role) -> str:
        self._roles[role.id] = role
        self._role_ids[role.client_id, role.name] = role.id
        return role.id

    def _role_id(self, name: wire.RoleName) -> str:
        """Return a role's id; one that is only named is made, as Keycloak does when it imports the file."""
        return self._role_ids.get(name) or self._add_role(Role(made_id(), name[1], name[0]))

    def _read_groups(self) -> None:
        todo: list[tuple[ExportedGroup, Group | None]] = [(each, None) for each in self._export.groups]
        while todo:
            exported, parent = todo.pop()
            path = exported.path or f"{parent.path if parent else ''}/{exported.name}"
            group = Group(exported.id, path, parent.id if parent else None)
            self._groups[group.id] = group
            self._group_ids.setdefault(path, []).append(group.id)
            self._exported_groups.append(exported)
            todo += [(child, group) for child in exported.sub_groups]

    def _ids_of_groups(self, paths: Iterable[str]) -> Iterator[str]:
        for path in paths:
            if path not in self._group_ids:
                raise ConfigurationError(
                    f"The export of realm {self._export.realm} names a group {path} that it does not hold: "
                    f"export the whole realm with {HOW_TO_EXPORT}"
                )
            yield from self._group_ids[path]

    def _gaps(self) -> tuple[str, ...]:
        return tuple(
            f"two groups have the path {path}, so everybody in one of them counts as in both"
            for path, ids in self._group_ids.items()
            if len(ids) > 1
        )

    def _service_accounts(self) -> frozenset[str]:
        """Return the accounts that their client knows; a name proves nothing."""
        clients = {each.client_id for each in self._export.clients if each.service_accounts_enabled}
        return frozenset(
            each.to_user().id for each in self._export.users if each.service_account_client_id in clients
        )

    def _silent_providers(self) -> dict[str, str]:
        return {
            each.id: f"of user storage provider {each.name} it holds only the users whom Keycloak has "
            "imported, with the groups and roles that they had there at that time if it answered"
            for each in self._export.components.storage
        }


def _gather(having: Iterable[tuple[str, Iterable[str]]]) -> dict[str, frozenset[str]]:
    """Return by thing who has it, from what each has."""
    found: dict[str, set[str]] = {}
    for owner, things in having:
        for thing in things:
            found.setdefault(thing, set()).add(owner)
    return {thing: frozenset(owners) for thing, owners in found.items()}
