"""Examples of idle seats: each state, and what is said where nothing can be proved."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from keycloak_license.model.application import Application
from keycloak_license.model.logins import LoginReading, LoginRecord
from keycloak_license.model.seat import Claim
from keycloak_license.plan.idle_seats import (
    SeatUse,
    explain_unknown,
    find_use,
    judge_use,
    known_since,
    login_search,
)

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
WFM = Application("WFM", "Workforce Management", roles=("WFM_*",), clients=("wfm-app",))
QM = Application("QM", "Quality Management", roles=("QM_*",))
EVERY_DAY = tuple(NOW - DAY * number for number in range(120, 0, -1))


def holder(user: str, days_ago: int) -> Claim:
    at = NOW - DAY * days_ago
    return Claim("WFM", user, user, None, None, at, is_seated=True, seated_at=at)


@pytest.mark.parametrize(
    ("given", "seen", "known", "state"),
    [
        pytest.param(200, 5, None, SeatUse.ACTIVE, id="seen"),
        pytest.param(200, 90, None, SeatUse.ACTIVE, id="seen on the last day"),
        pytest.param(5, None, 100, SeatUse.NEW, id="new"),
        pytest.param(5, 100, 300, SeatUse.NEW, id="new, and logged in long before"),
        pytest.param(200, None, None, SeatUse.UNKNOWN, id="nothing known"),
        pytest.param(200, None, 89, SeatUse.UNKNOWN, id="known for too short a time"),
        pytest.param(200, 95, 89, SeatUse.UNKNOWN, id="seen before that"),
        pytest.param(200, 95, 90, SeatUse.DORMANT, id="dormant"),
        pytest.param(200, None, 100, SeatUse.DORMANT, id="not seen, but the beginning is not known"),
        pytest.param(100, None, 100, SeatUse.NEVER_USED, id="never used"),
        pytest.param(100, 150, 200, SeatUse.NEVER_USED, id="logged in only before the seat"),
        pytest.param(100, 100, 200, SeatUse.DORMANT, id="logged in as the seat was given"),
    ],
)
def test_a_seat_is_used_as_the_records_prove(
    given: int, seen: int | None, known: int | None, state: SeatUse
) -> None:
    at = [None if days is None else NOW - DAY * days for days in (seen, known)]
    assert judge_use(NOW - DAY * given, at[0], at[1], NOW - DAY * 90) is state


def test_only_logins_to_the_clients_of_an_application_are_use_of_it() -> None:
    reading = LoginReading({("ann", "other-app"): NOW - DAY}, LoginRecord(EVERY_DAY, None))
    [of_wfm] = find_use([holder("ann", 100)], WFM, reading, NOW, 90)
    [of_qm] = find_use([holder("ann", 100)], QM, reading, NOW, 90)
    assert (of_wfm.state, of_wfm.last_seen) == (SeatUse.NEVER_USED, None)
    assert (of_qm.state, of_qm.last_seen) == (SeatUse.ACTIVE, NOW - DAY)


def test_the_idle_stand_first_then_all_go_by_name() -> None:
    reading = LoginReading({("dan", "wfm-app"): NOW - DAY * 95}, LoginRecord(EVERY_DAY, None))
    rows = find_use(
        [holder("eve", 1), *(holder(who, 100) for who in ("dan", "bob", "ann"))], WFM, reading, NOW, 90
    )
    assert [(row.claim.username, row.state) for row in rows] == [
        ("ann", SeatUse.NEVER_USED),
        ("bob", SeatUse.NEVER_USED),
        ("dan", SeatUse.DORMANT),
        ("eve", SeatUse.NEW),
    ]


def test_what_is_known_begins_behind_a_silence_in_which_recording_may_have_been_off() -> None:
    quiet = tuple(at for at in EVERY_DAY if not NOW - DAY * 50 < at < NOW - DAY * 40)
    assert known_since(LoginRecord(EVERY_DAY, None), NOW) == EVERY_DAY[0]
    assert known_since(LoginRecord(quiet, None), NOW) == NOW - DAY * 40
    assert known_since(LoginRecord(EVERY_DAY, DAY * 30), NOW) == NOW - DAY * 30
    assert known_since(LoginRecord((NOW - DAY * 8,), None), NOW) is None
    assert known_since(None, NOW) is None


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (LoginRecord(EVERY_DAY[90:], timedelta(days=30.5)), "deletes logins after 30.5 days.*after 97 days"),
        (
            LoginRecord(EVERY_DAY[110:], timedelta(days=92)),
            r"since 2026-04-21 .* only.*known from 2026-07-20",
        ),
        (LoginRecord(EVERY_DAY[110:], timedelta(days=30)), "deletes logins after 30 days.*after 97 days"),
        (LoginRecord((), None), "Nobody at all has logged in for 7 days"),
        (LoginRecord(EVERY_DAY[100:], None), r"since 2026-04-11 .* only.*known from 2026-07-10"),
    ],
    ids=["deleted", "young, nearly kept enough", "young, not kept enough", "silent", "young"],
)
def test_why_something_is_unknown_is_said_with_what_to_do(record: LoginRecord, said: str) -> None:
    gap, why = explain_unknown(LoginReading({}, record, ("the gap",)), NOW, 90)
    assert gap == "the gap"
    assert re.search(said, why)


def test_where_everything_is_known_nothing_is_said() -> None:
    assert not list(explain_unknown(LoginReading({}, LoginRecord(EVERY_DAY, DAY * 100)), NOW, 90))


def test_the_search_goes_back_to_what_proves_that_recording_was_on() -> None:
    search = login_search([holder("ann", 200), holder("bob", 5)], [WFM], NOW, 90)
    assert search.since == NOW - DAY * 97
    assert search.holders == {"ann": NOW - DAY * 207, "bob": NOW - DAY * 12}
    assert search.client_ids == {"wfm-app"}
    assert login_search([], [WFM, QM], NOW, 90).client_ids == frozenset()


def test_of_two_seats_the_older_tells_how_far_to_look_back() -> None:
    claims = [holder("ann", 5), replace(holder("ann", 200), application="QM"), holder("ann", 7)]
    assert login_search(claims, [WFM, QM], NOW, 90).holders == {"ann": NOW - DAY * 207}
