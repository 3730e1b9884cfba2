"""Whether the user storage providers of a realm answer.

In: a client; out: a sentence for each that does not. Called by `reader` and `probe`. With its LDAP down
Keycloak answers 200 with fewer users, so a read is complete only when every provider is there.
"""

from collections.abc import Iterable, Iterator

from keycloak_license.errors import MissingRightError, UnavailableError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient

STORAGE_TYPE = "org.keycloak.storage.UserStorageProvider"


def list_providers(client: KeycloakClient) -> list[wire.ComponentRepresentation]:
    """Return the user storage providers of the realm."""
    return client.get("components", wire.COMPONENTS, type=STORAGE_TYPE)


def find_silent_providers(
    client: KeycloakClient, providers: Iterable[wire.ComponentRepresentation]
) -> Iterator[str]:
    """Yield a sentence for each provider whose users may be missing from the lists."""
    for provider in providers:
        if why := why_silent(client, provider):
            yield f"user storage provider {provider.name} {why}"


def why_silent(client: KeycloakClient, provider: wire.ComponentRepresentation) -> str | None:
    """Return why a provider cannot be counted on, None when it answers."""
    if provider.config.get("enabled") == ("false",):
        return "is disabled"
    if provider.provider_id != "ldap":
        return f"is of kind {provider.provider_id}, which cannot be tested"
    try:
        client.check("testLDAPConnection", _connection_test(provider))
    except MissingRightError:
        return "cannot be tested without the right manage-realm"
    except UnavailableError:
        return "does not answer"
    return None


def _connection_test(provider: wire.ComponentRepresentation) -> dict[str, str]:
    config = provider.config
    known = {
        name: values[0]
        for name in ("connectionUrl", "startTls", "useTruststoreSpi", "connectionTimeout")
        if (values := config.get(name)) and values[0] is not None
    }
    return {"action": "testConnection", "componentId": provider.id, **known}
