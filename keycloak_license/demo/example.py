"""The example of the licence rules as a realm: 1000 users, 32 of whom consume Workforce Management.

In: how many users; out: the representation for `POST /admin/realms` (users in its body are by far the
fastest way in) and the usage it must come to. Pure; called by `cli.demo`, the tests and the benchmark.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from keycloak_license.errors import ConfigurationError

EXAMPLE_ADMIN: Final = "eleveo.admin"
"""The user who is to manage licences; whoever fills the realm gives him the role, once `init` has made it."""
EXAMPLE_USAGE: Final[Mapping[str, int]] = MappingProxyType({"QM": 9, "WFM": 32, "ELEARNING": 6})
"""Consumers of each application in the example, whatever the number of users."""

_FIRST_CREATED: Final = 1_700_000_000_000
"""Milliseconds since 1970; one minute lies between two users, so that first come is well defined."""


@dataclass(frozen=True, slots=True)
class _People:
    """Users who have the same: NAME when there is one of them, else NAME1, NAME2 and so on."""

    name: str
    count: int = 1
    realm_roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    enabled: bool = True


_WITH_ROLES: Final = (
    _People(EXAMPLE_ADMIN, realm_roles=("WFM_SCHEDULER", "QM_EVALUATOR")),
    _People("eleveotrain", realm_roles=("WFM_AGENT", "ELEARNING_STUDENT")),
    # One who has WFM_AGENT three times over (by group, directly, by composite) and consumes one seat.
    _People("senior-agent", realm_roles=("WFM_AGENT", "SENIOR_AGENT"), groups=("/AGENTS",)),
    _People("agent", 29, groups=("/AGENTS",)),
    _People("scheduler", 2, realm_roles=("WFM_SCHEDULER",)),
    _People("former-agent", realm_roles=("WFM_AGENT",), enabled=False),
    _People("evaluator", 8, realm_roles=("QM_EVALUATOR",)),
    _People("trainee", 6, groups=("/TRAINING/EAST",)),
)
MINIMUM_USERS: Final = sum(people.count for people in _WITH_ROLES)


def example_realm(name: str, users: int = 1000, admin_password: str | None = None) -> dict[str, Any]:
    """Return the representation of the example realm.

    `users` counts everybody, the two default users included; those beyond `MINIMUM_USERS` have no
    role. With `admin_password`, `EXAMPLE_ADMIN` can log in; nobody else can. Raises `ConfigurationError`
    below `MINIMUM_USERS`.
    """
    if users < MINIMUM_USERS:
        raise ConfigurationError(
            f"The example realm needs at least {MINIMUM_USERS} users, not {users}: raise --users."
        )
    passwords = {} if admin_password is None else {EXAMPLE_ADMIN: admin_password}
    everybody = (*_WITH_ROLES, _People("employee", users - MINIMUM_USERS))
    return {
        "realm": name,
        "displayName": "Licence example",
        "enabled": True,
        "adminEventsEnabled": True,
        "roles": _roles(),
        "groups": _groups(),
        "users": [entry | _credentials(passwords.get(entry["username"])) for entry in _entries(everybody)],
    }


def _entries(everybody: tuple[_People, ...]) -> Iterator[dict[str, Any]]:
    members = (
        (people, people.name if people.count == 1 else f"{people.name}{number}")
        for people in everybody
        for number in range(1, people.count + 1)
    )
    for order, (people, username) in enumerate(members):
        yield {
            "username": username,
            "enabled": people.enabled,
            "email": f"{username}@example.com",
            "emailVerified": True,
            "firstName": people.name.replace("-", " ").title(),
            "lastName": username.removeprefix(people.name) or "Example",
            "createdTimestamp": _FIRST_CREATED + order * 60_000,
            "realmRoles": list(people.realm_roles),
            "groups": list(people.groups),
        }


def _credentials(password: str | None) -> dict[str, Any]:
    return {} if password is None else {"credentials": [{"type": "password", "value": password}]}


def _roles() -> dict[str, Any]:
    plain = ("WFM_AGENT", "WFM_SCHEDULER", "QM_EVALUATOR", "ELEARNING_STUDENT")
    inside = {"realm": ["WFM_AGENT", "QM_EVALUATOR"]}
    senior = {"name": "SENIOR_AGENT", "composite": True, "composites": inside}
    return {"realm": [*({"name": role} for role in plain), senior]}


def _groups() -> list[dict[str, Any]]:
    return [
        {"name": "AGENTS", "realmRoles": ["WFM_AGENT"]},
        {"name": "TRAINING", "realmRoles": ["ELEARNING_STUDENT"], "subGroups": [{"name": "EAST"}]},
    ]
