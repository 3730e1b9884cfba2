"""The benchmark in small: how many requests each way takes, never how long."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from keycloak_license.bootstrap import Admin
from tests.bench.__main__ import measure_planning, measure_realm
from tests.bench.floor import FLOOR, record_requests, send_bare
from tests.bench.following import Watcher
from tests.bench.realms import BenchRealm, Server, licensed_realm
from tests.bench.rows import markdown_of
from tests.e2e.cli import CountingProxy
from tests.e2e.test_requests import FEWEST_LOOKS, but_for_looks
from tests.real.keycloak import AdminApi

USERS, CONSUMERS = 200, 60
LOGIN, STRUCTURE, ROLES, GROUPS, SERVICES, PAGES = 1, 3, 2, 1, 1, 2
"""As the README counts. One of the two roles has direct holders and one group has members, a page each."""
FULL = LOGIN + STRUCTURE + ROLES + GROUPS + SERVICES + PAGES
IDLE = 2
ONE_CHANGE = 6
"""A list of events, three requests for the user, one that tries the right to write, and the write."""
EACH_USER = USERS + 3
"""And three pages of users, the last one empty."""
DEFAULT_PAGES = 4
"""The group by its path, and a short page for each of the two roles and for the group."""


@contextmanager
def bench_realm(keycloak: AdminApi, users: int, consumers: int) -> Iterator[BenchRealm]:
    """Make a realm for the length of the block."""
    server = Server(keycloak.url, Admin(keycloak.user, keycloak.password), "h2")
    name = f"bench-{uuid.uuid4().hex[:12]}"
    try:
        with licensed_realm(server, name, users, consumers) as realm:
            yield realm
    finally:
        keycloak.delete(f"/{name}")


@pytest.fixture
def realm(keycloak: AdminApi) -> Iterator[BenchRealm]:
    with bench_realm(keycloak, USERS, CONSUMERS) as made:
        yield made


@pytest.fixture
def empty(keycloak: AdminApi) -> Iterator[BenchRealm]:
    with bench_realm(keycloak, 0, 0) as made:
        yield made


@pytest.fixture
def proxy(keycloak: AdminApi) -> Iterator[CountingProxy]:
    with CountingProxy(keycloak.url) as made:
        yield made


def test_a_full_sync_asks_what_the_readme_says_and_the_floor_the_same(
    realm: BenchRealm, proxy: CountingProxy
) -> None:
    asked = record_requests(realm)

    send_bare(realm, asked, proxy.url)

    assert len(asked) == FULL, asked
    assert proxy.seen == asked


def test_a_look_takes_two_requests_and_one_change_a_fixed_number(
    keycloak: AdminApi, realm: BenchRealm, proxy: CountingProxy
) -> None:
    watcher = Watcher(realm, keycloak, proxy.url)
    for number in range(2):
        proxy.seen.clear()

        assert watcher.look() == len(proxy.seen) == IDLE

        watcher.grant(CONSUMERS + number)
        proxy.seen.clear()

        assert watcher.find_change() == len(proxy.seen)
        asked = [each.replace(realm.name, "REALM") for each in proxy.seen]
        assert len(but_for_looks(asked)) == ONE_CHANGE, asked
        watcher.settle()
    used = keycloak.get(f"/{realm.name}")["attributes"]["license.WFM.used"]
    assert used == str(CONSUMERS + 2)


def test_every_row_is_measured(realm: BenchRealm, empty: BenchRealm) -> None:
    rows = {row.way: row for row in measure_realm(realm, empty)}

    requests = {way: row.requests for way, row in rows.items()}
    with_looks = requests.pop("ours, one user changed")
    assert requests == {
        "python-keycloak, each user in turn": EACH_USER,
        "python-keycloak, lists in its pages of 100": DEFAULT_PAGES,
        FLOOR: FULL,
        "ours, a full sync": FULL,
        "ours, a look that finds nothing": IDLE,
        "ours, memory of a full sync": None,
    }
    assert with_looks is not None
    assert with_looks >= ONE_CHANGE + FEWEST_LOOKS
    assert all(row.ratio is not None for row in rows.values())
    table = markdown_of(rows.values()).splitlines()
    assert len(table) == 2 + len(rows)
    assert len({line.count("|") for line in table}) == 1


def test_planning_is_measured_in_each_mode_and_case() -> None:
    rows = list(measure_planning(1000))

    assert len({row.way for row in rows}) == len(rows) == 6
    assert {row.consumers for row in rows} == {1000}
