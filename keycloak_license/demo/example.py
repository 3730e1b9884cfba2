"""The example of the licence rules as a realm: 1000 users, 32 of whom consume Workforce Management.

In: how many users; out: the representation for `POST /admin/realms` (users in its body are by far the
fastest way in) and the usage it must come to. Pure; called by `cli.demo`, the tests and the benchmark.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from keycloak_license.errors import ConfigurationError

EXAMPLE_USAGE: Final[Mapping[str, int]] = MappingProxyType(
    {
        "WFM": 32,
        "QM": 14,
        "CONVERSATIONS_EXPLORER": 9,
        "WFO_ANALYTICS": 5,
        "ELEARNING": 6,
        "SPEECHREC": 3,
        "GENERATIVE_AI": 2,
    }
)
"""Consumers of each application in the example, whatever the number of users."""

_EXPLORER: Final = "conversations-explorer"
_ASSISTANT: Final = "assistant"
_FIRST_CREATED: Final = 1_700_000_000_000
"""Milliseconds since 1970; one minute lies between two users, so that first come is well defined."""


@dataclass(frozen=True, slots=True)
class _People:
    """Users who have the same: NAME when there is one of them, else NAME1, NAME2 and so on."""

    name: str
    count: int = 1
    realm_roles: tuple[str, ...] = ()
    client_roles: tuple[tuple[str, str], ...] = ()
    groups: tuple[str, ...] = ()
    enabled: bool = True


_WITH_ROLES: Final = (
    _People("eleveo.admin", realm_roles=("WFM_SCHEDULER", "QM_EVALUATOR")),
    _People("eleveotrain", realm_roles=("WFM_AGENT", "ELEARNING_STUDENT")),
    # One who has WFM_AGENT three times over (by group, directly, by composite) and consumes one seat.
    _People("senior-agent", realm_roles=("WFM_AGENT", "SENIOR_AGENT"), groups=("/AGENTS",)),
    _People("agent", 29, groups=("/AGENTS",)),
    _People("scheduler", 2, realm_roles=("WFM_SCHEDULER",)),
    _People("former-agent", realm_roles=("WFM_AGENT",), enabled=False),
    _People("evaluator", 8, realm_roles=("QM_EVALUATOR",)),
    _People("supervisor", 5, groups=("/SUPERVISORS",)),
    _People("analyst", 4, client_roles=((_EXPLORER, "analyst"),)),
    _People("manager", 2, groups=("/MANAGEMENT",)),
    _People("regional-manager", 3, groups=("/MANAGEMENT/REGIONS/EAST",)),
    _People("trainee", 6, groups=("/TRAINING",)),
    _People("transcriber", 3, realm_roles=("SPEECHREC_USER",)),
    _People("ai-pilot", 2, realm_roles=("AI_PILOT",)),
)
MINIMUM_USERS: Final = sum(people.count for people in _WITH_ROLES)


def example_realm(name: str, users: int = 1000, *, admin_password: str | None = None) -> dict[str, Any]:
    """Return the representation of the example realm.

    `users` counts everybody, the two default users included; those beyond `MINIMUM_USERS` have no
    role. `admin_password` becomes the password of ``eleveo.admin``; nobody else has one.
    Raises `ConfigurationError` below `MINIMUM_USERS`.
    """
    if users < MINIMUM_USERS:
        raise ConfigurationError(
            f"The example realm needs at least {MINIMUM_USERS} users, not {users}: raise --users."
        )
    everybody = (*_WITH_ROLES, _People("employee", users - MINIMUM_USERS))
    entries = list(_entries(everybody))
    if admin_password is not None:
        entries[0]["credentials"] = [{"type": "password", "value": admin_password, "temporary": False}]
    return {
        "realm": name,
        "displayName": "Licence example",
        "enabled": True,
        "adminEventsEnabled": True,
        "roles": _roles(),
        "groups": _groups(),
        "clients": [_client(_EXPLORER), _client(_ASSISTANT)],
        "users": entries,
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
            "clientRoles": {client: [role] for client, role in people.client_roles},
            "groups": list(people.groups),
        }


def _roles() -> dict[str, Any]:
    plain = (
        "WFM_AGENT",
        "WFM_SCHEDULER",
        "QM_AGENT",
        "QM_EVALUATOR",
        "CONVERSATIONS_EXPLORER_USER",
        "WFO_ANALYTICS_VIEWER",
        "ELEARNING_STUDENT",
        "SPEECHREC_USER",
        "GENERATIVE_AI_USER",
    )
    return {
        "realm": [
            *({"name": role} for role in plain),
            _composite("SENIOR_AGENT", realm=["WFM_AGENT", "QM_AGENT"]),
            _composite("SUPERVISOR", realm=["QM_EVALUATOR", "CONVERSATIONS_EXPLORER_USER"]),
            _composite("AI_PILOT", client={_ASSISTANT: ["pilot"]}),
        ],
        "client": {
            _EXPLORER: [_composite("analyst", realm=["CONVERSATIONS_EXPLORER_USER"])],
            _ASSISTANT: [_composite("pilot", realm=["GENERATIVE_AI_USER"])],
        },
    }


def _composite(name: str, **children: object) -> dict[str, Any]:
    return {"name": name, "composite": True, "composites": children}


def _groups() -> list[dict[str, Any]]:
    east = {"name": "EAST"}
    regions = {"name": "REGIONS", "subGroups": [east]}
    return [
        {"name": "AGENTS", "realmRoles": ["WFM_AGENT"]},
        {"name": "SUPERVISORS", "realmRoles": ["SUPERVISOR"]},
        {"name": "MANAGEMENT", "realmRoles": ["WFO_ANALYTICS_VIEWER"], "subGroups": [regions]},
        {"name": "TRAINING", "realmRoles": ["ELEARNING_STUDENT"]},
    ]


def _client(client_id: str) -> dict[str, Any]:
    return {"clientId": client_id, "publicClient": True, "standardFlowEnabled": False}
