"""What the licences amount to, and what the realm has to show: said here by days, from the contract alone.

In: the ledger's licences that verify, the day, and whose installation it is; out: a `Verdict`, and from it
and the ledger's claims every attribute of ours. Called by `seats` and `law`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from math import floor
from zoneinfo import ZoneInfo

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.model.license import Activation, License, LicenseType
from keycloak_license.model.record import RealmRecord, StoredLicense
from keycloak_license.model.seat import Claim
from keycloak_license.services.ports import LicenseVerifier

PRAGUE = ZoneInfo("Europe/Prague")
DAY = timedelta(days=1)
GRACE = 30 * DAY
DEFAULT_EXEMPT = ("eleveo.admin", "eleveotrain")

OWN_NAMES = frozenset(
    f"license.{name}"
    for name in [
        "installation_id",
        "file",
        "standby_files",
        "number",
        "type",
        "customer",
        "state",
        "access",
        "reason",
        "issued_on",
        "expires_on",
        "stops_at",
        "scope",
    ]
)
COUNTS = ("seats", "used", "waiting", "usage", "queue")


def is_ours(name: str) -> bool:
    """Whether an attribute is one of the contract's; an application may have been taken out since."""
    first, _, last = name.rpartition(".")
    return name in OWN_NAMES or (first.startswith("license.") and first.count(".") == 1 and last in COUNTS)


@dataclass(frozen=True, slots=True)
class Verdict:
    """State, access and reason, and the licence they come from."""

    state: str
    reason: str
    license: License | None = None
    stops_on: date | None = None
    """The first day without access."""

    @property
    def is_granted(self) -> bool:
        return self.reason in {"active", "temporary", "grace"}

    @property
    def access(self) -> str:
        return "granted" if self.is_granted else "blocked"

    def limit(self, application: str) -> int | None:
        """Seats; None is unlimited."""
        return self.license.scope.get(application, 0) if self.license else 0

    @property
    def exempt(self) -> frozenset[str]:
        names = self.license.exempt_users if self.license else DEFAULT_EXEMPT
        return frozenset(name.lower() for name in names)


@dataclass(frozen=True)
class Court:
    """The licences in force, oldest import first, and whom they have to be for."""

    licenses: Sequence[tuple[License, StoredLicense]]
    here: Activation
    is_disputed: bool = False

    def judge(self, now: datetime) -> Verdict:
        """Return the verdict of a moment; access that is granted is followed to its end."""
        issued = [license_.issued_on for license_, _ in self.licenses]
        day = max([now.astimezone(PRAGUE).date(), *issued])
        verdict = self._on(day)
        if not verdict.is_granted:
            return verdict
        if self.is_disputed:
            return Verdict("NOT_ACTIVATED", "other_installation", verdict.license)
        turns = sorted(
            turn
            for license_, _ in self.licenses
            for turn in (license_.starts_on, license_.expires_on + DAY, license_.issued_on + GRACE)
            if turn > day
        )
        return replace(verdict, stops_on=next(turn for turn in turns if not self._on(turn).is_granted))

    def _on(self, day: date) -> Verdict:
        started = [(each, stored) for each, stored in self.licenses if each.starts_on <= day]
        if not started:
            return Verdict("NONE", "not_started" if self.licenses else "no_license")
        started.sort(key=lambda pair: (pair[0].starts_on, pair[1].imported_at, pair[0].issue))
        newest_first = [self._alone(each, day) for each, _ in reversed(started)]
        for verdict in newest_first:
            if verdict.reason == "temporary":
                return verdict
        commercial = [each for each in newest_first if _type(each) is LicenseType.COMMERCIAL]
        # One that was not activated in time, or for somebody else, takes nothing over.
        heirs = [each for each in commercial if each.is_granted or self._is_ours(each)]
        return next((each for each in heirs[:1] if each.is_granted), (commercial or newest_first)[0])

    def _is_ours(self, verdict: Verdict) -> bool:
        return verdict.license is not None and verdict.license.activation == self.here

    def _alone(self, license_: License, day: date) -> Verdict:
        end = license_.expires_on + DAY
        if day >= end:
            return Verdict("EXPIRED", "expired", license_, end)
        if license_.type is LicenseType.TEMPORARY:
            return Verdict("OK", "temporary", license_, end)
        if license_.activation is None:
            grace_end = license_.issued_on + GRACE
            reason = "grace" if day < grace_end else "grace_over"
            return Verdict("NOT_ACTIVATED", reason, license_, min(grace_end, end))
        if license_.activation != self.here:
            return Verdict("NOT_ACTIVATED", "other_installation", license_)
        return Verdict("OK", "active", license_, end)


def _type(verdict: Verdict) -> LicenseType | None:
    return verdict.license.type if verdict.license else None


def open_court(record: RealmRecord, verifier: LicenseVerifier) -> Court:
    """Return the court of a ledger after its last sync."""
    licenses: list[tuple[License, StoredLicense]] = []
    for stored in record.licenses:
        if stored.replaced_at is None and (license_ := read(verifier, stored.file)) is not None:
            licenses.append((license_, stored))
    last = record.last_sync
    assert last is not None
    return Court(licenses, Activation(last.installation_id, last.realm_id), last.is_disputed)


def read(verifier: LicenseVerifier, file: str) -> License | None:
    """Return what a file says; None when it is not genuine."""
    try:
        return verifier.verify(file.encode())
    except LicenseRefusedError:
        return None


def published(
    verdict: Verdict, installation_id: str, seats: Iterable[tuple[str, Sequence[Claim]]]
) -> dict[str, str]:
    """Return the attributes of a verdict and of each application's claims, which come in order.

    Without `license.file` where no licence counts, and without `license.standby_files`: see `law`.
    """
    shown = {
        "license.state": verdict.state,
        "license.access": verdict.access,
        "license.reason": verdict.reason,
        "license.installation_id": installation_id,
    }
    if (license_ := verdict.license) is not None:
        shown |= {
            "license.file": license_.file,
            "license.number": license_.number,
            "license.type": str(license_.type),
            "license.customer": license_.customer,
            "license.issued_on": str(license_.issued_on),
            "license.expires_on": str(license_.expires_on),
            "license.scope": ",".join(sorted(license_.scope)),
        }
    if verdict.stops_on is not None:
        midnight = datetime.combine(verdict.stops_on, time(), PRAGUE)
        shown["license.stops_at"] = midnight.astimezone(UTC).astimezone(PRAGUE).isoformat()
    for application, claims in seats:
        shown |= _counted(application, verdict.limit(application), claims)
    return shown


def _counted(application: str, limit: int | None, claims: Sequence[Claim]) -> dict[str, str]:
    waiting = [claim.user_id for claim in claims if not claim.is_seated]
    used = len(claims) - len(waiting)
    shown = {
        "seats": "unlimited" if limit is None else str(limit),
        "used": str(used),
        "waiting": str(len(waiting)),
    }
    if limit is not None:
        # The seed shows whole percent; half a percent is rounded up.
        shown["usage"] = (
            f"{floor(Fraction(100 * used, limit) + Fraction(1, 2)) if limit else 100 * (used > 0)}%"
        )
    if used and waiting:
        shown["queue"] = ",".join(waiting)
    return {f"license.{application}.{name}": value for name, value in shown.items()}
