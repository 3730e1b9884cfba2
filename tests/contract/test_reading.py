"""Whom a read of a realm makes consumers: the simulator and Keycloak agree."""

from collections.abc import Iterable
from typing import Final

import pytest

from keycloak_license.model.application import Application
from keycloak_license.model.realm import RealmSnapshot, Role, User
from keycloak_license.plan.consumers import paths_by_user, resolve_consumers
from keycloak_license.services.ports import Realm
from tests.contract.realm_admin import RealmAdmin

WFM: Final = Application(
    "WFM", "Workforce Management", roles=("WFM_*",), client_roles=(("wfm-app", ("agent*",)),)
)

ODD_NAMES: Final = (
    "with space",
    "a/b/c",
    "100%",
    "100%25",
    "%2F",
    "žluťoučký 🐎",
    "q?x#y&z=1;p",
    "back\\slash",
    'a"b',
    "a+b",
    "a.b",
    "...",
)


def assert_consumers(
    admin: RealmAdmin, realm: Realm, consuming: Iterable[str], others: Iterable[str] = ()
) -> RealmSnapshot:
    """Exactly these users consume, and have an application's role by what Keycloak says; others not."""
    snapshot = realm.read([WFM])
    assert snapshot.gaps == ()
    assert resolve_consumers(snapshot, WFM, ()).keys() == set(consuming)
    for user in (*consuming, *others):
        roles = admin.effective_roles(user)
        is_holder = any(WFM.counts(Role("", name, client_id)) for client_id, name in roles)
        assert is_holder == (user in consuming)
    return snapshot


def test_a_role_given_directly_and_taken_again(admin: RealmAdmin, realm: Realm) -> None:
    role, other = admin.create_role("WFM_AGENT"), admin.create_role("OTHER")
    ann, bob = admin.create_user("ann"), admin.create_user("bob")
    admin.grant(ann, role)
    admin.grant(bob, other)
    assert_consumers(admin, realm, [ann], [bob])

    admin.revoke(ann, role)
    assert_consumers(admin, realm, [], [ann, bob])


def test_a_group_gives_its_roles_to_its_members(admin: RealmAdmin, realm: Realm) -> None:
    agents, others = admin.create_group("AGENTS"), admin.create_group("OTHERS")
    admin.grant_group(agents, admin.create_role("WFM_AGENT"))
    ann, bob = admin.create_user("ann"), admin.create_user("bob")
    admin.join(ann, agents)
    admin.join(bob, others)
    assert_consumers(admin, realm, [ann], [bob])

    admin.leave(ann, agents)
    assert_consumers(admin, realm, [], [ann])


def test_a_group_gives_its_roles_to_members_of_its_descendants_but_not_of_its_parent(
    admin: RealmAdmin, realm: Realm
) -> None:
    groups = [admin.create_group("A")]
    for name in ("B", "C", "D", "E"):
        groups.append(admin.create_group(name, groups[-1]))
    admin.grant_group(groups[1], admin.create_role("WFM_AGENT"))
    at_top, *inside = users = [admin.create_user(f"user{depth}") for depth in range(5)]
    for user, group in zip(users, groups, strict=True):
        admin.join(user, group)

    snapshot = assert_consumers(admin, realm, inside, [at_top])
    deepest = ("group /A/B/C/D/E", "group /A/B/C/D", "group /A/B/C", "group /A/B", "role WFM_AGENT")
    assert paths_by_user(snapshot, WFM)[users[4]] == [deepest]


def test_a_group_deeper_than_a_consuming_one_can_have_an_application_role_too(
    admin: RealmAdmin, realm: Realm
) -> None:
    top = admin.create_group("A")
    below = admin.create_group("B", top)
    admin.grant_group(top, admin.create_role("WFM_AGENT"))
    admin.grant_group(below, admin.create_role("WFM_SCHEDULER"))
    ann = admin.create_user("ann")
    admin.join(ann, below)

    paths = paths_by_user(assert_consumers(admin, realm, [ann]), WFM)[ann]
    assert paths == [("group /A/B", "role WFM_SCHEDULER"), ("group /A/B", "group /A", "role WFM_AGENT")]


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ((None, "TEAM"), (None, "WFM_AGENT")),
        ((None, "TEAM"), ("wfm-app", "agent")),
        (("desk", "team"), (None, "WFM_AGENT")),
        (("desk", "team"), ("wfm-app", "agent")),
    ],
    ids=["realm in realm", "client in realm", "realm in client", "client in client"],
)
def test_a_composite_gives_what_is_inside_and_not_what_is_around(
    admin: RealmAdmin, realm: Realm, outer: tuple[str | None, str], inner: tuple[str | None, str]
) -> None:
    outer_role, inner_role = (admin.create_role(name, client_id) for client_id, name in (outer, inner))
    around = admin.create_role("AROUND")
    admin.add_to_composite(outer_role, inner_role)
    admin.add_to_composite(around, outer_role)
    beside = admin.create_role("BESIDE")
    admin.add_to_composite(inner_role, beside)
    users = [admin.create_user(f"user{number}") for number in range(4)]
    for user, role in zip(users, (inner_role, outer_role, around, beside), strict=True):
        admin.grant(user, role)

    snapshot = assert_consumers(admin, realm, users[:3], users[3:])
    labels = [Role("", name, client_id).label for client_id, name in (outer, inner)]
    assert paths_by_user(snapshot, WFM)[users[2]] == [("role AROUND", *labels)]


