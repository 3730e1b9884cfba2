"""What enforcement does to a realm, in memory.

`SimulatedGate` is the part of a realm that only enforcement looks at: flows, doors and client scopes.
`carry_out` does to a `SimulatedRealm` what `keycloak_api.enforcement` does to a real one.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, assert_never

from keycloak_license.model.enforcement import DISABLED_ROLE, OWN_CLIENT, access_role, seat_role
from keycloak_license.model.gate import CLIENT_DOORS, Door, DoorKind, Flow, GateReading, NamedFlow, Step
from keycloak_license.model.measures import (
    AccessClosed,
    AccessOpened,
    AccountChange,
    DoorBound,
    GateMade,
    GateMeasure,
    GateRemoved,
    LeakClosed,
    Measure,
    RealmMeasure,
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
from keycloak_license.model.realm import Group
from keycloak_license.services.ports import BeforeWrite

if TYPE_CHECKING:
    from tests.fakes import SimulatedRealm

BROWSER = Flow(
    (
        Step("ALTERNATIVE", "auth-cookie"),
        Step("ALTERNATIVE", flow=Flow((Step("REQUIRED", "auth-username-password-form"),))),
    )
)
RESET = Flow((Step("REQUIRED", "reset-credential-email"), Step("REQUIRED", "reset-password")))
REGISTRATION = Flow((Step("REQUIRED", flow=Flow((Step("REQUIRED", "user-creation"),), "form-flow")),))
DIRECT_GRANT = Flow((Step("REQUIRED", "direct-grant-validate-username"),))


FORBIDDEN = frozenset("#()[];/:&@+\\")
"""Some of what Keycloak does not allow in an alias."""


@dataclass
class SimulatedGate:
    """Flows and what is bound to them; the admin's side is to change the fields."""

    flows: dict[str, NamedFlow] = field(default_factory=dict)
    bound: dict[Door, str | None] = field(default_factory=dict)
    protocols: dict[str, str] = field(default_factory=dict)
    client_scopes: dict[str, frozenset[str]] = field(default_factory=dict)
    own_scopes: frozenset[str] = frozenset()
    can_tell_clients: bool = True
    cut_off: list[str] = field(default_factory=list)
    """Clients whose tokens were made worthless, in order."""
    ended: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Users whose sessions ended, and in which clients; in none means in all."""

    numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        if not self.flows:
            self.add_flow("browser", BROWSER)
            self.add_flow("direct grant", DIRECT_GRANT)
            self.bound[Door(DoorKind.RESET_CREDENTIALS)] = self.add_flow("reset credentials", RESET)
            self.bound[Door(DoorKind.REGISTRATION)] = self.add_flow("registration", REGISTRATION)

    def add_flow(self, alias: str, flow: Flow, description: str = "") -> str:
        id_ = f"flow-{next(self.numbers)}"
        self.flows[id_] = NamedFlow(id_, alias, flow, description)
        return id_

    def add_client(self, client_id: str, protocol: str = "openid-connect") -> None:
        self.protocols[client_id] = protocol
        self.client_scopes[client_id] = frozenset({"profile"})
        self.bound |= {Door(kind, client_id): None for kind in CLIENT_DOORS}

    def add_provider(self, alias: str) -> None:
        self.bound[Door(DoorKind.BROKER, alias)] = None

    def flow_of(self, door: Door) -> NamedFlow:
        """What a door leads to."""
        return self.flows[self.bound[door] or ""]

    def read(self) -> GateReading:
        ids = {flow.alias: flow.id for flow in self.flows.values()}
        return GateReading(
            flows=dict(self.flows),
            defaults={DoorKind.BROWSER: ids["browser"], DoorKind.DIRECT_GRANT: ids["direct grant"]},
            bound=dict(self.bound),
            protocols=dict(self.protocols),
            client_scopes=dict(self.client_scopes),
            own_scopes=self.own_scopes,
            can_tell_clients=self.can_tell_clients,
        )

    def __copy__(self) -> "SimulatedGate":
        twin = SimulatedGate()
        for name, value in vars(self).items():
            setattr(twin, name, copy(value))
        return twin


def _names_in(flow: Flow) -> Iterator[str]:
    for step in flow.steps:
        if step.flow is not None:
            yield step.flow.name
            if step.flow.copy_of is None:
                yield from _names_in(step.flow)


def carry_out(realm: "SimulatedRealm", measures: Sequence[Measure], before_write: BeforeWrite) -> None:
    """Change the realm as the measures say."""
    for measure in measures:
        before_write()
        if isinstance(measure, AccountChange):
            with suppress(KeyError):  # he is not there any more
                _change_account(realm, measure)
        else:
            _change_realm(realm, measure)


def own_role(realm: "SimulatedRealm", name: str) -> str:
    """The id of a role on our own client."""
    [found] = (id_ for id_, role in realm.roles.items() if (role.client_id, role.name) == (OWN_CLIENT, name))
    return found


def _change_account(realm: "SimulatedRealm", change: AccountChange) -> None:
    match change:
        case SeatRoleAssigned():
            realm.grant(change.user_id, own_role(realm, change.role))
        case SeatRoleRemoved():
            if change.clients:
                realm.gate.ended.append((change.user_id, change.clients))
            realm.revoke(change.user_id, own_role(realm, change.role))
        case UserDisabled():
            if realm.is_enabled(change.user_id):
                realm.grant(change.user_id, own_role(realm, DISABLED_ROLE))
                realm.set_enabled(change.user_id, enabled=False)
                realm.gate.ended.append((change.user_id, ()))
        case UserEnabled():
            realm.set_enabled(change.user_id, enabled=True)
            realm.revoke(change.user_id, own_role(realm, DISABLED_ROLE))


def _change_realm(realm: "SimulatedRealm", measure: RealmMeasure) -> None:
    match measure:
        case RoleCreated():
            with suppress(ValueError):  # it is there already
                realm.create_role(measure.role, OWN_CLIENT)
        case RoleRemoved():
            with suppress(ValueError):  # it is not there any more
                realm.delete_role(own_role(realm, measure.role))
        case LeakClosed():
            if isinstance(measure.holder, Group):
                realm.revoke_group(measure.holder.id, own_role(realm, measure.role))
            else:
                realm.remove_from_composite(measure.holder.id, own_role(realm, measure.role))
        case AccessOpened() | AccessClosed():
            seat, access = (own_role(realm, of(measure.application)) for of in (seat_role, access_role))
            if isinstance(measure, AccessOpened):
                realm.add_to_composite(seat, access)
            else:
                realm.gate.cut_off += measure.clients
                realm.remove_from_composite(seat, access)
        case _:
            change_gate(realm.gate, measure)


def change_gate(gate: SimulatedGate, measure: GateMeasure) -> None:
    """Change flows, doors and client scopes as a measure says."""
    match measure:
        case ScopeCreated():
            gate.own_scopes |= {measure.scope}
        case ScopeRemoved():
            gate.own_scopes -= {measure.scope}
            gate.client_scopes = {
                each: scopes - {measure.scope} for each, scopes in gate.client_scopes.items()
            }
        case ScopeAttached() | ScopeDetached():
            with suppress(KeyError):  # the client is not there any more
                scopes = gate.client_scopes[measure.client_id] - {measure.scope}
                new = {measure.scope} if isinstance(measure, ScopeAttached) else set()
                gate.client_scopes[measure.client_id] = scopes | new
        case TokensRevoked():
            gate.cut_off.append(measure.client_id)
        case GateMade():
            assert not FORBIDDEN & {*measure.alias, *"".join(_names_in(measure.flow))}, measure
            assert measure.alias not in {flow.alias for flow in gate.flows.values()}, measure
            id_ = gate.add_flow(measure.alias, measure.flow, measure.description)
            gate.bound |= dict.fromkeys(gate.bound.keys() & measure.doors, id_)
        case DoorBound():
            if measure.door in gate.bound:
                gate.bound[measure.door] = measure.flow.id if measure.flow else None
        case GateRemoved():
            assert measure.flow.id not in gate.bound.values(), "Keycloak deletes no flow in use"
            gate.flows.pop(measure.flow.id, None)
        case _:
            assert_never(measure)
