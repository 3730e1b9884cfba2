"""What admins have changed in a realm, as Keycloak's admin events tell.

In: a client; out: events, and what they mean for a read that was made before them. Called by `following`
and `realm`. Events say what was touched, never how it is now: that is read again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from keycloak_license.keycloak_api import activity
from keycloak_license.keycloak_api.client import KeycloakClient, Param
from keycloak_license.keycloak_api.event_dates import pages_since
from keycloak_license.model.realm import Grant, GrantTimes

PAGE_SIZE = 1000
OVERLAP = timedelta(seconds=30)
"""How far each look goes back behind the one before: an event carries the time at which its request began,
and is there only when that ends; nodes have clocks of their own."""
MAX_PAGES = 50

_ROLE_MAPPINGS = frozenset({"REALM_ROLE_MAPPING", "CLIENT_ROLE_MAPPING"})
_OF_USERS = frozenset({"USER", "GROUP_MEMBERSHIP", *_ROLE_MAPPINGS})
_OF_STRUCTURE = frozenset(
    {
        *_ROLE_MAPPINGS,
        "AUTHENTICATOR_CONFIG",
        "AUTH_EXECUTION",
        "AUTH_EXECUTION_FLOW",
        "AUTH_FLOW",
        "CLIENT",
        "CLIENT_ROLE",
        "CLIENT_SCOPE",
        "CLIENT_SCOPE_CLIENT_MAPPING",
        "GROUP",
        "IDENTITY_PROVIDER",
        "REALM_ROLE",
    }
)
_OF_EVERYTHING = frozenset({"COMPONENT", "USER_FEDERATION_PROVIDER", "USER_FEDERATION_MAPPER"})


_Doer = tuple[str, bool] | None
"""Who did something, and whether he is a user of the same realm; None where it is not told."""


class LostEventsError(Exception):
    """Events are missing, so that nobody knows what has changed."""


@dataclass(frozen=True, slots=True)
class News:
    """What has been touched since a read."""

    user_ids: frozenset[str] = frozenset()
    is_structure_touched: bool = False
    """Whether roles, groups, clients or flows were."""
    is_all_touched: bool = False
    """Whether it may be anything, for example by another federation."""


class EventLog:
    """Remembers how far the events of a realm have been looked at."""

    def __init__(self, client: KeycloakClient) -> None:
        self._client = client
        self._seen: frozenset[str] = frozenset()
        """Keys of the events that the next look will find again."""
        self._since: int | None = None
        self._looked_at: datetime | None = None

    def look(self) -> list[activity.AdminEventRepresentation]:
        """Return the events that no look has returned before; the first one only takes note of where it is.

        Raises `LostEventsError` where there are too many, some that were there are gone, or Keycloak's
        clock went back.
        """
        now = self._client.present_server_time
        is_first = self._since is None
        since = self._begin(now) if self._since is None else self._since
        if now and self._looked_at and now < self._looked_at - OVERLAP:
            raise LostEventsError
        found = {event.key: event for event in list_events(self._client, since)}
        if not self._seen <= found.keys() or len(found) >= MAX_PAGES * PAGE_SIZE:
            raise LostEventsError
        new = [] if is_first else [event for key, event in found.items() if key not in self._seen]
        self._looked_at = now
        self._since = to_milliseconds(now - OVERLAP) if now else since
        self._seen = frozenset(key for key, event in found.items() if event.time >= self._since)
        return new

    def _begin(self, now: datetime | None) -> int:
        """Return from where to look first; the last event tells where Keycloak's clock is not known."""
        if now:
            return to_milliseconds(now - OVERLAP)
        last = self._client.get("admin-events", activity.ADMIN_EVENTS, max=1)
        return min((event.time for event in last), default=0)


def list_events(client: KeycloakClient, since: int) -> Iterator[activity.AdminEventRepresentation]:
    """Yield the events since an instant in milliseconds, newest first; the newest pages where it is many.

    Keycloak counts what comes in while it is being paged through, so an event may come twice. Nothing is
    filtered after a page is cut, so a short page is the last one.
    """

    def read(date_from: Param) -> Iterator[list[activity.AdminEventRepresentation]]:
        for number in range(MAX_PAGES):
            page = client.get(
                "admin-events",
                activity.ADMIN_EVENTS,
                dateFrom=date_from,
                first=number * PAGE_SIZE,
                max=PAGE_SIZE,
            )
            yield page
            if len(page) < PAGE_SIZE:
                return

    for page in pages_since(client, since, read):
        yield from page


