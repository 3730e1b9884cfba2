"""`init` offers to switch admin events on, takes them out again, and `doctor` tells how it stands."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from keycloak_license.keycloak_api.watch import WATCHERS
from tests.e2e.cli import HANG_SECONDS, SECRET, CountingProxy, Site, license_attributes, make_site
from tests.e2e.test_init import FOREIGN, fingerprint, remove_client
from tests.real.keycloak import AdminApi, MakeRealm, RealRealm

DAY_SECONDS = 86_400
WEEK = str(7 * DAY_SECONDS)
ON = {"adminEventsEnabled": True}
QUESTION = "[y/N]"
BRINGS = "within seconds, at the cost of two requests per interval however large the realm"
THEIRS = {
    "eventsEnabled": True,
    "eventsExpiration": 3600,
    "eventsListeners": ["jboss-logging", "email"],
    "enabledEventTypes": ["LOGIN", "LOGOUT"],
    "adminEventsDetailsEnabled": True,
}
"""What an administrator has set about events, beside those that we need."""


@pytest.fixture
def site(make_realm: MakeRealm, tmp_path: Path) -> Iterator[Site]:
    """A site that was never set up, in a realm with an administrator's own settings; they outlast us."""
    realm = make_realm({**THEIRS, "attributes": FOREIGN})
    assert settings(realm).items() >= THEIRS.items()
    made = make_site(tmp_path / "site", realm)
    before = fingerprint(realm)
    yield made
    made.init("--remove").done()
    assert fingerprint(realm) == before


def settings(realm: RealRealm) -> dict[str, Any]:
    """Everything that the realm says about itself, but for ours; lists in one order."""
    found = realm.get()
    ours = license_attributes(realm).keys() - FOREIGN.keys()
    found["attributes"] = {name: value for name, value in found["attributes"].items() if name not in ours}
    found["enabledEventTypes"] = sorted(found["enabledEventTypes"])
    return dict(found)


def events(realm: RealRealm) -> tuple[bool, str | None]:
    """Whether they are on, and when they expire."""
    found = realm.get()
    return found["adminEventsEnabled"], found["attributes"].get("adminEventsExpiration")


def told(site: Site) -> str:
    """The line of `doctor`, which passes whatever the line says."""
    [found] = (
        each for each in site.call("doctor", "--json").document["checks"] if each["name"] == "admin events"
    )
    assert found["ok"] is True
    return str(found["detail"])


def test_they_are_switched_on_with_an_expiration_and_nothing_else_changes(site: Site) -> None:
    before = settings(site.realm)
    first = site.init("--admin-events", "--json")
    kept = before["attributes"] | {"adminEventsExpiration": WEEK}

    assert "admin events" in first.document["created"]
    assert first.document.keys() == {"client_id", "client_secret", "created", "removed"}
    assert first.stderr == ""
    assert settings(site.realm) == before | ON | {"attributes": kept}

    again = site.init("--admin-events", "--json")
    assert (again.document["created"], again.document["removed"], again.stderr) == ([], [], "")
    assert "admin events" in site.init("--remove", "--json").document["removed"]
    assert settings(site.realm) == before


def test_without_a_terminal_they_stay_off_and_one_line_says_what_to_run(site: Site) -> None:
    outcome = site.init("--json")

    assert "admin events" not in outcome.document["created"]
    [line] = outcome.stderr.splitlines()
    assert line.endswith("seen by full reads only: run keycloak-license init --admin-events.")
    assert events(site.realm) == (False, None)
    assert site.init("--no-admin-events").done().stderr == ""
    assert site.init("--admin-events").done().stderr == ""
    assert site.init().done().stderr == "", "there is nothing to offer"
    assert events(site.realm) == (True, WEEK)


def test_at_a_terminal_it_asks_and_says_what_it_brings(site: Site) -> None:
    def answer(word: str) -> Any:
        return site.answer(*site.init_words(), "--json", question=QUESTION, answer=word)

    refused = answer("n")
    question = refused.stderr.partition(QUESTION)[0]
    assert BRINGS in question
    assert f"in realm {site.realm.name}, kept for 7 days?" in question
    assert "client keycloak-license" in refused.document["created"]
    assert events(site.realm) == (False, None)

    assert answer("y").document["created"] == ["admin events"]
    assert events(site.realm) == (True, WEEK)


def test_the_days_are_as_told_as_the_realm_has_them_or_refused(site: Site) -> None:
    site.init("--admin-events", "--admin-events-days", "30").done()
    assert events(site.realm) == (True, str(30 * DAY_SECONDS))
    site.init("--remove").done()
    assert events(site.realm) == (False, None)

    for days in ("0", "366", "soon"):
        assert "--admin-events-days" in site.init("--admin-events", "--admin-events-days", days).refused(2)
    assert "--admin-events" in site.init("--admin-events-days", "30").refused(2)
    assert "--remove" in site.init("--remove", "--admin-events").refused(2)
    assert site.realm.get("/clients", clientId="keycloak-license") == []


def test_an_expiration_that_the_realm_has_already_stays(make_realm: MakeRealm, tmp_path: Path) -> None:
    realm = make_realm({"attributes": {"adminEventsExpiration": "3600"}})
    site = make_site(tmp_path / "site", realm)
    site.init("--admin-events").done()
    assert events(realm) == (True, "3600")
    site.init("--remove").done()
    assert events(realm) == (False, "3600")


