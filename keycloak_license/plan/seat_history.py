"""What seats of one application were like day by day, worked out backwards from the present.

In: the claims of today, the seat events, and the licences; out: steps, days, and who was there at an instant.
Called by `services.seat_history`. Who has a claim is right today, and each event tells what he had before.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from keycloak_license.model.changes import SeatAssigned, SeatReleased, WaitingEnded, WaitingStarted
from keycloak_license.model.record import SeatEvent
from keycloak_license.model.seat import Claim
from keycloak_license.plan.planner import FIRST_COME

DAY = timedelta(days=1)


class Place(Enum):
    """What a user has of an application, if anything."""

    SEATED = "seated"
    WAITING = "waiting"


_BEFORE = {
    SeatAssigned.kind: Place.WAITING,
    SeatReleased.kind: Place.SEATED,
    WaitingStarted.kind: None,
    WaitingEnded.kind: Place.WAITING,
}
"""What who is concerned by an event had before it."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a claim, by the name he had."""

    user_id: str
    username: str


@dataclass(frozen=True, slots=True)
class Step:
    """How things stood from an instant until the next step."""

    at: datetime
    """In UTC."""
    used: int
    waiting: int
    limit: int | None
    """Licensed seats; None is unlimited, and 0 where no licence counts."""

    @property
    def demand(self) -> int:
        """How many seats would have been used, had there been enough."""
        return self.used + self.waiting


@dataclass(frozen=True, slots=True)
class Peak:
    """The most of something within a span, and when it was first reached."""

    count: int
    at: datetime


@dataclass(frozen=True, slots=True)
class DayUsage:
    """One day: how it ended, or how it stands, and the most there was."""

    day: date
    """In the realm's time zone."""
    used: int
    waiting: int
    limit: int | None
    peak: Peak
    """Of used seats."""
    demand_peak: Peak
    """Of used and waiting together."""


Limits = Mapping[datetime, int | None]
"""The limit from each instant on."""


def steps_over_time(
    claims: Sequence[Claim], events: Sequence[SeatEvent], limits: Limits, since: datetime, until: datetime
) -> tuple[Step, ...]:
    """Return a step for `since` and one for each change after it, until `until`, which is now.

    `claims` and `events` are those of one application, the events as they were recorded, at least since
    `since`; `limits` begin at `since`.
    """
    counts = {at: (past.used, past.waiting) for at, past in _backwards(claims, events, since, until)}
    (used, waiting), limit = counts[since], limits[since]
    steps: list[Step] = []
    for at in sorted(counts.keys() | limits.keys()):
        used, waiting = counts.get(at, (used, waiting))
        limit = limits.get(at, limit)
        if not steps or (used, waiting, limit) != (steps[-1].used, steps[-1].waiting, steps[-1].limit):
            steps.append(Step(at, used, waiting, limit))
    return tuple(steps)


def people_at(
    claims: Sequence[Claim], events: Sequence[SeatEvent], at: datetime, until: datetime
) -> tuple[Person, ...]:
    """Return who had a seat at an instant, by name."""
    *_, (_, past) = _backwards(claims, events, at, until)
    seated = (user_id for user_id, place in past.places.items() if place is Place.SEATED)
    people = (Person(user_id, past.names[user_id]) for user_id in seated)
    return tuple(sorted(people, key=lambda person: (person.username, person.user_id)))


def days_of(steps: Sequence[Step], until: datetime, zone: ZoneInfo) -> tuple[DayUsage, ...]:
    """Return each day that the steps touch, the last one as it stands."""
    days: list[DayUsage] = []
    ats = [step.at for step in steps]
    day, last_day = ats[0].astimezone(zone).date(), until.astimezone(zone).date()
    while day <= last_day:
        begins_at, ends_at = max(ats[0], _midnight(day, zone)), _midnight(day + DAY, zone)
        place = bisect_right(ats, begins_at)
        first = replace(steps[place - 1], at=begins_at)
        days.append(_sum_up(day, [first, *steps[place : bisect_left(ats, ends_at)]]))
        day += DAY
    return tuple(days)


def highest(days: Sequence[DayUsage]) -> Peak:
    """Return the peak of used seats over some days, the first of several."""
    return max((day.peak for day in days), key=lambda peak: peak.count)


def _sum_up(day: date, steps: Sequence[Step]) -> DayUsage:
    most, wanted = max(steps, key=lambda step: step.used), max(steps, key=lambda step: step.demand)
    last = steps[-1]
    return DayUsage(
        day=day,
        used=last.used,
        waiting=last.waiting,
        limit=last.limit,
        peak=Peak(most.used, most.at),
        demand_peak=Peak(wanted.demand, wanted.at),
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


class _Past:
    """Who had what, on the way back from the present."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        self.names = {claim.user_id: claim.username for claim in claims}
        self.places = {claim.user_id: Place.SEATED if claim.is_seated else Place.WAITING for claim in claims}
        self.used = sum(claim.is_seated for claim in claims)

    @property
    def waiting(self) -> int:
        return len(self.places) - self.used

    def undo(self, event: SeatEvent) -> None:
        """Give a user back what he had before an event, and the name of then."""
        if event.kind not in _BEFORE:
            # It is about an account.
            return
        is_first = event.kind == SeatAssigned.kind and event.reason == FIRST_COME
        place = None if is_first else _BEFORE[event.kind]
        self.names[event.user_id] = event.username
        self.used -= self.places.pop(event.user_id, None) is Place.SEATED
        if place is not None:
            self.places[event.user_id] = place
            self.used += place is Place.SEATED


def _backwards(
    claims: Sequence[Claim], events: Sequence[SeatEvent], since: datetime, until: datetime
) -> Iterator[tuple[datetime, _Past]]:
    """Yield how things were from each instant on, the latest first and `since` last; it goes on changing."""
    past, at, told = _Past(claims), until, None
    for event in reversed(events):
        # One that is dated later than what came after it was written by a clock that was ahead.
        at = min(at, event.at.astimezone(UTC))
        if at <= since:
            break
        if at != told:
            yield at, past
            told = at
        past.undo(event)
    yield since, past
