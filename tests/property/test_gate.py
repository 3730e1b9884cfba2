"""Whatever admins do to flows and bindings: a gate stands before every door, and goes without a trace.

`Doors` is a realm whose admin binds, edits and deletes; `plan_gate` is carried out on it by the simulator.
"""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.gate import CLIENT_DOORS, REALM_DOORS, Door, DoorKind, Flow, NamedFlow, Step
from keycloak_license.plan.gate import Admission, GateDesign, is_own_flow, plan_gate
from tests.fake_enforcement import SimulatedGate, change_gate

ADMISSIONS = {
    "wfm-app": Admission(("WFM",), "no seat of WFM", "no access to WFM"),
    "both-app": Admission(("QM", "WFM"), "no seat of either", "no access to either"),
    "qm-saml": Admission(("QM",), "no seat of QM", "no access to QM"),
}
CLIENTS = (*ADMISSIONS, "other-app")
PROVIDERS = ("google", "azure")
NOTHING = GateDesign("keycloak-license", {})

Edit = Callable[["Doors"], None]


class Doors(SimulatedGate):
    """A realm with four clients and two identity providers, before we come."""

    def __init__(self) -> None:
        super().__init__()
        for client_id in CLIENTS:
            self.add_client(client_id, "saml" if client_id.endswith("saml") else "openid-connect")
        for provider in PROVIDERS:
            self.add_provider(provider)
        self.own: dict[Door, str | None] = dict(self.bound)
        """What each door leads to as far as the admin is concerned; None is the realm's own."""

    def gate(self, design: GateDesign) -> None:
        """Do what is planned; then nothing is left to do."""
        for measure in plan_gate(self.read(), design):
            change_gate(self, measure)
        assert list(plan_gate(self.read(), design)) == []

    def foreign(self) -> list[NamedFlow]:
        return [flow for flow in self.flows.values() if not is_own_flow(flow)]


def flow_of(*authenticators: str) -> Flow:
    return Flow(tuple(Step("ALTERNATIVE", each, {"of": each}) for each in authenticators))


def ours_of(doors: "Doors") -> list[NamedFlow]:
    return [each for each in doors.flows.values() if is_own_flow(each)]


def make(alias: str, flow: Flow) -> Edit:
    """Make a flow, or change it where it is there."""

    def edit(doors: Doors) -> None:
        same = [each for each in doors.flows.values() if each.alias == alias]
        if not same:
            doors.add_flow(alias, flow)
        for each in same:
            doors.flows[each.id] = replace(each, flow=flow)

    return edit


def bind(door: Door, alias: str | None) -> Edit:
    """Let a door lead through a flow of the admin's, or through none."""

    def edit(doors: Doors) -> None:
        found = [each.id for each in doors.flows.values() if each.alias == alias]
        if found or (alias is None and door.kind not in REALM_DOORS):
            doors.bound[door] = doors.own[door] = found[0] if found else None

    return edit


def spoil(index: int) -> Edit:
    """Take a step out of one of our own flows."""

    def edit(doors: Doors) -> None:
        if ours := ours_of(doors):
            each = ours[index % len(ours)]
            doors.flows[each.id] = replace(each, flow=Flow(each.flow.steps[1:]))

    return edit


def point_at_ours(door: Door, index: int) -> Edit:
    """Let a door lead through a gate that is not its own, as a client does that was copied."""

    def edit(doors: Doors) -> None:
        ours = [each for each in ours_of(doors) if each.id in doors.bound.values()]
        if ours and doors.bound[door] is None:
            each = ours[index % len(ours)]
            doors.bound[door] = each.id
            named = each.description.partition("flow ")[2]
            doors.own[door] = named if named in doors.flows else None

    return edit


DOORS = st.sampled_from(sorted(Doors().bound))
NAMES = st.sampled_from(["mine", "theirs", "wfm/1: odd"])
STEPS = st.lists(st.sampled_from(["otp", "form", "kerberos"]), max_size=3).map(lambda each: flow_of(*each))
EDITS: st.SearchStrategy[Edit] = st.one_of(
    st.builds(make, NAMES | st.just("browser"), STEPS),
    st.builds(bind, DOORS, st.none() | NAMES),
    st.builds(spoil, st.integers(0, 9)),
    st.builds(point_at_ours, DOORS, st.integers(0, 9)),
)
designs = st.sets(st.sampled_from(sorted(ADMISSIONS))).map(
    lambda ids: GateDesign("keycloak-license", {each: ADMISSIONS[each] for each in ids})
)
histories = st.lists(EDITS | designs, max_size=12)


