"""The history of seats as JSON, as CSV, and as sentences.

In: a `RealmHistory`; out: a document, lines of text. Called by `cli.history`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from keycloak_license.model.record import SeatEvent
from keycloak_license.plan.forecast import (
    LOOK_BACK_DAYS,
    MAX_DAYS,
    MIN_DAYS,
    PROBABILITY,
    Forecast,
    NoForecast,
)
from keycloak_license.plan.reassignment import MonthlyMoves
from keycloak_license.plan.seat_history import DayUsage
from keycloak_license.services.documents import Document
from keycloak_license.services.member_list import harmless_csv
from keycloak_license.services.seat_history import ApplicationHistory, RealmHistory

DAY_HEADINGS = (
    "application", "day", "used", "waiting", "limit", "peak", "peak_at", "demand_peak", "demand_peak_at",
)  # fmt: skip
EVENT_HEADINGS = (
    "at", "application", "user_id", "username", "kind", "reason", "granted_at", "granted_by_id", "granted_by",
)  # fmt: skip
MOVE_HEADINGS = ("application", "month", "assigned", "released", "reassigned")


def history_document(history: RealmHistory, *, with_events: bool, with_moves: bool) -> Document:
    """Return the document of `history`; instants are ISO 8601 with the realm's offset."""
    zone = ZoneInfo(history.time_zone)
    applications = []
    for each in history.applications:
        document: Document = {
            "application": each.application.id,
            "days": [_day_document(day, zone) for day in each.days],
            "peak": {
                "used": each.peak.count,
                "at": _instant(each.peak.at, zone),
                "people": [{"user_id": one.user_id, "username": one.username} for one in each.people],
            },
            "forecast": _forecast_document(each.forecast),
        }
        if with_events:
            document["events"] = [_event_document(event, zone) for event in each.events]
        if with_moves:
            document["reassigned"] = [_move_document(month) for month in each.moves]
        applications.append(document)
    return {
        "realm": history.realm,
        "time_zone": history.time_zone,
        "since": history.since.isoformat(),
        "until": history.until.isoformat(),
        "applications": applications,
    }


def days_csv(history: RealmHistory) -> str:
    """Return a line for each application and day, below a header line."""
    zone = ZoneInfo(history.time_zone)
    return _csv(
        DAY_HEADINGS,
        (
            {"application": each.application.id} | _day_document(day, zone)
            for each in history.applications
            for day in each.days
        ),
    )


def events_csv(history: RealmHistory) -> str:
    """Return a line for each seat event, below a header line."""
    zone = ZoneInfo(history.time_zone)
    return _csv(EVENT_HEADINGS, (_event_document(event, zone) for event in all_events(history)))


def moves_csv(history: RealmHistory) -> str:
    """Return a line for each application and month, below a header line."""
    return _csv(
        MOVE_HEADINGS,
        (
            {"application": each.application.id} | _move_document(month)
            for each in history.applications
            for month in each.moves
        ),
    )


def all_events(history: RealmHistory) -> list[SeatEvent]:
    """Return the events of all applications, oldest first."""
    return sorted((event for each in history.applications for event in each.events), key=lambda each: each.at)


def explain_forecast(history: ApplicationHistory) -> str:
    """Return on which day seats run out, or why that cannot be said, as a sentence."""
    id_, found = history.application.id, history.forecast
    match found:
        case Forecast():
            return (
                f"Seats of {id_} run out about {found.day} ({PROBABILITY * 100:.0f} %: {found.earliest} to "
                f"{found.latest}), if demand goes on as in the last {found.days} days"
            )
        case NoForecast.UNLIMITED:
            return f"Seats of {id_} are unlimited"
        case NoForecast.NOT_LICENSED:
            return f"No seats of {id_} are licensed"
        case NoForecast.FULL:
            return f"Seats of {id_} are all taken"
        case NoForecast.TOO_FEW_DAYS:
            return f"When seats of {id_} run out cannot be told: that takes {MIN_DAYS + 1} days of history"
        case NoForecast.NO_GROWTH:
            return (
                f"When seats of {id_} run out cannot be told: in the last {LOOK_BACK_DAYS} days, as far as "
                "they are known, demand shows no growth that stands out from its ups and downs"
            )
        case NoForecast.TOO_FAR:
            return f"Seats of {id_} do not run out within {MAX_DAYS} days, if demand goes on as it did"


def show_grantor(event: SeatEvent) -> str:
    """Return who gave what began an event; the id where nobody knows the name."""
    return event.granted_by or event.granted_by_id or ""


def _day_document(day: DayUsage, zone: ZoneInfo) -> Document:
    return {
        "day": day.day.isoformat(),
        "used": day.used,
        "waiting": day.waiting,
        "limit": day.limit,
        "peak": day.peak.count,
        "peak_at": _instant(day.peak.at, zone),
        "demand_peak": day.demand_peak.count,
        "demand_peak_at": _instant(day.demand_peak.at, zone),
    }


def _event_document(event: SeatEvent, zone: ZoneInfo) -> Document:
    return {
        "at": _instant(event.at, zone),
        "application": event.application,
        "user_id": event.user_id,
        "username": event.username,
        "kind": event.kind,
        "reason": event.reason,
        "granted_at": _instant(event.granted_at, zone) if event.granted_at else None,
        "granted_by_id": event.granted_by_id,
        "granted_by": event.granted_by,
    }


def _move_document(month: MonthlyMoves) -> Document:
    return {
        "month": f"{month.month:%Y-%m}",
        "assigned": month.assigned,
        "released": month.released,
        "reassigned": month.reassigned,
    }


def _forecast_document(found: Forecast | NoForecast) -> Document:
    if isinstance(found, NoForecast):
        none = dict.fromkeys(("runs_out_on", "earliest", "latest", "probability", "based_on_days"))
        return none | {"reason": found.value}
    return {
        "runs_out_on": found.day.isoformat(),
        "earliest": found.earliest.isoformat(),
        "latest": found.latest.isoformat(),
        "probability": PROBABILITY,
        "based_on_days": found.days,
        "reason": None,
    }


def _csv(headings: Sequence[str], documents: Iterable[Document]) -> str:
    # An unlimited number of seats, like what is not known, is an empty cell.
    return harmless_csv(
        headings,
        (
            ["" if document[name] is None else str(document[name]) for name in headings]
            for document in documents
        ),
    )


def _instant(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat()
