"""What people are told, when, and how often."""

import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from keycloak_license.errors import ConfigurationError, UnavailableError
from keycloak_license.mail.messages import compose
from keycloak_license.model.audience import NoticeTerms
from keycloak_license.model.license import LicenseType, Reason
from keycloak_license.model.notice import (
    AccessEnded,
    AccessEnding,
    Delivery,
    NearLimit,
    OverLimit,
    People,
    ReadsIncomplete,
    ReleasesHeld,
    Remedy,
    SeatsInUse,
    SyncsFailing,
)
from keycloak_license.services.overview import describe_audience
from tests.unit.services.post import MAIL, Scene, kinds
from tests.unit.services.world import NOON, PRAGUE

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
LAST_DAY = date(2026, 12, 31)
STOPS_AT = datetime(2027, 1, 1, tzinfo=PRAGUE)


def on(day: str, hour: int = 8) -> datetime:
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=PRAGUE)


@pytest.fixture
def scene() -> Scene:
    """Five seats, of which three are taken; the licence ends with 2026."""
    scene = Scene()
    scene.world.agents("ann", "bob", "cid")
    scene.world.import_file(scene.world.sign(scope={"WFM": 5}))
    assert scene.collect() == []
    return scene


# --- before access ends, and when it has


def test_nothing_is_told_while_there_is_time(scene: Scene) -> None:
    assert scene.sync(on("2026-11-30", 23)) == []


def test_so_many_days_before_the_date_it_is_told_once(scene: Scene) -> None:
    [notice] = scene.sync(on("2026-12-01", 0))
    assert notice == AccessEnding(
        realm="acme",
        at=on("2026-12-01", 0),
        number="T-1",
        customer="ACME",
        last_day=LAST_DAY,
        stops_at=STOPS_AT,
        days_left=30,
        remedy=Remedy.RENEW,
        users=3,
        seats=(SeatsInUse("WFM", "Workforce Management", 3),),
    )
    assert scene.sync(on("2026-12-01", 0) + MINUTE) == []
    assert scene.sync(on("2026-12-30", 23)) == []


def test_what_is_licensed_and_not_used_stops_too() -> None:
    scene = Scene(replace(MAIL, expiry_days=(300,)))
    scene.world.import_file(scene.world.sign(scope={"QM": None}))
    [notice] = scene.sync()
    assert isinstance(notice, AccessEnding)
    assert (notice.users, notice.seats) == (0, (SeatsInUse("QM", "Quality Management", 0),))


def test_on_the_last_day_and_when_it_has_ended_it_is_told_again(scene: Scene) -> None:
    scene.sync(on("2026-12-02"))
    [last] = scene.sync(on("2026-12-31", 0))
    assert isinstance(last, AccessEnding)
    assert last.days_left == 0
    [ended] = scene.sync(on("2027-01-01", 0))
    assert isinstance(ended, AccessEnded)
    assert (ended.reason, ended.stops_at, ended.users) == (Reason.EXPIRED, STOPS_AT, 3)
    assert scene.sync(on("2027-01-01", 1)) == []
    assert scene.sync(on("2027-06-01", 1)) == []


def test_whoever_starts_late_tells_the_most_urgent_only() -> None:
    scene = Scene(replace(MAIL, expiry_days=(60, 30, 14, 7)))
    scene.world.import_file(scene.world.sign(), on("2026-12-20"))
    assert [each.days_left for each in scene.sync(on("2026-12-20")) if isinstance(each, AccessEnding)] == [11]
    assert scene.sync(on("2026-12-23")) == []
    assert kinds(scene.sync(on("2026-12-24"))) == ["access_ending"]
    assert kinds(scene.sync(on("2026-12-31"))) == ["access_ending"]


def test_the_days_that_the_realm_sets_count(scene: Scene) -> None:
    scene.world.realm.set_attributes({"license.expiry_notice_days": "10, 3"})
    assert scene.sync(on("2026-12-20")) == []
    assert kinds(scene.sync(on("2026-12-21"))) == ["access_ending"]
    assert kinds(scene.sync(on("2026-12-28"))) == ["access_ending"]
    scene.world.realm.set_attributes({"license.expiry_notice_days": "90"})
    assert scene.sync(on("2026-12-29")) == []


