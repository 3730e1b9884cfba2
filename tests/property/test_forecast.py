"""A day is foretold only where the data allow it, and then it is the right one."""

from datetime import date, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.plan.forecast import (
    LOOK_BACK_DAYS,
    MAX_DAYS,
    MIN_DAYS,
    PROBABILITY,
    Forecast,
    NoForecast,
    forecast,
)

TODAY = date(2026, 5, 1)
demands = st.lists(st.integers(-2, 3), min_size=0, max_size=60).map(
    lambda changes: [100 + sum(changes[:place]) for place in range(len(changes) + 1)]
)


def in_days(found: Forecast | NoForecast) -> tuple[int, int, int]:
    assert isinstance(found, Forecast), found
    earliest, day, latest = ((each - TODAY).days for each in (found.earliest, found.day, found.latest))
    return earliest, day, latest


@given(level=st.integers(0, 90), days=st.integers(1, 400))
def test_flat_demand_never_reaches_anything(level: int, days: int) -> None:
    assert isinstance(forecast([level] * days, TODAY, 100), NoForecast)


@given(
    slope=st.integers(1, 5), days=st.integers(MIN_DAYS + 1, 100), ahead=st.integers(1, MAX_DAYS),
    start=st.integers(0, 9),
)  # fmt: skip
def test_a_straight_line_is_followed_to_the_day(slope: int, days: int, ahead: int, start: int) -> None:
    demand = [start + slope * day for day in range(days)]
    assert in_days(forecast(demand, TODAY, demand[-1] + slope * ahead)) == (ahead, ahead, ahead)
    assert in_days(forecast(demand, TODAY, demand[-1] + slope * (ahead - 1) + 1)) == (ahead, ahead, ahead)


@given(long_ago=st.lists(st.integers(0, 200), max_size=50), slope=st.integers(1, 5))
def test_what_was_long_ago_says_nothing_of_what_comes(long_ago: list[int], slope: int) -> None:
    demand = [slope * day for day in range(LOOK_BACK_DAYS + 1)]
    found = forecast(long_ago + demand, TODAY, demand[-1] + 10 * slope)
    assert in_days(found) == (10, 10, 10)
    assert isinstance(found, Forecast)
    assert found.days == LOOK_BACK_DAYS


@given(demand=demands, limit=st.integers(0, 300), more=st.integers(0, 50))
def test_more_seats_never_run_out_earlier(demand: list[int], limit: int, more: int) -> None:
    few, many = forecast(demand, TODAY, limit), forecast(demand, TODAY, limit + more)
    if isinstance(few, Forecast) and isinstance(many, Forecast):
        assert (many.earliest, many.day, many.latest) >= (few.earliest, few.day, few.latest)
        assert many.earliest >= few.earliest
        assert many.latest >= few.latest
    elif isinstance(few, Forecast):
        assert many is NoForecast.TOO_FAR


@given(demand=demands, limit=st.none() | st.integers(0, 300))
def test_there_is_a_day_or_the_reason_that_applies(demand: list[int], limit: int | None) -> None:
    match found := forecast(demand, TODAY, limit):
        case Forecast():
            assert TODAY < found.earliest <= found.day <= found.latest
            assert found.days == len(demand) - 1 >= MIN_DAYS
            assert demand[0] < demand[-1]
        case NoForecast.UNLIMITED | NoForecast.NOT_LICENSED:
            assert not limit
        case NoForecast.FULL:
            assert limit is not None
            assert demand[-1] >= limit
        case NoForecast.TOO_FEW_DAYS:
            assert len(demand) <= MIN_DAYS
        case NoForecast.NO_GROWTH | NoForecast.TOO_FAR:
            assert len(demand) > MIN_DAYS


def test_one_leap_is_no_growth() -> None:
    assert forecast([10] * 15 + [30] * 15, TODAY, 50) is NoForecast.NO_GROWTH


def test_growth_beyond_the_horizon_is_not_told() -> None:
    demand = list(range(30))
    for limit in (29 + MAX_DAYS + 1, 10**9, 10**18):
        assert forecast(demand, TODAY, limit) is NoForecast.TOO_FAR


def test_the_interval_holds_as_often_as_it_says() -> None:
    """Walks with a drift, drawn from one seed: how often the true day lies between."""
    random = Random(20260501)  # noqa: S311 - the same walks each time
    hits = told = 0
    for _ in range(400):
        changes = [random.choice((0, 0, 1, 1, 2)) for _ in range(250)]
        demand = [sum(changes[:day]) for day in range(41)]
        found = forecast(demand, TODAY, demand[-1] + 20)
        if isinstance(found, Forecast):
            reached = next(h for h in range(1, 210) if sum(changes[40 : 40 + h]) >= 20)
            told += 1
            hits += found.earliest <= TODAY + timedelta(days=reached) <= found.latest
    assert told > 390
    assert PROBABILITY - 0.06 < hits / told < PROBABILITY + 0.15
