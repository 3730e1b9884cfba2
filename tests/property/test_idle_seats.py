"""Idle seats: nobody is called idle who may have logged in, and to know more never takes a use away."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.application import Application
from keycloak_license.model.logins import LoginReading, LoginRecord
from keycloak_license.model.seat import Claim
from keycloak_license.plan.idle_seats import (
    HolderUse,
    SeatUse,
    explain_unknown,
    find_use,
    judge_use,
    known_since,
    seat_since,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ANY_CLIENT = Application("QM", "Quality Management")
ONE_CLIENT = Application("WFM", "Workforce Management", clients=("wfm-app",))
USERS = ("ann", "bob", "eve")

moments = st.integers(0, 40 * 24).map(lambda hours: NOW - timedelta(hours=hours))
days = st.integers(1, 30)
applications = st.sampled_from([ANY_CLIENT, ONE_CLIENT])
logins = st.dictionaries(
    st.tuples(st.sampled_from(USERS), st.sampled_from(["wfm-app", "other-app"])), moments, max_size=6
)


@st.composite
def records(draw: st.DrawFn) -> LoginRecord:
    recorded = draw(st.lists(moments, max_size=8, unique=True))
    if draw(st.booleans()):
        recorded = [NOW - DAY * number for number in range(draw(st.integers(1, 45)))]
    kept_for = draw(st.none() | st.integers(1, 60).map(lambda number: DAY * number))
    return LoginRecord(tuple(sorted(recorded)), kept_for)


readings = st.builds(LoginReading, last_seen=logins, record=st.none() | records())
seats = st.lists(
    st.builds(
        lambda user, at, seated: Claim("WFM", user, user, None, None, at, True, seated),
        st.sampled_from(USERS),
        moments,
        st.none() | moments,
    ),
    max_size=3,
    unique_by=lambda claim: claim.user_id,
)


def states(rows: tuple[HolderUse, ...]) -> dict[str, SeatUse]:
    return {row.claim.user_id: row.state for row in rows}


@given(seats, applications, readings, days)
def test_each_holder_is_told_once(
    holders: list[Claim], application: Application, reading: LoginReading, number: int
) -> None:
    rows = find_use(holders, application, reading, NOW, number)
    assert sorted(row.claim.user_id for row in rows) == sorted(claim.user_id for claim in holders)


@given(seats, applications, readings, days)
def test_nobody_is_idle_who_is_new_or_was_seen_within_the_days(
    holders: list[Claim], application: Application, reading: LoginReading, number: int
) -> None:
    for row in find_use(holders, application, reading, NOW, number):
        is_seen = row.last_seen is not None and row.last_seen >= NOW - DAY * number
        assert is_seen == (row.state is SeatUse.ACTIVE)
        if row.state.is_idle:
            assert seat_since(row.claim) <= NOW - DAY * number
        if row.state is SeatUse.NEVER_USED:
            assert row.last_seen is None or row.last_seen < row.since


@given(seats, applications, logins, days)
def test_without_a_record_nobody_is_idle(
    holders: list[Claim], application: Application, seen: dict[tuple[str, str], datetime], number: int
) -> None:
    for row in find_use(holders, application, LoginReading(seen), NOW, number):
        assert not row.state.is_idle


@given(seats, applications, days)
def test_where_nothing_is_known_everybody_is_unknown_or_new(
    holders: list[Claim], application: Application, number: int
) -> None:
    found = states(find_use(holders, application, LoginReading(), NOW, number))
    assert set(found.values()) <= {SeatUse.UNKNOWN, SeatUse.NEW}


@given(seats, applications, readings, logins, days)
def test_one_login_more_never_makes_a_seat_less_used(
    holders: list[Claim],
    application: Application,
    reading: LoginReading,
    more: dict[tuple[str, str], datetime],
    number: int,
) -> None:
    keys = reading.last_seen.keys() | more.keys()
    both = {key: max(each[key] for each in (reading.last_seen, more) if key in each) for key in keys}
    before = states(find_use(holders, application, reading, NOW, number))
    after = states(find_use(holders, application, replace(reading, last_seen=both), NOW, number))
    for user, state in before.items():
        assert after[user] in {state, SeatUse.ACTIVE} or (
            (state, after[user]) == (SeatUse.NEVER_USED, SeatUse.DORMANT)
        )


@given(moments, st.none() | moments, moments, moments, days)
def test_to_know_more_of_the_past_only_settles_what_was_unknown(
    given_at: datetime, last_seen: datetime | None, one: datetime, other: datetime, number: int
) -> None:
    idle_from = NOW - DAY * number
    less = judge_use(given_at, last_seen, max(one, other), idle_from)
    more = judge_use(given_at, last_seen, min(one, other), idle_from)
    assert more is less or less is SeatUse.UNKNOWN or (less, more) == (SeatUse.DORMANT, SeatUse.NEVER_USED)
    if less is SeatUse.UNKNOWN:
        assert more.is_idle or more is SeatUse.UNKNOWN


@given(st.lists(moments, min_size=1, unique=True), moments, st.none() | st.integers(1, 60))
def test_a_login_that_was_not_recorded_is_never_in_the_time_that_is_known(
    every: list[datetime], on_since: datetime, kept_days: int | None
) -> None:
    """Recording was switched on once, and what is too old was deleted."""
    kept_for = None if kept_days is None else DAY * kept_days
    kept_from = on_since if kept_for is None else max(on_since, NOW - kept_for)
    recorded = sorted(at for at in every if at >= kept_from)
    known = known_since(LoginRecord(tuple(recorded), kept_for), NOW)
    if known is not None:
        assert not [at for at in every if at >= known and at not in recorded]


@given(readings, days)
def test_where_something_may_be_unknown_it_is_said_why(reading: LoginReading, number: int) -> None:
    known = known_since(reading.record, NOW)
    is_known = known is not None and known <= NOW - DAY * number
    said = list(explain_unknown(reading, NOW, number))
    assert bool(said) == (not is_known and reading.record is not None)
