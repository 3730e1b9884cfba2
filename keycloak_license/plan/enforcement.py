"""What enforcement has to do in a realm: who may get in, and who may not.

In: what was read, and who is seated; out: measures in the order in which they are to be carried out. Called
by `plan.planner`, and by `services.cleaning` for a realm that is to be left as it was. Nothing here decides
about seats: that is `plan.allocation`'s.
"""

from collections.abc import Iterator

from keycloak_license.model.enforcement import DISABLED_ROLE, Enforcement, is_gate_role
from keycloak_license.model.measures import Measure, RoleRemoved, UserEnabled
from keycloak_license.plan.accounts import account_warnings, plan_accounts
from keycloak_license.plan.admission import design_gate, gate_warnings
from keycloak_license.plan.gate import GateDesign, plan_gate
from keycloak_license.plan.own_roles import EnforcementInputs, find_role, own_roles, username
from keycloak_license.plan.seat_roles import plan_closing, plan_old_roles, plan_seat_roles


def plan_enforcement(inputs: EnforcementInputs) -> Iterator[Measure]:
    """Yield everything to do, nothing when the realm is as its mode wants it."""
    if inputs.is_disputed:
        if inputs.terms.mode is Enforcement.GATE:
            yield from plan_closing(inputs)
        return
    match inputs.terms.mode:
        case Enforcement.GATE:
            yield from _plan_gate(inputs)
        case Enforcement.DISABLE:
            yield from plan_accounts(inputs)
        case Enforcement.OBSERVE:
            pass
    yield from _plan_leaving(inputs)


def plan_cleaning(inputs: EnforcementInputs) -> Iterator[Measure]:
    """Yield what takes out all that other modes have left; an administrator may do that."""
    yield from _plan_leaving(inputs)
    is_idle = inputs.terms.mode is not Enforcement.DISABLE
    if is_idle and find_role(inputs, DISABLED_ROLE) is not None:
        yield RoleRemoved(DISABLED_ROLE)


def _plan_leaving(inputs: EnforcementInputs) -> Iterator[Measure]:
    """Yield what the sidecar itself may take out: mode `disable` has no right to remove its role."""
    if inputs.terms.mode is not Enforcement.GATE:
        yield from _plan_no_gate(inputs)
    if inputs.terms.mode is not Enforcement.DISABLE:
        yield from _plan_no_disabling(inputs)


def enforcement_warnings(inputs: EnforcementInputs) -> Iterator[str]:
    """Yield a sentence for each thing that keeps the mode from having its effect, or is being repaired."""
    snapshot, terms = inputs.snapshot, inputs.terms
    if terms.mode is Enforcement.OBSERVE or inputs.is_disputed:
        return
    if not snapshot.has_own_client:
        yield (
            f"Realm {snapshot.realm} has no client {terms.client_id} that init made, so that nothing can be "
            "enforced there: run keycloak-license init"
        )
    elif terms.mode is Enforcement.GATE:
        yield from gate_warnings(inputs)
    else:
        yield from account_warnings(inputs)


def _plan_gate(inputs: EnforcementInputs) -> Iterator[Measure]:
    """Yield the gate, after the roles without which it would let everybody in or nobody."""
    if not inputs.snapshot.has_own_client:
        return
    yield from plan_seat_roles(inputs)
    if inputs.snapshot.gate is not None:
        yield from plan_gate(inputs.snapshot.gate, design_gate(inputs))
        yield from plan_old_roles(inputs)


def _plan_no_gate(inputs: EnforcementInputs) -> Iterator[Measure]:
    """Yield what takes the gate out; its roles go last, so that a crash leaves the reason to go on."""
    if inputs.snapshot.gate is not None:
        yield from plan_gate(inputs.snapshot.gate, GateDesign(inputs.terms.client_id, {}))
        yield from (RoleRemoved(role.name) for role in own_roles(inputs) if is_gate_role(role.name))


def _plan_no_disabling(inputs: EnforcementInputs) -> Iterator[Measure]:
    """Yield what enables again whom we disabled."""
    for user_id in sorted(inputs.snapshot.disabled_here):
        yield UserEnabled("", user_id, username(inputs.snapshot, {}, user_id), "not_enforced")
