"""What enforcement does to a realm, and what a read shows of it afterwards."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import pytest

from keycloak_license.errors import LeaseLostError
from keycloak_license.keycloak_api.answers import Access
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.provision import Provisioner
from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.model.enforcement import (
    DISABLED_ROLE,
    OWN_CLIENT,
    Enforcement,
    EnforcementTerms,
    access_role,
    seat_role,
)
from keycloak_license.model.gate import Door, DoorKind, Flow, GateReading, Step
from keycloak_license.model.measures import (
    AccessClosed,
    AccessOpened,
    DoorBound,
    GateMade,
    GateRemoved,
    LeakClosed,
    Measure,
    RoleCreated,
    RoleRemoved,
    ScopeAttached,
    ScopeCreated,
    ScopeDetached,
    ScopeRemoved,
    SeatRoleAssigned,
    SeatRoleRemoved,
    TokensRevoked,
    UserDisabled,
    UserEnabled,
)
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.plan.gate import Admission, GateDesign, plan_gate
from keycloak_license.services.ports import Realm
from tests.contract.realm_admin import SECRET, RealmAdmin, RestAdmin, connect_as_admin
from tests.fake_enforcement import BROWSER, SimulatedGate
from tests.fakes import SimulatedRealm, unfenced
from tests.real.keycloak import MakeRealm, RealRealm

SEAT, ACCESS = seat_role("WFM"), access_role("WFM")
SCOPE = "license-WFM"
FRONT_DOOR = Door(DoorKind.BROWSER, "wfm-app")
DESIGN = GateDesign(
    OWN_CLIENT,
    {
        "wfm-app": Admission(("WFM",), "no seat of WFM", "no access to WFM"),
        "both-saml": Admission(("QM", "WFM"), "no seat of either", "no access to either"),
    },
)
NOTHING = GateDesign(OWN_CLIENT, {})


class DoorAdmin(Protocol):
    """What an admin does to the doors of a realm."""

    def add_client(self, client_id: str, protocol: str = "openid-connect") -> None: ...

    def give_own_login(self, client_id: str) -> None:
        """Let a client's browser logins lead through a flow of its own."""

    def add_provider(self, alias: str) -> None: ...

    def is_cut_off(self, client_id: str) -> bool:
        """Whether tokens of the client have been made worthless."""


@dataclass
class SimulatedDoors:
    gate: SimulatedGate

    def add_client(self, client_id: str, protocol: str = "openid-connect") -> None:
        self.gate.add_client(client_id, protocol)

    def give_own_login(self, client_id: str) -> None:
        self.gate.bound[Door(DoorKind.BROWSER, client_id)] = self.gate.add_flow("own login", BROWSER)

    def add_provider(self, alias: str) -> None:
        self.gate.add_provider(alias)

    def is_cut_off(self, client_id: str) -> bool:
        return client_id in self.gate.cut_off


@dataclass
class RestDoors:
    realm: RealRealm

    def add_client(self, client_id: str, protocol: str = "openid-connect") -> None:
        self.realm.post("/clients", {"clientId": client_id, "protocol": protocol})

    def give_own_login(self, client_id: str) -> None:
        flow = self.realm.post("/authentication/flows/browser/copy", {"newName": "own login"})
        body = {"authenticationFlowBindingOverrides": {"browser": flow}}
        self.realm.put(f"/clients/{self.realm.client_uuid(client_id)}", body)

    def add_provider(self, alias: str) -> None:
        urls = {name: f"https://idp.test/{name}" for name in ("authorizationUrl", "tokenUrl")}
        config = {"clientId": "us", "clientSecret": SECRET, **urls}
        body = {"alias": alias, "providerId": "oidc", "enabled": True, "config": config}
        self.realm.post("/identity-provider/instances", body)

    def is_cut_off(self, client_id: str) -> bool:
        client = self.realm.get(f"/clients/{self.realm.client_uuid(client_id)}")
        return bool(client.get("notBefore"))


@dataclass
class Enforced:
    """A realm from the admin's side and from ours, which may enforce it."""

    admin: RealmAdmin
    doors: DoorAdmin
    realm: Realm

    def enforce(self, *measures: Measure) -> RealmSnapshot:
        assert self.realm.enforce(measures, unfenced) == ()
        return self.realm.read([])

    def gate(self) -> GateReading:
        gate = self.realm.read([]).gate
        assert gate is not None
        return gate

    def build(self, design: GateDesign) -> GateReading:
        self.enforce(*plan_gate(self.gate(), design))
        return self.gate()


