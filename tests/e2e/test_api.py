"""The calls of the API on a real realm, with real tokens: what programs get, and what they are refused."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.e2e.cli import CountingProxy, Site, application, license_attributes, make_site, written
from tests.e2e.screen import APPLICATIONS, MANAGER, OTHER, PASSWORD, REALM, Screen, people, serve
from tests.real.keycloak import AdminApi, MakeRealm, RealRealm, temporary_realm

ODD = "jiří+o'neil@example.com"
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def realm(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRealm]:
    odd = {"username": ODD, "enabled": True, "groups": ["/AGENTS"], "createdTimestamp": 1_700_000_000_900}
    with temporary_realm(keycloak, REALM | {"users": [*people(), odd]}) as realm:
        make_site(tmp_path_factory.mktemp("realm"), realm).init().done()
        yield realm


@pytest.fixture
def site(realm: RealRealm, tmp_path: Path) -> Site:
    """The same realm each time, without anything of ours but the client."""
    kept = {name: value for name, value in realm.get()["attributes"].items() if "license." not in name}
    realm.put("", {"attributes": kept})
    return make_site(tmp_path / "site", realm, applications=APPLICATIONS)


@pytest.fixture
def screen(site: Site) -> Iterator[Screen]:
    with serve(site) as screen:
        yield screen


@pytest.fixture
def marta(screen: Screen) -> "Program":
    return Program(screen.api, screen.bearer())


class Program:
    """Calls the API of a realm with a token."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.url, self.headers = url, headers

    def ask(self, path: str, **query: str) -> requests.Response:
        return requests.get(f"{self.url}/{path}", params=query, headers=self.headers, timeout=120)

    def get(self, path: str, **query: str) -> Any:
        answer = self.ask(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, body: Any, content_type: str = "application/jose", **query: str) -> requests.Response:
        headers = self.headers | {"Content-Type": content_type}
        return requests.post(f"{self.url}/license", body, params=query, headers=headers, timeout=120)

    def import_file(self, file: Path, **query: str) -> Any:
        answer = self.send(file.read_bytes(), **query)
        assert answer.status_code == 200, answer.text
        return answer.json()


