"""Which licences come back from the realm into a ledger that has lost them.

In: the licences of the ledger, and those that only the realm shows; out: `KnownLicenses`. Called by
`services.recovery`, which has verified them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from keycloak_license.model.attributes import STANDBY_FILES, queue_attribute
from keycloak_license.model.license import License
from keycloak_license.model.record import KnownLicense, LicenseChange, StoredLicense, to_stored
from keycloak_license.model.seat import Allocation
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
    unverified: frozenset[str] = frozenset()
    """Those of them that nobody who is trusted has signed, as far as that can be told now."""


def lacks_people(attributes: Mapping[str, str], allocations: Sequence[Allocation]) -> bool:
    """Whether the realm tells of people that a ledger which has lost them does not find there.

    Seats are given away only when it is known whose they are: of those who can be seen, all hold one whom
    the realm does not name as waiting.
    """
    return any(_lacks_people(attributes, allocation) for allocation in allocations)


def _lacks_people(attributes: Mapping[str, str], allocation: Allocation) -> bool:
    seen = {claim.user_id for claim in (*allocation.seated, *allocation.waiting)}
    queue = set(attributes.get(queue_attribute(allocation.application), "").split(",")) - {""}
    used = attributes.get(f"license.{allocation.application}.used", "")
    return not queue <= seen or (used.isdecimal() and int(used) > len(seen - queue))


def still_doubted(
    known: KnownLicenses, in_force: Collection[str], published: str, *, is_any_counting: bool
) -> dict[str, str]:
    """Return the files that stand by although they do not count, with reasons.

    What somebody wrote over the file of a licence that counts is no loss, for that is written again; it may
    be the only copy where none counts, or the ledger has lost what it knew.
    """
    had_own = bool(known.licenses) and known.recovered is None
    is_overwritten = is_any_counting and had_own and published in known.unverified
    no_loss = {*in_force, *([published] if is_overwritten else [])}
    return {file: why for file, why in known.doubted.items() if file not in no_loss}


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
        is_vague = any(each.license is None and each.stored.issue == license_.issue for each in same)
        if not same or is_vague or is_foreign(license_, installation):
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
