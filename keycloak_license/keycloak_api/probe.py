"""Proves what the sidecar needs of Keycloak by trying it.

In: a client; out: a `Check` for each thing. Called by `cli.doctor`. Nothing is changed.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial

from keycloak_license.errors import NotThereError, UnavailableError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.federation import find_silence, list_providers
from keycloak_license.keycloak_api.provision import OBSERVE_RIGHTS, RIGHTS
from keycloak_license.keycloak_api.recording import describe_recording
from keycloak_license.keycloak_api.rights import list_clients, prove_view_users
from keycloak_license.keycloak_api.writer import ensure_writable
from keycloak_license.model.check import Check, try_out
from keycloak_license.model.enforcement import EnforcementTerms

MAX_SKEW_SECONDS = 60
"""As `plan.clock`, so that `doctor` and a sync say the same."""

_READS: tuple[tuple[str, str, Callable[[KeycloakClient], object]], ...] = (
    ("view-realm", "roles", lambda client: client.get("roles", wire.ANYTHING, max=1)),
    ("view-users", "users", prove_view_users),
    ("view-clients", "clients", list_clients),
    ("view-events", "admin-events", lambda client: client.get("admin-events", wire.ANYTHING, max=1)),
)


def probe(
    client: KeycloakClient, terms: EnforcementTerms, now: datetime, interval_seconds: int
) -> Iterator[Check]:
    """Yield what was found; stops early when Keycloak cannot be reached or logged into at all.

    `interval_seconds` is how often the worker looks for changes.
    """
    reached = try_out("keycloak", lambda: _describe_server(client))
    yield reached
    if not reached.is_ok:
        return
    # Later on it may be that of a renewed token, while `now` stays.
    logged_in_at = client.server_time
    for right, what, read in _READS:
        yield try_out(f"right {right}", partial(_try_read, client, what, read))
    yield try_out("right manage-realm", lambda: _try_manage(client))
    for right in sorted(RIGHTS[terms.mode] - OBSERVE_RIGHTS):
        yield try_out(f"right {right}", partial(_try_write, client, right, terms.client_id))
    yield try_out("admin events", lambda: describe_recording(client, interval_seconds))
    yield try_out("federation", lambda: _describe_federation(client))
    yield try_out("clock", lambda: _describe_clock(logged_in_at, now))


def _describe_server(client: KeycloakClient) -> str:
    version = client.get("/serverinfo", wire.SERVER_INFO).system_info.version
    return f"Keycloak {version or '(version not shown without manage-realm)'} answers at {client.access.url}"


def _try_read(client: KeycloakClient, what: str, read: Callable[[KeycloakClient], object]) -> str:
    read(client)
    return f"{client.access.who} may read {what} of realm {client.realm}"


def _try_manage(client: KeycloakClient) -> str:
    ensure_writable(client)
    return f"{client.access.who} may write the attributes of realm {client.realm}"


def _try_write(client: KeycloakClient, right: str, client_id: str) -> str:
    """Take away what is not there: Keycloak says so only to those who might have."""
    match right:
        case "manage-users":
            path = "sessions/none"
        case "manage-clients":
            found = client.get("clients", wire.CLIENTS, clientId=client_id)
            if not found:
                raise UnavailableError(
                    f"Realm {client.realm} has no client {client_id} for our roles: run keycloak-license init"
                )
            path = f"clients/{found[0].id}/roles/none"
        case _:
            path = "identity-provider/instances/none"
    with suppress(NotThereError):
        client.delete(path)
    return f"{client.access.who} may change {path.split('/')[0]} of realm {client.realm}"


def _describe_federation(client: KeycloakClient) -> str:
    providers = list_providers(client)
    silence = find_silence(client, providers)
    for gap in silence.gaps:
        raise UnavailableError(f"U{gap[1:]}: as long as that is so, nobody loses a seat")
    for why in silence.providers.values():
        raise UnavailableError(f"U{why[1:]}: as long as that is so, its own users do not lose a seat")
    return (
        f"{len(providers)} user storage providers, all answering"
        if providers
        else "no user storage providers"
    )


def _describe_clock(server_time: datetime | None, now: datetime) -> str:
    if server_time is None:
        return "not compared: the tokens of this Keycloak do not tell its time"
    skew = (now - server_time).total_seconds()
    if abs(skew) > MAX_SKEW_SECONDS:
        raise UnavailableError(
            f"The clock here is {abs(skew):.0f} seconds {'ahead of' if skew > 0 else 'behind'} Keycloak's: "
            "set both by the same time server"
        )
    return "the clocks here and at Keycloak agree"
