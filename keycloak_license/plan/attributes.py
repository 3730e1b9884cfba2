"""The realm attributes that publish a report.

In: a `RealmReport` and the realm's attributes as read; out: the attribute changes. Called by
`plan.planner`. The exact set of names is the contract with everybody who reads them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from keycloak_license.model.attributes import (
    INSTALLATION_ID,
    LICENSE_FILE,
    STANDBY_FILES,
    is_owned,
    queue_attribute,
)
from keycloak_license.model.changes import AttributeChange, AttributeRemoved, AttributeSet
from keycloak_license.model.license import License
from keycloak_license.model.report import ApplicationUsage, RealmReport
from keycloak_license.model.seat import Allocation

VERDICT = frozenset({"license.state", "license.access", "license.reason"})
"""All that is published while it is disputed whose realm this is."""


def plan_verdict(report: RealmReport, current: Mapping[str, str]) -> Iterator[AttributeChange]:
    """Yield what must change for the realm to show the verdict, and nothing else of the report."""
    for name, value in sorted(desired_attributes(report).items()):
        if name in VERDICT and current.get(name) != value:
            yield AttributeSet(name, value)


def plan_attributes(
    report: RealmReport,
    current: Mapping[str, str],
    kept: frozenset[str] = frozenset(),
    backup: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[AttributeChange]:
    """Yield what must change for the realm to show the report; nothing when it does already.

    Attributes in `kept` stay as they are; `backup` holds those of `backup_attributes`.

    Some databases keep an empty value as none at all. An empty one is therefore written along with
    others, but is no reason to write.
    """
    wanted = desired_attributes(report) | dict(backup)
    desired = {name: value for name, value in wanted.items() if name not in kept}
    stale = [name for name in current if is_owned(name) and name not in desired and name not in kept]
    if not stale and all(current.get(name, "") == value for name, value in desired.items()):
        return
    for name, value in sorted(desired.items()):
        if current.get(name) != value:
            yield AttributeSet(name, value)
    for name in sorted(stale):
        yield AttributeRemoved(name)


def desired_attributes(report: RealmReport) -> dict[str, str]:
    """Return every attribute a realm with this report has."""
    standing = report.standing
    attributes = {
        "license.state": standing.state.value,
        "license.access": standing.access,
        "license.reason": standing.reason.value,
        "license.scope": "",
    }
    if report.installation_id:
        attributes[INSTALLATION_ID] = report.installation_id
    if standing.license is not None:
        attributes |= _license_attributes(standing.license)
    if standing.stops_at is not None:
        attributes["license.stops_at"] = standing.stops_at.isoformat()
    for usage in report.applications:
        attributes |= _usage_attributes(usage)
    return attributes


def backup_attributes(allocations: Iterable[Allocation], standby_files: Sequence[str]) -> dict[str, str]:
    """Return what only a lost ledger will need.

    Who waits, in order, where others are seated: then everybody who is not named holds a seat. And the
    licences in force besides the one that counts.
    """
    backup = {
        queue_attribute(each.application): ",".join(claim.user_id for claim in each.waiting)
        for each in allocations
        if each.seated and each.waiting
    }
    return backup | ({STANDBY_FILES: "\n".join(standby_files)} if standby_files else {})


def _license_attributes(license_: License) -> dict[str, str]:
    return {
        LICENSE_FILE: license_.file,
        "license.number": license_.number,
        "license.type": license_.type.value,
        "license.customer": license_.customer,
        "license.issued_on": license_.issued_on.isoformat(),
        "license.expires_on": license_.expires_on.isoformat(),
        "license.scope": ",".join(sorted(license_.scope)),
    }


def _usage_attributes(usage: ApplicationUsage) -> dict[str, str]:
    percent = usage.usage_percent
    return {
        f"license.{usage.id}.seats": "unlimited" if usage.seats is None else str(usage.seats),
        f"license.{usage.id}.used": str(usage.used),
        f"license.{usage.id}.waiting": str(usage.waiting),
        f"license.{usage.id}.usage": "" if percent is None else f"{percent}%",
    }
