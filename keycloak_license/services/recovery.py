"""What the realm knows and the ledger has lost.

In: the record of a realm and what the realm publishes; out: the licences that count, and the one that comes
back into the ledger. Called by `reconcile.observe`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.model.license import License
from keycloak_license.model.record import KnownLicense, LicenseChange, StoredLicense
from keycloak_license.plan.lifecycle import Installation
from keycloak_license.plan.replacement import find_newer, find_replaced
from keycloak_license.services.ports import LicenseVerifier


@dataclass(frozen=True, slots=True)
class KnownLicenses:
    """The licences of a realm, wherever they were found."""

    licenses: tuple[StoredLicense, ...]
    recovered: LicenseChange | None = None
    """What only the realm knew, for the ledger."""
    doubt: str | None = None
    """Why the licence file that only the realm has does not count."""


def recover_license(
    verifier: LicenseVerifier,
    stored: tuple[StoredLicense, ...],
    published: str | None,
    installation: Installation,
    now: datetime,
) -> KnownLicenses:
    """Return the ledger's licences, with the one that the realm publishes where the ledger has lost it.

    It was lost with the whole ledger, or the ledger was restored from a backup older than its import: then
    it is a newer file of a licence that the ledger has. Another licence may be the only copy and is kept,
    but whoever may write the realm's attributes cannot bring it into force.
    """
    if not published or any(each.file == published for each in stored):
        return KnownLicenses(stored)
    try:
        license_ = verifier.verify(published.encode())
    except LicenseRefusedError as error:
        doubt = None if stored else f"The licence file in the realm's attributes does not count: {error}"
        return KnownLicenses(stored, doubt=doubt)
    known = [KnownLicense(each, read_license(verifier, each)) for each in stored]
    new = StoredLicense(license_.number, license_.issue, published, imported_at=now)
    if stored and all(each.number != new.number for each in stored):
        return KnownLicenses(stored, doubt=_unknown(new))
    if stored and not _is_newest(KnownLicense(new, license_), known, installation):
        return KnownLicenses(stored)
    in_force = [each for each in known if each.stored.replaced_at is None]
    replaced = find_replaced(in_force, license_, installation, now)
    remaining = tuple(each for each in stored if each not in replaced)
    return KnownLicenses((*remaining, new), recovered=LicenseChange(new, replaced))


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
