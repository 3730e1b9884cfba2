"""A gate is made part by part before any door leads through it; scopes of ours come and go."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from keycloak_license.errors import (
    LeaseLostError,
    NotThereError,
    RejectedRequestError,
    UnexpectedAnswerError,
    UnreachableError,
)
from keycloak_license.keycloak_api.enforcement import Enforcer, OwnThings
from keycloak_license.model.enforcement import MADE_BY_US, MARK
from keycloak_license.model.gate import Door, DoorKind, Flow, NamedFlow, Step
from keycloak_license.model.measures import (
    DoorBound,
    GateMade,
    GateRemoved,
    Measure,
    ScopeAttached,
    ScopeCreated,
    ScopeDetached,
    ScopeRemoved,
)
from keycloak_license.model.progress import no_progress
from tests.fakes import unfenced
from tests.unit.keycloak_api.fake import Answer, Ask, FakeServer, Reply, connect, cut_while_reading, reply

KNOWN = OwnThings("keycloak-license", {"wfm": "id-wfm"})
FLOWS = "authentication/flows"
STEPS = "authentication/executions"
COPY = f"{FLOWS}/browser%2Fold/copy"
COPIED = "gate wfm login"
CORP = "identity-provider/instances/corp%2Fa"
BROWSER = Door(DoorKind.BROWSER, "wfm")
BROKER = Door(DoorKind.BROKER, "corp/a")
RESET = Door(DoorKind.RESET_CREDENTIALS)
FLOW = NamedFlow("f-7", "gate wfm", Flow(()))
GONE = reply({"error": "Not found"}, 404)
TAKEN = reply(status=204)

DENY = Step("REQUIRED", "deny-access-authenticator", {"denyErrorMessage": "no seat"})
LACKS = Step("REQUIRED", "conditional-user-role", {"condUserRole": "access-WFM", "negate": "true"})
GATE = Flow(
    (
        Step("REQUIRED", flow=Flow((), "basic-flow", name="login", copy_of="browser/old")),
        Step("CONDITIONAL", flow=Flow((LACKS, DENY), name="deny")),
        Step("REQUIRED", "allow-access-authenticator"),
    )
)


def made(kind: str) -> Answer:
    """Answer that something was made: `flow-1`, `flow-2` and so on."""
    numbers = count(1)

    def answer(ask: Ask) -> Reply:
        return reply(status=201, Location=f"https://kc.example/admin/{ask.path}/{kind}-{next(numbers)}")

    return answer


@pytest.fixture
def realm(server: FakeServer) -> FakeServer:
    """A realm that makes what it is asked for."""
    server.otherwise = TAKEN
    server.on("POST", FLOWS, made("flow"))
    server.on("POST", STEPS, made("step"))
    server.on("POST", COPY, reply(status=201))
    server.on("GET", FLOWS, reply([{"id": "f-0", "alias": "browser"}, {"id": "copy-1", "alias": COPIED}]))
    server.on("GET", "clients/id-wfm", reply({"id": "id-wfm", "serviceAccountsEnabled": True}))
    for number in range(1, 9):
        server.on("POST", f"{STEPS}/step-{number}/config", made("config"))
    server.on("GET", CORP, reply({"alias": "corp/a", "config": {"clientSecret": "**********"}, "own": 7}))
    return server


def carry_out(*measures: Measure, before_write: Callable[[], None] = unfenced) -> None:
    assert Enforcer(connect(), KNOWN, no_progress, before_write).carry_out(measures) == ()


def make_gate(*doors: Door, flow: Flow = GATE, **more: Any) -> None:
    carry_out(GateMade("gate wfm", flow, f"{MADE_BY_US}: 7", doors), **more)


def sent(server: FakeServer, method: str, path: str) -> list[Any]:
    return [ask.body for ask in server.asked(path, method)]


def test_the_parts_of_a_gate_are_made_in_order_and_the_doors_bound_last(realm: FakeServer) -> None:
    make_gate(BROWSER, BROKER, RESET)

    assert realm.writes() == [
        f"POST {FLOWS}",
        *(f"POST {COPY}", f"POST {STEPS}", f"PUT {FLOWS}/copy-1"),
        *(f"POST {FLOWS}", f"POST {STEPS}"),
        *(f"POST {STEPS}", f"POST {STEPS}/step-3/config", f"POST {STEPS}", f"POST {STEPS}/step-4/config"),
        f"POST {STEPS}",
        *("PUT clients/id-wfm", f"PUT {CORP}", "PUT "),
    ]


def test_a_gate_can_be_bound_and_what_is_inside_of_it_cannot(realm: FakeServer) -> None:
    make_gate()

    kind = {"providerId": "basic-flow", "builtIn": False}
    assert sent(realm, "POST", FLOWS) == [
        {"alias": "gate wfm", "topLevel": True, "description": f"{MADE_BY_US}: 7", **kind},
        {"alias": "gate wfm deny", "topLevel": False, "description": MADE_BY_US, **kind},
    ]


def test_keycloak_copies_the_flow_that_was_in_force_and_the_copy_is_hidden(realm: FakeServer) -> None:
    make_gate()

    hidden = {"alias": "gate wfm login", "providerId": "basic-flow", "topLevel": False, "builtIn": False}
    assert sent(realm, "POST", COPY) == [{"newName": "gate wfm login"}]
    assert sent(realm, "PUT", f"{FLOWS}/copy-1") == [hidden]


def test_a_copy_that_keycloak_does_not_show_is_an_error_and_no_gate(realm: FakeServer) -> None:
    realm.on("GET", FLOWS, reply([{"id": "f-0", "alias": "browser"}]))

    with pytest.raises(UnexpectedAnswerError, match=f"does not show the flow {COPIED} of realm acme"):
        make_gate(BROWSER)
    assert "PUT clients/id-wfm" not in realm.writes()


def test_every_step_stands_in_its_flow_and_in_its_place(realm: FakeServer) -> None:
    make_gate()

    def inside(flow_id: str) -> dict[str, object]:
        return {"flowId": flow_id, "authenticatorFlow": True}

    top, deny = {"parentFlow": "flow-1"}, {"parentFlow": "flow-2", "requirement": "REQUIRED"}
    assert sent(realm, "POST", STEPS) == [
        top | {"requirement": "REQUIRED", "priority": 0} | inside("copy-1"),
        top | {"requirement": "CONDITIONAL", "priority": 10} | inside("flow-2"),
        deny | {"priority": 0, "authenticator": LACKS.authenticator},
        deny | {"priority": 10, "authenticator": DENY.authenticator},
        top | {"requirement": "REQUIRED", "priority": 20, "authenticator": "allow-access-authenticator"},
    ]


def test_conditions_get_their_configuration_each_under_a_name_of_its_own(realm: FakeServer) -> None:
    make_gate()

    [lacks], [deny] = (sent(realm, "POST", f"{STEPS}/step-{number}/config") for number in (3, 4))
    assert (lacks["config"], deny["config"]) == (LACKS.config, DENY.config)
    assert lacks["alias"] != deny["alias"]


def test_a_flow_inside_a_flow_inside_is_made_as_deep(realm: FakeServer) -> None:
    inmost = Flow((Step("REQUIRED", "x"),), "form-flow", name="form")
    make_gate(flow=Flow((Step("REQUIRED", flow=Flow((Step("ALTERNATIVE", flow=inmost),), name="a")),)))

    flows, steps = sent(realm, "POST", FLOWS), sent(realm, "POST", STEPS)
    assert [flow["alias"] for flow in flows] == ["gate wfm", "gate wfm a", "gate wfm a form"]
    assert [flow["providerId"] for flow in flows] == ["basic-flow", "basic-flow", "form-flow"]
    assert [step["parentFlow"] for step in steps] == ["flow-1", "flow-2", "flow-3"]


@pytest.mark.parametrize("path", [FLOWS, STEPS, COPY, f"{STEPS}/step-3/config", f"{FLOWS}/copy-1"])
def test_no_door_leads_through_a_gate_that_could_not_be_made_whole(realm: FakeServer, path: str) -> None:
    realm.on("PUT" if path.endswith("copy-1") else "POST", path, reply({}, 400))

    with pytest.raises(RejectedRequestError):
        make_gate(BROWSER, BROKER, RESET)
    assert not {"PUT clients/id-wfm", f"PUT {CORP}", "PUT "} & set(realm.writes())


@pytest.mark.parametrize("calls", range(9))
def test_who_was_overtaken_goes_on_with_no_part_and_no_door(realm: FakeServer, calls: int) -> None:
    # Before the gate, before each of its five steps, and before each of the three doors.
    writes = [0, 1, 4, 6, 8, 10, 11, 12, 13]
    asked = count()

    def was_overtaken() -> None:
        if next(asked) == calls:
            raise LeaseLostError("Another process took over realm acme")

    with pytest.raises(LeaseLostError):
        make_gate(BROWSER, BROKER, RESET, before_write=was_overtaken)
    assert len(realm.writes()) == writes[calls]


@pytest.mark.parametrize("kind", [DoorKind.BROWSER, DoorKind.DIRECT_GRANT])
def test_the_door_of_a_client_is_bound_by_the_id_of_the_flow(realm: FakeServer, kind: DoorKind) -> None:
    make_gate(Door(kind, "wfm"))
    carry_out(DoorBound(Door(kind, "wfm"), FLOW), DoorBound(Door(kind, "wfm"), None))

    bindings = [
        {"serviceAccountsEnabled": True, "authenticationFlowBindingOverrides": {kind.value: to}}
        for to in ("flow-1", "f-7", "")
    ]
    assert sent(realm, "PUT", "clients/id-wfm") == bindings


def test_the_door_of_an_identity_provider_is_bound_with_all_else_as_it_was(realm: FakeServer) -> None:
    make_gate(BROKER)
    carry_out(DoorBound(BROKER, FLOW), DoorBound(BROKER, None))

    whole = {"alias": "corp/a", "config": {"clientSecret": "**********"}, "own": 7}
    assert sent(realm, "PUT", CORP) == [
        whole | {"postBrokerLoginFlowAlias": alias} for alias in ("gate wfm", "gate wfm", "")
    ]


@pytest.mark.parametrize(
    ("kind", "key"),
    [(DoorKind.RESET_CREDENTIALS, "resetCredentialsFlow"), (DoorKind.REGISTRATION, "registrationFlow")],
)
def test_a_door_of_the_realm_is_bound_by_name_and_never_to_nothing(
    realm: FakeServer, kind: DoorKind, key: str
) -> None:
    carry_out(DoorBound(Door(kind), FLOW), DoorBound(Door(kind), None))

    assert sent(realm, "PUT", "") == [{key: "gate wfm"}]


def test_the_door_of_a_client_that_the_realm_does_not_have_is_left_out(realm: FakeServer) -> None:
    realm.on("GET", "clients", reply([]))
    carry_out(DoorBound(Door(DoorKind.BROWSER, "new"), FLOW))

    assert realm.writes() == []


@pytest.mark.parametrize("answer", [TAKEN, GONE])
def test_a_gate_is_taken_away_unless_it_is_gone_already(realm: FakeServer, answer: Answer) -> None:
    realm.on("DELETE", f"{FLOWS}/f-7", answer)
    carry_out(GateRemoved(FLOW))

    assert realm.writes() == [f"DELETE {FLOWS}/f-7"]


def test_a_gate_that_something_still_leads_through_stays_with_an_error(realm: FakeServer) -> None:
    realm.on("DELETE", f"{FLOWS}/f-7", reply({}, 400))

    with pytest.raises(RejectedRequestError) as caught:
        carry_out(GateRemoved(FLOW))
    assert not isinstance(caught.value, NotThereError)


@pytest.mark.parametrize("status", [201, 409])
def test_a_scope_is_made_with_our_mark_unless_it_is_there_already(realm: FakeServer, status: int) -> None:
    realm.on("POST", "client-scopes", reply(status=status))
    carry_out(ScopeCreated("license-wfm", "saml"))

    [body] = sent(realm, "POST", "client-scopes")
    assert (body["name"], body["protocol"], body["attributes"][MARK]) == ("license-wfm", "saml", "true")


@pytest.mark.parametrize(
    ("measure", "writes"),
    [
        (ScopeRemoved("license-wfm"), ["DELETE client-scopes/s-1"]),
        (ScopeDetached("license-wfm", "wfm"), ["DELETE clients/id-wfm/default-client-scopes/s-1"]),
        (
            ScopeAttached("license-wfm", "wfm"),
            [
                "DELETE clients/id-wfm/optional-client-scopes/s-1",
                "PUT clients/id-wfm/default-client-scopes/s-1",
            ],
        ),
    ],
    ids=["removed", "detached", "attached"],
)
def test_a_scope_is_found_by_its_name_and_left_alone_where_it_is_not(
    realm: FakeServer, measure: Measure, writes: list[str]
) -> None:
    scopes = [{"id": "s-0", "name": "email"}, {"id": "s-1", "name": "license-wfm"}]
    realm.on("GET", "client-scopes", reply(scopes), reply(scopes[:1]))
    realm.on("DELETE", "clients/id-wfm/optional-client-scopes/s-1", GONE)
    carry_out(measure)
    carry_out(measure)

    assert realm.writes() == writes


def test_a_step_is_never_made_twice_for_an_answer_that_was_lost(realm: FakeServer) -> None:
    realm.on("POST", STEPS, cut_while_reading(), made("step"))
    with pytest.raises(UnreachableError):
        make_gate(flow=Flow((Step("REQUIRED", "deny-access-authenticator"),)))

    assert len(realm.asked(STEPS, "POST")) == 1