def sort_out(events: Iterable[activity.AdminEventRepresentation]) -> News:
    """Return what events touch; what the realm itself is like, everybody sees by looking at it."""
    found = [_touched_by(event) for event in events]
    return News(
        user_ids=frozenset().union(*(news.user_ids for news in found)),
        is_structure_touched=any(news.is_structure_touched for news in found),
        is_all_touched=any(news.is_all_touched for news in found),
    )


def _touched_by(event: activity.AdminEventRepresentation) -> News:
    kind, act, path = event.resource_type or "", event.operation_type, event.resource_path or ""
    user_ids = frozenset({path.split("/")[1]}) if path.startswith("users/") else frozenset()
    match kind:
        case "REALM" if act == "ACTION" or not path:
            return News()
        case "REALM":
            # An import. Of a user whom it replaces only the new id is told.
            return News(
                user_ids, is_structure_touched=True, is_all_touched=bool(user_ids) and act != "CREATE"
            )
        case "ORGANIZATION_MEMBERSHIP":
            # Who is managed by an organization is deleted with his membership.
            return News(frozenset({path.rpartition("/")[2]}))
        case "ORGANIZATION":
            return News(is_all_touched=act == "DELETE")
    if kind in _OF_USERS and user_ids:
        return News(user_ids)
    return News(is_structure_touched=kind in _OF_STRUCTURE, is_all_touched=kind in _OF_EVERYTHING)


def date_grants(events: Iterable[activity.AdminEventRepresentation]) -> GrantTimes:
    """Return when something was given to whom: the first time since something was last taken from him.

    And by whom, where it is certain: one person gave all of it, or made the user, and nothing was taken from
    him, nor given to many at once.

    Being made or changed counts where nothing else is told of a user. Which role or group it was is not
    told, unless Keycloak keeps details of people, and we do not ask it to.
    """
    given: dict[str, int] = {}
    changed: dict[str, int] = {}
    structure: list[int] = []
    given_by: dict[str, set[_Doer]] = {}
    made_by: dict[str, set[_Doer]] = {}
    unclear: set[str] = set()
    for event in sorted(events, key=lambda each: each.time):
        kind, path = event.resource_type or "", event.resource_path or ""
        user_id = path.split("/")[1] if path.startswith("users/") else None
        if user_id is None:
            is_grant = kind in _ROLE_MAPPINGS or path.endswith("/composites")
            structure += [event.time] if is_grant and event.operation_type == "CREATE" else []
        elif kind == "USER" and event.operation_type in {"CREATE", "UPDATE"}:
            changed[user_id] = event.time
            if event.operation_type == "CREATE":
                made_by[user_id] = {_doer(event)}
        elif kind in _OF_USERS and event.operation_type == "CREATE":
            given.setdefault(user_id, event.time)
            given_by.setdefault(user_id, set()).add(_doer(event))
        elif kind in _OF_USERS and event.operation_type == "DELETE":
            given.pop(user_id, None)
            unclear.add(user_id)
    users = {user_id: _instant(time) for user_id, time in (changed | given).items()}
    grants = {
        user_id: Grant(users[user_id], *doer)
        for user_id, doers in ({} if structure else made_by | given_by).items()
        for doer in doers
        if doer is not None and len(doers) == 1 and user_id not in unclear
    }
    return GrantTimes(users, _instant(structure[0]) if structure else None, grants)


def _doer(event: activity.AdminEventRepresentation) -> _Doer:
    details = event.auth_details
    if details is None or details.user_id is None:
        return None
    return details.user_id, details.realm_id is not None and details.realm_id == event.realm_id


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def to_milliseconds(instant: datetime) -> int:
    """Return an instant as Keycloak counts: in milliseconds since 1970."""
    return int(instant.timestamp() * 1000)
