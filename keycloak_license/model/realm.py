"""What was read of one realm, as ids and names; no API dictionaries.

Made by `keycloak_api.reader` (or a test), read by `plan`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class User:
    """A person or service account as Keycloak lists it."""

    id: str
    username: str
    enabled: bool
    email: str | None = None
    created_at: int | None = None
    """``createdTimestamp`` in milliseconds since 1970; None for some federated users."""


@dataclass(frozen=True, slots=True)
class Role:
    """A realm role, or a client role when `client_id` is set."""

    id: str
    name: str
    client_id: str | None = None

    @property
    def label(self) -> str:
        """How people read it: ``role NAME`` or ``role CLIENT/NAME``."""
        return f"role {self.client_id}/{self.name}" if self.client_id else f"role {self.name}"


@dataclass(frozen=True, slots=True)
class Group:
    """A group with its place in the tree."""

    id: str
    path: str
    parent_id: str | None = None

    @property
    def label(self) -> str:
        """How people read it: ``group /A/B``."""
        return f"group {self.path}"


@dataclass(frozen=True, slots=True)
class RealmSnapshot:
    """One read of a realm, limited to what decides who consumes.

    Mappings that are missing a key mean "none". `composites` is downward, as Keycloak tells it: a
    role to the roles directly inside it; it may hold cycles.
    """

    realm: str
    realm_id: str
    roles: Mapping[str, Role] = field(default_factory=dict)
    composites: Mapping[str, frozenset[str]] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    users: Mapping[str, User] = field(default_factory=dict)
    role_users: Mapping[str, frozenset[str]] = field(default_factory=dict)
    role_groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    group_members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    service_accounts: frozenset[str] = frozenset()
    """Ids of the users that are proved to be service accounts."""
    default_role_id: str | None = None
    """The composite ``default-roles-<realm>``."""
    default_groups: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = field(default_factory=dict)
    """All realm attributes as they were at the read."""
    server_time: datetime | None = None
    """What Keycloak's clock showed as the read began; None when it does not tell."""
    gaps: tuple[str, ...] = ()
    """One sentence for each thing that could not be read; empty means complete."""

    @property
    def is_complete(self) -> bool:
        """Whether a user who is missing here is really gone."""
        return not self.gaps


def containing_roles(composites: Mapping[str, frozenset[str]], role_ids: Iterable[str]) -> frozenset[str]:
    """Return the given roles and every role that contains one of them, however deep; cycles are fine."""
    parents: dict[str, set[str]] = {}
    for parent, children in composites.items():
        for child in children:
            parents.setdefault(child, set()).add(parent)
    found = set(role_ids)
    todo = list(found)
    while todo:
        for parent in parents.get(todo.pop(), ()):
            if parent not in found:
                found.add(parent)
                todo.append(parent)
    return frozenset(found)
