from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from keycloak_license.model.changes import SeatAssigned, SeatChange
from keycloak_license.model.license import ImportedLicense, LicenseType
from keycloak_license.model.measures import Disabling
from keycloak_license.model.record import SeatEvent
from keycloak_license.model.seat import Claim
from keycloak_license.plan.lifecycle import Installation, day_start
from keycloak_license.plan.usage_history import UsageInputs, UsagePoint, usage_over_time
from tests.unit.plan.samples import NOON, a_license

PRAGUE = ZoneInfo("Europe/Prague")
HERE = Installation("installation-1", "realm-1", PRAGUE)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
SINCE = NOON - 30 * DAY

BEFORE_AND_AFTER = {
    "SeatAssigned": (4, 5),
    "SeatReleased": (6, 5),
    "SeatDisplaced": (6, 5),
    "WaitingStarted": (5, 5),
    "WaitingEnded": (5, 5),
    "UserDisabled": (5, 5),
    "UserEnabled": (5, 5),
}
"""Seats that were taken before and after an event of each kind, of which five are taken now."""


def events(*told: tuple[str, str, datetime]) -> list[SeatEvent]:
    return [SeatEvent("WFM", user, user, kind, at, "") for kind, user, at in told]


def claims(seated: str) -> list[Claim]:
    return [Claim("WFM", user, user, None, None, NOON, is_seated=True) for user in seated]


def history(
    seated: str = "",
    told: Sequence[SeatEvent] = (),
    licenses: Sequence[ImportedLicense] = (),
    *,
    most: int = 400,
) -> list[tuple[datetime, int, int | None]]:
    points = usage_over_time(UsageInputs("WFM", claims(seated), told, licenses, HERE), SINCE, NOON, most)
    return [(point.at, point.used, point.limit) for point in points]


def test_where_nothing_ever_happened_there_is_a_flat_line() -> None:
    assert history() == [(SINCE, 0, 0), (NOON, 0, 0)]
    inputs = UsageInputs("WFM", claims("ab"), (), (), HERE)
    assert usage_over_time(inputs, NOON + DAY, NOON) == (UsagePoint(NOON, 2, 0),)


@pytest.mark.parametrize(
    "change", [*get_args(SeatChange), *get_args(Disabling)], ids=lambda change: change.__name__
)
def test_every_kind_of_event_that_is_recorded_is_understood(change: type) -> None:
    before, after = BEFORE_AND_AFTER[change.__name__]
    user = "a" if change is SeatAssigned else "z"
    points = history("abcde", events((change.kind, user, NOON - HOUR)))  # type: ignore[attr-defined]
    steps = [(SINCE, before, 0), (NOON - HOUR, after, 0), (NOON, after, 0)]
    assert points == (steps if before != after else [steps[0], steps[2]])


def test_what_one_sync_did_is_one_step() -> None:
    at = NOON - HOUR
    swap = events(("seat_released", "z", at), ("seat_assigned", "a", at))
    assert history("abc", swap) == [(SINCE, 3, 0), (NOON, 3, 0)]
    more = events(("seat_assigned", "b", at))
    assert history("abc", [*swap, *more]) == [(SINCE, 2, 0), (at, 3, 0), (NOON, 3, 0)]


def test_more_seats_than_are_told_of_were_never_taken() -> None:
    early, late = NOON - 2 * HOUR, NOON - HOUR
    told = events(("seat_released", "z", early), ("seat_assigned", "a", late), ("seat_assigned", "b", late))
    assert history("a", told) == [(SINCE, 1, 0), (early, 0, 0), (late, 1, 0), (NOON, 1, 0)]


def test_what_happens_at_either_end_is_seen_there() -> None:
    told = events(("seat_assigned", "a", SINCE), ("seat_assigned", "b", NOON))
    assert history("ab", told) == [(SINCE, 1, 0), (NOON, 2, 0)]


