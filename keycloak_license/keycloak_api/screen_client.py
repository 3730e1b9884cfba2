"""The client by which people log in to the screen.

In: a client of ours, and where the screen is; out: that client in the realm, brought up to date or taken out.
Called by `provision` with an administrator's login, and by `directory` and `cli.doctor`, which only look.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keycloak_license.errors import ConfigurationError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.model.enforcement import MARK
from keycloak_license.model.screen import ScreenAddress, screen_client_id

SCOPES = ("basic", "profile")
"""Measured on 26.7.3: an ID token has ``sub``, ``sid`` and ``nonce`` without any, ``auth_time`` by `basic`,
``preferred_username`` and ``locale`` by `profile`."""
_ABOUT = {
    "name": "License Management",
    "description": "Logins to the screen of keycloak-license",
    "protocol": "openid-connect",
    "defaultClientScopes": SCOPES,
    "optionalClientScopes": (),
}
"""Said when the client is made; names may be changed by anybody."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of what the client has to be like."""

    name: str
    fields: Mapping[str, object]
    attributes: Mapping[str, str]

    def differences(self, found: wire.ScreenClientRepresentation) -> Iterator[str]:
        """Yield the names of what is otherwise."""
        given = found.model_dump(by_alias=True)
        yield from (name for name, value in self.fields.items() if given.get(name) != value)
        yield from (name for name, value in self.attributes.items() if found.attributes.get(name) != value)


_SETTINGS = _Part(
    "settings",
    {
        "enabled": True,
        "publicClient": False,
        "bearerOnly": False,
        "clientAuthenticatorType": "client-secret",
        "standardFlowEnabled": True,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "serviceAccountsEnabled": False,
        "fullScopeAllowed": False,
        "consentRequired": False,
        "frontchannelLogout": False,
    },
    {
        MARK: "true",
        "pkce.code.challenge.method": "S256",
        "backchannel.logout.session.required": "true",
        "backchannel.logout.revoke.offline.tokens": "false",
        "oauth2.device.authorization.grant.enabled": "false",
        "oidc.ciba.grant.enabled": "false",
        "standard.token.exchange.enabled": "false",
    },
)


def _addresses(address: ScreenAddress, realm: str) -> _Part:
    return _Part(
        "addresses",
        {
            # With it the account console lists the screen.
            "baseUrl": address.home,
            "redirectUris": [address.callback(realm)],
            # Measured on 26.7.3: a PUT without it makes it up of the redirect URIs.
            "webOrigins": [],
        },
        {
            "backchannel.logout.url": address.backchannel_logout(realm),
            "post.logout.redirect.uris": address.home,
        },
    )


class ScreenClient:
    """The screen's client of one realm; nothing is done to one that does not carry our mark."""

    def __init__(self, realm: KeycloakClient, client_id: str) -> None:
        """`client_id` is the one that the sidecar logs in as."""
        self._realm = realm
        self._name = screen_client_id(client_id)

    def find(self) -> wire.ScreenClientRepresentation:
        """Return the client; `ConfigurationError` when `init` has not made it."""
        found = self._find_own()
        if found is None:
            raise ConfigurationError(
                f"Realm {self._realm.realm} has no client {self._name} for logins to the screen: run "
                "keycloak-license init"
            )
        return found

    def provide(self, address: ScreenAddress) -> list[str]:
        """Make the client, or bring it up to date; return the names of what was made.

        `ConfigurationError` when somebody else has a client of that name.
        """
        found, addresses = self._find_own(), _addresses(address, self._realm.realm)
        attributes = {**_SETTINGS.attributes, **addresses.attributes}
        body = {**_SETTINGS.fields, **addresses.fields, "attributes": attributes}
        if found is None:
            self._realm.create("clients", {**_ABOUT, **body, "clientId": self._name})
            return [f"client {self._name}"]
        changed = [part.name for part in (_SETTINGS, addresses) if any(part.differences(found))]
        if changed:
            self._realm.put(f"clients/{found.id}", body)
        return [f"{what} of client {self._name}" for what in (*changed, *self._give_scopes(found))]

    def remove(self) -> list[str]:
        """Take the client out where it is ours; return the names of what was removed."""
        ours = [each for each in self._list() if MARK in each.attributes]
        for each in ours:
            self._realm.delete(f"clients/{each.id}")
        return [f"client {self._name}" for _ in ours]

    def describe(self, address: ScreenAddress) -> str:
        """Return where people log in; `ConfigurationError` when the client is missing or does not fit."""
        found, addresses = self.find(), _addresses(address, self._realm.realm)
        wrong = [*_SETTINGS.differences(found), *addresses.differences(found), *_lacking_scopes(found)]
        if wrong:
            raise ConfigurationError(
                f"The client {self._name} of realm {self._realm.realm} does not fit the screen at "
                f"{address.public_url} ({', '.join(wrong)}): run keycloak-license init"
            )
        return f"people log in to {address.home} by client {self._name}"

    def _list(self) -> list[wire.ScreenClientRepresentation]:
        return self._realm.get("clients", wire.SCREEN_CLIENTS, clientId=self._name)

    def _find_own(self) -> wire.ScreenClientRepresentation | None:
        found = self._list()
        if found and MARK not in found[0].attributes:
            raise ConfigurationError(
                f"Realm {self._realm.realm} has a client {self._name} that keycloak-license did not make: "
                "choose another keycloak.client_id, or remove that client, and run keycloak-license init"
            )
        return found[0] if found else None

    def _give_scopes(self, found: wire.ScreenClientRepresentation) -> list[str]:
        """Give the client what it lacks of the scopes that the realm has."""
        lacking = _lacking_scopes(found)
        offered = self._realm.get("client-scopes", wire.SCOPES) if lacking else []
        given = [scope for scope in offered if scope.name in lacking]
        for scope in given:
            self._realm.put(f"clients/{found.id}/default-client-scopes/{scope.id}", {})
        return [f"scope {scope.name}" for scope in given]


def _lacking_scopes(found: wire.ScreenClientRepresentation) -> list[str]:
    return [name for name in SCOPES if name not in found.default_client_scopes]
