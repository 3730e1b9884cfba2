"""Clocks that are wrong, as syncs and displays take them; the rules are in `plan.clock`."""

from datetime import UTC, date, datetime, timedelta

import pytest

from keycloak_license.errors import ConfigurationError, UnavailableError
from keycloak_license.model.license import Reason
from keycloak_license.model.record import ClockMark
from keycloak_license.services.activation import find_inactive
from keycloak_license.services.licenses import import_license
from keycloak_license.services.overview import check_time, list_all_licenses, list_members, read_status
from tests.unit.services.world import NOON, World

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LAST_DAY = date(2026, 5, 10)
ENDS = datetime(2026, 5, 10, 22, 0, tzinfo=UTC)
"""00:00 of the next day in Prague."""


def mark(world: World) -> ClockMark:
    return world.ledger.load("acme").clock


def sync_hourly(world: World, until: datetime, hours: int = 24) -> None:
    """Sync with both clocks right, the last time at `until`."""
    for ago in range(hours, -1, -1):
        world.realm.server_time = until - ago * HOUR
        world.sync(until - ago * HOUR)


def running(until: datetime = ENDS - HOUR) -> World:
    """A temporary licence through the 10th, one seat, two people; synced for a day."""
    world = World()
    world.agents("anna", "boris")
    world.realm.server_time = until - 25 * HOUR
    world.import_file(world.sign(expires_on=LAST_DAY), until - 25 * HOUR)
    sync_hourly(world, until)
    return world


def set_clocks(world: World, here: datetime, keycloak: datetime | None) -> Reason:
    """Sync with clocks set to that; return the reason published."""
    world.realm.server_time = keycloak
    world.sync(here)
    return Reason(world.realm.attributes["license.reason"])


def test_both_clocks_agree_and_time_goes_on() -> None:
    world = running()

    assert mark(world) == ClockMark(ENDS - HOUR)
    report = read_status(world.managed, ENDS - HOUR)
    assert (report.synced_at, report.warnings) == (ENDS - HOUR, ())


@pytest.mark.parametrize("behind", [timedelta(minutes=2), 3 * HOUR, 400 * DAY])
def test_a_clock_here_that_is_behind_extends_nothing_while_keycloaks_is_right(behind: timedelta) -> None:
    world = running()

    assert set_clocks(world, ENDS - MINUTE - behind, ENDS - MINUTE) is Reason.TEMPORARY
    assert set_clocks(world, ENDS + MINUTE - behind, ENDS + MINUTE) is Reason.EXPIRED


@pytest.mark.parametrize("ahead", [timedelta(minutes=2), 3 * HOUR, 400 * DAY])
def test_a_clock_here_that_is_ahead_ends_nothing_while_keycloaks_is_right(ahead: timedelta) -> None:
    world = running()

    now = ENDS - 2 * MINUTE
    assert set_clocks(world, now + ahead, now) is Reason.TEMPORARY
    assert set_clocks(world, now + 3 * MINUTE + ahead, now + 3 * MINUTE) is Reason.EXPIRED


def test_clocks_that_differ_are_told_by_the_sync_and_by_status_after_it() -> None:
    world = running()
    words = "The clock here is 3 hours ahead of Keycloak's: set both by the same time server"
    now = ENDS - 30 * MINUTE
    world.realm.server_time = now
    warnings = world.sync(now + 3 * HOUR).realm.warnings

    assert [warning[: len(words)] for warning in warnings] == [words]
    # Then it is set right, and nobody has synced yet.
    assert read_status(world.managed, now + 2 * MINUTE).warnings == warnings
    world.realm.server_time = now + 5 * MINUTE
    assert world.sync(now + 5 * MINUTE).realm.warnings == ()
    assert read_status(world.managed, now + 5 * MINUTE).warnings == ()


