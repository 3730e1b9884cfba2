"""What enforcement is about to do in a realm, one frozen object a change.

Made by `plan.enforcement` and `plan.gate`, carried out by `keycloak_api.enforcement` in the order of the
plan; the ledger keeps who was disabled and enabled as history.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, assert_never

from keycloak_license.model.gate import Door, Flow, NamedFlow
from keycloak_license.model.realm import Group, Role


@dataclass(frozen=True, slots=True)
class AccountChange:
    """Something that happens to one user's account."""

    kind: ClassVar[str]
    application: str
    """For the sake of which; empty when it is for none any more."""
    user_id: str
    username: str
    reason: str


@dataclass(frozen=True, slots=True)
class UserDisabled(AccountChange):
    """The user waits for a seat and cannot log in meanwhile."""

    kind: ClassVar[str] = "user_disabled"


@dataclass(frozen=True, slots=True)
class UserEnabled(AccountChange):
    """A user whom we disabled may log in again."""

    kind: ClassVar[str] = "user_enabled"


@dataclass(frozen=True, slots=True)
class SeatRoleAssigned(AccountChange):
    """The user gets a role of ours: that of a seat, or of access without one where he is exempt."""

    kind: ClassVar[str] = "seat_role_assigned"
    role: str


@dataclass(frozen=True, slots=True)
class SeatRoleRemoved(AccountChange):
    """The user's sessions in these clients end, and he loses a role of ours."""

    kind: ClassVar[str] = "seat_role_removed"
    role: str
    clients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RoleCreated:
    """A role of ours is made."""

    kind: ClassVar[str] = "role_created"
    role: str


@dataclass(frozen=True, slots=True)
class RoleRemoved:
    """A role of ours is taken away from everybody."""

    kind: ClassVar[str] = "role_removed"
    role: str


@dataclass(frozen=True, slots=True)
class LeakClosed:
    """A group or a role no longer hands on a role of ours."""

    kind: ClassVar[str] = "leak_closed"
    role: str
    holder: Group | Role


@dataclass(frozen=True, slots=True)
class AccessOpened:
    """Everybody with a seat is let in."""

    kind: ClassVar[str] = "access_opened"
    application: str


@dataclass(frozen=True, slots=True)
class AccessClosed:
    """What is signed in to these clients ends, and nobody is let in any more."""

    kind: ClassVar[str] = "access_closed"
    application: str
    clients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokensRevoked:
    """What was signed in to a client while its gate stood open ends; who may get in comes back."""

    kind: ClassVar[str] = "tokens_revoked"
    client_id: str


@dataclass(frozen=True, slots=True)
class ScopeCreated:
    """A client scope of ours is made."""

    kind: ClassVar[str] = "scope_created"
    scope: str
    protocol: str


@dataclass(frozen=True, slots=True)
class ScopeRemoved:
    """A client scope of ours is taken away from all clients."""

    kind: ClassVar[str] = "scope_removed"
    scope: str


@dataclass(frozen=True, slots=True)
class ScopeAttached:
    """A client gets a client scope of ours."""

    kind: ClassVar[str] = "scope_attached"
    scope: str
    client_id: str


@dataclass(frozen=True, slots=True)
class ScopeDetached:
    """A client loses a client scope of ours."""

    kind: ClassVar[str] = "scope_detached"
    scope: str
    client_id: str


@dataclass(frozen=True, slots=True)
class GateMade:
    """A gate is made, anew where one stood, and these doors lead through it."""

    kind: ClassVar[str] = "gate_made"
    alias: str
    flow: Flow
    description: str
    doors: tuple[Door, ...]


@dataclass(frozen=True, slots=True)
class DoorBound:
    """A door leads through a flow that is there; None gives it back to the realm's own."""

    kind: ClassVar[str] = "door_bound"
    door: Door
    flow: NamedFlow | None


@dataclass(frozen=True, slots=True)
class GateRemoved:
    """A flow of ours that nothing leads through any more is taken away."""

    kind: ClassVar[str] = "gate_removed"
    flow: NamedFlow


RoleMeasure = RoleCreated | RoleRemoved | LeakClosed | AccessOpened | AccessClosed
ScopeMeasure = ScopeCreated | ScopeRemoved | ScopeAttached | ScopeDetached
GateMeasure = ScopeMeasure | TokensRevoked | GateMade | DoorBound | GateRemoved
RealmMeasure = RoleMeasure | GateMeasure
Measure = AccountChange | RealmMeasure
Disabling = UserDisabled | UserEnabled
"""What the ledger keeps as history."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """That Keycloak did not change a user, as its rules or those of his directory are."""

    user_id: str
    why: str
    """A sentence without his name."""


def explain_refusals(refusals: Sequence[Refusal]) -> tuple[str, ...]:
    """Return one sentence for all of them; none where there are none."""
    if not refusals:
        return ()
    who = "1 user was" if len(refusals) == 1 else f"{len(refusals)} users were"
    return (f"{who} not changed, one of them because: {refusals[0].why}",)


def describe_measure(measure: RealmMeasure) -> str:
    """Return what a change of the realm happens to, as people read it."""
    match measure:
        case RoleCreated() | RoleRemoved():
            return f"role {measure.role}"
        case LeakClosed():
            return f"role {measure.role} of {measure.holder.label}"
        case AccessOpened() | AccessClosed():
            return measure.application
        case TokensRevoked():
            return f"client {measure.client_id}"
        case ScopeCreated() | ScopeRemoved():
            return f"client scope {measure.scope}"
        case ScopeAttached() | ScopeDetached():
            return f"client scope {measure.scope} of client {measure.client_id}"
        case GateMade():
            return f"flow {measure.alias} for {', '.join(door.label for door in measure.doors)}"
        case DoorBound():
            return f"{measure.door.label} to {f'flow {measure.flow.alias}' if measure.flow else 'no flow'}"
        case GateRemoved():
            return f"flow {measure.flow.alias}"
        case _:
            assert_never(measure)