def test_those_that_were_on_stay_as_they_are(make_realm: MakeRealm, tmp_path: Path) -> None:
    realm = make_realm(ON)
    site = make_site(tmp_path / "site", realm)

    outcome = site.init("--admin-events", "--json")
    assert "admin events" not in outcome.document["created"]
    [warning] = outcome.warnings
    assert "were on already, kept for ever, and stay as they are" in warning
    assert "admin events" not in site.init("--remove", "--json").document["removed"]
    assert events(realm) == (True, None)


def test_what_was_changed_since_is_left_alone(make_realm: MakeRealm, tmp_path: Path) -> None:
    realm = make_realm()
    site = make_site(tmp_path / "site", realm)
    site.init("--admin-events").done()
    realm.write_attributes(realm.get()["attributes"] | {"adminEventsExpiration": "7200"})

    outcome = site.init("--remove", "--json")
    assert "admin events" not in outcome.document["removed"]
    [warning] = outcome.warnings
    assert "were changed since init, and stay on, kept for 2 hours" in warning
    assert events(realm) == (True, "7200")
    assert realm.get("/clients", clientId="keycloak-license") == []


def test_one_client_in_master_remembers_each_realm_by_itself(
    make_realm: MakeRealm, keycloak: AdminApi, tmp_path: Path
) -> None:
    first, second = make_realm(), make_realm()
    master = RealRealm("master", "master", keycloak)
    client = f"sidecar-{uuid4().hex[:8]}"
    connection = {"url": keycloak.url, "client_secret": SECRET, "client_id": client, "auth_realm": "master"}
    realms: dict[str, Any] = {first.name: {}, second.name: {}}
    site = make_site(tmp_path / "site", first, keycloak=connection, realms=realms)
    with ExitStack() as clean_up:
        clean_up.callback(remove_client, master, client)
        site.init("--realm", first.name, "--admin-events").done()
        site.init("--realm", second.name, "--admin-events", "--admin-events-days", "1").done()

        site.init("--realm", second.name, "--remove").done()
        assert (events(first), events(second)) == ((True, WEEK), (False, None))
        site.init("--realm", first.name, "--remove").done()
        assert events(first) == (False, None)
        assert master.get("/clients", clientId=client) == []


def test_doctor_says_how_it_stands_with_the_rights_of_the_sidecar(site: Site) -> None:
    site.init("--no-admin-events").done()
    assert told(site).startswith("off, so that changes are seen by full reads only")
    assert "keycloak-license init --admin-events" in told(site)

    site.init("--admin-events").done()
    assert told(site) == "on, kept for 7 days"

    attributes = site.realm.get()["attributes"]
    site.realm.write_attributes(attributes | {"adminEventsExpiration": "49"})
    assert "too short to be of use with a look every 5 seconds" in told(site)
    site.realm.write_attributes(attributes | {"adminEventsExpiration": "0"})
    assert told(site).startswith("on, kept for ever: their table grows without end")
    site.realm.write_attributes(attributes)


@dataclass
class Rival:
    """Adds an attribute when one of our writes to the realm is on its way to Keycloak."""

    realm: RealRealm
    moments: Sequence[str]
    """What our writes are, in turn; he rests at those that put back what an earlier one undid."""
    proxy: CountingProxy | None = None
    puts: int = 0

    def interfere(self, method: str, path: str) -> None:
        if (method, path) != ("PUT", f"/admin/realms/{self.realm.name}"):
            return
        self.puts += 1
        moment = self.moments[self.puts - 1] if self.puts <= len(self.moments) else "rest"
        if moment != "rest":
            attributes = self.realm.get()["attributes"]
            self.realm.write_attributes(attributes | {f"theirs.{self.puts}": moment})
        if moment == "attributes":
            self._wait_for_a_look()

    def _wait_for_a_look(self) -> None:
        """Until we have begun to look, and ended, since he wrote."""
        looks = self._looks
        for _ in range(HANG_SECONDS * 500):
            if self._looks > looks + WATCHERS:
                return
            time.sleep(0.002)
        raise AssertionError("nobody looks")

    @property
    def _looks(self) -> int:
        assert self.proxy
        return self.proxy.seen.count(f"GET /admin/realms/{self.realm.name}")


def test_whoever_writes_attributes_at_the_same_time_loses_none(site: Site) -> None:
    realm = site.realm
    found = realm.get()["attributes"]
    site.init("--no-admin-events").done()
    rival = Rival(realm, ["attributes", "rest", "switch", "switch", "attributes", "rest"])
    with CountingProxy(realm.api.url, rival.interfere) as rival.proxy:
        site.reach(rival.proxy.url)
        site.init("--admin-events").done()
        assert rival.puts == 3
        assert events(realm) == (True, WEEK)
        site.init("--remove").done()
        assert rival.puts > 6
    theirs = {f"theirs.{put}": moment for put, moment in enumerate(rival.moments, 1) if moment != "rest"}
    assert realm.get()["attributes"] == found | theirs
    assert events(realm) == (False, None)
    realm.write_attributes(found)
    site.configure()
