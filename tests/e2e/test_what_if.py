"""What a change would do to seats, and what it does once it is made in a real realm."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli import CountingProxy, Site, make_site, taken_back, written
from tests.real.keycloak import AdminApi, RealRealm, temporary_realm

APPLICATIONS = {
    "WFM": {
        "name": "Workforce Management",
        "roles": ["WFM_*"],
        "client_roles": {"wfm-app": ["agent"]},
    },
    "QM": {"name": "Quality Management", "roles": ["QM_*"]},
}
PEOPLE: dict[str, dict[str, Any]] = {
    "ann": {"realmRoles": ["WFM_AGENT"]},
    "bob": {"realmRoles": ["WFM_AGENT"], "groups": ["/STAFF/DAY"]},
    "cid": {"groups": ["/STAFF"]},
    "dan": {"realmRoles": ["WFM_AGENT"]},
    "eve": {},
    "fay": {"groups": ["/AGENTS/NIGHT/DEEP"]},
    "gus": {"groups": ["/AGENTS"]},
    "hal": {"groups": ["/AGENTS/NIGHT"], "enabled": False},
}
REALM: dict[str, Any] = {
    "users": [
        {"username": name, "enabled": True, "createdTimestamp": 1_700_000_000_000 + place, **facts}
        for place, (name, facts) in enumerate(PEOPLE.items())
    ],
    "clients": [{"clientId": "wfm-app", "publicClient": False}],
    "roles": {
        "realm": [
            *({"name": name} for name in ("WFM_AGENT", "QM_AGENT", "OTHER")),
            {"name": "LEAD", "composite": True, "composites": {"client": {"wfm-app": ["agent"]}}},
        ],
        "client": {"wfm-app": [{"name": "agent"}]},
    },
    "groups": [
        {"name": "AGENTS", "subGroups": [{"name": "NIGHT", "subGroups": [{"name": "DEEP"}]}]},
        {"name": "STAFF", "realmRoles": ["WFM_AGENT"], "subGroups": [{"name": "DAY"}]},
    ],
}
WRITES = {"PUT", "DELETE", "PATCH"}


@pytest.fixture(scope="module")
def realm(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRealm]:
    with temporary_realm(keycloak, REALM) as made:
        make_site(tmp_path_factory.mktemp("what-if"), made).init().done()
        yield made


@pytest.fixture
def site(realm: RealRealm, tmp_path: Path) -> Iterator[Site]:
    """Three seats of WFM, which ann, bob and cid have; dan waits. QM has as many as are wanted."""
    made = make_site(tmp_path / "site", realm, applications=APPLICATIONS)
    with taken_back(made):
        made.call("import", made.license("OLD", {"WFM": 3, "QM": None})).done()
        yield made


@dataclass(frozen=True)
class Deed:
    """What an admin does: a role given to a user or group, or a user put into a group."""

    what: str
    holder: str

    def path(self, realm: RealRealm) -> tuple[str, list[Any] | None]:
        """Where Keycloak keeps it, and what it is."""
        is_group = self.holder.startswith("/")
        holder = (
            f"/groups/{group_id(realm, self.holder)}" if is_group else f"/users/{realm.user_id(self.holder)}"
        )
        if self.what.startswith("/"):
            return f"{holder}/groups/{group_id(realm, self.what)}", None
        client_id, _, name = self.what.rpartition("/")
        if not client_id:
            return f"{holder}/role-mappings/realm", [realm.get(f"/roles/{name}")]
        [client] = realm.get("/clients", clientId=client_id)
        role = realm.get(f"/clients/{client['id']}/roles/{name}")
        return f"{holder}/role-mappings/clients/{client['id']}", [role]

    def words(self, preposition: str) -> tuple[str, str]:
        return f"--{preposition}-{'group' if self.holder.startswith('/') else 'user'}", self.holder


@dataclass(frozen=True)
class Given(Deed):
    def suppose(self) -> tuple[str, ...]:
        return "--assign", self.what, *self.words("to")

    @contextmanager
    def done(self, realm: RealRealm) -> Iterator[None]:
        path, roles = self.path(realm)
        (realm.put if roles is None else realm.post)(path, roles)
        yield
        realm.delete(path, roles)


@dataclass(frozen=True)
class Taken(Deed):
    def suppose(self) -> tuple[str, ...]:
        return "--remove", self.what, *self.words("from")

    @contextmanager
    def done(self, realm: RealRealm) -> Iterator[None]:
        path, roles = self.path(realm)
        realm.delete(path, roles)
        yield
        (realm.put if roles is None else realm.post)(path, roles)


def group_id(realm: RealRealm, path: str) -> str:
    return str(realm.get(f"/group-by-path{path}")["id"])


def seat_changes(document: Any) -> list[Any]:
    kept = ("kind", "application", "user_id", "username", "reason")
    told = [{key: each[key] for key in kept} for each in document["changes"]]
    return [each for each in told if each["user_id"]]


def who(document: Any) -> list[tuple[str, str, str, int | None]]:
    return [
        (each["kind"], each["application"], each["username"], each["position"])
        for each in document["changes"]
    ]


ASSIGNED, RELEASED, WAITING = "seat_assigned", "seat_released", "waiting"
DEEDS: dict[str, tuple[Given | Taken, list[tuple[str, str, str, int | None]]]] = {
    "a role to a user": (Given("QM_AGENT", "eve"), [(ASSIGNED, "QM", "eve", None)]),
    "a role to a user by his last place": (Given("WFM_AGENT", "eve"), [(WAITING, "WFM", "eve", 2)]),
    "a client role to a user": (Given("wfm-app/agent", "eve"), [(WAITING, "WFM", "eve", 2)]),
    "a composite to a user": (Given("LEAD", "eve"), [(WAITING, "WFM", "eve", 2)]),
    "a role to a group with subgroups": (
        Given("QM_AGENT", "/AGENTS"),
        [(ASSIGNED, "QM", "fay", None), (ASSIGNED, "QM", "gus", None)],
    ),
    "a role to a subgroup": (Given("QM_AGENT", "/AGENTS/NIGHT"), [(ASSIGNED, "QM", "fay", None)]),
    "a group joined below the one that has the role": (
        Given("/STAFF/DAY", "eve"),
        [(WAITING, "WFM", "eve", 2)],
    ),
    "a role taken from a holder": (
        Taken("WFM_AGENT", "ann"),
        [(RELEASED, "WFM", "ann", None), (ASSIGNED, "WFM", "dan", None)],
    ),
    "a role taken from one who waits": (Taken("WFM_AGENT", "dan"), [("waiting_ended", "WFM", "dan", None)]),
    "a role taken that he has by a group as well": (Taken("WFM_AGENT", "bob"), []),
    "a group left whose role he has as well": (Taken("/STAFF/DAY", "bob"), []),
    "a group left": (
        Taken("/STAFF", "cid"),
        [(RELEASED, "WFM", "cid", None), (ASSIGNED, "WFM", "dan", None)],
    ),
    "a role taken from a group": (
        Taken("WFM_AGENT", "/STAFF"),
        [(RELEASED, "WFM", "cid", None), (ASSIGNED, "WFM", "dan", None)],
    ),
    "a role that nothing counts": (Given("OTHER", "eve"), []),
}


@pytest.mark.parametrize("name", DEEDS)
def test_what_would_be_comes_true(site: Site, name: str) -> None:
    deed, expected = DEEDS[name]
    before = written(site)

    foreseen = site.call("what-if", *deed.suppose(), "--json").document

    assert written(site) == before
    assert who(foreseen) == expected
    assert expected or foreseen["remarks"]
    assert foreseen["before"] == site.status()["applications"]
    with deed.done(site.realm):
        done = site.call("sync", "--json").document
    assert foreseen["after"] == done["applications"]
    assert seat_changes(foreseen) == seat_changes(done)


def test_another_licence_would_do_what_its_import_does(site: Site) -> None:
    file = site.license("NEW", {"WFM": 1, "QM": 0})
    before = written(site)

    foreseen = site.call("what-if", "--license", file, "--json").document

    assert written(site) == before
    assert who(foreseen) == [(RELEASED, "WFM", "bob", 1), (RELEASED, "WFM", "cid", 2)]
    done = site.call("import", file, "--replace", "--json").document
    assert foreseen["before"] == done["before"]
    assert foreseen["after"] == done["after"]
    assert foreseen["license"] == done["license"]
    assert seat_changes(foreseen) == seat_changes(done)


def test_a_licence_and_a_role_and_a_leaver_at_once(site: Site) -> None:
    file = site.license("NEW", {"WFM": 4, "QM": 0})
    deeds = (Given("WFM_AGENT", "eve"), Given("WFM_AGENT", "/AGENTS"), Taken("/STAFF", "cid"))
    words = ("--assign", "WFM_AGENT", "--to-user", "eve", "--to-group", "/AGENTS", *deeds[2].suppose())

    foreseen = site.call("what-if", *words, "--license", file, "--json").document

    with deeds[0].done(site.realm), deeds[1].done(site.realm), deeds[2].done(site.realm):
        done = site.call("import", file, "--replace", "--json").document
    assert foreseen["after"] == done["after"]
    assert seat_changes(foreseen) == seat_changes(done)
    assert {username for _, _, username, _ in who(foreseen)} == {"cid", "dan", "eve", "fay", "gus"}


def test_what_a_sync_would_do_anyway_is_not_blamed_on_it(site: Site) -> None:
    with Given("QM_AGENT", "gus").done(site.realm):
        foreseen = site.call("what-if", "--assign", "QM_AGENT", "--to-user", "eve", "--json").document
    assert who(foreseen) == [(ASSIGNED, "QM", "eve", None)]
    used = [[each["used"] for each in foreseen[when] if each["id"] == "QM"] for when in ("before", "after")]
    assert used == [[1], [2]]


def test_keycloak_is_only_read(site: Site) -> None:
    with CountingProxy(site.realm.api.url) as proxy:
        site.reach(proxy.url)
        for words in (
            ("--assign", "WFM_AGENT", "--to-group", "/AGENTS"),
            ("--remove", "WFM_AGENT", "--from-user", "ann"),
            ("--license", str(site.license("NEW", {"WFM": 1}))),
        ):
            site.call("what-if", *words).done()
    posted = {each.partition("?")[0].rpartition("/")[2] for each in proxy.seen if each.startswith("POST")}
    assert posted <= {"token", "partial-export"}
    assert not WRITES & proxy.methods.keys()
    assert proxy.methods["GET"]


WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing": ((), "Nothing to suppose"),
    "a role that is not there": (("--assign", "WFM_AGNET", "--to-user", "eve"), "role 'WFM_AGNET'"),
    "a role in the wrong case": (("--assign", "wfm_agent", "--to-user", "eve"), "role 'wfm_agent'"),
    "a client role that is not there": (("--assign", "wfm-app/boss", "--to-user", "eve"), "wfm-app/boss"),
    "no role at all": (("--assign", "", "--to-user", "eve"), "role ''"),
    "a user who is not there": (("--assign", "WFM_AGENT", "--to-user", "zed"), "'zed'"),
    "no user at all": (("--assign", "WFM_AGENT", "--to-user", ""), "''"),
    "a group that is not there": (("--assign", "WFM_AGENT", "--to-group", "/NONE"), "'/NONE'"),
    "a group without its path": (("--assign", "WFM_AGENT", "--to-group", "AGENTS"), "'AGENTS'"),
    "a step of an address": (("--assign", "WFM_AGENT", "--to-group", "/../users"), "'/../users'"),
    "a group that is no name": (("--assign", "WFM_AGENT", "--to-group", "/a%\0\\b"), "no group"),
    "a group into a group": (("--assign", "/STAFF", "--to-group", "/AGENTS"), "/STAFF"),
    "nobody": (("--assign", "WFM_AGENT"), "--to-user"),
    "nobody to take it from": (("--remove", "WFM_AGENT"), "--from-user"),
    "nothing to give": (("--to-user", "eve"), "--assign"),
    "nothing to take": (("--assign", "WFM_AGENT", "--to-user", "eve", "--from-user", "ann"), "--remove"),
    "both ways": (
        ("--assign", "WFM_AGENT", "--to-user", "eve", "--remove", "WFM_AGENT", "--from-user", "eve"),
        "Both",
    ),
    "a file that is not there": (("--license", "/nowhere.lic"), "/nowhere.lic"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_supposed_is_said(site: Site, name: str) -> None:
    words, told = WRONG[name]
    assert told in site.call("what-if", *words).refused(2)


def test_a_licence_that_is_refused(site: Site) -> None:
    file = site.license("NEW", {"WFM": 1})
    file.write_bytes(file.read_bytes()[:-9])
    site.call("what-if", "--license", file).refused(4)
    site.call("what-if", "--license", site.license("NEW", {"XX": 1})).refused(4)


def test_a_server_that_is_down(site: Site) -> None:
    site.reach("http://127.0.0.1:9")
    site.call("what-if", "--assign", "WFM_AGENT", "--to-user", "eve").refused(3)
