"""What one would write first with python-keycloak: ask each user in turn, or list with its default paging.

In: a realm and the seconds of the floor; out: rows. Called by `__main__`. Both find the consumers and do
nothing else, and have to find as many as there are.
"""

import time
from dataclasses import dataclass

from keycloak import KeycloakAdmin, KeycloakOpenIDConnection

from keycloak_license.keycloak_api.session import CountingAdapter
from tests.bench.floor import FLOOR
from tests.bench.realms import DIRECT_ROLE, GROUP, GROUP_ROLE, BenchRealm
from tests.bench.rows import Row
from tests.bench.setting import UnexpectedResultError

SAMPLE = 1000
"""So many users are asked in turn; a larger realm's time is scaled up from them."""
EXEMPT = frozenset({"eleveo.admin", "eleveotrain"})


@dataclass(frozen=True)
class Found:
    """What a script found, and what it took."""

    consumers: int
    seconds: float
    requests: int


def measure_scripts(realm: BenchRealm, floor_seconds: float) -> list[Row]:
    """Run both."""
    each_user, lists = ask_each_user(realm), list_by_default_pages(realm)
    factor = realm.users / min(realm.users, SAMPLE)
    rows = [
        realm.row(
            "python-keycloak, each user in turn",
            each_user.seconds * factor,
            round(each_user.requests * factor),
            each_user.seconds * factor / floor_seconds,
            FLOOR,
            "" if factor == 1 else f"scaled from {SAMPLE} users",
        ),
        realm.row(
            f"python-keycloak, lists in its pages of {KeycloakAdmin.PAGE_SIZE}",
            lists.seconds,
            lists.requests,
            lists.seconds / floor_seconds,
            FLOOR,
        ),
    ]
    if lists.consumers != realm.consumers:
        raise UnexpectedResultError(
            f"The lists hold {lists.consumers} consumers, and there are {realm.consumers}"
        )
    return rows


def ask_each_user(realm: BenchRealm) -> Found:
    """List the users, and ask for the effective roles of each."""
    script, counter = _script(realm)
    started = time.perf_counter()
    users = script.get_users({} if realm.users <= SAMPLE else {"max": SAMPLE})
    consumers = [
        user
        for user in users
        if any(
            role["name"].startswith("WFM_") for role in script.get_composite_realm_roles_of_user(user["id"])
        )
        and user["enabled"]
        and user["username"] not in EXEMPT
    ]
    return Found(len(consumers), time.perf_counter() - started, counter.requests_made)


def list_by_default_pages(realm: BenchRealm) -> Found:
    """List the members of the roles and of the group that has one, which somebody has to know."""
    script, counter = _script(realm)
    started = time.perf_counter()
    group = script.get_group_by_path(f"/{GROUP}")
    listed = [
        *script.get_realm_role_members(GROUP_ROLE),
        *script.get_realm_role_members(DIRECT_ROLE),
        *script.get_group_members(group["id"]),
    ]
    consumers = {user["id"] for user in listed if user["enabled"] and user["username"] not in EXEMPT}
    return Found(len(consumers), time.perf_counter() - started, counter.requests_made)


def _script(realm: BenchRealm) -> tuple[KeycloakAdmin, CountingAdapter]:
    """Return python-keycloak as it is, but for a count of what goes out."""
    connection = KeycloakOpenIDConnection(
        server_url=realm.server.url,
        username=realm.server.admin.username,
        password=realm.server.admin.password,
        realm_name=realm.name,
        user_realm_name="master",
    )
    counter = CountingAdapter()
    connection._s.mount("http://", counter)
    return KeycloakAdmin(connection=connection), counter
