"""What is published of a realm: the contract with everybody who reads realm attributes."""

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from keycloak_license.model.attributes import is_owned
from keycloak_license.model.changes import AttributeRemoved, AttributeSet
from keycloak_license.model.license import LicenseState, LicenseType, Reason, Standing
from keycloak_license.model.report import ApplicationUsage, RealmReport
from keycloak_license.model.seat import Allocation, Claim
from keycloak_license.plan.attributes import (
    backup_attributes,
    desired_attributes,
    plan_attributes,
    plan_verdict,
)
from tests.unit.plan.samples import NO_LICENSE, NOON, a_license

PRAGUE = ZoneInfo("Europe/Prague")
STANDING = Standing(
    LicenseState.NOT_ACTIVATED,
    Reason.GRACE,
    a_license(type=LicenseType.COMMERCIAL, number="C-1", scope={"WFM": 50, "QM": None, "AN": 0}),
    datetime(2026, 7, 1, tzinfo=PRAGUE),
)
REPORT = RealmReport(
    realm="acme",
    installation_id="installation-1",
    standing=STANDING,
    applications=(
        ApplicationUsage("WFM", "Workforce Management", seats=50, used=32, waiting=0),
        ApplicationUsage("QM", "Quality Management", seats=None, used=7, waiting=0),
        ApplicationUsage("AN", "Analytics", seats=0, used=0, waiting=3),
    ),
    synced_at=NOON,
    is_complete=True,
)
PUBLISHED = {
    "license.installation_id": "installation-1",
    "license.file": "the file",
    "license.number": "C-1",
    "license.type": "commercial",
    "license.customer": "ACME",
    "license.state": "NOT_ACTIVATED",
    "license.access": "granted",
    "license.reason": "grace",
    "license.issued_on": "2026-01-01",
    "license.expires_on": "2026-12-31",
    "license.stops_at": "2026-07-01T00:00:00+02:00",
    "license.scope": "AN,QM,WFM",
    "license.WFM.seats": "50",
    "license.WFM.used": "32",
    "license.WFM.waiting": "0",
    "license.WFM.usage": "64%",
    "license.QM.seats": "unlimited",
    "license.QM.used": "7",
    "license.QM.waiting": "0",
    "license.QM.usage": "",
    "license.AN.seats": "0",
    "license.AN.used": "0",
    "license.AN.waiting": "3",
    "license.AN.usage": "0%",
}


def test_exactly_these_attributes_are_published() -> None:
    assert desired_attributes(REPORT) == PUBLISHED
    assert all(is_owned(name) for name in PUBLISHED)


def test_without_a_licence_only_what_still_holds_is_published() -> None:
    bare = replace(REPORT, standing=NO_LICENSE, applications=())

    assert desired_attributes(bare) == {
        "license.installation_id": "installation-1",
        "license.state": "NONE",
        "license.access": "blocked",
        "license.reason": "no_license",
        "license.scope": "",
    }


def test_a_licence_that_no_day_ends_publishes_no_end() -> None:
    other = replace(STANDING, reason=Reason.OTHER_INSTALLATION, stops_at=None)

    assert "license.stops_at" not in desired_attributes(replace(REPORT, standing=other))


def test_a_realm_that_shows_the_report_is_left_alone() -> None:
    foreign = {"cibaInterval": "5", "license.expiry_notice_days": "30", "license.note": "call Eve"}

    assert list(plan_attributes(REPORT, PUBLISHED | foreign)) == []


def test_only_what_differs_is_set_and_only_what_is_ours_is_removed() -> None:
    current = PUBLISHED | {
        "license.WFM.used": "31",
        "license.OLD.seats": "9",
        "license.expiry_notice_days": "30",
        "cibaInterval": "5",
    }
    del current["license.file"]

    assert list(plan_attributes(REPORT, current)) == [
        AttributeSet("license.WFM.used", "32"),
        AttributeSet("license.file", "the file"),
        AttributeRemoved("license.OLD.seats"),
    ]


def test_what_no_longer_applies_goes_although_all_else_is_right() -> None:
    current = PUBLISHED | {"license.OLD.usage": ""}

    assert list(plan_attributes(REPORT, current)) == [AttributeRemoved("license.OLD.usage")]


def test_what_another_tool_wiped_comes_back() -> None:
    assert {
        change.name: change.value
        for change in plan_attributes(REPORT, {})
        if isinstance(change, AttributeSet)
    } == PUBLISHED


def test_an_empty_value_that_the_database_keeps_as_none_is_no_reason_to_write() -> None:
    kept = {name: value for name, value in PUBLISHED.items() if value}

    assert list(plan_attributes(REPORT, kept)) == []


def test_a_value_that_has_become_empty_is_written() -> None:
    current = PUBLISHED | {"license.QM.usage": "70%"}

    assert list(plan_attributes(REPORT, current)) == [AttributeSet("license.QM.usage", "")]


def test_a_lapsed_licence_takes_its_attributes_along() -> None:
    removed = [
        change.name
        for change in plan_attributes(replace(REPORT, standing=NO_LICENSE), PUBLISHED)
        if isinstance(change, AttributeRemoved)
    ]

    assert removed == [
        "license.customer",
        "license.expires_on",
        "license.file",
        "license.issued_on",
        "license.number",
        "license.stops_at",
        "license.type",
    ]


def test_days_are_written_as_days() -> None:
    old = replace(STANDING, license=a_license(issued_on=date(1970, 1, 2), expires_on=date(9998, 12, 31)))
    published = desired_attributes(replace(REPORT, standing=old))

    assert published["license.issued_on"] == "1970-01-02"
    assert published["license.expires_on"] == "9998-12-31"


def allocation(application: str, *, seated: str = "", waiting: str = "") -> Allocation:
    def claims(letters: str, *, is_seated: bool) -> tuple[Claim, ...]:
        return tuple(Claim(application, each, each, None, None, NOON, is_seated) for each in letters)

    return Allocation(application, 1, claims(seated, is_seated=True), claims(waiting, is_seated=False))


def test_who_waits_is_kept_in_order_where_others_are_seated() -> None:
    allocations = [
        allocation("WFM", seated="x", waiting="cab"),
        allocation("QM", seated="x"),
        allocation("AN", waiting="ab"),
    ]
    kept = {"license.WFM.queue": "c,a,b"}

    assert list(plan_attributes(REPORT, PUBLISHED, backup=backup_attributes(allocations, []))) == [
        AttributeSet("license.WFM.queue", "c,a,b")
    ]
    assert list(plan_attributes(REPORT, PUBLISHED | kept, backup=backup_attributes(allocations, []))) == []
    assert list(plan_attributes(REPORT, PUBLISHED | kept)) == [AttributeRemoved("license.WFM.queue")]
    assert is_owned("license.WFM.queue")


def test_of_the_verdict_only_what_differs_is_set_and_nothing_is_removed() -> None:
    current = {"license.state": "NOT_ACTIVATED", "license.access": "blocked", "license.OLD.seats": "1"}

    assert list(plan_verdict(REPORT, current)) == [
        AttributeSet("license.access", "granted"),
        AttributeSet("license.reason", "grace"),
    ]
    assert list(plan_verdict(REPORT, PUBLISHED)) == []