def test_the_limit_follows_imports_replacements_and_unlimited_seats() -> None:
    first, second, third = NOON - 20 * DAY, NOON - 10 * DAY, NOON - DAY
    licenses = [
        ImportedLicense(a_license(), first, second),
        ImportedLicense(a_license(number="T-2", scope={"WFM": None}), second, third),
        ImportedLicense(a_license(number="T-3", scope={"QM": 9}), third),
    ]
    assert history(licenses=licenses) == [
        (SINCE, 0, 0),
        (first, 0, 50),
        (second, 0, None),
        (third, 0, 0),
        (NOON, 0, 0),
    ]


def test_a_licence_that_waits_for_its_start_takes_over_at_midnight_where_the_realm_is() -> None:
    starts_on = date(2026, 4, 20)
    renewal = a_license(number="T-2", starts_on=starts_on, scope={"WFM": 80})
    licenses = [ImportedLicense(a_license(), SINCE - DAY), ImportedLicense(renewal, NOON - 25 * DAY)]
    starts_at = day_start(starts_on, PRAGUE)
    assert history(licenses=licenses) == [(SINCE, 0, 50), (starts_at, 0, 80), (NOON, 0, 80)]


def test_when_a_temporary_licence_ends_the_seats_of_the_commercial_one_count_again() -> None:
    last_day = date(2026, 4, 20)
    commercial = a_license(type=LicenseType.COMMERCIAL, number="C-1", issued_on=date(2026, 4, 1))
    temporary = a_license(expires_on=last_day, scope={"WFM": 80})
    licenses = [ImportedLicense(each, SINCE - DAY) for each in (commercial, temporary)]
    ends_at = day_start(last_day + DAY, PRAGUE)
    assert history(licenses=licenses) == [(SINCE, 0, 80), (ends_at, 0, 50), (NOON, 0, 50)]


def test_the_seats_of_a_licence_stay_licensed_while_access_is_blocked() -> None:
    expired = a_license(expires_on=date(2026, 4, 20))
    assert history(licenses=[ImportedLicense(expired, SINCE - DAY)]) == [(SINCE, 0, 50), (NOON, 0, 50)]


def test_what_a_clock_that_is_ahead_has_imported_counts_now() -> None:
    ahead = NOON + 400 * DAY
    old, new = ImportedLicense(a_license(), SINCE, ahead), ImportedLicense(a_license(scope={"WFM": 9}), ahead)
    assert history(licenses=[old, new]) == [(SINCE, 0, 50), (NOON, 0, 9)]


def busy(licenses: Sequence[ImportedLicense] = (), *, most: int) -> list[tuple[datetime, int, int | None]]:
    """A morning in which 90 seats are taken and given back one by one, and then nothing for long."""
    begin = SINCE + DAY
    told = [("seat_assigned", str(number), begin + number * SECOND) for number in range(90)]
    told += [("seat_released", str(number), begin + HOUR + number * SECOND) for number in range(90)]
    return history("", events(*told), licenses, most=most)


@pytest.mark.parametrize("most", [4, 5, 11, 100])
def test_a_short_peak_is_kept_and_does_not_seem_to_last(most: int) -> None:
    points = busy(most=most)
    assert len(busy(most=400)) == 182
    assert len(points) <= most
    assert max(used for _, used, _ in points) == 90
    after = [used for at, used, _ in points if at >= SINCE + 2 * DAY]
    assert (points[-2][1], after) == (0, [0])


def test_where_points_are_few_those_at_which_the_limit_changes_stay() -> None:
    changes = [SINCE + DAY + 30 * timedelta(minutes=number) for number in (1, 2, 3)]
    licenses = [
        ImportedLicense(a_license(number=f"T-{number}", scope={"WFM": number}), at, until)
        for number, (at, until) in enumerate(zip(changes, [*changes[1:], None], strict=True), 1)
    ]
    points = busy(licenses, most=12)
    assert len(points) <= 12
    assert [at for at, _, limit in points if limit and at in changes] == changes
    assert len(busy(licenses, most=8)) <= 8
