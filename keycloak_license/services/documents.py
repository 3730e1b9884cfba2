"""Reports as JSON documents, in the shape of the contract.

In: reports of `model` and `overview`; out: dictionaries of plain values. Called by every exit that speaks
JSON.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from keycloak_license.model.changes import AttributeRemoved, AttributeSet, Change, ClaimChange, claim_key
from keycloak_license.model.measures import AccessClosed, AccessOpened, AccountChange, describe_measure
from keycloak_license.model.notice import Notice, is_about_seats
from keycloak_license.model.report import ApplicationUsage, ListedLicense, RealmReport, SyncReport
from keycloak_license.model.seat import HeldRelease
from keycloak_license.plan.remedies import Remedy
from keycloak_license.services.licenses import LicenseImport
from keycloak_license.services.overview import Explanation, Member, UserExplanation
from keycloak_license.services.remedies import describe_remedy
from keycloak_license.services.what_if import Prospect

Document = dict[str, Any]


def status_document(report: RealmReport) -> Document:
    """Return the document of `status`; instants are ISO 8601 with offset."""
    return {
        "realm": report.realm,
        "installation_id": report.installation_id,
        "license": _license_document(report),
        "applications": _usage_documents(report.applications),
        "synced_at": _instant(report.synced_at),
        "complete": report.is_complete,
        "held": [_held_document(each) for each in report.held],
        "warnings": list(report.warnings),
    }


def sync_document(report: SyncReport) -> Document:
    """Return the document of `sync`."""
    return status_document(report.realm) | {
        "dry_run": report.is_dry_run,
        "changes": _change_documents(report.changes),
        "notices": [_notice_document(each) for each in report.notices],
    }


def _notice_document(notice: Notice) -> Document:
    return {"kind": notice.kind, "application": notice.application if is_about_seats(notice) else None}


def import_document(result: LicenseImport) -> Document:
    """Return the document of `import`."""
    return {
        "before": _usage_documents(result.before.applications),
        "after": _usage_documents(result.plan.report.applications),
        "changes": _change_documents(result.plan.changes),
        "replaces": [each.number for each in result.replaced],
        "license": _license_document(result.plan.report),
        "already_imported": result.is_known,
        "warnings": list(result.plan.report.warnings),
    }


def prospect_document(prospect: Prospect) -> Document:
    """Return the document of `what-if`; a change of somebody who would wait has his place in the queue.

    What is `held` is what the guard would hold because of it; `after` and `changes` are as if confirmed.
    """
    report, places = prospect.after.report, prospect.positions()
    return {
        "realm": report.realm,
        "suppositions": [each.label for each in prospect.suppositions],
        "before": _usage_documents(prospect.before.applications),
        "after": _usage_documents(report.applications),
        "changes": [
            _change_document(each) | {"position": places.get(claim_key(each.claim))}
            for each in prospect.changes
        ],
        "remarks": list(prospect.remarks),
        "license": _license_document(report),
        "complete": report.is_complete,
        "held": [_held_document(each) for each in prospect.held],
        "warnings": list(report.warnings),
    }


def licenses_document(licenses: Sequence[ListedLicense]) -> Document:
    """Return the document of `licenses`, in the order of their import."""
    return {"licenses": [_listed_document(each) for each in licenses]}


def _listed_document(listed: ListedLicense) -> Document:
    stored, license_ = listed.stored, listed.license
    return {
        "number": stored.number,
        "issue": stored.issue,
        "type": license_.type.value if license_ else None,
        "state": listed.state.value,
        "in_force": listed.is_in_force,
        "imported_at": _instant(stored.imported_at),
        "reason": listed.reason.value,
        "explanation": listed.explanation,
        "replaced_at": _instant(stored.replaced_at),
        "issued_on": license_.issued_on.isoformat() if license_ else None,
        "starts_on": license_.starts_on.isoformat() if license_ else None,
        "expires_on": license_.expires_on.isoformat() if license_ else None,
        "ends_at": _instant(listed.ends_at),
    }


def members_document(application: str, seats: int | None, members: Sequence[Member]) -> Document:
    """Return the document of `members`."""
    return {
        "application": application,
        "seats": seats,
        "members": [
            {
                "user_id": member.claim.user_id,
                "username": member.claim.username,
                "email": member.claim.email,
            }
            | _member_document(member)
            for member in members
        ],
    }


def explanation_document(explanation: UserExplanation) -> Document:
    """Return the document of `explain`."""
    return {
        "user_id": explanation.user.id,
        "username": explanation.user.username,
        "enabled": explanation.user.enabled,
        "exempt": explanation.is_exempt,
        "access": explanation.standing.access,
        "reason": explanation.standing.reason.value,
        "default_role": explanation.default_role,
        "applications": [
            {"id": each.application.id}
            | _explanation_document(each)
            | {"to_change": [_remedy_document(remedy) for remedy in each.remedies]}
            for each in explanation.applications
        ],
    }


def _remedy_document(remedy: Remedy) -> Document:
    return {
        "kind": remedy.kind.value,
        "seats": remedy.seats,
        "take_away": list(remedy.grants),
        "shared": list(remedy.shared),
        "roles": list(remedy.roles),
        "text": describe_remedy(remedy),
    }


def _explanation_document(explanation: Explanation) -> Document:
    if explanation.member is None:
        paths = [list(path) for path in explanation.paths]
        return {"state": "not_needed", "since": None, "position": None, "paths": paths}
    return _member_document(explanation.member)


def _member_document(member: Member) -> Document:
    return {
        "state": "seated" if member.claim.is_seated else "waiting",
        "since": _instant(member.since),
        "position": member.position,
        "paths": [list(path) for path in member.paths],
    }


def _license_document(report: RealmReport) -> Document:
    standing = report.standing
    license_ = standing.license
    return {
        "number": license_.number if license_ else None,
        "type": license_.type.value if license_ else None,
        "customer": license_.customer if license_ else None,
        "state": standing.state.value,
        "access": standing.access,
        "reason": standing.reason.value,
        "issued_on": license_.issued_on.isoformat() if license_ else None,
        "expires_on": license_.expires_on.isoformat() if license_ else None,
        "stops_at": _instant(standing.stops_at),
    }


def _usage_documents(usages: Sequence[ApplicationUsage]) -> list[Document]:
    return [
        {
            "id": usage.id,
            "name": usage.name,
            "seats": usage.seats,
            "used": usage.used,
            "waiting": usage.waiting,
            "usage_percent": usage.usage_percent,
        }
        for usage in usages
    ]


def _held_document(held: HeldRelease) -> Document:
    return {
        "kind": "seat_released",
        "application": held.application,
        "user_id": held.user_id,
        "username": held.username,
        "reason": held.reason,
        "since": _instant(held.since),
    }


def _change_documents(changes: Sequence[Change]) -> list[Document]:
    return [_change_document(change) for change in changes]


def _change_document(change: Change) -> Document:
    document: Document = {
        "kind": change.kind,
        "application": None,
        "user_id": None,
        "username": None,
        "reason": None,
    }
    match change:
        case ClaimChange():
            claim = change.claim
            return document | {
                "application": claim.application,
                "user_id": claim.user_id,
                "username": claim.username,
                "reason": change.reason,
            }
        case AttributeSet():
            return document | {"attribute": change.name, "value": change.value}
        case AttributeRemoved():
            return document | {"attribute": change.name}
        case AccountChange():
            return document | {
                "application": change.application or None,
                "user_id": change.user_id,
                "username": change.username,
                "reason": change.reason,
            }
        case AccessOpened() | AccessClosed():
            return document | {"application": change.application}
        case _:
            return document | {"what": describe_measure(change)}


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
