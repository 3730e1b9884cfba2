"""The names of what enforcement makes in a realm, and how a realm is to be enforced.

Comes from `settings`; read by `plan.enforcement`, `plan.gate` and `keycloak_api`. Everything named here lives
on the sidecar's own client, so that no application's role is ever touched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from keycloak_license.model.application import Application
from keycloak_license.model.realm import Role


class Enforcement(StrEnum):
    """What happens to users without a seat."""

    OBSERVE = "observe"
    GATE = "gate"
    DISABLE = "disable"


OWN_CLIENT = "keycloak-license"
MARK = "keycloak-license.owned"
"""The attribute of everything in Keycloak that we made."""
MADE_BY_US = "Made by keycloak-license"
"""How the description of everything begins that has one."""
MANAGE_LICENSES = "manage-licenses"
"""The realm role whose holders always reach the License Management screen."""
MANAGERS = Application("manage-licenses", "License managers", roles=(MANAGE_LICENSES,))
"""Not an application: who holds the role is found the way consumers are."""
DISABLED_ROLE = "disabled-by-license"
"""Marks the users whom we disabled; a role, because user attributes depend on the realm's user profile."""
_SEAT, _ACCESS = "seat-", "access-"


def seat_role(application: str) -> str:
    """Return the role of everybody who is seated."""
    return f"{_SEAT}{application}"


def access_role(application: str) -> str:
    """Return the role that lets people in: a child of the seat role while access is granted."""
    return f"{_ACCESS}{application}"


def is_gate_role(name: str) -> bool:
    """Whether a role of our own client belongs to the gate."""
    return name.startswith((_SEAT, _ACCESS))


@dataclass(frozen=True, slots=True)
class EnforcementTerms:
    """How a realm is to be enforced."""

    mode: Enforcement = Enforcement.OBSERVE
    client_id: str = OWN_CLIENT
    """The client that carries our roles."""
    may_disable_federated: bool = False
    contact: str = "your administrator"
    """Whom a refused person is told to ask."""
    is_leaving: bool = False
    """Whether the realm is searched for all that was ever made there, to take it out."""

    def is_own(self, role: Role) -> bool:
        """Whether a role is one that enforcement made."""
        return role.client_id == self.client_id and (is_gate_role(role.name) or role.name == DISABLED_ROLE)


OBSERVE_ONLY = EnforcementTerms()


def disabled_by_us(
    terms: EnforcementTerms, roles: Mapping[str, Role], role_users: Mapping[str, frozenset[str]]
) -> frozenset[str]:
    """Return the ids of the users who carry our mark; roles and their users go by id."""
    marks = (id_ for id_, role in roles.items() if terms.is_own(role) and role.name == DISABLED_ROLE)
    return frozenset().union(*(role_users.get(id_, frozenset()) for id_ in marks))
