"""The real servers that the other tests stand on do what those tests take for granted."""

from collections import Counter

from keycloak_license.demo.example import EXAMPLE_USAGE, MINIMUM_USERS, example_realm
from tests.real.keycloak import MakeRealm, RealRealm, add_ldap
from tests.real.slapd import Slapd

PEOPLE = tuple(f"person{number:03}" for number in range(200))
AGENTS = PEOPLE[:50]
SCHEDULERS = PEOPLE[40:60]


def test_the_example_realm_has_the_usage_it_promises_by_keycloaks_own_effective_roles(
    make_realm: MakeRealm,
) -> None:
    realm = make_realm(example_realm("example", MINIMUM_USERS))

    usage: Counter[str] = Counter()
    for user in realm.get("/users", max=1000):
        if user["enabled"] and user["username"] not in {"eleveo.admin", "eleveotrain"}:
            usage.update(_applications_of(realm, user["id"]))

    assert usage == EXAMPLE_USAGE


def test_the_example_realm_has_as_many_users_as_asked_for(make_realm: MakeRealm) -> None:
    realm = make_realm(example_realm("example", 1000))

    assert realm.get("/users/count") == 1000
    assert len(realm.get(f"/groups/{realm.group_id('/AGENTS')}/members", max=1000)) == 30


def test_federated_members_come_through_the_group_and_role_mappers_while_the_directory_is_up(
    make_realm: MakeRealm,
) -> None:
    realm = make_realm()
    with Slapd(PEOPLE, {"AGENTS": AGENTS}, {"WFM_SCHEDULER": SCHEDULERS}) as slapd:
        add_ldap(realm, slapd)
        assert realm.get("/users/count") == 200
        assert _group_and_role_members(realm) == (set(AGENTS), set(SCHEDULERS))

        # The trap that a reader has to see: Keycloak does not say that it could not ask.
        slapd.stop()
        assert _group_and_role_members(realm) == (set(), set())
        assert realm.get("/users/count") == 200

        slapd.start()
        assert _group_and_role_members(realm) == (set(AGENTS), set(SCHEDULERS))


def test_a_change_in_the_directory_shows_in_keycloak_at_the_next_read(make_realm: MakeRealm) -> None:
    realm = make_realm()
    with Slapd(("ann", "bob"), {"AGENTS": ("ann",)}, {}) as slapd:
        add_ldap(realm, slapd)
        new_member = f"changetype: modify\nadd: member\nmember: {slapd.person_dn('bob')}"
        slapd.change(f"dn: cn=AGENTS,{slapd.groups_dn}\n{new_member}\n")

        assert _usernames(realm, f"/groups/{realm.group_id('/AGENTS')}/members") == {"ann", "bob"}


def _applications_of(realm: RealRealm, user_id: str) -> set[str]:
    roles = realm.get(f"/users/{user_id}/role-mappings/realm/composite")
    return {
        application
        for application in EXAMPLE_USAGE
        if any(role["name"].startswith(f"{application}_") for role in roles)
    }


def _group_and_role_members(realm: RealRealm) -> tuple[set[str], set[str]]:
    group = _usernames(realm, f"/groups/{realm.group_id('/AGENTS')}/members")
    return group, _usernames(realm, "/roles/WFM_SCHEDULER/users")


def _usernames(realm: RealRealm, path: str) -> set[str]:
    return {user["username"] for user in realm.get(path, max=1000)}
