"""An export becomes flows that can be compared by what they do, and the doors that lead through them."""

from typing import Any

import pytest

from keycloak_license.errors import UnavailableError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.gate import read_gate
from keycloak_license.model.enforcement import MARK
from keycloak_license.model.gate import Door, DoorKind, Flow, GateReading, NamedFlow, Step
from tests.unit.keycloak_api.fake import FakeServer, connect, reply


def step(requirement: str, authenticator: str | None = None, **more: object) -> dict[str, object]:
    return {"requirement": requirement, "authenticator": authenticator, **more}


def flow(alias: str, *steps: dict[str, object], **more: object) -> dict[str, object]:
    return {"id": f"id-{alias}", "alias": alias, "authenticationExecutions": steps, **more}


SCOPED = step("REQUIRED", "conditional-client-scope")


def read(server: FakeServer, *flows: dict[str, object], **more: Any) -> GateReading:
    """Read what an export with these flows tells; `clients` are as the reader has them."""
    clients = wire.CLIENTS.validate_python(more.pop("clients", []))
    can = more.pop("can", ["conditional-client-scope"])
    server.on("GET", "authentication/authenticator-providers", reply([{"id": each} for each in can]))
    server.on("POST", "partial-export", reply({"authenticationFlows": flows, **more}))
    reading = read_gate(connect(), clients)
    assert reading is not None
    return reading


def steps_of(server: FakeServer, *flows: dict[str, object], **more: Any) -> tuple[Step, ...]:
    """Return what the flow with the alias `top` does."""
    return read(server, *flows, **more).flows["id-top"].flow.steps


def test_flows_are_told_in_order_of_priority_with_those_inside_and_the_configuration(
    server: FakeServer,
) -> None:
    reading = read(
        server,
        flow(
            "top",
            step("CONDITIONAL", flowAlias="deny", priority=20),
            step("ALTERNATIVE", "auth-cookie", priority=3),
            description="Made by keycloak-license",
        ),
        flow("deny", step("REQUIRED", "conditional-user-role", authenticatorConfig="c"), providerId="other"),
        authenticatorConfig=[{"alias": "c", "config": {"negate": "true", "secret": None}}],
    )

    deny = Flow((Step("REQUIRED", "conditional-user-role", {"negate": "true"}),), "other")
    top = Flow((Step("ALTERNATIVE", "auth-cookie"), Step("CONDITIONAL", flow=deny)))
    assert reading.flows == {
        "id-top": NamedFlow("id-top", "top", top, "Made by keycloak-license"),
        "id-deny": NamedFlow("id-deny", "deny", deny, is_inside=True),
    }


@pytest.mark.parametrize("is_turned", [False, True])
def test_steps_of_the_same_priority_are_told_in_the_same_order_however_they_are_listed(
    server: FakeServer, is_turned: bool
) -> None:
    listed = [
        step("REQUIRED", "conditional-user-role", authenticatorConfig="one"),
        step("REQUIRED", "conditional-user-role", authenticatorConfig="two"),
        step("REQUIRED", flowAlias="inside"),
        step("REQUIRED", "deny-access", priority=-1),
        step("ALTERNATIVE", "auth-cookie"),
    ]
    configs = [{"alias": alias, "config": {"role": alias}} for alias in ("one", "two")]
    inside = flow("inside", step("REQUIRED", "allow-access"))

    assert steps_of(
        server, flow("top", *reversed(listed) if is_turned else listed), inside, authenticatorConfig=configs
    ) == (
        Step("REQUIRED", "deny-access"),
        Step("ALTERNATIVE", "auth-cookie"),
        Step("REQUIRED", "conditional-user-role", {"role": "one"}),
        Step("REQUIRED", "conditional-user-role", {"role": "two"}),
        Step("REQUIRED", flow=Flow((Step("REQUIRED", "allow-access"),))),
    )


def test_two_flows_that_do_the_same_are_equal_whatever_their_parts_are_called(server: FakeServer) -> None:
    flows = read(
        server,
        flow("one", step("REQUIRED", flowAlias="one inside", priority=4)),
        flow("one inside", step("REQUIRED", "x", authenticatorConfig="a")),
        flow("two", step("REQUIRED", flowAlias="two inside", priority=70)),
        flow("two inside", step("REQUIRED", "x", authenticatorConfig="b")),
        authenticatorConfig=[{"alias": "a", "config": {"k": "v"}}, {"alias": "b", "config": {"k": "v"}}],
    ).flows

    assert flows["id-one"].flow == flows["id-two"].flow
    assert flows["id-one"].flow != flows["id-one inside"].flow


@pytest.mark.parametrize("held", ["top", "around"])
def test_flows_that_hold_each_other_or_themselves_come_to_an_end(server: FakeServer, held: str) -> None:
    around = flow("around", step("REQUIRED", flowAlias=held))

    assert steps_of(server, flow("top", step("REQUIRED", flowAlias="around")), around) == (
        Step("REQUIRED", flow=Flow((Step("REQUIRED"),))),
    )


