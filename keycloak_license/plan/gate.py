"""What the doors of the applications have to be like, and what must be done for it.

In: the flows and bindings of a realm, and the clients to be gated; out: measures. Called by
`plan.enforcement`. A gate is a copy of the flow that was in force, followed by refusals; it is compared with
what that flow is like now, so that nothing has to be remembered but whose place it took.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import count

from keycloak_license.model.enforcement import MADE_BY_US, access_role, seat_role
from keycloak_license.model.gate import (
    CLIENT_DOORS,
    REALM_DOORS,
    SCOPE_CONDITION,
    Door,
    DoorKind,
    Flow,
    GateReading,
    NamedFlow,
    Step,
)
from keycloak_license.model.measures import (
    DoorBound,
    GateMade,
    GateMeasure,
    GateRemoved,
    ScopeAttached,
    ScopeCreated,
    ScopeDetached,
    ScopeRemoved,
    TokensRevoked,
)

_IN_PLACE_OF = re.compile(rf"{MADE_BY_US} in place of flow (\S+)")
_KIND_NAMES = {
    DoorKind.BROWSER: "license browser",
    DoorKind.DIRECT_GRANT: "license direct grant",
    DoorKind.BROKER: "license broker",
    DoorKind.RESET_CREDENTIALS: "license reset credentials",
    DoorKind.REGISTRATION: "license registration",
}
_BUILT_IN = {
    DoorKind.BROWSER: "browser",
    DoorKind.DIRECT_GRANT: "direct grant",
    DoorKind.RESET_CREDENTIALS: "reset credentials",
    DoorKind.REGISTRATION: "registration",
}
_COPY = "login"
_MAX_NAME = 60
"""Characters of a client id or flow alias that go into an alias of ours; Keycloak takes 255 in all."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What it takes to be let in: a seat of one of these applications, and access to it."""

    applications: tuple[str, ...]
    no_seat: str
    """What those read who have none."""
    no_access: str
    """What those read who have a seat that gives no access."""

    def scope(self, protocol: str) -> str:
        """Return the client scope that tells clients of this admission from others."""
        suffix = "" if protocol == "openid-connect" else f"~{protocol}"
        return f"license-{'.'.join(self.applications)}{suffix}"


@dataclass(frozen=True, slots=True)
class GateDesign:
    """Which clients are to be gated, and how."""

    client_id: str
    """Of our own client, which has the roles."""
    admissions: Mapping[str, Admission]
    """By client id."""


@dataclass(frozen=True, slots=True)
class _Gate:
    """One flow of ours as it should be."""

    alias: str
    flow: Flow
    own_flow: str | None
    """The id of the flow that the doors had of their own."""
    doors: tuple[Door, ...]

    @property
    def aliases(self) -> Iterator[str]:
        """Every name it may have: a gate in use is replaced by one of another name."""
        return (self.alias if number == 1 else f"{self.alias} {number}" for number in count(1))

    def is_named(self, alias: str) -> bool:
        """Whether an alias is one of these."""
        rest = alias.removeprefix(f"{self.alias} ")
        return alias == self.alias or (rest != alias and rest.isdecimal())

    @property
    def description(self) -> str:
        return f"{MADE_BY_US} in place of flow {self.own_flow}" if self.own_flow else MADE_BY_US


def plan_gate(reading: GateReading, design: GateDesign) -> Iterator[GateMeasure]:
    """Yield what must be done for the realm to have just these gates; nothing when it has.

    A gate that has to be replaced stays bound until the new one is: nobody slips in between.
    """
    gates = [(gate, _find_standing(reading, gate)) for gate in _design_gates(reading, design)]
    kept = {standing.id for _, standing in gates if standing}
    in_use = _in_use(reading)
    ours = sorted((flow for flow in reading.flows.values() if is_own_flow(flow)), key=lambda each: each.alias)
    surplus = [flow for flow in ours if not flow.is_inside and flow.id not in kept]
    yield from _plan_scopes_in(reading, design)
    yield from (GateRemoved(flow) for flow in surplus if flow.id not in in_use)
    for gate, standing in gates:
        if standing is None:
            yield GateMade(_free_alias(reading, gate), gate.flow, gate.description, gate.doors)
        else:
            doors = (door for door in gate.doors if reading.bound[door] != standing.id)
            yield from (DoorBound(door, standing) for door in doors)
    gated = {door for gate, _ in gates for door in gate.doors}
    yield from _plan_revoking(reading, gated)
    yield from _plan_giving_back(reading, gated)
    bound = set(reading.bound.values()) - set(reading.defaults.values())
    yield from (GateRemoved(flow) for flow in surplus if flow.id in bound)
    yield from _plan_scopes_out(reading, design)


