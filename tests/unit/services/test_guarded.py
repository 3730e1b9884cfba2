"""Nobody loses a seat by mistake: incomplete reads, lists that lie, federations away, and the guard."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from keycloak_license.errors import IncompleteSyncError, UnavailableError
from keycloak_license.model.application import Application
from keycloak_license.model.changes import SeatReleased
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.model.seat import Consent
from keycloak_license.plan.guard import DEFAULT_GUARD
from tests.fakes import SimulatedRealm
from tests.unit.services.world import NOON, World, told

HOUR = timedelta(hours=1)


@dataclass
class LyingRealm(SimulatedRealm):
    """Leaves users out of its lists without a word; each by himself is shown as he is."""

    left_out: set[str] = field(default_factory=set)

    def read(self, applications: tuple[Application, ...]) -> RealmSnapshot:  # type: ignore[override]
        snapshot = super().read(applications)
        return replace(
            snapshot,
            role_users={role: users - self.left_out for role, users in snapshot.role_users.items()},
        )


def licensed(count: int, seats: int = 30, realm: SimulatedRealm | None = None) -> tuple[World, list[str]]:
    """A world with so many seated users, and their ids."""
    world = World(realm=realm) if realm else World()
    users = world.agents(*(f"user{number:02}" for number in range(count)))
    world.import_file(world.sign(scope={"WFM": seats}))
    assert len(world.seated()) == min(count, seats)
    return world, users


def test_each_release_is_confirmed_by_reading_that_user_only() -> None:
    world, users = licensed(10)
    world.realm.revoke(users[3], world.agent)
    assert told(world.sync(NOON + HOUR).changes) == [("seat_released", "user03", "no_role")]
    assert world.realm.rereads == [users[3]]


def test_a_list_that_lacks_somebody_takes_nothing_from_him() -> None:
    realm = LyingRealm()
    world, users = licensed(10, realm=realm)
    realm.left_out = {users[0], users[1]}
    report = world.sync(NOON + HOUR)
    assert (report.changes, report.realm.held, report.realm.is_complete) == ((), (), True)
    assert len(world.seated()) == 10


def test_nobody_gets_the_seat_of_somebody_whom_a_list_lacks() -> None:
    realm = LyingRealm()
    world, users = licensed(10, seats=9, realm=realm)
    realm.left_out = {users[0]}
    world.sync(NOON + HOUR)
    assert world.waiting() == ["user09"]


def test_who_waits_keeps_his_place_when_a_list_lacks_him() -> None:
    realm = LyingRealm()
    world, users = licensed(3, seats=1, realm=realm)
    realm.left_out = {users[1]}
    assert world.sync(NOON + HOUR).changes == ()
    realm.left_out = set()
    world.realm.revoke(users[0], world.agent)
    world.sync(NOON + 2 * HOUR)
    assert world.seated() == ["user01"]


def test_a_federation_that_fell_silent_after_the_lists_were_read_takes_nothing() -> None:
    world, users = licensed(5)
    world.realm.set_enabled(users[0], enabled=False)
    away = replace(world.realm.reread(users[:1], world.applications), gaps=("corp does not answer",))

    @dataclass
    class FallsSilent(SimulatedRealm):
        def reread(self, *_: object) -> object:  # type: ignore[override]
            return away

    world.realm.__class__ = FallsSilent
    report = world.sync(NOON + HOUR)
    assert len(world.seated()) == 5
    assert not report.realm.is_complete


def test_a_disabled_federation_keeps_its_own_users_seated_and_no_others() -> None:
    world = World()
    local, federated = world.agents("local"), world.realm.create_user("federated", provider="corp")
    world.realm.grant(federated, world.agent)
    world.import_file(world.sign(scope={"WFM": 5}))
    world.realm.disabled_providers.add("corp")
    world.realm.revoke(local[0], world.agent)
    report = world.sync(NOON + HOUR)
    assert told(report.changes) == [("seat_released", "local", "no_role")]
    assert world.seated() == ["federated"]
    assert not report.realm.is_complete
    assert any("corp is disabled" in warning for warning in report.realm.warnings)


def test_a_user_of_a_federation_that_came_back_can_lose_the_seat() -> None:
    world = World()
    federated = world.realm.create_user("federated", provider="corp")
    world.realm.grant(federated, world.agent)
    world.import_file(world.sign(scope={"WFM": 5}))
    world.realm.silent_providers.add("corp")
    world.sync(NOON + HOUR)
    world.realm.silent_providers.clear()
    world.realm.revoke(federated, world.agent)
    assert told(world.sync(NOON + 2 * HOUR).changes) == [("seat_released", "federated", "no_role")]


def test_a_mass_release_is_held_shown_and_survives() -> None:
    world, users = licensed(20)
    for user in users[:8]:
        world.realm.revoke(user, world.agent)
    report = world.sync(NOON + HOUR)
    assert (report.changes, len(report.realm.held)) == ((), 8)
    assert len(world.seated()) == 20
    assert sorted(world.realm.rereads) == sorted(users[:8])
    again = world.sync(NOON + 2 * HOUR).realm.held
    assert again == report.realm.held
    assert len(world.realm.rereads) == 8


def test_a_held_release_says_why_by_the_user_himself() -> None:
    world, users = licensed(20)
    for user in users[:8]:
        world.realm.delete_user(user)
    assert {each.reason for each in world.sync(NOON + HOUR).realm.held} == {"deleted"}
    assert {each.reason for each in world.sync(NOON + 2 * HOUR).realm.held} == {"deleted"}


def test_held_releases_are_carried_out_after_a_day() -> None:
    world, users = licensed(20)
    for user in users[:8]:
        world.realm.revoke(user, world.agent)
    world.sync(NOON + HOUR)
    assert len(world.sync(NOON + 24 * HOUR).realm.held) == 8
    report = world.sync(NOON + 25 * HOUR)
    assert report.realm.held == ()
    assert len(world.seated()) == 12
    assert sorted(world.realm.rereads) == sorted(2 * users[:8])


def test_a_person_can_confirm_them_at_once() -> None:
    world, users = licensed(20)
    for user in users[:8]:
        world.realm.revoke(user, world.agent)
    world.sync(NOON + HOUR)
    assert len(world.sync(NOON + HOUR, dry_run=True, force=True).changes) >= 8
    assert len(world.seated()) == 20
    world.sync(NOON + 2 * HOUR, force=True)
    assert len(world.seated()) == 12


def test_force_does_not_help_against_an_incomplete_read() -> None:
    world, users = licensed(20)
    for user in users[:8]:
        world.realm.revoke(user, world.agent)
    world.realm.unreadable.add(world.agent)
    assert world.sync(NOON + HOUR, force=True).changes == ()
    assert len(world.seated()) == 20


def test_force_does_not_help_against_a_list_that_lies() -> None:
    realm = LyingRealm()
    world, users = licensed(20, realm=realm)
    realm.left_out = set(users[:8])
    assert world.sync(NOON + HOUR).realm.held == ()
    assert world.sync(NOON + 2 * HOUR, force=True).changes == ()
    assert len(world.seated()) == 20


def test_who_comes_back_meanwhile_is_not_held_any_more_and_loses_nothing() -> None:
    world, users = licensed(20)
    for user in users[:8]:
        world.realm.revoke(user, world.agent)
    world.sync(NOON + HOUR)
    for user in users[:8]:
        world.realm.grant(user, world.agent)
    report = world.sync(NOON + 2 * HOUR)
    assert (report.changes, report.realm.held) == ((), ())


def test_hours_in_which_the_realm_could_not_be_read_do_not_count() -> None:
    world, users = licensed(20)
    for user in users[:8]:
        world.realm.revoke(user, world.agent)
    world.sync(NOON + HOUR)
    world.realm.unreadable.add(world.agent)
    assert len(world.sync(NOON + 21 * HOUR).realm.held) == 8
    world.realm.unreadable.clear()
    assert len(world.sync(NOON + 25 * HOUR).realm.held) == 8
    assert len(world.sync(NOON + 44 * HOUR).realm.held) == 8
    assert world.sync(NOON + 45 * HOUR).realm.held == ()


def test_a_smaller_licence_is_not_guarded() -> None:
    world, _ = licensed(20)
    result = world.import_file(world.sign(number="T-2", scope={"WFM": 2}), NOON + HOUR)
    assert len(world.seated()) == 2
    assert result.plan.report.held == ()


def test_people_whom_a_licence_exempts_are_not_guarded_either() -> None:
    world, _ = licensed(20)
    names = tuple(f"user{number:02}" for number in range(15))
    world.import_file(world.sign(number="T-2", scope={"WFM": 30}, exempt_users=names), NOON + HOUR)
    assert len(world.seated()) == 5
    assert world.realm.rereads == []


def test_an_import_does_not_release_what_the_guard_holds() -> None:
    world, users = licensed(20)
    for user in users[:8]:
        world.realm.revoke(user, world.agent)
    result = world.import_file(world.sign(number="T-2", scope={"WFM": 25}), NOON + HOUR)
    assert len(result.plan.report.held) == 8
    assert not any(isinstance(change, SeatReleased) for change in result.plan.changes)


def test_status_shows_what_is_held() -> None:
    world, users = licensed(20)
    for user in users[:8]:
        world.realm.revoke(user, world.agent)
    report = world.sync(NOON + HOUR).realm
    assert world.ledger.load("acme").last_sync is not None
    assert world.status(NOON + 2 * HOUR).held == report.held


def test_status_tells_since_when_syncs_fail_and_why() -> None:
    world, _ = licensed(3)
    world.realm.is_unreachable = True
    for hours in (1, 2):
        with pytest.raises(UnavailableError):
            world.sync(NOON + hours * HOUR)
    status = world.status(NOON + 3 * HOUR)
    assert not status.is_complete
    assert status.synced_at == NOON
    (warning,) = status.warnings
    assert "Since 2026-05-01 13:00:00+00:00 no sync has ended well, the last at 2026-05-01 14:00" in warning
    assert "cannot be reached" in warning


def test_a_sync_that_ends_well_ends_the_failure() -> None:
    world, _ = licensed(3)
    world.realm.is_unreachable = True
    with pytest.raises(UnavailableError):
        world.sync(NOON + HOUR)
    world.realm.is_unreachable = False
    world.sync(NOON + 2 * HOUR)
    assert (world.status(NOON + 3 * HOUR).is_complete, world.status(NOON).warnings) == (True, ())


def test_who_is_newly_held_is_not_released_with_those_whom_somebody_confirmed() -> None:
    world, users = licensed(20)
    for user in users[:8]:
        world.realm.revoke(user, world.agent)
    shown = world.sync(NOON + HOUR).realm.held
    for user in users[8:16]:
        world.realm.revoke(user, world.agent)
    confirmed = Consent(releases=frozenset((each.application, each.user_id) for each in shown))
    report = world.sync(NOON + 2 * HOUR, consent=confirmed)
    released = [user for kind, user, _ in told(report.changes) if kind == "seat_released"]
    assert sorted(released) == [f"user{number:02}" for number in range(8)]
    assert sorted(each.username for each in report.realm.held) == [
        f"user{number:02}" for number in range(8, 16)
    ]
    assert [each.since for each in report.realm.held] == [NOON + 2 * HOUR] * 8


def test_who_has_come_back_since_keeps_the_seat_whose_release_was_confirmed() -> None:
    world, users = licensed(20)
    for user in users[:8]:
        world.realm.revoke(user, world.agent)
    shown = world.sync(NOON + HOUR).realm.held
    world.realm.grant(users[0], world.agent)
    confirmed = Consent(releases=frozenset((each.application, each.user_id) for each in shown))
    world.sync(NOON + 2 * HOUR, consent=confirmed)
    assert sorted(world.seated()) == ["user00", *(f"user{number:02}" for number in range(8, 20))]


def test_a_preview_that_fails_leaves_no_trace() -> None:
    world, _ = licensed(3)
    before = world.everything()
    world.realm.is_unreachable = True
    with pytest.raises(UnavailableError):
        world.sync(NOON + HOUR, dry_run=True)
    assert world.everything() == before


def test_an_outage_of_keycloak_does_not_count_as_time_in_which_it_persisted() -> None:
    world, users = licensed(20)
    for user in users[:8]:
        world.realm.revoke(user, world.agent)
    world.sync(NOON + HOUR)
    world.realm.is_unreachable = True
    with pytest.raises(UnavailableError):
        world.sync(NOON + 2 * HOUR)
    world.realm.is_unreachable = False
    assert len(world.sync(NOON + 26 * HOUR).realm.held) == 8
    assert len(world.sync(NOON + 49 * HOUR).realm.held) == 8
    assert world.sync(NOON + 50 * HOUR).realm.held == ()


def test_a_leap_of_the_clock_carries_out_nothing_that_is_held() -> None:
    world, users = licensed(20)
    for hours in range(0, 48, 8):
        world.sync(NOON + hours * HOUR)
    for user in users[:8]:
        world.realm.revoke(user, world.agent)
    world.sync(NOON + 48 * HOUR)
    assert len(world.sync(NOON + 100 * 24 * HOUR).realm.held) == 8
    assert len(world.seated()) == 20


def test_who_is_known_to_be_gone_gets_no_seat_that_a_consumer_waits_for() -> None:
    world, users = licensed(22, seats=20)
    assert world.waiting() == ["user20", "user21"]
    for user in [*users[:8], users[20]]:
        world.realm.revoke(user, world.agent)
    world.sync(NOON + HOUR)
    world.import_file(world.sign(number="T-2", scope={"WFM": 21}), NOON + 2 * HOUR)
    assert world.waiting() == ["user20"]
    assert "user21" in world.seated()


def test_a_realm_that_was_made_anew_under_its_name_takes_nothing_before_it_is_confirmed() -> None:
    world, _ = licensed(3)
    old, world.realm = world.realm, SimulatedRealm()
    world.realm.realm_id = "another"
    world.agent = world.realm.create_role("WFM_AGENT")
    world.realm.attributes |= {"license.installation_id": old.attributes["license.installation_id"]}
    report = world.sync(NOON + HOUR)
    assert any("was deleted and made anew" in warning for warning in report.realm.warnings)
    assert len(report.realm.held) == 3
    assert len(world.sync(NOON + 2 * HOUR).realm.held) == 3
    assert world.sync(NOON + 3 * HOUR, force=True).realm.held == ()


def test_a_lost_ledger_gives_no_seat_of_those_away_whom_an_outage_hides() -> None:
    world = World()
    federated = [world.realm.create_user(f"fed{number}", provider="corp") for number in range(3)]
    for user in federated:
        world.realm.grant(user, world.agent)
    world.import_file(world.sign(scope={"WFM": 3}))
    world.forget()
    world.realm.silent_providers.add("corp")
    world.agents("newcomer")
    with pytest.raises(IncompleteSyncError, match="people have seats there"):
        world.sync(NOON + HOUR)
    world.realm.silent_providers.clear()
    world.sync(NOON + 2 * HOUR)
    assert (world.seated(), world.waiting()) == (["fed0", "fed1", "fed2"], ["newcomer"])


def test_a_lost_ledger_begins_although_a_federation_cannot_be_tested_when_every_holder_is_seen() -> None:
    world, _ = licensed(3, seats=2)
    world.forget()
    world.realm.disabled_providers.add("corp")
    assert not world.sync(NOON + HOUR).realm.is_complete
    assert (len(world.seated()), world.waiting()) == (2, ["user02"])


def test_a_lost_ledger_gives_seats_of_a_disabled_federation_away_only_when_told_to() -> None:
    world = World()
    world.realm.grant(world.realm.create_user("fed", provider="corp"), world.agent)
    world.import_file(world.sign(scope={"WFM": 1}))
    world.agents("newcomer")
    world.sync()
    world.forget()
    world.realm.disabled_providers.add("corp")
    with pytest.raises(IncompleteSyncError, match=r"corp is disabled.*or give their seats away"):
        world.sync(NOON + HOUR)
    world.sync(NOON + 2 * HOUR, force=True)
    assert world.seated() == ["newcomer"]


def test_a_lost_ledger_is_not_begun_by_force_while_anybody_may_be_missing() -> None:
    world, _ = licensed(3, seats=2)
    world.forget()
    world.realm.unreadable.add(world.agent)
    with pytest.raises(IncompleteSyncError, match="people have seats there") as refused:
        world.sync(NOON + HOUR, force=True)
    assert "--force" not in str(refused.value)


def test_the_hours_of_the_guard_hold_for_a_realm_made_anew_as_well() -> None:
    world, _ = licensed(3)
    world.guard = replace(DEFAULT_GUARD, hold=2 * HOUR)
    installation = world.realm.attributes["license.installation_id"]
    world.realm = SimulatedRealm(attributes={"license.installation_id": installation})
    world.realm.realm_id = "another"
    world.agent = world.realm.create_role("WFM_AGENT")
    assert len(world.sync(NOON + HOUR).realm.held) == 3
    assert world.sync(NOON + 3 * HOUR).realm.held == ()
