"""What is said of suppositions that make no difference, or cannot be made."""

import pytest

from keycloak_license.errors import ConfigurationError
from keycloak_license.services.what_if import Prospect, Wish, look_ahead
from tests.unit.services.world import NOON, World, told


@pytest.fixture
def world() -> World:
    """Two seats: ann has one by a role, bob by a group; cid has nothing, dan is disabled."""
    world = World()
    realm = world.realm
    [_] = world.agents("ann")
    staff = realm.create_group("STAFF")
    day = realm.create_group("DAY", staff)
    realm.create_group("EMPTY")
    realm.grant_group(staff, world.agent)
    realm.join(realm.create_user("bob"), day)
    realm.create_user("cid")
    realm.create_user("dan", enabled=False)
    realm.create_user("eleveo.admin")
    realm.create_service_account("robot")
    world.import_file(world.sign(scope={"WFM": 2}))
    return world


def ask(world: World, *wishes: Wish) -> Prospect:
    return look_ahead(world.managed, wishes, None, lambda: NOON)


REMARKS = {
    "given already": (Wish("WFM_AGENT", "ann"), "User ann has role WFM_AGENT already"),
    "taken, but not there": (
        Wish("WFM_AGENT", "bob", is_taken=True),
        "User bob does not have role WFM_AGENT directly, so that there is nothing to take",
    ),
    "joined already": (Wish("/STAFF/DAY", "bob"), "User bob is a member of group /STAFF/DAY already"),
    "left, but not in": (
        Wish("/STAFF", "bob", is_taken=True),
        "User bob is no direct member of group /STAFF",
    ),
    "a consumer anyway": (
        Wish("role WFM_AGENT", "bob"),
        "User bob needs a seat of WFM with or without it, "
        "by group /STAFF/DAY → group /STAFF → role WFM_AGENT",
    ),
    "a group of consumers": (
        Wish("WFM_AGENT", "/STAFF/DAY", is_to_group=True),
        "1 of the 1 members of group /STAFF/DAY and of the groups below it are consumers of WFM with or "
        "without it",
    ),
    "disabled": (Wish("WFM_AGENT", "dan"), "User dan needs no seat of WFM: he is disabled"),
    "exempt": (
        Wish("WFM_AGENT", "eleveo.admin"),
        "User eleveo.admin needs no seat of WFM: the licence exempts him",
    ),
    "a service account": (
        Wish("WFM_AGENT", "service-account-robot"),
        "User service-account-robot needs no seat of WFM: it is a service account",
    ),
    "a role that counts nowhere": (
        Wish("offline_access", "ann"),
        "Role offline_access leads to no role of an application",
    ),
    "a group that has nothing": (Wish("/EMPTY", "cid"), "Group /EMPTY leads to no role of an application"),
}


@pytest.mark.parametrize("name", REMARKS)
def test_what_makes_no_difference_is_said(world: World, name: str) -> None:
    wish, remark = REMARKS[name]
    prospect = ask(world, wish)
    assert prospect.remarks == (remark,)
    assert prospect.changes == ()


def test_one_supposition_may_matter_because_of_another(world: World) -> None:
    prospect = ask(world, Wish("WFM_AGENT", "/EMPTY", is_to_group=True), Wish("/EMPTY", "cid"))
    assert told(prospect.changes) == [("waiting", "cid", "no_free_seat")]
    assert prospect.remarks == ()


def test_both_ways_taken_at_once_are_a_release(world: World) -> None:
    ann, day = Wish("WFM_AGENT", "ann", is_taken=True), Wish("/STAFF/DAY", "ann")
    assert told(ask(world, ann, day).changes) == []
    assert told(ask(world, ann).changes) == [("seat_released", "ann", "no_role")]


def test_who_would_lose_his_seat_now_may_keep_it(world: World) -> None:
    """He has lost his role already, which no sync has seen; given it by another way he keeps his seat."""
    ann = world.realm.find_user("ann")
    assert ann is not None
    world.realm.revoke(ann.id, world.agent)
    prospect = ask(world, Wish("/STAFF", "ann"))
    assert told(prospect.changes) == [("seat_assigned", "ann", "kept")]
    assert [each.used for each in prospect.before.applications] == [1, 0]


def test_a_name_that_two_roles_have_is_none(world: World) -> None:
    world.realm.create_role("app/boss")
    world.realm.create_role("boss", "app")
    with pytest.raises(ConfigurationError, match="'app/boss' is a realm role and a client's"):
        ask(world, Wish("app/boss", "ann"))
