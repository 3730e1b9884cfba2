"""Reads users one by one, to be sure of what a list says.

In: ids of users whose seats would be released, and the applications; out: a `Rereading`. Called by `realm`.
Each user takes two requests, and one more for each client whose roles are counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from keycloak_license.errors import NotThereError, UnavailableError, UnreachableError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.federation import find_silence, list_providers
from keycloak_license.model.application import Application
from keycloak_license.model.realm import Rereading, Role, UserReading


def reread_users(
    client: KeycloakClient, user_ids: Sequence[str], applications: Sequence[Application]
) -> Rereading:
    """Return what each user is like, and what speaks against believing it.

    The providers are asked last: one that fell silent since the lists were read shows its users as
    disabled, or not at all.
    """
    counted = {client_id for application in applications for client_id, _ in application.client_roles}
    clients = {client_id: id_ for client_id in sorted(counted) for id_ in _find_client(client, client_id)}
    users: dict[str, UserReading] = {}
    for user_id in user_ids:
        try:
            users[user_id] = _read_user(client, user_id, clients)
        except UnreachableError:
            raise
        except UnavailableError as error:
            # The id of a user who is not imported has his name in it, and stays out of logs.
            doubt = f"a user whose seat would be released was not read ({error})"
            users[user_id] = UserReading(None, doubt=doubt)
    silence = find_silence(client, list_providers(client))
    return Rereading(users, silence.gaps, silence.providers)


def _read_user(client: KeycloakClient, user_id: str, clients: Mapping[str, str]) -> UserReading:
    path = f"users/{quote(user_id, safe=':')}"
    try:
        user = client.get(path, wire.USER)
    except NotThereError:
        return UserReading(None)
    return UserReading(user, frozenset(_effective_roles(client, f"{path}/role-mappings", clients)))


def _effective_roles(client: KeycloakClient, mappings: str, clients: Mapping[str, str]) -> Iterator[Role]:
    for role in client.get(f"{mappings}/realm/composite", wire.ROLES):
        yield Role(role.id, role.name)
    for client_id, id_ in clients.items():
        for role in client.get(f"{mappings}/clients/{id_}/composite", wire.ROLES):
            yield Role(role.id, role.name, client_id)


def _find_client(client: KeycloakClient, client_id: str) -> Iterator[str]:
    for found in client.get("clients", wire.CLIENTS, clientId=client_id):
        yield found.id
