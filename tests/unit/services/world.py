"""A small installation in memory: realm, ledger, vendor, and the use cases' view of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from keycloak_license.model.application import Application
from keycloak_license.model.audience import NO_NOTICES, NoticeTerms
from keycloak_license.model.changes import Change, ClaimChange
from keycloak_license.model.enforcement import OBSERVE_ONLY, EnforcementTerms
from keycloak_license.model.license import Activation, License, LicenseType
from keycloak_license.model.report import RealmReport, SyncReport
from keycloak_license.model.seat import NO_CONSENT, Consent
from keycloak_license.plan.guard import DEFAULT_GUARD, Guard
from keycloak_license.services.licenses import LicenseImport, import_license
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.overview import read_status
from keycloak_license.services.reconcile import preview_once, run_once
from tests.fakes import MemoryLedger, SimulatedRealm, TrustingVerifier

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
WFM = Application("WFM", "Workforce Management", roles=("WFM_*",))
QM = Application("QM", "Quality Management", roles=("QM_*",))
PRAGUE = ZoneInfo("Europe/Prague")


@dataclass
class World:
    """Realm `acme` in Prague with roles WFM_AGENT and QM_AGENT; nobody has either."""

    realm: SimulatedRealm = field(default_factory=SimulatedRealm)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    verifier: TrustingVerifier = field(default_factory=TrustingVerifier)
    applications: tuple[Application, ...] = (WFM, QM)
    zone: ZoneInfo = PRAGUE
    guard: Guard = DEFAULT_GUARD
    enforcement: EnforcementTerms = OBSERVE_ONLY
    notice_terms: NoticeTerms = NO_NOTICES

    def __post_init__(self) -> None:
        self.agent = self.realm.create_role("WFM_AGENT")
        self.reviewer = self.realm.create_role("QM_AGENT")

    @property
    def managed(self) -> ManagedRealm:
        self.realm.terms = self.enforcement
        return ManagedRealm(
            name=self.realm.name,
            zone=self.zone,
            applications=self.applications,
            keycloak=self.realm,
            ledger=self.ledger,
            verifier=self.verifier,
            guard=self.guard,
            enforcement=self.enforcement,
            patience_seconds=0,
            notice_terms=self.notice_terms,
        )

    def agents(self, *names: str) -> list[str]:
        """Create users with role WFM_AGENT; return their ids."""
        users = [self.realm.create_user(name, email=f"{name}@example.org") for name in names]
        for user in users:
            self.realm.grant(user, self.agent)
        return users

    def sync(
        self,
        now: datetime = NOON,
        *,
        dry_run: bool = False,
        force: bool = False,
        consent: Consent = NO_CONSENT,
    ) -> SyncReport:
        work = preview_once if dry_run else run_once
        return work(self.managed, now=now, consent=Consent(to_all=True) if force else consent)

    def status(self, now: datetime = NOON) -> RealmReport:
        return read_status(self.managed, now)

    def import_file(
        self, license_: License, now: datetime = NOON, *, confirmed: bool = True
    ) -> LicenseImport:
        return import_license(self.managed, license_.file.encode(), lambda _: confirmed, lambda: now)

    def sign(self, **changes: object) -> License:
        """A temporary licence for 2026 with one WFM seat, signed by the vendor."""
        plain = License(
            number="T-1",
            issue=1,
            type=LicenseType.TEMPORARY,
            customer="ACME",
            issued_on=date(2026, 1, 1),
            starts_on=date(2026, 1, 1),
            expires_on=date(2026, 12, 31),
            scope={"WFM": 1},
        )
        return self.verifier.sign(replace(plain, **changes))  # type: ignore[arg-type]

    def sign_commercial(self, **changes: object) -> License:
        """A commercial one, activated for this installation once it has synced."""
        here = self.ledger.load(self.realm.name).installation_id or ""
        activated = {"number": "C-1", "activation": Activation(here, self.realm.realm_id)}
        return self.sign(type=LicenseType.COMMERCIAL, **activated | changes)

    def trust(self, license_: License) -> None:
        """Put the key of a licence back that was taken away."""
        self.verifier._known[license_.file.encode()] = license_

    def forget(self) -> None:
        """Lose the ledger: the database was deleted."""
        self.ledger = MemoryLedger()

    def in_force(self) -> list[tuple[str, int]]:
        """Number and issue of each licence that was not replaced."""
        return [
            (each.number, each.issue)
            for each in self.ledger.load(self.realm.name).licenses
            if each.replaced_at is None
        ]

    def seated(self, application: str = "WFM") -> list[str]:
        return self._names(application, is_seated=True)

    def waiting(self, application: str = "WFM") -> list[str]:
        return self._names(application, is_seated=False)

    def everything(self) -> object:
        """All that a command might change, to be compared before and after; that it failed is no change."""
        name = self.realm.name
        return (
            replace(self.ledger.load(name), failure=None, marks=()),
            self.ledger.seat_events(name),
            dict(self.realm.attributes),
            self.realm.attribute_writes,
        )

    def _names(self, application: str, *, is_seated: bool) -> list[str]:
        return [
            claim.username
            for claim in self.ledger.load(self.realm.name).claims
            if (claim.application, claim.is_seated) == (application, is_seated)
        ]


def told(changes: Sequence[Change]) -> list[tuple[str, str, str]]:
    """Kind, user and reason of the seat changes."""
    return [
        (change.kind, change.claim.username, change.reason)
        for change in changes
        if isinstance(change, ClaimChange)
    ]
