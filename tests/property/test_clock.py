"""Time never runs back, and no leap of a clock is believed for good, whatever the clocks show.

The truth is known here: `t` is what time it is, and a clock is wrong by what the test sets it wrong by. A
night is 24 hours, give or take two; an episode is one wrong setting of a clock, mended within 12 hours.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

from hypothesis import assume, example, given
from hypothesis import strategies as st

from keycloak_license.model.license import ImportedLicense, Standing
from keycloak_license.model.record import ClockMark
from keycloak_license.plan.clock import ClockReading, read_clock
from keycloak_license.plan.lifecycle import Installation, judge
from tests.property.strategies import INSTALLATION_ID, NOON, REALM_ID, imported

HERE = Installation(INSTALLATION_ID, REALM_ID, ZoneInfo("Europe/Prague"))
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TICK = timedelta(microseconds=1)
TOLERANCE, LEAP, MENDED_WITHIN = MINUTE, 36 * HOUR, 12 * HOUR


@dataclass(frozen=True)
class Shown:
    """What the two clocks show at one sync."""

    here: datetime
    keycloak: datetime | None

    @property
    def latest(self) -> datetime:
        return self.here if self.keycloak is None else max(self.here, self.keycloak)


def chain(shown: Iterable[Shown], mark: ClockMark = ClockMark()) -> list[ClockReading]:  # noqa: B008
    """Sync after sync, each with the mark that the one before it left."""
    readings: list[ClockReading] = []
    for each in shown:
        readings.append(read_clock(each.here, each.keycloak, mark))
        mark = readings[-1].mark
    return readings


def mark_after(readings: Sequence[ClockReading]) -> ClockMark:
    return readings[-1].mark if readings else ClockMark()


def reached(mark: ClockMark) -> datetime:
    return mark.reached or datetime.min.replace(tzinfo=UTC)


def right(times: Iterable[datetime]) -> list[Shown]:
    return [Shown(t, t) for t in times]


def times(begin: datetime, steps: Iterable[timedelta]) -> list[datetime]:
    """The instants of syncs that many steps apart, without `begin`."""
    return [begin + gone for gone in accumulate(steps)]


# Around the limits that there are, and anything in between.
near = st.sampled_from([timedelta(), TICK, -TICK, MINUTE, -MINUTE, MINUTE + TICK, -MINUTE - TICK])
marks = st.sampled_from([timedelta(), MINUTE, MENDED_WITHIN, DAY, LEAP, 3 * DAY, 30 * DAY, 400 * DAY])
spans = st.builds(lambda span, by: span + by, marks, near) | st.timedeltas(timedelta(), 60 * DAY)
offsets = st.builds(lambda span, sign: sign * span, spans, st.sampled_from([1, -1]))
instants = offsets.map(lambda offset: NOON + offset)
anything = st.builds(Shown, instants, st.none() | instants)
steps = st.sampled_from([timedelta(), timedelta(seconds=5), 15 * MINUTE]) | st.timedeltas(timedelta(), DAY)
nights = st.timedeltas(22 * HOUR, 26 * HOUR)
gaps = steps | st.timedeltas(DAY, 20 * DAY)
jitters = st.timedeltas(-MINUTE / 2, MINUTE / 2)


@given(shown=st.lists(anything, min_size=1, max_size=12))
def test_now_is_never_before_what_was_reached_nor_after_what_was_shown(shown: list[Shown]) -> None:
    before = ClockMark()
    for each in shown:
        reading = read_clock(each.here, each.keycloak, before)
        assert reading.now >= reached(before)
        assert reading.now <= max(each.latest, reached(before))
        before = reading.mark


@given(shown=st.lists(anything, min_size=1, max_size=12))
def test_what_is_reached_never_goes_back_and_was_shown_by_a_clock(shown: list[Shown]) -> None:
    marks = [ClockMark(), *(reading.mark for reading in chain(shown))]

    assert all(reached(one) <= reached(next_one) for one, next_one in pairwise(marks))
    for count, mark in enumerate(marks):
        assert mark.reached is None or mark.reached <= max(each.latest for each in shown[:count])


@given(shown=st.lists(anything, min_size=1, max_size=8), later=st.lists(anything, min_size=1, max_size=8))
def test_no_clock_brings_back_a_time_that_was_reached(shown: list[Shown], later: list[Shown]) -> None:
    mark = mark_after(chain(shown))

    assert all(reading.now >= reached(mark) for reading in chain(later, mark))


@given(begin=instants, gone=st.lists(steps, min_size=1, max_size=8), back=st.lists(anything, max_size=8))
def test_after_twelve_hours_of_syncs_no_clock_lowers_now(
    begin: datetime, gone: list[timedelta], back: list[Shown]
) -> None:
    syncs = [begin, *times(begin, gone)]
    assume(syncs[-1] - begin >= MENDED_WITHIN)
    readings = chain(right(syncs))

    assert readings[-1].mark == ClockMark(syncs[-1])
    assert all(reading.now >= syncs[-1] for reading in chain(back, readings[-1].mark))


@given(here=instants, keycloak=instants, mark=anything)
def test_the_clocks_are_compared_to_the_minute(here: datetime, keycloak: datetime, mark: Shown) -> None:
    known = ClockMark(mark.here, mark.keycloak)

    comparison = read_clock(here, keycloak, known).comparison
    assert (comparison is None) == (abs(here - keycloak) <= TOLERANCE)
    if comparison is not None:
        assert ("ahead of" if here > keycloak else "behind") in comparison
    assert read_clock(here, None, known).comparison is None


@given(begin=instants, gone=st.lists(st.timedeltas(timedelta(), 23 * HOUR), max_size=8), wrong=st.data())
def test_clocks_that_agree_cause_no_word(
    begin: datetime, gone: list[timedelta], wrong: st.DataObject
) -> None:
    for reading in _readings_within(begin, gone, wrong):
        assert (reading.comparison, reading.doubt) == (None, None)


@given(begin=instants, gone=st.lists(gaps, max_size=8), wrong=st.data())
def test_clocks_that_agree_are_believed(begin: datetime, gone: list[timedelta], wrong: st.DataObject) -> None:
    syncs = [begin, *times(begin, gone)]
    for t, reading in zip(syncs, _readings_within(begin, gone, wrong), strict=True):
        assert abs(reading.now - t) <= TOLERANCE


def _readings_within(begin: datetime, gone: list[timedelta], wrong: st.DataObject) -> list[ClockReading]:
    """Readings of clocks that are each right to half a minute; Keycloak's may not tell."""
    syncs = [begin, *times(begin, gone)]
    shown = []
    for t in syncs:
        keycloak = wrong.draw(st.none() | jitters)
        shown.append(Shown(t + wrong.draw(jitters), None if keycloak is None else t + keycloak))
    return chain(shown)


