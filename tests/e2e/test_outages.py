"""Keycloak, or the directory behind it, is away for a while: nobody loses a seat, and all goes on by itself.

A directory that is away is the worst of it: Keycloak answers as if its people were not there.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import pytest

from keycloak_license.demo.process import KeycloakProcess
from keycloak_license.demo.server import LocalKeycloak
from tests.e2e.cli import Site, license_attributes, make_site
from tests.e2e.desk import seated
from tests.e2e.test_faults import LDAP_TEST, MEMBERS_OF_GROUP, USER_AGAIN, failed
from tests.e2e.test_worker import Worker, map_role
from tests.real.faults import HTML_PAGE, UNAVAILABLE, Cut, End, Fault, FaultProxy, Run
from tests.real.keycloak import AdminApi, LdapProvider, RealRealm, add_ldap, temporary_realm
from tests.real.slapd import Slapd

SETTINGS: dict[str, Any] = {
    "applications": {"WFM": {"roles": ["WFM_*"]}},
    "sync": {"interval_seconds": 1},
}
REALM = {
    "users": [{"username": name, "enabled": True} for name in ("ann", "bob")],
    "roles": {"realm": [{"name": "WFM_AGENT"}]},
    "groups": [{"name": "AGENTS", "realmRoles": ["WFM_AGENT"]}],
}
FEDERATED = ("fay", "gus", "hal")
SEATS = 5


@dataclass(frozen=True)
class Office:
    """Ann has a role of her own, the people of the directory have it by a group; there is one seat more."""

    site: Site
    proxy: FaultProxy
    slapd: Slapd
    provider: LdapProvider

    @property
    def realm(self) -> RealRealm:
        return self.site.realm

    def stop(self) -> None:
        self.slapd.stop()

    def hang(self) -> None:
        """Let the directory accept connections and never answer; Keycloak soon gives it up."""
        self._give_up_after(100)
        self._process.send_signal(signal.SIGSTOP)

    def repair(self) -> None:
        if self._process is None:
            self.slapd.start()
            return
        self._process.send_signal(signal.SIGCONT)
        self._give_up_after(5000)

    def map_agent(self, verb: str, uid: str) -> None:
        """Put somebody into the directory's group, or take him out."""
        self.slapd.change(
            f"dn: cn=AGENTS,{Slapd.groups_dn}\nchangetype: modify\n"
            f"{verb}: member\nmember: {self.slapd.person_dn(uid)}\n"
        )

    def _give_up_after(self, milliseconds: int) -> None:
        path = f"/components/{self.provider.id}"
        component = self.realm.get(path)
        component["config"] |= {"connectionTimeout": [str(milliseconds)], "readTimeout": [str(milliseconds)]}
        self.realm.put(path, component)

    @property
    def _process(self) -> Any:
        return self.slapd._process


