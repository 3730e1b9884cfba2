"""Twice the realm is twice the work: counted in calls, not in seconds."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from keycloak_license.model.enforcement import OWN_CLIENT, Enforcement, EnforcementTerms
from keycloak_license.model.realm import Group, RealmSnapshot, Role, User
from keycloak_license.model.report import SyncPlan
from keycloak_license.model.seat import Claim
from keycloak_license.plan.planner import SyncInputs, plan_sync
from keycloak_license.plan.supposition import Supposition, find_remarks
from tests.calls import count_calls
from tests.unit.plan.samples import NO_LICENSE, WFM, granted, inputs

TWICE = 2.6
"""Twice as many calls, and room for the logarithm in a sort; four times is what must not be."""


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


SEAT, ACCESS = Role("s", "seat-WFM", OWN_CLIENT), Role("a", "access-WFM", OWN_CLIENT)
SIZE = 2000
MODES = [Enforcement.OBSERVE, Enforcement.GATE, Enforcement.DISABLE]


def claims_of(plan: SyncPlan) -> tuple[Claim, ...]:
    return tuple(claim for each in plan.allocations for claim in (*each.seated, *each.waiting))


def crowded(size: int, mode: Enforcement) -> SyncInputs:
    """Half of the people can be seated; one in ten is exempt, one in ten is disabled."""
    realm = many_people(size)
    users = {
        user_id: replace(user, enabled=number % 10 != 1)
        for number, (user_id, user) in enumerate(realm.users.items())
    }
    exempt = tuple(user.username for user in list(users.values())[::10])
    realm = replace(
        realm,
        users=users,
        roles={**realm.roles, "s": SEAT, "a": ACCESS, "d": Role("d", "disabled-by-license", OWN_CLIENT)},
        composites={"s": frozenset("a")},
        has_own_client=True,
    )
    standing = granted(scope={"WFM": size // 2}, exempt_users=exempt)
    return inputs(realm, standing, enforcement=EnforcementTerms(mode), is_ledger_new=True)


def settled(size: int, mode: Enforcement) -> SyncInputs:
    """The same one sync later: who is seated has the seat's role, and who is exempt the other."""
    first = crowded(size, mode)
    plan = plan_sync(first)
    seated = frozenset(claim.user_id for claim in plan.allocations[0].seated)
    exempt = frozenset(list(first.snapshot.users)[::10])
    role_users = {**first.snapshot.role_users, "s": seated, "a": exempt}
    snapshot = replace(first.snapshot, role_users=role_users)
    return replace(first, snapshot=snapshot, claims=claims_of(plan), is_ledger_new=False)


def all_gone(size: int, mode: Enforcement) -> SyncInputs:
    """Everybody has lost his role, which the guard does not believe."""
    before = settled(size, mode)
    role_users = {**before.snapshot.role_users, "r": frozenset[str]()}
    return replace(before, snapshot=replace(before.snapshot, role_users=role_users))


def still_held(size: int, mode: Enforcement) -> SyncInputs:
    """The same again, a sync later."""
    before = all_gone(size, mode)
    return replace(before, held=plan_sync(before).report.held)


def smaller_licence(size: int, mode: Enforcement) -> SyncInputs:
    """Half of the holders lose their seats, and everybody has got an address."""
    before = settled(size, mode)
    users = {user_id: replace(user, email="new") for user_id, user in before.snapshot.users.items()}
    assert before.standing.license is not None
    standing = granted(scope={"WFM": size // 4}, exempt_users=before.standing.license.exempt_users)
    return replace(before, snapshot=replace(before.snapshot, users=users), standing=standing)


def no_licence(size: int, mode: Enforcement) -> SyncInputs:
    """As many people as have seats were disabled by us and need none any more."""
    before = settled(size, mode)
    others = {f"x{number}": User(f"x{number}", f"x-{number}", enabled=False) for number in range(size // 2)}
    snapshot = replace(
        before.snapshot,
        users={**before.snapshot.users, **others},
        role_users={**before.snapshot.role_users, "d": frozenset(others)},
        disabled_here=frozenset(others),
    )
    return replace(before, snapshot=snapshot, standing=NO_LICENSE)


SITUATIONS = [crowded, settled, all_gone, still_held, smaller_licence, no_licence]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_four_times_the_people_are_four_times_the_work(
    situation: Callable[[int, Enforcement], SyncInputs], mode: Enforcement
) -> None:
    def work(size: int) -> int:
        asked = situation(size, mode)
        return count_calls(lambda: plan_sync(asked))

    assert work(4 * SIZE) / work(SIZE) < 4.4


def test_the_situations_are_what_they_are_called() -> None:
    wfm = plan_sync(crowded(100, Enforcement.GATE)).allocations[0]
    assert (len(wfm.seated), len(wfm.waiting)) == (50, 30)
    assert len(plan_sync(all_gone(100, Enforcement.GATE)).report.held) == 80
    assert len(plan_sync(smaller_licence(100, Enforcement.GATE)).allocations[0].seated) == 25


@pytest.mark.parametrize(
    ("situation", "mode", "limit"),
    [
        (crowded, Enforcement.OBSERVE, 15),
        (crowded, Enforcement.GATE, 20),
        (settled, Enforcement.OBSERVE, 11),
        (settled, Enforcement.GATE, 12),
    ],
)
def test_each_person_costs_few_calls(
    situation: Callable[[int, Enforcement], SyncInputs], mode: Enforcement, limit: int
) -> None:
    """Where nothing happened to him, hardly more than the methods of strings, dictionaries and lists."""
    asked = situation(SIZE, mode)
    assert count_calls(lambda: plan_sync(asked)) < limit * SIZE


@pytest.mark.parametrize("holders", ["holders", "newcomers"])
def test_each_user_more_to_be_supposed_of_costs_the_same_in_a_larger_realm(holders: str) -> None:
    def work(size: int, asked: int) -> int:
        realm = many_people(size)
        first = 0 if holders == "holders" else size
        users = [
            User(f"u{number}", f"user-{number}", enabled=False) for number in range(first, first + asked)
        ]
        supposed = [Supposition(Role("x", "WFM_X"), user) for user in users]
        realm = replace(realm, roles={**realm.roles, "x": Role("x", "WFM_X")})
        return count_calls(lambda: list(find_remarks(realm, supposed, [WFM], ())))

    assert work(800, 20) - work(800, 10) < 1.2 * (work(100, 20) - work(100, 10))
