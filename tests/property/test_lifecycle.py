"""A licence's days are whole days where the realm is, and access ends once.

The oracle is the calendar of the zone: which day an instant belongs to. It knows nothing of how
`plan.lifecycle` finds the instant at which a day begins. A day before the newest issue of the licences in
force is taken to be the day of that: the clock must be wrong.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.license import (
    Activation,
    ImportedLicense,
    License,
    LicenseState,
    LicenseType,
    Reason,
    Standing,
)
from keycloak_license.plan.lifecycle import Installation, day_start, judge
from tests.property.strategies import INSTALLATION_ID, REALM_ID, days, imported, licenses

TICK = timedelta(microseconds=1)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

# The day begins late, twice, early, or not at all.
SPECIAL_DAYS = [
    ("Africa/Cairo", date(2023, 4, 28)),
    ("Africa/Cairo", date(2023, 10, 27)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("America/Sao_Paulo", date(2018, 2, 18)),
    ("America/Havana", date(2024, 3, 10)),
    ("America/Havana", date(2024, 11, 3)),
    ("America/Santiago", date(2023, 9, 3)),
    ("America/Asuncion", date(2023, 10, 1)),
    ("America/Nuuk", date(2025, 3, 30)),
    ("America/Toronto", date(2024, 3, 10)),
    ("Asia/Beirut", date(2023, 3, 26)),
    ("Asia/Gaza", date(2016, 3, 26)),
    ("Asia/Pyongyang", date(2018, 5, 5)),
    ("Atlantic/Azores", date(2024, 3, 31)),
    ("Australia/Lord_Howe", date(2024, 10, 6)),
    ("Europe/Prague", date(2024, 3, 31)),
    ("Europe/Prague", date(2024, 10, 27)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Apia", date(2011, 12, 31)),
    ("Pacific/Kwajalein", date(1993, 8, 21)),
    ("Asia/Kathmandu", date(2024, 2, 29)),
    ("America/New_York", date(2028, 2, 29)),
    ("Pacific/Kiritimati", date(2100, 2, 28)),
    ("UTC", date(2000, 2, 29)),
    ("Etc/GMT+12", date(2026, 12, 31)),
    ("Etc/GMT-14", date(2026, 12, 31)),
]
special_days = st.sampled_from(SPECIAL_DAYS).flatmap(
    lambda found: st.tuples(
        st.just(ZoneInfo(found[0])), st.integers(-2, 2).map(lambda days: found[1] + timedelta(days=days))
    )
)
# Until 2011 a few zones put the clocks back a minute after midnight, so that a day began twice.
all_days = st.tuples(st.timezones(), st.dates(date(2012, 1, 1), date(2199, 1, 1)))
zone_days = special_days | all_days


def temporary(**changes: object) -> License:
    plain = License(
        number="T-1",
        issue=1,
        type=LicenseType.TEMPORARY,
        customer="ACME",
        issued_on=date(1980, 1, 1),
        starts_on=date(1980, 1, 1),
        expires_on=date(2200, 1, 1),
        scope={"WFM": 5},
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def commercial(**changes: object) -> License:
    return temporary(type=LicenseType.COMMERCIAL, number="C-1", **changes)


def stand(zone: ZoneInfo, now: datetime, *found: License) -> Standing:
    installation = Installation(INSTALLATION_ID, REALM_ID, zone)
    return judge([ImportedLicense(each, LONG_AGO) for each in found], installation, now)


def today(zone: ZoneInfo, now: datetime) -> date:
    return now.astimezone(zone).date()


@st.composite
def moments(draw: st.DrawFn, day: date) -> datetime:
    """An instant on or around a day, wherever in the world that is; whole hours are common."""
    midnight = datetime.combine(day, time.min, tzinfo=UTC)
    near = st.sampled_from([timedelta(), TICK, -TICK, timedelta(seconds=1), timedelta(seconds=-1)])
    wide = st.timedeltas(timedelta(hours=-60), timedelta(hours=60))
    minutes = st.integers(-60 * 4, 60 * 4).map(lambda quarters: timedelta(minutes=15 * quarters))
    return midnight + draw(wide | st.builds(lambda one, other: one + other, minutes, near))


@given(zone_day=zone_days, data=st.data())
def test_access_lasts_through_the_whole_expiration_day_and_no_longer(
    zone_day: tuple[ZoneInfo, date], data: st.DataObject
) -> None:
    zone, day = zone_day
    now = data.draw(moments(day))
    standing = stand(zone, now, temporary(expires_on=day))

    assert standing.is_granted == (today(zone, now) <= day)
    assert standing.state is (LicenseState.OK if standing.is_granted else LicenseState.EXPIRED)


@given(zone_day=zone_days, data=st.data())
def test_access_begins_with_the_first_day(zone_day: tuple[ZoneInfo, date], data: st.DataObject) -> None:
    zone, day = zone_day
    now = data.draw(moments(day))
    standing = stand(zone, now, temporary(starts_on=day))

    assert standing.is_granted == (today(zone, now) >= day)
    assert standing.reason is (Reason.TEMPORARY if standing.is_granted else Reason.NOT_STARTED)


@given(zone_day=zone_days, data=st.data())
def test_grace_ends_as_the_thirtieth_day_after_the_issue_begins(
    zone_day: tuple[ZoneInfo, date], data: st.DataObject
) -> None:
    zone, day = zone_day
    now = data.draw(moments(day))
    inactive = commercial(issued_on=day - timedelta(days=30))
    standing = stand(zone, now, inactive)

    assert standing.is_granted == (today(zone, now) < day)
    assert standing.reason is (Reason.GRACE if standing.is_granted else Reason.GRACE_OVER)
    assert standing.state is LicenseState.NOT_ACTIVATED


@given(zone_day=zone_days)
def test_the_instant_told_is_the_first_of_the_next_day(zone_day: tuple[ZoneInfo, date]) -> None:
    zone, day = zone_day
    license_ = temporary(expires_on=day)
    stops_at = stand(zone, datetime.combine(day, time.min, tzinfo=UTC), license_).stops_at

    assert stops_at is not None
    at = stops_at.astimezone(UTC)
    assert today(zone, at - TICK) <= day < today(zone, at)
    assert stand(zone, at - TICK, license_).is_granted
    assert not stand(zone, at, license_).is_granted
    # What is published names the instant in the realm's own time, as its clocks show it.
    assert stops_at.isoformat() == at.astimezone(zone).isoformat()


@pytest.mark.parametrize(
    ("zone", "day", "instant"),
    [
        ("UTC", date(2024, 2, 29), "2024-02-29T00:00:00+00:00"),
        ("Europe/Prague", date(2024, 3, 31), "2024-03-31T00:00:00+01:00"),
        ("Europe/Prague", date(2024, 4, 1), "2024-04-01T00:00:00+02:00"),
        ("Africa/Cairo", date(2023, 4, 28), "2023-04-28T01:00:00+03:00"),
        ("Asia/Beirut", date(2023, 3, 26), "2023-03-26T01:00:00+03:00"),
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T01:00:00-02:00"),
        ("America/Havana", date(2024, 11, 3), "2024-11-03T00:00:00-04:00"),
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-31T00:00:00+14:00"),
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-31T00:00:00+14:00"),
        ("Pacific/Kiritimati", date(2026, 1, 1), "2026-01-01T00:00:00+14:00"),
        ("Etc/GMT+12", date(2026, 1, 1), "2026-01-01T00:00:00-12:00"),
    ],
)
def test_the_first_instant_of_a_day(zone: str, day: date, instant: str) -> None:
    assert day_start(day, ZoneInfo(zone)).isoformat() == instant


def day_of(zone: ZoneInfo, now: datetime, in_force: Sequence[License]) -> date:
    return max([today(zone, now), *(each.issued_on for each in in_force)])


def is_ours(license_: License) -> bool:
    return license_.activation == Activation(INSTALLATION_ID, REALM_ID)


def gives_access(license_: License, day: date) -> bool:
    """Whether a commercial licence that has started does, on its own."""
    is_in_grace = license_.activation is None and day < license_.issued_on + timedelta(days=30)
    return day <= license_.expires_on and (is_ours(license_) or is_in_grace)


many = st.lists(imported(), min_size=1, max_size=5)
hours = st.integers(-24 * 90, 24 * 170).map(
    lambda number: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=number)
)
zones = st.sampled_from(["UTC", "Europe/Prague", "Pacific/Kiritimati", "Etc/GMT+12"]).map(ZoneInfo)


@given(found=many, zone=zones, one=hours, other=hours)
def test_access_that_ended_never_comes_back_without_a_new_licence(
    found: list[ImportedLicense], zone: ZoneInfo, one: datetime, other: datetime
) -> None:
    earlier, later = sorted((one, other))
    installation = Installation(INSTALLATION_ID, REALM_ID, zone)
    started = [each for each in found if each.license.starts_on <= today(zone, earlier)]

    if not judge(started, installation, earlier).is_granted:
        assert not judge(started, installation, later).is_granted


@given(found=many, zone=zones, now=hours)
def test_a_running_temporary_licence_counts_before_all_others(
    found: list[ImportedLicense], zone: ZoneInfo, now: datetime
) -> None:
    in_force = [each for each in found if each.replaced_at is None]
    day = day_of(zone, now, [each.license for each in in_force])
    started = [each.license for each in in_force if each.license.starts_on <= day]
    running = [each for each in started if each.type is LicenseType.TEMPORARY and day <= each.expires_on]
    standing = judge(found, Installation(INSTALLATION_ID, REALM_ID, zone), now)

    if running:
        assert standing.license in running
        assert standing.reason is Reason.TEMPORARY
        assert standing.license.starts_on == max(each.starts_on for each in running)
    elif any(each.type is LicenseType.COMMERCIAL for each in started):
        # It has ended, or there was none: back to a commercial one.
        assert standing.license is not None
        assert standing.license.type is LicenseType.COMMERCIAL


@st.composite
def renewals(draw: st.DrawFn) -> list[ImportedLicense]:
    """Commercial licences that begin on different days, some of them never activated, or elsewhere."""
    starts = draw(st.lists(days, min_size=1, max_size=4, unique=True))
    ours = Activation(INSTALLATION_ID, REALM_ID)
    return [
        ImportedLicense(
            replace(
                draw(licenses(st.just(day))),
                type=LicenseType.COMMERCIAL,
                activation=draw(st.sampled_from([ours, None, replace(ours, realm_id="cloned")])),
            ),
            LONG_AGO,
        )
        for day in starts
    ]


@given(found=renewals(), zone=zones, data=st.data())
def test_a_renewal_takes_over_at_its_start_unless_it_was_not_activated_in_time(
    found: list[ImportedLicense], zone: ZoneInfo, data: st.DataObject
) -> None:
    now = data.draw(st.sampled_from(boundaries(found, zone)))
    day = day_of(zone, now, [each.license for each in found])
    started = [each.license for each in found if each.license.starts_on <= day]
    newest_first = sorted(started, key=lambda each: each.starts_on, reverse=True)
    standing = judge(found, Installation(INSTALLATION_ID, REALM_ID, zone), now)
    # Once activated it has taken over for good, also when it has expired since.
    took_over = next((each for each in newest_first if is_ours(each) or gives_access(each, day)), None)

    if took_over is not None and gives_access(took_over, day):
        assert standing.license == took_over
        assert standing.is_granted
    elif newest_first:
        assert standing.license == newest_first[0]
        assert not standing.is_granted


@given(found=many, zone=zones, now=hours)
def test_a_day_before_the_newest_issue_is_taken_for_that_of_the_issue(
    found: list[ImportedLicense], zone: ZoneInfo, now: datetime
) -> None:
    installation = Installation(INSTALLATION_ID, REALM_ID, zone)
    in_force = [each.license for each in found if each.replaced_at is None]
    at_issue = [day_start(each.issued_on, zone) for each in in_force]

    assert judge(found, installation, now) == judge(found, installation, max([now, *at_issue]))


@given(found=many, zone=zones, now=hours)
def test_while_it_is_disputed_whose_realm_this_is_no_licence_gives_access(
    found: list[ImportedLicense], zone: ZoneInfo, now: datetime
) -> None:
    installation = Installation(INSTALLATION_ID, REALM_ID, zone)
    undisputed = judge(found, installation, now)
    standing = judge(found, replace(installation, is_disputed=True), now)

    if undisputed.is_granted:
        license_ = undisputed.license
        assert standing == Standing(LicenseState.NOT_ACTIVATED, Reason.OTHER_INSTALLATION, license_)
    else:
        assert standing == undisputed
    assert not standing.is_granted


@given(found=many, zone=zones, now=hours)
def test_the_standing_is_that_of_one_licence_in_force(
    found: list[ImportedLicense], zone: ZoneInfo, now: datetime
) -> None:
    installation = Installation(INSTALLATION_ID, REALM_ID, zone)
    standing = judge(found, installation, now)
    in_force = [each for each in found if each.replaced_at is None]

    if standing.license is None:
        assert standing.state is LicenseState.NONE
        assert standing.reason is (Reason.NOT_STARTED if in_force else Reason.NO_LICENSE)
        assert not standing.is_granted
    else:
        late_enough = max([now, *(day_start(each.license.issued_on, zone) for each in in_force)])
        one = [each for each in in_force if each.license == standing.license]
        alone = judge(one, installation, late_enough)
        # When access ends is up to all of them: another may take over, or get in the way.
        assert _without_end(standing) == _without_end(alone)


@given(found=many, zone=zones, now=hours, data=st.data())
def test_the_order_in_which_licences_are_listed_is_irrelevant(
    found: list[ImportedLicense], zone: ZoneInfo, now: datetime, data: st.DataObject
) -> None:
    # Two that agree in start, issue and import could be told apart by nobody.
    distinct = {(e.license.starts_on, e.license.issue, e.imported_at): e for e in found}
    shuffled = data.draw(st.permutations(list(distinct.values())))
    installation = Installation(INSTALLATION_ID, REALM_ID, zone)

    assert judge(shuffled, installation, now) == judge(distinct.values(), installation, now)


@given(license_=licenses(), zone=zones, now=hours)
def test_only_an_activation_for_this_installation_counts(
    license_: License, zone: ZoneInfo, now: datetime
) -> None:
    day = day_of(zone, now, [license_])
    standing = stand(zone, now, license_)
    activation = license_.activation
    if day < license_.starts_on:
        expected = Reason.NOT_STARTED
    elif day > license_.expires_on:
        expected = Reason.EXPIRED
    elif license_.type is LicenseType.TEMPORARY:
        expected = Reason.TEMPORARY
    elif is_ours(license_):
        expected = Reason.ACTIVE
    elif activation is not None:
        expected = Reason.OTHER_INSTALLATION
    else:
        expected = Reason.GRACE if day < license_.issued_on + timedelta(days=30) else Reason.GRACE_OVER

    assert standing.reason is expected


def boundaries(found: Sequence[ImportedLicense], zone: ZoneInfo) -> list[datetime]:
    """Every instant at which anything can change."""
    return sorted(
        day_start(day, zone)
        for each in found
        for day in (
            each.license.starts_on,
            each.license.expires_on + timedelta(days=1),
            each.license.issued_on + timedelta(days=30),
        )
    )


@given(found=many, zone=zones, now=hours)
def test_access_ends_at_the_instant_told_and_not_before(
    found: list[ImportedLicense], zone: ZoneInfo, now: datetime
) -> None:
    """The contract: `license.stops_at` is the instant at which access ends as things stand."""
    installation = Installation(INSTALLATION_ID, REALM_ID, zone)
    standing = judge(found, installation, now)
    if not standing.is_granted:
        return

    later = [each for each in boundaries(found, zone) if each > now]
    ends = next(each for each in later if not judge(found, installation, each).is_granted)

    assert standing.stops_at == ends
    last = judge(found, installation, ends - timedelta(seconds=1))
    assert last.license == standing.last_license
    assert last.license is not None
    is_expiry = ends == day_start(last.license.expires_on + timedelta(days=1), zone)
    assert standing.is_last_in_grace == (last.reason is Reason.GRACE and not is_expiry)


def _without_end(standing: Standing) -> Standing:
    return replace(standing, stops_at=None, last_license=None, is_last_in_grace=False)
