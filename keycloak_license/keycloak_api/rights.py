"""Proves rights whose lack Keycloak hides behind an empty list.

In: a client; out: nothing, or `MissingRightError`. Called by `reader` and `structure` before they believe
that there is nobody, and by `probe`. With query-users or query-clients alone Keycloak answers a list with
200 and nothing in it, but refuses each single user or client.
"""

from keycloak_license.errors import MissingRightError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.answers import Call, explain_missing_right
from keycloak_license.keycloak_api.client import KeycloakClient


def list_clients(client: KeycloakClient) -> list[wire.ClientRepresentation]:
    """Return the clients of the realm; every realm has some, so that none means a missing right."""
    found = client.get("clients", wire.CLIENTS)
    if not found:
        raise MissingRightError(explain_missing_right(Call(client.access, client.realm, "get", "clients")))
    return found


def prove_view_users(client: KeycloakClient) -> None:
    """Look for users and, when none are shown, at one there certainly is: our own service account."""
    if client.get("users", wire.USERS, max=1):
        return
    for own in client.get("clients", wire.CLIENTS, clientId=client.access.client_id):
        if own.service_accounts_enabled:
            account = client.get(f"clients/{own.id}/service-account-user", wire.USER)
            client.get(f"users/{account.id}", wire.USER)
