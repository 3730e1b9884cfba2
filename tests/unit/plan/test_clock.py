"""What time it is taken to be, sentence by sentence; the general rules are in `tests/property`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from keycloak_license.model.record import ClockMark
from keycloak_license.plan.clock import ClockReading, read_clock

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3600, 86400))
SETTLED = ClockMark(NOON)


def read(
    here: timedelta, keycloak: timedelta | None = None, mark: ClockMark = SETTLED, since: datetime = NOON
) -> ClockReading:
    """What two clocks show, as seen from `since`."""
    return read_clock(since + here, None if keycloak is None else since + keycloak, mark)


def test_clocks_that_go_on_are_followed() -> None:
    assert read(5 * MINUTE, 5 * MINUTE) == ClockReading(NOON + 5 * MINUTE, ClockMark(NOON + 5 * MINUTE))


def test_a_keycloak_that_tells_no_time_leaves_the_clock_here() -> None:
    assert read(5 * MINUTE) == ClockReading(NOON + 5 * MINUTE, ClockMark(NOON + 5 * MINUTE))


@pytest.mark.parametrize("apart", [timedelta(), SECOND, MINUTE])
def test_a_minute_between_the_clocks_is_no_matter(apart: timedelta) -> None:
    for here, keycloak in ((HOUR, HOUR + apart), (HOUR + apart, HOUR)):
        reading = read(here, keycloak)
        assert (reading.now, reading.comparison) == (NOON + here, None)


@pytest.mark.parametrize(
    ("here", "now", "words"),
    [
        (HOUR + 61 * SECOND, HOUR + MINUTE, "The clock here is 61 seconds ahead of Keycloak's"),
        (HOUR - 61 * SECOND, HOUR - MINUTE, "The clock here is 61 seconds behind Keycloak's"),
        (4 * HOUR, HOUR + MINUTE, "The clock here is 3 hours ahead of Keycloak's"),
        (400 * DAY, HOUR + MINUTE, "The clock here is 400 days ahead of Keycloak's"),
        (-400 * DAY, HOUR - MINUTE, "The clock here is 400 days behind Keycloak's"),
    ],
)
def test_keycloaks_clock_bounds_the_one_here_and_the_difference_is_told(
    here: timedelta, now: timedelta, words: str
) -> None:
    reading = read(here, HOUR)

    assert reading.now == NOON + now
    assert reading.mark == ClockMark(NOON + now)
    assert reading.comparison == (
        f"{words}: set both by the same time server; until then no licence is longer or shorter for it"
    )
    assert reading.doubt is None


def test_a_keycloak_that_is_behind_what_was_reached_is_not_followed() -> None:
    reading = read(HOUR, -30 * DAY)

    assert reading.now == NOON + HOUR
    assert reading.comparison is not None


def test_clocks_set_back_leave_time_where_it_had_got_to_and_that_is_told() -> None:
    reading = read(-3 * DAY, -3 * DAY)

    assert (reading.now, reading.mark) == (NOON, SETTLED)
    assert reading.doubt == (
        "The clock went back by 3 days, and licences are judged as of 2026-05-01 12:00:00+00:00 until it is "
        "later than that: set it right, or wait for that if it is right"
    )


def test_a_minute_back_is_no_matter() -> None:
    assert read(-MINUTE) == ClockReading(NOON, SETTLED)
    assert "went back by 61 seconds" in (read(-61 * SECOND).doubt or "")


def test_a_day_and_a_half_without_a_sync_is_believed_at_once() -> None:
    assert read(36 * HOUR) == ClockReading(NOON + 36 * HOUR, ClockMark(NOON + 36 * HOUR))


def test_a_longer_step_counts_now_but_is_not_believed_yet() -> None:
    reading = read(40 * DAY)

    assert reading.now == NOON + 40 * DAY
    assert reading.mark == ClockMark(NOON, leapt_to=NOON + 40 * DAY, latest=NOON + 40 * DAY)
    assert reading.doubt == (
        "The clock went on by 40 days without a sync: if that is right, do nothing, it is believed after "
        "twelve hours; if it was set wrong, set it right and sync, and nothing is lost"
    )


def test_a_clock_that_was_set_ahead_and_is_right_again_has_cost_nothing() -> None:
    ahead = read(40 * DAY).mark

    assert read(HOUR, mark=ahead) == ClockReading(NOON + HOUR, ClockMark(NOON + HOUR))


def test_a_clock_that_goes_on_for_half_a_day_from_where_it_leapt_to_is_believed() -> None:
    leapt = read(40 * DAY).mark

    early = read(40 * DAY + 12 * HOUR - SECOND, mark=leapt)
    assert early.now == NOON + 40 * DAY + 12 * HOUR - SECOND
    assert early.mark == replace(leapt, latest=early.now)
    late = read(40 * DAY + 12 * HOUR, mark=leapt)
    assert late.mark == ClockMark(NOON + 40 * DAY + 12 * HOUR)
    assert read(HOUR, mark=late.mark).now == NOON + 40 * DAY + 12 * HOUR


def test_of_two_leaps_the_lesser_counts() -> None:
    # The first was the wrong clock, the second the end of the pause in which it was set right.
    ahead = read(400 * DAY).mark
    back = read(3 * DAY, mark=ahead)

    assert (back.now, back.mark) == (
        NOON + 3 * DAY,
        ClockMark(NOON, leapt_to=NOON + 3 * DAY, latest=NOON + 3 * DAY),
    )


def test_the_first_sync_of_all_is_believed_once_half_a_day_has_gone_by() -> None:
    first = read(timedelta(), timedelta(), ClockMark())

    assert first == ClockReading(NOON, ClockMark(None, leapt_to=NOON, latest=NOON))
    assert read(HOUR, HOUR, first.mark).mark == replace(first.mark, latest=NOON + HOUR)
    assert read(12 * HOUR, 12 * HOUR, first.mark).mark == ClockMark(NOON + 12 * HOUR)


def test_an_installation_that_begins_with_a_wrong_clock_is_not_stuck() -> None:
    ahead = read(400 * DAY, mark=ClockMark())

    assert read(HOUR, mark=ahead.mark) == ClockReading(
        NOON + HOUR, ClockMark(None, leapt_to=NOON + HOUR, latest=NOON + HOUR)
    )


def test_a_clock_set_ahead_in_the_first_hours_burns_nothing_either() -> None:
    first = read(timedelta(), mark=ClockMark())
    ahead = read(400 * DAY, mark=first.mark)

    assert ahead.now == NOON + 400 * DAY
    assert "went on by 400 days without a sync" in (ahead.doubt or "")
    assert read(HOUR, mark=ahead.mark).now == NOON + HOUR


def test_who_syncs_once_a_week_is_one_week_behind_and_not_stuck() -> None:
    mark = ClockMark()
    for week in range(5):
        reading = read(7 * week * DAY, 7 * week * DAY, mark)
        assert reading.now == NOON + 7 * week * DAY
        mark = reading.mark

    assert mark == ClockMark(NOON + 21 * DAY, leapt_to=NOON + 28 * DAY, latest=NOON + 28 * DAY)


def test_time_in_another_zone_is_the_same_time() -> None:
    east = NOON.astimezone(datetime.fromisoformat("2026-05-01T12:00:00+14:00").tzinfo)

    assert read_clock(east, NOON, SETTLED) == ClockReading(NOON, SETTLED)
