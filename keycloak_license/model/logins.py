"""What a realm knows of its users' logins.

Made by `keycloak_api.logins` (or a test), read by `plan.idle_seats`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class LoginSearch:
    """How far back to look for logins."""

    since: datetime
    """Everything from here on is read."""
    holders: Mapping[str, datetime] = field(default_factory=dict)
    """User id to the instant before which nothing about this user is of interest."""
    client_ids: frozenset[str] = frozenset()
    """The clients whose sessions are of interest; none means all."""


@dataclass(frozen=True, slots=True)
class LoginRecord:
    """What Keycloak has written down of logins, all users together, until now."""

    recorded: tuple[datetime, ...]
    """The first login of each day (UTC) on which there was any, oldest first."""
    kept_for: timedelta | None
    """What is older is deleted by Keycloak; None where nothing is."""


@dataclass(frozen=True, slots=True)
class LoginReading:
    """The logins of a realm, as far as they could be found out."""

    last_seen: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    """The last login, or use of a session, by user id and client id."""
    record: LoginRecord | None = None
    """None where Keycloak writes down no logins at present, or does not show them."""
    gaps: tuple[str, ...] = ()
    """One sentence for each thing that could not be known, and what would make it known."""
