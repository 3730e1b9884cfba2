"""Random realms: whom we count is whom Keycloak itself says has the roles.

The realm goes in as one representation, then in small steps through the API; each user is then asked for
by Keycloak's own `role-mappings/…/composite`, which knows nothing of our way of reading role by role.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import pytest

from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.model.application import Application
from keycloak_license.model.realm import RealmSnapshot, Role
from keycloak_license.plan.consumers import paths_by_user, resolve_consumers
from tests.contract.realm_admin import VIEW_ONLY, connect_as_sidecar, connect_as_viewer
from tests.e2e.test_following import timeless
from tests.fakes import RoleName
from tests.real.keycloak import MakeRealm, RealRealm

SEEDS: Final = 5
SLOW_SEEDS: Final = 200

APPLICATIONS: Final = (
    Application("WFM", "Workforce Management", roles=("WFM_*",), client_roles=(("desk", ("agent*",)),)),
    Application("QM", "Quality Management", roles=("QM_[AB]", "Odd / náme*")),
    Application("CRM", "Customers", client_roles=(("crm app", ("*",)), ("no-such-client", ("*",)))),
)
EVERYBODY: Final = Application("ALL", "Any role at all", roles=("*",))
"""Added to some realms: the roles that every new user has count as well."""

REALM_ROLES: Final = ("WFM_A", "WFM_B", "QM_A", "QM_B", "QM_C", "Odd / náme 100%", "TEAM", "BOSS", "LONE")
CLIENT_ROLES: Final = {
    "desk": ("agent", "agent 2/ž", "viewer", "BOSS"),
    "crm app": ("agent", "x/y%20"),
    "bob": ("viewer",),
}
ROLES: Final[tuple[RoleName, ...]] = (
    *((None, name) for name in REALM_ROLES),
    *((client_id, name) for client_id, names in CLIENT_ROLES.items() for name in names),
)
GROUP_NAMES: Final = ("A", "B", "C c", "ž%2F")


@dataclass(frozen=True)
class Draw:
    """The chances of one realm."""

    random: random.Random

    def some(self, what: Sequence[Any], chance: float) -> list[Any]:
        return [each for each in what if self.random.random() < chance]

    def roles(self, chance: float) -> dict[str, Any]:
        """A holder's direct mappings, as a representation has them."""
        drawn: list[RoleName] = self.some(ROLES, chance)
        return {
            "realmRoles": [name for client_id, name in drawn if client_id is None],
            "clientRoles": {each: [name for of, name in drawn if of == each] for each in CLIENT_ROLES},
        }

    def composites(self) -> dict[RoleName, list[RoleName]]:
        """What contains what: sparse, with cycles, a role in itself included."""
        inside: dict[RoleName, list[RoleName]] = {role: [] for role in ROLES}
        for _ in range(self.random.randrange(len(ROLES))):
            parent, child = (self.random.choice(ROLES) for _ in "pc")
            if child not in inside[parent]:
                inside[parent].append(child)
        if self.random.random() < 0.5:
            cycle = self.random.sample(ROLES, 3)
            for parent, child in zip(cycle, cycle[1:] + cycle[:1], strict=True):
                if child not in inside[parent]:
                    inside[parent].append(child)
        return inside

    def groups(self, parent: str = "", depth: int = 1) -> Iterator[tuple[str, dict[str, Any]]]:
        """Groups with their paths, four deep at most, each with all that is below it."""
        for name in self.some(GROUP_NAMES, 0.7 / depth**0.5):
            path = f"{parent}/{name}"
            below = list(self.groups(path, depth + 1)) if depth < 4 else []
            children = [group for child, group in below if child.count("/") == path.count("/") + 1]
            yield path, {"name": name, "subGroups": children, **self.roles(0.06)}
            yield from below


def draw_realm(draw: Draw) -> tuple[dict[str, Any], list[str]]:
    """Return a representation and the paths of its groups."""
    groups = list(draw.groups())
    paths = [path for path, _ in groups]
    composites = draw.composites()
    has_accounts = draw.some(["desk", "crm app"], 0.6)
    users = [
        {
            "username": f"user{number}",
            "enabled": draw.random.random() < 0.85,
            "groups": draw.some(paths, 1.2 / (len(paths) + 1)),
            **draw.roles(0.04),
        }
        for number in range(18)
    ]
    users.append({"username": "service-account-bob", "enabled": True, **draw.roles(0.15)})
    users += [
        {
            "username": f"service-account-{client_id}",
            "enabled": True,
            "serviceAccountClientId": client_id,
            "groups": draw.some(paths, 0.1),
            **draw.roles(0.2),
        }
        for client_id in has_accounts
    ]
    clients = [
        {"clientId": name, "publicClient": False, "serviceAccountsEnabled": name in has_accounts}
        for name in CLIENT_ROLES
    ]
    representation = {
        "roles": _roles(composites),
        "groups": [group for path, group in groups if path.count("/") == 1],
        "defaultGroups": draw.some(paths, 0.1),
        "clients": [*clients, *VIEW_ONLY["clients"]],
        "users": [*users, *VIEW_ONLY["users"]],
    }
    return representation, paths


def _roles(composites: dict[RoleName, list[RoleName]]) -> dict[str, Any]:
    def listed(of: str | None) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "composite": bool(inside),
                "composites": {
                    "realm": [child for client_id, child in inside if client_id is None],
                    "client": {
                        each: [child for client_id, child in inside if client_id == each]
                        for each in CLIENT_ROLES
                    },
                },
            }
            for (client_id, name), inside in composites.items()
            if client_id == of
        ]

    return {"realm": listed(None), "client": {client_id: listed(client_id) for client_id in CLIENT_ROLES}}