Make = Callable[[Enforcement], Enforced]


def connect(real: RealRealm, mode: Enforcement) -> KeycloakRealm:
    admin = connect_as_admin(real)
    Provisioner(admin, admin, OWN_CLIENT).provision(mode, client_secret=SECRET)
    access = Access(real.api.url, real.name, OWN_CLIENT, SECRET)
    return KeycloakRealm(KeycloakClient(access, real.name), terms=EnforcementTerms(mode))


@pytest.fixture(params=["simulated", "real"])
def make(request: pytest.FixtureRequest) -> Make:
    def simulate(mode: Enforcement) -> Enforced:
        simulated = SimulatedRealm(terms=EnforcementTerms(mode))
        if mode is Enforcement.DISABLE:
            simulated.create_role(DISABLED_ROLE, OWN_CLIENT)
        return Enforced(simulated, SimulatedDoors(simulated.gate), simulated)

    def provision(mode: Enforcement) -> Enforced:
        make_realm: MakeRealm = request.getfixturevalue("make_realm")
        real = make_realm()
        return Enforced(RestAdmin(real), RestDoors(real), connect(real, mode))

    return simulate if request.param == "simulated" else provision


@pytest.fixture
def gated(make: Make) -> Enforced:
    """A realm of mode gate with the roles of one application."""
    made = make(Enforcement.GATE)
    made.enforce(RoleCreated(SEAT), RoleCreated(ACCESS))
    return made


@pytest.fixture
def disabling(make: Make) -> Enforced:
    return make(Enforcement.DISABLE)


@pytest.fixture
def doors(make: Make) -> Enforced:
    """A realm of mode gate with three clients, one of which has its own login, and a provider."""
    made = make(Enforcement.GATE)
    made.doors.add_client("wfm-app")
    made.doors.add_client("both-saml", "saml")
    made.doors.add_client("other-app")
    made.doors.add_provider("google")
    made.doors.give_own_login("wfm-app")
    return made


def own_names(snapshot: RealmSnapshot) -> set[str]:
    return {role.name for role in snapshot.roles.values() if EnforcementTerms().is_own(role)}


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


def plan(made: Enforced, design: GateDesign = DESIGN) -> list[Measure]:
    return list(plan_gate(made.gate(), design))


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


def test_outside_of_mode_gate_doors_are_read_only_where_our_roles_are_left(disabling: Enforced) -> None:
    assert disabling.realm.read([]).gate is None
    disabling.admin.create_role(SEAT, OWN_CLIENT)
    assert disabling.realm.read([]).gate is not None


def test_scopes_are_made_given_to_clients_and_taken_away(doors: Enforced) -> None:
    made, given = ScopeCreated(SCOPE, "openid-connect"), ScopeAttached(SCOPE, "wfm-app")
    before = doors.gate()
    doors.enforce(made, made, given, given, ScopeAttached(SCOPE, "no longer there"))
    attached = doors.gate()
    assert attached.own_scopes == {SCOPE}
    scopes = before.client_scopes
    assert attached.client_scopes == {**scopes, "wfm-app": scopes["wfm-app"] | {SCOPE}}

    doors.enforce(*[ScopeDetached(SCOPE, "wfm-app")] * 2, ScopeDetached(SCOPE, "no longer there"))
    detached = doors.gate()
    assert detached.client_scopes == scopes
    assert detached.own_scopes == {SCOPE}
    doors.enforce(given, ScopeRemoved(SCOPE), ScopeRemoved(SCOPE))
    assert doors.gate() == before


def test_tokens_are_revoked_for_one_client(doors: Enforced) -> None:
    doors.enforce(TokensRevoked("wfm-app"), TokensRevoked("no longer there"))
    assert doors.doors.is_cut_off("wfm-app")
    assert not doors.doors.is_cut_off("other-app")


def test_a_gate_reads_as_it_was_made_and_goes_when_nothing_leads_through_it(doors: Enforced) -> None:
    before = doors.gate()
    deny = Step("REQUIRED", "deny-access-authenticator", {"denyErrorMessage": "No seat: ask (us) & wait"})
    flow = Flow((Step("REQUIRED", "allow-access-authenticator"), Step("CONDITIONAL", flow=Flow((deny,)))))
    doors.enforce(GateMade("license browser x", flow, "Made by keycloak-license", (FRONT_DOOR,)))
    gate = doors.gate()
    made = gate.flows[gate.bound[FRONT_DOOR] or ""]
    assert (made.alias, made.flow, made.description) == (
        "license browser x",
        flow,
        "Made by keycloak-license",
    )
    assert not made.is_inside

    own = before.flows[before.bound[FRONT_DOOR] or ""]
    doors.enforce(DoorBound(FRONT_DOOR, own), GateRemoved(made), GateRemoved(made))
    assert doors.gate() == before


