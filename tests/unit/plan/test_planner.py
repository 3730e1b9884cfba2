"""What one sync decides, example by example; the general rules are in `tests/property`."""

from dataclasses import replace
from datetime import timedelta

import pytest

from keycloak_license.model.changes import Change, ClaimChange
from keycloak_license.model.license import DEFAULT_EXEMPT_USERS, Standing
from keycloak_license.model.realm import User, UserReading
from keycloak_license.model.report import SyncPlan
from keycloak_license.model.seat import Claim
from keycloak_license.plan.allocation import Terms
from keycloak_license.plan.planner import SyncInputs, exempt_users, plan_sync, seat_terms
from tests.fakes import SimulatedRealm
from tests.unit.plan.samples import NO_LICENSE, NOON, QM, WFM, expired, granted, inputs


class Agents:
    """A realm in which role WFM_AGENT is given to people by name, and the claims of its syncs."""

    def __init__(self, *names: str) -> None:
        self.realm = SimulatedRealm()
        self.agent = self.realm.create_role("WFM_AGENT")
        self.realm.create_role("agent", "wfm-app")
        self.realm.create_role("QM_AGENT")
        self.ids = {name: self.realm.create_user(name) for name in names}
        for user in self.ids.values():
            self.realm.grant(user, self.agent)
        self.claims: tuple[Claim, ...] = ()
        self.now = NOON

    def inputs(self, standing: Standing) -> SyncInputs:
        return inputs(self.realm.read([WFM, QM]), standing, self.claims, now=self.now)

    def confirm(self, inputs: SyncInputs) -> SyncPlan:
        """Plan with those read by themselves whose claims would end."""
        ids = plan_sync(inputs).unconfirmed
        return plan_sync(replace(inputs, readings=self.realm.reread(ids, [WFM, QM]).users))

    def sync(self, standing: Standing) -> SyncPlan:
        plan = self.confirm(self.inputs(standing))
        self.claims = tuple(claim for each in plan.allocations for claim in (*each.seated, *each.waiting))
        self.now += timedelta(minutes=5)
        return plan


def told(changes: tuple[Change, ...]) -> list[tuple[str, str, str]]:
    return [
        (change.kind, change.claim.username, change.reason)
        for change in changes
        if isinstance(change, ClaimChange)
    ]


def test_who_comes_first_gets_a_seat_and_the_rest_wait() -> None:
    plan = Agents("anna", "boris").sync(granted(scope={"WFM": 1}))

    assert told(plan.changes) == [
        ("waiting", "boris", "no_free_seat"),
        ("seat_assigned", "anna", "first_come"),
    ]


def test_who_waited_gets_the_free_seat() -> None:
    agents = Agents("anna", "boris")
    agents.sync(granted(scope={"WFM": 1}))
    agents.realm.revoke(agents.ids["anna"], agents.agent)

    assert told(agents.sync(granted(scope={"WFM": 1})).changes) == [
        ("seat_released", "anna", "no_role"),
        ("seat_assigned", "boris", "seat_free"),
    ]


def test_a_smaller_limit_says_so() -> None:
    agents = Agents("anna", "boris")
    agents.sync(granted(scope={"WFM": 2}))

    assert told(agents.sync(granted(scope={"WFM": 1})).changes) == [
        ("seat_released", "boris", "limit_reduced")
    ]
    assert [claim.username for claim in agents.claims] == ["anna", "boris"]


def test_a_disabled_user_loses_his_seat_or_place_as_disabled() -> None:
    agents = Agents("anna", "boris")
    agents.sync(granted(scope={"WFM": 1}))
    for user in agents.ids.values():
        agents.realm.set_enabled(user, enabled=False)

    assert told(agents.sync(granted(scope={"WFM": 1})).changes) == [
        ("seat_released", "anna", "disabled"),
        ("waiting_ended", "boris", "disabled"),
    ]


def test_a_deleted_user_is_told_from_one_who_lost_his_role_as_soon_as_he_was_looked_for() -> None:
    agents = Agents("anna", "boris")
    agents.sync(granted())
    agents.realm.delete_user(agents.ids["anna"])
    agents.realm.revoke(agents.ids["boris"], agents.agent)

    unread = plan_sync(agents.inputs(granted()))
    assert told(unread.changes) == [
        ("seat_released", "anna", "no_role"),
        ("seat_released", "boris", "no_role"),
    ]
    assert unread.unconfirmed == (agents.ids["anna"], agents.ids["boris"])
    read = agents.sync(granted())
    assert told(read.changes) == [("seat_released", "anna", "deleted"), ("seat_released", "boris", "no_role")]
    assert read.unconfirmed == ()


