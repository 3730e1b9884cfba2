"""`history` tells who gave the role, works while Keycloak is down, and forgets whom it is told to forget."""

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.cli import Site, make_site
from tests.real.keycloak import MakeRealm, RealRealm

NOWHERE = "http://127.0.0.1:9"
PASSWORD = "of-anna-admin"


def a_user(name: str, **more: Any) -> dict[str, Any]:
    return {
        "username": name, "enabled": True, "email": f"{name}@example.org", "firstName": name,
        "lastName": name, "emailVerified": True, **more,
    }  # fmt: skip


@pytest.fixture
def site(make_realm: MakeRealm, tmp_path: Path) -> Site:
    """Two WFM seats; `anna.admin` is an administrator of the realm itself."""
    admin = a_user(
        "anna.admin",
        credentials=[{"type": "password", "value": PASSWORD}],
        clientRoles={"realm-management": ["manage-users", "view-realm"]},
    )
    people = [a_user(name) for name in ("boris", "cyril", "dana")]
    realm = make_realm({"users": [admin, *people], "roles": {"realm": [{"name": "WFM_AGENT"}]}})
    made = make_site(tmp_path / "site", realm, history={"forget_deleted_users": True})
    made.init("--admin-events").done()
    made.call("import", made.license("L-1", {"WFM": 2})).done()
    return made


def grant(realm: RealRealm, username: str) -> None:
    """Let `anna.admin` give somebody the role, by her own login."""
    api = requests.Session()
    login = {
        "client_id": "admin-cli", "grant_type": "password", "username": "anna.admin", "password": PASSWORD,
    }  # fmt: skip
    base = realm.api.url
    token = api.post(f"{base}/realms/{realm.name}/protocol/openid-connect/token", login, timeout=60).json()
    roles = [realm.get("/roles/WFM_AGENT")]
    answer = api.post(
        f"{base}/admin/realms/{realm.name}/users/{realm.user_id(username)}/role-mappings/realm",
        json=roles,
        headers={"Authorization": f"Bearer {token['access_token']}"},
        timeout=60,
    )
    assert answer.status_code == 204, answer.text


def told(site: Site) -> list[tuple[str, str, str | None]]:
    """User, what happened, and who gave what began it."""
    document = site.call("history", "--application", "WFM", "--events", "--json").document
    [wfm] = document["applications"]
    return [(each["username"], each["kind"], each["granted_by"]) for each in wfm["events"]]


def test_an_administrator_of_the_realm_is_named_and_one_of_another_is_an_id(site: Site) -> None:
    grant(site.realm, "boris")
    role = site.realm.get("/roles/WFM_AGENT")
    site.realm.post(f"/users/{site.realm.user_id('cyril')}/role-mappings/realm", [role])
    site.call("sync").done()
    assert set(told(site)) == {("boris", "seat_assigned", "anna.admin"), ("cyril", "seat_assigned", None)}

    grant(site.realm, "dana")
    site.call("sync").done()
    assert told(site)[2:] == [("dana", "waiting", "anna.admin")]
    lines = site.call("history", "--events", "--csv").done().stdout.splitlines()
    assert sorted(line.split(",")[-1] for line in lines[1:]) == ["", "anna.admin", "anna.admin"]
    assert all(line.split(",")[-2] for line in lines[1:]), "whoever gave it, his id is known"


def test_it_works_while_keycloak_is_down_and_without_a_secret(site: Site) -> None:
    grant(site.realm, "boris")
    site.call("sync").done()
    before = site.call("history", "--json").document
    site.reach(NOWHERE, client_secret=None)
    assert site.call("history", "--json").document == before
    table = site.call("history", "--application", "WFM").done().stdout
    assert "boris" in table
    plot = site.call("history", "--plot", "--application", "WFM").done()
    assert "\x1b" not in plot.stdout
    assert "used" in plot.stdout


def test_who_is_deleted_is_named_no_more_and_who_has_a_seat_cannot_be_forgotten(site: Site) -> None:
    for name in ("boris", "cyril"):
        grant(site.realm, name)
    site.call("sync").done()
    assert "still has or waits for a seat" in site.call("forget", "boris").refused(2)
    assert "names nobody called zoe" in site.call("forget", "zoe").refused(2)

    role = site.realm.get("/roles/WFM_AGENT")
    site.realm.delete(f"/users/{site.realm.user_id('cyril')}/role-mappings/realm", [role])
    site.realm.delete(f"/users/{site.realm.user_id('boris')}")
    site.call("sync").done()
    events = told(site)
    assert set(events[:2]) == {(name, "seat_assigned", "anna.admin") for name in ("forgotten", "cyril")}
    assert set(events[2:]) == {(name, "seat_released", None) for name in ("forgotten", "cyril")}
    assert site.call("forget", "cyril").done().stdout.startswith("2 seat events")
    assert {user for user, *_ in told(site)} == {"forgotten"}
    assert site.call("forget", "anna.admin").done().stdout.startswith("2 seat events")
    assert {by for *_, by in told(site)} == {None}
