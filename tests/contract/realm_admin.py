"""What the contract needs an admin to do, and the same over Keycloak's Admin REST API.

`tests.fakes.SimulatedRealm` is the other implementation: a test that sets up a realm through `RealmAdmin`
and looks at it through `ports.Realm` runs on both.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from keycloak_license.keycloak_api.answers import Access
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.provision import Provisioner
from keycloak_license.model.enforcement import Enforcement
from tests.fakes import RoleName
from tests.real.keycloak import RealRealm

SECRET = "only-for-this-test"


class RealmAdmin(Protocol):
    """Sets up a realm; roles, groups and users go by id."""

    @property
    def default_role(self) -> str:
        """The composite that every new user gets."""

    def create_role(self, name: str, client_id: str | None = None) -> str:
        """Make a realm role or, with its client where that is missing, a client role."""

    def add_to_composite(self, parent: str, child: str) -> None: ...

    def create_group(self, name: str, parent: str | None = None) -> str: ...

    def create_user(self, username: str, *, enabled: bool = True, email: str | None = None) -> str: ...

    def create_service_account(self, client_id: str, username: str | None = None) -> str:
        """Make a client with a service account, by import when it is to have an unusual name."""

    def delete_user(self, user: str) -> None: ...

    def set_enabled(self, user: str, *, enabled: bool) -> None: ...

    def grant(self, user: str, role: str) -> None: ...

    def revoke(self, user: str, role: str) -> None: ...

    def grant_group(self, group: str, role: str) -> None: ...

    def join(self, user: str, group: str) -> None: ...

    def leave(self, user: str, group: str) -> None: ...

    def add_default_group(self, group: str) -> None: ...

    def effective_roles(self, user: str) -> set[RoleName]:
        """All roles of a user, as Keycloak itself works them out."""

    @property
    def attributes(self) -> Mapping[str, str]: ...

    def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """Set attributes as another program would; the others stay."""

    @property
    def attribute_writes(self) -> int:
        """How often the realm's attributes have been written so far, by anybody."""


