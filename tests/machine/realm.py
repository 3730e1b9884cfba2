"""A realm that also lies, and can be copied; and what is true of a realm, whatever its lists say.

`Side` is what the machine needs of a realm: ours to read and write, the admin's to change, and the troubles
it can be in. `LyingRealm` is the simulator; the real server has its own in `tests/e2e`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, Self, TypeVar

from keycloak_license.model.application import Application
from keycloak_license.model.realm import Rereading, UserReading
from keycloak_license.services.ports import Realm
from tests.fake_enforcement import SimulatedGate
from tests.fakes import Links, RoleName, SimulatedRealm

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """A person as the realm itself has him, whoever shows him otherwise."""

    username: str
    enabled: bool
    provider: str | None = None
    created_at: int | None = None


class Side(Realm, Protocol):
    """A realm: what the program does with it, what its admin does, and what goes wrong with it."""

    name: str
    realm_id: str
    server_time: datetime | None
    is_unreachable: bool
    is_read_only: bool
    unreadable: set[str]
    silent_providers: set[str]
    disabled_providers: set[str]
    hidden: set[str]
    """Users whom the lists leave out without saying so; read by themselves they are there."""
    doubtful: set[str]
    """Users who cannot be read by themselves."""

    @property
    def default_role(self) -> str: ...

    @property
    def attributes(self) -> Mapping[str, str]: ...

    def accounts(self) -> Mapping[str, Account]:
        """Every person, by id; no service accounts."""

    def effective_roles(self, user: str) -> set[RoleName]: ...

    def create_role(self, name: str, client_id: str | None = None) -> str: ...

    def delete_role(self, role: str) -> None: ...

    def add_to_composite(self, parent: str, child: str) -> None: ...

    def remove_from_composite(self, parent: str, child: str) -> None: ...

    def create_group(self, name: str, parent: str | None = None) -> str: ...

    def delete_group(self, group: str) -> None: ...

    def create_user(self, username: str, *, provider: str | None = None) -> str: ...

    def create_service_account(self, client_id: str) -> str: ...

    def delete_user(self, user: str) -> None: ...

    def rename(self, user: str, username: str) -> None: ...

    def set_enabled(self, user: str, *, enabled: bool) -> None: ...

    def grant(self, user: str, role: str) -> None: ...

    def revoke(self, user: str, role: str) -> None: ...

    def grant_group(self, group: str, role: str) -> None: ...

    def revoke_group(self, group: str, role: str) -> None: ...

    def join(self, user: str, group: str) -> None: ...

    def leave(self, user: str, group: str) -> None: ...

    def set_attributes(self, attributes: Mapping[str, str]) -> None: ...

    def remove_attributes(self, names: Iterable[str]) -> None: ...


@dataclass
class Numbers:
    """Counts, and can be copied."""

    last: int = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> int:
        self.last += 1
        return self.last


@dataclass
class LyingRealm(SimulatedRealm):
    """The simulator, with what only this machine does to it."""

    hidden: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=Numbers)

    def reread(self, user_ids: Sequence[str], applications: Sequence[Application]) -> Rereading:
        again = super().reread(user_ids, applications)
        doubts = {user: UserReading(None, doubt=f"{user} was not read") for user in self.doubtful}
        return replace(again, users={user: doubts.get(user, read) for user, read in again.users.items()})

    def accounts(self) -> Mapping[str, Account]:
        return {
            user.id: Account(user.username, user.enabled, user.provider_id, user.created_at)
            for user in self._users.values()
            if user.id not in self._service_accounts
        }

    def rename(self, user: str, username: str) -> None:
        self._users[user] = replace(self._users[user], username=username)

    def remove_attributes(self, names: Iterable[str]) -> None:
        for name in names:
            self.attributes.pop(name, None)
        self.attribute_writes += 1

    def clone(self) -> "LyingRealm":
        """Return a realm that is the same, and goes its own way from here."""
        return copy_with(self)

    def _listed(self, links: Links, what: str) -> frozenset[str]:
        return super()._listed(links, what) - self.hidden


def copy_with(original: T, **changes: object) -> T:
    """Return a copy of an object whose collections are its own; `changes` are attributes."""
    made = copy(original)
    for name, value in (vars(original) | changes).items():
        setattr(made, name, _copied(value))
    return made


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return copy(value) if isinstance(value, set | list | Numbers | SimulatedGate) else value