def live(doors: Doors, history: list[Edit | GateDesign]) -> GateDesign:
    """Let everything happen in turn; return the last design."""
    design = NOTHING
    for each in history:
        if isinstance(each, GateDesign):
            design = each
            doors.gate(design)
        else:
            each(doors)
    return design


@given(histories)
def test_what_is_done_leaves_nothing_to_do_and_touches_nothing_of_theirs(
    history: list[Edit | GateDesign],
) -> None:
    doors = Doors()
    live(doors, history)
    theirs = doors.foreign()
    doors.gate(GateDesign("keycloak-license", ADMISSIONS))

    assert doors.foreign() == theirs


@given(histories)
def test_where_clients_cannot_be_told_apart_the_doors_that_all_share_stay_theirs_until_they_can(
    history: list[Edit | GateDesign],
) -> None:
    doors = Doors()
    doors.can_tell_clients = False
    live(doors, history)
    doors.gate(GateDesign("keycloak-license", ADMISSIONS))

    ours = {door for door, flow_id in doors.bound.items() if doors.flows.get(flow_id or "") in ours_of(doors)}
    assert ours == {Door(kind, client_id) for kind in CLIENT_DOORS for client_id in ADMISSIONS}
    assert doors.own_scopes == frozenset()

    doors.can_tell_clients = True
    doors.gate(GateDesign("keycloak-license", ADMISSIONS))
    assert ours < {door for door, id_ in doors.bound.items() if doors.flows.get(id_ or "") in ours_of(doors)}


@given(histories)
def test_a_gate_is_what_the_door_led_to_before_followed_by_the_refusals(
    history: list[Edit | GateDesign],
) -> None:
    doors = Doors()
    live(doors, history)
    doors.gate(GateDesign("keycloak-license", ADMISSIONS))

    defaults = doors.read().defaults
    for client_id, admission in ADMISSIONS.items():
        for kind in CLIENT_DOORS:
            door = Door(kind, client_id)
            bound = doors.flows[doors.bound[door] or ""]
            login, no_seat, no_access = bound.flow.steps
            own = doors.flows[doors.own[door] or defaults[kind]]
            assert (login.requirement, login.flow) == ("REQUIRED", own.flow)
            assert [step.requirement for step in (no_seat, no_access)] == ["CONDITIONAL"] * 2
            assert no_seat.flow
            assert no_access.flow
            assert no_seat.flow.steps[-1].config == {"denyErrorMessage": admission.no_seat}
            assert no_access.flow.steps[-1].config == {"denyErrorMessage": admission.no_access}
    for provider in PROVIDERS:
        door = Door(DoorKind.BROKER, provider)
        allow, *rest = doors.flows[doors.bound[door] or ""].flow.steps
        assert allow.authenticator == "allow-access-authenticator"
        own_id = doors.own[door]
        if own_id is not None:
            assert rest.pop(0).flow == doors.flows[own_id].flow
        assert len(rest) == 2 * len(ADMISSIONS)
    for kind in REALM_DOORS:
        first, *rest = doors.flows[doors.bound[Door(kind)] or ""].flow.steps
        assert first.flow == doors.flows[doors.own[Door(kind)] or ""].flow
        assert len(rest) == 2 * len(ADMISSIONS)
    others = {door: id_ for door, id_ in doors.bound.items() if door.name == "other-app"}
    assert others == {door: doors.own[door] for door in others}


@given(histories)
def test_to_leave_gives_every_door_back_and_leaves_nothing_of_ours(history: list[Edit | GateDesign]) -> None:
    doors = Doors()
    live(doors, history)
    theirs = doors.foreign()
    doors.gate(NOTHING)

    assert doors.bound == doors.own
    assert list(doors.flows.values()) == theirs
    assert doors.own_scopes == frozenset()
    assert set(doors.client_scopes.values()) == {frozenset({"profile"})}


@given(histories, st.data())
def test_a_crash_in_the_middle_changes_nothing_of_the_end(
    history: list[Edit | GateDesign], data: st.DataObject
) -> None:
    """No door is ever without a gate that had one, and the next sync comes to the same end."""
    doors = Doors()
    live(doors, history)
    doors.gate(GateDesign("keycloak-license", ADMISSIONS))
    for edit in data.draw(st.lists(EDITS, max_size=3)):
        edit(doors)
    gated = {door for door, id_ in doors.bound.items() if id_ and is_own_flow(doors.flows[id_])}
    design = GateDesign("other-client", ADMISSIONS)
    measures = list(plan_gate(doors.read(), design))
    for measure in measures[: data.draw(st.integers(0, len(measures)))]:
        change_gate(doors, measure)
        for door in gated:
            id_ = doors.bound[door]
            assert door.name == "other-app" or (id_ and is_own_flow(doors.flows[id_]))
    doors.gate(design)
