"""Realm exports of `kc.sh export`: one file for one or several realms, or a folder.

In: a path; out: a `RealmExport`, checked for shape. Called by `cli.offline`; `export_snapshot` makes a
snapshot of it. Where people wrote it by hand and left ids out, they are made.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from keycloak_license.errors import ConfigurationError
from keycloak_license.keycloak_api import wire
from keycloak_license.model.realm import User, provider_of

HOW_TO_EXPORT = "kc.sh export --realm NAME --file FILE"
T = TypeVar("T")


def made_id() -> str:
    """Return an id that nothing else has."""
    return str(uuid4())


class ExportedRole(wire.ExportedRole):
    """A role, written by hand maybe."""

    id: str = Field(default_factory=made_id)


class ExportedRoles(wire.Representation):
    """All roles of a realm; client roles by client id."""

    realm: tuple[ExportedRole, ...] = ()
    client: dict[str, tuple[ExportedRole, ...]] = Field(default_factory=dict)


class ExportedGroup(wire.ExportedGroup):
    """A group, written by hand maybe."""

    id: str = Field(default_factory=made_id)
    path: str = ""
    name: str
    sub_groups: "tuple[ExportedGroup, ...]" = ()


class ExportedClient(wire.ClientRepresentation):
    """A client, written by hand maybe."""

    id: str = Field(default_factory=made_id)


class NamedRole(wire.Representation):
    """A role of the realm by name."""

    name: str


class ExportedUser(wire.RoleHolder):
    """A user with what he has directly."""

    id: str | None = None
    username: str | None = None
    """Users of a federation who are not imported have an id alone."""
    enabled: bool = False
    email: str | None = None
    email_verified: bool = False
    created_timestamp: int | None = None
    federation_link: str | None = None
    service_account_client_id: str | None = None
    groups: tuple[str, ...] = ()
    """Paths."""

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


_QUIET = ConfigDict(hide_input_in_errors=True)
_REALMS = TypeAdapter(tuple[RealmExport, ...], config=_QUIET)
_REALM = TypeAdapter(RealmExport)
_USERS = TypeAdapter(UsersFile)


def read_export(path: Path, realm: str | None) -> RealmExport:
    """Read a realm from an export file or folder; without a name it has to hold just one.

    `ConfigurationError` when it cannot be read, is no export, does not hold that realm, or has no users.
    """
    export = _read_folder(path, realm) if _is_folder(path) else _read_file(path, realm)
    people = (user for user in export.users if user.service_account_client_id is None)
    if not export.federated_users and next(people, None) is None:
        raise ConfigurationError(
            f"The export {path} of realm {export.realm} holds no users, so nobody can be counted (a partial "
            "export of the admin console never has any, a folder has them in files of their own): name the "
            f"folder, or make one with {HOW_TO_EXPORT}"
        )
    return export


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # reading it as a file says why
        return False


def _read_file(path: Path, realm: str | None) -> RealmExport:
    content = _content(path)
    if not content.startswith(b"["):
        realms: tuple[RealmExport, ...] = (_parse(path, content, _REALM),)
    else:
        realms = _parse(path, content, _REALMS)
    if len({each.realm for each in realms}) < len(realms):
        raise ConfigurationError(f"The export {path} holds two realms of one name: take one of them out")
    return _choose(path, {each.realm: each for each in realms}, realm)


def _read_folder(path: Path, realm: str | None) -> RealmExport:
    """Read a realm and its users, which may be spread over several files, numbered from 0."""
    found = {file.name.removesuffix("-realm.json"): file for file in sorted(path.glob("*-realm.json"))}
    file = _choose(path, found, realm)
    export = _parse(file, _content(file), _REALM)
    parts = [
        _parse(part, _content(part), _USERS)
        for kind in ("users", "federated-users")
        for part in _numbered(path, f"{export.realm}-{kind}-")
    ]
    everybody: list[UsersFile] = [export, *parts]
    users = tuple(user for each in everybody for user in each.users)
    federated_users = tuple(user for each in everybody for user in each.federated_users)
    return export.model_copy(update={"users": users, "federated_users": federated_users})


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
