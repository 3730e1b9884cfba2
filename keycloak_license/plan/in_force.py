"""Which of the imported licences is in force, and why each of the others is not.

In: every licence ever imported; out: a `ListedLicense` for each. Called by `services.licenses`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from keycloak_license.model.instants import show_instant
from keycloak_license.model.license import (
    GRANTING_REASONS,
    ImportedLicense,
    License,
    LicenseState,
    LicenseType,
    NotInForce,
    Reason,
    Standing,
)
from keycloak_license.model.record import KnownLicense, StoredLicense
from keycloak_license.model.report import ListedLicense
from keycloak_license.plan.lifecycle import Installation, day_start, judge, judge_alone, latest_issue

_WHY = {
    Reason.ACTIVE: "activated for this installation",
    Reason.TEMPORARY: "temporary, needs no activation",
    Reason.GRACE: "not activated yet: send its activation key to the vendor",
    Reason.GRACE_OVER: "not activated within the grace period: send its activation key to the vendor",
    Reason.EXPIRED: "its last day is over",
    Reason.OTHER_INSTALLATION: "this is another installation: see keycloak-license doctor",
    NotInForce.NOT_VERIFIED: "its signature does not hold here any more: see the trusted keys",
}


def list_licenses(
    known: Sequence[KnownLicense], installation: Installation, now: datetime
) -> tuple[ListedLicense, ...]:
    """Return the licences in the order of their import, judged now."""
    listing = _Listing.of(known, installation, now)
    return tuple(listing.describe(each) for each in known)


@dataclass(frozen=True, slots=True)
class _Listing:
    """What each licence is compared with."""

    known: Sequence[KnownLicense]
    installation: Installation
    now: datetime
    standing: Standing
    of_kind: Mapping[LicenseType, Standing]
    """The standing if there were licences of one kind only."""

    @classmethod
    def of(cls, known: Sequence[KnownLicense], installation: Installation, now: datetime) -> Self:
        in_force = [
            ImportedLicense(each.license, each.stored.imported_at)
            for each in known
            if each.license is not None and each.stored.replaced_at is None
        ]
        now = latest_issue(in_force, installation, now)
        of_kind = {
            kind: judge([each for each in in_force if each.license.type is kind], installation, now)
            for kind in LicenseType
        }
        return cls(known, installation, now, judge(in_force, installation, now), of_kind)

    def describe(self, each: KnownLicense) -> ListedLicense:
        stored, license_ = each.stored, each.license
        if license_ is None:
            listed = ListedLicense(stored, None, LicenseState.NONE, NotInForce.NOT_VERIFIED)
        else:
            alone = judge_alone(license_, self.installation, self.now)
            listed = ListedLicense(stored, license_, alone.state, alone.reason, ends_at=alone.stops_at)
        if stored.replaced_at is not None:
            listed = replace(listed, reason=NotInForce.REPLACED)
        elif license_ is not None:
            listed = self._compare(listed, license_)
        return replace(listed, explanation=self._explain(listed))

    def _compare(self, listed: ListedLicense, license_: License) -> ListedLicense:
        standing = self.standing
        if standing.license == license_:
            return replace(
                listed, state=standing.state, reason=standing.reason, is_in_force=standing.is_granted
            )
        if self.now < day_start(license_.starts_on, self.installation.zone):
            return replace(listed, reason=Reason.NOT_STARTED)
        if listed.reason not in GRANTING_REASONS:
            return listed
        is_first_of_kind = self.of_kind[license_.type].license == license_
        return replace(listed, reason=NotInForce.OVERLAID if is_first_of_kind else NotInForce.SUPERSEDED)

    def _explain(self, listed: ListedLicense) -> str:
        match listed.reason:
            case NotInForce.REPLACED:
                return self._who_replaced(listed.stored)
            case NotInForce.OVERLAID:
                return f"{_name(self.standing)} is temporary and comes first; counts again when that one ends"
            case NotInForce.SUPERSEDED if listed.license is not None:
                return f"{_name(self.of_kind[listed.license.type])}, which began later, has taken over"
            case Reason.NOT_STARTED if listed.license is not None:
                starts_at = day_start(listed.license.starts_on, self.installation.zone)
                needs = " and for its activation" if listed.state is LicenseState.NOT_ACTIVATED else ""
                return f"waits for its start at {show_instant(starts_at)}{needs}"
            case reason:
                return _WHY[reason]

    def _who_replaced(self, stored: StoredLicense) -> str:
        imported = [each.stored for each in self.known]
        for each in self.known[imported.index(stored) + 1 :]:
            if each.stored.imported_at == stored.replaced_at:
                at = show_instant(each.stored.imported_at.astimezone(self.installation.zone))
                return f"replaced by licence {each.stored.number}, issue {each.stored.issue}, at {at}"
        return "replaced"


def _name(standing: Standing) -> str:
    return f"licence {standing.license.number}" if standing.license else "another licence"
