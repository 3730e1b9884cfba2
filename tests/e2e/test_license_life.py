"""What long use of licences brings: grace, the last day, renewals, overlays, smaller limits.

Days pass by moving the realm from a time zone where it is today to one where tomorrow has begun.
"""

import pytest

from tests.e2e.cli import Site, application, day, license_attributes, written
from tests.e2e.crew import Crew, standing
from tests.e2e.desk import (
    Desk,
    activate,
    activation_key,
    around_midnight,
    listed,
    move,
    seated,
)

NOTICE = "license.expiry_notice_days"
ACCESS_ENDS = "Access ends at "


def notices(site: Site) -> list[str]:
    """What a sync tells about the end of access."""
    found = site.call("sync", "--json").document["warnings"]
    return [warning for warning in found if ACCESS_ENDS in warning]


@pytest.mark.parametrize(
    ("issued", "access", "reason"), [(-29, "granted", "grace"), (-30, "blocked", "grace_over")]
)
def test_grace_ends_as_the_thirtieth_day_begins(
    crew: Crew, desk: Desk, issued: int, access: str, reason: str
) -> None:
    crew.hire("eve")
    crew.hire("ann", "bob")
    inactive = desk.issue("C-1", issued=day(issued))

    text = crew.site.call("import", inactive).done().stdout

    assert standing(crew.site) == ("NOT_ACTIVATED", access, reason, "C-1")
    ends_at = f"{day(issued + 30)}T00:00:00+00:00"
    assert license_attributes(crew.site.realm)["license.stops_at"] == ends_at
    assert ends_at.replace("T", " ") in text
    assert "activation-key" in text
    assert seated(crew.site) == {"eve", "ann"}

    active = desk.activate(inactive, activation_key(crew.site))
    crew.site.call("import", active, "--replace").done()
    assert standing(crew.site) == ("OK", "granted", "active", "C-1")
    assert seated(crew.site) == {"eve", "ann"}


def test_when_grace_is_over_doctor_says_what_to_do(crew: Crew, desk: Desk) -> None:
    crew.site.call("import", desk.issue("C-1", issued=day(-31))).done()

    outcome = crew.site.call("doctor")

    assert outcome.status == 4
    [line] = [line for line in outcome.stdout.splitlines() if line.startswith("FAIL")]
    assert "grace_over" in line
    assert "activation-key" in line
    assert f"{day(-1)} 00:00:00+00:00" in line


def test_a_day_further_east_grace_is_over_and_no_seat_leaves(crew: Crew, desk: Desk) -> None:
    midnight = around_midnight()
    move(crew.site, midnight.west)
    crew.hire("eve", "dan")
    crew.site.call("import", desk.issue("C-1", issued=midnight.plus(-29))).done()
    assert standing(crew.site) == ("NOT_ACTIVATED", "granted", "grace", "C-1")
    assert license_attributes(crew.site.realm)["license.stops_at"] == midnight.of(1, midnight.west)

    move(crew.site, midnight.east)

    assert standing(crew.site) == ("NOT_ACTIVATED", "blocked", "grace_over", "C-1")
    assert license_attributes(crew.site.realm)["license.stops_at"] == midnight.of(1, midnight.east)
    assert seated(crew.site) == {"eve", "dan"}


def test_after_the_last_day_everybody_is_blocked_and_a_renewal_finds_the_same_people(
    crew: Crew, desk: Desk
) -> None:
    midnight = around_midnight()
    move(crew.site, midnight.west)
    for name in ("eve", "ann", "dan"):
        crew.hire(name)
    first = activate(crew.site, desk, desk.issue("C-1", issued=midnight.plus(-9), expires=midnight.plus(0)))
    members = crew.site.members()
    assert standing(crew.site) == ("OK", "granted", "active", "C-1")
    assert seated(crew.site) == {"eve", "ann"}

    move(crew.site, midnight.east)
    crew.hire("bob")
    assert standing(crew.site) == ("EXPIRED", "blocked", "expired", "C-1")
    assert crew.site.members() == [*members, ("bob", "waiting", 2)]
    assert crew.site.call("doctor").status == 4

    activate(crew.site, desk, desk.issue("C-1", issue_number=2))
    assert standing(crew.site) == ("OK", "granted", "active", "C-1")
    assert crew.site.members() == [*members, ("bob", "waiting", 2)]
    sentence = crew.site.call("import", first, "--replace").refused(4)
    assert "issue 1" in sentence.lower()
    assert "issue 2" in sentence


