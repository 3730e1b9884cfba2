"""Writes a snapshot as `kc.sh export` would, for tests that read it back."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from keycloak_license.model.realm import Group, RealmSnapshot, User

Document = dict[str, Any]


def export_of(snapshot: RealmSnapshot, *, with_ids: bool = True) -> Document:
    """Return the realm with everybody in it; as people write one, without ids."""
    document = {
        "id": snapshot.realm_id,
        "realm": snapshot.realm,
        "attributes": dict(snapshot.attributes),
        "roles": _roles(snapshot),
        "groups": [_group(snapshot, each) for each in snapshot.groups.values() if each.parent_id is None],
        "clients": [
            {"id": f"client-{user_id}", "clientId": f"of-{user_id}", "serviceAccountsEnabled": True}
            for user_id in sorted(snapshot.service_accounts)
        ],
        "defaultGroups": [snapshot.groups[each].path for each in sorted(snapshot.default_groups)],
        "users": [_user(snapshot, each) for each in snapshot.users.values()],
    }
    if snapshot.default_role_id is not None:
        default = snapshot.roles[snapshot.default_role_id]
        document["defaultRole"] = {"id": default.id, "name": default.name}
    return document if with_ids else _without_ids(document)


def write(path: Path, document: object) -> Path:
    """Write a document as JSON; return where."""
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def write_folder(folder: Path, document: Document, users_per_file: int = 2) -> Path:
    """Write a realm with its users in files of their own; return the folder."""
    folder.mkdir(exist_ok=True)
    realm, users = document["realm"], document["users"]
    write(folder / f"{realm}-realm.json", {key: value for key, value in document.items() if key != "users"})
    for number, first in enumerate(range(0, len(users), users_per_file)):
        some = users[first : first + users_per_file]
        write(folder / f"{realm}-users-{number}.json", {"realm": realm, "users": some})
    return folder


def _roles(snapshot: RealmSnapshot) -> Document:
    realm: list[Document] = []
    client: dict[str, list[Document]] = {}
    for role in snapshot.roles.values():
        inside = _by_client(snapshot, snapshot.composites.get(role.id, frozenset()), "realm", "client")
        of_one = realm if role.client_id is None else client.setdefault(role.client_id, [])
        of_one.append({"id": role.id, "name": role.name, "composites": inside})
    return {"realm": realm, "client": client}


def _group(snapshot: RealmSnapshot, group: Group) -> Document:
    inside = [each for each in snapshot.groups.values() if each.parent_id == group.id]
    return {
        "id": group.id,
        "name": group.path.rpartition("/")[2],
        "path": group.path,
        "subGroups": [_group(snapshot, each) for each in inside],
        **_by_client(snapshot, _having(snapshot.role_groups, group.id), "realmRoles", "clientRoles"),
    }


def _user(snapshot: RealmSnapshot, user: User) -> Document:
    paths = [snapshot.groups[each].path for each in _having(snapshot.group_members, user.id)]
    document = {
        "id": user.id,
        "username": user.username,
        "enabled": user.enabled,
        "groups": paths,
        **_by_client(snapshot, _having(snapshot.role_users, user.id), "realmRoles", "clientRoles"),
    }
    if user.created_at is not None:
        document["createdTimestamp"] = user.created_at
    if user.provider_id is not None:
        document["federationLink"] = user.provider_id
    if user.id in snapshot.service_accounts:
        document["serviceAccountClientId"] = f"of-{user.id}"
    return document


def _having(lists: Mapping[str, frozenset[str]], owner: str) -> Iterator[str]:
    return (thing for thing, owners in lists.items() if owner in owners)


def _by_client(snapshot: RealmSnapshot, role_ids: Any, realm_key: str, client_key: str) -> Document:
    roles = [snapshot.roles[each] for each in sorted(role_ids)]
    clients = {role.client_id for role in roles if role.client_id is not None}
    return {
        realm_key: [role.name for role in roles if role.client_id is None],
        client_key: {each: [role.name for role in roles if role.client_id == each] for each in clients},
    }


def _without_ids(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_ids(each) for key, each in value.items() if key != "id"}
        case list():
            return [_without_ids(each) for each in value]
        case _:
            return value
