"""What enforcement does to flows, bindings and client scopes, and what a read shows of it afterwards."""

from dataclasses import replace

import pytest

from keycloak_license.model.enforcement import OWN_CLIENT, Enforcement
from keycloak_license.model.gate import Door, DoorKind, Flow, Step
from keycloak_license.model.measures import (
    DoorBound,
    GateMade,
    GateRemoved,
    Measure,
    ScopeAttached,
    ScopeCreated,
    ScopeDetached,
    ScopeRemoved,
    TokensRevoked,
)
from keycloak_license.plan.gate import Admission, GateDesign, plan_gate
from tests.contract.enforced import SEAT, Enforced, provision
from tests.real.keycloak import MakeRealm

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


def plan(made: Enforced, design: GateDesign = DESIGN) -> list[Measure]:
    return list(plan_gate(made.gate(), design))


def test_outside_of_mode_gate_doors_are_read_only_where_our_roles_are_left(disabling: Enforced) -> None:
    assert disabling.realm.read([]).gate is None
    disabling.admin.create_role(SEAT, OWN_CLIENT)
    assert disabling.realm.read([]).gate is not None


@pytest.mark.slow
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


@pytest.mark.slow
def test_tokens_are_revoked_for_one_client(doors: Enforced) -> None:
    doors.enforce(TokensRevoked("wfm-app"), TokensRevoked("no longer there"))
    assert doors.doors.is_cut_off("wfm-app")
    assert not doors.doors.is_cut_off("other-app")


@pytest.mark.slow
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


@pytest.mark.slow
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
    shared = {
        *(Door(kind) for kind in (DoorKind.RESET_CREDENTIALS, DoorKind.REGISTRATION)),
        Door(DoorKind.BROKER, "google"),
    }
    theirs = {id_: flow for id_, flow in gate.flows.items() if id_ in before.flows}
    assert theirs == before.flows
    assert gate.own_scopes == ({SCOPE, "license-QM.WFM~saml"} if before.can_tell_clients else set())
    changed = {door for door in gate.bound if gate.bound[door] != before.bound[door]}
    assert changed == {
        *(
            Door(kind, each)
            for kind in (DoorKind.BROWSER, DoorKind.DIRECT_GRANT)
            for each in DESIGN.admissions
        ),
        *(shared if before.can_tell_clients else ()),
    }
    assert [doors.doors.is_cut_off(each) for each in ("wfm-app", "both-saml", "other-app")] == [
        True,
        True,
        False,
    ]


def test_it_is_read_whether_keycloak_tells_clients_apart(
    make_realm: MakeRealm, tells_clients_apart: bool
) -> None:
    made = provision(make_realm(), Enforcement.GATE)
    assert made.gate().can_tell_clients == tells_clients_apart


def test_leaving_gives_every_door_back_and_takes_out_all_that_is_ours(doors: Enforced) -> None:
    before = doors.gate()
    doors.build(DESIGN)
    assert doors.build(NOTHING) == before
    assert plan(doors, NOTHING) == []


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_client_that_is_no_longer_gated_gets_its_door_back(doors: Enforced) -> None:
    before = doors.gate()
    doors.build(DESIGN)
    without = GateDesign(OWN_CLIENT, {"both-saml": DESIGN.admissions["both-saml"]})
    after = doors.build(without)
    assert after.bound[FRONT_DOOR] == before.bound[FRONT_DOOR]
    assert after.own_scopes == {"license-QM.WFM~saml"}
    assert plan(doors, without) == []


@pytest.mark.slow
def test_a_door_that_was_led_elsewhere_leads_through_a_gate_again(doors: Enforced) -> None:
    doors.build(DESIGN)
    door = Door(DoorKind.BROWSER, "both-saml")
    standing = doors.gate().bound[door]
    doors.enforce(DoorBound(door, None))
    assert [each.kind for each in plan(doors)] == ["door_bound", "tokens_revoked"]
    assert doors.build(DESIGN).bound[door] == standing
    assert plan(doors) == []
