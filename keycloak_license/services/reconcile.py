"""One sync: read, plan, apply, tell.

In: a `ManagedRealm` and `now`; out: a `SyncReport`. Called by `cli.sync` and `worker`, and in parts by
every preview. What is decided is decided in `plan`; here is only the order of things.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.model.application import Application
from keycloak_license.model.attributes import INSTALLATION_ID, LICENSE_FILE
from keycloak_license.model.changes import AttributeChange, AttributeRemoved, AttributeSet, SeatChange
from keycloak_license.model.license import ImportedLicense
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.model.record import RealmRecord, StoredLicense, SyncRecord
from keycloak_license.model.report import SyncPlan, SyncReport
from keycloak_license.plan.lifecycle import Installation, judge
from keycloak_license.plan.planner import SyncInputs, plan_sync
from keycloak_license.services.ports import Ledger, LicenseVerifier, Realm


@dataclass(frozen=True, slots=True)
class ManagedRealm:
    """A realm with everything that is needed to work on it; made by `bootstrap`."""

    name: str
    zone: ZoneInfo
    applications: tuple[Application, ...]
    keycloak: Realm
    ledger: Ledger
    verifier: LicenseVerifier
    warnings: tuple[str, ...] = ()
    """What is known to be wrong with its configuration; part of every report."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One read of everything a plan is made of."""

    snapshot: RealmSnapshot
    record: RealmRecord
    installation_id: str
    licenses: tuple[StoredLicense, ...]
    doubt: str | None = None
    """Why the licence file that only the realm has does not count."""


@dataclass(frozen=True, slots=True)
class LicenseChange:
    """A licence that comes into the ledger, and those it takes out of force."""

    license: StoredLicense
    replaced: tuple[StoredLicense, ...] = ()


def run_once(managed: ManagedRealm, *, now: datetime, dry_run: bool = False) -> SyncReport:
    """Bring seats and attributes in line with the realm, or only tell what that would change."""
    seen = observe(managed, now)
    plan = make_plan(managed, seen, seen.licenses, now)
    report = plan.report
    if dry_run:
        last = seen.record.last_sync
        report = replace(report, synced_at=last.synced_at if last else None)
    else:
        apply(managed, seen, plan, now)
    return SyncReport(realm=report, changes=plan.changes, is_dry_run=dry_run)


def observe(managed: ManagedRealm, now: datetime) -> Observation:
    """Read the realm and the ledger.

    What the ledger does not know, the realm may: the installation id, and the licence in force. A new
    installation gets a new id.
    """
    snapshot = managed.keycloak.read(managed.applications)
    record = managed.ledger.load(managed.name)
    published = snapshot.attributes.get(LICENSE_FILE)
    licenses, doubt = record.licenses, None
    if not licenses and published:
        licenses, doubt = recover_license(managed.verifier, published, now)
    return Observation(
        snapshot=snapshot,
        record=record,
        installation_id=record.installation_id or snapshot.attributes.get(INSTALLATION_ID) or str(uuid4()),
        licenses=licenses,
        doubt=doubt,
    )


def make_plan(
    managed: ManagedRealm, seen: Observation, licenses: Sequence[StoredLicense], now: datetime
) -> SyncPlan:
    """Plan a sync as if these were the imported licences."""
    genuine, warnings = verify_licenses(managed.verifier, licenses)
    installation = Installation(seen.installation_id, seen.snapshot.realm_id, managed.zone)
    inputs = SyncInputs(
        snapshot=seen.snapshot,
        applications=managed.applications,
        claims=seen.record.claims,
        standing=judge(genuine, installation, now),
        installation_id=seen.installation_id,
        now=now,
        warnings=managed.warnings + warnings + ((seen.doubt,) if seen.doubt else ()),
        keeps_file=seen.doubt is not None,
    )
    return plan_sync(inputs)


def apply(
    managed: ManagedRealm,
    seen: Observation,
    plan: SyncPlan,
    now: datetime,
    imported: LicenseChange | None = None,
) -> None:
    """Carry a plan out: the ledger first, durable, then Keycloak, so that a crash loses nothing.

    A missing right is found out before either, so that it leaves nothing half done.
    """
    seats = [change for change in plan.changes if isinstance(change, SeatChange)]
    attributes: list[AttributeChange] = [
        change for change in plan.changes if isinstance(change, AttributeSet | AttributeRemoved)
    ]
    if attributes:
        managed.keycloak.ensure_writable()
    for license_ in seen.licenses:
        if license_ not in seen.record.licenses:
            managed.ledger.add_license(managed.name, license_)
    if imported is not None:
        managed.ledger.add_license(managed.name, imported.license, imported.replaced)
    managed.ledger.record_sync(_sync_record(managed, seen, plan, now), seats)
    managed.keycloak.write_attributes(attributes)


def _sync_record(managed: ManagedRealm, seen: Observation, plan: SyncPlan, now: datetime) -> SyncRecord:
    return SyncRecord(
        realm=managed.name,
        realm_id=seen.snapshot.realm_id,
        installation_id=seen.installation_id,
        synced_at=now,
        is_complete=plan.report.is_complete,
        warnings=plan.read_warnings,
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


def recover_license(
    verifier: LicenseVerifier, file: str, now: datetime
) -> tuple[tuple[StoredLicense, ...], str | None]:
    """Return the licence published in the realm, for a ledger that has lost it, or why it does not count."""
    try:
        license_ = verifier.verify(file.encode())
    except LicenseRefusedError as error:
        return (), f"The licence file in the realm's attributes does not count: {error}"
    return (StoredLicense(license_.number, license_.issue, file, imported_at=now),), None
