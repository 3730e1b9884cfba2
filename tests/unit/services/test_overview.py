from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from keycloak_license.errors import ConfigurationError
from keycloak_license.model.application import Application
from keycloak_license.model.changes import AttributeChange
from keycloak_license.model.license import LicenseState, Reason
from keycloak_license.model.measures import Measure, Refusal
from keycloak_license.model.realm import RealmSnapshot, Rereading, User
from keycloak_license.services.overview import (
    explain_user,
    find_application,
    list_members,
    read_status,
)
from keycloak_license.services.ports import BeforeWrite
from keycloak_license.services.reconcile import preview_once
from tests.fakes import Unfollowed
from tests.unit.services.world import NOON, QM, WFM, World

HOUR = timedelta(hours=1)


class Untouchable(Unfollowed):
    """A Keycloak that must be left alone."""

    def read(self, applications: Sequence[Application], group_paths: Sequence[str] = ()) -> RealmSnapshot:
        raise AssertionError("Keycloak was read")

    def read_attributes(self) -> dict[str, str]:
        raise AssertionError("Keycloak was asked for attributes")

    def find_user(self, name: str) -> User | None:
        raise AssertionError("Keycloak was asked for a user")

    def ensure_writable(self) -> None:
        raise AssertionError("Keycloak was asked for rights")

    def reread(self, user_ids: Sequence[str], applications: Sequence[Application]) -> Rereading:
        raise AssertionError("Keycloak was asked for users again")

    def write_attributes(self, changes: Sequence[AttributeChange], before_write: BeforeWrite) -> None:
        raise AssertionError("Keycloak was written")

    def enforce(self, measures: Sequence[Measure], before_write: BeforeWrite) -> tuple[Refusal, ...]:
        raise AssertionError("Keycloak was changed")


def busy_world() -> World:
    """Anna holds the one seat, Boris and Cyril wait in that order, Dana has no role."""
    world = World()
    world.import_file(world.sign(), NOON - 9 * HOUR)
    for hours, name in ((3, "anna"), (2, "boris"), (1, "cyril")):
        world.agents(name)
        world.sync(NOON - hours * HOUR)
    world.realm.create_user("dana")
    return world


def test_status_is_what_the_last_sync_reported() -> None:
    world = busy_world()
    synced = world.sync().realm

    assert read_status(world.managed, NOON) == synced


def test_status_does_not_ask_keycloak_and_writes_nothing() -> None:
    world = busy_world()
    before = world.everything()
    cut_off = replace(world.managed, keycloak=Untouchable())

    report = read_status(cut_off, NOON)

    assert [(usage.id, usage.seats, usage.used, usage.waiting) for usage in report.applications] == [
        ("WFM", 1, 1, 2),
        ("QM", 0, 0, 0),
    ]
    assert report.synced_at == NOON - HOUR
    assert world.everything() == before


def test_status_judges_the_licence_now_not_as_of_the_last_sync() -> None:
    report = read_status(busy_world().managed, NOON + timedelta(days=365))

    assert report.standing.state is LicenseState.EXPIRED
    assert [usage.used for usage in report.applications] == [1, 0]


def test_status_of_a_realm_that_was_never_synced_says_so() -> None:
    world = World()
    report = read_status(replace(world.managed, keycloak=Untouchable()), NOON)

    assert (report.installation_id, report.synced_at, report.is_complete) == (None, None, False)
    assert report.standing.reason is Reason.NO_LICENSE
    assert [(usage.seats, usage.used, usage.waiting) for usage in report.applications] == [(0, 0, 0)] * 2
    assert report.warnings == ("Realm acme was never synced: run keycloak-license sync",)


def test_status_tells_what_the_last_sync_could_not_see() -> None:
    world = busy_world()
    world.realm.silent_providers.add("ldap")
    world.sync()
    report = read_status(world.managed, NOON)

    assert not report.is_complete
    assert report.warnings == (
        "Incomplete read, nobody loses a seat: user storage provider ldap does not answer",
    )


def test_status_warns_once_of_a_licence_that_no_longer_verifies() -> None:
    world = busy_world()
    world.verifier.distrust(world.verifier.verify(b"file of licence T-1, issue 1, no. 0"))
    expected = (
        "The imported licence T-1 does not count any more: The licence file is not signed by anybody this "
        "test trusts",
    )

    assert read_status(world.managed, NOON).warnings == expected
    world.sync()
    assert read_status(world.managed, NOON).warnings == expected


def test_status_does_not_repeat_a_warning_that_no_longer_holds() -> None:
    world = busy_world()
    license_ = world.verifier.verify(b"file of licence T-1, issue 1, no. 0")
    world.verifier.distrust(license_)
    world.sync()
    world.trust(license_)
    report = read_status(world.managed, NOON)

    assert report.standing.license == license_
    assert report.warnings == ()


def test_members_are_the_seated_then_the_waiting_in_order() -> None:
    world = busy_world()
    allocation, members = list_members(world.managed, "WFM", NOON)

    assert allocation.limit == 1
    assert [(member.claim.username, member.position, member.since) for member in members] == [
        ("anna", None, NOON - 3 * HOUR),
        ("boris", 1, NOON - 2 * HOUR),
        ("cyril", 2, NOON - HOUR),
    ]
    assert all(member.paths == (("role WFM_AGENT",),) for member in members)


def test_members_are_as_a_sync_at_this_moment_would_find_them_and_nothing_is_written() -> None:
    world = busy_world()
    anna = world.realm.find_user("anna")
    assert anna is not None
    world.realm.delete_user(anna.id)
    before = world.everything()

    _, members = list_members(world.managed, "WFM", NOON)

    assert [(member.claim.username, member.position) for member in members] == [("boris", None), ("cyril", 1)]
    assert members[0].since == NOON
    assert world.everything() == before


