"""Writes the realm attributes of a plan.

In: attribute changes; out: the realm shows them, and nothing else has changed. Called by `realm`.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

from keycloak_license.errors import UnavailableError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.model.changes import AttributeChange, AttributeRemoved, AttributeSet

ATTEMPTS = 3


def ensure_writable(client: KeycloakClient) -> None:
    """Raise `MissingRightError` where manage-realm is missing.

    A partial export of nothing needs the same right, takes 4 ms and leaves no trace in Keycloak.
    """
    client.post("partial-export", None, wire.ANYTHING, exportGroupsAndRoles="false", exportClients="false")


def write_attributes(client: KeycloakClient, changes: Sequence[AttributeChange]) -> None:
    """Carry out the changes; no request when there are none.

    Keycloak deletes every attribute that a PUT leaves out and knows no ETag. The whole map is read right
    before, so that what others wrote is kept, and right after, so that ours is written again if somebody
    overwrote it. What somebody else writes in the few milliseconds between our read and our write is lost.
    """
    if not changes:
        return
    current = client.get("", wire.REALM).attributes
    if apply_changes(current, changes) == current:
        return
    for _ in range(ATTEMPTS):
        client.put("", {"attributes": apply_changes(current, changes)})
        current = client.get("", wire.REALM).attributes
        if shows(current, changes):
            return
    raise UnavailableError(
        f"The attributes of realm {client.realm} were overwritten {ATTEMPTS} times while they were written: "
        "find the other program that writes realm attributes"
    )


def shows(attributes: Mapping[str, str], changes: Sequence[AttributeChange]) -> bool:
    """Whether the changes are there; some databases keep an empty value as none at all."""
    wanted = apply_changes(attributes, changes)
    return all(attributes.get(change.name, "") == wanted.get(change.name, "") for change in changes)


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