def test_a_door_leads_through_no_flow_of_its_own_any_more(doors: Enforced) -> None:
    before = doors.gate().bound
    gone = Door(DoorKind.BROWSER, "no longer there")
    doors.enforce(
        *(DoorBound(door, None) for door in (FRONT_DOOR, Door(DoorKind.BROWSER, "other-app"), gone))
    )
    assert doors.gate().bound == {**before, FRONT_DOOR: None}


def test_a_gate_that_was_built_needs_nothing_more(doors: Enforced) -> None:
    before = doors.gate()
    gate = doors.build(DESIGN)
    assert list(plan_gate(gate, DESIGN)) == []
    theirs = {id_: flow for id_, flow in gate.flows.items() if id_ in before.flows}
    assert theirs == before.flows
    assert gate.own_scopes == {SCOPE, "license-QM.WFM~saml"}
    changed = {door for door in gate.bound if gate.bound[door] != before.bound[door]}
    assert changed == {
        *(
            Door(kind, each)
            for kind in (DoorKind.BROWSER, DoorKind.DIRECT_GRANT)
            for each in DESIGN.admissions
        ),
        *(Door(kind) for kind in (DoorKind.RESET_CREDENTIALS, DoorKind.REGISTRATION)),
        Door(DoorKind.BROKER, "google"),
    }
    assert [doors.doors.is_cut_off(each) for each in ("wfm-app", "both-saml", "other-app")] == [
        True,
        True,
        False,
    ]


def test_leaving_gives_every_door_back_and_takes_out_all_that_is_ours(doors: Enforced) -> None:
    before = doors.gate()
    doors.build(DESIGN)
    assert doors.build(NOTHING) == before
    assert plan(doors, NOTHING) == []


def test_a_gate_is_replaced_while_doors_lead_through_it(doors: Enforced) -> None:
    before = doors.build(DESIGN)
    texts = {each: replace(one, no_seat="there is none") for each, one in DESIGN.admissions.items()}
    other = GateDesign(OWN_CLIENT, texts)
    after = doors.build(other)
    assert plan(doors, other) == []
    changed = {door for door in after.bound if after.bound[door] != before.bound[door]}
    assert len(changed) == 7
    assert not {before.bound[door] for door in changed} & after.flows.keys()
    assert doors.build(DESIGN).bound.keys() == before.bound.keys()
    assert plan(doors) == []


def test_a_client_that_is_no_longer_gated_gets_its_door_back(doors: Enforced) -> None:
    before = doors.gate()
    doors.build(DESIGN)
    without = GateDesign(OWN_CLIENT, {"both-saml": DESIGN.admissions["both-saml"]})
    after = doors.build(without)
    assert after.bound[FRONT_DOOR] == before.bound[FRONT_DOOR]
    assert after.own_scopes == {"license-QM.WFM~saml"}
    assert plan(doors, without) == []


def test_a_door_that_was_led_elsewhere_leads_through_a_gate_again(doors: Enforced) -> None:
    doors.build(DESIGN)
    door = Door(DoorKind.BROWSER, "both-saml")
    standing = doors.gate().bound[door]
    doors.enforce(DoorBound(door, None))
    assert [each.kind for each in plan(doors)] == ["door_bound", "tokens_revoked"]
    assert doors.build(DESIGN).bound[door] == standing
    assert plan(doors) == []


def test_nothing_is_done_once_the_lease_is_lost(gated: Enforced) -> None:
    bob = gated.admin.create_user("bob")
    before = gated.realm.read([])

    def refuse() -> None:
        raise LeaseLostError("the test says so")

    for measure in (
        RoleCreated(seat_role("QM")),
        AccessOpened("WFM"),
        assigned(bob),
        ScopeCreated(SCOPE, "openid-connect"),
        GateMade("license browser x", Flow(()), "Made by keycloak-license", ()),
    ):
        with pytest.raises(LeaseLostError):
            gated.realm.enforce([measure, RoleRemoved(ACCESS)], refuse)
    assert replace(gated.realm.read([]), server_time=None) == replace(before, server_time=None)
    assert gated.realm.enforce((), refuse) == ()
