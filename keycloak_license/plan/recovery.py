"""Which licences come back from the realm into a ledger that has lost them.

In: the licences of the ledger, and those that only the realm shows; out: `KnownLicenses`. Called by
`services.recovery`, which has verified them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from keycloak_license.model.attributes import STANDBY_FILES, queue_attribute
from keycloak_license.model.license import License
from keycloak_license.model.record import KnownLicense, LicenseChange, StoredLicense, to_stored
from keycloak_license.model.report import ApplicationUsage
from keycloak_license.plan.lifecycle import Installation
from keycloak_license.plan.replacement import find_replaced, follows, is_foreign


@dataclass(frozen=True, slots=True)
class KnownLicenses:
    """The licences of a realm, wherever they were found."""

    licenses: tuple[StoredLicense, ...]
    recovered: LicenseChange | None = None
    """What only the realm knew, for the ledger."""
    doubted: Mapping[str, str] = field(default_factory=dict)
    """Files that only the realm has and that do not count, each with the reason why."""


def lacks_holders(attributes: Mapping[str, str], usages: Sequence[ApplicationUsage]) -> bool:
    """Whether the realm tells of people that a ledger which has lost them does not find there.

    Seats are given away only when it is known whose they are: with somebody waiting, by the queue that the
    realm keeps, and else by there being as many consumers as holders.
    """
    for usage in usages:
        used = attributes.get(f"license.{usage.id}.used", "")
        if queue_attribute(usage.id) in attributes:
            return True
        if used.isdecimal() and int(used) > usage.used + usage.waiting:
            return True
    return False


def recover_all(found: Sequence[License], now: datetime) -> KnownLicenses:
    """Return what a ledger without any licence takes from the realm: everything."""
    added = tuple(to_stored(each, now) for each in found)
    return KnownLicenses(added, LicenseChange(added) if added else None)


def recover_newer(
    stored: Sequence[KnownLicense], found: Sequence[License], installation: Installation, now: datetime
) -> KnownLicenses:
    """Return what a ledger takes that was restored from a backup: newer files of licences that it has.

    Other licences are doubted, and so is what would end access by an activation for somebody else.
    """
    known = list(stored)
    added: list[StoredLicense] = []
    replaced: list[StoredLicense] = []
    doubted: dict[str, str] = {}
    for license_ in found:
        new = KnownLicense(to_stored(license_, now), license_)
        same = [each for each in known if each.stored.number == license_.number]
        if not same or is_foreign(license_, installation):
            doubted[license_.file] = _explain(new.stored)
        elif follows(new, same, installation):
            in_force = [each for each in known if each.stored.replaced_at is None]
            ended = find_replaced(in_force, license_, installation, now)
            known = [*(each for each in known if each.stored not in ended), new]
            added.append(new.stored)
            replaced += ended
    change = LicenseChange(tuple(added), tuple(replaced)) if added else None
    return KnownLicenses(tuple(each.stored for each in known), change, doubted)


def _explain(license_: StoredLicense) -> str:
    return (
        f"The realm's attributes hold licence {license_.number}, issue {license_.issue}, which the ledger "
        "does not know or which is of another installation, and keep it: import it, or remove its line from "
        f"{STANDBY_FILES}"
    )