def test_nobody_loses_a_seat_by_a_list_that_his_own_roles_contradict() -> None:
    agents = Agents("anna")
    agents.sync(granted())
    whole = agents.inputs(granted())
    short = replace(whole, snapshot=replace(whole.snapshot, role_users={}, users={}))

    assert plan_sync(short).unconfirmed == (agents.ids["anna"],)
    plan = agents.confirm(short)
    assert (told(plan.changes), plan.unconfirmed) == ([], ())
    agents.realm.set_enabled(agents.ids["anna"], enabled=False)
    assert told(agents.confirm(short).changes) == [("seat_released", "anna", "disabled")]


def test_a_silent_provider_says_nothing_of_its_own_users_and_leaves_the_others_alone() -> None:
    agents = Agents("anna", "boris", "cyril")
    dana, ema = (agents.realm.create_user(name, provider="ldap") for name in ("dana", "ema"))
    for user in (dana, ema):
        agents.realm.grant(user, agents.agent)
    agents.sync(granted(scope={"WFM": 5}))
    agents.realm.disabled_providers.add("ldap")
    agents.realm.delete_user(ema)
    agents.realm.revoke(agents.ids["anna"], agents.agent)

    plan = agents.sync(granted(scope={"WFM": 4}))
    assert told(plan.changes) == [("seat_released", "anna", "no_role")]
    assert not plan.report.is_complete
    assert plan.report.warnings == (
        "Incomplete read, the users of that federation keep what they have: user storage provider ldap is "
        "disabled",
    )
    assert told(agents.sync(granted(scope={"WFM": 3})).changes) == [("seat_released", "ema", "limit_reduced")]
    agents.realm.disabled_providers.clear()
    assert told(agents.sync(granted(scope={"WFM": 3})).changes) == [("waiting_ended", "ema", "deleted")]


def test_a_new_licence_that_exempts_a_holder_frees_his_seat() -> None:
    agents = Agents("anna", "boris")
    agents.sync(granted(scope={"WFM": 1}))

    assert told(agents.sync(granted(scope={"WFM": 1}, exempt_users=("ANNA",))).changes) == [
        ("seat_released", "anna", "exempt"),
        ("seat_assigned", "boris", "seat_free"),
    ]


def test_a_holder_whose_account_is_renamed_to_an_exempt_one_frees_his_seat() -> None:
    agents = Agents("anna")
    standing = granted(exempt_users=("robot",))
    agents.sync(standing)
    anna = agents.ids["anna"]
    renamed = User(anna, "robot", enabled=True)
    reading = UserReading(renamed, frozenset(agents.inputs(standing).snapshot.roles.values()))
    now = agents.inputs(standing)
    now = replace(now, snapshot=replace(now.snapshot, users={anna: renamed}), readings={anna: reading})

    assert told(plan_sync(now).changes) == [("seat_released", "anna", "exempt")]


def test_what_is_held_stays_so_although_newcomers_make_it_a_smaller_part() -> None:
    agents = Agents(*(f"agent-{number}" for number in range(10)))
    standing = granted(scope={"WFM": 100})
    agents.sync(standing)
    for user in list(agents.ids.values())[:6]:
        agents.realm.delete_user(user)
    for number in range(50):
        agents.realm.grant(agents.realm.create_user(f"newcomer-{number}"), agents.agent)

    plan = agents.sync(standing)
    assert len(plan.report.held) == 6
    later = agents.confirm(replace(agents.inputs(standing), held=plan.report.held))
    assert told(later.changes) == []
    assert later.report.held == plan.report.held


def test_only_a_licence_exempts_people() -> None:
    assert exempt_users(granted(exempt_users=("anna",))) == ("anna",)
    assert exempt_users(granted(exempt_users=())) == ()
    assert exempt_users(NO_LICENSE) == DEFAULT_EXEMPT_USERS == ("eleveo.admin", "eleveotrain")


def test_the_default_users_do_not_even_wait_when_there_is_no_licence() -> None:
    plan = Agents("eleveo.admin", "eleveotrain", "anna").sync(NO_LICENSE)

    assert told(plan.changes) == [("waiting", "anna", "no_free_seat")]


