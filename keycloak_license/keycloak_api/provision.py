"""Makes in a realm what the sidecar needs, and takes it out again.

In: a client with an administrator's login; out: the names of what was made or removed. Called by
`cli.init`. Everything made carries our mark; what does not is left alone.
"""

from dataclasses import dataclass, field
from uuid import uuid4

from keycloak_license.errors import ConfigurationError, NotThereError, UnexpectedAnswerError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.accounts import own_role
from keycloak_license.keycloak_api.answers import rights_client
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.clients import change_client
from keycloak_license.keycloak_api.recording import AdminEvents, Recording, Wish
from keycloak_license.keycloak_api.screen_client import ScreenClient
from keycloak_license.keycloak_api.writer import write_attributes
from keycloak_license.model.attributes import INSTALLATION_ID, is_owned
from keycloak_license.model.changes import AttributeRemoved, AttributeSet
from keycloak_license.model.enforcement import DISABLED_ROLE, MANAGE_LICENSES, MARK, Enforcement
from keycloak_license.model.screen import ScreenAddress

COMPLETE = "true"
"""The value of our mark on a client whose secret was handed out; before, it is something else."""

_CLIENT = {
    "name": "License sidecar",
    "description": "Service account of keycloak-license",
    "publicClient": False,
    "serviceAccountsEnabled": True,
    "standardFlowEnabled": False,
    "directAccessGrantsEnabled": False,
    "attributes": {MARK: "secret not handed out yet"},
}
_ROLE = {
    "name": MANAGE_LICENSES,
    "description": "May manage licences (keycloak-license)",
    "attributes": {MARK: ["true"]},
}

OBSERVE_RIGHTS = frozenset({"view-realm", "view-users", "view-clients", "view-events", "manage-realm"})
RIGHTS = {
    Enforcement.OBSERVE: OBSERVE_RIGHTS,
    Enforcement.GATE: OBSERVE_RIGHTS | {"manage-users", "manage-clients", "manage-identity-providers"},
    Enforcement.DISABLE: OBSERVE_RIGHTS | {"manage-users"},
}
"""Roles of the service account, by enforcement."""


@dataclass
class Provisioned:
    """What `provision` found and did."""

    created: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    client_secret: str | None = None
    """Set once: by the first run that gets to its end."""
    warnings: list[str] = field(default_factory=list)
    """Sentences about what stays as it is."""


