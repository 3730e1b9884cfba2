"""What the use cases need from outside, each a small Protocol.

Satisfied by shape: `keycloak_api.realm` and `ledger.store` in earnest, `tests/fakes.py` in tests.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from keycloak_license.model.application import Application
from keycloak_license.model.changes import AttributeChange, SeatChange
from keycloak_license.model.license import License
from keycloak_license.model.logins import LoginReading, LoginSearch
from keycloak_license.model.measures import Disabling, Measure, Refusal
from keycloak_license.model.notice import NO_TELLING, Channel, Delivery, Outcome, Telling
from keycloak_license.model.realm import GrantTimes, RealmSnapshot, Rereading, User
from keycloak_license.model.record import (
    Lease,
    RealmRecord,
    SeatEvent,
    StoredLicense,
    SyncFailure,
    SyncRecord,
    Worker,
)
from keycloak_license.model.seat import Claim
from keycloak_license.model.session import AuditEntry, LoginAttempt, LoginClient, ScreenSession

BeforeWrite = Callable[[], None]


class Witness(Protocol):
    """Who is asked again before a plan is believed."""

    def date_grants(self, since: datetime | None) -> GrantTimes:
        """Return when admins gave something to whom, as far as that is known; `since` limits the search."""

    def reread(self, user_ids: Sequence[str], applications: Sequence[Application]) -> Rereading:
        """Read users one by one, with the effective roles that the applications count."""


class Realm(Witness, Protocol):
    """One realm of a Keycloak."""

    def read(self, applications: Sequence[Application], group_paths: Sequence[str] = ()) -> RealmSnapshot:
        """Read who holds the applications' roles; what could not be read is in `gaps`.

        Also read the groups of those paths with everything below them, as far as they exist, though they
        may grant nothing.
        """

    def follow(self, applications: Sequence[Application]) -> RealmSnapshot:
        """Read the same, and remember it, so that `refresh` can tell what came after."""

    def refresh(self, applications: Sequence[Application]) -> RealmSnapshot | None:
        """Return what a full read would show now, at the cost of what has changed since the last.

        None where only a full read can tell: nothing is remembered, too much has changed, or nobody keeps
        account of what does.
        """

    def read_logins(self, search: LoginSearch) -> LoginReading:
        """Read who has logged in when, as far as Keycloak knows it; what is not known is in `gaps`."""

    def read_attributes(self) -> Mapping[str, str]:
        """Read the realm's attributes only."""

    def find_user(self, name: str) -> User | None:
        """Return the user of that exact username or id, None when there is none."""

    def read_usernames(self, user_ids: Collection[str]) -> Mapping[str, str | None]:
        """Return the names of those of these users who are there, by id; a request for each.

        None is somebody who may be there: he could not be read. `UnreachableError` when Keycloak is silent.
        """

    def ensure_writable(self) -> None:
        """Raise `MissingRightError` when attributes could not be written; writes nothing."""

    def write_attributes(self, changes: Sequence[AttributeChange], before_write: BeforeWrite) -> None:
        """Carry out attribute changes; no call at all when there are none.

        `before_write` is called right before each request that writes, and may raise to stop it.
        """

    def enforce(self, measures: Sequence[Measure], before_write: BeforeWrite) -> tuple[Refusal, ...]:
        """Carry out measures in order; return which users the realm would not change, and why.

        `before_write` is called before each write, but for those that concern single users: twice a second.
        """


class Ledger(Protocol):
    """The memory of the sidecar."""

    @property
    def outbox(self) -> "Outbox":
        """What is on its way to people."""

    @property
    def sessions(self) -> "Sessions":
        """Who is at the screen."""

    @property
    def audit(self) -> "Audit":
        """Who did what by the screen or the API."""

    def load(self, realm: str, known_claims: Sequence[Claim] | None = None) -> RealmRecord:
        """Everything remembered of a realm; an empty record for an unknown one.

        Claims that are known are not read again.
        """

    def read_epoch(self, realm: str) -> int:
        """Return what the lease of a realm has counted up to, 0 for one that was never taken."""

    def take_lease(self, realm: str, holder: str) -> Lease:
        """Take the right to write about a realm; `LeaseTakenError` while somebody else has it.

        Who does not renew it in time loses it to the next one who wants it.
        """

    def renew_lease(self, lease: Lease) -> None:
        """Hold a lease longer; `LeaseLostError` when somebody else has taken over."""

    def end_lease(self, lease: Lease) -> None:
        """Give a lease back; nothing happens when it is lost already."""

    def announce_worker(self, worker: Worker, lasting: timedelta) -> tuple[Worker, ...]:
        """Keep that a worker is alive for so long; return all that are, by name, and forget the others."""

    def end_worker(self, name: str) -> None:
        """Forget a worker; nothing happens when it is forgotten already."""

    def record_sync(
        self, lease: Lease, sync: SyncRecord, changes: Sequence[SeatChange], telling: Telling = NO_TELLING
    ) -> None:
        """Carry out claim changes, write their seat events, the sync and what it tells, as one transaction.

        `LeaseLostError`, and nothing written, when the lease is lost.
        """

    def record_enforcement(
        self, lease: Lease, at: datetime, done: Sequence[Disabling], refused: Sequence[str]
    ) -> None:
        """Add to the last sync who was disabled and enabled afterwards, and what could not be done.

        Refused like `record_sync`.
        """

    def record_failure(self, lease: Lease, failure: SyncFailure, telling: Telling = NO_TELLING) -> None:
        """Keep that syncs end without a result, until one is recorded, and what it tells.

        Refused like `record_sync`.
        """

    def add_licenses(
        self, lease: Lease, added: Sequence[StoredLicense], replaced: Sequence[StoredLicense] = ()
    ) -> None:
        """Keep licences, and take the replaced ones out of force at the instant of the first one's import.

        One transaction, refused like `record_sync`; a file that is in force already is not kept twice.
        """

    def remove_seat_events(self, lease: Lease, before: datetime) -> None:
        """Forget the history of claims that is dated before an instant; refused like `record_sync`."""

    def forget_users(self, lease: Lease, pseudonyms: Mapping[str, str]) -> None:
        """Put a pseudonym in the place of each user, by id, wherever seat events name him.

        As one who gave something he is not named at all. Refused like `record_sync`.
        """

    def seat_events(
        self, realm: str, application: str | None = None, since: datetime | None = None
    ) -> tuple[SeatEvent, ...]:
        """Return the history of claims, oldest first.

        With `since`, only what was recorded after the last event that is dated before.
        """


