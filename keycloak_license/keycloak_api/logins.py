"""Reads who has logged in when: from user events, and from the sessions that are there now.

In: a client and how far back to look; out: a `LoginReading` that says what could not be known. Called by
`realm`. The number of requests depends on logins and clients with sessions, not on users.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from keycloak_license.errors import MissingRightError, NotThereError
from keycloak_license.keycloak_api import activity
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.event_dates import pages_since
from keycloak_license.keycloak_api.events import to_milliseconds
from keycloak_license.model.logins import LoginReading, LoginRecord, LoginSearch

LOGIN = "LOGIN"
OTHER_LOGINS = (
    "AUTHREQID_TO_TOKEN",
    "JWT_AUTHORIZATION_GRANT",
    "OAUTH2_DEVICE_CODE_TO_TOKEN",
    "TOKEN_EXCHANGE",
)
"""What leads to tokens of a user, but not through a login."""
MAX_EVENTS = 1_000_000
"""Of a realm with more, the newest are read, and nothing is known of the time before them."""


def read_logins(client: KeycloakClient, search: LoginSearch, max_events: int = MAX_EVENTS) -> LoginReading:
    """Return the last login or use of every user, and when logins were recorded.

    A right that is missing is a gap; raises as `KeycloakClient.get` does when Keycloak does not answer.
    """
    reader = _LoginReader(client, search, max_events)
    record = None
    try:
        record = reader.read_record()
    except MissingRightError as error:
        reader.gaps.append(f"Logins cannot be read: {error}")
    try:
        reader.read_sessions()
    except MissingRightError as error:
        reader.gaps.append(f"Sessions cannot be read: {error}")
    return LoginReading(reader.last_seen, record, tuple(reader.gaps))


@dataclass
class _LoginReader:
    """Collects signs of use."""

    client: KeycloakClient
    search: LoginSearch
    max_events: int
    last_seen: dict[tuple[str, str], datetime] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)
    _days: dict[date, datetime] = field(default_factory=dict)

    def read_record(self) -> LoginRecord | None:
        """Read events; those of a time in which recording was still on count also when it is off now."""
        config = self.client.get("events/config", activity.EVENTS_CONFIG)
        kinds = [LOGIN, *(kind for kind in OTHER_LOGINS if kind in config.enabled_event_types)]
        count = 0
        for page in self._pages(tuple(kinds)):
            for event in page:
                self._take(event)
            count += len(page)
            if count >= self.max_events:
                self.gaps.append(f"Of the logins that are recorded, only the newest {count} were read")
                break
            if self._is_enough(min(event.time for event in page)):
                break
        if not (config.events_enabled and LOGIN in (config.enabled_event_types or (LOGIN,))):
            self.gaps.append(
                f"Realm {self.client.realm} records no logins at present: switch on user events, with Login "
                "among them (Realm settings → Events → User events settings)"
            )
            return None
        seconds = config.events_expiration
        return LoginRecord(
            tuple(sorted(self._days.values())), timedelta(seconds=seconds) if seconds else None
        )

    def read_sessions(self) -> None:
        """Read the sessions, offline ones too, of each client that has some and is of interest."""
        for stats in self.client.get("client-session-stats", activity.SESSION_STATS):
            if self.search.client_ids and stats.client_id not in self.search.client_ids:
                continue
            for kind, number in (("user-sessions", stats.active), ("offline-sessions", stats.offline)):
                # A client that was deleted meanwhile has no sessions.
                with suppress(NotThereError):
                    for page in self._sessions(stats.id, kind) if number else ():
                        for session in page:
                            if session.user_id and session.last_access:
                                self._see(session.user_id, stats.client_id, _instant(session.last_access))

    def _pages(self, kinds: tuple[str, ...]) -> Iterator[list[activity.LoginEventRepresentation]]:
        """Yield the events, newest first."""
        since = to_milliseconds(min((self.search.since, *self.search.holders.values())))
        return pages_since(
            self.client,
            since,
            lambda date: self.client.pages("events", activity.LOGIN_EVENTS, type=kinds, dateFrom=date),
        )

    def _sessions(self, client: str, kind: str) -> Iterator[list[activity.SessionRepresentation]]:
        return self.client.pages(f"clients/{client}/{kind}", activity.SESSIONS)

    def _take(self, event: activity.LoginEventRepresentation) -> None:
        at = _instant(event.time)
        if event.type == LOGIN:
            self._days[at.date()] = min(at, self._days.get(at.date(), at))
        if event.user_id:
            self._see(event.user_id, event.client_id or "", at)

    def _see(self, user_id: str, client_id: str, at: datetime) -> None:
        key = user_id, client_id
        self.last_seen[key] = max(at, self.last_seen.get(key, at))

    def _is_enough(self, reached: int) -> bool:
        """Whether all is read, and of who was not seen yet, all since he has what he does not use."""
        at = _instant(reached)
        if at >= self.search.since:
            return False
        seen = {user_id for user_id, _ in self.last_seen}
        return all(user_id in seen or at < since for user_id, since in self.search.holders.items())


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
