"""Reads who holds the applications' roles and ours, role by role and never user by user.

In: a client, the applications and how the realm is enforced; out: a `RealmSnapshot` that says what it could
not see. Called by `realm`. The number of requests depends on roles, groups and pages, not on users.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

from keycloak_license.errors import (
    AlreadyThereError,
    NotThereError,
    RejectedRequestError,
    UnavailableError,
    UnreachableError,
)
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.federation import find_silence
from keycloak_license.keycloak_api.gate import read_gate
from keycloak_license.keycloak_api.provider_grants import find_provider_grants
from keycloak_license.keycloak_api.rights import prove_view_users
from keycloak_license.keycloak_api.structure import Structure, read_structure
from keycloak_license.model.application import Application
from keycloak_license.model.enforcement import (
    MANAGERS,
    MARK,
    Enforcement,
    EnforcementTerms,
    disabled_by_us,
    is_gate_role,
)
from keycloak_license.model.progress import Progress
from keycloak_license.model.realm import Group, RealmSnapshot, Role, User, containing_roles

A = TypeVar("A")
NO_GROUPS = frozenset({"", ".", ".."})
"""Steps of an address that lead elsewhere."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked about."""

    applications: Sequence[Application]
    terms: EnforcementTerms
    group_paths: Sequence[str] = ()
    """Groups to be read whether or not they grant anything, with all below; unknown ones are left out."""


def read_realm(
    client: KeycloakClient, wanted: Wanted, progress: Progress, known: RealmSnapshot | None = None
) -> RealmSnapshot:
    """Read a realm, with what enforcement made there or needs; lists that are `known` stay as they are.

    Raises when it cannot be read at all, a right is missing, or Keycloak stops answering. A list that it
    answers badly becomes a gap: the snapshot may then show fewer users than there are.
    """
    structure, server_time = read_structure(client), client.present_server_time
    realm, graph, terms = structure.realm, structure.graph, wanted.terms
    counted = [
        role.id for role in graph.roles.values() if any(app.counts(role) for app in wanted.applications)
    ]
    own = _find_own(structure, terms)
    holders = _HolderReader(client, structure, progress, known)
    holders.add_groups(wanted.group_paths)
    asked = [*counted, *own.roles, *_manager_roles(terms, graph.roles)]
    holders.read_roles(sorted(containing_roles(graph.composites, asked) & graph.roles.keys()))
    if counted and not holders.users:
        holders.doubt_that_nobody_is_there()
    default_groups = structure.read_default_groups(client)
    holders.add_provider_grants(default_groups)
    service_accounts = holders.read_service_accounts()
    silence = find_silence(client, structure.providers)
    return RealmSnapshot(
        realm=realm.realm,
        realm_id=realm.id,
        roles=graph.roles,
        composites=graph.composites,
        groups=holders.groups,
        users=holders.users,
        role_users=holders.role_users,
        role_groups=holders.role_groups,
        group_members=holders.group_members,
        service_accounts=service_accounts,
        default_role_id=realm.default_role.id if realm.default_role else None,
        default_groups=default_groups,
        attributes=realm.attributes,
        locale=realm.locale,
        server_time=server_time,
        silent_providers=silence.providers,
        providers={each.id: each.name for each in structure.providers},
        gaps=(*holders.gaps, *silence.gaps),
        has_own_client=own.has_client,
        client_ids={each.client_id: each.id for each in structure.clients},
        disabled_here=disabled_by_us(terms, own.roles, holders.role_users),
        gate=read_gate(client, structure.clients) if _concerns_gate(terms, own.roles.values()) else None,
        is_writable=structure.is_exported,
        has_events=realm.admin_events_enabled,
    )


@dataclass(frozen=True, slots=True)
class _Own:
    """What is there of our own client."""

    has_client: bool
    roles: Mapping[str, Role]
    """Those that enforcement made, by id."""


def _find_own(structure: Structure, terms: EnforcementTerms) -> _Own:
    """Return our client's roles; those of somebody else's client of that name are none of ours."""
    marked = {each.client_id for each in structure.clients if MARK in each.attributes}
    if terms.client_id not in marked:
        return _Own(has_client=False, roles={})
    return _Own(
        has_client=True,
        roles={role.id: role for role in structure.graph.roles.values() if terms.is_own(role)},
    )


def _manager_roles(terms: EnforcementTerms, roles: Mapping[str, Role]) -> list[str]:
    """Return the role of those who may not be locked out, where somebody could be."""
    if terms.mode is not Enforcement.DISABLE:
        return []
    return [role.id for role in roles.values() if MANAGERS.counts(role)]


def _concerns_gate(terms: EnforcementTerms, own: Iterable[Role]) -> bool:
    """Whether there is a gate, or is to be one."""
    return terms.mode is Enforcement.GATE or terms.is_leaving or any(is_gate_role(role.name) for role in own)