@pytest.mark.parametrize("back", [5 * HOUR, 30 * DAY, 4000 * DAY])
def test_clocks_that_were_set_back_bring_no_access_back(back: timedelta) -> None:
    world = running()
    assert set_clocks(world, ENDS + HOUR, ENDS + HOUR) is Reason.EXPIRED

    for keycloak in (ENDS - back, None):
        assert set_clocks(world, ENDS - back, keycloak) is Reason.EXPIRED
    report = read_status(world.managed, ENDS - back)
    assert report.standing.reason is Reason.EXPIRED
    assert report.synced_at == ENDS + HOUR
    assert [each.reason for each in list_all_licenses(world.managed, ENDS - back)] == [Reason.EXPIRED]


def test_clocks_that_were_set_back_are_told_by_sync_status_and_doctor() -> None:
    world = running()
    back = ENDS - 3 * DAY
    world.realm.server_time = back
    words = f"The clock went back by 3 days, and licences are judged as of {ENDS - HOUR}"

    assert [warning[: len(words)] for warning in world.sync(back).realm.warnings] == [words]
    assert [each[: len(words)] for each in read_status(world.managed, back).warnings] == [words]
    with pytest.raises(UnavailableError, match="The clock went back by 3 days"):
        check_time(world.managed, back)
    assert mark(world) == ClockMark(ENDS - HOUR)


def test_a_clock_that_is_right_again_is_not_spoken_of() -> None:
    world = running()
    set_clocks(world, ENDS - 3 * DAY, ENDS - 3 * DAY)

    assert set_clocks(world, ENDS - MINUTE, ENDS - MINUTE) is Reason.TEMPORARY
    assert read_status(world.managed, ENDS).warnings == ()
    assert check_time(world.managed, ENDS).startswith("judged as of 2026-05-10 22:00:00+00:00")


def test_clocks_set_far_ahead_for_an_hour_end_access_for_that_hour_only() -> None:
    world = running(ENDS - 3 * DAY)
    now = ENDS - 3 * DAY
    far = now + 40 * DAY
    assert set_clocks(world, far, far) is Reason.EXPIRED
    assert set_clocks(world, far + HOUR, far + HOUR) is Reason.EXPIRED
    words = "The clock went on by 40 days without a sync: if that is right, do nothing"
    assert read_status(world.managed, far + HOUR).warnings[0].startswith(words)

    assert set_clocks(world, now + 2 * HOUR, now + 2 * HOUR) is Reason.TEMPORARY
    assert read_status(world.managed, now + 2 * HOUR).warnings == ()
    assert mark(world) == ClockMark(now + 2 * HOUR)
    assert (world.seated(), world.waiting()) == (["anna"], ["boris"])


def test_a_grace_is_not_burnt_by_a_clock_set_far_ahead_right_after_the_import() -> None:
    """In the first hours of an installation, when no time is believed yet."""
    world = World()
    world.realm.server_time = NOON
    inactive = world.sign_commercial(activation=None, issued_on=date(2026, 5, 1))
    world.import_file(inactive, NOON)
    far = NOON + 90 * DAY
    assert set_clocks(world, far, far) is Reason.GRACE_OVER

    assert set_clocks(world, NOON + HOUR, NOON + HOUR) is Reason.GRACE
    assert set_clocks(world, NOON + 29 * DAY, NOON + 29 * DAY) is Reason.GRACE
    assert set_clocks(world, NOON + 30 * DAY, NOON + 30 * DAY) is Reason.GRACE_OVER


def test_a_grace_that_is_over_stays_over() -> None:
    world = World()
    world.import_file(world.sign_commercial(activation=None, issued_on=date(2026, 4, 10)), NOON)
    sync_hourly(world, ENDS)
    assert world.realm.attributes["license.reason"] == "grace_over"

    assert set_clocks(world, NOON, NOON) is Reason.GRACE_OVER


def test_the_day_of_issue_says_how_late_it_is_at_least() -> None:
    world = World()
    world.import_file(world.sign(issued_on=LAST_DAY, starts_on=LAST_DAY, expires_on=LAST_DAY), NOON)

    assert world.sync(NOON).realm.standing.reason is Reason.TEMPORARY


