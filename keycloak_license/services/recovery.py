"""What the realm knows and the ledger has lost.

In: the ledger's licences and the realm's attributes; out: the licences that count, and those that come back
into the ledger. Called by `reconcile.observe`. No licence file that the realm shows is ever lost: what does
not count stays among those that stand by.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.model.attributes import LICENSE_FILE, STANDBY_FILES
from keycloak_license.model.license import License
from keycloak_license.model.record import KnownLicense, StoredLicense
from keycloak_license.plan.lifecycle import Installation
from keycloak_license.plan.recovery import KnownLicenses, recover_all, recover_newer
from keycloak_license.services.ports import LicenseVerifier


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
    present = {each.file for each in stored}
    read = verifier.accept if stored else verifier.verify
    found: list[License] = []
    doubted: dict[str, str] = {}
    for file in dict.fromkeys(file for file in (published, *standby) if file and file not in present):
        try:
            found.append(read(file.encode()))
        except LicenseRefusedError as error:
            doubted[file] = f"A licence file in the realm's attributes does not count: {error}"
    if not found:
        known = KnownLicenses(stored)
    elif stored:
        known = recover_newer(read_licenses(verifier, stored), found, installation, now)
    else:
        known = recover_all(found, now)
    return replace(known, doubted={**doubted, **known.doubted}, unverified=frozenset(doubted))


def read_licenses(verifier: LicenseVerifier, stored: Iterable[StoredLicense]) -> list[KnownLicense]:
    """Return stored licences with what they say; None for one whose signature does not hold any more."""
    return [KnownLicense(each, _read(verifier, each)) for each in stored]


def _read(verifier: LicenseVerifier, stored: StoredLicense) -> License | None:
    try:
        return verifier.verify(stored.file.encode())
    except LicenseRefusedError:
        return None