@given(
    first=st.timedeltas(timedelta(), DAY),
    gone=st.lists(nights, min_size=1, max_size=10),
    by_hand=st.lists(st.timedeltas(timedelta(), 10 * DAY), max_size=5),
)
@example(first=MENDED_WITHIN - MINUTE, gone=[26 * HOUR], by_hand=[])
@example(first=MENDED_WITHIN - MINUTE, gone=[26 * HOUR, DAY], by_hand=[39 * HOUR])
def test_a_nightly_sync_is_never_a_leap(
    first: timedelta, gone: list[timedelta], by_hand: list[timedelta]
) -> None:
    """Whenever the installation began, and whoever syncs by hand in between."""
    nightly = [NOON + first, *times(NOON + first, gone)]
    syncs = sorted([NOON, *nightly, *(NOON + by for by in by_hand if NOON + by < nightly[-1])])
    readings = chain(right(syncs))

    assert [reading.doubt for reading in readings] == [None] * len(syncs)
    for t, reading in zip(syncs, readings, strict=True):
        assert t - NOON < MENDED_WITHIN or reading.mark == ClockMark(t)


@given(
    begin=instants,
    before=st.lists(gaps, max_size=6),
    gone=st.lists(steps, min_size=1, max_size=6),
)
def test_after_any_pause_half_a_day_of_syncs_is_enough(
    begin: datetime, before: list[timedelta], gone: list[timedelta]
) -> None:
    history = [begin, *times(begin, before)]
    syncs = [history[-1], *times(history[-1], gone)]
    assume(syncs[-1] - syncs[0] >= MENDED_WITHIN)

    assert mark_after(chain(right([*history, *syncs[1:]]))) == ClockMark(syncs[-1])


@given(here=instants, keycloak=st.none() | instants, mark=instants)
def test_what_is_wrong_with_time_is_told_as_it_is_taken(
    here: datetime, keycloak: datetime | None, mark: datetime
) -> None:
    reading = read_clock(here, keycloak, ClockMark(mark))
    both = [here] if keycloak is None else [here, keycloak]

    if all(clock < mark - 2 * TOLERANCE for clock in both):
        assert reading.now == mark
        assert "went back" in (reading.doubt or "")
    if all(clock > mark + LEAP + TOLERANCE for clock in both):
        assert reading.mark == ClockMark(mark, leapt_to=reading.now, latest=reading.now)
        assert "without a sync" in (reading.doubt or "")
    if all(mark <= clock <= mark + LEAP for clock in both):
        assert reading.doubt is None


@given(begin=instants, gone=st.lists(st.tuples(gaps, offsets, jitters), min_size=1, max_size=10))
def test_a_right_keycloak_keeps_a_wrong_clock_here_within_two_minutes(
    begin: datetime, gone: list[tuple[timedelta, timedelta, timedelta]]
) -> None:
    """Also where several servers of one Keycloak differ by seconds."""
    syncs = times(begin, [step for step, _, _ in gone])
    shown = [Shown(t + wrong, t + by) for t, (_, wrong, by) in zip(syncs, gone, strict=True)]

    for t, reading in zip(syncs, chain(shown), strict=True):
        assert abs(reading.now - t) <= 2 * TOLERANCE


