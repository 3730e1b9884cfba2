"""One sync: read, plan, apply, tell.

In: a `ManagedRealm` and `now`; out: a `SyncReport`. Called by `cli.sync` and `worker`, and in parts by
every preview. What is decided is decided in `plan`; here is only the order of things.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

from keycloak_license.errors import IncompleteSyncError, LicenseRefusedError
from keycloak_license.model.application import Application
from keycloak_license.model.attributes import INSTALLATION_ID, queue_attribute
from keycloak_license.model.changes import AttributeChange, AttributeRemoved, AttributeSet, SeatChange
from keycloak_license.model.license import ImportedLicense
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.model.record import LicenseChange, RealmRecord, StoredLicense, SyncRecord
from keycloak_license.model.report import SyncPlan, SyncReport
from keycloak_license.plan.clock import ClockReading, read_clock
from keycloak_license.plan.lifecycle import Installation, judge
from keycloak_license.plan.planner import SyncInputs, plan_sync
from keycloak_license.plan.recovery import KnownLicenses
from keycloak_license.services.installation import adopt_id, explain_dispute
from keycloak_license.services.ports import Ledger, LicenseVerifier, Realm
from keycloak_license.services.recovery import recover_licenses


@dataclass(frozen=True, slots=True)
class ManagedRealm:
    """A realm with everything that is needed to work on it; made by `bootstrap`."""

    name: str
    zone: ZoneInfo
    applications: tuple[Application, ...]
    keycloak: Realm
    ledger: Ledger
    verifier: LicenseVerifier
    notice_days: tuple[int, ...] = ()
    """How many days before access ends to say so, unless the realm's admins have set others."""
    warnings: tuple[str, ...] = ()
    """What is known to be wrong with its configuration; part of every report."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One read of everything a plan is made of."""

    snapshot: RealmSnapshot
    record: RealmRecord
    clock: ClockReading
    installation: Installation
    known: KnownLicenses
    dispute: str | None = None
    """Why it is not certain that this ledger belongs to this realm."""

    @property
    def licenses(self) -> tuple[StoredLicense, ...]:
        """Every licence known, in force or not."""
        return self.known.licenses

    @property
    def now(self) -> datetime:
        """The time of this run."""
        return self.clock.now


def run_once(managed: ManagedRealm, *, now: datetime, dry_run: bool = False) -> SyncReport:
    """Bring seats and attributes in line with the realm, or only tell what that would change.

    `now` is what the clock here shows; see `plan.clock` for what is made of it.
    """
    seen = observe(managed, now)
    plan = make_plan(managed, seen, seen.licenses)
    report = plan.report
    if dry_run:
        last = seen.record.last_sync
        report = replace(report, synced_at=last.synced_at if last else None)
    else:
        apply(managed, seen, plan)
    return SyncReport(realm=report, changes=plan.changes, is_dry_run=dry_run)


def observe(managed: ManagedRealm, now: datetime) -> Observation:
    """Read the realm and the ledger.

    What the ledger does not know, the realm may: the installation id, and the licence in force. A new
    installation gets a new id.
    """
    snapshot = managed.keycloak.read(managed.applications)
    record = managed.ledger.load(managed.name)
    clock = read_clock(now, snapshot.server_time, record.clock)
    published_id = snapshot.attributes.get(INSTALLATION_ID)
    if record.installation_id is None:
        published_id = adopt_id(published_id)
    own_id = record.installation_id or published_id or str(uuid4())
    dispute = explain_dispute(managed.name, own_id, published_id)
    installation = Installation(own_id, snapshot.realm_id, managed.zone, is_disputed=dispute is not None)
    attributes = {} if dispute else snapshot.attributes
    known = recover_licenses(managed.verifier, record.licenses, attributes, installation, clock.believed)
    return Observation(snapshot, record, clock, installation, known, dispute)


def make_plan(managed: ManagedRealm, seen: Observation, licenses: Sequence[StoredLicense]) -> SyncPlan:
    """Plan a sync as if these were the imported licences."""
    genuine, warnings = verify_licenses(managed.verifier, licenses)
    warnings = managed.warnings + warnings + _said(seen.dispute, seen.clock.doubt)
    in_force = [each.file for each in licenses if each.replaced_at is None]
    doubted = {file: why for file, why in seen.known.doubted.items() if file not in in_force}
    inputs = SyncInputs(
        snapshot=seen.snapshot,
        applications=managed.applications,
        claims=seen.record.claims,
        standing=judge(genuine, seen.installation, seen.now),
        installation_id=seen.installation.installation_id,
        now=seen.now,
        warnings=warnings,
        read_warnings=(*doubted.values(), *_said(seen.clock.comparison)),
        notice_days=managed.notice_days,
        files=(*in_force, *doubted),
        is_ledger_new=seen.record.last_sync is None,
        is_disputed=seen.dispute is not None,
    )
    return plan_sync(inputs)


def _said(*sentences: str | None) -> tuple[str, ...]:
    return tuple(sentence for sentence in sentences if sentence)


def apply(
    managed: ManagedRealm, seen: Observation, plan: SyncPlan, imported: LicenseChange | None = None
) -> None:
    """Carry a plan out: the ledger first, durable, then Keycloak, so that a crash loses nothing.

    A missing right is found out before either, so that it leaves nothing half done.
    """
    if seen.record.last_sync is None and not plan.report.is_complete:
        _refuse_to_begin(managed, seen)
    seats = [change for change in plan.changes if isinstance(change, SeatChange)]
    attributes: list[AttributeChange] = [
        change for change in plan.changes if isinstance(change, AttributeSet | AttributeRemoved)
    ]
    if attributes:
        managed.keycloak.ensure_writable()
    for change in (seen.known.recovered, imported):
        if change is not None:
            managed.ledger.add_licenses(managed.name, change.added, change.replaced)
    managed.ledger.record_sync(_sync_record(managed, seen, plan), seats)
    managed.keycloak.write_attributes(attributes)


def _refuse_to_begin(managed: ManagedRealm, seen: Observation) -> None:
    """Leave all as it is while a lost ledger cannot tell the holders that are missing from the list."""
    if any(queue_attribute(each.id) in seen.snapshot.attributes for each in managed.applications):
        raise IncompleteSyncError(
            f"The ledger knows nothing of realm {managed.name} yet, people wait for seats there, and it "
            f"could not be read completely, so nothing was changed ({seen.snapshot.gaps[0]}): mend that and "
            "sync again"
        )


def _sync_record(managed: ManagedRealm, seen: Observation, plan: SyncPlan) -> SyncRecord:
    return SyncRecord(
        realm=managed.name,
        realm_id=seen.snapshot.realm_id,
        installation_id=seen.installation.installation_id,
        synced_at=seen.now,
        is_complete=plan.report.is_complete,
        warnings=plan.read_warnings,
        published_id=seen.snapshot.attributes.get(INSTALLATION_ID) if seen.dispute else None,
        clock=seen.clock.mark,
    )


def verify_licenses(
    verifier: LicenseVerifier, stored: Sequence[StoredLicense]
) -> tuple[tuple[ImportedLicense, ...], tuple[str, ...]]:
    """Return the licences in force whose signature still holds, and a sentence for each of the others."""
    genuine: list[ImportedLicense] = []
    warnings: list[str] = []
    for each in stored:
        if each.replaced_at is not None:
            continue
        try:
            license_ = verifier.verify(each.file.encode())
        except LicenseRefusedError as error:
            warnings.append(f"The imported licence {each.number} does not count any more: {error}")
        else:
            genuine.append(ImportedLicense(license_, each.imported_at))
    return tuple(genuine), tuple(warnings)
