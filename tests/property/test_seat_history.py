"""Days worked out backwards are what was there, checked against the same told forwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.record import SeatEvent
from keycloak_license.model.seat import Claim
from keycloak_license.plan.reassignment import count_moves
from keycloak_license.plan.seat_history import Peak, Step, days_of, highest, people_at, steps_over_time
from tests.property.strategies import NOON

TICK, HOUR, DAY = timedelta(microseconds=1), timedelta(hours=1), timedelta(days=1)
TO_MIDNIGHT = 11 * HOUR
"""From `NOON` in Prague."""
zones = st.sampled_from(["UTC", "Europe/Prague", "Asia/Kathmandu", "America/New_York"]).map(ZoneInfo)
AFTER: Mapping[tuple[str | None, str], str | None] = {
    (None, "first_come"): "seated",
    (None, "no_free_seat"): "waiting",
    ("waiting", "seat_free"): "seated",
    ("waiting", "deleted"): None,
    ("seated", "no_role"): None,
    ("seated", "limit_reduced"): "waiting",
}
"""What a user has and what happens to him, and what he has then."""
KINDS = {
    "first_come": "seat_assigned", "no_free_seat": "waiting", "seat_free": "seat_assigned",
    "deleted": "waiting_ended", "no_role": "seat_released", "limit_reduced": "seat_released",
}  # fmt: skip


@dataclass(frozen=True)
class Past:
    """What syncs have written, and who had what after each."""

    events: tuple[SeatEvent, ...]
    places: tuple[tuple[datetime, dict[str, str]], ...]
    until: datetime

    def at(self, at: datetime) -> dict[str, str]:
        return next((places for instant, places in reversed(self.places) if instant <= at), {})

    def seated_at(self, at: datetime) -> list[str]:
        return sorted(user for user, place in self.at(at).items() if place == "seated")

    @property
    def claims(self) -> list[Claim]:
        return [
            Claim("WFM", user, user, None, None, NOON, is_seated=place == "seated")
            for user, place in self.at(self.until).items()
        ]


@st.composite
def pasts(draw: st.DrawFn) -> Past:
    at, has = NOON, dict[str, str]()
    events: list[SeatEvent] = []
    places: list[tuple[datetime, dict[str, str]]] = []
    for _ in range(draw(st.integers(0, 10))):
        at += draw(st.sampled_from([timedelta(), TICK, 5 * HOUR, TO_MIDNIGHT, DAY, 3 * DAY]))
        for user in draw(st.lists(st.sampled_from("abcde"), max_size=4)):
            if draw(st.integers(0, 5)) == 0:
                events.append(SeatEvent("WFM", user, user, "user_disabled", at, "no_seat"))
                continue
            reason = draw(st.sampled_from([why for place, why in AFTER if place == has.get(user)]))
            after = AFTER[has.pop(user, None), reason]
            has |= {user: after} if after else {}
            events.append(SeatEvent("WFM", user, user, KINDS[reason], at, reason))
        places.append((at, dict(has)))
    return Past(tuple(events), tuple(places), at + draw(st.sampled_from([timedelta(), TICK, DAY])))


windows = st.integers(-80, 120).map(lambda hours: NOON + hours * HOUR)


def steps_of(past: Past, since: datetime) -> tuple[Step, ...]:
    return steps_over_time(past.claims, past.events, {since: 3}, since, past.until)


@given(past=pasts(), since=windows)
def test_backwards_from_the_present_is_the_same_as_forwards(past: Past, since: datetime) -> None:
    since = min(since, past.until)
    steps = steps_of(past, since)
    instants = {since, past.until, *(at for at, _ in past.places)}
    for at in (at for each in instants for at in (each - TICK, each, each + TICK)):
        if since <= at <= past.until:
            seen, was = [step for step in steps if step.at <= at][-1], past.at(at)
            assert (seen.used, seen.demand) == (len(past.seated_at(at)), len(was))
            found = people_at(past.claims, past.events, at, past.until)
            assert [person.user_id for person in found] == past.seated_at(at)
    assert all(one.at < next_.at and (one.used, one.waiting) != (next_.used, next_.waiting)
               for one, next_ in pairwise(steps))  # fmt: skip


@given(past=pasts(), since=windows, zone=zones)
def test_each_day_has_its_end_and_its_peak(past: Past, since: datetime, zone: ZoneInfo) -> None:
    since = min(since, past.until)
    days = days_of(steps_of(past, since), past.until, zone)
    first, last = since.astimezone(zone).date(), past.until.astimezone(zone).date()
    assert [day.day for day in days] == [first + number * DAY for number in range((last - first).days + 1)]
    for day in days:
        instants = [at for at, _ in past.places if at.astimezone(zone).date() == day.day and at >= since]
        begins_at = max(since, datetime.combine(day.day, datetime.min.time(), zone))
        seated = [len(past.seated_at(at)) for at in (begins_at, *instants)]
        wanted = [len(past.at(at)) for at in (begins_at, *instants)]
        assert (day.used, day.used + day.waiting, day.limit) == (seated[-1], wanted[-1], 3)
        assert (day.peak.count, day.demand_peak.count) == (max(seated), max(wanted))
        assert len(past.seated_at(day.peak.at)) == day.peak.count
        assert day.peak.at.astimezone(zone).date() == day.day
    assert highest(days).count == max(day.peak.count for day in days)


def test_a_step_at_midnight_is_of_the_day_that_begins() -> None:
    midnight = NOON + TO_MIDNIGHT
    before, after = Step(NOON, 5, 2, 9), Step(midnight, 1, 0, 9)
    first, second = days_of([before, after], midnight + HOUR, ZoneInfo("Europe/Prague"))
    assert (first.used, first.peak, first.demand_peak) == (5, Peak(5, NOON), Peak(7, NOON))
    assert (second.used, second.peak, second.demand_peak) == (1, Peak(1, midnight), Peak(1, midnight))


@given(past=pasts(), zone=zones)
def test_no_seat_is_re_assigned_that_was_not_freed_before(past: Past, zone: ZoneInfo) -> None:
    months = count_moves(past.events, zone)
    assert [month.month for month in months] == sorted({month.month for month in months})
    assigned = sum(event.kind == "seat_assigned" for event in past.events)
    released = [event for event in past.events if event.kind == "seat_released"]
    freed = sum(event.reason == "no_role" for event in released)
    assert sum(month.assigned for month in months) == assigned
    assert sum(month.released for month in months) == len(released)
    assert sum(month.reassigned for month in months) <= min(assigned, freed)
