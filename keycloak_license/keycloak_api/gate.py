"""Reads the authentication flows of a realm and what is bound to them.

In: a client, and the realm's clients as the reader has them; out: a `GateReading`. Called by `reader`. A
partial export of nothing tells all flows with their configuration, the identity providers and the client
scopes in one request.
"""

from collections.abc import Iterator, Mapping, Sequence

from keycloak_license.errors import MissingRightError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.model.enforcement import MARK
from keycloak_license.model.gate import (
    CLIENT_DOORS,
    SCOPE_CONDITION,
    Door,
    DoorKind,
    Flow,
    GateReading,
    NamedFlow,
    Step,
)


def read_gate(client: KeycloakClient, clients: Sequence[wire.ClientRepresentation]) -> GateReading | None:
    """Return the doors of a realm; None without manage-realm, which a dry run may lack."""
    try:
        export = client.post(
            "partial-export", None, wire.FLOWS, exportGroupsAndRoles="false", exportClients="false"
        )
    except MissingRightError:
        return None
    ids = {flow.alias: flow.id for flow in export.authentication_flows}
    defaults = {DoorKind.BROWSER: export.browser_flow, DoorKind.DIRECT_GRANT: export.direct_grant_flow}
    return GateReading(
        flows=_read_flows(export),
        defaults={kind: ids[alias] for kind, alias in defaults.items() if alias in ids},
        bound=dict(_read_doors(export, clients, ids)),
        protocols={each.client_id: each.protocol or "openid-connect" for each in clients},
        client_scopes={each.client_id: frozenset(each.default_client_scopes) for each in clients},
        own_scopes=frozenset(scope.name for scope in export.client_scopes if MARK in scope.attributes),
        can_tell_clients=_has_scope_condition(client, export),
    )


def _has_scope_condition(client: KeycloakClient, export: wire.FlowsExport) -> bool:
    """Whether Keycloak has it: some flow does, as a rule one of ours; else it is asked."""
    executions = (each for flow in export.authentication_flows for each in flow.authentication_executions)
    return any(each.authenticator == SCOPE_CONDITION for each in executions) or any(
        each.id == SCOPE_CONDITION
        for each in client.get("authentication/authenticator-providers", wire.AUTHENTICATORS)
    )


def _read_doors(
    export: wire.FlowsExport, clients: Sequence[wire.ClientRepresentation], ids: Mapping[str, str]
) -> Iterator[tuple[Door, str | None]]:
    for each in clients:
        for kind in CLIENT_DOORS:
            yield Door(kind, each.client_id), each.authentication_flow_binding_overrides.get(kind) or None
    realm = {
        DoorKind.RESET_CREDENTIALS: export.reset_credentials_flow,
        DoorKind.REGISTRATION: export.registration_flow,
    }
    yield from ((Door(kind), ids[alias]) for kind, alias in realm.items() if alias and alias in ids)
    for provider in export.identity_providers:
        flow_alias = provider.post_broker_login_flow_alias
        yield Door(DoorKind.BROKER, provider.alias), ids.get(flow_alias or "")


def _read_flows(export: wire.FlowsExport) -> dict[str, NamedFlow]:
    by_alias = {flow.alias: flow for flow in export.authentication_flows}
    configs = {each.alias: _given(each.config) for each in export.authenticator_config}
    inside = {
        step.flow_alias for flow in export.authentication_flows for step in flow.authentication_executions
    }

    def build(flow: wire.FlowRepresentation, above: frozenset[str]) -> Flow:
        steps: list[tuple[int, str, Step]] = []
        for each in flow.authentication_executions:
            name = each.flow_alias or ""
            inner = build(by_alias[name], above | {name}) if name in by_alias.keys() - above else None
            config = configs.get(each.authenticator_config or "", {})
            step = Step(each.requirement, each.authenticator, config, inner)
            # Which of two with the same priority comes first, the database decides, and anew for a copy.
            steps.append((each.priority, repr(step), step))
        return Flow(tuple(step for _, _, step in sorted(steps, key=lambda each: each[:2])), flow.provider_id)

    return {
        flow.id: NamedFlow(
            flow.id,
            flow.alias,
            build(flow, frozenset({flow.alias})),
            flow.description or "",
            is_inside=flow.alias in inside,
        )
        for flow in export.authentication_flows
    }


def _given(config: Mapping[str, str | None]) -> dict[str, str]:
    # In one order, for what is written of a step decides its place among equals.
    return {name: value for name, value in sorted(config.items()) if value is not None}
