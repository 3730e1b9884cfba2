"""Realm exports of `kc.sh export`: one file for one or several realms, or a folder.

In: a path; out: a `RealmExport`, and from that the `RealmSnapshot` that a live read of the same realm would
be. Called by `cli.offline`; no server is asked. An export names roles and groups by name and path, so ids
are looked up, or made where an export written by hand has none.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from keycloak_license.errors import ConfigurationError
from keycloak_license.keycloak_api import wire
from keycloak_license.model.enforcement import MARK, EnforcementTerms, disabled_by_us
from keycloak_license.model.realm import Group, RealmSnapshot, Role, User, provider_of

HOW_TO_EXPORT = "kc.sh export --realm NAME --file FILE"
T = TypeVar("T")


def _made_id() -> str:
    return str(uuid4())


class ExportedRole(wire.ExportedRole):
    """A role, written by hand maybe."""

    id: str = Field(default_factory=_made_id)


class ExportedRoles(wire.Representation):
    """All roles of a realm; client roles by client id."""

    realm: tuple[ExportedRole, ...] = ()
    client: dict[str, tuple[ExportedRole, ...]] = Field(default_factory=dict)


class ExportedGroup(wire.ExportedGroup):
    """A group, written by hand maybe."""

    id: str = Field(default_factory=_made_id)
    path: str = ""
    name: str
    sub_groups: "tuple[ExportedGroup, ...]" = ()


class ExportedClient(wire.ClientRepresentation):
    """A client, written by hand maybe."""

    id: str = Field(default_factory=_made_id)


class NamedRole(wire.Representation):
    """A role of the realm by name."""

    name: str


class ExportedUser(wire.Representation):
    """What one user has directly."""

    id: str | None = None
    username: str | None = None
    """Users of a federation who are not imported have an id alone."""
    enabled: bool = False
    email: str | None = None
    email_verified: bool = False
    created_timestamp: int | None = None
    federation_link: str | None = None
    service_account_client_id: str | None = None
    realm_roles: tuple[str, ...] = ()
    client_roles: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    groups: tuple[str, ...] = ()
    """Paths."""

    def role_names(self) -> Iterator[wire.RoleName]:
        """Yield the roles, each with the client that it belongs to."""
        yield from ((None, name) for name in self.realm_roles)
        for client_id, names in self.client_roles.items():
            yield from ((client_id, name) for name in names)

    def to_user(self) -> User:
        """Return the user; without an id his name is one, for no two users have the same."""
        id_ = self.id or (self.username or "").lower()
        provider_id = self.federation_link or provider_of(id_)
        is_imported = self.username is not None
        return User(
            id=id_,
            username=self.username if self.username is not None else id_.rpartition(":")[2],
            enabled=self.enabled if is_imported else True,
            email=self.email,
            created_at=self.created_timestamp,
            provider_id=provider_id,
            email_verified=self.email_verified,
        )


class UsersFile(wire.Representation):
    """A file of users beside that of their realm."""

    realm: str
    users: tuple[ExportedUser, ...] = ()
    federated_users: tuple[ExportedUser, ...] = ()


class RealmExport(UsersFile):
    """A realm with everything that decides who consumes."""

    id: str = ""
    attributes: dict[str, str] = Field(default_factory=dict)
    roles: ExportedRoles
    groups: tuple[ExportedGroup, ...] = ()
    clients: tuple[ExportedClient, ...] = ()
    default_role: NamedRole | None = None
    default_groups: tuple[str, ...] = ()
    """Paths."""
    components: wire.ExportedComponents = wire.ExportedComponents()
    internationalization_enabled: bool = False
    default_locale: str | None = None

    def to_snapshot(self, terms: EnforcementTerms) -> RealmSnapshot:
        """Return what a live read would show; `ConfigurationError` when it names what it does not hold."""
        return _Reading(self).to_snapshot(terms)


_QUIET = ConfigDict(hide_input_in_errors=True)
_REALMS = TypeAdapter(tuple[RealmExport, ...], config=_QUIET)
_REALM = TypeAdapter(RealmExport)
_USERS = TypeAdapter(UsersFile)


def read_export(path: Path, realm: str | None) -> RealmExport:
    """Read a realm from an export file or folder; without a name it has to hold just one.

    `ConfigurationError` when it cannot be read, is no export, does not hold that realm, or has no users.
    """
    export = _read_folder(path, realm) if path.is_dir() else _read_file(path, realm)
    people = (user for user in export.users if user.service_account_client_id is None)
    if not export.federated_users and next(people, None) is None:
        raise ConfigurationError(
            f"The export {path} of realm {export.realm} holds no users, so nobody can be counted (a partial "
            "export of the admin console never has any, a folder has them in files of their own): name the "
            f"folder, or make one with {HOW_TO_EXPORT}"
        )
    return export


def _read_file(path: Path, realm: str | None) -> RealmExport:
    content = _content(path)
    if not content.startswith(b"["):
        realms: tuple[RealmExport, ...] = (_parse(path, content, _REALM),)
    else:
        realms = _parse(path, content, _REALMS)
    return _choose(path, {each.realm: each for each in realms}, realm)


def _read_folder(path: Path, realm: str | None) -> RealmExport:
    """Read a realm and its users, which may be spread over several files, numbered from 0."""
    found = {file.name.removesuffix("-realm.json"): file for file in sorted(path.glob("*-realm.json"))}
    file = _choose(path, found, realm)
    export = _parse(file, _content(file), _REALM)
    users, federated = list(export.users), list(export.federated_users)
    for kind in ("users", "federated-users"):
        for part in _numbered(path, f"{export.realm}-{kind}-"):
            content = _parse(part, _content(part), _USERS)
            users += content.users
            federated += content.federated_users
    return export.model_copy(update={"users": tuple(users), "federated_users": tuple(federated)})


def _choose(path: Path, found: Mapping[str, T], realm: str | None) -> T:
    names = ", ".join(sorted(found))
    if not found:
        raise ConfigurationError(
            f"The export {path} holds no realm: name a file, or a folder with NAME-realm.json, of "
            f"{HOW_TO_EXPORT}"
        )
    if realm is None and len(found) > 1:
        raise ConfigurationError(f"The export {path} holds several realms: name one of {names} with --realm")
    if realm is not None and realm not in found:
        raise ConfigurationError(f"The export {path} holds no realm {realm}: it has {names}")
    return found[realm] if realm is not None else next(iter(found.values()))


def _numbered(folder: Path, start: str) -> list[Path]:
    """Return the files START0.json, START1.json and so on; one that is missing took people with it."""
    pattern = re.compile(re.escape(start) + r"(\d+)\.json")
    found = {int(match[1]): file for file in folder.iterdir() if (match := pattern.fullmatch(file.name))}
    for number in range(len(found)):
        if number not in found:
            raise ConfigurationError(
                f"The export {folder} lacks the file {start}{number}.json: copy the whole folder, or export "
                "again"
            )
    return [found[number] for number in sorted(found)]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError as error:
        raise ConfigurationError(
            f"The export {path} cannot be read ({error.strerror}): check its name and rights"
        ) from error


def _parse(path: Path, content: bytes, shape: TypeAdapter[T]) -> T:
    try:
        return shape.validate_json(content)
    except ValidationError as error:
        raise ConfigurationError(
            f"The file {path} {_explain(error)}: export again with {HOW_TO_EXPORT}"
        ) from None


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return f"is not valid JSON ({first['msg'].removeprefix('Invalid JSON: ')})"
    where = ".".join(str(step) for step in first["loc"])
    return f"is not a realm export ({where or 'the whole'}: {first['msg'][:1].lower()}{first['msg'][1:]})"


class _Reading:
    """Turns names and paths into ids, and lists of what each user has into who has each thing."""

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
            users={user.id: user for _, user in everybody},
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
        return self._role_ids.get(name) or self._add_role(Role(_made_id(), name[1], name[0]))

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