def test_a_step_that_names_what_the_export_lacks_is_told_without_it(server: FakeServer) -> None:
    lacking = step("REQUIRED", "x", authenticatorConfig="gone", flowAlias="gone")

    assert steps_of(server, flow("top", lacking)) == (Step("REQUIRED", "x"),)


def test_the_doors_of_clients_are_told_with_protocol_and_scopes(server: FakeServer) -> None:
    overrides = {"browser": "id-top", "direct_grant": ""}
    reading = read(
        server,
        clients=[
            {
                "id": "1",
                "clientId": "wfm",
                "authenticationFlowBindingOverrides": overrides,
                "defaultClientScopes": ["email", "license-wfm"],
            },
            {"id": "2", "clientId": "qm", "protocol": "saml"},
        ],
    )

    assert reading.bound == {
        Door(DoorKind.BROWSER, "wfm"): "id-top",
        Door(DoorKind.DIRECT_GRANT, "wfm"): None,
        Door(DoorKind.BROWSER, "qm"): None,
        Door(DoorKind.DIRECT_GRANT, "qm"): None,
    }
    assert reading.protocols == {"wfm": "openid-connect", "qm": "saml"}
    assert reading.client_scopes == {"wfm": {"email", "license-wfm"}, "qm": frozenset()}


def test_the_doors_of_identity_providers_are_told(server: FakeServer) -> None:
    bound = read(
        server,
        flow("after"),
        identityProviders=[
            {"alias": "corp", "postBrokerLoginFlowAlias": "after"},
            {"alias": "open"},
            {"alias": "lost", "postBrokerLoginFlowAlias": "gone"},
        ],
    ).bound

    assert bound == {
        Door(DoorKind.BROKER, "corp"): "id-after",
        Door(DoorKind.BROKER, "open"): None,
        Door(DoorKind.BROKER, "lost"): None,
    }


def test_the_doors_of_the_realm_and_its_own_flows_are_told_by_id(server: FakeServer) -> None:
    aliases = ("b", "d", "r", "n")
    reading = read(
        server,
        *map(flow, aliases),
        browserFlow="b",
        directGrantFlow="d",
        resetCredentialsFlow="r",
        registrationFlow="n",
    )

    assert reading.defaults == {DoorKind.BROWSER: "id-b", DoorKind.DIRECT_GRANT: "id-d"}
    assert reading.bound == {
        Door(DoorKind.RESET_CREDENTIALS): "id-r",
        Door(DoorKind.REGISTRATION): "id-n",
    }


def test_what_the_realm_does_not_name_is_no_door(server: FakeServer) -> None:
    reading = read(server, flow("b"), browserFlow="gone", resetCredentialsFlow="gone")

    assert reading.defaults == {}
    assert reading.bound == {}


def test_scopes_of_ours_are_known_by_their_mark_and_not_by_their_name(server: FakeServer) -> None:
    scopes = [
        {"id": "1", "name": "license-wfm", "attributes": {"consent": "no"}},
        {"id": "2", "name": "anything", "attributes": {MARK: "true"}},
        {"id": "3", "name": "plain"},
    ]

    assert read(server, clientScopes=scopes).own_scopes == {"anything"}


def test_one_request_for_nothing_else_tells_everything(server: FakeServer) -> None:
    read(server, flow("top", SCOPED))

    [ask] = server.asks
    assert ask.query == {"exportGroupsAndRoles": "false", "exportClients": "false"}


@pytest.mark.parametrize(
    ("can", "steps", "told", "asked"),
    [
        (["conditional-client-scope", "auth-cookie"], [], True, 1),
        (["auth-cookie"], [], False, 1),
        ([], [SCOPED], True, 0),
    ],
    ids=["it has it", "it lacks it", "a flow has it"],
)
def test_it_is_read_whether_clients_can_be_told_apart(
    server: FakeServer, can: list[str], steps: list[dict[str, object]], told: bool, asked: int
) -> None:
    assert read(server, flow("top", *steps), can=can).can_tell_clients is told
    assert len(server.asked("authentication/authenticator-providers")) == asked


def test_without_the_right_there_is_no_reading(server: FakeServer) -> None:
    server.on("POST", "partial-export", reply({}, 403))

    assert read_gate(connect(), []) is None


@pytest.mark.parametrize("answer", [reply({}, 500), reply({"realm": "acme"})])
def test_an_export_that_is_none_is_an_error_and_never_a_realm_without_flows(
    server: FakeServer, answer: Any
) -> None:
    server.on("POST", "partial-export", answer)

    with pytest.raises(UnavailableError):
        read_gate(connect(), [])
