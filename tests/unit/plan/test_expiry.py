"""When and how somebody is told that access is about to end."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from keycloak_license.model.audience import NoticeTerms
from keycloak_license.model.license import LicenseState, Reason, Standing
from keycloak_license.plan.expiry import NoticeDaysError, days_left, expiry_notice, last_day, notice_days
from keycloak_license.plan.lifecycle import day_start
from keycloak_license.plan.planner import plan_sync
from tests.fakes import SimulatedRealm
from tests.unit.plan.samples import NO_LICENSE, WFM, expired, granted, inputs

ENDS = datetime.fromisoformat("2027-01-01T00:00:00+01:00")
ACTIVE = replace(granted(), reason=Reason.ACTIVE, stops_at=ENDS)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def test_what_the_realm_sets_counts_before_what_is_configured() -> None:
    assert notice_days({}, (30,)) == (30,)
    assert notice_days({"license.expiry_notice_days": "14"}, (30,)) == (14,)
    assert notice_days({"license.expiry_notice_days": " 60, 30,7 "}, (30,)) == (60, 30, 7)
    assert notice_days({"license.expiry_notice_days": "0"}, (30,)) == (0,)
    assert notice_days({"license.expiry_notice_days": "3650"}, (30,)) == (3650,)


@pytest.mark.parametrize("text", ["", " ", "\t"])
def test_an_empty_setting_is_none(text: str) -> None:
    assert notice_days({"license.expiry_notice_days": text}, (30,)) == (30,)


@pytest.mark.parametrize(
    "text", ["soon", "-1", "1.5", "30;14", "30,", ",", "3651", "99999", "1e3", "٣", "²", "30 14", "+7"]
)
def test_what_cannot_be_understood_is_said_and_not_repeated(text: str) -> None:
    with pytest.raises(NoticeDaysError) as failure:
        notice_days({"license.expiry_notice_days": text}, (30,))

    assert str(failure.value) == (
        "The realm attribute license.expiry_notice_days is not a number of days from 0 to 3650, or several "
        "separated by commas, and the configured days count instead: correct or remove it"
    )


def test_the_end_is_told_from_so_many_days_before_on() -> None:
    words = "Access ends at 2027-01-01 00:00:00+01:00: import a renewal before then"

    assert expiry_notice(ACTIVE, ENDS - 31 * DAY - SECOND, (30,)) is None
    assert expiry_notice(ACTIVE, ENDS - 31 * DAY, (30,)) == words
    assert expiry_notice(ACTIVE, ENDS - SECOND, (30,)) == words


def test_days_are_those_of_the_calendar_before_the_last_day_of_access() -> None:
    moments = (SECOND, DAY, DAY + SECOND, 31 * DAY)
    assert [days_left(ACTIVE, ENDS - moment) for moment in moments] == [0, 0, 1, 30]


def test_a_midnight_that_the_clocks_skip_is_no_day_more() -> None:
    beirut = ZoneInfo("Asia/Beirut")  # where 2027-03-28 begins at 01:00
    stops_at = day_start(date(2027, 3, 28), beirut)
    standing = replace(ACTIVE, stops_at=stops_at)

    assert (stops_at.hour, last_day(stops_at)) == (1, date(2027, 3, 27))
    assert days_left(standing, datetime(2027, 3, 27, 0, tzinfo=beirut)) == 0
    assert days_left(standing, datetime(2027, 3, 26, 23, tzinfo=beirut)) == 1


def test_of_several_days_the_first_to_come_counts() -> None:
    assert expiry_notice(ACTIVE, ENDS - 45 * DAY, (7, 60, 30)) is not None
    assert expiry_notice(ACTIVE, ENDS - 62 * DAY, (7, 60, 30)) is None


def test_a_licence_in_its_grace_is_to_be_activated() -> None:
    license_ = granted().license
    grace = Standing(
        LicenseState.NOT_ACTIVATED, Reason.GRACE, license_, ENDS, license_, is_last_in_grace=True
    )

    assert expiry_notice(grace, ENDS - DAY, (30,)) == (
        "Access ends at 2027-01-01 00:00:00+01:00: activate the licence before then"
    )


@pytest.mark.parametrize("standing", [NO_LICENSE, expired(), replace(expired(), reason=Reason.GRACE_OVER)])
def test_access_that_has_ended_is_not_announced(standing: Standing) -> None:
    assert expiry_notice(standing, ENDS - DAY, (30,)) is None


def test_without_days_nothing_is_told() -> None:
    assert expiry_notice(ACTIVE, ENDS - SECOND, ()) is None


def warnings(attribute: str | None, *, days: tuple[int, ...]) -> tuple[str, ...]:
    realm = SimulatedRealm()
    realm.create_role("WFM_AGENT")
    realm.create_role("agent", "wfm-app")
    if attribute is not None:
        realm.set_attributes({"license.expiry_notice_days": attribute})
    seen = inputs(realm.read([WFM]), ACTIVE, now=ENDS - 20 * DAY, notice_terms=NoticeTerms(expiry_days=days))
    return plan_sync(seen).report.warnings


def test_a_sync_says_so() -> None:
    words = ("Access ends at 2027-01-01 00:00:00+01:00: import a renewal before then",)

    assert warnings(None, days=(30,)) == words
    assert warnings("20", days=()) == words
    assert warnings("10", days=(30,)) == ()
    assert warnings(None, days=()) == ()


def test_a_setting_that_cannot_be_understood_is_told_and_mutes_nothing() -> None:
    wrong, notice = warnings("soon", days=(30,))

    assert wrong.startswith("The realm attribute license.expiry_notice_days is not a number of days")
    assert notice.startswith("Access ends at ")