@dataclass(frozen=True)
class Episode:
    """Syncs before, during and after a time in which clocks were set ahead."""

    before: list[datetime]
    during: list[datetime]
    after: list[datetime]
    shown: list[Shown]
    """What the clocks showed in the episode."""
    ahead: timedelta

    def readings_after(self) -> list[ClockReading]:
        mark = mark_after(chain([*right(self.before), *self.shown]))
        return chain(right(self.after), mark)


@st.composite
def episodes(draw: st.DrawFn, ahead: st.SearchStrategy[timedelta]) -> Episode:
    """Right clocks, with pauses; then an episode, perhaps of the very first syncs; then right ones."""
    # Time goes on between the syncs, so at least a bit more than nothing.
    moves = gaps.map(lambda step: step + timedelta(seconds=1))
    before = times(NOON, draw(st.lists(moves, max_size=5)))
    begin = (before or [NOON])[-1] + draw(moves)
    # Often in the first hours, when nothing is believed yet.
    during = [begin, *times(begin, draw(st.lists(steps, max_size=4)))]
    during = [t for t in during if t - begin < MENDED_WITHIN]
    after = times(during[-1], draw(st.lists(moves, min_size=1, max_size=5)))
    offset = draw(ahead)
    here, keycloak = draw(st.sampled_from([(True, False), (False, True), (True, True)]))
    shown = [
        Shown(t + offset * here, draw(st.none()) if draw(st.booleans()) and here else t + offset * keycloak)
        for t in during
    ]
    return Episode(before, during, after, shown, offset)


far_ahead = spans.map(lambda by: LEAP + 2 * TOLERANCE + abs(by))


@given(episode=episodes(spans.filter(lambda span: span > timedelta())))
def test_a_clock_set_ahead_leaves_time_at_most_a_leap_ahead(episode: Episode) -> None:
    for t, reading in zip(episode.after, episode.readings_after(), strict=True):
        assert t <= reading.now <= t + LEAP + TOLERANCE
        assert reached(reading.mark) <= t + LEAP + TOLERANCE


@given(episode=episodes(far_ahead))
def test_a_clock_set_far_ahead_and_mended_leaves_no_trace(episode: Episode) -> None:
    for t, reading in zip(episode.after, episode.readings_after(), strict=True):
        # Keycloak's clock, when right, lets the one here gain what two clocks may differ by, no more.
        assert t <= reading.now <= t + TOLERANCE


licenses = st.lists(imported(), min_size=1, max_size=4)


def stand(found: list[ImportedLicense], now: datetime) -> Standing:
    return judge(found, HERE, now)


@given(found=licenses, episode=episodes(far_ahead))
def test_a_clock_set_far_ahead_and_mended_costs_no_licence_and_no_grace(
    found: list[ImportedLicense], episode: Episode
) -> None:
    for t, reading in zip(episode.after, episode.readings_after(), strict=True):
        assert stand(found, reading.now) in (stand(found, t), stand(found, t + TOLERANCE))


@given(
    found=licenses,
    begin=st.timedeltas(-60 * DAY, 60 * DAY).map(lambda by: NOON + by),
    gone=st.lists(steps, min_size=2, max_size=8),
    later=st.lists(anything, min_size=1, max_size=8),
)
def test_access_that_ended_by_clocks_that_were_right_never_comes_back_by_setting_any(
    found: list[ImportedLicense], begin: datetime, gone: list[timedelta], later: list[Shown]
) -> None:
    syncs = [begin, *times(begin, gone)]
    assume(syncs[-1] - begin >= MENDED_WITHIN)
    # One that has not started yet may give access when it does.
    first_day = syncs[-1].astimezone(HERE.zone).date()
    started = [each for each in found if each.license.starts_on <= first_day]
    last = chain(right(syncs))[-1]
    assume(not stand(started, last.now).is_granted)

    for reading in chain(later, last.mark):
        assert not stand(started, reading.now).is_granted


@given(
    found=licenses,
    begin=st.timedeltas(-60 * DAY, 60 * DAY).map(lambda by: NOON + by),
    gone=st.lists(st.tuples(gaps, spans), min_size=1, max_size=8),
)
def test_a_clock_set_back_here_extends_nothing_while_keycloak_is_right(
    found: list[ImportedLicense], begin: datetime, gone: list[tuple[timedelta, timedelta]]
) -> None:
    """From the first sync on, before anything is believed."""
    syncs = times(begin, [step for step, _ in gone])
    readings = chain(Shown(t - by, t) for t, (_, by) in zip(syncs, gone, strict=True))

    for t, reading in zip(syncs, readings, strict=True):
        assert stand(found, reading.now) in (stand(found, t), stand(found, t - TOLERANCE))
