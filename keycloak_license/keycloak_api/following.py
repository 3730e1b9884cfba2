"""Keeps one read of a realm up to date, at the cost of what has changed.

In: a client, then the applications; out: a `RealmSnapshot` equal to what a full read would show. Made by
`realm`. Whenever events cannot tell what has changed, it says so, and everything is to be read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from keycloak_license.errors import MissingRightError, RejectedRequestError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.events import EventLog, LostEventsError, News, date_grants, sort_out
from keycloak_license.keycloak_api.holdings import REQUESTS_FOR_A_USER, bring_in, read_holdings
from keycloak_license.model.application import Application
from keycloak_license.model.enforcement import EnforcementTerms
from keycloak_license.model.realm import RealmSnapshot, count_differences

ROWS_AS_A_REQUEST = 50
"""About as many rows of a list take Keycloak as long as a request for a single thing."""
FEW_USERS = 10
"""So many are read one by one however small the realm."""

ReadRealm = Callable[[Sequence[Application], RealmSnapshot | None], RealmSnapshot]
"""Reads everything or, with an earlier snapshot, everything but the lists of users that it has."""

_NO_EVENTS = (LostEventsError, MissingRightError, RejectedRequestError)
"""Nobody tells what has changed: lost, not to be seen by us, or not asked for like this by older servers."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of a realm."""

    snapshot: RealmSnapshot
    frame: object
    log: EventLog
    most_users: int
    """How many may be read one by one before it is cheaper to read everything."""


class Following:
    """Remembers one realm between two looks at it."""

    def __init__(self, client: KeycloakClient, terms: EnforcementTerms, read: ReadRealm) -> None:
        self._client = client
        self._terms = terms
        self._read = read
        self._known: _Known | None = None

    def read(self, applications: Sequence[Application]) -> RealmSnapshot:
        """Read everything, and remember it.

        Where something was remembered, what the events had told is compared with what is read.
        """
        expected = self.refresh(applications)
        known, self._known = self._known, None
        frame, log = (known.frame, known.log) if known else self._begin()
        before = self._client.requests_made
        snapshot = self._read(applications, None)
        requests = self._client.requests_made - before
        if log is None or snapshot.gaps:
            return snapshot
        news = sort_out(log.look())
        if expected and not (news.is_structure_touched or news.is_all_touched):
            snapshot = replace(snapshot, drift=count_differences(expected, snapshot, news.user_ids))
        most_users = (requests + len(snapshot.users) // ROWS_AS_A_REQUEST) // REQUESTS_FOR_A_USER
        known = _Known(snapshot, frame, log, max(FEW_USERS, most_users))
        self._known = self._brought_up_to_date(known, news, applications)
        return self._known.snapshot if self._known else snapshot

    def refresh(self, applications: Sequence[Application]) -> RealmSnapshot | None:
        """Return how the realm is now; None where only reading everything tells.

        Two requests where nothing has changed.
        """
        # What the events told is lost with whatever goes wrong under way.
        known, self._known = self._known, None
        if known is None:
            return None
        realm = self._client.get("", wire.REALM)
        if not realm.admin_events_enabled or realm.id != known.snapshot.realm_id:
            return None
        try:
            events = known.log.look()
        except _NO_EVENTS:
            return None
        news = sort_out(events)
        if _frame(realm) != known.frame:
            news = replace(news, is_structure_touched=True)
        current = replace(
            known.snapshot,
            attributes=realm.attributes,
            locale=realm.locale,
            server_time=self._client.present_server_time,
            granted_at=date_grants(events),
            is_writable=False,
            drift=None,
        )
        known = replace(known, snapshot=current, frame=_frame(realm))
        self._known = self._brought_up_to_date(known, news, applications)
        return self._known.snapshot if self._known else None

    def _begin(self) -> tuple[object, EventLog | None]:
        """Take note of where the realm and its events are before everything is read."""
        realm = self._client.get("", wire.REALM)
        log = EventLog(self._client)
        if not realm.admin_events_enabled:
            return _frame(realm), None
        try:
            log.look()
        except _NO_EVENTS:
            return _frame(realm), None
        return _frame(realm), log

    def _brought_up_to_date(
        self, known: _Known, news: News, applications: Sequence[Application]
    ) -> _Known | None:
        if news.is_all_touched or len(news.user_ids) > known.most_users:
            return None
        snapshot = known.snapshot
        if news.is_structure_touched:
            snapshot = replace(self._read(applications, snapshot), granted_at=snapshot.granted_at)
            if snapshot.gaps:
                return None
        if news.user_ids:
            snapshot = bring_in(snapshot, read_holdings(self._client, sorted(news.user_ids)), self._terms)
        return replace(known, snapshot=snapshot)


def _frame(realm: wire.RealmRepresentation) -> object:
    """Return what the realm itself says that a read depends on."""
    return (
        realm.realm,
        realm.default_role,
        frozenset(realm.default_groups),
        realm.reset_credentials_flow,
        realm.registration_flow,
    )
