"""What enforcement does to roles and users, and what a read shows of it afterwards."""

from dataclasses import replace

import pytest

from keycloak_license.errors import LeaseLostError
from keycloak_license.model.enforcement import (
    DISABLED_ROLE,
    OWN_CLIENT,
    seat_role,
)
from keycloak_license.model.gate import Flow
from keycloak_license.model.measures import (
    AccessClosed,
    AccessOpened,
    GateMade,
    LeakClosed,
    RoleCreated,
    RoleRemoved,
    ScopeCreated,
    SeatRoleAssigned,
    SeatRoleRemoved,
    UserDisabled,
    UserEnabled,
)
from keycloak_license.model.realm import RealmSnapshot
from tests.contract.enforced import ACCESS, SEAT, Enforced, own_names


def own_id(snapshot: RealmSnapshot, name: str) -> str:
    [found] = (
        role.id for role in snapshot.roles.values() if (role.client_id, role.name) == (OWN_CLIENT, name)
    )
    return found


def holders(snapshot: RealmSnapshot, name: str) -> frozenset[str]:
    return snapshot.role_users[own_id(snapshot, name)]


def is_open(snapshot: RealmSnapshot) -> bool:
    return own_id(snapshot, ACCESS) in snapshot.composites.get(own_id(snapshot, SEAT), frozenset())


def assigned(user: str, role: str = SEAT) -> SeatRoleAssigned:
    return SeatRoleAssigned("WFM", user, "bob", "seated", role)


def removed(user: str, role: str = SEAT, clients: tuple[str, ...] = ()) -> SeatRoleRemoved:
    return SeatRoleRemoved("WFM", user, "bob", "no_seat", role, clients)


def disabled(user: str) -> UserDisabled:
    return UserDisabled("WFM", user, "bob", "waiting")


def enabled(user: str) -> UserEnabled:
    return UserEnabled("WFM", user, "bob", "seated")


def is_enabled(made: Enforced, name: str = "bob") -> bool:
    user = made.realm.find_user(name)
    assert user is not None
    return user.enabled


def test_roles_are_made_and_taken_away_and_twice_is_harmless(gated: Enforced) -> None:
    assert gated.realm.read([]).has_own_client
    assert own_names(gated.enforce(RoleCreated(SEAT), RoleCreated(SEAT))) == {SEAT, ACCESS}
    assert own_names(gated.enforce(RoleRemoved(SEAT), RoleRemoved(SEAT))) == {ACCESS}


def test_access_that_is_opened_and_closed_shows_in_the_seat_role(gated: Enforced) -> None:
    assert not is_open(gated.realm.read([]))
    assert is_open(gated.enforce(AccessOpened("WFM"), AccessOpened("WFM")))
    assert not is_open(gated.enforce(AccessClosed("WFM"), AccessClosed("WFM")))


def test_a_seat_gives_access_while_it_is_open(gated: Enforced) -> None:
    bob = gated.admin.create_user("bob")
    gated.enforce(assigned(bob), AccessOpened("WFM"))
    assert (OWN_CLIENT, ACCESS) in gated.admin.effective_roles(bob)
    gated.enforce(AccessClosed("WFM"))
    assert gated.admin.effective_roles(bob) & {(OWN_CLIENT, SEAT), (OWN_CLIENT, ACCESS)} == {
        (OWN_CLIENT, SEAT)
    }


def test_closing_cuts_off_the_clients_that_it_names(gated: Enforced) -> None:
    for client_id in ("wfm-app", "other-app"):
        gated.doors.add_client(client_id)
    gated.enforce(AccessOpened("WFM"), AccessClosed("WFM", ("wfm-app", "no longer there")))
    assert gated.doors.is_cut_off("wfm-app")
    assert not gated.doors.is_cut_off("other-app")


def test_who_gets_and_loses_a_role_of_ours_shows_among_its_users(gated: Enforced) -> None:
    bob, ann = (gated.admin.create_user(name) for name in ("bob", "ann"))
    gated.enforce(assigned(bob), assigned(ann), assigned(ann, ACCESS))
    seated = gated.enforce(assigned(bob))
    assert holders(seated, SEAT) == {bob, ann}
    assert holders(seated, ACCESS) == {ann}
    assert {seated.users[user].username for user in (bob, ann)} == {"bob", "ann"}
    gated.enforce(removed(bob), removed(ann, ACCESS))
    left = gated.enforce(removed(bob))
    assert holders(left, SEAT) == {ann}
    assert not holders(left, ACCESS)


def test_sessions_end_where_the_client_is_not_there_any_more(gated: Enforced) -> None:
    gated.doors.add_client("wfm-app")
    bob = gated.admin.create_user("bob")
    gated.enforce(assigned(bob))
    assert holders(gated.enforce(removed(bob, clients=("wfm-app", "no longer there"))), SEAT) == frozenset()