def test_members_who_were_not_seen_in_an_incomplete_read_are_still_there() -> None:
    world = busy_world()
    world.realm.unreadable.add(world.agent)

    _, members = list_members(world.managed, "WFM", NOON)

    assert [member.claim.username for member in members] == ["anna", "boris", "cyril"]
    assert all(member.paths == () for member in members)


def test_members_have_the_name_and_address_that_the_account_has_now() -> None:
    world = busy_world()
    anna = world.realm.find_user("anna")
    assert anna is not None
    world.realm._users[anna.id] = replace(anna, username="anna.nova", email="nova@example.org")
    world.sync()

    _, members = list_members(world.managed, "WFM", NOON)

    assert (members[0].claim.username, members[0].claim.email) == ("anna.nova", "nova@example.org")


def test_members_of_an_unknown_application_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"'wfm'.*has WFM, QM"):
        list_members(World().managed, "wfm", NOON)


def test_an_application_is_found_by_its_id() -> None:
    assert find_application((WFM, QM), "QM") is QM


def test_explain_tells_for_every_application_why_or_why_not() -> None:
    world = busy_world()
    boris = world.realm.find_user("boris")
    assert boris is not None
    explanation = explain_user(world.managed, "boris", NOON)

    assert explanation.user == boris
    assert not explanation.is_exempt
    wfm, qm = explanation.applications
    assert (wfm.application, qm.application) == (WFM, QM)
    assert wfm.member is not None
    assert (wfm.member.position, wfm.member.since) == (1, NOON - 2 * HOUR)
    assert wfm.paths == wfm.member.paths == (("role WFM_AGENT",),)
    assert (qm.member, qm.paths) == (None, ())
    assert explain_user(world.managed, boris.id, NOON) == explanation


def test_explain_shows_three_ways_to_one_seat() -> None:
    world = busy_world()
    anna = world.realm.find_user("anna")
    assert anna is not None
    staff = world.realm.create_group("STAFF")
    team = world.realm.create_group("TEAM", staff)
    lead = world.realm.create_role("lead")
    world.realm.grant_group(staff, world.agent)
    world.realm.join(anna.id, team)
    world.realm.add_to_composite(lead, world.agent)
    world.realm.grant(anna.id, lead)

    wfm, _ = explain_user(world.managed, "anna", NOON).applications

    assert wfm.paths == (
        ("role WFM_AGENT",),
        ("role lead", "role WFM_AGENT"),
        ("group /STAFF/TEAM", "group /STAFF", "role WFM_AGENT"),
    )


def test_explain_shows_the_paths_of_a_disabled_user_which_do_not_count() -> None:
    world = busy_world()
    anna = world.realm.find_user("anna")
    assert anna is not None
    world.realm.set_enabled(anna.id, enabled=False)

    explanation = explain_user(world.managed, "anna", NOON)

    assert not explanation.user.enabled
    assert explanation.applications[0].member is None
    assert explanation.applications[0].paths == (("role WFM_AGENT",),)


def test_explain_shows_the_paths_of_an_exempt_user() -> None:
    world = World()
    world.agents("eleveo.admin", "robot")
    assert explain_user(world.managed, "eleveo.admin", NOON).is_exempt

    world.import_file(world.sign(exempt_users=("ROBOT",)))
    robot = explain_user(world.managed, "robot", NOON)
    assert robot.is_exempt
    assert robot.applications[0].member is None
    assert robot.applications[0].paths == (("role WFM_AGENT",),)
    assert not explain_user(world.managed, "eleveo.admin", NOON).is_exempt


def test_explain_recognises_an_exempt_name_in_capitals() -> None:
    world = World()
    (user_id,) = world.agents("eleveotrain")
    # Keycloak writes its own users in small letters, a federation's as they come.
    world.realm._users[user_id] = replace(world.realm._users[user_id], username="EleveoTrain")

    assert explain_user(world.managed, user_id, NOON).is_exempt


def test_explain_of_somebody_without_any_role() -> None:
    explanation = explain_user(busy_world().managed, "dana", NOON)

    assert [(each.member, each.paths) for each in explanation.applications] == [(None, ()), (None, ())]


def test_explain_of_nobody_is_refused_by_name() -> None:
    world = World()
    with pytest.raises(ConfigurationError, match=r"Realm acme has no user 'eve'.*exact username"):
        explain_user(world.managed, "eve", NOON)
    assert world.realm.reads == 0


def test_since_tells_the_seat_of_a_holder_also_after_a_smaller_licence() -> None:
    world = World()
    world.agents("anna", "boris")
    world.import_file(world.sign(scope={"WFM": 2}), NOON - 3 * HOUR)
    world.import_file(world.sign(number="T-2", scope={"WFM": 1}), NOON - 2 * HOUR)
    world.import_file(world.sign(number="T-3", scope={"WFM": 2}), NOON - HOUR)

    _, members = list_members(world.managed, "WFM", NOON)

    assert [member.since for member in members] == [NOON - 3 * HOUR] * 2


def test_a_temporary_licence_that_ends_shows_in_status_and_sync_alike() -> None:
    world = World()
    world.import_file(world.sign(expires_on=date(2026, 5, 31)))
    later = NOON + timedelta(days=60)
    status = read_status(world.managed, later)

    assert status.standing == preview_once(world.managed, now=later).realm.standing
    assert status.standing.state is LicenseState.EXPIRED
