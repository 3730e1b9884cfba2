"""Keeps one realm in line at the cost of what changes there.

In: a `ManagedRealm` and how often to read everything; out: reports of the syncs that were needed. Called
by `worker`, which looks at every interval, and reads where a look says that it is due.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from keycloak_license.errors import LeaseTakenError
from keycloak_license.model.changes import SeatChange, claims_after
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.model.record import Lease, RealmRecord
from keycloak_license.model.report import SyncReport
from keycloak_license.model.seat import Claim
from keycloak_license.plan.expiry import expiry_warnings, understood_days
from keycloak_license.plan.lifecycle import judge
from keycloak_license.plan.notices import due_keys, reached_days
from keycloak_license.plan.outlook import Outlook, look_out
from keycloak_license.plan.recovery import KnownLicenses
from keycloak_license.services.observation import (
    ManagedRealm,
    Observation,
    observe_in,
    verify_licenses,
)
from keycloak_license.services.reconcile import FAILURES, Outcome, bring_in_line

PAUSE_FACTOR = 10
"""Where only reading everything helps, at most about a tenth of the time is spent on it."""


@dataclass(frozen=True, slots=True)
class Look:
    """What came of a look at a realm."""

    report: SyncReport | None = None
    """Of the sync that was needed; None where nothing was new."""
    is_read_due: bool = False
    """Whether everything is to be read."""
    is_unchanged: bool = False
    """Whether the realm is known to be as the last sync left it."""


@dataclass(frozen=True, slots=True)
class _Settled:
    """What the last sync left behind."""

    snapshot: RealmSnapshot
    record: RealmRecord
    epoch: int
    """Of the lease: it counts on whenever anybody works on the realm."""
    prospect: "_Prospect"
    """What would make another plan, though nobody has changed anything."""
    is_complete: bool
    is_behind: bool = False
    """Whether a later snapshot was not carried out, so that what its events told has to be asked for."""


class Follower:
    """Remembers one realm between two looks; to be called by one thread at a time."""

    def __init__(
        self,
        managed: ManagedRealm,
        full_interval_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.managed = managed
        self._full_interval_seconds = full_interval_seconds
        self._clock = clock
        self._settled: _Settled | None = None
        self._read_at = 0.0
        self._read_seconds = 0.0

    def look(self, now: datetime) -> Look:
        """Look for changes and bring in line what has changed; the errors of `reconcile.run_once`."""
        settled = self._settled
        if settled is None or self._is_time_to_read(is_needed=not settled.is_complete):
            return Look(is_read_due=True)
        try:
            snapshot = self.managed.keycloak.refresh(self.managed.asked_about)
        except FAILURES:
            # A full read meets the same, and keeps account of it.
            self._settled = None
            return Look(is_read_due=True)
        if snapshot is None:
            is_due = self._is_time_to_read(is_needed=True) or not self._is_as_before(settled, now)
            return Look(is_read_due=is_due)
        if _is_same(snapshot, settled.snapshot) and self._is_as_before(
            replace(settled, snapshot=snapshot), now
        ):
            return Look(is_unchanged=True)
        return Look(self._sync(now, lambda: snapshot))

    def read(self, now: datetime) -> SyncReport:
        """Read everything and sync; the errors of `reconcile.run_once`."""
        began = self._clock()
        report = self._sync(now, lambda: self.managed.keycloak.follow(self.managed.asked_about))
        self._read_at, self._read_seconds = began, self._clock() - began
        return report

    def _is_time_to_read(self, *, is_needed: bool) -> bool:
        passed = self._clock() - self._read_at
        pause = self._read_seconds * PAUSE_FACTOR if is_needed else self._full_interval_seconds
        return passed >= min(pause, self._full_interval_seconds)

    def _is_as_before(self, settled: _Settled, now: datetime) -> bool:
        """Whether neither time nor anybody else has made another plan necessary."""
        if self.managed.ledger.read_epoch(self.managed.name) != settled.epoch:
            return False
        return _foresee(self.managed, now, settled.record, settled.snapshot) == settled.prospect

    def _sync(self, now: datetime, read: Callable[[], RealmSnapshot]) -> SyncReport:
        settled, self._settled = self._settled, None
        seen: Observation | None = None

        def see(lease: Lease) -> Observation:
            nonlocal seen
            is_alone = settled is not None and lease.epoch == settled.epoch + 1
            record = settled.record if settled and is_alone else self._load()
            seen = observe_in(self.managed, now, record, read())
            if settled and settled.is_behind:
                seen = replace(seen, granted_at=None)
            return seen

        try:
            outcome = bring_in_line(self.managed, now, see)
        except LeaseTakenError:
            self._settled = replace(settled, is_behind=True) if settled else None
            raise
        if seen is not None:
            self._settled = self._settle(outcome, seen, now)
        return outcome.report

    def _settle(self, outcome: Outcome, seen: Observation, now: datetime) -> _Settled:
        seats = (change for change in outcome.report.changes if isinstance(change, SeatChange))
        record = self._load(claims_after(seen.record.claims, seats))
        return _Settled(
            snapshot=seen.snapshot,
            record=record,
            # Giving it back counts as well.
            epoch=outcome.lease.epoch + 1,
            prospect=_foresee(self.managed, now, record, seen.snapshot),
            is_complete=outcome.report.realm.is_complete,
        )

    def _load(self, known_claims: Sequence[Claim] | None = None) -> RealmRecord:
        return self.managed.ledger.load(self.managed.name, known_claims)


def _is_same(one: RealmSnapshot, other: RealmSnapshot) -> bool:
    """Whether two reads show the same, whenever and however they were made."""
    return (
        replace(
            one,
            server_time=other.server_time,
            granted_at=other.granted_at,
            is_writable=other.is_writable,
            drift=other.drift,
        )
        == other
    )


@dataclass(frozen=True, slots=True)
class _Prospect:
    """All that a plan depends on besides users and what they hold; compared, never looked into."""

    known: KnownLicenses
    dispute: str | None
    warnings: tuple[str, ...]
    outlook: Outlook
    reached_days: tuple[int, ...]
    due_keys: tuple[str, ...]


def _foresee(managed: ManagedRealm, now: datetime, record: RealmRecord, snapshot: RealmSnapshot) -> _Prospect:
    """Return what a plan would be made of now, if nobody has changed anything."""
    seen = observe_in(managed, now, record, snapshot)
    genuine, warnings = verify_licenses(managed.verifier, seen.licenses)
    standing = judge(genuine, seen.installation, seen.now)
    days = managed.notice_terms.expiry_days
    said = expiry_warnings(standing, seen.now, snapshot.attributes, days)
    held = record.last_sync.held if record.last_sync else ()
    outlook = look_out(standing, seen.clock, held, managed.guard, said)
    reached = reached_days(standing, seen.now, understood_days(snapshot.attributes, days))
    due = due_keys(record.marks, seen.now)
    return _Prospect(seen.known, seen.dispute, warnings, outlook, reached, due)