def _plan_revoking(reading: GateReading, gated: set[Door]) -> Iterator[TokensRevoked]:
    """Yield the clients that people got into without a gate until now."""
    for door in sorted(gated):
        if door.kind is DoorKind.BROWSER and not _is_ours(reading, reading.bound[door]):
            yield TokensRevoked(door.name)


def _plan_giving_back(reading: GateReading, gated: set[Door]) -> Iterator[DoorBound]:
    """Yield what gives doors their own flows back that are to be gated no longer."""
    for door, flow_id in sorted(reading.bound.items()):
        if door not in gated and _is_ours(reading, flow_id):
            own_flow = find_own_flow(reading, door)
            if own_flow is None and door.kind in REALM_DOORS:
                own_flow = _default_flow(reading, door.kind)
            yield DoorBound(door, reading.flows[own_flow] if own_flow else None)


def _in_use(reading: GateReading) -> set[str]:
    """Return the ids of the flows that Keycloak would not let go."""
    return {id_ for id_ in (*reading.bound.values(), *reading.defaults.values()) if id_ is not None}


def is_own_flow(flow: NamedFlow) -> bool:
    """Whether we made a flow, or a part of one.

    It is called as ours are and says so; the copy of a login that a crash has left behind says nothing yet.
    Somebody's own copy of a gate has another name.
    """
    if not flow.alias.startswith(tuple(_KIND_NAMES.values())):
        return False
    return flow.description.startswith(MADE_BY_US) or flow.alias.endswith(f" {_COPY}")


def find_own_flow(reading: GateReading, door: Door) -> str | None:
    """Return the id of the flow that a door has of its own, whatever of ours is in its place now."""
    flow_id = reading.bound.get(door)
    seen: set[str] = set()
    while flow_id is not None and _is_ours(reading, flow_id) and flow_id not in seen:
        seen.add(flow_id)
        named = _IN_PLACE_OF.match(reading.flows[flow_id].description)
        flow_id = named[1] if named and named[1] in reading.flows else None
    return flow_id if flow_id in reading.flows and flow_id not in seen else None


def _is_ours(reading: GateReading, flow_id: str | None) -> bool:
    return flow_id is not None and flow_id in reading.flows and is_own_flow(reading.flows[flow_id])


def _design_gates(reading: GateReading, design: GateDesign) -> Iterator[_Gate]:
    for client_id, admission in sorted(design.admissions.items()):
        for kind in CLIENT_DOORS:
            door = Door(kind, client_id)
            if door in reading.bound:
                own_flow = find_own_flow(reading, door)
                login = _copy_step(reading, own_flow or _default_flow(reading, kind))
                steps = (*login, *_refusals(design.client_id, admission))
                yield _Gate(f"{_KIND_NAMES[kind]} {_short(client_id)}", Flow(steps), own_flow, (door,))
    refusals = tuple(_scoped_refusals(reading, design))
    if refusals:
        yield from _design_realm_gates(reading, refusals)
        yield from _design_broker_gates(reading, refusals)


def _design_realm_gates(reading: GateReading, refusals: tuple[Step, ...]) -> Iterator[_Gate]:
    """Yield the gates of doors that all clients share; only those of the applications are refused."""
    for kind in REALM_DOORS:
        door = Door(kind)
        own_flow = find_own_flow(reading, door) or _default_flow(reading, kind)
        if door in reading.bound and own_flow is not None:
            flow = Flow((*_copy_step(reading, own_flow), *refusals))
            yield _Gate(_KIND_NAMES[kind], flow, own_flow, (door,))


def _design_broker_gates(reading: GateReading, refusals: tuple[Step, ...]) -> Iterator[_Gate]:
    """Yield one gate for all identity providers that have the same steps of their own, or none."""
    doors: dict[str | None, list[Door]] = {}
    for door in sorted(reading.bound):
        if door.kind is DoorKind.BROKER:
            doors.setdefault(find_own_flow(reading, door), []).append(door)
    allow = Step("REQUIRED", "allow-access-authenticator")
    for own_flow, members in doors.items():
        alias = _KIND_NAMES[DoorKind.BROKER]
        if own_flow is not None:
            alias = f"{alias} after {_short(reading.flows[own_flow].alias)}"
        steps = (allow, *_copy_step(reading, own_flow), *refusals)
        yield _Gate(alias, Flow(steps), own_flow, tuple(members))


def _default_flow(reading: GateReading, kind: DoorKind) -> str | None:
    """Return the realm's flow, or Keycloak's own where the realm's is one of ours."""
    flow_id = reading.defaults.get(kind)
    if flow_id is not None and not _is_ours(reading, flow_id):
        return flow_id
    return next((flow.id for flow in reading.flows.values() if flow.alias == _BUILT_IN[kind]), None)


