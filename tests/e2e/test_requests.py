"""How often Keycloak is asked: seldom, as often for many users as for few, and nothing written twice."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keycloak_license.demo.example import example_realm
from tests.e2e.cli import CountingProxy, Site, license_attributes, make_site
from tests.real.keycloak import AdminApi, RealRealm, temporary_realm

MOST_REQUESTS = 25
MOST_OF_DOCTOR = 35
"""It tries each right before it reads the realm."""
LOOK = "GET /admin/realms/REALM"
"""Before and after a write of attributes, and from two threads for as long as Keycloak works on it."""
FEWEST_LOOKS = 3
APPLICATIONS = ("QM", "WFM", "ELEARNING")


@dataclass(frozen=True)
class Watched:
    """A site whose every request goes through a proxy."""

    site: Site
    proxy: CountingProxy

    @property
    def realm(self) -> RealRealm:
        return self.site.realm

    def requests(self, *words: str) -> list[str]:
        """The requests that one command makes."""
        self.proxy.seen.clear()
        self.site.call(*words).done()
        return [
            each.replace(self.realm.name, "REALM").replace(self.realm.id, "ID") for each in self.proxy.seen
        ]

    def admin_events(self) -> list[Any]:
        """The changes that Keycloak itself recorded, by anybody."""
        events: list[Any] = self.realm.get("/admin-events", max=1000)
        return events


def watch(keycloak: AdminApi, users: int, folder: Path) -> Iterator[Watched]:
    """The example with so many users, and a site that is ready for its first sync."""
    with (
        temporary_realm(keycloak, example_realm("example", users)) as realm,
        CountingProxy(keycloak.url) as proxy,
    ):
        site = make_site(folder, realm)
        site.init().done()
        site.reach(proxy.url)
        yield Watched(site, proxy)


@pytest.fixture(scope="module")
def thousand(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The example with its 1000 users, not yet synced."""
    yield from watch(keycloak, 1000, tmp_path_factory.mktemp("thousand"))


@pytest.fixture
def hundred(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The same with 100 users."""
    yield from watch(keycloak, 100, tmp_path_factory.mktemp("hundred"))


def methods(requests: list[str]) -> dict[str, int]:
    """How many requests of each method; the login and the export write nothing and do not count."""
    harmless = ("/protocol/openid-connect/token", "/partial-export")
    writing = [each for each in requests if not any(word in each for word in harmless)]
    return {method: sum(each.startswith(method) for each in writing) for method in ("POST", "PUT", "DELETE")}


def but_for_looks(requests: list[str]) -> list[str]:
    """The requests whose number is fixed; the looks of a write come from its first to the last request."""
    write = next(place for place, each in enumerate(requests) if each.startswith("PUT"))
    looks = [place for place, each in enumerate(requests) if each == LOOK]
    assert len(looks) >= FEWEST_LOOKS
    assert sum(place < write for place in looks) >= FEWEST_LOOKS - 1
    assert looks[-1] == len(requests) - 1
    return [each for each in requests if each != LOOK]


def test_the_first_sync_of_1000_users_takes_at_most_25_requests_and_one_write(
    thousand: Watched, hundred: Watched
) -> None:
    events_before = len(thousand.admin_events())

    requests = but_for_looks(thousand.requests("sync", "--json"))

    assert len(requests) + FEWEST_LOOKS <= MOST_REQUESTS, requests
    assert methods(requests)["PUT"] == 1
    assert methods(requests)["DELETE"] == 0
    assert license_attributes(thousand.realm)["license.WFM.waiting"] == "32"
    [event] = thousand.admin_events()[: len(thousand.admin_events()) - events_before]
    assert (event["operationType"], event["resourceType"]) == ("UPDATE", "REALM")
    # As many for a tenth of the users.
    assert len(but_for_looks(hundred.requests("sync", "--json"))) == len(requests)
    assert len(hundred.requests("sync", "--json")) == len(thousand.requests("sync", "--json"))


def test_the_second_sync_writes_nothing_and_leaves_no_admin_event(thousand: Watched) -> None:
    thousand.requests("sync")
    events = thousand.admin_events()
    attributes = license_attributes(thousand.realm)

    requests = thousand.requests("sync", "--json")

    assert methods(requests) == {"POST": 0, "PUT": 0, "DELETE": 0}
    assert LOOK not in requests
    assert thousand.admin_events() == events
    assert license_attributes(thousand.realm) == attributes
    assert len(requests) <= MOST_REQUESTS


def test_a_change_of_one_user_is_one_write(thousand: Watched) -> None:
    thousand.requests("sync")
    user = thousand.realm.user_id("employee900")
    role = thousand.realm.get("/roles/WFM_AGENT")
    thousand.realm.post(f"/users/{user}/role-mappings/realm", [role])
    try:
        requests = thousand.requests("sync")
    finally:
        thousand.realm.delete(f"/users/{user}/role-mappings/realm", [role])

    assert methods(requests)["PUT"] == 1
    assert license_attributes(thousand.realm)["license.WFM.waiting"] == "33"
    released = but_for_looks(thousand.requests("sync"))
    assert license_attributes(thousand.realm)["license.WFM.waiting"] == "32"
    # Who loses his place is read by himself, and then the providers are, of which there are none.
    one_by_one = [each for each in released if each not in but_for_looks(requests)]
    assert one_by_one[:3] == [
        f"GET /admin/realms/REALM/users/{user}",
        f"GET /admin/realms/REALM/users/{user}/role-mappings/realm/composite",
        "GET /admin/realms/REALM/components?type=org.keycloak.storage.UserStorageProvider",
    ]
    assert len(released) <= len(but_for_looks(requests)) + 3


@pytest.mark.parametrize(
    "words",
    [("sync", "--dry-run"), ("members", "WFM"), ("explain", "senior-agent"), ("duplicates",), ("doctor",)],
    ids=lambda words: words[0],
)
def test_a_command_that_only_looks_writes_nothing(thousand: Watched, words: tuple[str, ...]) -> None:
    attributes = license_attributes(thousand.realm)
    events = thousand.admin_events()

    requests = thousand.requests(*words)

    assert methods(requests)["PUT"] == methods(requests)["DELETE"] == 0
    assert len(requests) <= (MOST_OF_DOCTOR if words[0] == "doctor" else MOST_REQUESTS)
    assert thousand.admin_events() == events
    assert license_attributes(thousand.realm) == attributes


def test_an_import_asks_no_more_than_a_sync_with_writes(thousand: Watched) -> None:
    file = thousand.site.license("COUNT-1", dict.fromkeys(APPLICATIONS, 40))

    requests = but_for_looks(thousand.requests("import", str(file), "--json"))

    assert len(requests) + FEWEST_LOOKS <= MOST_REQUESTS, requests
    assert methods(requests)["PUT"] == 1
    assert license_attributes(thousand.realm)["license.WFM.used"] == "32"


def test_status_does_not_ask_keycloak(thousand: Watched) -> None:
    assert thousand.requests("status", "--json") == []
