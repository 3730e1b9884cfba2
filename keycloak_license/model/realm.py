"""What was read of one realm, as ids and names; no API dictionaries.

Made by `keycloak_api.reader` (or a test), read by `plan`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from keycloak_license.model.gate import GateReading


@dataclass(frozen=True, slots=True)
class User:
    """A person or service account as Keycloak lists it."""

    id: str
    username: str
    enabled: bool
    email: str | None = None
    created_at: int | None = None
    """``createdTimestamp`` in milliseconds since 1970; None for some federated users."""
    provider_id: str | None = None
    """The user storage provider the account comes from; None for one of Keycloak's own."""
    email_verified: bool = False
    """Whether Keycloak was told that the address is his."""


def provider_of(user_id: str) -> str | None:
    """Return the provider of a user who is not imported: his id is ``f:PROVIDER:NAME``."""
    return user_id.split(":")[1] if user_id.startswith("f:") and user_id.count(":") > 1 else None


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
class Grant:
    """That one person gave a user all that he was given."""

    at: datetime
    """When he was first given something, by Keycloak's clock."""
    by_id: str
    """Who gave it, as Keycloak knows him."""
    is_by_neighbour: bool = False
    """Whether he is a user of the same realm, so that his name can be looked up."""
    by: str | None = None
    """His name, where it was looked up."""


@dataclass(frozen=True, slots=True)
class GrantTimes:
    """When Keycloak's admin events say that something was given, by Keycloak's clock."""

    users: Mapping[str, datetime] = field(default_factory=dict)
    """By user id."""
    structure: datetime | None = None
    """When a role was first given to a group or put into a composite, and so to many at once."""
    grants: Mapping[str, Grant] = field(default_factory=dict)
    """By user id, where it was one person alone who gave him everything."""


NO_GRANT_TIMES = GrantTimes()


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
    """Ids of all accounts that are proved to be service accounts."""
    default_role_id: str | None = None
    """The composite ``default-roles-<realm>``."""
    default_groups: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = field(default_factory=dict)
    """All realm attributes as they were at the read."""
    locale: str | None = None
    """The realm's default language; None where it has but one."""
    server_time: datetime | None = None
    """What Keycloak's clock showed as the read began; None when it does not tell."""
    silent_providers: Mapping[str, str] = field(default_factory=dict)
    """A sentence for each user storage provider, by id, that is switched off or cannot be tested: nothing
    is known of its own users."""
    providers: Mapping[str, str] = field(default_factory=dict)
    """The name of each user storage provider, by id."""
    gaps: tuple[str, ...] = ()
    """One sentence for each thing that could not be read: anybody may be missing."""
    client_ids: Mapping[str, str] = field(default_factory=dict)
    """Client id to Keycloak's id, for every client."""
    has_own_client: bool = False
    """Whether the client for our roles is there and carries our mark."""
    disabled_here: frozenset[str] = frozenset()
    """Ids of the users who carry our mark of having been disabled by us."""
    gate: GateReading | None = None
    """None where the realm was not asked for it."""
    is_writable: bool = False
    """Whether reading it has proved the right to write attributes; without proof it is not known."""
    has_events: bool = False
    """Whether Keycloak keeps events of what admins change."""
    granted_at: GrantTimes | None = None
    """What events have told since the snapshot before; None where this one was not made of events."""
    drift: int | None = None
    """How many users, roles and groups the events had told otherwise than this full read; None where there
    was nothing to compare."""

    @property
    def is_complete(self) -> bool:
        """Whether everything was seen."""
        return not self.gaps and not self.silent_providers


def count_differences(one: RealmSnapshot, other: RealmSnapshot, ignored: Collection[str]) -> int:
    """Return how many users, roles and groups two reads show differently, but for the users `ignored`."""
    users = one.users.keys() | other.users.keys()
    differing = {id_ for id_ in users if one.users.get(id_) != other.users.get(id_)}
    for name in ("role_users", "group_members"):
        before, after = getattr(one, name), getattr(other, name)
        for key in before.keys() | after.keys():
            differing |= before.get(key, frozenset()) ^ after.get(key, frozenset())
    return len(differing.difference(ignored)) + sum(
        before.get(key) != after.get(key)
        for before, after in (
            (one.roles, other.roles),
            (one.composites, other.composites),
            (one.groups, other.groups),
            (one.role_groups, other.role_groups),
        )
        for key in before.keys() | after.keys()
    )


@dataclass(frozen=True, slots=True)
class UserReading:
    """One user read by himself, apart from every list."""

    user: User | None
    """None when Keycloak has no such user."""
    roles: frozenset[Role] = frozenset()
    """All his effective realm roles, and those of the clients that were asked about."""
    doubt: str | None = None
    """Why he could not be read, as a sentence."""


@dataclass(frozen=True, slots=True)
class Rereading:
    """Users read one by one, to be sure before somebody loses a seat."""

    users: Mapping[str, UserReading] = field(default_factory=dict)
    """By id."""
    gaps: tuple[str, ...] = ()
    silent_providers: Mapping[str, str] = field(default_factory=dict)
    """Both as in a snapshot, and as the providers answered after the users were read."""


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