class Outbox(Protocol):
    """What is on its way to people; put there by the ledger with what it tells of."""

    def take(self, channel: Channel, realms: Sequence[str], now: datetime) -> Delivery | None:
        """Return the next delivery that is due, which is the caller's alone until he says what came of it."""

    def record_delivered(self, delivery: Delivery, at: datetime) -> None:
        """Keep that a delivery was taken over."""

    def record_problem(
        self, delivery: Delivery, at: datetime, problem: str | None, next_at: datetime | None
    ) -> None:
        """Keep that an attempt failed, and when the next one is due; without one it is given up.

        Without a problem the last one stays.
        """

    def put_off(
        self, channel: Channel, realms: Sequence[str], until: datetime, attempts: int, problem: str
    ) -> None:
        """Let nothing of a channel be due before, as after so many attempts with that problem."""

    def hasten(self, realms: Sequence[str], now: datetime) -> None:
        """Let everything that is not delivered be due now."""


class Carrier(Protocol):
    """One way out: a mail server, or a webhook."""

    def send(self, deliveries: Iterable[Delivery]) -> Iterator[tuple[Delivery, Outcome]]:
        """Hand over one after the other, each taken only when the one before is done.

        Ends after the first that finds nobody there.
        """

    def check(self) -> str:
        """Return what it would use, in words; raise what keeps it from working."""


class LicenseVerifier(Protocol):
    """The one judge of licence files."""

    def verify(self, file: bytes) -> License:
        """Return the content, or raise `LicenseRefusedError` saying what is wrong with the file."""

    def accept(self, file: bytes) -> License:
        """Do the same for a file that is new here: a key that was retired does not count for it."""


class Sessions(Protocol):
    """Who is at the screen; kept in the ledger, so that any process knows and any can end it."""

    def begin_login(self, attempt: LoginAttempt) -> None:
        """Keep that a login began."""

    def take_login(self, key: str) -> LoginAttempt | None:
        """Return a login that began, once: whoever asks again gets None."""

    def begin(self, session: ScreenSession) -> None:
        """Keep a session."""

    def find(self, key: str) -> ScreenSession | None:
        """Return a session, however old; None for one that was never there or has ended."""

    def keep(self, key: str, seen_at: datetime, checked_at: datetime) -> None:
        """Keep that a session was used; one that has ended stays so."""

    def end(self, key: str) -> None:
        """End a session, where there is one."""

    def end_of_sid(self, realm: str, sid: str) -> int:
        """End those that began in one of Keycloak's sessions; return how many."""

    def end_of_user(self, realm: str, user_id: str) -> int:
        """End all of a user; return how many."""

    def forget(self, *, attempts_before: datetime, begun_before: datetime, seen_before: datetime) -> None:
        """Forget logins and sessions that are too old for anything."""


class Audit(Protocol):
    """Who did what by the screen or the API."""

    def record(self, entry: AuditEntry) -> None:
        """Keep an entry for good."""

    def read(self, realm: str, limit: int) -> tuple[AuditEntry, ...]:
        """Return the latest entries of a realm, the newest first."""


class Directory(Protocol):
    """What a realm tells of one person at the screen, each time it is asked."""

    def is_license_manager(self, user_id: str) -> bool:
        """Tell whether a user is there, enabled, and effectively has the role manage-licenses."""

    def find_session_user(self, client_id: str, sid: str) -> str | None:
        """Return the id of the user who is logged in to a client in one of Keycloak's sessions."""

    def login_client(self) -> LoginClient:
        """Return the screen's client with its secret; `ConfigurationError` when `init` has not made it."""
