"""The realm attributes that publish a report.

In: a `RealmReport` and the realm's attributes as read; out: the attribute changes. Called by
`plan.planner`. The exact set of names is the contract with everybody who reads them.
"""

from collections.abc import Iterable, Iterator, Mapping

from keycloak_license.model.attributes import INSTALLATION_ID, LICENSE_FILE, is_owned, queue_attribute
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
    allocations: Iterable[Allocation] = (),
) -> Iterator[AttributeChange]:
    """Yield what must change for the realm to show the report; nothing when it does already.

    Attributes in `kept` stay as they are.

    Some databases keep an empty value as none at all. An empty one is therefore written along with
    others, but is no reason to write.
    """
    desired = desired_attributes(report) | dict(_queues(allocations))
    desired = {name: value for name, value in desired.items() if name not in kept}
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


def _queues(allocations: Iterable[Allocation]) -> Iterator[tuple[str, str]]:
    """Yield who waits, in order, where others are seated: then everybody who is not named holds a seat."""
    for allocation in allocations:
        if allocation.seated and allocation.waiting:
            ids = (claim.user_id for claim in allocation.waiting)
            yield queue_attribute(allocation.application), ",".join(ids)


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
