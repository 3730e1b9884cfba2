"""When new consumers came: by events where they tell, by the sync where they do not."""

from datetime import timedelta

from keycloak_license.model.realm import NO_GRANT_TIMES, GrantTimes
from keycloak_license.model.seat import Claim
from keycloak_license.plan.arrivals import TICK, date_arrivals
from tests.unit.plan.samples import NOON

MINUTE = timedelta(minutes=1)


def claim(minutes: int) -> Claim:
    return Claim("WFM", "old", "old", None, None, NOON + minutes * MINUTE)


def ago(**minutes: int) -> GrantTimes:
    return GrantTimes({name: NOON - each * MINUTE for name, each in minutes.items()})


def test_without_events_everybody_came_just_now() -> None:
    arrivals = date_arrivals([claim(-9)], NO_GRANT_TIMES, NOON)
    assert (arrivals.of("ann"), arrivals.now) == (NOON, NOON)


def test_an_event_tells_when_somebody_came() -> None:
    arrivals = date_arrivals([claim(-9)], ago(ann=3, bob=2), NOON)
    assert arrivals.of("ann") == NOON - 3 * MINUTE
    assert arrivals.of("bob") == NOON - 2 * MINUTE
    assert arrivals.of("eve") == arrivals.now == NOON


def test_nobody_came_before_those_who_have_a_claim() -> None:
    arrivals = date_arrivals([claim(-3)], ago(ann=5, bob=4), NOON)
    assert arrivals.of("ann") == NOON - 3 * MINUTE + TICK
    assert arrivals.of("bob") == NOON - 3 * MINUTE + 2 * TICK


def test_nobody_comes_in_the_future() -> None:
    arrivals = date_arrivals([], ago(ann=-5, bob=-4, eve=1), NOON)
    assert arrivals.of("eve") == NOON - MINUTE
    assert arrivals.of("bob") == NOON
    assert arrivals.of("ann") == NOON + TICK
    assert arrivals.now == NOON + TICK


def test_who_was_given_something_at_once_came_at_once() -> None:
    arrivals = date_arrivals([claim(-3)], ago(ann=5, bob=5), NOON)
    assert arrivals.of("ann") == arrivals.of("bob")


def test_whom_no_event_names_came_with_a_group() -> None:
    times = GrantTimes(ago(ann=3).users, structure=NOON - 4 * MINUTE)
    arrivals = date_arrivals([claim(-9)], times, NOON)
    assert arrivals.of("eve") == NOON - 4 * MINUTE < arrivals.of("ann")


def test_at_the_first_sync_whom_no_event_names_was_there_before_all_events() -> None:
    arrivals = date_arrivals([], ago(ann=3, bob=2), NOON, is_first=True)
    assert arrivals.of("eve") < arrivals.of("ann") < arrivals.of("bob")
    assert date_arrivals([], NO_GRANT_TIMES, NOON, is_first=True).of("eve") == NOON


def test_a_clock_that_was_ahead_makes_nobody_first() -> None:
    arrivals = date_arrivals([claim(60)], ago(ann=3, bob=2), NOON)
    assert claim(60).claimed_at < arrivals.of("ann") < arrivals.of("bob") <= arrivals.now
    assert arrivals.now >= arrivals.of("eve")
