"""What the realm knows and the ledger has lost.

In: the ledger's licences and the realm's attributes; out: the licences that count, and those that come back
into the ledger. Called by `reconcile.observe`. No licence file that the realm shows is ever lost: what does
not count stays among those that stand by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.model.attributes import LICENSE_FILE, STANDBY_FILES
from keycloak_license.model.license import License
from keycloak_license.model.record import KnownLicense, LicenseChange, StoredLicense
from keycloak_license.plan.lifecycle import Installation
from keycloak_license.plan.replacement import find_replaced, follows, is_foreign
from keycloak_license.services.ports import LicenseVerifier


@dataclass(frozen=True, slots=True)
class KnownLicenses:
    """The licences of a realm, wherever they were found."""

    licenses: tuple[StoredLicense, ...]
    recovered: LicenseChange | None = None
    """What only the realm knew, for the ledger."""
    doubted: Mapping[str, str] = field(default_factory=dict)
    """Files that only the realm has and that do not count, each with the reason why."""


def recover_licenses(
    verifier: LicenseVerifier,
    stored: tuple[StoredLicense, ...],
    attributes: Mapping[str, str],
    installation: Installation,
    now: datetime,
) -> KnownLicenses:
    """Return the ledger's licences, with those that the realm publishes where the ledger has lost them.

    They were lost with the whole ledger, or the ledger was restored from a backup older than an import:
    then the realm has a newer file of a licence that the ledger has. Another licence is kept, but whoever
    may write the realm's attributes cannot bring it into force.
    """
    published, standby = attributes.get(LICENSE_FILE, ""), attributes.get(STANDBY_FILES, "").splitlines()
    known = {each.file for each in stored}
    read = verifier.accept if stored else verifier.verify
    found: list[License] = []
    doubted: dict[str, str] = {}
    for file in dict.fromkeys(file for file in (published, *standby) if file and file not in known):
        try:
            found.append(read(file.encode()))
        except LicenseRefusedError as error:
            # What somebody wrote over the ledger's own file is no loss.
            if not stored or file != published:
                doubted[file] = f"A licence file in the realm's attributes does not count: {error}"
    if stored and not found:
        return KnownLicenses(stored, doubted=doubted)
    if stored:
        present = [KnownLicense(each, read_license(verifier, each)) for each in stored]
        return _recover_newer(present, found, doubted, installation, now)
    added = tuple(to_stored(each, now) for each in found)
    return KnownLicenses(added, LicenseChange(added) if added else None, doubted)


def _recover_newer(
    stored: Sequence[KnownLicense],
    found: Sequence[License],
    doubted: dict[str, str],
    installation: Installation,
    now: datetime,
) -> KnownLicenses:
    known = list(stored)
    added: list[StoredLicense] = []
    replaced: list[StoredLicense] = []
    for license_ in found:
        same = [each for each in known if each.stored.number == license_.number]
        if not same or is_foreign(license_, installation):
            doubted[license_.file] = _explain(license_)
        elif follows(license_, same, installation):
            in_force = [each for each in known if each.stored.replaced_at is None]
            ended = find_replaced(in_force, license_, installation, now)
            known = [each for each in known if each.stored not in ended]
            added.append(to_stored(license_, now))
            known.append(KnownLicense(added[-1], license_))
            replaced += ended
    change = LicenseChange(tuple(added), tuple(replaced)) if added else None
    return KnownLicenses(tuple(each.stored for each in known), change, doubted)


def to_stored(license_: License, now: datetime) -> StoredLicense:
    """Return a licence as the ledger keeps it."""
    return StoredLicense(license_.number, license_.issue, license_.file, imported_at=now)


def read_license(verifier: LicenseVerifier, stored: StoredLicense) -> License | None:
    """Return what a stored licence says; None when its signature does not hold any more."""
    try:
        return verifier.verify(stored.file.encode())
    except LicenseRefusedError:
        return None


def _explain(license_: License) -> str:
    return (
        f"The realm's attributes hold licence {license_.number}, issue {license_.issue}, which the ledger "
        "does not know or which is of another installation, and keep it: import it, or remove its line from "
        f"{STANDBY_FILES}"
    )
