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
        "A seat of WFM is needed with or without it by 1 of 1 members of group /STAFF/DAY and of the groups "
        "below it",
    ),
    "disabled": (Wish("WFM_AGENT", "dan"), "User dan needs no seat of WFM: the account is disabled"),
    "exempt": (
        Wish("WFM_AGENT", "eleveo.admin"),
        "User eleveo.admin needs no seat of WFM: the account is exempt by its name",
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


def test_without_a_licence_no_licence_is_said_to_exempt_anybody() -> None:
    world = World()
    world.realm.create_user("eleveo.admin")
    assert ask(world, Wish("WFM_AGENT", "eleveo.admin")).remarks == (
        "User eleveo.admin needs no seat of WFM: the account is exempt by its name",
    )


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


def crowd() -> tuple[World, list[Wish]]:
    """Ten seats, which the first ten of twelve have; and nine of them to lose their role."""
    world = World()
    world.agents(*(f"user{number:02}" for number in range(12)))
    world.import_file(world.sign(scope={"WFM": 10}))
    return world, [Wish("WFM_AGENT", f"user{number:02}", is_taken=True) for number in range(9)]


def test_what_is_asked_for_is_told_although_a_sync_would_hold_it() -> None:
    world, wishes = crowd()

    prospect = ask(world, *wishes)

    kinds = [change.kind for change in prospect.changes]
    assert (kinds.count("seat_released"), kinds.count("seat_assigned")) == (9, 2)
    assert [each.used for each in prospect.before.applications] == [10, 0]
    assert [each.used for each in prospect.after.report.applications] == [3, 0]
    assert {each.username for each in prospect.held} == {wish.holder for wish in wishes}
    assert prospect.hold == world.guard.hold
    assert ask(world, *wishes[:3]).held == ()


def test_what_was_held_before_is_neither_freed_nor_told_again() -> None:
    world, wishes = crowd()
    for wish in wishes:
        user = world.realm.find_user(wish.holder)
        assert user is not None
        world.realm.revoke(user.id, world.agent)
    assert len(world.sync().realm.held) == 9
    world.realm.create_user("zed")

    prospect = ask(world, Wish("WFM_AGENT", "zed"))

    assert prospect.held == ()
    assert told(prospect.changes) == [("waiting", "zed", "no_free_seat")]


def test_who_has_no_seat_yet_does_not_lose_one() -> None:
    """Zed has got his role since the last sync, which saw ann only; bob comes after two seats are taken."""
    world = World()
    world.agents("ann")
    world.import_file(world.sign(scope={"WFM": 2}))
    world.agents("zed")
    world.agents("bob")

    zed, bob = (Wish("WFM_AGENT", name, is_taken=True) for name in ("zed", "bob"))

    assert told(ask(world, bob).changes) == [("waiting_ended", "bob", "not_yet")]
    assert told(ask(world, zed, bob).changes) == [
        ("seat_released", "zed", "not_yet"),
        ("waiting_ended", "bob", "not_yet"),
    ]


def test_who_waits_and_would_get_a_seat_now_stops_waiting() -> None:
    """Ann has lost her role, which no sync has seen."""
    world = World()
    ann, _ = world.agents("ann", "bob")
    world.import_file(world.sign(scope={"WFM": 1}))
    world.realm.revoke(ann, world.agent)
    assert told(ask(world, Wish("WFM_AGENT", "bob", is_taken=True)).changes) == [
        ("waiting_ended", "bob", "no_role")
    ]


def test_a_name_that_two_roles_have_is_none(world: World) -> None:
    world.realm.create_role("app/boss")
    world.realm.create_role("boss", "app")
    with pytest.raises(ConfigurationError, match="'app/boss' is a realm role and a client's"):
        ask(world, Wish("app/boss", "ann"))
