"""Changes one user's account: his roles of ours, his sessions, whether he may log in.

In: a client, the ids of our own client and its roles, and changes; out: the account is so. Called by
`enforcement`, by several threads at once. Each change is safe to repeat; what marks it as done comes last.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

from keycloak_license.errors import NotThereError, RejectedRequestError
from keycloak_license.keycloak_api import activity, wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.model.enforcement import DISABLED_ROLE, MADE_BY_US, MARK
from keycloak_license.model.measures import (
    AccountChange,
    SeatRoleAssigned,
    SeatRoleRemoved,
    UserDisabled,
    UserEnabled,
)

Reference = Mapping[str, str]
"""A role as mappings take it: id and name."""


@dataclass(frozen=True, slots=True)
class OwnRoles:
    """Where our roles are."""

    client_uuid: str
    reference: Callable[[str], Reference]
    """Finds a role of ours by name."""
    uuid_of: Callable[[str], str | None]
    """Finds a client of the realm by client id."""


def own_role(name: str) -> dict[str, object]:
    """Return what Keycloak is told of a role that we make."""
    return {"name": name, "description": MADE_BY_US, "attributes": {MARK: ["true"]}}


def change_account(client: KeycloakClient, own: OwnRoles, change: AccountChange) -> None:
    """Carry out one change; nothing happens to a user who is not there any more."""
    user = f"users/{quote(change.user_id, safe=':')}"
    mappings = f"{user}/role-mappings/clients/{own.client_uuid}"
    with suppress(NotThereError):
        match change:
            case SeatRoleAssigned():
                client.create(mappings, [own.reference(change.role)])
            case SeatRoleRemoved():
                _end_sessions(client, user, [uuid for each in change.clients if (uuid := own.uuid_of(each))])
                client.delete(mappings, [own.reference(change.role)])
            case UserDisabled():
                _disable(client, user, mappings, own)
            case UserEnabled():
                if not client.get(user, wire.USER).enabled:
                    client.put(user, {"enabled": True})
                client.delete(mappings, [own.reference(DISABLED_ROLE)])
            case _:
                raise AssertionError(f"unknown change {change.kind}")


def _disable(client: KeycloakClient, user: str, mappings: str, own: OwnRoles) -> None:
    """Mark, then disable: who is disabled without our mark was so by an admin, and stays so for ever.

    Some directories do not let their users be disabled; then there is nothing to mark either.
    """
    if not client.get(user, wire.USER).enabled:
        return
    client.create(mappings, [own.reference(DISABLED_ROLE)])
    # A disabled user would keep his sessions, and have them again when he is enabled.
    client.create(f"{user}/logout", None)
    try:
        client.put(user, {"enabled": False})
    except RejectedRequestError:
        client.delete(mappings, [own.reference(DISABLED_ROLE)])
        raise


def _end_sessions(client: KeycloakClient, user: str, client_uuids: Iterable[str]) -> None:
    """End the sessions that have reached one of the clients, the offline ones too; others go on."""
    uuids = list(client_uuids)
    if not uuids:
        return
    for session in client.get(f"{user}/sessions", activity.SESSIONS):
        if not session.clients.keys().isdisjoint(uuids):
            _end_session(client, session.id)
    for uuid in uuids:
        # A client may be gone meanwhile, and with it its sessions.
        with suppress(NotThereError):
            for session in client.get(f"{user}/offline-sessions/{uuid}", activity.SESSIONS):
                _end_session(client, session.id, isOffline="true")


def _end_session(client: KeycloakClient, session_id: str, **params: str) -> None:
    with suppress(NotThereError):
        client.delete(f"sessions/{session_id}", **params)
