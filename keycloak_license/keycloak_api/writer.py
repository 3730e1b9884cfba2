"""Writes the realm attributes of a plan.

In: attribute changes; out: the realm shows them, and nothing else has changed. Called by `realm`.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import assert_never

from keycloak_license.errors import AlreadyThereError, UnavailableError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.watch import Watch
from keycloak_license.model.changes import AttributeChange, AttributeRemoved, AttributeSet

ATTEMPTS = 8
SETTLE_SECONDS = 0.1
"""Whoever read the realm between our write and what we put back writes without it, and is waited for."""

BeforeWrite = Callable[[], None]


def ensure_writable(client: KeycloakClient) -> None:
    """Raise `MissingRightError` where manage-realm is missing.

    A partial export of nothing needs the same right, takes 4 ms and leaves no trace in Keycloak.
    """
    client.post("partial-export", None, wire.ANYTHING, exportGroupsAndRoles="false", exportClients="false")


def write_attributes(
    client: KeycloakClient, changes: Sequence[AttributeChange], before_write: BeforeWrite | None = None
) -> None:
    """Carry out the changes; no request when there are none. `before_write` may raise to stop a request.

    Keycloak deletes every attribute that a PUT leaves out and knows no ETag. So the whole map is read right
    before, watched meanwhile, and read right after: what somebody else wrote in between is put back, and
    ours is written again if somebody overwrote it.
    """
    if not changes:
        return
    current = client.get("", wire.REALM).attributes
    if apply_changes(current, changes) == current:
        return
    # From here on, to stop half way might leave undone what somebody else wrote.
    client = client.to_the_end()
    watch = Watch(client)
    undone: Sequence[AttributeChange] = ()
    for _ in range(ATTEMPTS):
        _put(client, watch, (*undone, *changes), before_write)
        if undone:
            time.sleep(SETTLE_SECONDS)
        after = client.get("", wire.REALM).attributes
        undone = watch.find_undone(after, ours={change.name for change in changes})
        if shows(after, changes) and not undone:
            return
    raise UnavailableError(
        f"The attributes of realm {client.realm} were overwritten {ATTEMPTS} times while they were written: "
        "find the other program that writes realm attributes"
    )


def _put(
    client: KeycloakClient, watch: Watch, changes: Sequence[AttributeChange], before_write: BeforeWrite | None
) -> None:
    """Write the changes into what is there right before; a retry reads again."""
    body: dict[str, object] = {}

    @contextmanager
    def attempt() -> Iterator[None]:
        with watch.look() as current:
            body.update(current.kept_with_attributes(), attributes=apply_changes(current.attributes, changes))
            # Last, because Keycloak may have kept us waiting for long.
            if before_write is not None:
                before_write()
            yield

    watch.begin_write()
    # 409: somebody added or removed an attribute at the very same moment, and nothing of ours was written.
    with suppress(AlreadyThereError):
        client.put("", body, attempt)


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