def test_a_successor_that_covers_the_gap_mutes_it(scene: Scene) -> None:
    renewal = scene.world.sign(
        issue=2, starts_on=date(2027, 1, 1), expires_on=date(2027, 12, 31), scope={"WFM": 5}
    )
    scene.world.import_file(renewal)
    for day in ("2026-12-15", "2026-12-31", "2027-01-01"):
        assert scene.sync(on(day)) == []
    assert [each.number for each in scene.sync(on("2027-12-10")) if isinstance(each, AccessEnding)] == ["T-1"]


def test_a_successor_that_leaves_a_gap_does_not(scene: Scene) -> None:
    renewal = scene.world.sign(issue=2, starts_on=date(2027, 1, 2), expires_on=date(2027, 12, 31))
    scene.world.import_file(renewal)
    assert kinds(scene.sync(on("2026-12-15"))) == ["access_ending"]


def test_another_day_or_licence_has_notices_of_its_own(scene: Scene) -> None:
    scene.sync(on("2026-12-01"))
    scene.world.import_file(scene.world.sign(issue=2, scope={"WFM": 5}), on("2026-12-02"))
    assert scene.sync(on("2026-12-02")) == []
    later = {"expires_on": date(2027, 1, 1), "scope": {"WFM": 5}}
    scene.world.import_file(scene.world.sign(issue=3, **later), on("2026-12-03"))
    assert kinds(scene.sync(on("2026-12-03"))) == ["access_ending"]
    scene.world.import_file(scene.world.sign(number="T-2", **later), on("2026-12-04"))
    assert kinds(scene.sync(on("2026-12-04"))) == ["access_ending"]


def test_what_was_told_stays_told_while_another_licence_covers_it(scene: Scene) -> None:
    scene.sync(on("2026-12-01"))
    bridge = scene.world.sign(
        number="T-2", starts_on=date(2026, 12, 2), expires_on=date(2027, 2, 28), scope={"WFM": 5}
    )
    world = scene.world
    commercial = world.sign_commercial(scope={"WFM": 5})
    world.import_file(commercial, on("2026-12-02"))
    assert kinds(scene.sync(on("2026-12-02"))) == ["access_ending"]
    world.import_file(bridge, on("2026-12-03"))
    assert scene.sync(on("2026-12-03")) == []
    assert kinds(scene.sync(on("2027-02-10"))) == ["access_ending"]


def test_before_the_grace_of_an_inactive_licence_is_over_it_is_told_to_activate_it() -> None:
    scene = Scene(replace(MAIL, expiry_days=(3,)))
    scene.world.agents("ann")
    inactive = scene.world.sign(type=LicenseType.COMMERCIAL, issued_on=date(2026, 5, 1), scope={"WFM": 5})
    scene.world.import_file(inactive, on("2026-05-01"))
    told = {
        day: each
        for day in (on("2026-05-01") + number * DAY for number in range(32))
        for each in scene.sync(day)
    }
    assert {day.date(): each.kind for day, each in told.items()} == {
        date(2026, 5, 23): "access_ending",  # seven days before the last one
        date(2026, 5, 27): "access_ending",  # three
        date(2026, 5, 29): "access_ending",  # one
        date(2026, 5, 30): "access_ending",
        date(2026, 5, 31): "access_ended",
    }
    assert {each.remedy for each in told.values() if isinstance(each, AccessEnding)} == {Remedy.ACTIVATE}
    assert [each.reason for each in told.values() if isinstance(each, AccessEnded)] == [Reason.GRACE_OVER]


def test_a_realm_that_may_be_another_installations_is_told_as_blocked(scene: Scene) -> None:
    scene.world.realm.set_attributes({"license.installation_id": "7d1f0f0a-0000-4000-8000-000000000001"})
    [notice] = scene.sync(NOON + HOUR)
    assert isinstance(notice, AccessEnded)
    assert (notice.reason, notice.stops_at) == (Reason.OTHER_INSTALLATION, None)
    assert scene.sync(NOON + 2 * HOUR) == []


