"""Where something happens in the middle of an attempt: at a chosen call, before or after it.

`WatchedRealm` and `WatchedLedger` stand between the use cases and the realm and ledger of a `Site`. They
write down what was seen and committed, and let the `Stage` act; they change nothing by themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from keycloak_license.errors import KeycloakLicenseError
from keycloak_license.model.application import Application
from keycloak_license.model.changes import AttributeChange, SeatChange
from keycloak_license.model.measures import Disabling, Measure, Refusal
from keycloak_license.model.notice import NO_TELLING, Telling
from keycloak_license.model.realm import RealmSnapshot, Rereading, User
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
from keycloak_license.services.ports import Audit, BeforeWrite, Ledger, Outbox, Sessions
from tests.fakes import Unfollowed
from tests.machine.look import Look
from tests.machine.realm import Side

Point = tuple[str, str]
"""A side, ``before`` or ``after``, and the name of a call."""

LEDGER_CALLS = (
    "take_lease",
    "load",
    "add_licenses",
    "record_sync",
    "record_enforcement",
    "record_failure",
    "renew_lease",
    "end_lease",
)
REALM_CALLS = ("read", "reread", "ensure_writable", "write_attributes", "enforce")
POINTS: tuple[Point, ...] = tuple(
    (side, call) for call in LEDGER_CALLS + REALM_CALLS for side in ("before", "after")
)


class Crash(BaseException):
    """The process is killed: nothing catches this, and nothing of the process acts any more."""


@dataclass
class Stage:
    """One process during one attempt."""

    point: Point | None = None
    act: Callable[[], None] = lambda: None
    skip: int = 0
    """How often the point is passed before."""
    has_acted: bool = False
    is_dead: bool = False
    has_lease: bool = False
    is_overtaken: bool = False
    """Whether another process took the lease from this one."""
    passed: set[str] = field(default_factory=set)
    """Calls that came to their end."""

    def reach(self, side: str, call: str) -> None:
        """Let happen what was to happen here."""
        if self.is_dead:
            raise Crash
        if side == "after":
            self.passed.add(call)
        if not self.has_acted and self.point == (side, call):
            self.skip -= 1
            self.has_acted = self.skip < 0
            if self.has_acted:
                self.act()

    def die(self) -> None:
        """End the process, as `kill -9` does."""
        self.is_dead = True
        raise Crash

    def fail(self, error: KeycloakLicenseError) -> None:
        """Let the call fail in a way that the program knows."""
        raise error


@dataclass(frozen=True)
class Commit:
    """A transaction of the ledger about claims."""

    before: RealmRecord
    after: RealmRecord
    events: tuple[SeatEvent, ...]
    look: Look
    is_forced: bool


@dataclass(frozen=True)
class LicenseCommit:
    """A transaction of the ledger about licences."""

    before: RealmRecord
    after: RealmRecord


@dataclass
class Journal:
    """Everything that was written, in order."""

    commits: list[Commit | LicenseCommit] = field(default_factory=list)
    written: list[AttributeChange] = field(default_factory=list)
    writes: int = 0
    """How often the program was about to write attributes, and nothing stopped it."""


@dataclass
class WatchedRealm(Unfollowed):
    """A side as one process uses it."""

    side: Side
    stage: Stage
    look: Look
    journal: Journal

    def read(self, applications: Sequence[Application], group_paths: Sequence[str] = ()) -> RealmSnapshot:
        self.stage.reach("before", "read")
        snapshot = self.side.read(applications, group_paths)
        self.look.see(self.side, snapshot)
        self.stage.reach("after", "read")
        return snapshot

    def reread(self, user_ids: Sequence[str], applications: Sequence[Application]) -> Rereading:
        self.stage.reach("before", "reread")
        again = self.side.reread(user_ids, applications)
        self.look.see_again(self.side, user_ids, again)
        self.stage.reach("after", "reread")
        return again

    def enforce(self, measures: Sequence[Measure], before_write: BeforeWrite) -> tuple[Refusal, ...]:
        self.stage.reach("before", "enforce")
        refused = self.side.enforce(measures, before_write)
        self.stage.reach("after", "enforce")
        return refused

    def read_attributes(self) -> Mapping[str, str]:
        return self.side.read_attributes()

    def find_user(self, name: str) -> User | None:
        return self.side.find_user(name)

    def ensure_writable(self) -> None:
        self.stage.reach("before", "ensure_writable")
        self.side.ensure_writable()
        self.stage.reach("after", "ensure_writable")

    def write_attributes(self, changes: Sequence[AttributeChange], before_write: BeforeWrite) -> None:
        self.stage.reach("before", "write_attributes")
        assert not changes or "record_sync" in self.stage.passed, "Keycloak was written before the ledger"

        def is_written() -> None:
            before_write()
            self.journal.writes += 1
            self.journal.written += changes

        self.side.write_attributes(changes, is_written)
        self.stage.reach("after", "write_attributes")


@dataclass
class WatchedLedger:
    """A ledger as one process uses it."""

    ledger: Ledger
    stage: Stage
    look: Look
    journal: Journal
    is_forced: bool

    def load(self, realm: str, known_claims: Sequence[Claim] | None = None) -> RealmRecord:
        self.stage.reach("before", "load")
        record = self.ledger.load(realm, known_claims)
        self.stage.reach("after", "load")
        return record

    @property
    def outbox(self) -> Outbox:
        return self.ledger.outbox

    @property
    def sessions(self) -> Sessions:
        return self.ledger.sessions

    @property
    def audit(self) -> Audit:
        return self.ledger.audit

    def read_epoch(self, realm: str) -> int:
        return self.ledger.read_epoch(realm)

    def take_lease(self, realm: str, holder: str) -> Lease:
        self.stage.reach("before", "take_lease")
        lease = self.ledger.take_lease(realm, holder)
        self.stage.has_lease, self.stage.is_overtaken = True, False
        self.stage.reach("after", "take_lease")
        return lease

    def renew_lease(self, lease: Lease) -> None:
        self.stage.reach("before", "renew_lease")
        self.ledger.renew_lease(lease)
        self.stage.reach("after", "renew_lease")

    def end_lease(self, lease: Lease) -> None:
        self.stage.reach("before", "end_lease")
        self.ledger.end_lease(lease)
        self.stage.has_lease = False
        self.stage.reach("after", "end_lease")

    def announce_worker(self, worker: Worker, lasting: timedelta) -> tuple[Worker, ...]:
        return self.ledger.announce_worker(worker, lasting)

    def end_worker(self, name: str) -> None:
        self.ledger.end_worker(name)

    def record_sync(
        self, lease: Lease, sync: SyncRecord, changes: Sequence[SeatChange], telling: Telling = NO_TELLING
    ) -> None:
        self.stage.reach("before", "record_sync")
        before, told = self.ledger.load(sync.realm), self.ledger.seat_events(sync.realm)
        self.ledger.record_sync(lease, sync, changes, telling)
        after, events = self.ledger.load(sync.realm), self.ledger.seat_events(sync.realm)
        assert events[: len(told)] == told, "history was rewritten"
        commit = Commit(before, after, events[len(told) :], self.look, self.is_forced)
        self.journal.commits.append(commit)
        self.stage.reach("after", "record_sync")

    def record_enforcement(
        self, lease: Lease, at: datetime, done: Sequence[Disabling], refused: Sequence[str]
    ) -> None:
        self.stage.reach("before", "record_enforcement")
        self.ledger.record_enforcement(lease, at, done, refused)
        self.stage.reach("after", "record_enforcement")

    def record_failure(self, lease: Lease, failure: SyncFailure, telling: Telling = NO_TELLING) -> None:
        self.stage.reach("before", "record_failure")
        self.ledger.record_failure(lease, failure, telling)
        self.stage.reach("after", "record_failure")

    def add_licenses(
        self, lease: Lease, added: Sequence[StoredLicense], replaced: Sequence[StoredLicense] = ()
    ) -> None:
        self.stage.reach("before", "add_licenses")
        before = self.ledger.load(lease.realm)
        self.ledger.add_licenses(lease, added, replaced)
        self.journal.commits.append(LicenseCommit(before, self.ledger.load(lease.realm)))
        self.stage.reach("after", "add_licenses")

    def remove_seat_events(self, lease: Lease, before: datetime) -> None:
        self.stage.reach("before", "remove_seat_events")
        self.ledger.remove_seat_events(lease, before)
        self.stage.reach("after", "remove_seat_events")

    def forget_users(self, lease: Lease, pseudonyms: Mapping[str, str]) -> None:
        self.stage.reach("before", "forget_users")
        self.ledger.forget_users(lease, pseudonyms)
        self.stage.reach("after", "forget_users")

    def seat_events(
        self, realm: str, application: str | None = None, since: datetime | None = None
    ) -> tuple[SeatEvent, ...]:
        return self.ledger.seat_events(realm, application, since)