class Provisioner:
    """Works on one realm, with the client of the sidecar in that realm or in master."""

    def __init__(self, realm: KeycloakClient, auth_realm: KeycloakClient, client_id: str) -> None:
        self._realm = realm
        self._auth_realm = auth_realm
        self._client_id = client_id
        self._screen = ScreenClient(realm, client_id)

    def look_at_events(self) -> AdminEvents:
        """Return how the realm records admin events."""
        return AdminEvents.read(self._realm)

    def provision(
        self,
        enforcement: Enforcement,
        *,
        installation_id: str | None = None,
        client_secret: str | None = None,
        recording: Wish | None = None,
        screen: ScreenAddress | None = None,
    ) -> Provisioned:
        """Make what is missing and give the service account just the rights of the enforcement.

        `installation_id` is what the ledger knows, used when the realm has none; `client_secret` is for
        a new client, instead of one that Keycloak makes up. Without `recording` admin events stay as they
        are; without `screen` there is no client for its logins.
        """
        self._refuse_third_realm()
        done = Provisioned()
        client = self._find_client()
        self._provide_screen(screen, done)
        client = client or self._create_client(client_secret, done)
        if not (client.enabled and client.service_accounts_enabled):
            change_client(self._auth_realm, client.id, {"enabled": True, "serviceAccountsEnabled": True})
            done.created.append("service account")
        self._grant_rights(client, RIGHTS[enforcement], done)
        if enforcement is Enforcement.OBSERVE:
            self._remove_role_client(done)
        else:
            self._provide_roles(enforcement, done)
        if self._find_role() is None:
            self._realm.create("roles", _ROLE)
            done.created.append(f"role {MANAGE_LICENSES}")
        if INSTALLATION_ID not in self._realm.get("", wire.REALM).attributes:
            write_attributes(self._realm, [AttributeSet(INSTALLATION_ID, installation_id or str(uuid4()))])
            done.created.append(f"attribute {INSTALLATION_ID}")
        if recording is not None:
            switched = Recording(self._realm, self._auth_realm, client).switch_on(recording)
            done.created += switched.what
            done.warnings += switched.told
        # Last: a secret that was made known cannot be shown again.
        if client.attributes.get(MARK) != COMPLETE:
            done.client_secret = client.secret
            change_client(self._auth_realm, client.id, {"attributes": {MARK: COMPLETE}})
        return done

    def remove(self) -> Provisioned:
        """Take out what we made: attributes, role, rights, and the client unless another realm needs it."""
        self._refuse_third_realm()
        done = Provisioned()
        found = self._list_client()
        client = found if found is not None and MARK in found.attributes else None
        if client is not None:
            # First, for it is our client that knows whether events were off before.
            switched = Recording(self._realm, self._auth_realm, client).switch_off()
            done.removed += switched.what
            done.warnings += switched.told
        owned = sorted(filter(is_owned, self._realm.get("", wire.REALM).attributes))
        write_attributes(self._realm, [AttributeRemoved(name) for name in owned])
        done.removed += [f"attribute {name}" for name in owned]
        role = self._find_role()
        if role is not None and MARK in role.attributes:
            self._realm.delete(f"roles/{MANAGE_LICENSES}")
            done.removed.append(f"role {MANAGE_LICENSES}")
        if client is not None:
            self._remove_client(client, done)
        self._remove_role_client(done)
        done.removed += self._screen.remove()
        return done

    def appoint(self, username: str) -> None:
        """Give a user the role manage-licenses; `ConfigurationError` when either is not there."""
        found = self._realm.get("users", wire.USERS, username=username, exact="true")
        role = self._find_role()
        if not found or role is None:
            raise ConfigurationError(
                f"Realm {self._realm.realm} has no user {username} or no role {MANAGE_LICENSES}: make him, "
                "and run keycloak-license init"
            )
        self._realm.create(
            f"users/{found[0].id}/role-mappings/realm", [{"id": role.id, "name": MANAGE_LICENSES}]
        )

    def _provide_screen(self, address: ScreenAddress | None, done: Provisioned) -> None:
        if address is None:
            done.removed += self._screen.remove()
        else:
            done.created += self._screen.provide(address)

    def _provide_roles(self, enforcement: Enforcement, done: Provisioned) -> None:
        """Make what the sidecar may not: roles, and a client for them where it logs in elsewhere."""
        found = self._realm.get("clients", wire.OWNED_CLIENTS, clientId=self._client_id)
        if found and MARK not in found[0].attributes:
            raise self._foreign_client(self._realm.realm)
        client_uuid = found[0].id if found else self._realm.make("clients", self._role_client())
        done.created += [] if found else [f"client {self._client_id} for roles"]
        if enforcement is Enforcement.DISABLE:
            roles = self._realm.get(f"clients/{client_uuid}/roles", wire.ROLES)
            if DISABLED_ROLE not in {role.name for role in roles}:
                self._realm.create(f"clients/{client_uuid}/roles", own_role(DISABLED_ROLE))
                done.created.append(f"role {self._client_id}/{DISABLED_ROLE}")

    def _remove_role_client(self, done: Provisioned) -> None:
        if self._realm.realm == self._auth_realm.realm:
            return
        for each in self._realm.get("clients", wire.OWNED_CLIENTS, clientId=self._client_id):
            if MARK in each.attributes:
                self._realm.delete(f"clients/{each.id}")
                done.removed.append(f"client {self._client_id} for roles")

    def _role_client(self) -> dict[str, object]:
        return _CLIENT | {"clientId": self._client_id, "serviceAccountsEnabled": False}

    def _refuse_third_realm(self) -> None:
        if self._auth_realm.realm not in {self._realm.realm, "master"}:
            raise ConfigurationError(
                f"A client in realm {self._auth_realm.realm} can have no rights over realm "
                f"{self._realm.realm}: set keycloak.auth_realm to null or to master"
            )

    def _list_client(self) -> wire.OwnedClientRepresentation | None:
        found = self._auth_realm.get("clients", wire.OWNED_CLIENTS, clientId=self._client_id)
        return found[0] if found else None

    def _find_client(self) -> wire.OwnedClientRepresentation | None:
        found = self._list_client()
        if found is not None and MARK not in found.attributes:
            raise self._foreign_client(self._auth_realm.realm)
        return found

    def _foreign_client(self, realm: str) -> ConfigurationError:
        return ConfigurationError(
            f"Realm {realm} has a client {self._client_id} that keycloak-license did not make: choose "
            "another keycloak.client_id, or remove that client"
        )

    def _create_client(self, secret: str | None, done: Provisioned) -> wire.OwnedClientRepresentation:
        body = _CLIENT | {"clientId": self._client_id} | ({"secret": secret} if secret else {})
        self._auth_realm.create("clients", body)
        done.created.append(f"client {self._client_id}")
        client = self._find_client()
        if client is None:
            raise UnexpectedAnswerError(
                f"Keycloak does not show the client {self._client_id} that it has just made in realm "
                f"{self._auth_realm.realm}: give the administrator the right view-clients"
            )
        return client

    def _remove_client(self, client: wire.OwnedClientRepresentation, done: Provisioned) -> None:
        mappings = self._auth_realm.get(f"users/{self._account_of(client)}/role-mappings", wire.MAPPINGS)
        ours = rights_client(self._auth_realm.realm, self._realm.realm)
        if any(name.endswith("-realm") and name != ours for name in mappings.client_mappings):
            self._grant_rights(client, frozenset(), done)
            return
        self._auth_realm.delete(f"clients/{client.id}")
        done.removed.append(f"client {self._client_id}")

    def _grant_rights(
        self, client: wire.OwnedClientRepresentation, wanted: frozenset[str], done: Provisioned
    ) -> None:
        """Bring the service account's rights over the realm to exactly those wanted."""
        name = rights_client(self._auth_realm.realm, self._realm.realm)
        holders = self._auth_realm.get("clients", wire.CLIENTS, clientId=name)
        if not holders:
            raise ConfigurationError(
                f"Realm {self._auth_realm.realm} has no client {name}, so it holds no rights over realm "
                f"{self._realm.realm}: set keycloak.auth_realm to null or to master"
            )
        path = f"users/{self._account_of(client)}/role-mappings/clients/{holders[0].id}"
        present = {role.name: role for role in self._auth_realm.get(path, wire.ROLES)}
        offered = {
            role.name: role for role in self._auth_realm.get(f"clients/{holders[0].id}/roles", wire.ROLES)
        }
        if lacking := sorted(wanted - offered.keys()):
            raise ConfigurationError(
                f"The client {name} in realm {self._auth_realm.realm} has no role {', '.join(lacking)}: "
                "restore it, it is one of Keycloak's own"
            )
        if missing := sorted(wanted - present.keys()):
            self._auth_realm.create(path, [offered[right].model_dump(by_alias=True) for right in missing])
            done.created += [f"right {right}" for right in missing]
        if surplus := sorted(present.keys() - wanted):
            self._auth_realm.delete(path, [present[right].model_dump(by_alias=True) for right in surplus])
            done.removed += [f"right {right}" for right in surplus]

    def _account_of(self, client: wire.OwnedClientRepresentation) -> str:
        return self._auth_realm.get(f"clients/{client.id}/service-account-user", wire.USER).id

    def _find_role(self) -> wire.OwnedRoleRepresentation | None:
        try:
            return self._realm.get(f"roles/{MANAGE_LICENSES}", wire.OWNED_ROLE)
        except NotThereError:
            return None
