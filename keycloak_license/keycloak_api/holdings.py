"""What single users have directly: their roles and groups.

In: a client and ids; out: `Holding`, and snapshots with them brought in. Called by `following` for users
whom an event names. Each takes three requests.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from urllib.parse import quote

from keycloak_license.errors import NotThereError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.model.enforcement import EnforcementTerms, disabled_by_us
from keycloak_license.model.realm import RealmSnapshot, User

REQUESTS_FOR_A_USER = 3
WORKERS = 4
"""More make Keycloak no faster (measured with 1 to 16 on two cores)."""

Links = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Holding:
    """What one user has directly."""

    user: User | None = None
    """None when Keycloak has no such user."""
    role_ids: frozenset[str] = frozenset()
    group_ids: frozenset[str] = frozenset()


def read_holdings(client: KeycloakClient, user_ids: Sequence[str]) -> dict[str, Holding]:
    """Return what each user has, by id; the errors of `KeycloakClient.get`."""
    with ThreadPoolExecutor(min(WORKERS, len(user_ids))) as pool:
        return dict(zip(user_ids, pool.map(lambda id_: _read(client, id_), user_ids), strict=True))


def bring_in(
    snapshot: RealmSnapshot, holdings: Mapping[str, Holding], terms: EnforcementTerms
) -> RealmSnapshot:
    """Return the snapshot with these users as they are now."""
    roles = {id_: each.role_ids for id_, each in holdings.items()}
    groups = {id_: each.group_ids for id_, each in holdings.items()}
    role_users = {what: _corrected(ids, what, roles) for what, ids in snapshot.role_users.items()}
    group_members = {what: _corrected(ids, what, groups) for what, ids in snapshot.group_members.items()}
    listed = (*role_users.values(), *group_members.values())
    users = dict(snapshot.users)
    for user_id, holding in holdings.items():
        users.pop(user_id, None)
        if holding.user and any(user_id in ids for ids in listed):
            users[user_id] = holding.user
    return replace(
        snapshot,
        users=users,
        role_users=role_users,
        group_members=group_members,
        disabled_here=_disabled_here(snapshot, role_users, terms),
    )


def _disabled_here(snapshot: RealmSnapshot, role_users: Links, terms: EnforcementTerms) -> frozenset[str]:
    return disabled_by_us(terms, snapshot.roles, role_users) if snapshot.has_own_client else frozenset()


def _read(client: KeycloakClient, user_id: str) -> Holding:
    path = f"users/{quote(user_id, safe=':')}"
    try:
        user = client.get(path, wire.USER)
        mappings = client.get(f"{path}/role-mappings", wire.MAPPINGS)
        groups = client.get(f"{path}/groups", wire.GROUPS, briefRepresentation="true")
    except NotThereError:
        return Holding()
    return Holding(user, mappings.role_ids, frozenset(group.id for group in groups))


def _corrected(user_ids: frozenset[str], what: str, having: Links) -> frozenset[str]:
    """Return who has a role or group, going by what these users have; the same set where it is right."""
    now = frozenset(user_id for user_id, ids in having.items() if what in ids)
    return user_ids if user_ids & having.keys() == now else (user_ids - having.keys()) | now
