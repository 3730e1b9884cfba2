"""Authentication flows and what is bound to them: the doors through which people log in.

Made by `keycloak_api.gate`, compared and designed by `plan.gate`. Flows are compared by what they do: what
they are called, and the ids of their parts, do not matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Step:
    """One execution of a flow: an authenticator or a flow inside."""

    requirement: str
    """``REQUIRED``, ``ALTERNATIVE``, ``CONDITIONAL`` or ``DISABLED``."""
    authenticator: str | None = None
    """Keycloak's provider id."""
    config: Mapping[str, str] = field(default_factory=dict)
    flow: "Flow | None" = None


@dataclass(frozen=True, slots=True)
class Flow:
    """What a flow does, in order."""

    steps: tuple[Step, ...]
    provider: str = "basic-flow"
    name: str = field(default="", compare=False)
    """What to call it where it is one inside another: the end of its alias."""
    copy_of: str | None = field(default=None, compare=False)
    """The alias of the flow to copy on the server, secrets and all, instead of making it step by step."""


@dataclass(frozen=True, slots=True)
class NamedFlow:
    """A flow of a realm."""

    id: str
    alias: str
    flow: Flow
    description: str = ""
    is_inside: bool = False
    """Whether it is part of another one."""


class DoorKind(StrEnum):
    """How people come to an application; for a client, as Keycloak calls the binding."""

    BROWSER = "browser"
    DIRECT_GRANT = "direct_grant"
    BROKER = "broker"
    """After a login at an identity provider, which never reaches a client's browser flow."""
    RESET_CREDENTIALS = "reset_credentials"
    """Who follows the link in a mail is logged in, without the browser flow; for the whole realm."""
    REGISTRATION = "registration"
    """Likewise who makes himself an account."""


SCOPE_CONDITION = "conditional-client-scope"
"""The authenticator by which a door that all clients share tells them apart."""
CLIENT_DOORS = (DoorKind.BROWSER, DoorKind.DIRECT_GRANT)
REALM_DOORS = (DoorKind.RESET_CREDENTIALS, DoorKind.REGISTRATION)
"""These always lead through some flow."""


@dataclass(frozen=True, slots=True, order=True)
class Door:
    """A binding of a flow."""

    kind: DoorKind
    name: str = ""
    """A client id, or the alias of an identity provider; empty for the realm itself."""

    @property
    def label(self) -> str:
        """How people read it."""
        match self.kind:
            case DoorKind.BROKER:
                return f"logins through identity provider {self.name}"
            case DoorKind.DIRECT_GRANT:
                return f"direct grants of client {self.name}"
            case DoorKind.BROWSER:
                return f"browser logins of client {self.name}"
            case DoorKind.RESET_CREDENTIALS:
                return "password resets"
            case DoorKind.REGISTRATION:
                return "registrations"


@dataclass(frozen=True, slots=True)
class GateReading:
    """Every flow and binding of a realm, and the client scopes that tell gated clients apart."""

    flows: Mapping[str, NamedFlow] = field(default_factory=dict)
    """By id; those inside of others too."""
    defaults: Mapping[DoorKind, str] = field(default_factory=dict)
    """The ids of the realm's own flows, for clients that have none of their own."""
    bound: Mapping[Door, str | None] = field(default_factory=dict)
    """Flow id by door; None where nothing is bound."""
    protocols: Mapping[str, str] = field(default_factory=dict)
    """By client id."""
    client_scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Names of the default client scopes, by client id."""
    own_scopes: frozenset[str] = frozenset()
    """Names of the client scopes that carry our mark."""
    can_tell_clients: bool = True
    """Whether this Keycloak has `SCOPE_CONDITION`; old versions do not."""
