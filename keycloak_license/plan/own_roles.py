"""What a snapshot shows of the roles on our own client.

In: `EnforcementInputs`; out: roles, holders and names. Used by `plan.enforcement`, `plan.seat_roles` and
`plan.accounts`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from keycloak_license.model.application import Application
from keycloak_license.model.enforcement import EnforcementTerms, access_role, seat_role
from keycloak_license.model.license import Standing
from keycloak_license.model.realm import RealmSnapshot, Role, User
from keycloak_license.model.seat import Allocation, Claim


@dataclass(frozen=True, slots=True)
class EnforcementInputs:
    """What is known when seats have been decided."""

    snapshot: RealmSnapshot
    applications: Sequence[Application]
    terms: EnforcementTerms
    standing: Standing
    allocations: Sequence[Allocation] = ()
    exempt: Mapping[str, Mapping[str, User]] = field(default_factory=dict)
    """By application: the users who would consume it if the licence did not exempt them."""
    is_disputed: bool = False
    """Whether this may be another installation's realm; then access ends, and nothing else happens."""


def own_roles(inputs: EnforcementInputs) -> list[Role]:
    """Return the roles of our client by name; none where that client is somebody else's."""
    if not inputs.snapshot.has_own_client:
        return []
    roles = (role for role in inputs.snapshot.roles.values() if role.client_id == inputs.terms.client_id)
    return sorted(roles, key=lambda role: role.name)


def find_role(inputs: EnforcementInputs, name: str) -> Role | None:
    """Return a role of ours; None when it is not there."""
    return next((role for role in own_roles(inputs) if role.name == name), None)


def holders(inputs: EnforcementInputs, name: str) -> frozenset[str]:
    """Return the ids of the users who have a role of ours directly."""
    role = find_role(inputs, name)
    return inputs.snapshot.role_users.get(role.id, frozenset()) if role else frozenset()


def is_open_now(inputs: EnforcementInputs, application: str) -> bool:
    """Whether the seat role of an application lets people in as things are."""
    seat, access = find_role(inputs, seat_role(application)), find_role(inputs, access_role(application))
    return bool(seat and access and access.id in inputs.snapshot.composites.get(seat.id, frozenset()))


def gate_role_names(applications: Sequence[Application]) -> frozenset[str]:
    """Return every role that the gate needs."""
    return frozenset(name(each.id) for each in applications for name in (seat_role, access_role))


def is_silent(snapshot: RealmSnapshot, user_id: str) -> bool:
    """Whether nothing is known of the user, because his federation says nothing."""
    user = snapshot.users.get(user_id)
    return user is not None and user.provider_id in snapshot.silent_providers


def username(snapshot: RealmSnapshot, claims: Mapping[str, Claim], user_id: str) -> str:
    """Return what a user is called; his id when nobody knows."""
    user, claim = snapshot.users.get(user_id), claims.get(user_id)
    return user.username if user else claim.username if claim else user_id


def seated_by_role(snapshot: RealmSnapshot, terms: EnforcementTerms, application: str) -> frozenset[str]:
    """Return who has a seat's role, by id: what a lost ledger knew."""
    if not snapshot.has_own_client:
        return frozenset()
    name = seat_role(application)
    found = (
        role for role in snapshot.roles.values() if (role.client_id, role.name) == (terms.client_id, name)
    )
    return frozenset().union(*(snapshot.role_users.get(role.id, frozenset()) for role in found))
