"""Writes the realm attributes of a plan.

In: attribute changes; out: the realm shows them, and nothing else has changed. Called by `realm`.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import assert_never

from keycloak_license.errors import UnavailableError, UnexpectedAnswerError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.model.changes import AttributeChange, AttributeRemoved, AttributeSet

ATTEMPTS = 3


def ensure_writable(client: KeycloakClient) -> None:
    """Raise `MissingRightError` where manage-realm is missing.

    Asks for a connection test without an address: Keycloak refuses it as nonsense, but says 403 first
    where it is not allowed.
    """
    with suppress(UnexpectedAnswerError):
        client.check("testLDAPConnection", {"action": "testConnection", "connectionUrl": ""})


def write_attributes(client: KeycloakClient, changes: Sequence[AttributeChange]) -> None:
    """Carry out the changes; no request when there are none.

    Keycloak deletes every attribute that a PUT leaves out and knows no ETag, so the whole map is read
    right before and right after: a write of somebody else's that came in between ours is written over by
    neither side for longer than it takes to try again.
    """
    if not changes:
        return
    for _ in range(ATTEMPTS):
        current = client.get("", wire.REALM).attributes
        client.put("", {"attributes": apply_changes(current, changes)})
        after = client.get("", wire.REALM).attributes
        if apply_changes(after, changes) == after:
            return
    raise UnavailableError(
        f"The attributes of realm {client.realm} were overwritten {ATTEMPTS} times while they were written: "
        "find the other program that writes realm attributes"
    )


def apply_changes(attributes: Mapping[str, str], changes: Sequence[AttributeChange]) -> dict[str, str]:
    """Return the attributes as they are after the changes."""
    result = dict(attributes)
    for change in changes:
        match change:
            case AttributeSet():
                result[change.name] = change.value
            case AttributeRemoved():
                result.pop(change.name, None)
            case _:
                assert_never(change)
    return result