def test_a_cycle_of_composites_gives_all_of_it_to_everybody_in_it(admin: RealmAdmin, realm: Realm) -> None:
    first, second = admin.create_role("FIRST"), admin.create_role("SECOND", "desk")
    counted = admin.create_role("WFM_AGENT")
    for parent, child in ((first, second), (second, counted), (counted, first), (counted, counted)):
        admin.add_to_composite(parent, child)
    users = [admin.create_user(f"user{number}") for number in range(3)]
    for user, role in zip(users, (first, second, counted), strict=True):
        admin.grant(user, role)
    assert_consumers(admin, realm, users)


def test_a_group_with_a_composite_gives_what_is_inside(admin: RealmAdmin, realm: Realm) -> None:
    team, agents = admin.create_role("TEAM"), admin.create_group("AGENTS")
    admin.add_to_composite(team, admin.create_role("agent", "wfm-app"))
    admin.grant_group(agents, team)
    ann = admin.create_user("ann")
    admin.join(ann, agents)

    snapshot = assert_consumers(admin, realm, [ann])
    assert paths_by_user(snapshot, WFM)[ann] == [("group /AGENTS", "role TEAM", "role wfm-app/agent")]


def test_a_role_among_the_default_roles_makes_consumers_of_all_who_have_those(
    admin: RealmAdmin, realm: Realm
) -> None:
    ann, bob = admin.create_user("ann"), admin.create_user("bob")
    admin.revoke(bob, admin.default_role)
    admin.add_to_composite(admin.default_role, admin.create_role("WFM_AGENT"))
    carol = admin.create_user("carol")

    snapshot = assert_consumers(admin, realm, [ann, carol], [bob])
    assert snapshot.default_role_id == admin.default_role


def test_a_default_group_makes_consumers_of_those_created_since(admin: RealmAdmin, realm: Realm) -> None:
    group = admin.create_group("EVERYBODY")
    admin.grant_group(group, admin.create_role("WFM_AGENT"))
    ann = admin.create_user("ann")
    admin.add_default_group(group)
    bob = admin.create_user("bob")
    admin.create_service_account("robot")

    assert assert_consumers(admin, realm, [bob], [ann]).default_groups == {group}


def test_default_groups_are_told_from_others_of_the_same_path(admin: RealmAdmin, realm: Realm) -> None:
    role = admin.create_role("WFM_AGENT")
    with_slash, below = admin.create_group("A/B"), admin.create_group("B", admin.create_group("A"))
    for group in (with_slash, below):
        admin.grant_group(group, role)
    without_role = admin.create_group("C")
    for group in (below, without_role):
        admin.add_default_group(group)

    assert realm.read([WFM]).default_groups == {below, without_role}


def test_a_disabled_user_is_read_as_such_and_consumes_nothing(admin: RealmAdmin, realm: Realm) -> None:
    role = admin.create_role("WFM_AGENT")
    ann, bob = admin.create_user("ann"), admin.create_user("bob", enabled=False)
    for user in (ann, bob):
        admin.grant(user, role)
    assert assert_consumers(admin, realm, [ann]).users[bob].enabled is False

    admin.set_enabled(ann, enabled=False)
    admin.set_enabled(bob, enabled=True)
    assert assert_consumers(admin, realm, [bob]).users[ann].enabled is False


def test_a_deleted_user_is_gone(admin: RealmAdmin, realm: Realm) -> None:
    role = admin.create_role("WFM_AGENT")
    ann, bob = admin.create_user("ann"), admin.create_user("bob")
    for user in (ann, bob):
        admin.grant(user, role)
    admin.delete_user(ann)

    assert assert_consumers(admin, realm, [bob]).users.keys() == {bob}


def test_service_accounts_do_not_consume_whatever_letters_their_client_has(
    admin: RealmAdmin, realm: Realm
) -> None:
    role, ann = admin.create_role("WFM_AGENT"), admin.create_user("ann")
    accounts = [admin.create_service_account(client_id) for client_id in ("bob", "Robot-X", "a b", "ž/ř")]
    for user in (ann, *accounts):
        admin.grant(user, role)

    assert assert_consumers(admin, realm, [ann]).service_accounts >= set(accounts)