@pytest.fixture(scope="module")
def shared_office(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with (
        Slapd(FEDERATED, {"AGENTS": FEDERATED}, {}) as slapd,
        temporary_realm(keycloak, REALM) as realm,
        FaultProxy(keycloak.url) as proxy,
    ):
        provider = add_ldap(realm, slapd)
        folder = tmp_path_factory.mktemp("office")
        site = make_site(folder / "site", realm, **SETTINGS)
        site.init().done()
        map_role("post", realm, "ann")
        site.call("import", site.license("O", {"WFM": SEATS})).done()
        yield Office(site.reach(proxy.url), proxy, slapd, provider)


@pytest.fixture
def office(shared_office: Office) -> Iterator[Office]:
    """The same people each time, all of them with a seat."""
    office = shared_office
    map_role("post", office.realm, "ann")
    map_role("delete", office.realm, "bob")
    office.site.call("sync").done()
    assert seated(office.site) == {"ann", *FEDERATED}
    yield office
    office.repair()
    office.proxy.heal()
    with suppress(CalledProcessError):  # he is there
        office.map_agent("add", "fay")


@pytest.mark.parametrize("trouble", [Office.stop, Office.hang], ids=["stopped", "hanging"])
def test_while_the_directory_is_away_its_people_keep_their_seats_and_others_get_the_free_ones(
    office: Office, trouble: Callable[[Office], None]
) -> None:
    office.map_agent("delete", "fay")
    map_role("delete", office.realm, "ann")
    trouble(office)
    map_role("post", office.realm, "bob")

    for words in ((), ("--force",)):
        sentence = failed(office.site.call("sync", "--json", *words))
        assert "did not see everything" in sentence
        status = office.site.status()
        assert not status["complete"]
        assert any("user storage provider ldap" in warning for warning in status["warnings"])
        assert (status["held"], office.site.usage()) == ([], (SEATS, 5, 0))
    assert license_attributes(office.realm)["license.WFM.used"] == "5"

    office.repair()
    document = office.site.call("sync", "--json").document
    released = {(each["username"], each["reason"]) for each in document["changes"] if each["username"]}
    assert released == {("fay", "no_role"), ("ann", "no_role")}
    assert document["complete"]
    assert (document["warnings"], office.site.status()["complete"]) == ([], True)
    assert seated(office.site) == {"bob", "gus", "hal"}


@pytest.mark.parametrize(
    ("away", "back"),
    [
        (MEMBERS_OF_GROUP, None),
        (LDAP_TEST, None),
        (MEMBERS_OF_GROUP, LDAP_TEST),
        (USER_AGAIN, None),
    ],
    ids=["before the lists", "after the lists", "at the lists only", "before users are read again"],
)
def test_a_directory_that_goes_away_in_the_middle_of_a_sync_takes_no_seat_with_it(
    office: Office, away: tuple[str, str], back: tuple[str, str] | None
) -> None:
    map_role("delete", office.realm, "ann")
    office.proxy.on(*away, Run(office.stop))
    if back:
        office.proxy.on(*back, Run(office.repair))

    outcome = office.site.call("sync", "--json")

    if back:
        # The lists lacked everybody; each of them was read again, and believed.
        assert outcome.document["complete"]
        assert seated(office.site) == set(FEDERATED)
    else:
        failed(outcome)
        assert office.site.usage() == (SEATS, 4, 0)
        office.repair()
        office.proxy.heal()
        assert office.site.call("sync", "--json").document["complete"]
        assert seated(office.site) == set(FEDERATED)


def test_the_worker_goes_on_while_the_directory_is_away_and_after(office: Office) -> None:
    office.map_agent("delete", "fay")
    office.stop()
    map_role("post", office.realm, "bob")
    with Worker(office.site, ("--verbose",)) as worker:
        worker.wait_for("sync_finished", complete=False, level="info")
        assert office.site.usage() == (SEATS, 5, 0)
        map_role("delete", office.realm, "ann")
        for _ in range(2):
            worker.wait_for("sync_incomplete", level="debug")
            worker.forget()
        assert office.site.usage() == (SEATS, 5, 0)
        office.repair()
        worker.wait_for("sync_recovered")
        assert told(worker) == [("sync_recovered", None)]
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0
    assert seated(office.site) == {"bob", "gus", "hal"}


@pytest.fixture(scope="module")
def small_realm(keycloak: AdminApi) -> Iterator[RealRealm]:
    with temporary_realm(keycloak, REALM) as realm:
        yield realm


def run_site(realm: RealRealm, folder: Path, url: str) -> Site:
    """A site with two seats, one of which ann has."""
    map_role("post", realm, "ann")
    map_role("delete", realm, "bob")
    site = make_site(folder / "site", realm, **SETTINGS)
    site.init().done()
    site.call("import", site.license("R", {"WFM": 2}), "--replace").done()
    return site.reach(url)


STORMS: dict[str, Fault] = {
    "503": UNAVAILABLE,
    "page": HTML_PAGE,
    "reset": End.RESET,
    "cut": Cut.LENGTH,
}


@pytest.mark.parametrize(
    "storms",
    [
        ("down", "503"),
        # A reset and a cut are one trouble in its words, so each needs another one before it.
        pytest.param(("page", "reset"), marks=pytest.mark.slow),
        pytest.param(("page", "cut"), marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_the_worker_goes_on_by_itself_when_keycloak_is_back(
    small_realm: RealRealm, tmp_path: Path, storms: tuple[str, ...]
) -> None:
    with FaultProxy(small_realm.api.url) as proxy:
        site = run_site(small_realm, tmp_path, proxy.url)
        with Worker(site, ("--verbose",)) as worker:
            worker.wait_for("sync_finished", complete=True)
            troubles: list[tuple[str, Any]] = []
            for storm in storms:
                worker.forget()
                if storm == "down":
                    proxy.down()
                else:
                    proxy.on("*", "", STORMS[storm], times=None)
                    proxy.up()
                worker.wait_for("sync_failed", level="warning")
                worker.wait_for("sync_failed", level="debug")
                troubles += told(worker)
            worker.forget()
            map_role("delete", small_realm, "ann")
            map_role("post", small_realm, "bob")
            assert site.usage() == (2, 1, 0)
            proxy.heal()
            worker.wait_for("sync_recovered")
            worker.signal(signal.SIGTERM)
            assert worker.ended() == 0
        assert seated(site) == {"bob"}
    troubles += told(worker)
    assert troubles.pop() == ("sync_recovered", None)
    assert {event for event, _ in troubles} == {"sync_failed"}
    # No trouble is told twice as long as it lasts.
    assert all(before != after for before, after in pairwise(troubles))


def told(worker: Worker) -> list[tuple[str, Any]]:
    """What people could see of troubles with syncs, and why; attempts may well last until the next tick."""
    seen = [each for each in worker.events if each["level"] != "debug"]
    assert not [each for each in seen if each["event"] in {"?", "sync_crashed"}]
    usual = {"sync_finished", "sync_still_running"}
    return [
        (each["event"], each.get("reasons"))
        for each in seen
        if each["event"].startswith("sync_") and each["event"] not in usual
    ]


class MortalKeycloak(LocalKeycloak):
    """One that can be killed and started again, with what it has on disk."""

    def _process(self, home: Path, own: Path) -> KeycloakProcess:
        self.process = super()._process(home, own)
        return self.process

    def kill(self) -> None:
        """Take it and everything it started away without a warning."""
        os.killpg(self.process._process.pid, signal.SIGKILL)
        self.process._process.wait()

    def restart(self) -> None:
        self.process.__enter__()
        self.url = self._wait_until_ready(self.process)


@pytest.mark.slow
def test_the_worker_outlives_a_keycloak_that_is_killed_while_it_is_written_to(
    pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    with (
        MortalKeycloak(pytestconfig.rootpath / ".cache") as server,
        FaultProxy(server.url) as proxy,
        AdminApi(proxy.url, server.admin_user, server.admin_password) as api,
        temporary_realm(api, REALM) as realm,
    ):
        site = run_site(realm, tmp_path, proxy.url)
        before = license_attributes(realm)
        with Worker(site, ("--verbose",)) as worker:
            worker.wait_for("sync_finished", complete=True)
            worker.forget()
            proxy.on("PUT", f"^/admin/realms/{realm.name}$", Run(server.kill))
            map_role("post", realm, "bob")
            worker.wait_for("sync_failed", level="warning")
            assert site.usage() == (2, 2, 0)
            server.restart()
            proxy.upstream = server.url
            worker.wait_for("sync_recovered")
            worker.signal(signal.SIGTERM)
            assert worker.ended() == 0
        assert license_attributes(realm) == before | {"license.WFM.used": "2", "license.WFM.usage": "100%"}
        assert told(worker).count(("sync_recovered", None)) == 1
        assert site.call("sync", "--json").document["changes"] == []
        assert seated(site) == {"ann", "bob"}
