"""Makes authentication flows, and binds them.

In: flows as they should be, and doors; out: the realm has them. Called by `enforcement`. What is a copy is
copied by Keycloak itself, because secrets in a configuration are shown to nobody.
"""

from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote

from keycloak_license.errors import NotThereError, UnexpectedAnswerError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.clients import change_client
from keycloak_license.model.enforcement import MADE_BY_US
from keycloak_license.model.gate import Door, DoorKind, Flow, Step
from keycloak_license.model.measures import GateMade

FLOWS = "authentication/flows"
PRIORITY_STEP = 10


def make_gate(client: KeycloakClient, gate: GateMade, before_write: Callable[[], None]) -> str:
    """Make a gate and return its id.

    What a crash leaves behind is bound nowhere, and goes at the next sync.
    """
    flow_id = _make_flow(client, gate.alias, gate.flow, is_top=True, description=gate.description)
    _add_steps(client, flow_id, gate.alias, gate.flow, before_write)
    return flow_id


def remove_flow(client: KeycloakClient, flow_id: str) -> None:
    """Take a flow away, with everything inside of it."""
    with suppress(NotThereError):
        client.delete(f"{FLOWS}/{flow_id}")


def bind_client(client: KeycloakClient, client_uuid: str, door: Door, flow_id: str | None) -> None:
    """Let a door of a client lead through a flow, or through the realm's own.

    Nothing happens to one that is gone meanwhile.
    """
    with suppress(NotThereError):
        change_client(client, client_uuid, {"authenticationFlowBindingOverrides": {door.kind: flow_id or ""}})


def bind_provider(client: KeycloakClient, alias: str, flow_alias: str | None) -> None:
    """Let an identity provider go on with a flow after each login; its masked secrets stay as they are.

    Nothing happens to one that is gone meanwhile.
    """
    path = f"identity-provider/instances/{quote(alias, safe='')}"
    with suppress(NotThereError):
        client.put(path, client.get(path, wire.OBJECT) | {"postBrokerLoginFlowAlias": flow_alias or ""})


def bind_realm(client: KeycloakClient, door: Door, flow_alias: str) -> None:
    """Let a door of the whole realm lead through a flow."""
    key = {DoorKind.RESET_CREDENTIALS: "resetCredentialsFlow", DoorKind.REGISTRATION: "registrationFlow"}
    client.put("", {key[door.kind]: flow_alias})


def _add_steps(
    client: KeycloakClient, parent_id: str, alias: str, flow: Flow, before_write: Callable[[], None]
) -> None:
    for place, step in enumerate(flow.steps):
        before_write()
        execution: dict[str, object] = {
            "parentFlow": parent_id,
            "requirement": step.requirement,
            "priority": place * PRIORITY_STEP,
        }
        if step.flow is None:
            _add_authenticator(client, execution, step, f"{alias} {place}")
        elif step.flow.copy_of is not None:
            _add_copy(client, execution, step.flow, f"{alias} {step.flow.name}")
        else:
            inner_alias = f"{alias} {step.flow.name}"
            inner_id = _make_flow(client, inner_alias, step.flow, description=MADE_BY_US)
            client.make("authentication/executions", execution | _inside(inner_id))
            _add_steps(client, inner_id, inner_alias, step.flow, before_write)


def _add_authenticator(client: KeycloakClient, execution: dict[str, object], step: Step, alias: str) -> None:
    id_ = client.make("authentication/executions", execution | {"authenticator": step.authenticator})
    if step.config:
        client.make(f"authentication/executions/{id_}/config", {"alias": alias, "config": dict(step.config)})


def _add_copy(client: KeycloakClient, execution: dict[str, object], flow: Flow, alias: str) -> None:
    """Copy a flow, hang it in, and hide it where flows to bind are listed."""
    client.create(f"{FLOWS}/{quote(flow.copy_of or '', safe='')}/copy", {"newName": alias})
    copy_id = _find_flow(client, alias)
    client.make("authentication/executions", execution | _inside(copy_id))
    hidden = {"alias": alias, "providerId": flow.provider, "topLevel": False, "builtIn": False}
    client.put(f"{FLOWS}/{copy_id}", hidden)


def _find_flow(client: KeycloakClient, alias: str) -> str:
    """Return the id of a copy, which not every version tells when it is made (26.0.8 does not)."""
    for flow in client.get(FLOWS, wire.TOP_FLOWS):
        if flow.alias == alias:
            return flow.id
    raise UnexpectedAnswerError(
        f"Keycloak does not show the flow {alias} of realm {client.realm} that it copied"
    )


def _inside(flow_id: str) -> dict[str, object]:
    return {"flowId": flow_id, "authenticatorFlow": True}


def _make_flow(
    client: KeycloakClient, alias: str, flow: Flow, *, is_top: bool = False, description: str
) -> str:
    body = {"alias": alias, "providerId": flow.provider, "topLevel": is_top, "builtIn": False}
    return client.make(FLOWS, body | {"description": description})
