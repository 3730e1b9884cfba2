"""What the realm knows and the ledger has lost.

In: the ledger's licences and the realm's attributes; out: the licences that count, and those that come back
into the ledger. Called by `reconcile.observe`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.model.attributes import LICENSE_FILE, STANDBY_FILES
from keycloak_license.model.license import License
from keycloak_license.model.record import KnownLicense, LicenseChange, StoredLicense
from keycloak_license.plan.lifecycle import Installation
from keycloak_license.plan.replacement import find_newer, find_replaced
from keycloak_license.services.ports import LicenseVerifier


@dataclass(frozen=True, slots=True)
class KnownLicenses:
    """The licences of a realm, wherever they were found."""

    licenses: tuple[StoredLicense, ...]
    recovered: tuple[LicenseChange, ...] = ()
    """What only the realm knew, for the ledger."""
    doubt: str | None = None
    """Why a licence file that only the realm has does not count."""


def recover_licenses(
    verifier: LicenseVerifier,
    stored: tuple[StoredLicense, ...],
    attributes: Mapping[str, str],
    installation: Installation,
    now: datetime,
) -> KnownLicenses:
    """Return the ledger's licences, with those that the realm publishes where the ledger has lost them.

    They were lost with the whole ledger, or the ledger was restored from a backup older than an import:
    then the realm has a newer file of a licence that the ledger has. Another licence may be the only copy
    and is kept, but whoever may write the realm's attributes cannot bring it into force.
    """
    published = attributes.get(LICENSE_FILE, "")
    if not stored:
        return _recover_all(verifier, [*attributes.get(STANDBY_FILES, "").splitlines(), published], now)
    if not published or any(each.file == published for each in stored):
        return KnownLicenses(stored)
    try:
        license_ = verifier.verify(published.encode())
    except LicenseRefusedError:
        return KnownLicenses(stored)
    return _recover_newer(verifier, stored, license_, installation, now)


def _recover_all(verifier: LicenseVerifier, files: Sequence[str], now: datetime) -> KnownLicenses:
    found: list[StoredLicense] = []
    doubt = None
    for file in dict.fromkeys(filter(None, files)):
        try:
            found.append(to_stored(verifier.verify(file.encode()), now))
        except LicenseRefusedError as error:
            doubt = f"A licence file in the realm's attributes does not count: {error}"
    return KnownLicenses(tuple(found), tuple(LicenseChange(each) for each in found), doubt)


def _recover_newer(
    verifier: LicenseVerifier,
    stored: tuple[StoredLicense, ...],
    license_: License,
    installation: Installation,
    now: datetime,
) -> KnownLicenses:
    known = [KnownLicense(each, read_license(verifier, each)) for each in stored]
    new = to_stored(license_, now)
    if all(each.number != new.number for each in stored):
        return KnownLicenses(stored, doubt=_unknown(new))
    if not _is_newest(KnownLicense(new, license_), known, installation):
        return KnownLicenses(stored)
    in_force = [each for each in known if each.stored.replaced_at is None]
    replaced = find_replaced(in_force, license_, installation, now)
    remaining = tuple(each for each in stored if each not in replaced)
    return KnownLicenses((*remaining, new), (LicenseChange(new, replaced),))


def to_stored(license_: License, now: datetime) -> StoredLicense:
    """Return a licence as the ledger keeps it."""
    return StoredLicense(license_.number, license_.issue, license_.file, imported_at=now)


def read_license(verifier: LicenseVerifier, stored: StoredLicense) -> License | None:
    """Return what a stored licence says; None when its signature does not hold any more."""
    try:
        return verifier.verify(stored.file.encode())
    except LicenseRefusedError:
        return None


def _is_newest(new: KnownLicense, known: Sequence[KnownLicense], installation: Installation) -> bool:
    """Whether it came after every file of its number that is known."""
    same = [each.license for each in known if each.stored.number == new.stored.number]
    return all(each is not None and find_newer([new], each, installation) for each in same)


def _unknown(license_: StoredLicense) -> str:
    return (
        f"The realm's attribute license.file holds licence {license_.number}, issue {license_.issue}, which "
        "the ledger does not know (it may have been restored from a backup), and is left as it is: import "
        "that licence, or remove the attribute"
    )
