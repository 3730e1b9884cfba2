"""Which seats are idle, for people who decide whom to ask for theirs.

In: a `ManagedRealm`, `now` and a number of days; out: a report, its document and its lines. Called by
`cli.idle`. Holders are those of the last sync, logins are read now; nothing is released.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from keycloak_license.model.application import Application
from keycloak_license.model.instants import show_instant
from keycloak_license.plan.clock import read_clock
from keycloak_license.plan.idle_seats import (
    HolderUse,
    SeatUse,
    explain_unknown,
    find_use,
    known_since,
    login_search,
)
from keycloak_license.services.documents import Document
from keycloak_license.services.member_list import harmless_csv
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.overview import find_application

HEADINGS = ("application", "user_id", "username", "email", "since", "state", "last_seen")


@dataclass(frozen=True, slots=True)
class ApplicationIdleness:
    """How the seats of one application are used."""

    application: Application
    holders: tuple[HolderUse, ...]

    @property
    def idle(self) -> int:
        """How many seats are idle."""
        return sum(holder.state.is_idle for holder in self.holders)


@dataclass(frozen=True, slots=True)
class IdleReport:
    """The use of every seat."""

    days: int
    applications: tuple[ApplicationIdleness, ...]
    known_since: datetime | None
    """Since when every login is known; None where not even the present ones are."""
    warnings: tuple[str, ...]


def find_idle(managed: ManagedRealm, application_id: str | None, now: datetime, days: int) -> IdleReport:
    """Return how the seats of an application, or of all, are used.

    Raises `ConfigurationError` for an application that is not configured.
    """
    applications: Sequence[Application] = managed.applications
    if application_id is not None:
        applications = [find_application(applications, application_id)]
    record = managed.ledger.load(managed.name)
    now = read_clock(now, None, record.clock).now
    ids = {application.id for application in applications}
    holders = [claim for claim in record.claims if claim.is_seated and claim.application in ids]
    reading = managed.keycloak.read_logins(login_search(holders, applications, now, days))
    uses = tuple(
        ApplicationIdleness(
            each,
            find_use([claim for claim in holders if claim.application == each.id], each, reading, now, days),
        )
        for each in applications
    )
    warnings = list(explain_unknown(reading, now, days))
    if record.last_sync is None:
        warnings.insert(0, f"Realm {managed.name} was never synced: run keycloak-license sync")
    return IdleReport(days, uses, known_since(reading.record, now), tuple(warnings))


def summarize(usage: ApplicationIdleness) -> str:
    """Return one line about an application."""
    counts = Counter(holder.state for holder in usage.holders)
    return (
        f"{usage.application.id}: {usage.idle} of {len(usage.holders)} seats idle "
        f"({counts[SeatUse.DORMANT]} dormant, {counts[SeatUse.NEVER_USED]} never used), "
        f"{counts[SeatUse.UNKNOWN]} unknown, {counts[SeatUse.NEW]} new"
    )


def use_cells(holder: HolderUse) -> tuple[str, ...]:
    """Return a holder as text: name, address, since when he has the seat, its use, and when he was seen."""
    return (
        holder.claim.username,
        holder.claim.email or "",
        show_instant(holder.since),
        holder.state.value,
        show_instant(holder.last_seen) if holder.last_seen else "",
    )


def idle_csv(report: IdleReport) -> str:
    """Return CSV with a header line."""
    return harmless_csv(
        HEADINGS,
        (
            (usage.application.id, holder.claim.user_id, *use_cells(holder))
            for usage in report.applications
            for holder in usage.holders
        ),
    )


def idle_document(report: IdleReport) -> Document:
    """Return the document of `idle`; instants are ISO 8601 with offset."""
    return {
        "days": report.days,
        "applications": [
            {
                "id": usage.application.id,
                "seats_used": len(usage.holders),
                "idle": usage.idle,
                "holders": [_holder_document(holder) for holder in usage.holders],
            }
            for usage in report.applications
        ],
        "known_since": report.known_since.isoformat() if report.known_since else None,
        "warnings": list(report.warnings),
    }


def _holder_document(holder: HolderUse) -> Document:
    return {
        "user_id": holder.claim.user_id,
        "username": holder.claim.username,
        "email": holder.claim.email,
        "since": holder.since.isoformat(),
        "state": holder.state.value,
        "last_seen": holder.last_seen.isoformat() if holder.last_seen else None,
    }
