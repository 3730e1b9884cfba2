"""One read of realm and ledger, and what follows from it.

In: a `ManagedRealm` and what the clock here shows; out: an `Observation`, then a `SyncPlan`. Called by
`reconcile`, `licenses` and `overview`; nothing here writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.model.application import Application
from keycloak_license.model.attributes import INSTALLATION_ID, LICENSE_FILE
from keycloak_license.model.audience import NO_NOTICES, NoticeTerms
from keycloak_license.model.enforcement import MANAGERS, OBSERVE_ONLY, EnforcementTerms
from keycloak_license.model.history import DEFAULT_TERMS, HistoryTerms
from keycloak_license.model.license import ImportedLicense
from keycloak_license.model.realm import NO_GRANT_TIMES, GrantTimes, RealmSnapshot, UserReading
from keycloak_license.model.record import RealmRecord, StoredLicense
from keycloak_license.model.report import SyncPlan
from keycloak_license.model.seat import NO_CONSENT, Consent
from keycloak_license.plan.clock import ClockReading, read_clock
from keycloak_license.plan.guard import DEFAULT_GUARD, Guard, carry_over, distrust
from keycloak_license.plan.lifecycle import Installation, judge
from keycloak_license.plan.planner import SyncInputs, plan_sync
from keycloak_license.plan.recovery import KnownLicenses, still_doubted
from keycloak_license.services.installation import adopt_id, explain_dispute, explain_other_realm
from keycloak_license.services.ports import Ledger, LicenseVerifier, Realm
from keycloak_license.services.recovery import recover_licenses


@dataclass(frozen=True, slots=True, kw_only=True)
class RealmTerms:
    """What a realm is planned by, wherever it was read; made by `bootstrap`."""

    name: str
    zone: ZoneInfo
    applications: tuple[Application, ...]
    verifier: LicenseVerifier
    guard: Guard = DEFAULT_GUARD
    notice_terms: NoticeTerms = NO_NOTICES
    """Who is told of what."""
    warnings: tuple[str, ...] = ()
    """What is known to be wrong with its configuration; part of every report."""
    enforcement: EnforcementTerms = OBSERVE_ONLY
    history: HistoryTerms = DEFAULT_TERMS
    """How long what happened is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedRealm(RealmTerms):
    """A realm with everything that is needed to work on it; made by `bootstrap`."""

    keycloak: Realm
    ledger: Ledger
    patience_seconds: float = 30.0
    """How long to wait while another process works on the realm."""

    @property
    def asked_about(self) -> tuple[Application, ...]:
        """Whose holders are read: those of the applications and, where people are told, who is told."""
        is_telling = self.notice_terms.has_mail or self.notice_terms.has_webhook
        return (*self.applications, MANAGERS) if is_telling else self.applications


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
    readings: Mapping[str, UserReading] = field(default_factory=dict)
    """Users who were read by themselves, by id."""
    granted_at: GrantTimes | None = None
    """When admins gave something to whom; None before anybody asked."""

    @property
    def licenses(self) -> tuple[StoredLicense, ...]:
        """Every licence known, in force or not."""
        return self.known.licenses

    @property
    def other_realm(self) -> str | None:
        """Why the realm of this name is not the one of the last sync."""
        return explain_other_realm(self.record.last_sync, self.snapshot.realm_id)

    @property
    def now(self) -> datetime:
        """The time of this run."""
        return self.clock.now


def observe(managed: ManagedRealm, now: datetime) -> Observation:
    """Read the realm and the ledger."""
    record = managed.ledger.load(managed.name)
    return observe_in(managed, now, record, managed.keycloak.read(managed.asked_about))


def observe_in(
    managed: RealmTerms, now: datetime, record: RealmRecord, snapshot: RealmSnapshot
) -> Observation:
    """Return what follows from a read of realm and ledger.

    What the ledger does not know, the realm may: the installation id, and the licence in force. A new
    installation gets a new id.
    """
    clock = read_clock(now, snapshot.server_time, record.clock)
    published_id = snapshot.attributes.get(INSTALLATION_ID)
    if record.installation_id is None:
        published_id = adopt_id(published_id)
    own_id = record.installation_id or published_id or str(uuid4())
    dispute = explain_dispute(managed.name, own_id, published_id)
    installation = Installation(own_id, snapshot.realm_id, managed.zone, is_disputed=dispute is not None)
    attributes = {} if dispute else snapshot.attributes
    known = recover_licenses(managed.verifier, record.licenses, attributes, installation, clock.believed)
    return Observation(snapshot, record, clock, installation, known, dispute, granted_at=snapshot.granted_at)


def make_plan(
    managed: RealmTerms,
    seen: Observation,
    licenses: Sequence[StoredLicense],
    consent: Consent = NO_CONSENT,
) -> SyncPlan:
    """Plan a sync as if these were the imported licences."""
    genuine, warnings = verify_licenses(managed.verifier, licenses)
    warnings = managed.warnings + warnings + _said(seen.dispute, seen.clock.doubt)
    standing = judge(genuine, seen.installation, seen.now)
    in_force = [each.file for each in licenses if each.replaced_at is None]
    published = seen.snapshot.attributes.get(LICENSE_FILE, "")
    is_any_counting = standing.license is not None
    doubted = still_doubted(seen.known, in_force, published, is_any_counting=is_any_counting)
    inputs = SyncInputs(
        snapshot=seen.snapshot,
        applications=managed.applications,
        claims=seen.record.claims,
        standing=standing,
        installation_id=seen.installation.installation_id,
        now=seen.now,
        believed=seen.clock.believed,
        warnings=warnings,
        read_warnings=(*doubted.values(), *_said(seen.clock.comparison, seen.other_realm)),
        notice_terms=managed.notice_terms,
        marks=seen.record.marks,
        is_failing=seen.record.failure is not None,
        addressees=seen.record.last_sync.addressees if seen.record.last_sync else (),
        files=(*in_force, *doubted),
        is_ledger_new=seen.record.last_sync is None,
        is_disputed=seen.dispute is not None,
        readings=seen.readings,
        guard=distrust(managed.guard) if seen.other_realm else managed.guard,
        held=carry_over(seen.record, seen.now, has_gaps=bool(seen.snapshot.gaps)),
        consent=consent,
        enforcement=managed.enforcement,
        granted_at=seen.granted_at or NO_GRANT_TIMES,
    )
    return plan_sync(inputs)


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


def _said(*sentences: str | None) -> tuple[str, ...]:
    return tuple(sentence for sentence in sentences if sentence)
