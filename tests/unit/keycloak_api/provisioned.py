"""A realm that `init` works on, as far as `Provisioner` sees it.

In: a `FakeServer`; out: `Directory`, which answers for a realm and for the one that its rights live in.
"""

from functools import partial
from typing import Any

from keycloak_license.keycloak_api.provision import Provisioned, Provisioner
from keycloak_license.keycloak_api.screen_client import SCOPES
from keycloak_license.model.enforcement import Enforcement
from keycloak_license.model.screen import ScreenAddress
from tests.unit.keycloak_api.fake import Ask, FakeServer, Reply, connect, reply
from tests.unit.keycloak_api.small_realm import user

OFFERED = (
    "view-realm",
    "view-users",
    "view-clients",
    "view-events",
    "manage-realm",
    "manage-users",
    "manage-clients",
    "manage-identity-providers",
)
OURS = "keycloak-license"
SCREEN = "keycloak-license-screen"
ADDRESS = ScreenAddress("https://licences.example", "http://sidecar:8081")


def right(name: str) -> dict[str, object]:
    return {
        "id": f"right-{name}",
        "name": name,
        "composite": False,
        "clientRole": True,
        "containerId": "holder",
    }


Clients = dict[str, dict[str, Any]]
"""By client id."""


class Directory:
    """A realm, and the realm that its rights live in, on a server."""

    def __init__(self, server: FakeServer, auth_realm: str = "acme", managed: str = "acme") -> None:
        self.auth_realm, self.managed = auth_realm, managed
        self.holder = f"{managed}-realm" if auth_realm == "master" else "realm-management"
        self.attributes: dict[str, str] = {"foreign": "1"}
        self.settings: dict[str, object] = {"adminEventsEnabled": False}
        """Of the realm, beside its attributes."""
        self.clients: Clients = {self.holder: {"id": "holder", "clientId": self.holder}}
        self.managed_clients = self.clients if auth_realm == managed else {}
        self.rights: dict[str, dict[str, object]] = {}
        self.role: dict[str, object] | None = None
        self.own_roles: list[str] = []
        self._server = server
        below = "" if auth_realm == "acme" else f"/realms/{auth_realm}/"
        realm = "" if managed == "acme" else f"/realms/{managed}"
        mapping = f"{below}users/user-sa/role-mappings/clients/holder"
        clients = f"{realm}/clients" if realm else "clients"
        for path, kept in ((clients, self.managed_clients), (f"{below}clients", self.clients)):
            server.on("GET", path, partial(self._find_client, kept))
            server.on("POST", path, partial(self._make_client, kept))
        for path in (f"{below}clients/ours", f"{clients}/screen"):
            server.on("GET", path, self._read_client)
            server.on("PUT", path, self._change_client)
            server.on("DELETE", path, self._delete_client)
        server.on("GET", "client-scopes", reply([{"id": f"scope-{each}", "name": each} for each in SCOPES]))
        for each in SCOPES:
            server.on("PUT", f"{clients}/screen/default-client-scopes/scope-{each}", self._give_scope)
        server.on("GET", f"{below}clients/ours/service-account-user", reply(user("sa")))
        server.on("GET", f"{below}clients/holder/roles", reply([right(name) for name in OFFERED]))
        server.on("GET", mapping, lambda _ask: reply(list(self.rights.values())))
        server.on("GET", f"{below}users/user-sa/role-mappings", reply({}))
        server.on("POST", mapping, self._grant)
        server.on("DELETE", mapping, self._revoke)
        roles = f"{realm}/roles" if realm else "roles"
        server.on("GET", f"{roles}/manage-licenses", self._find_role)
        server.on("POST", roles, self._make_role)
        server.on("DELETE", f"{roles}/manage-licenses", self._delete_role)
        server.on("GET", f"{below}clients/ours/roles", lambda _ask: reply([]))
        server.on("POST", f"{below}clients/ours/roles", self._make_own_role)
        server.on(
            "GET", f"{below}users", lambda ask: reply([user("ann")] if ask.query["username"] == "ann" else [])
        )
        server.on("POST", f"{below}users/user-ann/role-mappings/realm", reply(status=204))
        server.on("GET", realm, self._read_realm)
        server.on("PUT", realm, self._write_realm)

    def provisioner(self) -> Provisioner:
        admin: dict[str, Any] = {"auth_realm": "master", "client_id": "admin-cli", "client_secret": None}
        admin |= {"username": "root", "password": "pw"}
        return Provisioner(
            realm=connect(realm=self.managed, **admin),
            auth_realm=connect(realm=self.auth_realm, **admin),
            client_id=OURS,
        )

    def provision(self, enforcement: Enforcement = Enforcement.OBSERVE, **known: Any) -> Provisioned:
        return self.provisioner().provision(enforcement, **known)

    def _find_client(self, kept: Clients, ask: Ask) -> Reply:
        found = kept.get(ask.query["clientId"])
        return reply([found] if found else [])

    def _make_client(self, kept: Clients, ask: Ask) -> Reply:
        name = ask.body["clientId"]
        if name in kept:
            return reply({}, 409)
        kept[name] = {"secret": "made-up", **ask.body, "id": "screen" if name == SCREEN else "ours"}
        return reply(status=201)

    def _read_client(self, ask: Ask) -> Reply:
        kept, name = self._kept_at(ask.path)
        return reply(kept[name])

    def _change_client(self, ask: Ask) -> Reply:
        """Merge the attributes and take out empty ones, and make up origins, as Keycloak does.

        Old versions make a service account that is not named anew, without its rights.
        """
        kept, name = self._kept_at(ask.path)
        if name == OURS and not ask.body.get("serviceAccountsEnabled"):
            self.rights.clear()
        merged = kept[name]["attributes"] | ask.body["attributes"]
        kept[name] |= {"webOrigins": ["https://made-up"], **ask.body} | {
            "attributes": {name: value for name, value in merged.items() if value}
        }
        return reply(status=204)

    def _delete_client(self, ask: Ask) -> Reply:
        kept, name = self._kept_at(ask.path)
        del kept[name]
        return reply(status=204)

    def _kept_at(self, path: str) -> tuple[Clients, str]:
        return (self.managed_clients, SCREEN) if path.endswith("/screen") else (self.clients, OURS)

    def _give_scope(self, ask: Ask) -> Reply:
        self.managed_clients[SCREEN]["defaultClientScopes"] += [ask.path.rpartition("-")[2]]
        return reply(status=204)

    def _grant(self, ask: Ask) -> Reply:
        self.rights |= {each["name"]: each for each in ask.body}
        return reply(status=204)

    def _revoke(self, ask: Ask) -> Reply:
        for each in ask.body:
            del self.rights[each["name"]]
        return reply(status=204)

    def _find_role(self, _ask: Ask) -> Reply:
        return reply(self.role) if self.role else reply({}, 404)

    def _make_role(self, ask: Ask) -> Reply:
        self.role = {"id": "role", **ask.body}
        return reply(status=201)

    def _make_own_role(self, ask: Ask) -> Reply:
        self.own_roles.append(ask.body["name"])
        return reply(status=201)

    def _delete_role(self, _ask: Ask) -> Reply:
        self.role = None
        return reply(status=204)

    def _read_realm(self, _ask: Ask) -> Reply:
        about = {"id": f"id-of-{self.managed}", "realm": self.managed, "attributes": self.attributes}
        return reply(about | self.settings)

    def _write_realm(self, ask: Ask) -> Reply:
        """Replace all attributes if any are given, as Keycloak does, and leave alone what is not given."""
        self.attributes = ask.body.get("attributes", self.attributes)
        self.settings |= {name: value for name, value in ask.body.items() if name != "attributes"}
        return reply(status=204)
