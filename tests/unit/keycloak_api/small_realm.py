"""A small realm as plain data, served both as lists and as a partial export."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.unit.keycloak_api.fake import REALM, FakeServer, reply

REALM_ROLES = ""
NO_LISTS: Mapping[str, Sequence[str]] = {}


def user(name: str, **more: object) -> dict[str, object]:
    return {"id": f"user-{name}", "username": name, "enabled": True, **more}


@dataclass
class SmallRealm:
    """Roles are named ``NAME`` or ``client/NAME``, groups by their path, users by their name."""

    roles: Mapping[str, Sequence[str]]
    """Who has them directly."""
    composites: Mapping[str, Sequence[str]] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Members; a parent stands before its children."""
    group_roles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    service_accounts: Mapping[str, str] = field(default_factory=dict)
    """Client id to the user it really is."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    providers: Sequence[Mapping[str, Any]] = ()
    default_groups: Sequence[str] = ()

    def serve(self, server: FakeServer, *, export_status: int = 200) -> None:
        """Put it on a server; `export_status` 403 makes the reader walk."""
        for path, listed in self._lists():
            server.on_list(path, listed)
        for name, account in self.service_accounts.items():
            server.on("GET", f"clients/client-{name}/service-account-user", reply(user(account)))
        server.on("GET", "", reply(self.representation()))
        server.on("GET", "groups/count", reply({"count": len(self.groups)}))
        server.on("POST", "partial-export", reply(self.export(), export_status))

    def representation(self) -> dict[str, object]:
        return {
            "id": "realm-id",
            "realm": REALM,
            "attributes": dict(self.attributes),
            "defaultGroups": list(self.default_groups),
        }

    def export(self) -> dict[str, object]:
        def inside(names: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
            realm, client = [], dict[str, list[str]]()
            for name in names:
                owner, _, short = name.rpartition("/")
                client.setdefault(owner, []).append(short) if owner else realm.append(short)
            return realm, client

        def role(name: str) -> dict[str, object]:
            realm, client = inside(self.composites.get(name, ()))
            return self._role(name) | {"composites": {"realm": realm, "client": client}}

        def group(path: str) -> dict[str, object]:
            realm, client = inside(self.group_roles.get(path, ()))
            children = [group(each) for each in self._children(path)]
            return {**_group(path), "realmRoles": realm, "clientRoles": client, "subGroups": children}

        by_owner: dict[str, list[dict[str, object]]] = {name: [] for name in (REALM_ROLES, *self._clients())}
        for name in self.roles:
            by_owner[name.rpartition("/")[0]].append(role(name))
        return self.representation() | {
            "roles": {"realm": by_owner.pop(REALM_ROLES), "client": by_owner},
            "groups": [group(path) for path in self._children("")],
            "clients": self._client_list(),
            "components": {"org.keycloak.storage.UserStorageProvider": list(self.providers)},
        }

    def _lists(self) -> Iterator[tuple[str, list[dict[str, object]]]]:
        yield "clients", self._client_list()
        yield "default-groups", [_group(path) for path in self.default_groups]
        yield "components", [dict(each) for each in self.providers]
        for owner in (REALM_ROLES, *self._clients()):
            path = f"clients/client-{owner}/roles" if owner else "roles"
            names = [name for name in self.roles if name.rpartition("/")[0] == owner]
            yield path, [self._role(name) for name in names]
            for name in names:
                having = [group for group, roles in self.group_roles.items() if name in roles]
                yield f"{path}/{name.rpartition('/')[2]}/users", [user(each) for each in self.roles[name]]
                yield f"{path}/{name.rpartition('/')[2]}/groups", [_group(each) for each in having]
                inside = [self._role(each) for each in self.composites.get(name, ())]
                yield f"roles-by-id/{role_id(name)}/composites", inside
        for path, members in self.groups.items():
            yield f"groups/{group_id(path)}/members", [user(each) for each in members]
            yield f"groups/{group_id(path)}/children", [_group(each) for each in self._children(path)]

    def _clients(self) -> list[str]:
        owners = {name.rpartition("/")[0] for name in self.roles} - {REALM_ROLES}
        return sorted({"account", *owners, *self.service_accounts})

    def _client_list(self) -> list[dict[str, object]]:
        return [
            {
                "id": f"client-{name}",
                "clientId": name,
                "serviceAccountsEnabled": name in self.service_accounts,
            }
            for name in self._clients()
        ]

    def _role(self, name: str) -> dict[str, object]:
        owner, _, short = name.rpartition("/")
        container = f"client-{owner}" if owner else "realm-id"
        return {
            "id": role_id(name),
            "name": short,
            "composite": name in self.composites,
            "containerId": container,
        }

    def _children(self, path: str) -> list[str]:
        return [each for each in self.groups if each.rpartition("/")[0] == path]


def role_id(name: str) -> str:
    return f"role-{name.replace('/', '-')}"


def group_id(path: str) -> str:
    return f"group{path.replace('/', '-')}"


def _group(path: str) -> dict[str, object]:
    parent = path.rpartition("/")[0]
    return {"id": group_id(path), "path": path, **({"parentId": group_id(parent)} if parent else {})}