def change_through_the_api(draw: Draw, realm: RealRealm, paths: Sequence[str]) -> None:
    """Add users as an admin does, who get the defaults, and make more roles default ones."""
    default_role = realm.get()["defaultRole"]["id"]
    roles = {role["name"]: role for role in realm.get("/roles")}
    desk = realm.client_uuid("desk")
    if draw.random.random() < 0.3:
        realm.post(f"/roles-by-id/{default_role}/composites", [roles[draw.random.choice(REALM_ROLES)]])
    if draw.random.random() < 0.2:
        realm.post(f"/roles-by-id/{default_role}/composites", [realm.get(f"/clients/{desk}/roles/viewer")])
    if draw.random.random() < 0.2:  # whoever has TEAM has the default roles too
        realm.post("/roles/TEAM/composites", [roles[f"default-roles-{realm.name}"]])
    for number in range(4):
        user = realm.post("/users", {"username": f"made{number}", "enabled": number != 3})
        for name in draw.some(REALM_ROLES, 0.1):
            realm.post(f"/users/{user}/role-mappings/realm", [roles[name]])
        for path in draw.some(paths, 0.05):
            realm.put(f"/users/{user}/groups/{realm.group_id(quote(path))}")


@dataclass(frozen=True)
class Oracle:
    """What Keycloak answers about one user at a time."""

    realm: RealRealm
    client_paths: dict[str | None, str]
    service_accounts: set[str]

    def users(self) -> Iterator[dict[str, Any]]:
        """Everybody, service accounts too, which an unfiltered list leaves out."""
        for enabled in (True, False):
            yield from self.realm.get("/users", enabled=enabled, max=1000, briefRepresentation=True)

    def effective_roles(self, user_id: str) -> set[RoleName]:
        return {
            (client_id, role["name"])
            for client_id, path in self.client_paths.items()
            for role in self.realm.get(f"/users/{user_id}/role-mappings/{path}/composite")
        }

    def group_labels(self, user_id: str) -> set[str]:
        return {f"group {group['path']}" for group in self.realm.get(f"/users/{user_id}/groups", max=1000)}


def ask_keycloak(realm: RealRealm) -> Oracle:
    clients = {client["clientId"]: client["id"] for client in realm.get("/clients")}
    paths: dict[str | None, str] = {None: "realm"}
    paths |= {client_id: f"clients/{clients[client_id]}" for client_id in CLIENT_ROLES}
    accounts = {
        realm.get(f"/clients/{client['id']}/service-account-user")["id"]
        for client in realm.get("/clients")
        if client["serviceAccountsEnabled"]
    }
    return Oracle(realm, paths, accounts)


def assert_agreement(oracle: Oracle, snapshot: RealmSnapshot, applications: Sequence[Application]) -> None:
    consumers = {each.id: resolve_consumers(snapshot, each, ()).keys() for each in applications}
    paths = {each.id: paths_by_user(snapshot, each) for each in applications}
    for user in oracle.users():
        roles = oracle.effective_roles(user["id"])
        labels = {Role("", name, client_id).label for client_id, name in roles}
        groups = oracle.group_labels(user["id"])
        can_consume = user["enabled"] and user["id"] not in oracle.service_accounts
        for each in applications:
            who = f"{user['username']} and {each.id}"
            counted = {Role("", name, client_id) for client_id, name in roles}
            is_holder = any(each.counts(role) for role in counted)
            assert (user["id"] in consumers[each.id]) == (is_holder and can_consume), who
            assert (user["id"] in paths[each.id]) == is_holder, who
            for path in paths[each.id].get(user["id"], ()):
                assert_true_path(path, labels, groups)
                assert any(each.counts(role) for role in counted if role.label == path[-1]), who


def assert_true_path(path: tuple[str, ...], roles: set[str], groups: set[str]) -> None:
    """It starts at a group of the user or a role of his, goes up step by step, and has only his roles."""
    up = [step for step in path if step.startswith("group ")]
    assert path[: len(up)] == tuple(up), path
    assert set(up[:1]) <= groups, path
    assert [step.rpartition("/")[0] for step in up[:-1]] == up[1:], path
    assert {step for step in path if step.startswith("role ")} <= roles, path
    assert path[-1].startswith("role "), path


@pytest.mark.parametrize(
    "seed",
    [*range(SEEDS), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(SEEDS, SLOW_SEEDS))],
)
def test_consumers_and_paths_of_a_random_realm_are_those_keycloak_tells(
    make_realm: MakeRealm, seed: int
) -> None:
    draw = Draw(random.Random(seed))  # noqa: S311 - no secret
    representation, paths = draw_realm(draw)
    realm = make_realm(representation)
    change_through_the_api(draw, realm, paths)
    applications = (*APPLICATIONS, EVERYBODY) if seed % 4 == 0 else APPLICATIONS

    snapshot = KeycloakRealm(connect_as_sidecar(realm)).read(applications)
    walked = KeycloakRealm(connect_as_viewer(realm)).read(applications)
    # Two reads are not of one instant; all else must agree.
    assert timeless(snapshot) == timeless(walked)
    assert snapshot.is_complete
    assert_agreement(ask_keycloak(realm), snapshot, applications)