def test_a_role_that_is_taken_away_and_made_again_is_nobodys(gated: Enforced) -> None:
    gated.enforce(assigned(gated.admin.create_user("bob")), AccessOpened("WFM"))
    gated.enforce(RoleRemoved(SEAT))
    again = gated.enforce(RoleCreated(SEAT))
    assert holders(again, SEAT) == frozenset()
    assert not is_open(again)


def test_a_group_hands_on_a_role_of_ours_no_longer(gated: Enforced) -> None:
    group, bob = gated.admin.create_group("Sales"), gated.admin.create_user("bob")
    gated.admin.join(bob, group)
    before = gated.realm.read([])
    gated.admin.grant_group(group, own_id(before, ACCESS))
    leaking = gated.realm.read([])
    assert leaking.role_groups[own_id(leaking, ACCESS)] == {group}

    leak = LeakClosed(ACCESS, leaking.groups[group])
    closed = gated.enforce(leak, leak)
    assert not closed.role_groups[own_id(closed, ACCESS)]
    assert (OWN_CLIENT, ACCESS) not in gated.admin.effective_roles(bob)


def test_the_default_role_hands_on_a_role_of_ours_no_longer(gated: Enforced) -> None:
    bob = gated.admin.create_user("bob")
    access, default = own_id(gated.realm.read([]), ACCESS), gated.admin.default_role
    gated.admin.add_to_composite(default, access)
    leaking = gated.realm.read([])
    assert access in leaking.composites[default]

    leak = LeakClosed(ACCESS, leaking.roles[default])
    closed = gated.enforce(leak, leak)
    assert closed.composites[default] == leaking.composites[default] - {access}
    assert (OWN_CLIENT, ACCESS) not in gated.admin.effective_roles(bob)


def test_who_is_disabled_carries_our_mark_until_he_is_enabled_again(disabling: Enforced) -> None:
    bob = disabling.admin.create_user("bob")
    disabling.enforce(disabled(bob))
    without = disabling.enforce(disabled(bob))
    assert without.disabled_here == holders(without, DISABLED_ROLE) == {bob}
    assert not without.users[bob].enabled
    disabling.enforce(enabled(bob))
    again = disabling.enforce(enabled(bob))
    assert again.disabled_here == frozenset()
    assert is_enabled(disabling)


def test_who_was_disabled_by_an_admin_meanwhile_is_not_marked(disabling: Enforced) -> None:
    bob = disabling.admin.create_user("bob")
    disabling.realm.read([])
    disabling.admin.set_enabled(bob, enabled=False)
    assert disabling.enforce(disabled(bob)).disabled_here == frozenset()
    assert not is_enabled(disabling)


def test_who_was_enabled_by_an_admin_meanwhile_loses_our_mark(disabling: Enforced) -> None:
    bob = disabling.admin.create_user("bob")
    assert disabling.enforce(disabled(bob)).disabled_here == {bob}
    disabling.admin.set_enabled(bob, enabled=True)
    assert disabling.enforce(enabled(bob)).disabled_here == frozenset()
    assert is_enabled(disabling)


def test_a_user_who_was_deleted_keeps_nobody_from_being_changed(disabling: Enforced) -> None:
    bob, ann = (disabling.admin.create_user(name) for name in ("bob", "ann"))
    disabling.realm.read([])
    disabling.admin.delete_user(bob)
    assert disabling.enforce(disabled(bob), disabled(ann)).disabled_here == {ann}
    assert disabling.enforce(enabled(bob), enabled(ann)).disabled_here == frozenset()


def test_a_seat_of_a_user_who_was_deleted_is_no_error(gated: Enforced) -> None:
    bob, ann = (gated.admin.create_user(name) for name in ("bob", "ann"))
    gated.admin.delete_user(bob)
    assert holders(gated.enforce(assigned(bob), assigned(ann)), SEAT) == {ann}
    assert holders(gated.enforce(removed(bob), removed(ann)), SEAT) == frozenset()


def test_nothing_is_done_once_the_lease_is_lost(gated: Enforced) -> None:
    bob = gated.admin.create_user("bob")
    before = gated.realm.read([])

    def refuse() -> None:
        raise LeaseLostError("the test says so")

    for measure in (
        RoleCreated(seat_role("QM")),
        AccessOpened("WFM"),
        assigned(bob),
        ScopeCreated("license-WFM", "openid-connect"),
        GateMade("license browser x", Flow(()), "Made by keycloak-license", ()),
    ):
        with pytest.raises(LeaseLostError):
            gated.realm.enforce([measure, RoleRemoved(ACCESS)], refuse)
    assert replace(gated.realm.read([]), server_time=None) == replace(before, server_time=None)
    assert gated.realm.enforce((), refuse) == ()