@pytest.mark.parametrize("username", ["service-account-old-name", "robot"])
def test_an_imported_service_account_does_not_consume_whatever_its_name(
    admin: RealmAdmin, realm: Realm, username: str
) -> None:
    account = admin.create_service_account("new-name", username)
    admin.grant(account, admin.create_role("WFM_AGENT"))
    assert account in assert_consumers(admin, realm, []).service_accounts


def test_a_person_named_like_a_service_account_consumes(admin: RealmAdmin, realm: Realm) -> None:
    role, person = admin.create_role("WFM_AGENT"), admin.create_user("service-account-bob")
    admin.grant(person, role)
    assert_consumers(admin, realm, [person])

    admin.create_role("viewer", "bob")  # a client of that name, without a service account
    assert_consumers(admin, realm, [person])


def test_a_person_named_like_the_service_account_of_a_client_that_has_another_consumes(
    admin: RealmAdmin, realm: Realm
) -> None:
    role, person = admin.create_role("WFM_AGENT"), admin.create_user("service-account-bob")
    admin.create_service_account("bob", username="robot")
    admin.grant(person, role)
    assert_consumers(admin, realm, [person])


def test_a_person_who_took_the_name_of_a_deleted_service_account_consumes(
    admin: RealmAdmin, realm: Realm
) -> None:
    role = admin.create_role("WFM_AGENT")
    admin.delete_user(admin.create_service_account("bob"))
    person = admin.create_user("service-account-bob")
    admin.grant(person, role)
    assert_consumers(admin, realm, [person])


def test_patterns_are_case_sensitive_and_of_their_own_kind(admin: RealmAdmin, realm: Realm) -> None:
    counting = [("WFM_A", None), ("WFM_", None), ("agent", "wfm-app"), ("agent2", "wfm-app")]
    others = [("wfm_A", None), ("XWFM_A", None), ("agent", None), ("Agent", "wfm-app"), ("agent", "desk")]
    users: list[str] = []
    for number, (name, client_id) in enumerate(counting + others):
        users.append(admin.create_user(f"user{number}"))
        admin.grant(users[-1], admin.create_role(name, client_id))

    assert_consumers(admin, realm, users[: len(counting)], users[len(counting) :])


@pytest.mark.parametrize("client_id", [None, "wfm-app", "desk/ž 100%"])
def test_roles_of_any_name_are_read(admin: RealmAdmin, realm: Realm, client_id: str | None) -> None:
    users: dict[str, str] = {}
    counted = admin.create_role("WFM_AGENT")
    for number, name in enumerate(ODD_NAMES):
        role = admin.create_role(name, client_id)
        admin.add_to_composite(role, counted)
        users[name] = admin.create_user(f"user{number}")
        admin.grant(users[name], role)

    paths = paths_by_user(assert_consumers(admin, realm, users.values()), WFM)
    assert {name: paths[user] for name, user in users.items()} == {
        name: [(Role("", name, client_id).label, "role WFM_AGENT")] for name in ODD_NAMES
    }


@pytest.mark.parametrize("name", [".", ".."])
def test_a_role_named_like_a_step_of_a_path_makes_consumers_of_its_holders_only(
    admin: RealmAdmin, realm: Realm, name: str
) -> None:
    role, counted = admin.create_role(name), admin.create_role("WFM_AGENT")
    admin.add_to_composite(role, counted)
    ann, bob = admin.create_user("ann"), admin.create_user("bob")
    admin.grant(ann, role)
    snapshot = realm.read([WFM])

    # Its holders cannot be asked for by name, so a gap is as good; a stranger counted is not.
    assert ann in resolve_consumers(snapshot, WFM, ()) or not snapshot.is_complete
    assert bob not in resolve_consumers(snapshot, WFM, ())


def test_groups_of_any_name_are_read(admin: RealmAdmin, realm: Realm) -> None:
    role = admin.create_role("WFM_AGENT")
    users: dict[str, str] = {}
    for number, name in enumerate(ODD_NAMES):
        group = admin.create_group(name)
        admin.grant_group(group, role)
        users[name] = admin.create_user(f"user{number}")
        admin.join(users[name], admin.create_group(name, group))

    paths = paths_by_user(assert_consumers(admin, realm, users.values()), WFM)
    assert {name: paths[user] for name, user in users.items()} == {
        name: [(f"group /{name}/{name}", f"group /{name}", "role WFM_AGENT")] for name in ODD_NAMES
    }


