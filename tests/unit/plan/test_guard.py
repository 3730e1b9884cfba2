"""Too many releases at once are held until they persist or somebody confirms them."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.record import RealmRecord, SyncFailure, SyncRecord
from keycloak_license.model.seat import Claim, HeldRelease
from keycloak_license.plan.guard import DEFAULT_GUARD, Ending, Guard, carry_over, hold_back

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ending(number: int, *, is_seated: bool = True, is_certain: bool = False) -> Ending:
    claim = Claim("WFM", f"user-{number}", f"u{number}", None, number, NOON, is_seated)
    return Ending(claim, "no_role", is_certain)


def endings(count: int) -> list[Ending]:
    return [ending(number) for number in range(count)]


def held_since(since: datetime, count: int) -> list[HeldRelease]:
    return [HeldRelease("WFM", f"user-{number}", f"u{number}", "no_role", since) for number in range(count)]


def is_held(count: int, seated: int, guard: Guard = DEFAULT_GUARD) -> bool:
    return bool(hold_back(endings(count), seated, (), guard, NOON))


def test_five_releases_pass_whatever_share_they_are() -> None:
    assert not is_held(5, 5)


def test_six_of_thirty_are_twenty_percent_and_pass() -> None:
    assert not is_held(6, 30)


def test_six_of_twenty_nine_are_held() -> None:
    assert is_held(6, 29)


def test_all_that_end_are_held_together_those_who_wait_included() -> None:
    ends = [*endings(6), ending(6, is_seated=False)]
    held = hold_back(ends, 20, (), DEFAULT_GUARD, NOON)
    assert held == tuple(held_since(NOON, 7))


def test_those_who_wait_are_no_seats_and_hold_nothing_by_themselves() -> None:
    waiting = [ending(number, is_seated=False) for number in range(50)]
    assert hold_back(waiting, 10, (), DEFAULT_GUARD, NOON) == ()


def test_what_the_licence_ends_is_neither_counted_nor_held() -> None:
    exempt = [ending(number, is_certain=True) for number in range(20)]
    assert hold_back(exempt, 20, (), DEFAULT_GUARD, NOON) == ()
    mixed = [*exempt, *(ending(number) for number in range(20, 26))]
    assert {each.user_id for each in hold_back(mixed, 26, (), DEFAULT_GUARD, NOON)} == {
        f"user-{number}" for number in range(20, 26)
    }


def test_the_first_instant_is_kept_as_long_as_it_is_held() -> None:
    earlier = held_since(NOON - HOUR, 6)
    assert hold_back(endings(6), 20, earlier, DEFAULT_GUARD, NOON) == tuple(earlier)


def test_what_persisted_for_the_whole_time_is_carried_out() -> None:
    almost = held_since(NOON - 24 * HOUR + timedelta(seconds=1), 6)
    assert hold_back(endings(6), 20, almost, DEFAULT_GUARD, NOON) == tuple(almost)
    assert hold_back(endings(6), 20, held_since(NOON - 24 * HOUR, 6), DEFAULT_GUARD, NOON) == ()


def test_what_is_held_stays_so_when_it_becomes_a_smaller_part_or_fewer() -> None:
    earlier = held_since(NOON - HOUR, 6)
    assert hold_back(endings(6), 1000, earlier, DEFAULT_GUARD, NOON) == tuple(earlier)
    assert hold_back(endings(2), 1000, earlier, DEFAULT_GUARD, NOON) == tuple(earlier[:2])
    assert hold_back(endings(8), 1000, earlier, DEFAULT_GUARD, NOON) == tuple(earlier)


def test_what_came_later_has_a_time_of_its_own() -> None:
    old = held_since(NOON - 24 * HOUR, 6)
    held = hold_back(endings(13), 20, old, DEFAULT_GUARD, NOON)
    assert [(each.user_id, each.since) for each in held] == [(f"user-{n}", NOON) for n in range(6, 13)]


def test_a_guard_that_holds_for_no_time_holds_nothing() -> None:
    assert not is_held(20, 20, Guard(hold=timedelta()))


def test_a_guard_of_nothing_holds_every_release() -> None:
    assert is_held(1, 1000, Guard(0, 0))


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 100), st.integers(0, 20))
def test_never_more_than_both_bounds_at_once(gone: int, staying: int, percent: int, seats: int) -> None:
    guard = Guard(percent, seats)
    seated = gone + staying
    released = gone - len(hold_back(endings(gone), seated, (), guard, NOON))
    assert released <= max(seats, percent * seated / 100)
    if gone <= seats or gone * 100 <= percent * seated:
        assert released == gone


def record(held: list[HeldRelease], failure: SyncFailure | None = None) -> RealmRecord:
    last_sync = SyncRecord("acme", "r", "i", NOON, is_complete=True, held=tuple(held))
    return RealmRecord("acme", last_sync=last_sync, failure=failure)


def test_time_after_which_not_everything_was_seen_does_not_count() -> None:
    held = held_since(NOON - HOUR, 1)
    assert carry_over(record(held), NOON + 5 * HOUR, has_gaps=False) == tuple(held)
    assert carry_over(record(held), NOON + 5 * HOUR, has_gaps=True)[0].since == NOON + 4 * HOUR
    failed = record(held, SyncFailure(NOON + HOUR, NOON + 4 * HOUR, "It was down."))
    assert carry_over(failed, NOON + 5 * HOUR, has_gaps=False)[0].since == NOON + 4 * HOUR


def test_a_clock_that_went_back_takes_no_time_away() -> None:
    held = held_since(NOON - HOUR, 1)
    assert carry_over(record(held), NOON - 5 * HOUR, has_gaps=True) == tuple(held)


def test_what_was_first_seen_by_a_clock_that_was_ahead_begins_now() -> None:
    ahead = held_since(NOON + 90 * HOUR, 6)
    assert {each.since for each in hold_back(endings(6), 20, ahead, DEFAULT_GUARD, NOON)} == {NOON}


def test_nothing_was_held_before_the_first_sync() -> None:
    assert carry_over(RealmRecord("acme"), NOON, has_gaps=False) == ()
