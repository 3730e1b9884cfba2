"""How often somebody may do what costs something."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine

from keycloak_license.web.limits import Limits, Rate

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def time() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def use_up(limits: Limits, rate: Rate, who: str) -> int:
    """How often it can be done before somebody has to wait."""
    return next(count for count in range(1000) if limits.wait_seconds(rate, who))


@pytest.mark.parametrize("rate", Rate)
def test_the_limit_is_what_it_says(time: time_machine.Traveller, rate: Rate) -> None:
    assert use_up(Limits(), rate, "ann") == int(rate.value.partition("/")[0])


def test_who_waits_as_long_as_he_is_told_may_go_on(time: time_machine.Traveller) -> None:
    limits = Limits()
    use_up(limits, Rate.UPLOAD, "ann")
    time.shift(20)
    seconds = limits.wait_seconds(Rate.UPLOAD, "ann")
    assert 40 <= seconds <= 42
    time.shift(seconds - 2)
    assert limits.wait_seconds(Rate.UPLOAD, "ann") > 0
    time.shift(2)
    assert limits.wait_seconds(Rate.UPLOAD, "ann") == 0


def test_the_window_moves_so_that_no_minute_has_twice_as_many(time: time_machine.Traveller) -> None:
    limits = Limits()
    time.shift(50)
    use_up(limits, Rate.CHANGE, "ann")
    time.shift(20)
    assert limits.wait_seconds(Rate.CHANGE, "ann") > 0


def test_everybody_and_everything_is_counted_apart(time: time_machine.Traveller) -> None:
    limits = Limits()
    use_up(limits, Rate.UPLOAD, "ann")
    assert limits.wait_seconds(Rate.UPLOAD, "bob") == 0
    assert limits.wait_seconds(Rate.CHANGE, "ann") == 0
    assert Limits().wait_seconds(Rate.UPLOAD, "ann") == 0
