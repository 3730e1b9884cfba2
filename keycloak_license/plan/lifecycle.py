"""How the licences of a realm stand at one moment.

In: the imported licences, the installation they must be activated for, `now` and the realm's time zone;
out: a `Standing`. Called by `plan.planner` and `services`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from keycloak_license.model.license import (
    Activation,
    ImportedLicense,
    License,
    LicenseState,
    LicenseType,
    Reason,
    Standing,
)

GRACE_DAYS = 30
"""The seed: "At 00:00 hours on the 30th day, an inactive license stops working"."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What a licence is judged against."""

    installation_id: str
    realm_id: str
    zone: ZoneInfo
    """All dates of a licence are days in this zone."""
    is_disputed: bool = False
    """Whether ledger and realm name different installations: a realm was cloned or restored."""

    def is_named_by(self, activation: Activation) -> bool:
        """Whether a licence was activated for this installation."""
        return activation == Activation(self.installation_id, self.realm_id)


def judge(licenses: Iterable[ImportedLicense], installation: Installation, now: datetime) -> Standing:
    """Return the standing of the licence that counts now.

    A running temporary licence overlays a commercial one; when it ends, the commercial one counts
    again. Of several of a kind the one that started last counts, so that a renewal takes over at its
    start, but one that was not activated in time takes nothing over. The end that is told is that of
    access, whichever licence gives it by then.
    """
    in_force = [each for each in licenses if each.replaced_at is None]
    now = latest_issue(in_force, installation, now)
    standing = _judge_at(in_force, installation, now)
    if not standing.is_granted:
        return standing
    if installation.is_disputed:
        return Standing(LicenseState.NOT_ACTIVATED, Reason.OTHER_INSTALLATION, standing.license)
    turns = sorted({turn for each in in_force for turn in turns_of(each.license, installation) if turn > now})
    ends_at = next(turn for turn in turns if not _judge_at(in_force, installation, turn).is_granted)
    last = _judge_at(in_force, installation, max([now, *(turn for turn in turns if turn < ends_at)]))
    is_in_grace = last.reason is Reason.GRACE and not _has_expired(last.license, installation, ends_at)
    return replace(standing, stops_at=ends_at, last_license=last.license, is_last_in_grace=is_in_grace)


def latest_issue(in_force: Iterable[ImportedLicense], installation: Installation, now: datetime) -> datetime:
    """Return `now`, or the newest day of issue where the clock has not got there: it must be wrong."""
    return max([now, *(day_start(each.license.issued_on, installation.zone) for each in in_force)])


def _judge_at(in_force: Sequence[ImportedLicense], installation: Installation, now: datetime) -> Standing:
    started = [each for each in in_force if now >= day_start(each.license.starts_on, installation.zone)]
    if not started:
        reason = Reason.NOT_STARTED if in_force else Reason.NO_LICENSE
        return Standing(state=LicenseState.NONE, reason=reason)
    started.sort(key=lambda each: (each.license.starts_on, each.imported_at, each.license.issue))
    newest_first = [judge_alone(each.license, installation, now) for each in reversed(started)]
    commercial = [each for each in newest_first if not _is_temporary(each)]
    running = [each for each in newest_first if _is_temporary(each) and each.is_granted]
    if running:
        return running[0]
    taken_over = next((each for each in commercial if _has_taken_over(each, installation)), None)
    if taken_over is not None and taken_over.is_granted:
        return taken_over
    return (commercial or newest_first)[0]


def turns_of(license_: License, installation: Installation) -> tuple[datetime, ...]:
    """Return the instants at which a licence may come to be judged otherwise."""
    days = (
        license_.starts_on,
        license_.issued_on + timedelta(days=GRACE_DAYS),
        license_.expires_on + timedelta(days=1),
    )
    return tuple(day_start(day, installation.zone) for day in days)


def judge_alone(license_: License, installation: Installation, now: datetime) -> Standing:
    """Return the standing of one licence that has started, as if it were the only one."""
    ends_at = day_start(license_.expires_on + timedelta(days=1), installation.zone)
    if now >= ends_at:
        return Standing(LicenseState.EXPIRED, Reason.EXPIRED, license_, ends_at)
    if license_.type is LicenseType.TEMPORARY:
        return Standing(LicenseState.OK, Reason.TEMPORARY, license_, ends_at)
    if license_.activation is None:
        grace_ends_at = day_start(license_.issued_on + timedelta(days=GRACE_DAYS), installation.zone)
        reason = Reason.GRACE if now < grace_ends_at else Reason.GRACE_OVER
        return Standing(LicenseState.NOT_ACTIVATED, reason, license_, min(grace_ends_at, ends_at))
    if not installation.is_named_by(license_.activation):
        return Standing(LicenseState.NOT_ACTIVATED, Reason.OTHER_INSTALLATION, license_)
    return Standing(LicenseState.OK, Reason.ACTIVE, license_, ends_at)


def _has_expired(license_: License | None, installation: Installation, at: datetime) -> bool:
    return license_ is not None and at >= day_start(
        license_.expires_on + timedelta(days=1), installation.zone
    )


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a day, also where the clocks skip midnight."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC).astimezone(zone)


def _has_taken_over(standing: Standing, installation: Installation) -> bool:
    """Whether it stands before the older ones: not if it was not activated while there was time."""
    activation = standing.license.activation if standing.license else None
    return standing.is_granted or (activation is not None and installation.is_named_by(activation))


def _is_temporary(standing: Standing) -> bool:
    return standing.license is not None and standing.license.type is LicenseType.TEMPORARY
