"""The history forgets what is old, and people who are gone where that is asked for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from keycloak_license.errors import ConfigurationError
from keycloak_license.model.history import HistoryTerms
from keycloak_license.plan.retention import ASKED_PER_DAY
from keycloak_license.services.reconcile import run_once
from keycloak_license.services.retention import forget_user
from tests.fakes import SimulatedRealm
from tests.unit.services.test_seat_history import SlowWithNames
from tests.unit.services.world import NOON, World

DAY = timedelta(days=1)
FORGETTING = HistoryTerms(forgets_deleted=True)


@dataclass
class AskedForNames(SimulatedRealm):
    """A realm that remembers whose names it was asked for."""

    asked: list[str] = field(default_factory=list)

    def read_usernames(self, user_ids: Collection[str]) -> Mapping[str, str | None]:
        self.asked += user_ids
        return super().read_usernames(user_ids)


def sync(world: World, now: datetime, terms: HistoryTerms = FORGETTING) -> None:
    run_once(replace(world.managed, history=terms), now=now)


def named(world: World) -> list[str]:
    return [each.username for each in world.ledger.seat_events("acme")]


def test_what_is_old_is_removed_once_a_day() -> None:
    world, terms = World(), HistoryTerms(keep=10 * DAY)
    for days, name in ((0, "anna"), (5, "boris")):
        world.agents(name)
        sync(world, NOON + days * DAY, terms)
    sync(world, NOON + 10 * DAY, terms)
    assert named(world) == ["anna", "boris"]
    sync(world, NOON + 10 * DAY + timedelta(hours=1), terms)
    assert named(world) == ["anna", "boris"], "not twice on a day"
    sync(world, NOON + 11 * DAY, terms)
    assert named(world) == ["boris"]
    assert world.waiting() == ["anna", "boris"]


def test_who_is_deleted_is_named_no_more_where_that_is_asked_for() -> None:
    world = World()
    anna, _ = world.agents("anna", "boris")
    sync(world, NOON)
    world.realm.delete_user(anna)
    sync(world, NOON + timedelta(hours=1))
    assert named(world) == ["forgotten", "boris", "forgotten"]
    ids = [each.user_id for each in world.ledger.seat_events("acme")]
    assert ids[0] == ids[2] != anna, "he stays one person"


def test_who_is_deleted_later_is_named_no_more_from_the_next_day_on() -> None:
    world = World()
    anna, boris = world.agents("anna", "boris")
    sync(world, NOON)
    for user in (anna, boris):
        world.realm.revoke(user, world.agent)
    sync(world, NOON + timedelta(hours=1))
    world.realm.delete_user(anna)
    sync(world, NOON + timedelta(hours=2))
    assert set(named(world)) == {"anna", "boris"}
    sync(world, NOON + DAY)
    assert set(named(world)) == {"forgotten", "boris"}


def test_who_cannot_be_asked_for_stays_named_and_keeps_nobody_else() -> None:
    world = World()
    anna, boris, cyril = world.agents("anna", "boris", "cyril")
    sync(world, NOON)
    for user in (anna, boris, cyril):
        world.realm.revoke(user, world.agent)
    sync(world, NOON + timedelta(hours=1), FORGETTING)
    world.realm.delete_user(anna)
    world.realm.unreadable_users = {boris}
    sync(world, NOON + DAY)
    assert set(named(world)) == {"forgotten", "boris", "cyril"}


def test_of_many_not_all_are_asked_for_on_one_day() -> None:
    world = World(realm=AskedForNames())
    users = world.agents(*(f"user{number}" for number in range(3 * ASKED_PER_DAY)))
    sync(world, NOON)
    for user in users:
        world.realm.revoke(user, world.agent)
    world.sync(NOON + timedelta(hours=1), force=True)
    for day in (1, 2, 3):
        sync(world, NOON + day * DAY)
    assert isinstance(world.realm, AskedForNames)
    assert sorted(world.realm.asked) == sorted(users)


def test_a_keycloak_that_is_gone_once_all_is_written_fails_no_sync() -> None:
    world = World(realm=SlowWithNames())
    [anna] = world.agents("anna")
    sync(world, NOON)
    world.realm.delete_user(anna)
    sync(world, NOON + timedelta(hours=1), HistoryTerms())
    sync(world, NOON + DAY)
    assert world.ledger.load("acme").failure is None
    assert set(named(world)) == {"anna"}


def test_otherwise_everybody_stays_named() -> None:
    world = World()
    [anna] = world.agents("anna")
    sync(world, NOON, HistoryTerms())
    world.realm.delete_user(anna)
    sync(world, NOON + DAY, HistoryTerms())
    sync(world, NOON + 2 * DAY, HistoryTerms())
    assert set(named(world)) == {"anna"}


def test_nobody_is_forgotten_while_not_everything_was_seen() -> None:
    world = World()
    anna, *_ = world.agents("anna", "boris")
    sync(world, NOON)
    world.realm.revoke(anna, world.agent)
    sync(world, NOON + timedelta(hours=1))
    world.realm.delete_user(anna)
    world.realm.unreadable = {world.agent}
    sync(world, NOON + DAY)
    assert "anna" in named(world)


def test_a_clock_that_leaps_ahead_takes_no_history_with_it() -> None:
    world = World()
    world.agents("anna")
    for days in (0, 1, 2000):
        sync(world, NOON + days * DAY)
    assert named(world) == ["anna"]


def test_one_person_is_forgotten_for_whom_it_is_asked() -> None:
    world = World()
    anna, *_ = world.agents("anna", "boris")
    world.sync()
    with pytest.raises(ConfigurationError, match="still has or waits"):
        forget_user(world.managed, "anna")
    world.realm.revoke(anna, world.agent)
    world.sync(NOON + DAY)
    assert forget_user(world.managed, anna) == 2
    assert named(world) == ["forgotten", "boris", "forgotten"]
    with pytest.raises(ConfigurationError, match="names nobody called forgotten"):
        forget_user(world.managed, "forgotten")


def test_who_shares_his_name_with_another_is_named_by_his_id() -> None:
    world = World()
    [first] = world.agents("anna")
    world.sync()
    world.realm.delete_user(first)
    world.sync(NOON + DAY)
    [second] = world.agents("anna")
    world.sync(NOON + 2 * DAY)
    with pytest.raises(ConfigurationError, match=f"give the id, one of {first}, {second}"):
        forget_user(world.managed, "anna")
    assert forget_user(world.managed, first) == 2
    assert named(world) == ["forgotten", "forgotten", "anna"]


@pytest.mark.parametrize("name", ["anna", "anna.married"])
def test_who_was_renamed_is_found_by_every_name_he_had(name: str) -> None:
    world = World()
    [anna] = world.agents("anna")
    world.sync()
    world.realm.revoke(anna, world.agent)
    world.sync(NOON + DAY)
    world.realm.rename_user(anna, "anna.married")
    world.realm.grant(anna, world.agent)
    world.sync(NOON + 2 * DAY)
    world.realm.revoke(anna, world.agent)
    world.sync(NOON + 3 * DAY)
    assert set(named(world)) == {"anna", "anna.married"}
    assert forget_user(world.managed, name) == 4
    assert set(named(world)) == {"forgotten"}


def test_no_name_is_the_name_of_nobody() -> None:
    world = World()
    [anna] = world.agents("anna")
    world.realm.granted_at[anna], world.realm.granted_by[anna] = NOON, "somebody of master"
    world.sync()
    with pytest.raises(ConfigurationError, match="names nobody called"):
        forget_user(world.managed, "")
    assert forget_user(world.managed, "somebody of master") == 1


def test_nobody_is_forgotten_because_another_realm_has_the_name() -> None:
    world = World()
    anna, *_ = world.agents("anna", "boris")
    sync(world, NOON)
    world.realm.revoke(anna, world.agent)
    sync(world, NOON + timedelta(hours=1))
    world.realm.delete_user(anna)
    world.realm.realm_id = "another"
    sync(world, NOON + DAY)
    assert "anna" in named(world)
