"""Which licences a new one takes out of force.

In: the licences in force, the new one, the realm's time zone and `now`; out: those that end. Called by
`services.licenses`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from keycloak_license.model.license import License, LicenseType
from keycloak_license.model.record import StoredLicense
from keycloak_license.plan.lifecycle import day_start


@dataclass(frozen=True, slots=True)
class InForce:
    """A licence in force, with what it says as far as that can be verified at present."""

    stored: StoredLicense
    license: License | None


def find_replaced(
    in_force: Sequence[InForce], new: License, zone: ZoneInfo, now: datetime
) -> tuple[StoredLicense, ...]:
    """Return which licences a new one takes out of force.

    One that starts later waits beside the present one, and takes only an earlier file of itself out. A
    temporary one leaves a commercial one in place, to fall back to; and what cannot be verified at present
    may be one.
    """

    def has_started(license_: License) -> bool:
        return now >= day_start(license_.starts_on, zone)

    def is_replaced(each: InForce) -> bool:
        waits = each.license is not None and not has_started(each.license)
        if waits or not has_started(new):
            return waits and each.stored.number == new.number
        may_be_commercial = each.license is None or each.license.type is LicenseType.COMMERCIAL
        return not (new.type is LicenseType.TEMPORARY and may_be_commercial)

    return tuple(each.stored for each in in_force if is_replaced(each))