@pytest.mark.parametrize(
    ("standing", "may_take", "terms"),
    [
        (granted(scope={"WFM": 5}), True, Terms(5)),
        (granted(scope={"WFM": 0}), True, Terms(0)),
        (granted(scope={"WFM": None}), True, Terms(None)),
        (granted(scope={"QM": 5}), True, Terms(0)),
        (granted(scope={"WFM": 5}), False, Terms(5, may_displace=False)),
        (expired(scope={"WFM": 5}), True, Terms(5, may_displace=False)),
        (expired(scope={"WFM": 5}), False, Terms(5, may_displace=False)),
        (NO_LICENSE, True, Terms(0, may_displace=False)),
    ],
)
def test_the_terms_of_an_allocation(standing: Standing, may_take: bool, terms: Terms) -> None:
    assert seat_terms(standing, "WFM", may_take=may_take) == terms


def test_a_licence_without_an_application_ends_its_seats_and_no_others() -> None:
    agents = Agents("anna")
    agents.realm.grant(agents.ids["anna"], agents.realm.create_role("QM_LEAD"))
    both = replace(agents.inputs(granted(scope={"WFM": 1, "QM": 1})), applications=(WFM, QM))
    claims = tuple(claim for each in plan_sync(both).allocations for claim in each.seated)
    assert len(claims) == 2

    plan = plan_sync(replace(both, claims=claims, standing=granted(scope={"WFM": 1})))

    assert told(plan.changes) == [("seat_released", "anna", "not_licensed")]
    assert [(usage.id, usage.seats, usage.used) for usage in plan.report.applications] == [
        ("WFM", 1, 1),
        ("QM", 0, 0),
    ]


@pytest.mark.parametrize("trouble", [NO_LICENSE, expired(scope={"WFM": 2}), expired(scope={"WFM": 0})])
def test_licence_trouble_takes_no_seat_and_a_renewal_finds_the_same_people(trouble: Standing) -> None:
    agents = Agents("anna", "boris", "cyril")
    agents.sync(granted(scope={"WFM": 2}))
    before = agents.claims

    assert told(agents.sync(trouble).changes) == []
    assert told(agents.sync(granted(scope={"WFM": 2})).changes) == []
    assert agents.claims == before


def test_an_incomplete_read_takes_nothing_and_may_give() -> None:
    agents = Agents("anna", "boris")
    agents.sync(granted(scope={"WFM": 2}))
    agents.realm.unreadable.add(agents.agent)
    newcomer = agents.realm.create_user("cyril")
    agents.realm.grant(newcomer, agents.realm.create_role("WFM_LEAD"))

    assert told(agents.sync(granted(scope={"WFM": 3})).changes) == [("seat_assigned", "cyril", "first_come")]
    assert told(agents.sync(granted(scope={"WFM": 1})).changes) == []
    agents.realm.unreadable.clear()
    assert told(agents.sync(granted(scope={"WFM": 1})).changes) == [
        ("seat_released", "boris", "limit_reduced"),
        ("seat_released", "cyril", "limit_reduced"),
    ]


def test_a_gap_is_warned_of_and_nothing_is_concluded_from_it() -> None:
    agents = Agents("anna")
    agents.realm.delete_role(agents.agent)
    agents.realm.silent_providers.add("ldap")
    report = agents.sync(granted()).report

    assert not report.is_complete
    assert report.warnings == (
        "Incomplete read, nobody loses a seat: user storage provider ldap does not answer",
    )


def test_a_complete_read_warns_of_the_configuration_after_what_was_known_before() -> None:
    agents = Agents("anna")
    agents.realm.delete_role(agents.agent)
    report = plan_sync(replace(agents.inputs(granted()), warnings=("Before",))).report

    assert report.is_complete
    assert report.warnings[0] == "Before"
    assert [warning[:20] for warning in report.warnings[1:]] == ["The pattern 'WFM_*' "]


def test_claims_of_an_application_that_is_no_longer_configured_are_left_alone() -> None:
    agents = Agents()
    old = Claim("OLD", "u", "anna", None, None, NOON, is_seated=True, seated_at=NOON)
    plan = plan_sync(replace(agents.inputs(granted()), claims=(old,)))

    assert told(plan.changes) == []
    assert [usage.id for usage in plan.report.applications] == ["WFM"]