def test_when_no_licence_counts_any_more_it_is_told(scene: Scene) -> None:
    [stored] = scene.world.ledger.load("acme").licenses
    verifier = scene.world.verifier
    kept = verifier.verify(stored.file.encode())
    verifier.distrust(kept)
    [notice] = scene.sync(NOON + HOUR)
    assert isinstance(notice, AccessEnded)
    assert (notice.reason, notice.number, notice.users) == (Reason.NO_LICENSE, "", 3)
    assert scene.sync(NOON + 2 * HOUR) == []
    scene.world.trust(kept)
    assert scene.sync(NOON + 3 * HOUR) == []
    verifier.distrust(kept)
    assert kinds(scene.sync(NOON + 4 * HOUR)) == ["access_ended"]


def test_numbers_with_spaces_are_no_other_numbers() -> None:
    scene = Scene(replace(MAIL, expiry_days=(300,)))
    for number in ("ACME 1", "ACME", "1 ACME"):
        scene.world.import_file(scene.world.sign(number=number))
        assert [each.number for each in scene.sync() if isinstance(each, AccessEnding)] == [number]


def test_a_realm_that_moves_over_midnight_and_back_is_told_once() -> None:
    scene = Scene()
    world = scene.world
    world.import_file(world.sign())
    late = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)  # 1 December in Prague, thirty days before the last one
    assert kinds(scene.sync(late)) == ["access_ending"]
    world.zone = ZoneInfo("UTC")
    assert scene.sync(late + MINUTE) == []
    world.zone = PRAGUE
    assert scene.sync(late + 2 * MINUTE) == []


def test_what_a_wrong_clock_has_told_is_told_again_when_it_is_time(scene: Scene) -> None:
    assert kinds(scene.sync(on("2026-12-15"))) == ["access_ending"]
    # Set right: what it leapt to is not believed yet.
    assert scene.sync(NOON + DAY) == []
    for days in range(2, 220):
        told = scene.sync(NOON + days * DAY)
        if told:
            break
    assert (kinds(told), (NOON + days * DAY).date()) == (["access_ending"], date(2026, 12, 1))


def test_instants_are_those_of_the_realms_zone(scene: Scene) -> None:
    for delivery in _trouble(scene):
        found = set(re.findall(r"UTC[+-]\d\d:\d\d", compose(delivery).text))
        assert found
        assert found <= {"UTC+02:00", "UTC+01:00"}


def _trouble(scene: Scene) -> list[Delivery]:
    """What is told of people who wait, incomplete reads and an outage."""
    scene.world.agents("dan", "eli", "fay")
    scene.world.realm.silent_providers = {"ldap"}
    scene.world.sync(NOON)
    scene.world.sync(NOON + HOUR)
    found = scene.collect(NOON + HOUR)
    scene.world.realm.is_unreachable = True
    for hours in (2, 3):
        with pytest.raises(UnavailableError):
            scene.world.sync(NOON + hours * HOUR)
    found += scene.collect(NOON + 3 * HOUR)
    told = sorted(each.notice.kind for each in found)
    assert told == ["over_limit", "reads_incomplete", "syncs_failing"]
    return found


# --- seats


def test_when_somebody_has_to_wait_it_is_told_who_and_where(scene: Scene) -> None:
    scene.world.agents("dan", "eli")
    assert [each.kind for each in scene.sync(NOON + MINUTE)] == ["near_limit"]
    scene.world.agents("fay", "gus")
    [notice] = scene.sync(NOON + 2 * MINUTE)
    assert notice == OverLimit(
        realm="acme",
        at=NOON + 2 * MINUTE,
        application="WFM",
        name="Workforce Management",
        limit=5,
        used=5,
        waiting=People(("fay", "gus")),
    )
    assert scene.sync(NOON + 3 * MINUTE) == []