def _copy_step(reading: GateReading, flow_id: str | None) -> tuple[Step, ...]:
    """Return the steps of a flow as one step.

    They must be nested: where a required step stands beside them, Keycloak ignores alternatives.
    """
    if flow_id is None:
        return ()
    source = reading.flows[flow_id]
    return (Step("REQUIRED", flow=replace(source.flow, name=_COPY, copy_of=source.alias)),)


def _refusals(client_id: str, admission: Admission, scope: str | None = None) -> Iterator[Step]:
    where = f" {scope}" if scope else ""
    only = (Step("REQUIRED", SCOPE_CONDITION, {"client_scope": scope}),) if scope else ()
    access = [access_role(each) for each in admission.applications]
    seats = [seat_role(each) for each in admission.applications]
    for name, roles, text in (
        ("no seat", (*seats, *access), admission.no_seat),
        ("no access", access, admission.no_access),
    ):
        lacks = tuple(_lacks(f"{client_id}.{role}") for role in roles)
        deny = Step("REQUIRED", "deny-access-authenticator", {"denyErrorMessage": text})
        yield Step("CONDITIONAL", flow=Flow((*only, *lacks, deny), name=f"{name}{where}"))


def _scoped_refusals(reading: GateReading, design: GateDesign) -> Iterator[Step]:
    """Yield the refusals of every application, each for logins to its own clients only."""
    for scope, (_, admission) in sorted(_scopes(reading, design).items()):
        yield from _refusals(design.client_id, admission, scope)


def _lacks(role: str) -> Step:
    return Step("REQUIRED", "conditional-user-role", {"condUserRole": role, "negate": "true"})


def _find_standing(reading: GateReading, gate: _Gate) -> NamedFlow | None:
    """Return the flow that is this gate already; one that is in use before one that is not."""
    fits = [
        flow
        for flow in reading.flows.values()
        if not flow.is_inside
        and gate.is_named(flow.alias)
        and flow.description == gate.description
        and flow.flow == gate.flow
    ]
    in_use = {reading.bound[door] for door in gate.doors}
    return min(fits, key=lambda flow: (flow.id not in in_use, flow.alias), default=None)


def _free_alias(reading: GateReading, gate: _Gate) -> str:
    """Return a name that is free, or is so as soon as what nobody needs is removed."""
    in_use = _in_use(reading)
    taken = {
        flow.alias
        for flow in reading.flows.values()
        if flow.is_inside or flow.id in in_use or not is_own_flow(flow)
    }
    return next(alias for alias in gate.aliases if alias not in taken)


def _scopes(reading: GateReading, design: GateDesign) -> dict[str, tuple[str, Admission]]:
    """Return the client scopes that the gates of shared doors need, with their protocol and admission.

    None where Keycloak could not tell clients by them: a gate there would refuse other applications' users.
    """
    scopes: dict[str, tuple[str, Admission]] = {}
    for client_id, admission in design.admissions.items():
        protocol = reading.protocols.get(client_id)
        if protocol is not None and reading.can_tell_clients:
            scopes[admission.scope(protocol)] = (protocol, admission)
    return scopes


def _scope_of(reading: GateReading, design: GateDesign, client_id: str) -> str | None:
    admission, protocol = design.admissions.get(client_id), reading.protocols.get(client_id)
    return admission.scope(protocol) if admission and protocol and reading.can_tell_clients else None


def _plan_scopes_in(reading: GateReading, design: GateDesign) -> Iterator[GateMeasure]:
    for scope, (protocol, _) in sorted(_scopes(reading, design).items()):
        if scope not in reading.own_scopes:
            yield ScopeCreated(scope, protocol)
    for client_id in sorted(design.admissions):
        wanted = _scope_of(reading, design, client_id)
        if wanted is not None and wanted not in reading.client_scopes.get(client_id, frozenset()):
            yield ScopeAttached(wanted, client_id)


def _plan_scopes_out(reading: GateReading, design: GateDesign) -> Iterator[GateMeasure]:
    wanted = _scopes(reading, design).keys()
    for client_id, scopes in sorted(reading.client_scopes.items()):
        own = _scope_of(reading, design, client_id)
        for scope in sorted(scopes & reading.own_scopes & wanted - {own}):
            yield ScopeDetached(scope, client_id)
    for scope in sorted(reading.own_scopes - wanted):
        yield ScopeRemoved(scope)


def _short(name: str) -> str:
    """Return a name that can stand in an alias, still different from every other.

    Keycloak allows few signs there; ``~`` and ``.`` are among them, brackets, slashes and colons are not.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:_MAX_NAME]
    return name if plain == name else f"{plain} {sha256(name.encode()).hexdigest()[:8]}"
