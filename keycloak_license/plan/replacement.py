"""What a new licence does to those that are known already.

In: the known licences, the new one, the installation and `now`; out: those that end, or the one that is
newer. Called by `services.licenses` and `plan.recovery`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from keycloak_license.model.license import License, LicenseType
from keycloak_license.model.record import KnownLicense, StoredLicense
from keycloak_license.plan.lifecycle import Installation, day_start


def find_replaced(
    in_force: Sequence[KnownLicense], new: License, installation: Installation, now: datetime
) -> tuple[StoredLicense, ...]:
    """Return which licences a new one takes out of force.

    One that starts later waits beside the present one, and takes only an earlier file of itself out. A
    temporary one leaves a commercial one in place, to fall back to; and what cannot be verified at present
    may be one.
    """
    days = [new.issued_on, *(each.license.issued_on for each in in_force if each.license)]
    now = max(now, *(day_start(day, installation.zone) for day in days))

    def has_started(license_: License) -> bool:
        return now >= day_start(license_.starts_on, installation.zone)

    def is_replaced(each: KnownLicense) -> bool:
        waits = each.license is not None and not has_started(each.license)
        if waits or not has_started(new):
            return waits and each.stored.number == new.number
        may_be_commercial = each.license is None or each.license.type is LicenseType.COMMERCIAL
        return not (new.type is LicenseType.TEMPORARY and may_be_commercial)

    return tuple(each.stored for each in in_force if is_replaced(each))


def find_newer(
    known: Iterable[KnownLicense], new: License, installation: Installation
) -> StoredLicense | None:
    """Return a file of the same licence that came after this one.

    It has a higher issue, or it is this issue, activated for this installation: going back to the file
    without activation would end access with the grace period.
    """

    def is_newer(each: KnownLicense) -> bool:
        if each.stored.issue != new.issue:
            return each.stored.issue > new.issue
        activation = each.license.activation if each.license else None
        return new.activation is None and activation is not None and installation.is_named_by(activation)

    same_number = [each for each in known if each.stored.number == new.number]
    newer = [each.stored for each in same_number if is_newer(each)]
    return max(newer, key=lambda stored: stored.issue, default=None)


def follows(new: KnownLicense, known: Iterable[KnownLicense], installation: Installation) -> bool:
    """Whether a file came after every known file of its licence; one not verified now goes by its issue."""

    def is_older(each: KnownLicense) -> bool:
        if each.license is None:
            return each.stored.issue < new.stored.issue
        return find_newer([new], each.license, installation) is not None

    return all(map(is_older, known))


def is_foreign(license_: License, installation: Installation) -> bool:
    """Whether a licence was activated for another installation, and so gives no access here."""
    if license_.type is LicenseType.TEMPORARY or license_.activation is None:
        return False
    return not installation.is_named_by(license_.activation)