def test_more_people_are_told_once_a_day_and_the_same_people_never(scene: Scene) -> None:
    scene.world.agents("dan", "eli", "fay")
    assert kinds(scene.sync(NOON)) == ["over_limit"]
    assert scene.sync(NOON + 3 * DAY) == []
    scene.world.agents("gus")
    [digest] = scene.sync(NOON + 3 * DAY + MINUTE)
    assert isinstance(digest, OverLimit)
    assert (digest.is_digest, digest.waiting.named) == (True, ("fay", "gus"))
    scene.world.agents("hal")
    assert scene.sync(NOON + 3 * DAY + HOUR) == []
    assert scene.sync(NOON + 4 * DAY) == []
    assert kinds(scene.sync(NOON + 4 * DAY + MINUTE)) == ["over_limit"]
    assert scene.sync(NOON + 9 * DAY) == []


def test_each_crossing_is_told(scene: Scene) -> None:
    world = scene.world
    *_, fay = world.agents("dan", "eli", "fay")
    assert kinds(scene.sync(NOON)) == ["over_limit"]
    world.realm.revoke(fay, world.agent)
    assert scene.sync(NOON + MINUTE) == []
    world.realm.grant(fay, world.agent)
    [again] = scene.sync(NOON + 2 * MINUTE)
    assert isinstance(again, OverLimit)
    assert not again.is_digest


def test_an_application_that_the_licence_leaves_out_is_named_as_such(scene: Scene) -> None:
    world = scene.world
    world.realm.grant(world.realm.create_user("quinn"), world.reviewer)
    [notice] = scene.sync()
    assert isinstance(notice, OverLimit)
    assert (notice.application, notice.limit, notice.is_licensed) == ("QM", 0, False)


def test_without_a_licence_nobody_is_told_of_waiting() -> None:
    scene = Scene()
    scene.world.agents("ann")
    assert scene.sync() == []


def test_of_very_many_the_first_are_named(scene: Scene) -> None:
    scene.world.agents(*(f"user{number:03}" for number in range(100)))
    [notice] = scene.sync()
    assert isinstance(notice, OverLimit)
    assert (len(notice.waiting.named), notice.waiting.more, notice.waiting.count) == (50, 48, 98)


def test_near_the_limit_it_is_told_once_until_usage_has_fallen_well_below() -> None:
    scene = Scene()
    world = scene.world
    users = world.agents(*(f"user{number:02}" for number in range(18)))
    world.import_file(world.sign(scope={"WFM": 20}))
    [notice] = scene.collect()
    assert notice.notice == NearLimit(
        realm="acme", at=NOON, application="WFM", name="Workforce Management", limit=20, used=18, percent=90
    )

    def fall_and_rise(count: int, now: datetime) -> list[str]:
        for user in users[:count]:
            world.realm.revoke(user, world.agent)
        fallen = scene.sync(now)
        for user in users[:count]:
            world.realm.grant(user, world.agent)
        return kinds(fallen + scene.sync(now + MINUTE))

    assert fall_and_rise(1, NOON + HOUR) == []
    assert fall_and_rise(2, NOON + 2 * HOUR) == ["near_limit"]


def test_in_a_large_licence_usage_has_to_fall_five_points() -> None:
    scene = Scene()
    world = scene.world
    users = world.agents(*(f"user{number:02}" for number in range(90)))
    world.import_file(world.sign(scope={"WFM": 100}))
    assert kinds([each.notice for each in scene.collect()]) == ["near_limit"]
    for count, expected in ((4, []), (5, ["near_limit"])):
        for user in users[:count]:
            world.realm.revoke(user, world.agent)
        told = scene.sync(NOON + count * HOUR)
        for user in users[:count]:
            world.realm.grant(user, world.agent)
        assert kinds(told + scene.sync(NOON + count * HOUR + MINUTE)) == expected


def test_of_several_thresholds_the_highest_that_is_reached_is_told() -> None:
    scene = Scene(replace(MAIL, usage_percents=(50, 75, 95)))
    world = scene.world
    world.agents("a", "b", "c")
    world.import_file(world.sign(scope={"WFM": 4}))
    assert [each.percent for each in scene.sync() if isinstance(each, NearLimit)] == [75]
    world.agents("d")
    assert [each.percent for each in scene.sync(NOON + HOUR) if isinstance(each, NearLimit)] == [95]