def problem(answer: requests.Response, status: int) -> str:
    """The sentence of a request that must have been refused, in JSON and nothing else."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    [(name, sentence)] = answer.json().items()
    assert name == "detail"
    return str(sentence)


def test_programs_get_what_the_commands_print(marta: Program, site: Site, realm: RealRealm) -> None:
    assert marta.get("license") == {"realm": realm.name, "installation_id": None} | site.status()["license"]
    site.call("import", site.license("T-1", {"WFM": 3, "QM": None})).done()
    status = site.status()
    head = {name: status[name] for name in ("realm", "installation_id")}
    assert marta.get("license") == head | status["license"]
    assert (status["license"]["number"], status["installation_id"] is None) == ("T-1", False)
    usage = {name: status[name] for name in ("applications", "synced_at", "complete")}
    assert marta.get("applications") == usage
    for application_id in ("WFM", "QM"):
        told = site.call("members", application_id, "--json").document
        assert marta.get(f"applications/{application_id}/members") == told
    for who in ("agent1", "agent5", OTHER, ODD):
        told = site.call("explain", who, "--json").document
        assert marta.get(f"users/{quote(who)}") == told
        assert marta.get(f"users/{realm.user_id(who)}") == told


def test_the_members_may_be_only_those_who_wait(marta: Program, site: Site) -> None:
    site.call("import", site.license("T-1", {"WFM": 3})).done()

    def names(**query: str) -> list[str]:
        return [each["username"] for each in marta.get("applications/WFM/members", **query)["members"]]

    assert names(state="seated") == ["agent1", "agent2", "agent3"]
    assert names(state="waiting") == ["agent4", "agent5", ODD]
    assert names() == names(state="seated") + names(state="waiting")
    assert "state" in problem(marta.ask("applications/WFM/members", state="all"), 422)


def test_a_dry_run_tells_what_the_command_tells_and_changes_nothing(
    marta: Program, screen: Screen, site: Site
) -> None:
    site.call("import", site.license("T-1", {"WFM": 3})).done()
    file, before = site.license("T-2", {"WFM": 1}), written(site)
    told = site.call("import", file, "--dry-run", "--json").document
    assert marta.import_file(file, dry_run="true") == told | {"dry_run": True}
    assert (told["replaces"], application({"applications": told["after"]}, "WFM")["waiting"]) == (["T-1"], 5)
    assert (written(site), screen.audit()) == (before, [])


@pytest.mark.parametrize("form", ["application/jose", "application/x-www-form-urlencoded", "json", "form"])
def test_a_licence_comes_in_any_of_its_forms(marta: Program, screen: Screen, site: Site, form: str) -> None:
    file = site.license("T-1", {"WFM": 4}).read_bytes()
    url = f"{marta.url}/license"
    match form:
        case "json":
            sent = {"license": file.decode()}
            answer = requests.post(url, json=sent, headers=marta.headers, timeout=120)
        case "form":
            answer = requests.post(url, files={"file": ("x.lic", file)}, headers=marta.headers, timeout=120)
        case _:
            answer = marta.send(file, form)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert (document["dry_run"], document["already_imported"], document["replaces"]) == (False, False, [])
    assert document["license"] == site.status()["license"]
    assert document["after"] == site.status()["applications"]
    assert {each["kind"] for each in document["changes"]} >= {"seat_assigned", "attribute_set"}
    assert site.usage() == (4, 4, 2)
    assert license_attributes(site.realm)["license.number"] == "T-1"
    assert screen.audit() == [(MANAGER, "import", None)]


def test_what_is_seen_after_an_import_is_what_it_has_done(marta: Program, site: Site) -> None:
    assert marta.get("applications/WFM/members")["seats"] == 0
    marta.import_file(site.license("T-1", {"WFM": 2}))
    assert marta.get("applications/WFM/members")["seats"] == 2


def test_another_licence_is_replaced_only_when_that_is_asked_for(
    marta: Program, screen: Screen, site: Site
) -> None:
    marta.import_file(site.license("OLD", {"WFM": 2}))
    before, new = written(site), site.license("NEW", {"WFM": 3})

    sentence = problem(marta.send(new.read_bytes()), 409)
    assert "OLD" in sentence
    assert "replace=true" in sentence
    assert written(site) == before

    assert marta.import_file(new, replace="true")["replaces"] == ["OLD"]
    assert (site.status()["license"]["number"], site.usage()) == ("NEW", (3, 3, 3))
    done, refused, first = screen.audit()
    assert (done, first) == ((MANAGER, "import", None), (MANAGER, "import", None))
    assert refused[:2] == (MANAGER, "import")
    assert refused[2]
    assert "OLD" in refused[2]


def test_the_same_file_again_changes_nothing(marta: Program, site: Site) -> None:
    file = site.license("T-1", {"WFM": 2})
    marta.import_file(file)
    before = written(site)
    again = marta.import_file(file)
    assert (again["already_imported"], again["changes"], again["replaces"]) == (True, [], [])
    assert again["before"] == again["after"]
    assert written(site) == before


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", b"a.b.c", b"\x00\xff", b"x" * 66_000],
    ids=["nothing", "a word", "three parts", "bytes", "too much"],
)
def test_a_file_that_is_refused_is_refused_with_the_sentence_of_the_command(
    marta: Program, screen: Screen, site: Site, content: bytes
) -> None:
    file = site.folder / "bad.lic"
    file.write_bytes(content)
    sentence = site.call("import", file).refused(4).removeprefix("Error: ").removesuffix(".\n")
    before = written(site)
    for query in ({}, {"replace": "true"}, {"dry_run": "true"}):
        assert problem(marta.send(content, **query), 422).removesuffix(".") == sentence
    assert written(site) == before
    kept = [(who, action, why and why.removesuffix(".")) for who, action, why in screen.audit()]
    assert kept == [(MANAGER, "import", sentence)] * 2


def test_what_is_no_licence_file_in_its_form_is_refused(marta: Program) -> None:
    url = f"{marta.url}/license"
    for body in ("", "{", "[]", '{"license": 1}', '{"license": "x", "more": 1}', '{"licence": "x"}'):
        assert "correct it" in problem(marta.send(body.encode(), "application/json; charset=utf-8"), 422)
    for files in ({"other": ("x.lic", b"x")}, {"file": (None, "x")}):
        answer = requests.post(url, files=files, headers=marta.headers, timeout=120)
        assert "field `file`" in problem(answer, 422)
    assert "form" in problem(marta.send(b"<a/>", "application/xml"), 415)
    assert problem(marta.send(b"--x\r\n", "multipart/form-data; boundary=\xff"), 400)
    assert "dry_run" in problem(marta.send(b"x", dry_run="perhaps"), 422)
    assert "64 KiB" in problem(marta.send(b"x" * 200_000), 413)


@pytest.mark.parametrize("who", ["nobody", UNKNOWN, "agent", "a/b", "..", "%2e%2e", "a b", "\x01", "č?&#"])
def test_nobody_is_found_by_the_name_of_somebody_else(marta: Program, who: str) -> None:
    assert "There is no" in problem(marta.ask(f"users/{quote(who, safe='')}"), 404)


def test_what_is_not_there_is_404_and_what_cannot_be_done_405(marta: Program, screen: Screen) -> None:
    assert problem(marta.ask("applications/nothing/members"), 404)
    assert problem(marta.ask("applications/wfm/members"), 404)
    assert problem(marta.ask("nothing"), 404)
    elsewhere = Program(f"{screen.url}/api/v1/realms/nothing", marta.headers)
    for path in ("license", "applications", "applications/WFM/members", "users/agent1"):
        assert problem(elsewhere.ask(path), 404)
    answer = requests.delete(f"{marta.url}/license", headers=marta.headers, timeout=120)
    assert (problem(answer, 405), answer.headers["Allow"]) == ("This cannot be done here", "GET, POST")
    answer = requests.post(f"{marta.url}/applications", headers=marta.headers, timeout=120)
    assert (problem(answer, 405), answer.headers["Allow"]) == ("This cannot be done here", "GET")


def test_without_a_token_it_is_401_and_without_the_role_403(screen: Screen, site: Site) -> None:
    before, file = written(site), site.license("T-1", {"WFM": 2}).read_bytes()
    for headers, status in (({}, 401), ({"Authorization": "Bearer x"}, 401), (screen.bearer(OTHER), 403)):
        program = Program(screen.api, headers)
        answers = [program.ask(path) for path in ("license", "applications", "users/agent1")]
        for answer in (*answers, program.ask("applications/WFM/members"), program.send(file)):
            assert problem(answer, status)
            assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert (written(site), screen.audit()) == (before, [])


def test_who_uploads_too_often_is_told_for_how_long_to_wait(marta: Program) -> None:
    for _ in range(20):
        problem(marta.send(b"x"), 422)
    answer = marta.send(b"x", dry_run="true")
    assert problem(answer, 429)
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert marta.get("license")


def test_while_keycloak_is_down_programs_are_told_to_try_again(site: Site, realm: RealRealm) -> None:
    site.call("import", site.license("T-1", {"WFM": 3})).done()
    status = site.status()
    is_down, late = [False], [timedelta()]

    def interfere(_method: str, _path: str) -> tuple[int, str, bytes] | None:
        return (503, "text/plain", b"down") if is_down[0] else None

    with (
        CountingProxy(realm.api.url, interfere) as proxy,
        serve(site.reach(proxy.url), clock=lambda: datetime.now(UTC) + late[0]) as screen,
    ):
        marta = Program(screen.api, {"Authorization": f"Bearer {token_at(proxy.url, realm)}"})

        def refused(path: str) -> None:
            answer = marta.ask(path)
            assert "Keycloak" in problem(answer, 503)
            assert int(answer.headers["Retry-After"]) > 0

        is_down[0] = True
        refused("license")
        is_down[0] = False
        # That nobody answers is believed for two seconds.
        while marta.ask("license").status_code == 503:
            time.sleep(0.2)
        assert marta.get("license")["number"] == "T-1"
        is_down[0] = True
        # The role is believed for a minute, and this is in the ledger.
        assert marta.get("applications")["applications"] == status["applications"]
        refused("users/agent1")
        refused("applications/WFM/members")
        late[0] = timedelta(minutes=1)
        refused("applications")
        is_down[0] = False
        assert marta.get("applications/WFM/members")["seats"] == 3


def token_at(url: str, realm: RealRealm) -> str:
    """A token of Keycloak under another address: it names where it was asked for."""
    form = {"grant_type": "password", "client_id": "portal", "username": MANAGER, "password": PASSWORD}
    address = f"{url}/realms/{realm.name}/protocol/openid-connect/token"
    return str(requests.post(address, form, timeout=120).json()["access_token"])


def test_a_token_of_one_realm_is_nothing_in_another(
    site: Site, realm: RealRealm, make_realm: MakeRealm
) -> None:
    other = make_realm(REALM | {"users": people()})
    site.settings["realms"] = {realm.name: {}, other.name: {}}
    beside = Site(site.folder, other, site.settings)
    beside.configure().init("--realm", other.name).done()
    site.call("import", site.license("HERE", {"WFM": 1}), "--realm", realm.name).done()
    site.call("import", site.license("THERE", {"WFM": 2}), "--realm", other.name).done()
    with serve(site) as screen:
        here = Screen(site, screen.server, screen.url)
        there = Screen(beside, screen.server, screen.url)
        for one, another, number in ((here, there, "HERE"), (there, here, "THERE")):
            own, foreign = Program(one.api, one.bearer()), Program(another.api, one.bearer())
            assert own.get("license")["number"] == number
            for path in ("license", "applications", "applications/WFM/members", "users/agent1"):
                assert problem(foreign.ask(path), 401)
            assert problem(foreign.send(site.license("T-3", {"WFM": 5}).read_bytes()), 401)
        assert (here.audit(), there.audit()) == ([], [])
