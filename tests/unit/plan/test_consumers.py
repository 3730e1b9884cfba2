"""Who consumes, example by example; the general rules are in `tests/property`."""

from itertools import islice

import pytest

from keycloak_license.model.realm import Group, RealmSnapshot, Role, User
from keycloak_license.plan.consumers import find_grants, find_warnings, paths_by_user, resolve_consumers
from tests.fakes import SimulatedRealm
from tests.unit.plan.samples import QM, WFM


@pytest.fixture
def realm() -> SimulatedRealm:
    simulated = SimulatedRealm()
    for name in ("WFM_AGENT", "QM_AGENT", "offline"):
        simulated.create_role(name)
    simulated.create_role("agent", "wfm-app")
    return simulated


def role(realm: SimulatedRealm, name: str, client_id: str | None = None) -> str:
    found = realm.read([WFM]).roles.values()
    return next(each.id for each in found if (each.name, each.client_id) == (name, client_id))


def consumers(realm: SimulatedRealm, exempt: tuple[str, ...] = ()) -> set[str]:
    return {user.username for user in resolve_consumers(realm.read([WFM, QM]), WFM, exempt).values()}


def warnings(realm: SimulatedRealm) -> list[str]:
    return list(find_warnings(realm.read([WFM, QM]), [WFM, QM]))


def test_the_seeds_example_counts_32(realm: SimulatedRealm) -> None:
    agents = realm.create_group("AGENTS")
    realm.grant_group(agents, role(realm, "WFM_AGENT"))
    scheduler = realm.create_role("WFM_SCHEDULER")
    for number in range(1000):
        user = realm.create_user(f"user-{number}")
        if number < 30:
            realm.join(user, agents)
        elif number < 32:
            realm.grant(user, scheduler)

    assert len(consumers(realm)) == 32


def test_three_ways_to_the_same_application_are_one_consumer(realm: SimulatedRealm) -> None:
    anna = realm.create_user("anna")
    group, composite = realm.create_group("AGENTS"), realm.create_role("team-lead")
    realm.add_to_composite(composite, role(realm, "WFM_AGENT"))
    realm.grant_group(group, role(realm, "WFM_AGENT"))
    realm.join(anna, group)
    realm.grant(anna, composite)
    realm.grant(anna, role(realm, "WFM_AGENT"))

    assert consumers(realm) == {"anna"}
    assert paths_by_user(realm.read([WFM]), WFM)[anna] == [
        ("role WFM_AGENT",),
        ("group /AGENTS", "role WFM_AGENT"),
        ("role team-lead", "role WFM_AGENT"),
    ]


def test_a_disabled_user_does_not_consume_but_his_path_is_told(realm: SimulatedRealm) -> None:
    anna = realm.create_user("anna", enabled=False)
    realm.grant(anna, role(realm, "WFM_AGENT"))

    assert consumers(realm) == set()
    assert paths_by_user(realm.read([WFM]), WFM) == {anna: [("role WFM_AGENT",)]}


def test_a_service_account_is_told_by_its_id_and_a_persons_name_does_not_matter(
    realm: SimulatedRealm,
) -> None:
    account = realm.create_service_account("wfm-app")
    odd = realm.create_service_account("reports", username="reporting")
    bob = realm.create_user("service-account-bob")
    for user in (account, odd, bob):
        realm.grant(user, role(realm, "WFM_AGENT"))

    assert consumers(realm) == {"service-account-bob"}


def test_exempt_users_are_recognised_in_any_case(realm: SimulatedRealm) -> None:
    for name in ("eleveo.admin", "eleveotrain", "eleveo.admin2", "anna"):
        realm.grant(realm.create_user(name), role(realm, "WFM_AGENT"))

    assert consumers(realm, ("Eleveo.Admin", "ELEVEOTRAIN")) == {"eleveo.admin2", "anna"}
    assert consumers(realm, ()) == {"eleveo.admin", "eleveotrain", "eleveo.admin2", "anna"}


def test_a_federated_name_in_capitals_is_exempt_too() -> None:
    snapshot = RealmSnapshot(
        "acme",
        "1",
        roles={"r": Role("r", "WFM_AGENT")},
        users={"f:ldap:1": User("f:ldap:1", "EleveoTrain", enabled=True)},
        role_users={"r": frozenset({"f:ldap:1"})},
    )

    assert resolve_consumers(snapshot, WFM, ["eleveotrain"]) == {}


def test_members_of_a_subgroup_have_the_roles_of_all_groups_above_and_not_the_reverse(
    realm: SimulatedRealm,
) -> None:
    staff = realm.create_group("STAFF")
    team = realm.create_group("TEAM", staff)
    night = realm.create_group("NIGHT", team)
    realm.grant_group(team, role(realm, "WFM_AGENT"))
    for name, group in (("above", staff), ("here", team), ("below", night)):
        realm.join(realm.create_user(name), group)

    assert consumers(realm) == {"here", "below"}
    paths = paths_by_user(realm.read([WFM]), WFM)
    assert [("group /STAFF/TEAM/NIGHT", "group /STAFF/TEAM", "role WFM_AGENT")] in paths.values()