def test_unlimited_seats_never_run_out() -> None:
    scene = Scene()
    scene.world.agents("ann", "bob")
    scene.world.import_file(scene.world.sign(scope={"WFM": None}))
    assert scene.collect() == []


# --- trouble


def test_held_releases_are_told_with_who_and_until_when() -> None:
    scene = Scene()
    world = scene.world
    users = world.agents(*(f"user{number:02}" for number in range(30)))
    world.import_file(world.sign(scope={"WFM": 50}))
    for user in users[:10]:
        world.realm.revoke(user, world.agent)
    [notice] = scene.sync(NOON + HOUR)
    assert isinstance(notice, ReleasesHeld)
    assert [(each.application, each.people.count) for each in notice.held] == [("WFM", 10)]
    assert notice.release_at == NOON + 25 * HOUR
    assert scene.sync(NOON + 2 * HOUR) == []
    world.sync(NOON + 3 * HOUR, force=True)
    assert scene.sync(NOON + 4 * HOUR) == []


def test_syncs_that_fail_are_told_after_an_hour_to_whom_was_there_before(scene: Scene) -> None:
    scene.world.realm.is_unreachable = True
    told = []
    for minutes in range(0, 130, 10):
        now = NOON + minutes * MINUTE
        with pytest.raises(UnavailableError):
            scene.world.sync(now)
        told += [(minutes, each.notice, each.recipient) for each in scene.collect(now)]
    [(minutes, notice, recipient)] = told
    assert (minutes, recipient) == (60, "eva@example.org")
    assert isinstance(notice, SyncsFailing)
    assert (notice.since, "cannot be reached" in notice.reason) == (NOON, True)

    scene.world.realm.is_unreachable = False
    assert scene.sync(NOON + 3 * HOUR) == []
    scene.world.realm.is_unreachable = True
    for minutes in (0, 59):
        with pytest.raises(UnavailableError):
            scene.world.sync(NOON + 4 * HOUR + minutes * MINUTE)
    assert scene.collect(NOON + 5 * HOUR) == []


def test_writes_that_fail_are_told_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise UnavailableError("The simulated Keycloak does not answer writes")

    def attempt(minutes: int) -> list[str]:
        now = NOON + minutes * MINUTE
        scene.world.realm.attributes.pop("license.state", None)
        with pytest.raises(UnavailableError):
            scene.world.sync(now)
        return [each.notice.kind for each in scene.collect(now)]

    for begin in (0, 300):
        with monkeypatch.context() as failing:
            failing.setattr(scene.world.realm, "write_attributes", fail)
            told = [kind for minutes in range(begin, begin + 180, 10) for kind in attempt(minutes)]
        assert told == ["syncs_failing"]
        assert scene.sync(NOON + (begin + 190) * MINUTE) == []


def test_each_outage_is_told(scene: Scene) -> None:
    told = []
    for minutes in range(0, 600, 20):
        now = NOON + minutes * MINUTE
        scene.world.realm.is_unreachable = minutes % 200 != 180
        with suppress(UnavailableError):
            scene.world.sync(now)
        told += [(minutes, each.notice.kind) for each in scene.collect(now)]
    assert told == [(minutes, "syncs_failing") for minutes in (60, 260, 460)]


