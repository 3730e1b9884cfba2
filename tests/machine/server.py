"""The other side: a realm on a real server, with the same admin and the same troubles.

In: a `RealRealm` that lets usernames be edited; out: a `ServerSide`. What the admin does goes through the
Admin API, and so does the truth; troubles are put between the server and the program. Used by `tests/e2e`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from keycloak_license.errors import MissingRightError, UnavailableError
from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.model.application import Application
from keycloak_license.model.changes import AttributeChange
from keycloak_license.model.measures import Measure, Refusal
from keycloak_license.model.realm import RealmSnapshot, Rereading, User, UserReading
from keycloak_license.services.ports import BeforeWrite
from tests.contract.realm_admin import RestAdmin, connect_as_sidecar
from tests.fakes import RoleName, Unfollowed
from tests.machine.realm import Account
from tests.real.keycloak import RealRealm


@dataclass(frozen=True)
class RememberedRealm(RealRealm):
    """Remembers what was asked for until something is changed, for the truth is asked for often."""

    answers: dict[str, Any] = field(default_factory=dict)

    def get(self, path: str = "", **query: object) -> Any:
        key = f"{path} {query}"
        if key not in self.answers:
            self.answers[key] = super().get(path, **query)
        return self.answers[key]

    def post(self, path: str, body: Any = None, **query: object) -> Any:
        self.answers.clear()
        return super().post(path, body, **query)

    def put(self, path: str, body: Any = None, **query: object) -> Any:
        self.answers.clear()
        return super().put(path, body, **query)

    def delete(self, path: str, body: Any = None, **query: object) -> Any:
        self.answers.clear()
        return super().delete(path, body, **query)


class ServerSide(RestAdmin, Unfollowed):
    """A realm on a real server, as `realm.Side`."""

    def __init__(self, realm: RealRealm) -> None:
        self._remembered = RememberedRealm(realm.name, realm.id, realm.api)
        super().__init__(self._remembered)
        self._ours = KeycloakRealm(connect_as_sidecar(realm))
        self.name, self.realm_id = realm.name, realm.id
        self.server_time: datetime | None = None
        self.is_unreachable = self.is_read_only = False
        self.unreadable: set[str] = set()
        self.silent_providers: set[str] = set()
        self.disabled_providers: set[str] = set()
        self.hidden: set[str] = set()
        self.doubtful: set[str] = set()

    # What the program does.

    def read(self, applications: Sequence[Application], group_paths: Sequence[str] = ()) -> RealmSnapshot:
        self._refuse_when_cut_off()
        snapshot = self._ours.read(applications, group_paths)
        role_users = {role: self._listed(role, users) for role, users in snapshot.role_users.items()}
        members = {group: self._listed(group, users) for group, users in snapshot.group_members.items()}
        shown = frozenset().union(*role_users.values(), *members.values())
        unread = sorted(self.unreadable & (role_users.keys() | members.keys()))
        return replace(
            snapshot,
            role_users=role_users,
            group_members=members,
            users={user: account for user, account in snapshot.users.items() if user in shown},
            server_time=self.server_time,
            gaps=(*snapshot.gaps, *(f"{each} was not read (the test says so)" for each in unread)),
        )

    def reread(self, user_ids: Sequence[str], applications: Sequence[Application]) -> Rereading:
        self._refuse_when_cut_off()
        again = self._ours.reread(user_ids, applications)
        doubts = {user: UserReading(None, doubt=f"{user} was not read") for user in self.doubtful}
        return replace(again, users={user: doubts.get(user, read) for user, read in again.users.items()})

    def read_attributes(self) -> Mapping[str, str]:
        self._refuse_when_cut_off()
        return self._ours.read_attributes()

    def find_user(self, name: str) -> User | None:
        self._refuse_when_cut_off()
        return self._ours.find_user(name)

    def ensure_writable(self) -> None:
        self._refuse_when_cut_off()
        if self.is_read_only:
            raise MissingRightError(f"The test takes away the right to write to realm {self.name}")
        self._ours.ensure_writable()

    def write_attributes(self, changes: Sequence[AttributeChange], before_write: BeforeWrite) -> None:
        if changes:
            self.ensure_writable()
        self._remembered.answers.clear()
        self._ours.write_attributes(changes, before_write)
        self._remembered.answers.clear()

    def enforce(self, measures: Sequence[Measure], before_write: BeforeWrite) -> tuple[Refusal, ...]:
        self._refuse_when_cut_off()
        return self._ours.enforce(measures, before_write)

    # What an admin does.

    def accounts(self) -> Mapping[str, Account]:
        return {
            user["id"]: Account(user["username"], user["enabled"], None, user.get("createdTimestamp"))
            for user in self._realm.get("/users", max=1000, briefRepresentation=True)
        }

    def effective_roles(self, user: str) -> set[RoleName]:
        """Return the roles that could count."""
        paths = {None: "realm", "desk": f"clients/{self._client('desk')}"}
        return {
            (client_id, role["name"])
            for client_id, path in paths.items()
            for role in self._realm.get(f"/users/{user}/role-mappings/{path}/composite")
        }

    def create_user(
        self, username: str, *, enabled: bool = True, email: str | None = None, provider: str | None = None
    ) -> str:
        assert provider is None, "there is no federation here"
        return super().create_user(username, enabled=enabled, email=email)

    def rename(self, user: str, username: str) -> None:
        self._realm.put(f"/users/{user}", {"username": username})

    def delete_role(self, role: str) -> None:
        self._realm.delete(f"/roles-by-id/{role}")

    def remove_from_composite(self, parent: str, child: str) -> None:
        self._realm.delete(f"/roles-by-id/{parent}/composites", [self._role(child)])

    def delete_group(self, group: str) -> None:
        self._realm.delete(f"/groups/{group}")

    def revoke_group(self, group: str, role: str) -> None:
        self._realm.delete(*self._mapping(f"/groups/{group}", role))

    def remove_attributes(self, names: Iterable[str]) -> None:
        gone = set(names)
        self.replace_attributes({name: value for name, value in self.attributes.items() if name not in gone})

    def _listed(self, what: str, users: frozenset[str]) -> frozenset[str]:
        return frozenset() if what in self.unreadable else users - self.hidden

    def _refuse_when_cut_off(self) -> None:
        if self.is_unreachable:
            raise UnavailableError("The real Keycloak cannot be reached: the test says so")