def test_who_was_there_before_keeps_his_place_whatever_the_clock_shows() -> None:
    world = running(ENDS - 3 * DAY)
    now = ENDS - 3 * DAY
    world.realm.server_time = now + 40 * DAY
    world.agents("cyril")
    world.sync(now + 40 * DAY)
    world.realm.server_time = now + HOUR
    world.agents("dana")
    world.sync(now + HOUR)
    _, members = list_members(world.managed, "WFM", now + HOUR)

    assert [member.claim.username for member in members[:2]] == ["anna", "boris"]


def test_a_question_that_stood_open_for_hours_is_answered_at_the_time_it_is_then() -> None:
    world = World()
    world.import_file(world.sign(), NOON)
    shown = iter([NOON + HOUR, NOON + 9 * HOUR])

    import_license(world.managed, world.sign(number="T-2").file.encode(), lambda _: True, lambda: next(shown))

    first, second = world.ledger.load("acme").licenses
    assert first.replaced_at == second.imported_at == NOON + 9 * HOUR
    last = world.ledger.load("acme").last_sync
    assert last is not None
    assert last.synced_at == NOON + 9 * HOUR


def test_a_licence_that_expired_while_the_question_stood_open_has_expired() -> None:
    world = World()
    world.import_file(world.sign(), NOON)
    shown = iter([ENDS - HOUR, ENDS + HOUR])
    short = world.sign(number="T-2", expires_on=LAST_DAY)

    result = import_license(world.managed, short.file.encode(), lambda _: True, lambda: next(shown))

    assert result.plan.report.standing.reason is Reason.EXPIRED
    assert world.realm.attributes["license.reason"] == "expired"


def test_one_that_waits_while_the_question_stands_open_until_its_start_replaces_when_that_is_confirmed() -> (
    None
):
    world = World()
    world.import_file(world.sign(), ENDS - 13 * HOUR)
    asked: list[tuple[str, ...]] = []
    shown = iter([ENDS + HOUR, ENDS + 2 * HOUR, ENDS + 3 * HOUR])
    later = world.sign(number="T-2", starts_on=date(2026, 5, 11))

    def confirm(result: object) -> bool:
        asked.append(tuple(each.number for each in result.replaced))  # type: ignore[attr-defined]
        return True

    import_license(world.managed, later.file.encode(), confirm, lambda: next(shown))

    assert asked == [("T-1",)]
    assert world.in_force() == [("T-2", 1)]


def test_a_licence_that_counts_at_once_is_asked_for_and_one_that_waits_is_not() -> None:
    """Issued today where the vendor is, which is tomorrow here: it counts by its day of issue."""
    world = World()
    world.import_file(world.sign(), NOON)
    tomorrow = date(2026, 5, 2)
    ahead = world.sign(number="T-2", issued_on=tomorrow, starts_on=tomorrow)
    asked: list[object] = []

    def confirm(result: object) -> bool:
        asked.append(result)
        return True

    result = import_license(world.managed, ahead.file.encode(), confirm, lambda: NOON + HOUR)

    counts_at_once = result.plan.report.standing.license == ahead
    assert len(asked) == int(counts_at_once)
    assert world.in_force() == [("T-2", 1)] if counts_at_once else [("T-1", 1), ("T-2", 1)]


def test_an_activation_key_is_given_by_the_time_that_was_reached() -> None:
    world = World()
    license_ = world.sign_commercial(activation=None, issued_on=date(2026, 4, 10), expires_on=LAST_DAY)
    world.import_file(license_, NOON)
    assert find_inactive(world.managed, NOON)[0] == license_
    sync_hourly(world, ENDS + HOUR)

    # It has expired: no use in activating it, whatever the clock shows.
    with pytest.raises(ConfigurationError):
        find_inactive(world.managed, NOON)