class RestAdmin:
    """`RealmAdmin` on a real realm, which must record admin events."""

    def __init__(self, realm: RealRealm) -> None:
        self._realm = realm

    @property
    def default_role(self) -> str:
        return str(self._realm.get()["defaultRole"]["id"])

    def create_role(self, name: str, client_id: str | None = None) -> str:
        if client_id is None:
            self._realm.post("/roles", {"name": name})
            listed = self._realm.get("/roles")
        else:
            path = f"/clients/{self._client(client_id)}/roles"
            self._realm.post(path, {"name": name})
            listed = self._realm.get(path)
        [role_id] = [role["id"] for role in listed if role["name"] == name]
        return str(role_id)

    def add_to_composite(self, parent: str, child: str) -> None:
        self._realm.post(f"/roles-by-id/{parent}/composites", [self._role(child)])

    def create_group(self, name: str, parent: str | None = None) -> str:
        return str(self._realm.post(f"/groups/{parent}/children" if parent else "/groups", {"name": name}))

    def create_user(self, username: str, *, enabled: bool = True, email: str | None = None) -> str:
        return str(self._realm.post("/users", {"username": username, "enabled": enabled, "email": email}))

    def create_service_account(self, client_id: str, username: str | None = None) -> str:
        client = self._client(client_id)
        if username is not None:
            user = {"username": username, "enabled": True, "serviceAccountClientId": client_id}
            self._realm.post("/partialImport", {"ifResourceExists": "FAIL", "users": [user]})
        representation = self._realm.get(f"/clients/{client}")
        self._realm.put(f"/clients/{client}", representation | {"serviceAccountsEnabled": True})
        return str(self._realm.get(f"/clients/{client}/service-account-user")["id"])

    def delete_user(self, user: str) -> None:
        self._realm.delete(f"/users/{user}")

    def set_enabled(self, user: str, *, enabled: bool) -> None:
        self._realm.put(f"/users/{user}", {"enabled": enabled})

    def grant(self, user: str, role: str) -> None:
        self._realm.post(*self._mapping(f"/users/{user}", role))

    def revoke(self, user: str, role: str) -> None:
        self._realm.delete(*self._mapping(f"/users/{user}", role))

    def grant_group(self, group: str, role: str) -> None:
        self._realm.post(*self._mapping(f"/groups/{group}", role))

    def join(self, user: str, group: str) -> None:
        self._realm.put(f"/users/{user}/groups/{group}")

    def leave(self, user: str, group: str) -> None:
        self._realm.delete(f"/users/{user}/groups/{group}")

    def add_default_group(self, group: str) -> None:
        self._realm.put(f"/default-groups/{group}")

    def effective_roles(self, user: str) -> set[RoleName]:
        clients = {client["id"]: client["clientId"] for client in self._realm.get("/clients")}
        paths: dict[str | None, str] = {None: "realm"}
        paths |= {client_id: f"clients/{id_}" for id_, client_id in clients.items()}
        return {
            (client_id, role["name"])
            for client_id, path in paths.items()
            for role in self._realm.get(f"/users/{user}/role-mappings/{path}/composite")
        }

    @property
    def attributes(self) -> Mapping[str, str]:
        attributes: dict[str, str] = self._realm.get()["attributes"]
        return attributes

    def set_attributes(self, attributes: Mapping[str, str]) -> None:
        self.replace_attributes({**self.attributes, **attributes})

    def replace_attributes(self, attributes: Mapping[str, str]) -> None:
        """Set attributes as another program would that removes all others."""
        self._realm.put("", {"attributes": attributes})

    @property
    def attribute_writes(self) -> int:
        # A realm's own update has no path; importing a user is one as well, but has.
        events = self._realm.get("/admin-events", resourceTypes="REALM", operationTypes="UPDATE", max=1000)
        return sum(not event.get("resourcePath") for event in events)

    def _client(self, client_id: str) -> str:
        """Return Keycloak's id of a client, which is made where it is missing."""
        for client in self._realm.get("/clients", clientId=client_id):
            return str(client["id"])
        return str(self._realm.post("/clients", {"clientId": client_id, "publicClient": False}))

    def _role(self, role: str) -> dict[str, Any]:
        representation: dict[str, Any] = self._realm.get(f"/roles-by-id/{role}")
        return representation

    def _mapping(self, holder: str, role: str) -> tuple[str, list[dict[str, Any]]]:
        representation = self._role(role)
        kind = f"clients/{representation['containerId']}" if representation["clientRole"] else "realm"
        return f"{holder}/role-mappings/{kind}", [representation]


def connect_as_admin(realm: RealRealm, at: str | None = None) -> KeycloakClient:
    """Return our client of a realm (`at`: of another one) with the first administrator's login."""
    api = realm.api
    access = Access(api.url, "master", "admin-cli", username=api.user, password=api.password)
    return KeycloakClient(access, at or realm.name)


def connect_as_sidecar(realm: RealRealm) -> KeycloakClient:
    """Return our client as `init` sets it up: an own service account with just its rights."""
    admin = connect_as_admin(realm)
    Provisioner(admin, admin, "keycloak-license").provision(Enforcement.OBSERVE, client_secret=SECRET)
    return KeycloakClient(Access(realm.api.url, realm.name, "keycloak-license", SECRET), realm.name)


VIEWER = "viewer"
VIEW_ONLY: Mapping[str, Any] = {
    "clients": [
        {"clientId": VIEWER, "publicClient": False, "serviceAccountsEnabled": True, "secret": SECRET}
    ],
    "users": [
        {
            "username": f"service-account-{VIEWER}",
            "enabled": True,
            "serviceAccountClientId": VIEWER,
            "clientRoles": {"realm-management": ["view-realm", "view-users", "view-clients"]},
        }
    ],
}
"""What a realm representation needs for `connect_as_viewer`."""


def connect_as_viewer(realm: RealRealm) -> KeycloakClient:
    """Return our client with the rights to look and no others, in a realm made with `VIEW_ONLY`."""
    return KeycloakClient(Access(realm.api.url, realm.name, VIEWER, SECRET), realm.name)