def test_an_expired_renewal_with_fewer_seats_takes_nobodys(crew: Crew, desk: Desk) -> None:
    crew.hire("eve")
    crew.hire("ann")
    activate(crew.site, desk, desk.issue("C-1", "WFM=2"))
    members = crew.site.members()

    late = desk.issue("C-1", "WFM=1", "QM=1", issue_number=2, issued=day(-9), expires=day(-1))
    crew.site.call("import", late, "--replace").done()
    assert standing(crew.site) == ("EXPIRED", "blocked", "expired", "C-1")
    assert crew.site.members() == members

    activate(crew.site, desk, desk.issue("C-1", "WFM=2", issue_number=3))
    assert crew.site.members() == members


def test_a_renewal_for_later_waits_and_mutes_the_expiry_warning(crew: Crew, desk: Desk) -> None:
    site = crew.site
    site.call("import", desk.issue("T-1", type="temporary", expires=day(10))).done()
    [warning] = notices(site)
    assert f"{ACCESS_ENDS}{day(11)} 00:00:00+00:00" in warning
    assert warning in site.call("sync").warnings[0]
    assert [each for each in site.status()["warnings"] if ACCESS_ENDS in each] == [warning]

    renewal = desk.issue("T-1", type="temporary", issue_number=2, starts=day(11), expires=day(400))
    site.call("import", renewal).done()

    assert standing(site) == ("OK", "granted", "temporary", "T-1")
    assert license_attributes(site.realm)["license.stops_at"] == f"{day(401)}T00:00:00+00:00"
    assert license_attributes(site.realm)["license.expires_on"] == day(10)
    assert notices(site) == []
    assert listed(site)[0] == ("T-1", 1, "OK", True, "temporary")
    assert listed(site)[1][1:] == (2, listed(site)[1][2], False, "not_started")
    assert f"{day(11)} 00:00:00+00:00" in site.call("licenses").done().stdout


def test_a_renewal_that_leaves_a_gap_mutes_nothing(crew: Crew, desk: Desk) -> None:
    crew.site.call("import", desk.issue("T-1", type="temporary", expires=day(10))).done()
    late = desk.issue("T-1", type="temporary", issue_number=2, starts=day(12), expires=day(400))

    crew.site.call("import", late).done()

    assert len(notices(crew.site)) == 1
    assert license_attributes(crew.site.realm)["license.stops_at"] == f"{day(11)}T00:00:00+00:00"


def test_a_renewal_takes_over_as_its_first_day_begins(crew: Crew, desk: Desk) -> None:
    midnight = around_midnight()
    move(crew.site, midnight.west)
    crew.hire("eve", "ann")
    first = {"type": "temporary", "issued": midnight.plus(-9), "expires": midnight.plus(0)}
    crew.site.call("import", desk.issue("T-1", "WFM=2", **first)).done()
    second = {"type": "temporary", "issued": midnight.plus(-9), "starts": midnight.plus(1)}
    crew.site.call("import", desk.issue("T-1", "WFM=5", issue_number=2, **second)).done()
    assert standing(crew.site) == ("OK", "granted", "temporary", "T-1")
    assert crew.site.usage() == (2, 2, 0)

    move(crew.site, midnight.east)

    assert standing(crew.site) == ("OK", "granted", "temporary", "T-1")
    assert crew.site.usage() == (5, 2, 0)
    assert listed(crew.site) == [
        ("T-1", 1, "EXPIRED", False, "expired"),
        ("T-1", 2, "OK", True, "temporary"),
    ]


def test_the_admins_of_the_realm_say_how_long_before_the_end_to_warn(crew: Crew, desk: Desk) -> None:
    site, realm = crew.site, crew.site.realm
    site.call("import", desk.issue("T-1", type="temporary", expires=day(10))).done()

    def told_with(days: str) -> tuple[int, list[str]]:
        realm.put("", {"attributes": realm.get()["attributes"] | {NOTICE: days}})
        warnings = site.call("sync", "--json").document["warnings"]
        assert realm.get()["attributes"][NOTICE] == days
        ends = [warning for warning in warnings if ACCESS_ENDS in warning]
        return len(ends), [warning for warning in warnings if NOTICE in warning]

    attributes = realm.get()["attributes"]
    try:
        assert told_with("5") == (0, [])
        assert told_with("5, 12") == (1, [])
        count, [named] = told_with("abc")
        assert count == 1
        assert NOTICE in named
        site.init("--remove").done()
        assert realm.get()["attributes"][NOTICE] == "abc"
    finally:
        site.init().done()
        kept = {name: value for name, value in realm.get()["attributes"].items() if name != NOTICE}
        realm.put("", {"attributes": kept})
    assert NOTICE not in attributes


