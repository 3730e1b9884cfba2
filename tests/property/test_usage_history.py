"""The line of a chart is what was there, worked out backwards: checked against the same told forwards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.license import ImportedLicense
from keycloak_license.model.record import SeatEvent
from keycloak_license.model.seat import Claim
from keycloak_license.plan.lifecycle import Installation, judge
from keycloak_license.plan.planner import seat_terms
from keycloak_license.plan.usage_history import UsageInputs, UsagePoint, usage_over_time
from tests.property.strategies import INSTALLATION_ID, NOON, REALM_ID, licenses

HERE = Installation(INSTALLATION_ID, REALM_ID, ZoneInfo("Europe/Prague"))
TICK, MINUTE, DAY = timedelta(microseconds=1), timedelta(minutes=1), timedelta(days=1)
OTHER_KINDS = ("waiting", "waiting_ended", "user_disabled", "user_enabled", "from the future")


@dataclass(frozen=True)
class Past:
    """What syncs have written, how many were seated after each, and who is now."""

    events: tuple[SeatEvent, ...]
    counts: tuple[tuple[datetime, int], ...]
    seated: frozenset[str]
    until: datetime

    def used_at(self, at: datetime) -> int:
        return next((used for instant, used in reversed(self.counts) if instant <= at), 0)


def an_event(kind: str, user: str, at: datetime) -> SeatEvent:
    return SeatEvent("WFM", user, user, kind, at, "")


@st.composite
def pasts(draw: st.DrawFn) -> Past:
    """Syncs in which people come and go; several may be at the same instant."""
    at, seated = NOON, set[str]()
    events: list[SeatEvent] = []
    counts: list[tuple[datetime, int]] = []
    for _ in range(draw(st.integers(0, 12))):
        at += draw(st.sampled_from([timedelta(), TICK, MINUTE, DAY]))
        for user in draw(st.lists(st.sampled_from("abcde"), max_size=4)):
            if draw(st.integers(0, 3)) == 0:
                events.append(an_event(draw(st.sampled_from(OTHER_KINDS)), "who never has a seat", at))
                continue
            events.append(an_event("seat_released" if user in seated else "seat_assigned", user, at))
            seated ^= {user}
        counts.append((at, len(seated)))
    return Past(
        tuple(events), tuple(counts), frozenset(seated), at + draw(st.sampled_from([timedelta(), TICK, DAY]))
    )


@st.composite
def imports(draw: st.DrawFn) -> tuple[ImportedLicense, ...]:
    """Licences as they come into a ledger: each import may replace any of those before it."""
    found: list[ImportedLicense] = []
    at = NOON - 60 * DAY
    for _ in range(draw(st.integers(0, 5))):
        at += draw(st.timedeltas(timedelta(0), 40 * DAY))
        gone = draw(st.sets(st.integers(0, 4)))
        found = [
            replace(each, replaced_at=at) if place in gone and each.replaced_at is None else each
            for place, each in enumerate(found)
        ]
        found.append(ImportedLicense(draw(licenses()), at))
    return tuple(found)


windows = st.tuples(st.integers(-3, 12), st.integers(0, 400)).map(
    lambda drawn: NOON + drawn[0] * DAY - drawn[1] * timedelta(hours=1)
)


def inputs(
    past: Past, licenses: Sequence[ImportedLicense] = (), events: Sequence[SeatEvent] | None = None
) -> UsageInputs:
    events = past.events if events is None else events
    return UsageInputs("WFM", claims(past.seated), events, licenses, HERE)


def claims(seated: Iterable[str]) -> list[Claim]:
    return [Claim("WFM", user, user, None, None, NOON, is_seated=True) for user in seated]


def value_at(points: Sequence[UsagePoint], at: datetime) -> tuple[int, int | None]:
    point = [each for each in points if each.at <= at][-1]
    return point.used, point.limit


def limit_at(found: Sequence[ImportedLicense], at: datetime) -> int | None:
    """What the licences amounted to, as somebody would have said then."""
    present = [
        replace(each, replaced_at=None)
        for each in found
        if each.imported_at <= at and not (each.replaced_at and each.replaced_at <= at)
    ]
    return seat_terms(judge(present, HERE, at), "WFM", may_take=True).limit


@given(past=pasts(), since=windows, licenses=imports(), zone=st.sampled_from(["UTC", "Asia/Kathmandu"]))
def test_backwards_from_the_present_is_the_same_as_forwards_from_the_beginning(
    past: Past, since: datetime, licenses: tuple[ImportedLicense, ...], zone: str
) -> None:
    points = usage_over_time(inputs(past, licenses), since.astimezone(ZoneInfo(zone)), past.until)
    since = min(since, past.until)
    instants = {since, past.until, *(at for at, _ in past.counts)}
    for at in (at for each in instants for at in (each - TICK, each, each + TICK)):
        if since <= at <= past.until:
            assert value_at(points, at)[0] == past.used_at(at)


@given(past=pasts(), since=windows)
def test_events_from_before_the_line_make_no_difference(past: Past, since: datetime) -> None:
    late = [event for event in past.events if event.at >= since]
    assert usage_over_time(inputs(past, (), late), since, past.until) == usage_over_time(
        inputs(past), since, past.until
    )


@given(past=pasts(), since=windows, ahead=st.tuples(st.integers(0, 30), st.integers(1, 30)))
def test_what_a_clock_that_was_ahead_has_dated_counts_once_the_clock_is_right(
    past: Past, since: datetime, ahead: tuple[int, int]
) -> None:
    first, end = ahead[0], sum(ahead)
    wrong, right = past.events[first:end], past.events[end:]
    moved = [replace(event, at=event.at + 400 * DAY) for event in wrong]
    points = usage_over_time(inputs(past, (), [*past.events[:first], *moved, *right]), since, past.until)
    went_wrong_at = wrong[0].at if wrong else past.until
    is_right_at = right[0].at if right else past.until
    for at in (point.at for point in usage_over_time(inputs(past), since, past.until)):
        if not went_wrong_at <= at < is_right_at:
            assert value_at(points, at)[0] == past.used_at(at)


@given(found=imports(), since=windows, later=st.integers(0, 4000))
def test_limits_change_exactly_when_they_did(
    found: tuple[ImportedLicense, ...], since: datetime, later: int
) -> None:
    until = max([since, *(each.imported_at for each in found)]) + later * timedelta(hours=1)
    points = usage_over_time(inputs(Past((), (), frozenset(), until), found), since, until)
    for point, next_ in pairwise(points):
        assert limit_at(found, point.at) == point.limit
        if next_.at < until:
            assert (next_.limit, limit_at(found, next_.at - TICK)) == (limit_at(found, next_.at), point.limit)
            assert next_.limit != point.limit
    for hours in range(0, later, 37):
        at = since + hours * timedelta(hours=1)
        if at <= until:
            assert value_at(points, at)[1] == limit_at(found, at)


@given(
    kinds=st.lists(st.sampled_from(["seat_assigned", "seat_released", *OTHER_KINDS]), max_size=20),
    minutes=st.lists(st.integers(-300, 300), min_size=20, max_size=20),
    seated=st.sets(st.sampled_from("abcde")),
    found=imports(),
    since=windows,
)
def test_whatever_the_history_says_the_line_ends_in_the_present_and_is_never_below_nothing(
    kinds: list[str],
    minutes: list[int],
    seated: set[str],
    found: tuple[ImportedLicense, ...],
    since: datetime,
) -> None:
    events = [
        an_event(kind, "a", NOON + minute * MINUTE) for kind, minute in zip(kinds, minutes, strict=False)
    ]
    points = usage_over_time(UsageInputs("WFM", claims(seated), events, found, HERE), since, NOON)
    in_force = [each for each in found if each.replaced_at is None]
    now = seat_terms(judge(in_force, HERE, NOON), "WFM", may_take=True).limit
    assert points[-1] == UsagePoint(NOON, len(seated), now)
    assert points[0].at == min(since, NOON)
    assert all(one.at < next_.at for one, next_ in pairwise(points))
    assert all((one.used, one.limit) != (next_.used, next_.limit) for one, next_ in pairwise(points[:-1]))
    assert min(point.used for point in points) >= 0
    assert {point.at.tzinfo for point in points} == {UTC}


@given(past=pasts(), found=imports(), since=windows, most=st.integers(4, 12))
def test_a_line_of_few_points_keeps_its_ends_and_its_peak(
    past: Past, found: tuple[ImportedLicense, ...], since: datetime, most: int
) -> None:
    every = usage_over_time(inputs(past, found), since, past.until)
    few = usage_over_time(inputs(past, found), since, past.until, most)
    assert len(few) <= most if len(every) > most else few == every
    assert set(few) <= set(every)
    assert sorted(few, key=lambda point: point.at) == list(few)
    assert (few[0], few[-1]) == (every[0], every[-1])
    assert max(point.used for point in few) == max(point.used for point in every)
    relimited = {next_ for one, next_ in pairwise(every) if one.limit != next_.limit}
    if len({every[0], every[-1], *relimited}) <= most // 2:
        assert relimited <= set(few)
