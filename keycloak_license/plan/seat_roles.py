"""Mode `gate`: who has which role of ours.

In: `EnforcementInputs`; out: measures. Called by `plan.enforcement`. To close an application for everybody
takes one change, whoever has a seat: its access role leaves its seat role.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from keycloak_license.model.application import Application
from keycloak_license.model.enforcement import access_role, is_gate_role, seat_role
from keycloak_license.model.gate import Flow
from keycloak_license.model.license import Standing
from keycloak_license.model.measures import (
    AccessClosed,
    AccessOpened,
    LeakClosed,
    Measure,
    RoleCreated,
    RoleRemoved,
    SeatRoleAssigned,
    SeatRoleRemoved,
    TokensRevoked,
)
from keycloak_license.model.realm import Role
from keycloak_license.model.seat import Allocation, Claim
from keycloak_license.plan.own_roles import (
    EnforcementInputs,
    find_role,
    gate_role_names,
    holders,
    is_open_now,
    is_silent,
    own_roles,
    username,
)


def plan_seat_roles(inputs: EnforcementInputs) -> Iterator[Measure]:
    """Yield what brings roles and their holders in line with the seats.

    What closes comes first, then what opens, and single people last, for there may be many.
    """
    for name in sorted(gate_role_names(inputs.applications)):
        if find_role(inputs, name) is None:
            yield RoleCreated(name)
    yield from find_leaks(inputs)
    yield from plan_closing(inputs)
    yield from _plan_revoking(inputs)
    for application in inputs.applications:
        if is_open(inputs.standing, application.id) and not is_open_now(inputs, application.id):
            yield AccessOpened(application.id)
    entitled = {each.id: _entitled(inputs, each) for each in inputs.applications}
    for application in inputs.applications:
        yield from _plan_holders(inputs, application, entitled)


def stood_open(inputs: EnforcementInputs) -> dict[str, list[str]]:
    """Return the roles, by application, whose lack let everybody in: a gate asked for them."""
    gate = inputs.snapshot.gate
    asked = set() if gate is None else {name for flow in gate.flows.values() for name in _asked(flow.flow)}
    missing: dict[str, list[str]] = {}
    for application in inputs.applications:
        for name in (access_role(application.id), seat_role(application.id)):
            if f"{inputs.terms.client_id}.{name}" in asked and find_role(inputs, name) is None:
                missing.setdefault(application.id, []).append(name)
    return missing


def _asked(flow: Flow) -> Iterator[str]:
    """Yield the roles that a flow asks for."""
    for step in flow.steps:
        yield from _asked(step.flow) if step.flow else step.config.values()


def _plan_revoking(inputs: EnforcementInputs) -> Iterator[TokensRevoked]:
    """Yield the clients that people got into without a seat, because of what is repaired now."""
    leaking = {leak.role for leak in find_leaks(inputs)}
    opened = stood_open(inputs)
    for application in inputs.applications:
        if application.id in opened or leaking & gate_role_names([application]):
            yield from map(TokensRevoked, application.clients)


def plan_old_roles(inputs: EnforcementInputs) -> Iterator[RoleRemoved]:
    """Yield the roles of applications that are configured no longer; to be carried out after their gates."""
    wanted = gate_role_names(inputs.applications)
    for role in own_roles(inputs):
        if is_gate_role(role.name) and role.name not in wanted:
            yield RoleRemoved(role.name)


def plan_closing(inputs: EnforcementInputs) -> Iterator[AccessClosed]:
    """Yield which applications close."""
    for application in inputs.applications:
        if not is_open(inputs.standing, application.id) and is_open_now(inputs, application.id):
            yield AccessClosed(application.id, _closed_clients(inputs, application))


def _closed_clients(inputs: EnforcementInputs, application: Application) -> tuple[str, ...]:
    """Return its clients, but for those that lead to another application that is open."""
    still_open = [each for each in inputs.applications if is_open(inputs.standing, each.id)]
    in_use = {client_id for each in still_open for client_id in each.clients}
    return tuple(each for each in application.clients if each not in in_use)


def is_open(standing: Standing, application: str) -> bool:
    """Whether those with a seat of an application may use it."""
    return standing.is_granted and standing.license is not None and application in standing.license.scope


def find_leaks(inputs: EnforcementInputs) -> Iterator[LeakClosed]:
    """Yield what hands on a role of ours to people who have no seat."""
    snapshot = inputs.snapshot
    names = gate_role_names(inputs.applications)
    ours = {role.id: role for role in own_roles(inputs) if role.name in names}
    for role_id, role in sorted(ours.items(), key=lambda each: each[1].name):
        for group_id in sorted(snapshot.role_groups.get(role_id, ())):
            if group_id in snapshot.groups:
                yield LeakClosed(role.name, snapshot.groups[group_id])
    for parent_id, children in sorted(snapshot.composites.items()):
        parent = snapshot.roles.get(parent_id)
        for child_id in sorted(children & ours.keys()):
            if parent is not None and not _is_seat_of(parent, ours[child_id], inputs):
                yield LeakClosed(ours[child_id].name, parent)


def _is_seat_of(parent: Role, child: Role, inputs: EnforcementInputs) -> bool:
    """Whether a role is the seat role that is to contain this access role."""
    pairs = {(seat_role(each.id), access_role(each.id)) for each in inputs.applications}
    return parent.client_id == inputs.terms.client_id and (parent.name, child.name) in pairs


def _entitled(inputs: EnforcementInputs, application: Application) -> dict[str, str]:
    """Return the one role of ours that each user should have for an application, by user id."""
    roles = {}
    if is_open(inputs.standing, application.id):
        roles = dict.fromkeys(inputs.exempt.get(application.id, {}), access_role(application.id))
    for allocation in inputs.allocations:
        if allocation.application == application.id:
            roles |= dict.fromkeys((each.user_id for each in allocation.seated), seat_role(application.id))
    return roles


def _plan_holders(
    inputs: EnforcementInputs, application: Application, entitled: Mapping[str, Mapping[str, str]]
) -> Iterator[Measure]:
    """Yield who gets and who loses the roles of an application; those who lose them come first.

    Of somebody who keeps his seat without being seen nothing is known, and so nothing is done.
    """
    wanted = entitled[application.id]
    names = (seat_role(application.id), access_role(application.id))
    present = {name: holders(inputs, name) for name in names}
    if not inputs.snapshot.gaps:
        leaving = {name: [id_ for id_ in present[name] if wanted.get(id_) != name] for name in names}
        claims = _claims_of({id_ for ids in leaving.values() for id_ in ids}, inputs.allocations)
        for name in names:
            for user_id in sorted(leaving[name]):
                if user_id not in claims and is_silent(inputs.snapshot, user_id):
                    continue
                ends = () if user_id in wanted else _clients_lost(inputs, application, entitled, user_id)
                called = username(inputs.snapshot, claims, user_id)
                yield SeatRoleRemoved(application.id, user_id, called, "no_seat", name, ends)
    users = inputs.snapshot.users
    for user_id, name in sorted(each for each in wanted.items() if each[0] not in present[each[1]]):
        if user_id in users:
            reason = "seated" if name == names[0] else "exempt"
            yield SeatRoleAssigned(application.id, user_id, users[user_id].username, reason, name)


def _claims_of(user_ids: Collection[str], allocations: Iterable[Allocation]) -> dict[str, Claim]:
    """Return the claims, of whatever application, of these users; by user id."""
    if not user_ids:
        return {}
    claims = (claim for each in allocations for claim in (*each.seated, *each.waiting))
    return {claim.user_id: claim for claim in claims if claim.user_id in user_ids}


def _clients_lost(
    inputs: EnforcementInputs,
    application: Application,
    entitled: Mapping[str, Mapping[str, str]],
    user_id: str,
) -> tuple[str, ...]:
    """Return the clients in which the user's sessions have to end.

    Not where he may stay for the sake of another application, nor where everybody's have ended anyway.
    """
    others = [each for each in inputs.applications if each != application and user_id in entitled[each.id]]
    in_use = {client_id for each in others for client_id in each.clients}
    if not is_open(inputs.standing, application.id):
        in_use.update(_closed_clients(inputs, application))
    return tuple(each for each in application.clients if each not in in_use)