def test_a_temporary_licence_lies_over_a_commercial_one_until_it_ends(crew: Crew, desk: Desk) -> None:
    midnight = around_midnight()
    move(crew.site, midnight.west)
    for name in ("eve", "ann", "dan"):
        crew.hire(name)
    activate(crew.site, desk, desk.issue("C-1", "WFM=2", issued=midnight.plus(-9)))
    over = desk.issue("T-1", "WFM=9", type="temporary", issued=midnight.plus(-9), expires=midnight.plus(0))

    crew.site.call("import", over).done()

    assert standing(crew.site) == ("OK", "granted", "temporary", "T-1")
    assert seated(crew.site) == {"eve", "ann", "dan"}
    assert listed(crew.site)[1:] == [
        ("C-1", 1, "OK", False, "overlaid"),
        ("T-1", 1, "OK", True, "temporary"),
    ]
    why = crew.site.call("licenses", "--json").document["licenses"][1]["explanation"]
    assert "T-1" in why
    assert why in crew.site.call("licenses").done().stdout

    move(crew.site, midnight.east)
    assert standing(crew.site) == ("OK", "granted", "active", "C-1")
    assert seated(crew.site) == {"eve", "ann"}
    assert listed(crew.site)[1:] == [
        ("C-1", 1, "OK", True, "active"),
        ("T-1", 1, "EXPIRED", False, "expired"),
    ]


def test_a_temporary_licence_that_has_ended_already_takes_nothing_over(crew: Crew, desk: Desk) -> None:
    activate(crew.site, desk, desk.issue("C-1"))
    before = standing(crew.site)

    ended = desk.issue("T-1", type="temporary", issued=day(-9), expires=day(-1))
    crew.site.call("import", ended).done()

    assert standing(crew.site) == before == ("OK", "granted", "active", "C-1")
    assert listed(crew.site)[2] == ("T-1", 1, "EXPIRED", False, "expired")


def test_a_smaller_limit_takes_the_newest_seats_and_those_people_stand_first(crew: Crew, desk: Desk) -> None:
    for name in ("eve", "dan", "cid", "bob"):
        crew.hire(name)
    activate(crew.site, desk, desk.issue("C-1", "WFM=3"))
    assert seated(crew.site) == {"eve", "dan", "cid"}

    activate(crew.site, desk, desk.issue("C-2", "WFM=1"))
    crew.hire("ann")
    waiting = [("dan", "waiting", 1), ("cid", "waiting", 2), ("bob", "waiting", 3), ("ann", "waiting", 4)]
    assert crew.site.members() == [("eve", "seated", None), *waiting]

    activate(crew.site, desk, desk.issue("C-3", "WFM=3"))
    assert seated(crew.site) == {"eve", "dan", "cid"}


def test_a_licence_that_drops_an_application_ends_its_seats_and_no_others(crew: Crew, desk: Desk) -> None:
    crew.hire("eve", "dan")
    crew.hire("cid", role="QM_AGENT")
    crew.hire("ann", role="QM_AGENT")
    activate(crew.site, desk, desk.issue("C-1", "WFM=2", "QM=1"))
    before = crew.site.members("WFM"), crew.site.members("QM")

    less = desk.issue("C-2", "WFM=2")
    document = crew.site.call("import", less, "--replace", "--json").document

    lost = [change for change in document["changes"] if change["kind"] == "seat_released"]
    assert [(change["application"], change["username"], change["reason"]) for change in lost] == [
        ("QM", "cid", "not_licensed")
    ]
    assert crew.site.members("WFM") == before[0]
    assert crew.site.members("QM") == [("cid", "waiting", 1), ("ann", "waiting", 2)]
    assert application(crew.site.status(), "QM")["seats"] == 0
    assert license_attributes(crew.site.realm)["license.scope"] == "WFM"

    activate(crew.site, desk, desk.issue("C-3", "WFM=2", "QM=1"))
    assert (crew.site.members("WFM"), crew.site.members("QM")) == before


def test_an_older_issue_is_refused_even_when_the_newer_one_was_replaced_since(crew: Crew, desk: Desk) -> None:
    old = desk.issue("C-1")
    crew.site.call("import", desk.issue("C-1", issue_number=2)).done()
    crew.site.call("import", desk.issue("C-2"), "--replace").done()
    before = written(crew.site)

    assert "issue 2" in crew.site.call("import", old, "--replace").refused(4)

    assert written(crew.site) == before


def test_every_display_has_the_last_day_and_the_instant_of_the_end(crew: Crew, desk: Desk) -> None:
    crew.site.configure(realms={crew.site.realm.name: {"time_zone": "Asia/Kathmandu"}})
    file = desk.issue("T-1", type="temporary", expires="2199-06-30")

    for words in (("import", file, "--dry-run"), ("import", file), ("status",), ("doctor",), ("licenses",)):
        text = crew.site.call(*words).done().stdout
        assert "2199-06-30" in text, words
        assert "2199-07-01 00:00:00+05:45" in text, words
    assert crew.site.status()["license"]["stops_at"] == "2199-07-01T00:00:00+05:45"
    [listed_one] = crew.site.call("licenses", "--json").document["licenses"]
    assert listed_one["ends_at"] == "2199-07-01T00:00:00+05:45"
