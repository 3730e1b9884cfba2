"""Realms that several test modules share, each made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.chromium import Windows, open_chromium
from tests.e2e.cli import Site, license_attributes, make_site, written
from tests.e2e.crew import APPLICATIONS, CREW, Crew
from tests.e2e.desk import Desk
from tests.e2e.screen import Screen, open_screen
from tests.real.keycloak import AdminApi, RealRealm, temporary_realm


@pytest.fixture(scope="session")
def crew_realm(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRealm]:
    people = [
        {"username": name, "enabled": True, "createdTimestamp": 1_700_000_000_000 + place}
        for place, name in enumerate(CREW)
    ]
    roles = [{"name": "WFM_AGENT"}, {"name": "QM_AGENT"}]
    with temporary_realm(keycloak, {"users": people, "roles": {"realm": roles}}) as realm:
        make_site(tmp_path_factory.mktemp("crew"), realm).init().done()
        yield realm


@pytest.fixture
def crew(crew_realm: RealRealm, tmp_path: Path) -> Crew:
    """The same realm each time, with nobody hired and nothing of ours but the client."""
    realm = crew_realm
    for name in CREW:
        path = f"/users/{realm.user_id(name)}/role-mappings/realm"
        realm.delete(path, [role for role in realm.get(path) if role["name"].endswith("_AGENT")])
    ours = license_attributes(realm)
    kept = {name: value for name, value in realm.get()["attributes"].items() if name not in ours}
    realm.put("", {"attributes": kept})
    return Crew(make_site(tmp_path / "site", realm, applications=APPLICATIONS))


@pytest.fixture(scope="session")
def quiet_realm(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRealm]:
    """A realm where ann has waited since the last sync, and bob got the role after it: a sync would write."""
    people = [
        {"username": "ann", "enabled": True, "groups": ["/AGENTS"]},
        {"username": "bob", "enabled": True},
    ]
    representation = {
        "users": people,
        "roles": {"realm": [{"name": "WFM_AGENT"}, {"name": "QM_AGENT"}]},
        "groups": [{"name": "AGENTS", "realmRoles": ["WFM_AGENT"]}],
    }
    with temporary_realm(keycloak, representation) as made:
        site = make_site(tmp_path_factory.mktemp("realm"), made, applications=APPLICATIONS)
        site.init().done()
        site.call("sync").done()
        made.post(f"/users/{made.user_id('bob')}/role-mappings/realm", [made.get("/roles/WFM_AGENT")])
        yield made


@pytest.fixture
def site(quiet_realm: RealRealm, tmp_path: Path) -> Iterator[Site]:
    """A site of that realm that has never synced; whatever a test does with it must not be written."""
    made = make_site(tmp_path / "site", quiet_realm, applications=APPLICATIONS)
    before = written(made)
    yield made
    assert written(made) == before


@pytest.fixture(scope="module")
def chromium() -> Iterator[Windows]:
    """A browser for the tests of a module."""
    with open_chromium() as browser:
        yield Windows(browser)


@pytest.fixture
def windows(chromium: Windows) -> Iterator[Windows]:
    """Opens windows in it, whose every request and complaint is looked at in the end."""
    yield chromium
    chromium.end()


@pytest.fixture
def empty(keycloak: AdminApi, tmp_path: Path) -> Iterator[Screen]:
    """A screen of a realm without a licence."""
    with open_screen(keycloak, tmp_path / "site") as screen:
        yield screen


@pytest.fixture
def desk(crew: Crew) -> Desk:
    """A vendor whom the crew's site trusts."""
    return Desk(crew.site.folder / "vendor").open_for(crew.site)
