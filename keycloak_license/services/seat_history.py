"""What happened to the seats of a realm, without asking Keycloak.

In: a `ManagedRealm`, `now` and how many days to go back; out: a `RealmHistory`. Called by `cli.history`; it
also answers while Keycloak is down.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from keycloak_license.model.application import Application
from keycloak_license.model.record import RealmRecord, SeatEvent
from keycloak_license.plan.clock import read_clock
from keycloak_license.plan.forecast import LOOK_BACK_DAYS, Forecast, NoForecast, forecast
from keycloak_license.plan.reassignment import MonthlyMoves, count_moves
from keycloak_license.plan.seat_history import (
    DayUsage,
    Peak,
    Person,
    days_of,
    highest,
    people_at,
    steps_over_time,
)
from keycloak_license.plan.usage_history import UsageInputs, limits_over_time
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.overview import find_application
from keycloak_license.services.usage_history import make_inputs, read_past


@dataclass(frozen=True, slots=True)
class ApplicationHistory:
    """What happened to the seats of one application."""

    application: Application
    days: tuple[DayUsage, ...]
    """In order; the last one is today."""
    peak: Peak
    """The most used seats of these days."""
    people: tuple[Person, ...]
    """Who had them."""
    forecast: Forecast | NoForecast
    events: tuple[SeatEvent, ...]
    """Of these days, oldest first."""
    moves: tuple[MonthlyMoves, ...]
    """Of the months that these days touch, whole months as far as they are remembered."""


@dataclass(frozen=True, slots=True)
class RealmHistory:
    """What happened to the seats of a realm."""

    realm: str
    time_zone: str
    since: date
    until: date
    """The first day and the last one, which is today."""
    applications: tuple[ApplicationHistory, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    """What is looked back on, in the realm's time zone."""

    known_since: datetime
    """The first instant that the forecast may need, or that is shown."""
    since: datetime
    """The first one that is shown."""
    until: datetime
    """Now."""


def read_history(
    managed: ManagedRealm, now: datetime, days: int, application_id: str | None = None
) -> RealmHistory:
    """Return the last days, today included, as far back as something is remembered.

    Of one application or all. Raises `ConfigurationError` for an application that is not configured.
    """
    wanted = (
        managed.applications
        if application_id is None
        else (find_application(managed.applications, application_id),)
    )
    record, events = read_past(managed)
    until = read_clock(now, None, record.clock).now.astimezone(managed.zone)
    known_since, since = (
        _begin(managed, record, events, until, back) for back in (max(days, LOOK_BACK_DAYS + 1), days)
    )
    span = _Span(known_since, since, until)
    return RealmHistory(
        realm=managed.name,
        time_zone=str(managed.zone),
        since=span.since.date(),
        until=until.date(),
        applications=tuple(
            _look_back(application, inputs, span)
            for application, inputs in zip(wanted, make_inputs(managed, record, events, wanted), strict=True)
        ),
    )


def _begin(
    managed: ManagedRealm, record: RealmRecord, events: Sequence[SeatEvent], until: datetime, days: int
) -> datetime:
    """Return from when on something is known, at most so many days ago."""
    first_day = datetime.combine(until.date() - timedelta(days=days - 1), time(), managed.zone)
    known = [each.imported_at for each in record.licenses] + [each.at for each in events[:1]]
    known_since = max(min(known, default=until), until - managed.history.keep)
    return max(first_day, min(known_since, until).astimezone(managed.zone))


def _look_back(application: Application, inputs: UsageInputs, span: _Span) -> ApplicationHistory:
    claims, events, zone = inputs.claims, inputs.events, inputs.installation.zone
    since, until = span.known_since.astimezone(UTC), span.until.astimezone(UTC)
    steps = steps_over_time(claims, events, limits_over_time(inputs, since, until), since, until)
    known = days_of(steps, until, zone)
    days = tuple(day for day in known if day.day >= span.since.date())
    peak = highest(days)
    month = span.since.date().replace(day=1)
    return ApplicationHistory(
        application=application,
        days=days,
        peak=peak,
        people=people_at(claims, events, peak.at, until),
        forecast=forecast([day.used + day.waiting for day in known], days[-1].day, days[-1].limit),
        events=tuple(event for event in events if event.at >= span.since),
        moves=tuple(each for each in count_moves(events, zone) if each.month >= month),
    )
