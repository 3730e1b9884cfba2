"""Whether the user storage providers of a realm answer.

In: a client; out: a sentence for each that does not. Called by `reader`, `rereading` and `probe`. With its
LDAP down Keycloak answers 200 with fewer users, so a read is complete only when every provider is there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from keycloak_license.errors import (
    MissingRightError,
    NotThereError,
    RequestTimeoutError,
    UnavailableError,
    UnreachableError,
)
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient


def list_providers(client: KeycloakClient) -> list[wire.ComponentRepresentation]:
    """Return the user storage providers of the realm."""
    return client.get("components", wire.COMPONENTS, type=wire.STORAGE_TYPE)


@dataclass(frozen=True, slots=True)
class Silence:
    """What cannot be told about federated users."""

    providers: Mapping[str, str] = field(default_factory=dict)
    """A sentence for each provider, by id, that is switched off or cannot be tested; its own users only."""
    gaps: tuple[str, ...] = ()
    """A sentence for each provider that should answer and does not."""


def find_silence(client: KeycloakClient, providers: Iterable[wire.ComponentRepresentation]) -> Silence:
    """Ask each provider whether it answers."""
    untested: dict[str, str] = {}
    gaps: list[str] = []
    for provider in providers:
        name = f"user storage provider {provider.name}"
        try:
            why_silent = _why_silent(client, provider)
        except _UntestableError as error:
            untested[provider.id] = f"{name} {error}"
            continue
        if why_silent:
            gaps.append(f"{name} {why_silent}")
        elif not _is_searchable(client, provider):
            gaps.append(f"{name} cannot be searched: check its users DN")
    return Silence(untested, tuple(gaps))


class _UntestableError(Exception):
    """Nobody can tell whether a provider answers."""


def _why_silent(client: KeycloakClient, provider: wire.ComponentRepresentation) -> str | None:
    """Return why a provider that should answer does not, None when it does."""
    if provider.config.get("enabled") == ("false",):
        raise _UntestableError("is disabled")
    if provider.provider_id != "ldap":
        raise _UntestableError(f"is of kind {provider.provider_id}, which cannot be tested")
    try:
        client.check("testLDAPConnection", _login_test(provider))
    except MissingRightError as error:
        raise _UntestableError("cannot be tested without the right manage-realm") from error
    except RequestTimeoutError:
        return "keeps Keycloak waiting too long: set its connection time-out"
    except UnreachableError:
        raise
    except UnavailableError:
        return "does not answer, or refuses Keycloak's login"
    return None


def _is_searchable(client: KeycloakClient, provider: wire.ComponentRepresentation) -> bool:
    """Whether the directory can be searched for a user.

    Lists hide that it could not, in some versions (26.4.7) even the list of who has one user name; asked for
    one user by id, all of them say so.
    """
    try:
        client.get(f"users/f:{provider.id}:{_NOBODY}", wire.USER)
    except NotThereError:
        return True
    except UnreachableError:
        raise
    except UnavailableError:
        return False
    return True


def _login_test(provider: wire.ComponentRepresentation) -> dict[str, str]:
    """Return what makes Keycloak log in to the directory; the password is masked and Keycloak knows it.

    Connecting alone proves little: with its bind password changed the directory answers, and Keycloak
    lists nobody.
    """
    known = {name: values[0] for name in _TESTED if (values := provider.config.get(name)) and values[0]}
    return {"action": "testAuthentication", "componentId": provider.id, **known}


_NOBODY = "keycloak-license-asks-for-nobody"
_TESTED = (
    "authType",
    "bindCredential",
    "bindDn",
    "connectionTimeout",
    "connectionUrl",
    "startTls",
    "useTruststoreSpi",
)