@dataclass
class _HolderReader:
    """Collects the users and groups behind the roles that count."""

    client: KeycloakClient
    structure: Structure
    progress: Progress
    known: RealmSnapshot | None
    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    role_users: dict[str, frozenset[str]] = field(default_factory=dict)
    role_groups: dict[str, frozenset[str]] = field(default_factory=dict)
    group_members: dict[str, frozenset[str]] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)

    def add_groups(self, paths: Sequence[str]) -> None:
        """Let the groups of those paths be read as well."""
        for path in paths:
            root, *steps = path.split("/")
            if steps and not root and NO_GROUPS.isdisjoint(steps) and min(path) >= " ":
                with suppress(RejectedRequestError):
                    found = self.client.get(f"group-by-path/{quote('/'.join(steps))}", wire.GROUP)
                    self.groups[found.id] = Group(found.id, found.path, found.parent_id)

    def read_roles(self, role_ids: Sequence[str]) -> None:
        """Read the direct holders of the roles, then the groups that have them, with descendants."""
        graph = self.structure.graph
        for done, role_id in enumerate(role_ids):
            self.progress("roles", done, len(role_ids))
            label = graph.roles[role_id].label
            known = self.known.role_users.get(role_id) if self.known else None
            path = f"{graph.path_of(role_id)}/users"
            self.role_users[role_id] = self._read_users(path, f"users of {label}", known)
            groups = self._read_groups(f"groups of {label}", self.structure.groups.of_role, role_id)
            self.role_groups[role_id] = frozenset(groups)
        self.progress("roles", len(role_ids), len(role_ids))
        self._read_group_trees()

    def read_service_accounts(self) -> frozenset[str]:
        """Return the accounts of services.

        Only the client tells: a person may be called `service-account-bob`, and an imported service
        account may be called anything.
        """
        found: set[str] = set()
        for each in self.structure.clients:
            if each.service_accounts_enabled:
                # Nothing is there when somebody has deleted the account, or taken its name.
                with suppress(NotThereError, AlreadyThereError):
                    found.add(self.client.get(f"clients/{each.id}/service-account-user", wire.USER).id)
        return frozenset(found)

    def doubt_that_nobody_is_there(self) -> None:
        """Make sure that no users means no users, and not a missing right or a failing federation."""
        try:
            prove_view_users(self.client)
        except UnreachableError:
            raise
        except UnavailableError as error:
            self.gaps.append(f"the users of the realm were not read ({error})")

    def add_provider_grants(self, default_groups: frozenset[str]) -> None:
        """Add the federated users who have a role or group without being in its list."""
        known = self.role_users.keys() | self.group_members.keys()
        grants = find_provider_grants(self.client, self.structure, self.groups, default_groups)
        grants = {provider: ids & known for provider, ids in grants.items() if ids & known}
        if not grants:
            return
        for user in self._list_users("users", "users of the realm"):
            for id_ in grants.get(user.provider_id or "", ()):
                self.users[user.id] = user
                lists = self.role_users if id_ in self.role_users else self.group_members
                lists[id_] |= {user.id}

    def _read_group_trees(self) -> None:
        todo = list(self.groups)
        while todo:
            group = self.groups[todo.pop()]
            if group.id in self.group_members:
                continue
            self.progress("groups", len(self.group_members), len(self.group_members) + len(todo) + 1)
            known = self.known.group_members.get(group.id) if self.known else None
            path = f"groups/{group.id}/members"
            self.group_members[group.id] = self._read_users(path, f"members of {group.label}", known)
            todo += self._read_groups(f"subgroups of {group.label}", self.structure.groups.children, group)
        self.progress("groups", len(self.group_members), len(self.group_members))

    def _read_groups(self, what: str, ask: Callable[[A], Sequence[Group]], about: A) -> list[str]:
        try:
            found = ask(about)
        except UnreachableError:
            raise
        except UnavailableError as error:
            self.gaps.append(f"the {what} were not read ({error})")
            return []
        self.groups.update({group.id: group for group in found})
        return [group.id for group in found]

    def _read_users(self, path: str, what: str, known: frozenset[str] | None) -> frozenset[str]:
        """Return the users of a list, which is not read again where it is known."""
        if self.known is not None and known is not None:
            self.users.update((user_id, self.known.users[user_id]) for user_id in known)
            return known
        found = {user.id: user for user in self._list_users(path, what)}
        self.users.update(found)
        return frozenset(found)

    def _list_users(self, path: str, what: str) -> Iterator[User]:
        try:
            for page in self.client.pages(path, wire.USERS, briefRepresentation="true"):
                yield from page
        except UnreachableError:
            raise
        except UnavailableError as error:
            self.gaps.append(f"the {what} were not read ({error})")
