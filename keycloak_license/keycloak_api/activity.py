"""The parts of Keycloak's events and sessions that we read, checked for shape.

Like `wire`, for what people and admins have done. Used by `events`, `logins` and whatever ends sessions.
"""

from pydantic import Field, TypeAdapter

from keycloak_license.keycloak_api.wire import QUIET, Representation


class AuthDetailsRepresentation(Representation):
    """Who was logged in."""

    realm_id: str | None = None
    """The realm whose user he is, as the event calls its own."""
    user_id: str | None = None


class AdminEventRepresentation(Representation):
    """That an admin has changed something."""

    id: str | None = None
    """Older servers do not tell."""
    time: int
    """In milliseconds since 1970, by the clock of the node that did it."""
    operation_type: str
    resource_type: str | None = None
    resource_path: str | None = None
    """Below the realm; the realm itself has none."""
    realm_id: str | None = None
    auth_details: AuthDetailsRepresentation | None = None

    @property
    def key(self) -> str:
        """What tells it from every other."""
        return self.id or f"{self.time} {self.operation_type} {self.resource_type} {self.resource_path}"


class EventsConfig(Representation):
    """Which user events a realm keeps, and how long."""

    events_enabled: bool = False
    events_expiration: int | None = None
    """In seconds; none or 0 is for ever."""
    enabled_event_types: tuple[str, ...] = ()


class LoginEventRepresentation(Representation):
    """That a user has logged in."""

    event_id: str | None = Field(default=None, alias="id")
    """Older servers do not tell."""
    time: int
    """In milliseconds since 1970."""
    type: str
    user_id: str | None = None
    client_id: str | None = None

    @property
    def id(self) -> str:
        """What tells it from every other."""
        return self.event_id or f"{self.time} {self.type} {self.user_id} {self.client_id}"


class SessionRepresentation(Representation):
    """A session of a user, with the client ids it has reached, by Keycloak's ids."""

    id: str
    user_id: str | None = None
    clients: dict[str, str] = Field(default_factory=dict)
    last_access: int | None = None
    """In milliseconds since 1970; in the list of a client, when that client was used."""


class SessionStats(Representation):
    """How many sessions a client has."""

    id: str
    client_id: str
    active: int = 0
    offline: int = 0


ADMIN_EVENTS = TypeAdapter(list[AdminEventRepresentation], config=QUIET)
EVENTS_CONFIG = TypeAdapter(EventsConfig)
LOGIN_EVENTS = TypeAdapter(list[LoginEventRepresentation], config=QUIET)
SESSIONS = TypeAdapter(list[SessionRepresentation], config=QUIET)
SESSION_STATS = TypeAdapter(list[SessionStats], config=QUIET)