def test_a_fault_of_ours_counts_as_a_failure(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("ann")

    with monkeypatch.context() as failing:
        failing.setattr(scene.world.realm, "read", fail)
        for minutes in (0, 60):
            with pytest.raises(KeyError):
                scene.world.sync(NOON + minutes * MINUTE)
    [delivery] = scene.collect(NOON + HOUR)
    assert isinstance(delivery.notice, SyncsFailing)
    assert delivery.notice.reason.startswith("a fault of ours (KeyError): ")


def test_who_waits_while_nobody_has_access_hears_when_there_is_access_again(scene: Scene) -> None:
    world = scene.world
    world.import_file(world.sign(number="T-2", expires_on=date(2026, 5, 2), scope={"WFM": 3}), NOON)
    scene.sync(on("2026-05-02", 23))
    assert kinds(scene.sync(on("2026-05-03"))) == ["access_ended"]
    world.agents("fay")
    assert scene.sync(on("2026-05-03", 9)) == []
    world.import_file(world.sign(number="T-3", scope={"WFM": 3}), on("2026-05-03", 10))
    assert kinds(scene.sync(on("2026-05-03", 11))) == ["over_limit"]


def test_who_waited_before_it_ended_is_not_told_of_again(scene: Scene) -> None:
    world = scene.world
    world.agents("dan", "eli", "fay")
    world.import_file(world.sign(number="T-2", expires_on=date(2026, 5, 2), scope={"WFM": 5}), NOON)
    assert "over_limit" in kinds(scene.sync(NOON))
    assert kinds(scene.sync(on("2026-05-03"))) == ["access_ended"]
    world.import_file(world.sign(number="T-3", scope={"WFM": 5}), on("2026-05-03", 10))
    assert scene.sync(on("2026-05-03", 11)) == []


def test_what_was_told_before_an_outage_is_not_told_again_after_it(scene: Scene) -> None:
    scene.world.agents("dan", "eli", "fay")
    assert kinds(scene.sync(NOON)) == ["over_limit"]
    scene.world.realm.is_unreachable = True
    with pytest.raises(UnavailableError):
        scene.world.sync(NOON + HOUR)
    scene.world.realm.is_unreachable = False
    assert scene.sync(NOON + 2 * HOUR) == []


def test_reads_that_stay_incomplete_are_told_after_an_hour(scene: Scene) -> None:
    scene.world.realm.silent_providers = {"ldap"}
    assert scene.sync(NOON) == []
    assert scene.sync(NOON + 59 * MINUTE) == []
    [notice] = scene.sync(NOON + HOUR)
    assert isinstance(notice, ReadsIncomplete)
    assert (notice.since, notice.gaps) == (NOON, ("user storage provider ldap does not answer",))
    assert scene.sync(NOON + 2 * HOUR) == []


# --- who


def test_every_enabled_user_with_the_effective_role_hears_and_the_administrators() -> None:
    scene = Scene(replace(MAIL, administrators=("ops@example.com", "Eva@Example.org")))
    world, realm = scene.world, scene.world.realm
    leads = realm.create_group("LEADS")
    realm.grant_group(leads, scene.role)
    realm.join(realm.create_user("lea", email="lea@example.org"), leads)
    boss = realm.create_role("boss")
    realm.add_to_composite(boss, scene.role)
    realm.grant(realm.create_user("bea", email="bea@example.org"), boss)
    realm.set_enabled(scene.appoint("off", "off@example.org"), enabled=False)
    scene.appoint("bad", "bad@exa mple\nBcc: all@example.org")
    realm.grant(realm.create_service_account("robot"), scene.role)
    realm.create_user("nobody", email="nobody@example.org")
    world.agents("ann", "bob")
    world.import_file(world.sign())
    assert sorted(each.recipient for each in scene.collect()) == [
        "Eva@Example.org", "bea@example.org", "lea@example.org", "ops@example.com",
    ]  # fmt: skip


def test_what_no_mail_reached_yet_goes_to_nobody_who_may_not_hear_any_more(scene: Scene) -> None:
    scene.world.agents("dan", "eli", "fay")
    scene.world.sync(NOON)
    scene.world.realm.set_enabled(scene.eva, enabled=False)
    scene.appoint("lea", "lea@example.org")
    assert scene.sync(NOON + MINUTE) == []


def test_what_the_realm_sets_and_nobody_understands_is_told_by_doctor(scene: Scene) -> None:
    scene.world.realm.set_attributes({"license.expiry_notice_days": "soon"})
    with pytest.raises(ConfigurationError, match="is not a number of days"):
        describe_audience(scene.world.managed)


def test_who_has_no_address_is_named_as_somebody_who_will_not_hear(scene: Scene) -> None:
    scene.appoint("mute", None)
    scene.sync()
    [warning] = scene.world.status().warnings
    assert "will not hear" in warning
    assert warning.endswith("seats run out: mute; give them an address in Keycloak")
    assert describe_audience(scene.world.managed) == (
        "mails go to 1, days before access ends: 30, 0; without a usable address, and so not told: mute"
    )


def test_where_nobody_has_an_address_it_stays_due_until_somebody_has(scene: Scene) -> None:
    realm = scene.world.realm
    realm.revoke(scene.eva, scene.role)
    scene.world.agents("dan", "eli", "fay")
    scene.world.sync()
    assert scene.collect() == []
    assert any("Nobody hears" in warning for warning in scene.world.status().warnings)
    with pytest.raises(UnavailableError, match="Nobody hears"):
        describe_audience(scene.world.managed)
    realm.grant(scene.eva, scene.role)
    assert kinds(scene.sync(NOON + HOUR)) == ["over_limit"]


def test_without_any_way_out_nothing_is_kept_for_anybody() -> None:
    scene = Scene(NoticeTerms(expiry_days=(30,), usage_percents=(90,)))
    scene.world.agents("ann", "bob")
    scene.world.import_file(scene.world.sign())
    assert scene.deliver() == []
    assert scene.world.status().warnings == ()


def test_a_webhook_hears_the_same_once() -> None:
    scene = Scene(replace(MAIL, has_webhook=True))
    scene.world.agents("ann", "bob")
    scene.world.import_file(scene.world.sign())
    scene.deliver()
    assert [each.notice for each in scene.hook.received] == [each.notice for each in scene.letterbox.received]
    assert [each.recipient for each in scene.hook.received] == [""]


def test_mails_are_in_the_language_of_the_realm() -> None:
    scene = Scene()
    scene.world.realm.locale = "cs"
    scene.world.agents("ann", "bob")
    scene.world.import_file(scene.world.sign())
    assert [each.locale for each in scene.collect()] == ["cs"]


def test_a_dry_run_tells_what_would_be_told_and_keeps_nothing(scene: Scene) -> None:
    scene.world.agents("dan", "eli", "fay")
    report = scene.world.sync(dry_run=True)
    assert [each.kind for each in report.notices] == ["over_limit"]
    assert scene.collect() == []
    assert kinds(scene.sync()) == ["over_limit"]


def test_whoever_an_incomplete_read_does_not_show_still_hears(scene: Scene) -> None:
    realm = scene.world.realm
    lea = realm.create_user("lea", email="lea@example.org", provider="ldap")
    realm.grant(lea, scene.role)
    scene.sync(NOON)
    realm.silent_providers = {"ldap"}
    scene.world.agents("dan", "eli", "fay")
    scene.world.sync(NOON + HOUR)
    assert {each.recipient for each in scene.collect(NOON + HOUR)} == {"eva@example.org", "lea@example.org"}


@pytest.mark.parametrize("trouble", ["unreadable", "disabled"])
def test_an_incomplete_read_makes_nobody_deaf(trouble: str) -> None:
    scene = Scene()
    realm = scene.world.realm
    lea = realm.create_user("lea", email="lea@example.org", provider="ldap")
    for role in (scene.role, scene.world.agent):
        realm.grant(lea, role)
    scene.world.import_file(scene.world.sign(scope={"WFM": 9}))
    scene.sync(NOON)
    if trouble == "unreadable":
        realm.unreadable = {scene.role}
    else:
        realm.disabled_providers = {"ldap"}
    scene.world.sync(NOON + MINUTE)
    last = scene.world.ledger.load("acme").last_sync
    assert last
    assert [each.username for each in last.addressees] == ["eva", "lea"]


def test_access_that_ends_while_nobody_works_is_told_when_somebody_does(scene: Scene) -> None:
    later = datetime(2027, 3, 1, tzinfo=UTC)
    assert kinds(scene.sync(later)) == ["access_ended"]
