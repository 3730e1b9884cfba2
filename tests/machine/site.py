"""One installation in memory or before a real server, whose time the machine decides.

In: a `Side`; out: attempts of the real use cases at it, each with what it saw, and all that was written.
Called by `machine`. `Site.clone` gives a twin that goes its own way.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from keycloak_license.errors import KeycloakLicenseError
from keycloak_license.model.record import RealmRecord
from keycloak_license.plan.guard import DEFAULT_GUARD, Guard
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.ports import Ledger, Realm
from tests.fakes import MemoryLedger, TrustingVerifier
from tests.machine.look import APPLICATIONS, Look
from tests.machine.realm import LyingRealm, Side, copy_with
from tests.machine.stage import Crash, Journal, Stage, WatchedLedger, WatchedRealm
from tests.machine.verdict import PRAGUE

T = TypeVar("T")
START = datetime(2026, 5, 1, 12, tzinfo=UTC)
LEASE = timedelta(minutes=10)
"""Long enough that no thread renews one while an attempt runs."""


@dataclass
class Time:
    """What it really is, by how far the clock here is wrong, and whether Keycloak tells."""

    now: datetime = START
    skew: timedelta = timedelta()
    is_told: bool = True

    @property
    def here(self) -> datetime:
        return self.now + self.skew

    def pass_by(self, span: timedelta) -> None:
        self.now += span


@dataclass
class Attempt:
    """How one attempt ended, and what it saw."""

    stage: Stage
    look: Look
    error: KeycloakLicenseError | None = None
    is_crashed: bool = False

    @property
    def is_done(self) -> bool:
        return self.error is None and not self.is_crashed


@dataclass
class Site:
    """A realm, a ledger, a vendor, and time."""

    side: Side
    ledger: MemoryLedger = field(init=False)
    verifier: TrustingVerifier = field(default_factory=TrustingVerifier)
    time: Time = field(default_factory=Time)
    journal: Journal = field(default_factory=Journal)
    guard: Guard = DEFAULT_GUARD
    make_ledger: Callable[..., MemoryLedger] = MemoryLedger
    leased_until: datetime | None = None
    """Until when a lease is taken that nobody will give back."""

    def __post_init__(self) -> None:
        self.ledger = self.new_ledger()

    def new_ledger(self) -> MemoryLedger:
        return self.make_ledger(lease_duration=LEASE, clock=lambda: self.time.now)

    def copy_ledger(self, ledger: MemoryLedger) -> MemoryLedger:
        return copy_with(ledger, clock=lambda: self.time.now)

    def clone(self) -> "Site":
        """Return a twin; the vendor is the same."""
        assert isinstance(self.side, LyingRealm)
        twin = copy_with(self, side=self.side.clone(), time=copy_with(self.time), journal=Journal())
        twin.ledger = twin.copy_ledger(self.ledger)
        return twin

    def record(self) -> RealmRecord:
        return self.ledger.load(self.side.name)

    @property
    def is_simulated(self) -> bool:
        """Whether it can be cloned, and made anew."""
        return isinstance(self.side, LyingRealm)

    def kept(self) -> object:
        """All that anybody of ours might change and that lasts."""
        events = self.ledger.seat_events(self.side.name)
        record = replace(self.record(), failure=None, marks=())
        return record, events, dict(self.side.attributes), self.journal.writes

    def everything(self) -> object:
        """The same, who is at work, and how the last attempt failed."""
        return self.kept(), dict(self.ledger._leases), self.record().failure

    def managed(self, keycloak: Realm | None = None, ledger: Ledger | None = None) -> ManagedRealm:
        self.side.server_time = self.time.now if self.time.is_told else None
        return ManagedRealm(
            name=self.side.name,
            zone=PRAGUE,
            applications=APPLICATIONS,
            keycloak=keycloak or self.side,
            ledger=ledger or self.ledger,
            verifier=self.verifier,
            guard=self.guard,
            patience_seconds=0,
        )

    def attempt(
        self,
        work: Callable[[ManagedRealm], T],
        stage: Stage | None = None,
        *,
        is_forced: bool = False,
    ) -> tuple[Attempt, T | None]:
        """Let a process do something; errors that the program knows, and its death, are how it ends."""
        attempt = Attempt(stage or Stage(), Look())
        keycloak = WatchedRealm(self.side, attempt.stage, attempt.look, self.journal)
        ledger = WatchedLedger(self.ledger, attempt.stage, attempt.look, self.journal, is_forced)
        result: T | None = None
        try:
            result = work(self.managed(keycloak, ledger))
        except KeycloakLicenseError as error:
            attempt.error = error
        except Crash:
            attempt.is_crashed = True
        if attempt.stage.has_lease and not attempt.stage.is_overtaken:
            self.leased_until = self.time.now + LEASE
        return attempt, result

    @property
    def is_leased(self) -> bool:
        """Whether somebody who died has the lease."""
        return self.leased_until is not None and self.time.now < self.leased_until


def comparable(site: Site, *, with_id: bool) -> Mapping[str, object]:
    """Return all that two sites must agree on that came to the same by different ways: not when."""
    record = site.record()
    last = record.last_sync
    shown = dict(site.side.attributes)
    if not with_id:
        shown.pop("license.installation_id", None)
    return {
        "claims": {(c.application, c.user_id, c.username, c.email, c.is_seated) for c in record.claims},
        "held": {(h.application, h.user_id, h.reason) for h in last.held} if last else set(),
        "licenses": {(each.file, each.replaced_at is None) for each in record.licenses},
        "attributes": {name: value for name, value in shown.items() if value},
        "complete": last and last.is_complete,
    }
