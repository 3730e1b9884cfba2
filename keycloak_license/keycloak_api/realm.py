"""One realm of a Keycloak, as `services.ports.Realm` wants it.

In: a client; out: snapshots and written attributes. Made by `bootstrap`.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from urllib.parse import quote

from keycloak_license.errors import (
    MissingRightError,
    NotThereError,
    RejectedRequestError,
    UnavailableError,
    UnreachableError,
)
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.enforcement import Enforcer, OwnThings
from keycloak_license.keycloak_api.events import date_grants, list_events, to_milliseconds
from keycloak_license.keycloak_api.following import Following
from keycloak_license.keycloak_api.logins import read_logins
from keycloak_license.keycloak_api.reader import Wanted, read_realm
from keycloak_license.keycloak_api.rereading import reread_users
from keycloak_license.keycloak_api.writer import BeforeWrite, ensure_writable, write_attributes
from keycloak_license.model.application import Application
from keycloak_license.model.changes import AttributeChange
from keycloak_license.model.enforcement import OBSERVE_ONLY, EnforcementTerms
from keycloak_license.model.logins import LoginReading, LoginSearch
from keycloak_license.model.measures import Measure, Refusal
from keycloak_license.model.progress import Progress, no_progress
from keycloak_license.model.realm import NO_GRANT_TIMES, GrantTimes, RealmSnapshot, Rereading, User

NO_NAMES = frozenset({"", "count", "profile"})
"""An empty search would find everybody, and the others are paths of Keycloak's own below ``users``."""


class KeycloakRealm:
    """Reads and writes the client's realm."""

    def __init__(
        self,
        client: KeycloakClient,
        progress: Progress = no_progress,
        terms: EnforcementTerms = OBSERVE_ONLY,
    ) -> None:
        self.client = client
        self._progress = progress
        self._terms = terms
        self._following = Following(client, terms, self._read)
        self._last_read: RealmSnapshot | None = None
        """What is known of clients and roles, so that they need not be looked up again."""

    def read(self, applications: Sequence[Application], group_paths: Sequence[str] = ()) -> RealmSnapshot:
        """See `reader.read_realm`."""
        wanted = Wanted(applications, self._terms, group_paths)
        self._last_read = read_realm(self.client, wanted, self._progress)
        return self._last_read

    def follow(self, applications: Sequence[Application]) -> RealmSnapshot:
        """See `following.Following.read`."""
        self._last_read = self._following.read(applications)
        return self._last_read

    def refresh(self, applications: Sequence[Application]) -> RealmSnapshot | None:
        """See `following.Following.refresh`."""
        snapshot = self._following.refresh(applications)
        self._last_read = snapshot or self._last_read
        return snapshot

    def date_grants(self, since: datetime | None) -> GrantTimes:
        """See `events.date_grants`; nothing where events cannot be read."""
        try:
            events = list(list_events(self.client, to_milliseconds(since) if since else 0))
        except (MissingRightError, RejectedRequestError):
            return NO_GRANT_TIMES
        return date_grants(events)

    def read_logins(self, search: LoginSearch) -> LoginReading:
        """See `logins.read_logins`."""
        return read_logins(self.client, search)

    def _read(self, applications: Sequence[Application], known: RealmSnapshot | None = None) -> RealmSnapshot:
        return read_realm(self.client, Wanted(applications, self._terms), self._progress, known)

    def read_attributes(self) -> Mapping[str, str]:
        """Return the realm's attributes only."""
        return self.client.get("", wire.REALM).attributes

    def find_user(self, name: str) -> User | None:
        """Return the user of that id or exact username."""
        # Keycloak has nobody with a control character, and refuses to look for him.
        if name in NO_NAMES or min(name) < " ":
            return None
        # First by id, or whoever takes somebody's id for a name would be taken for him.
        with suppress(NotThereError):
            return self.client.get(f"users/{quote(name, safe='')}", wire.USER)
        exact = {"username": name, "exact": "true", "briefRepresentation": "true"}
        found = self.client.get("users", wire.USERS, **exact)
        return found[0] if found else None

    def read_usernames(self, user_ids: Collection[str]) -> Mapping[str, str | None]:
        """Return the names of the users who are there, None where one cannot be read; a request for each."""
        found: dict[str, str | None] = {}
        for user_id in user_ids:
            try:
                found[user_id] = self.client.get(f"users/{quote(user_id, safe=':')}", wire.USER).username
            except NotThereError:
                continue
            except UnreachableError:
                raise
            except (UnavailableError, MissingRightError):
                found[user_id] = None
        return found

    def ensure_writable(self) -> None:
        """See `writer.ensure_writable`."""
        ensure_writable(self.client)

    def reread(self, user_ids: Sequence[str], applications: Sequence[Application]) -> Rereading:
        """See `rereading.reread_users`."""
        return reread_users(self.client, user_ids, applications)

    def write_attributes(self, changes: Sequence[AttributeChange], before_write: BeforeWrite) -> None:
        """See `writer.write_attributes`."""
        write_attributes(self.client, changes, before_write)

    def enforce(self, measures: Sequence[Measure], before_write: BeforeWrite) -> tuple[Refusal, ...]:
        """See `enforcement.Enforcer.carry_out`."""
        known = OwnThings.of(self._terms.client_id, self._last_read)
        return Enforcer(self.client, known, self._progress, before_write).carry_out(measures)