def test_a_user_is_read_with_what_is_known_of_him(admin: RealmAdmin, realm: Realm) -> None:
    role = admin.create_role("WFM_AGENT")
    ann, bob = admin.create_user("Ann.Á", email="Ann@Example.com"), admin.create_user("bob")
    for user in (ann, bob):
        admin.grant(user, role)

    users = assert_consumers(admin, realm, [ann, bob]).users
    created = {user.id: user.created_at for user in users.values()}
    assert users == {
        ann: User(ann, "ann.á", enabled=True, email="ann@example.com", created_at=created[ann]),
        bob: User(bob, "bob", enabled=True, email=None, created_at=created[bob]),
    }
    assert None not in created.values()


def test_a_user_consumes_once_however_many_ways_he_has(admin: RealmAdmin, realm: Realm) -> None:
    role, team, agents = admin.create_role("WFM_AGENT"), admin.create_role("TEAM"), admin.create_group("A")
    admin.add_to_composite(team, role)
    admin.grant_group(agents, role)
    ann = admin.create_user("ann")
    admin.grant(ann, role)
    admin.grant(ann, team)
    admin.join(ann, agents)

    snapshot = assert_consumers(admin, realm, [ann])
    assert paths_by_user(snapshot, WFM)[ann] == [
        ("role WFM_AGENT",),
        ("group /A", "role WFM_AGENT"),
        ("role TEAM", "role WFM_AGENT"),
    ]


def test_each_application_has_consumers_of_its_own(admin: RealmAdmin, realm: Realm) -> None:
    quality = Application("QM", "Quality Management", roles=("QM_*",))
    wfm_role, qm_role, both = (admin.create_role(name) for name in ("WFM_AGENT", "QM_AGENT", "BOTH"))
    for inside in (wfm_role, qm_role):
        admin.add_to_composite(both, inside)
    ann, bob, carol = (admin.create_user(name) for name in ("ann", "bob", "carol"))
    for user, role in ((ann, wfm_role), (bob, qm_role), (carol, both)):
        admin.grant(user, role)

    snapshot = realm.read([WFM, quality])
    assert resolve_consumers(snapshot, WFM, ()).keys() == {ann, carol}
    assert resolve_consumers(snapshot, quality, ()).keys() == {bob, carol}


def test_lists_longer_than_keycloaks_usual_pages_are_read_to_the_end(admin: RealmAdmin, realm: Realm) -> None:
    """Keycloak cuts members at 100 and subgroups at 10 unless it is told otherwise."""
    role, top = admin.create_role("WFM_AGENT"), admin.create_group("TOP")
    admin.grant_group(top, role)
    users = [admin.create_user(f"user{number:03}") for number in range(230)]
    for user in users[:105]:
        admin.join(user, top)
    for user in users[105:210]:
        admin.grant(user, role)
    for number, user in enumerate(users[210:]):
        admin.join(user, admin.create_group(f"SUB{number}", top))

    assert resolve_consumers(realm.read([WFM]), WFM, ()).keys() == set(users)


def test_nobody_is_read_when_no_role_counts(admin: RealmAdmin, realm: Realm) -> None:
    admin.grant(admin.create_user("ann"), admin.create_role("OTHER"))
    snapshot = realm.read([WFM])
    assert snapshot.is_complete
    assert (snapshot.users, snapshot.groups, snapshot.role_users) == ({}, {}, {})
    assert "OTHER" in {role.name for role in snapshot.roles.values()}


def test_a_group_is_read_by_its_path_with_everything_below_though_it_grants_nothing(
    admin: RealmAdmin, realm: Realm
) -> None:
    top = admin.create_group("Ä B")
    inside = admin.create_group("C", top)
    other = admin.create_group("C")
    ann, bob = admin.create_user("ann"), admin.create_user("bob")
    admin.join(ann, inside)
    admin.join(bob, other)

    snapshot = realm.read([WFM], ["/Ä B"])
    assert {group.path: group.id for group in snapshot.groups.values()} == {"/Ä B": top, "/Ä B/C": inside}
    assert snapshot.groups[inside].parent_id == top
    assert snapshot.group_members == {top: frozenset(), inside: {ann}}
    assert snapshot.users.keys() == {ann}
    assert not realm.read([WFM]).groups

    below = realm.read([WFM], ["/Ä B/C", "/Ä B/C"])
    assert below.groups.keys() == {inside}
    assert below.groups[inside] == snapshot.groups[inside]


@pytest.mark.parametrize(
    "path", ["/B", "/a", "A", "/A/", "/A/B", "", "/", "//A", "/.", "/../users", "/A\0", "/%"]
)
def test_no_group_is_read_by_anything_else(admin: RealmAdmin, realm: Realm, path: str) -> None:
    admin.create_group("A")
    assert not realm.read([WFM], [path]).groups
