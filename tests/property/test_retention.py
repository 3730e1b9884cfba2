"""Whom Keycloak is asked for on a day: few, and everybody in turn."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.plan.retention import ASKED_PER_DAY, choose_asked
from tests.property.strategies import NOON

DAY = timedelta(days=1)
days = st.integers(0, 3000).map(lambda number: NOON + number * DAY)


@given(absent=st.frozensets(st.text(min_size=1), max_size=ASKED_PER_DAY), now=days)
def test_where_they_are_few_everybody_is_asked_for(absent: frozenset[str], now: datetime) -> None:
    assert choose_asked(absent, now) == absent


@given(count=st.integers(ASKED_PER_DAY + 1, 20 * ASKED_PER_DAY), now=days, name=st.text(max_size=3))
def test_of_many_everybody_has_his_day(count: int, now: datetime, name: str) -> None:
    absent = frozenset(f"{name}{number}" for number in range(count))
    rounds = [choose_asked(absent, now + day * DAY) for day in range(-(-count // ASKED_PER_DAY))]
    assert frozenset().union(*rounds) == absent
    assert sum(map(len, rounds)) == count
    assert max(map(len, rounds)) < 1.5 * ASKED_PER_DAY


@given(now=days, hours=st.integers(0, 11))
def test_a_day_is_the_same_at_every_hour(now: datetime, hours: int) -> None:
    absent = frozenset(map(str, range(3 * ASKED_PER_DAY)))
    assert choose_asked(absent, now) == choose_asked(absent, now + timedelta(hours=hours))
