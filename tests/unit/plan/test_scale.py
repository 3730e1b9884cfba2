"""Twice the realm is twice the work: counted in calls, not in seconds."""

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from keycloak_license.model.realm import Group, RealmSnapshot, Role, User
from keycloak_license.plan.planner import plan_sync
from tests.unit.plan.samples import granted, inputs

TWICE = 2.6
"""Twice as many calls, and room for the logarithm in a sort; four times is what must not be."""


def count_calls(work: Callable[[], object]) -> int:
    calls = 0

    def on_event(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    previous = sys.getprofile()
    sys.setprofile(on_event)
    try:
        work()
    finally:
        sys.setprofile(previous)
    return calls


def people(size: int) -> dict[str, User]:
    return {f"u{number}": User(f"u{number}", f"user-{number}", enabled=True) for number in range(size)}


def many_people(size: int) -> RealmSnapshot:
    users = people(size)
    return RealmSnapshot(
        "acme",
        "1",
        roles={"r": Role("r", "WFM_AGENT")},
        users=users,
        role_users={"r": frozenset(users)},
    )


def many_groups(size: int) -> RealmSnapshot:
    users = people(size)
    below = {f"g{number}": Group(f"g{number}", f"/TOP/{number}", "top") for number in range(size)}
    return RealmSnapshot(
        "acme",
        "1",
        roles={"r": Role("r", "WFM_AGENT")},
        groups={"top": Group("top", "/TOP")} | below,
        users=users,
        role_groups={"r": frozenset({"top"})},
        group_members={f"g{number}": frozenset({f"u{number}"}) for number in range(size)},
    )


def many_roles_in_composites(size: int) -> RealmSnapshot:
    agents = {f"r{number}": Role(f"r{number}", f"WFM_{number}") for number in range(size)}
    outer = {f"c{number}": Role(f"c{number}", f"C_{number}") for number in range(size)}
    return RealmSnapshot(
        "acme",
        "1",
        roles=agents | outer,
        composites={f"c{number}": frozenset({f"r{number}"}) for number in range(size)},
    )


def many_roles_on_a_tree_of_groups(size: int) -> RealmSnapshot:
    tree = many_groups(size)
    roles = {f"r{number}": Role(f"r{number}", f"WFM_{number}") for number in range(size)}
    return RealmSnapshot(
        "acme",
        "1",
        roles=roles | {"all": Role("all", "everything")},
        composites={"all": frozenset(roles)},
        groups=tree.groups,
        users=tree.users,
        role_groups={"all": frozenset({"top"})},
        group_members=tree.group_members,
    )


@pytest.mark.parametrize(
    "realm", [many_people, many_groups, many_roles_in_composites, many_roles_on_a_tree_of_groups]
)
def test_a_sync_of_a_realm_twice_as_large_is_twice_the_work(realm: Callable[[int], RealmSnapshot]) -> None:
    def work(size: int) -> int:
        first = inputs(realm(size), granted(scope={"WFM": size // 2}))
        plan = plan_sync(first)
        claims = tuple(claim for each in plan.allocations for claim in (*each.seated, *each.waiting))
        again = inputs(first.snapshot, first.standing, claims)
        return count_calls(lambda: plan_sync(first)) + count_calls(lambda: plan_sync(again))

    assert work(200) / work(100) < TWICE
