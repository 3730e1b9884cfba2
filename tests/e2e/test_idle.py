"""`idle` at a real realm: who logs in, who never does, and what cannot be known is not guessed."""

import csv
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli import CountingProxy, Site, make_site, written
from tests.e2e.crew import APPLICATIONS
from tests.real.keycloak import AdminApi, temporary_realm
from tests.real.logins import App

PASSWORD = "correct horse"


def person(name: str) -> dict[str, Any]:
    return {
        "username": name,
        "enabled": True,
        "email": f"{name}@example.org",
        "firstName": name,
        "lastName": "Example",
        "realmRoles": ["WFM_AGENT"],
        "credentials": [{"type": "password", "value": PASSWORD}],
    }


@pytest.fixture(scope="module")
def site(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Ann and Bob have held seats for long; Ann logs in, Bob never does."""
    client = {"clientId": "wfm-app", "publicClient": True, "directAccessGrantsEnabled": True}
    representation = {
        "roles": {"realm": [{"name": "WFM_AGENT"}, {"name": "QM_AGENT"}]},
        "users": [person("ann"), person("bob")],
        "clients": [client],
    }
    with temporary_realm(keycloak, representation) as realm:
        made = make_site(tmp_path_factory.mktemp("idle"), realm, applications=APPLICATIONS)
        made.init().done()
        made.call("import", made.license("IDLE", {"WFM": 5})).done()
        with closing(sqlite3.connect(made.ledger)) as connection, connection:
            connection.execute("UPDATE claims SET seated_at = '2020-01-01 00:00:00.000000'")
        yield made


def record(site: Site, *, on: bool) -> None:
    site.realm.put("/events/config", site.realm.get("/events/config") | {"eventsEnabled": on})
    site.realm.delete("/events")


def log_in(site: Site, name: str) -> None:
    assert App(site.realm.api.url, site.realm.name, "wfm-app").direct_grant(name, PASSWORD).are_granted


def states(document: Any) -> dict[str, tuple[str, bool]]:
    """State of each holder of WFM, and whether he was seen."""
    [wfm, _] = document["applications"]
    assert (wfm["id"], wfm["seats_used"], wfm["idle"]) == ("WFM", 2, 0)
    return {each["username"]: (each["state"], each["last_seen"] is not None) for each in wfm["holders"]}


def test_who_logged_in_is_active_and_of_a_young_record_nothing_else_is_guessed(site: Site) -> None:
    record(site, on=True)
    log_in(site, "ann")
    site.realm.post("/logout-all")
    before = written(site)

    document = site.call("idle", "--json").document
    assert states(document) == {"ann": ("active", True), "bob": ("unknown", False)}
    assert document["days"] == 90
    assert document["known_since"] == document["applications"][0]["holders"][1]["last_seen"]
    assert "are known since" in document["warnings"][0]
    assert written(site) == before


def test_where_events_are_off_a_session_tells_and_a_warning_says_what_to_switch_on(site: Site) -> None:
    record(site, on=False)
    assert states(site.call("idle", "--json").document) == {
        "ann": ("unknown", False),
        "bob": ("unknown", False),
    }
    log_in(site, "ann")
    outcome = site.call("idle", "WFM").done()
    site.realm.post("/logout-all")

    assert "WFM: 0 of 2 seats idle (0 dormant, 0 never used), 1 unknown, 0 new" in outcome.stdout
    [warning] = outcome.warnings
    assert "records no logins at present: switch on user events" in warning


def test_without_the_right_to_view_events_the_warning_names_it(site: Site) -> None:
    account = site.realm.get(f"/clients/{site.realm.client_uuid('keycloak-license')}/service-account-user")
    rights = site.realm.client_uuid("realm-management")
    role = [site.realm.get(f"/clients/{rights}/roles/view-events")]
    path = f"/users/{account['id']}/role-mappings/clients/{rights}"
    site.realm.delete(path, role)
    try:
        outcome = site.call("idle", "WFM", "--csv").done()
    finally:
        site.realm.post(path, role)
    rows = list(csv.DictReader(io.StringIO(outcome.stdout)))
    assert [(row["username"], row["state"]) for row in rows] == [("ann", "unknown"), ("bob", "unknown")]
    [warning] = outcome.warnings
    assert "give client keycloak-license the role view-events of client realm-management" in warning


def test_the_number_of_requests_does_not_depend_on_users(site: Site) -> None:
    record(site, on=True)
    log_in(site, "ann")
    log_in(site, "bob")
    with CountingProxy(site.realm.api.url) as proxy:
        site.reach(proxy.url).call("idle", "WFM").done()
        asked = [each.partition("?")[0].replace(f"/{site.realm.name}", "/REALM") for each in proxy.seen]
    site.configure().realm.post("/logout-all")
    client = site.realm.client_uuid("wfm-app")
    below = "GET /admin/realms/REALM"
    assert asked == [
        "POST /realms/REALM/protocol/openid-connect/token",
        f"{below}/events/config",
        f"{below}/events",
        f"{below}/events",
        f"{below}/client-session-stats",
        f"{below}/clients/{client}/user-sessions",
        f"{below}/clients/{client}/user-sessions",
    ]


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["NOPE"], 2, "There is no application 'NOPE' in the configuration: it has WFM, QM"),
        (["--days", "0"], 2, "--days"),
        (["--csv", "--json"], 2, "exclude each other"),
        (["--realm", "nope"], 2, "nope"),
    ],
)
def test_what_cannot_be_meant_is_refused(site: Site, words: list[str], status: int, sentence: str) -> None:
    assert sentence in site.call("idle", *words).refused(status)


def test_a_server_that_is_down_is_one_sentence(site: Site, tmp_path: Path) -> None:
    site.reach("http://127.0.0.1:9")
    try:
        assert "127.0.0.1:9" in site.call("idle").refused(3)
    finally:
        site.configure()