def test_a_client_role_inside_a_realm_role_counts(realm: SimulatedRealm) -> None:
    outer = realm.create_role("everyday")
    realm.add_to_composite(outer, role(realm, "agent", "wfm-app"))
    anna = realm.create_user("anna")
    realm.grant(anna, outer)

    assert paths_by_user(realm.read([WFM]), WFM)[anna] == [("role everyday", "role wfm-app/agent")]


def test_of_two_chains_of_composites_the_shorter_is_told(realm: SimulatedRealm) -> None:
    top, middle = realm.create_role("top"), realm.create_role("middle")
    agent = role(realm, "WFM_AGENT")
    realm.add_to_composite(top, middle)
    realm.add_to_composite(middle, agent)
    realm.add_to_composite(top, agent)
    anna = realm.create_user("anna")
    realm.grant(anna, top)

    assert paths_by_user(realm.read([WFM]), WFM)[anna] == [("role top", "role WFM_AGENT")]


def test_roles_that_contain_each_other_end(realm: SimulatedRealm) -> None:
    agent, loop = role(realm, "WFM_AGENT"), realm.create_role("loop")
    realm.add_to_composite(agent, loop)
    realm.add_to_composite(loop, agent)
    realm.add_to_composite(loop, loop)
    anna = realm.create_user("anna")
    realm.grant(anna, loop)

    assert paths_by_user(realm.read([WFM]), WFM)[anna] == [("role loop", "role WFM_AGENT")]


def test_groups_that_were_moved_into_each_other_while_they_were_read_end() -> None:
    # /A was read, then B left A and A was moved below B, then B's subgroups were read.
    snapshot = RealmSnapshot(
        "acme",
        "1",
        roles={"r": Role("r", "WFM_AGENT")},
        groups={"a": Group("a", "/B/A", "b"), "b": Group("b", "/A/B", "a")},
        users={"u": User("u", "anna", enabled=True)},
        role_groups={"r": frozenset({"a"})},
        group_members={"b": frozenset({"u"})},
        default_groups=frozenset({"b"}),
    )

    assert len(list(islice(find_grants(snapshot, WFM), 100))) < 100
    assert list(resolve_consumers(snapshot, WFM, ())) == ["u"]


def test_a_realm_that_is_in_order_gives_no_warning(realm: SimulatedRealm) -> None:
    assert warnings(realm) == []


def test_a_pattern_without_a_role_is_probably_a_typing_error() -> None:
    realm = SimulatedRealm()
    realm.create_role("wfm_agent")
    realm.create_role("agent")
    realm.create_role("QM_AGENT")

    assert warnings(realm) == [
        "The pattern 'WFM_*' in applications.WFM matches no role of realm acme; it may be a typing error",
        "The pattern 'agent' of client wfm-app in applications.WFM matches no role of realm acme; it may be "
        "a typing error",
    ]


def test_a_role_among_the_default_roles_makes_everybody_a_consumer(realm: SimulatedRealm) -> None:
    realm.add_to_composite(realm.default_role, role(realm, "WFM_AGENT"))
    realm.create_user("anna")

    assert warnings(realm) == [
        "Every user of realm acme becomes a consumer of WFM: role WFM_AGENT is among the default roles"
    ]
    assert consumers(realm) == {"anna"}


def test_so_does_one_deep_inside_them(realm: SimulatedRealm) -> None:
    inner = realm.create_role("inner")
    realm.add_to_composite(realm.default_role, inner)
    realm.add_to_composite(inner, role(realm, "agent", "wfm-app"))

    assert warnings(realm) == [
        "Every user of realm acme becomes a consumer of WFM: role wfm-app/agent is among the default roles"
    ]


def test_a_role_of_a_default_group_or_one_above_makes_everybody_a_consumer(realm: SimulatedRealm) -> None:
    staff = realm.create_group("STAFF")
    new = realm.create_group("NEW", staff)
    realm.grant_group(staff, role(realm, "QM_AGENT"))
    realm.add_default_group(new)

    assert warnings(realm) == [
        "Every user of realm acme becomes a consumer of QM: the default group /STAFF/NEW has role QM_AGENT"
    ]


def test_a_default_group_above_the_one_with_the_role_is_no_trouble(realm: SimulatedRealm) -> None:
    staff = realm.create_group("STAFF")
    team = realm.create_group("TEAM", staff)
    realm.grant_group(team, role(realm, "QM_AGENT"))
    realm.add_default_group(staff)

    assert warnings(realm) == []
