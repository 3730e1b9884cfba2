"""Makes in a realm what the sidecar needs, and takes it out again.

In: a client with an administrator's login; out: the names of what was made or removed. Called by
`cli.init`. Everything made carries our mark; what does not is left alone.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from keycloak_license.errors import ConfigurationError, NotThereError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.answers import rights_client
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.writer import write_attributes
from keycloak_license.model.attributes import INSTALLATION_ID, is_owned
from keycloak_license.model.changes import AttributeRemoved, AttributeSet

MARK = "keycloak-license.owned"
MANAGE_LICENSES = "manage-licenses"

OBSERVE_RIGHTS = frozenset({"view-realm", "view-users", "view-clients", "view-events", "manage-realm"})
RIGHTS = {
    "observe": OBSERVE_RIGHTS,
    "gate": OBSERVE_RIGHTS | {"manage-users", "manage-clients"},
    "disable": OBSERVE_RIGHTS | {"manage-users"},
}
"""Roles of the service account, by enforcement."""


@dataclass
class Provisioned:
    """What `provision` found and did."""

    created: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    client_secret: str | None = None
    """Set only when the client was made just now."""


class Provisioner:
    """Works on one realm, with the client of the sidecar in that realm or in master."""

    def __init__(self, realm: KeycloakClient, auth_realm: KeycloakClient, client_id: str) -> None:
        self._realm = realm
        self._auth_realm = auth_realm
        self._client_id = client_id

    def provision(
        self, enforcement: str, *, installation_id: str | None = None, client_secret: str | None = None
    ) -> Provisioned:
        """Make what is missing and give the service account just the rights of the enforcement.

        `installation_id` is what the ledger knows, used when the realm has none; `client_secret` is for
        a new client, instead of one that Keycloak makes up.
        """
        done = Provisioned()
        client = self._find_client()
        if client is None:
            client = self._create_client(client_secret)
            done.created.append(f"client {self._client_id}")
            done.client_secret = client.secret
        self._grant_rights(client, RIGHTS[enforcement], done)
        if self._find_role() is None:
            body = {
                "name": MANAGE_LICENSES,
                "description": "May manage licences (keycloak-license)",
                "attributes": {MARK: ["true"]},
            }
            self._realm.create("roles", body)
            done.created.append(f"role {MANAGE_LICENSES}")
        if INSTALLATION_ID not in self._realm.get("", wire.REALM).attributes:
            write_attributes(self._realm, [AttributeSet(INSTALLATION_ID, installation_id or str(uuid4()))])
            done.created.append(f"attribute {INSTALLATION_ID}")
        return done

    def remove(self) -> Provisioned:
        """Take out what we made: attributes, role, client."""
        done = Provisioned()
        owned = sorted(filter(is_owned, self._realm.get("", wire.REALM).attributes))
        write_attributes(self._realm, [AttributeRemoved(name) for name in owned])
        done.removed += [f"attribute {name}" for name in owned]
        role = self._find_role()
        if role is not None and MARK in role.attributes:
            self._realm.delete(f"roles/{MANAGE_LICENSES}")
            done.removed.append(f"role {MANAGE_LICENSES}")
        client = self._find_client()
        if client is not None:
            self._auth_realm.delete(f"clients/{client.id}")
            done.removed.append(f"client {self._client_id}")
        return done

    def _find_client(self) -> wire.OwnedClientRepresentation | None:
        for found in self._auth_realm.get("clients", wire.OWNED_CLIENTS, clientId=self._client_id):
            if MARK not in found.attributes:
                raise ConfigurationError(
                    f"Realm {self._auth_realm.realm} has a client {self._client_id} that keycloak-license "
                    "did not make: choose another keycloak.client_id, or remove that client"
                )
            return found
        return None

    def _create_client(self, secret: str | None) -> wire.OwnedClientRepresentation:
        body: dict[str, Any] = {
            "clientId": self._client_id,
            "name": "License sidecar",
            "description": "Service account of keycloak-license",
            "publicClient": False,
            "serviceAccountsEnabled": True,
            "standardFlowEnabled": False,
            "directAccessGrantsEnabled": False,
            "attributes": {MARK: "true"},
        }
        self._auth_realm.create("clients", body | ({"secret": secret} if secret else {}))
        return self._auth_realm.get("clients", wire.OWNED_CLIENTS, clientId=self._client_id)[0]

    def _grant_rights(
        self, client: wire.OwnedClientRepresentation, wanted: frozenset[str], done: Provisioned
    ) -> None:
        """Bring the service account's rights over the realm to exactly those wanted."""
        holder = rights_client(self._auth_realm.realm, self._realm.realm)
        clients = self._auth_realm.get("clients", wire.CLIENTS, clientId=holder)
        if not clients:
            raise ConfigurationError(
                f"Realm {self._auth_realm.realm} has no client {holder}, so it holds no rights over realm "
                f"{self._realm.realm}: set keycloak.auth_realm to null or to master"
            )
        account = self._auth_realm.get(f"clients/{client.id}/service-account-user", wire.USER)
        path = f"users/{account.id}/role-mappings/clients/{clients[0].id}"
        present = {role.name: role for role in self._auth_realm.get(path, wire.ROLES)}
        offered = self._auth_realm.get(f"clients/{clients[0].id}/roles", wire.ROLES)
        missing = [role for role in offered if role.name in wanted - present.keys()]
        if missing:
            self._auth_realm.create(path, [role.model_dump(by_alias=True) for role in missing])
            done.created += [f"right {name}" for name in sorted(role.name for role in missing)]
        if surplus := [role for name, role in present.items() if name not in wanted]:
            self._auth_realm.delete(path, [role.model_dump(by_alias=True) for role in surplus])
            done.removed += [f"right {name}" for name in sorted(role.name for role in surplus)]

    def _find_role(self) -> wire.OwnedRoleRepresentation | None:
        try:
            return self._realm.get(f"roles/{MANAGE_LICENSES}", wire.OWNED_ROLE)
        except NotThereError:
            return None
