"""Many realms on a real server in one worker: each is looked at as often as the others."""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.cli import CountingProxy, Site, license_attributes, make_site
from tests.e2e.test_worker import Worker, map_role
from tests.real.keycloak import AdminApi, RealRealm, temporary_realm

FEW, MANY = 6, 200


@pytest.fixture(params=[FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def realms(keycloak: AdminApi, request: pytest.FixtureRequest) -> Iterator[list[RealRealm]]:
    representation = {
        "adminEventsEnabled": True,
        "roles": {"realm": [{"name": "WFM_AGENT"}]},
        "users": [{"username": "ann", "enabled": True}],
    }
    with ExitStack() as stack:
        yield [stack.enter_context(temporary_realm(keycloak, representation)) for _ in range(request.param)]


@pytest.fixture
def site(realms: list[RealRealm], tmp_path: Path) -> Site:
    site = make_site(
        tmp_path / "site",
        realms[0],
        realms={realm.name: {} for realm in realms},
        applications={"WFM": {"roles": ["WFM_*"]}},
        sync={"interval_seconds": max(1, len(realms) // 10)},
    )
    for realm in realms:
        Site(site.folder, realm, site.settings).init("--realm", realm.name).done()
    return site


def test_every_realm_has_its_turn(site: Site, realms: list[RealRealm]) -> None:
    with CountingProxy(site.realm.api.url) as proxy, Worker(site.reach(proxy.url)) as worker:
        for realm in realms:
            worker.wait_for("sync_finished", realm=realm.name)
        proxy.seen.clear()
        map_role("post", realms[-1], "ann")
        worker.forget()
        worker.wait_for("sync_finished", realm=realms[-1].name)
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0
    assert license_attributes(realms[-1])["license.WFM.waiting"] == "1"
    looks = Counter(
        each.split("/")[3]
        for each in proxy.seen
        if each.startswith("GET /admin/realms/") and "/admin-events?" in each
    )
    assert max(looks.values()) - min(looks[realm.name] for realm in realms) <= 2
    assert not [each for each in proxy.seen if "/users?" in each or "/members?" in each]
