"""An application as configured: which roles make a user its consumer.

Comes from `settings`; read by `plan.consumers` and `keycloak_api.reader`.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from keycloak_license.model.realm import Role


@dataclass(frozen=True, slots=True)
class Application:
    """One licensed application or module of it."""

    id: str
    """Short name used in licences, attributes and role names, for example ``WFM``."""
    name: str
    roles: tuple[str, ...] = ()
    """Shell patterns of realm role names."""
    client_roles: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Pairs of a client id and the shell patterns of that client's role names."""
    clients: tuple[str, ...] = ()
    """Client ids of the application itself; gated in mode ``gate``."""

    def patterns(self) -> tuple[tuple[str | None, str], ...]:
        """Every pattern with the client it belongs to, None for realm roles."""
        realm_patterns = tuple((None, pattern) for pattern in self.roles)
        client_patterns = tuple(
            (client_id, pattern) for client_id, patterns in self.client_roles for pattern in patterns
        )
        return realm_patterns + client_patterns

    def counts(self, role: Role) -> bool:
        """Whether holding this role makes a user a consumer."""
        return any(matches(role, pattern) for pattern in self.patterns())


def matches(role: Role, pattern: tuple[str | None, str]) -> bool:
    """Whether a role is meant by one pattern; names are case-sensitive, as in Keycloak."""
    client_id, name_pattern = pattern
    return role.client_id == client_id and fnmatchcase(role.name, name_pattern)
