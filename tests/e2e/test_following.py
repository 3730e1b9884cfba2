"""What is followed by events equals what is read: random changes on a real server, and what they cost."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pytest

from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.keycloak_api.wire import ANYTHING
from keycloak_license.model.application import Application
from keycloak_license.model.enforcement import Enforcement, EnforcementTerms
from keycloak_license.model.measures import RoleCreated, SeatRoleAssigned
from keycloak_license.model.realm import RealmSnapshot
from tests.contract.realm_admin import RestAdmin, connect_as_admin, connect_as_sidecar
from tests.e2e.cli import make_site
from tests.fakes import unfenced
from tests.real.keycloak import MakeRealm, RealRealm

WFM: Final = Application(
    "WFM", "Workforce Management", roles=("WFM_*",), client_roles=(("desk", ("agent*",)),)
)
GATE: Final = EnforcementTerms(Enforcement.GATE)
STEPS: Final = 60
SEEDS: Final = 2
SLOW_SEEDS: Final = 30
ROLES: Final = ("WFM_A", "WFM_B", "OTHER", "TEAM")


@dataclass
class Walk:
    """An admin who changes one thing after the other."""

    realm: RealRealm
    random: random.Random
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.admin = RestAdmin(self.realm)
        self.number = 0

    def step(self) -> None:
        """Change something; what does not apply at the moment is left for the next one."""
        acts: list[Callable[[], None]] = [
            self.create_user,
            self.create_user,
            self.grant,
            self.grant,
            self.grant,
            self.revoke,
            self.join,
            self.join,
            self.leave,
            self.enable_or_disable,
            self.rename,
            self.delete_user,
            self.create_group,
            self.rename_group,
            self.move_group,
            self.delete_group,
            self.grant_group,
            self.revoke_group,
            self.create_role,
            self.delete_role,
            self.add_to_composite,
            self.remove_from_composite,
            self.import_people,
            self.create_service_account,
            self.make_default,
            self.set_attribute,
            self.log_out,
        ]
        act = self.random.choice(acts)
        self.number += 1
        self.done.append(act.__name__)
        act()

    def create_user(self) -> None:
        self.admin.create_user(f"user{self.number}", enabled=self.random.random() < 0.9)

    def grant(self) -> None:
        self.admin.grant(self._user(), self._role())

    def revoke(self) -> None:
        self.admin.revoke(self._user(), self._role())

    def join(self) -> None:
        if group := self._group():
            self.admin.join(self._user(), group["id"])

    def leave(self) -> None:
        if group := self._group():
            self.admin.leave(self._user(), group["id"])

    def enable_or_disable(self) -> None:
        self.admin.set_enabled(self._user(), enabled=self.random.random() < 0.5)

    def rename(self) -> None:
        self.realm.put(f"/users/{self._user()}", {"email": f"new{self.number}@example.org"})

    def delete_user(self) -> None:
        self.admin.delete_user(self._user())

    def create_group(self) -> None:
        above = self._group() if self.random.random() < 0.5 else None
        self.admin.create_group(f"G{self.number}", str(above["id"]) if above else None)

    def rename_group(self) -> None:
        if group := self._group():
            self.realm.put(f"/groups/{group['id']}", {"name": f"N{self.number}"})

    def move_group(self) -> None:
        group, above = self._group(), self._group()
        if group and above and not above["path"].startswith(group["path"]):
            self.realm.post(f"/groups/{above['id']}/children", {"id": group["id"], "name": group["name"]})

    def delete_group(self) -> None:
        if group := self._group():
            self.realm.delete(f"/groups/{group['id']}")

    def grant_group(self) -> None:
        if group := self._group():
            self.admin.grant_group(group["id"], self._role())

    def revoke_group(self) -> None:
        if group := self._group():
            role = self.realm.get(f"/roles-by-id/{self._role()}")
            if not role["clientRole"]:
                self.realm.delete(f"/groups/{group['id']}/role-mappings/realm", [role])

    def create_role(self) -> None:
        self.admin.create_role(f"{self.random.choice(['WFM', 'X'])}_{self.number}")

    def delete_role(self) -> None:
        made = [role for role in self.realm.get("/roles") if role["name"].startswith(("WFM_", "X_"))]
        if made:
            self.realm.delete(f"/roles-by-id/{self.random.choice(made)['id']}")

    def add_to_composite(self) -> None:
        parent, child = self._role(), self._role()
        if parent != child:
            self.admin.add_to_composite(parent, child)

    def remove_from_composite(self) -> None:
        parent = self._role()
        inside = self.realm.get(f"/roles-by-id/{parent}/composites")
        if inside:
            self.realm.delete(f"/roles-by-id/{parent}/composites", [self.random.choice(inside)])

    def import_people(self) -> None:
        person = {"username": f"imported{self.number}", "enabled": True, "realmRoles": ["WFM_A"]}
        self.realm.post("/partialImport", {"ifResourceExists": "SKIP", "users": [person]})

    def create_service_account(self) -> None:
        self.admin.grant(self.admin.create_service_account(f"robot{self.number}"), self._role())

    def make_default(self) -> None:
        if group := self._group():
            self.admin.add_default_group(group["id"])

    def set_attribute(self) -> None:
        self.admin.set_attributes({f"foreign{self.number}": "1"})

    def log_out(self) -> None:
        self.realm.post(f"/users/{self._user()}/logout")

    def _user(self) -> str:
        people: list[Any] = self.realm.get("/users", max=1000)
        return str(self.random.choice(people)["id"])

    def _role(self) -> str:
        roles = self.realm.get("/roles")
        agents = self.realm.get(f"/clients/{self._client('desk')}/roles")
        made = [
            role for role in (*roles, *agents) if not role["name"].startswith(("uma", "offline", "default"))
        ]
        return str(self.random.choice(made)["id"])

    def _group(self) -> dict[str, Any] | None:
        groups: list[Any] = self.realm.get("/groups", search="", populateHierarchy=True, max=1000)
        todo, found = list(groups), []
        while todo:
            group = todo.pop()
            found.append(group)
            todo += self.realm.get(f"/groups/{group['id']}/children", max=1000)
        return self.random.choice(found) if found else None

    def _client(self, client_id: str) -> str:
        [client] = self.realm.get("/clients", clientId=client_id)
        return str(client["id"])


def timeless(snapshot: RealmSnapshot | None) -> RealmSnapshot:
    assert snapshot, "it would have to be read again"
    return replace(snapshot, server_time=None, granted_at=None, is_writable=False, drift=None)


def town(make_realm: MakeRealm) -> RealRealm:
    return make_realm(
        {
            "adminEventsEnabled": True,
            "roles": {
                "realm": [{"name": name} for name in ROLES],
                "client": {"desk": [{"name": "agent"}, {"name": "viewer"}]},
            },
            "clients": [{"clientId": "desk"}],
            "groups": [{"name": "AGENTS", "realmRoles": ["WFM_A"]}],
            "users": [
                {"username": f"first{number}", "enabled": True, "groups": ["/AGENTS"][: number % 2]}
                for number in range(6)
            ],
        }
    )


def seeds() -> Iterator[Any]:
    for seed in range(SLOW_SEEDS):
        yield pytest.param(seed, marks=[pytest.mark.slow] if seed >= SEEDS else [])


@pytest.mark.parametrize("seed", list(seeds()))
def test_after_any_changes_what_is_followed_is_what_is_read(seed: int, make_realm: MakeRealm) -> None:
    realm = town(make_realm)
    client = connect_as_sidecar(realm)
    followed, fresh = KeycloakRealm(client, terms=GATE), KeycloakRealm(client, terms=GATE)
    followed.follow([WFM])
    walk = Walk(realm, random.Random(seed))  # noqa: S311 - chances, not secrets
    while walk.number < STEPS:
        for _ in range(walk.random.randint(1, 4)):
            walk.step()
        assert timeless(followed.refresh([WFM])) == timeless(fresh.read([WFM])), walk.done
        walk.done.clear()
        if walk.random.random() < 0.1:
            assert followed.follow([WFM]).drift == 0


@dataclass
class Followed:
    """A realm that is followed, and how many requests each thing takes."""

    realm: RealRealm

    def __post_init__(self) -> None:
        self.admin = RestAdmin(self.realm)
        self.client = connect_as_sidecar(self.realm)
        self.ours = KeycloakRealm(self.client)
        self.ours.follow([WFM])

    def requests(self) -> int:
        """How many a refresh takes, the login once a minute aside; it must tell what a full read does."""
        # A token that is about to run out would be renewed under way.
        self.client.get("", ANYTHING)
        before = self.client.requests_made
        refreshed = self.ours.refresh([WFM])
        made = self.client.requests_made - before
        assert timeless(refreshed) == timeless(KeycloakRealm(connect_as_admin(self.realm)).read([WFM]))
        return made


@pytest.fixture
def followed(make_realm: MakeRealm) -> Followed:
    return Followed(town(make_realm))


def test_nothing_new_takes_two_requests_and_a_user_three_more(followed: Followed) -> None:
    assert followed.requests() == 2
    admin = followed.admin
    user = admin.create_user("ann")
    role = next(each["id"] for each in followed.realm.get("/roles") if each["name"] == "WFM_B")
    assert followed.requests() == 5
    admin.grant(user, role)
    assert followed.requests() == 5
    admin.set_enabled(user, enabled=False)
    assert followed.requests() == 5
    admin.revoke(user, role)
    assert followed.requests() == 5
    admin.delete_user(user)
    assert followed.requests() == 3
    assert followed.requests() == 2


def test_a_change_of_structure_reads_no_list_that_is_known(followed: Followed) -> None:
    look, structure, service_accounts = 2, 3, 1
    followed.admin.create_role("OTHER_2")
    assert followed.requests() == look + structure + service_accounts
    role = followed.admin.create_role("WFM_NEW")
    user = followed.admin.create_user("ann")
    followed.admin.grant(user, role)
    followed.requests()


def test_with_events_switched_off_or_cleared_everything_is_to_be_read(followed: Followed) -> None:
    followed.admin.create_user("ann")
    assert followed.ours.refresh([WFM])
    followed.realm.delete("/admin-events")
    assert followed.ours.refresh([WFM]) is None
    followed.ours.follow([WFM])
    assert followed.ours.refresh([WFM])
    followed.realm.put("", {"adminEventsEnabled": False})
    assert followed.ours.refresh([WFM]) is None
    followed.ours.follow([WFM])
    assert followed.ours.refresh([WFM]) is None


def test_what_we_wrote_ourselves_is_seen_as_well(make_realm: MakeRealm) -> None:
    realm = town(make_realm)
    user = RestAdmin(realm).create_user("ann")
    connect_as_sidecar(realm)
    client = connect_as_admin(realm)
    ours = KeycloakRealm(client, terms=GATE)
    ours.follow([WFM])
    ours.enforce([RoleCreated("seat-WFM")], unfenced)
    assert timeless(ours.refresh([WFM])) == timeless(KeycloakRealm(client, terms=GATE).read([WFM]))
    ours.enforce([SeatRoleAssigned("WFM", user, "ann", "seated", "seat-WFM")], unfenced)
    snapshot = timeless(ours.refresh([WFM]))
    assert snapshot == timeless(KeycloakRealm(client, terms=GATE).read([WFM]))
    assert user in snapshot.users


def test_seats_go_by_when_the_role_was_given(make_realm: MakeRealm, tmp_path: Path) -> None:
    realm = town(make_realm)
    admin = RestAdmin(realm)
    site = make_site(tmp_path, realm, applications={"WFM": {"roles": ["WFM_B"]}})
    site.init().done()
    site.call("import", site.license("W", {"WFM": 1})).done()
    users = {name: admin.create_user(name) for name in ("ann", "bob", "eve")}
    role = next(each["id"] for each in realm.get("/roles") if each["name"] == "WFM_B")
    for name in ("eve", "ann", "bob"):
        admin.grant(users[name], role)
    site.call("sync").done()
    members = site.call("members", "WFM", "--json").document["members"]
    assert [each["username"] for each in members] == ["eve", "ann", "bob"]
    assert sorted(each["since"] for each in members[1:]) == [each["since"] for each in members[1:]]
