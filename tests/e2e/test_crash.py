"""kill -9 at every write: the next sync ends where an undisturbed one does, and nothing is lost or doubled.

A scene is a realm that has changed since the last sync, with the ledger of before. In it a command is left
undisturbed once; then it dies at its first write, then at its second, and so on until it lives.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from keycloak_license.ledger.connection import create_ledger_engine, reading, writing
from keycloak_license.ledger.store import open_ledger
from keycloak_license.ledger.tables import METADATA, leases
from tests.e2e.cli import HANG_SECONDS, Answer, CountingProxy, Site, license_attributes, make_site
from tests.e2e.crew import APPLICATIONS, Crew
from tests.real.keycloak import AdminApi, RealRealm, temporary_realm
from tests.real.mortal import Death, End, live
from tests.real.postgres import postgres

PEOPLE = ("ann", "bob", "cid", "dan", "eve", "fay")
REDUCED = "REDUCED.lic"
SYNC = ("sync",)
IMPORT = ("import", REDUCED, "--replace")
NEVER_RENEWED = {"lease_seconds": 600}
"""The lease of who is to die: no renewal comes between the writes that are counted."""
RUNS_OUT_SOON = {"lease_seconds": 1}
MEMBER = ("username", "state", "position", "user_id", "email", "paths")
MOST_WRITES = 20
"""Ends a test that would go on for ever."""


@dataclass(frozen=True)
class Content:
    """What is known to everybody after a command, without times."""

    attributes: Mapping[str, str]
    status: Mapping[str, Any]
    members: list[tuple[Any, ...]]
    """Each with the values of `MEMBER`."""
    claims: list[tuple[str, str, bool]]
    events: list[tuple[str, str, str, str]]
    licenses: list[tuple[str, int, bool]]
    """Number, issue, whether it is in force."""

    def of_any_installation(self) -> "Content":
        """The same without the id that a new installation makes up; ledger and realm must agree on it."""
        attributes, status = dict(self.attributes), dict(self.status)
        own_id = status.pop("installation_id")
        assert own_id
        assert attributes.pop("license.installation_id") == own_id
        return replace(self, attributes=attributes, status=status)


@dataclass(frozen=True)
class Scene:
    """A realm and a ledger as they are before a command, and can be again and again."""

    site: Site
    attributes: Mapping[str, str]
    """Of the realm."""
    ledger: Path | None
    """A copy, as SQLite keeps it; None where there is none yet."""
    server: str | None = None
    """The URL of a database for the ledger, unless it is to be a file."""

    def begin(self) -> None:
        """Let everything be as it was."""
        site = self.site
        site.realm.put("", {"attributes": self.attributes})
        for file in site.folder.glob("ledger.db*"):
            file.unlink()
        site.settings["database"] = self.server or f"sqlite:///{site.ledger}"
        if self.server:
            empty(self.server)
            if self.ledger:
                copy_rows(self.ledger, self.server)
        elif self.ledger:
            shutil.copy(self.ledger, site.ledger)

    def live(self, words: tuple[str, ...], death: Death | None = None) -> End:
        """Run a command as a process; when it was killed, its lease has run out on return."""
        site = self.site.configure(sync=NEVER_RENEWED if death else RUNS_OUT_SOON)
        paths = [site.folder / word if word.endswith(".lic") else word for word in words]
        end = live(["--config", site.config, *paths], death)
        if end.was_killed:
            self._let_lease_run_out()
        return end

    def done(self, words: tuple[str, ...]) -> Content:
        """Run a command that must pass, and return what there is then."""
        end = self.live(words)
        assert end.status == 0, end
        return self.content()

    def undisturbed(self, words: tuple[str, ...]) -> Content:
        """What a command leads to when nothing happens."""
        self.begin()
        return self.done(words)

    def deaths(self, words: tuple[str, ...], *, is_before: bool) -> Iterator[int]:
        """Begin again and let a command die at its n-th write, for each n; it lives when there is none."""
        for commit in count(1):
            assert commit <= MOST_WRITES
            self.begin()
            end = self.live(words, Death(commit, is_before))
            if not end.was_killed:
                assert end.status == 0, end
                return
            yield commit

    def _let_lease_run_out(self) -> None:
        """Let the time go by that the next one would wait for; the tests of the proxy do wait."""
        engine = create_ledger_engine(self.database)
        with writing(engine) as connection:
            if connection.dialect.has_table(connection, leases.name):
                connection.execute(update(leases).values(expires_at=leases.c.renewed_at))
        engine.dispose()

    def content(self) -> Content:
        """What there is."""
        with closing(open_ledger(self.database)) as ledger:
            record = ledger.load(self.site.realm.name)
            events = ledger.seat_events(self.site.realm.name)
        document = self.site.call("members", "WFM", "--json").document
        return Content(
            license_attributes(self.site.realm),
            {key: value for key, value in self.site.status().items() if key != "synced_at"},
            [
                (each["username"], each["state"], each["position"], each["paths"])
                for each in document["members"]
            ],
            [(each.application, each.username, each.is_seated) for each in record.claims],
            sorted((each.application, each.username, each.kind, each.reason) for each in events),
            [(each.number, each.issue, each.replaced_at is None) for each in record.licenses],
        )

    @property
    def database(self) -> str:
        url: str = self.site.settings["database"]
        return url


def empty(url: str) -> None:
    """Let a database of PostgreSQL be as if it had just been made, which takes longer."""
    engine = create_ledger_engine(url)
    with writing(engine) as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


def copy_rows(file: Path, url: str) -> None:
    """Bring a ledger from SQLite to an empty database; numbers are given anew, in the same order."""
    open_ledger(url).close()
    source, target = create_ledger_engine(f"sqlite:///{file}"), create_ledger_engine(url)
    with reading(source) as old, writing(target) as new:
        for table in METADATA.sorted_tables:
            columns = [column for column in table.c if column.name != "id"]
            rows = old.execute(select(*columns).order_by(*table.primary_key)).mappings().all()
            if rows:
                new.execute(table.insert(), [dict(row) for row in rows])
    source.dispose()
    target.dispose()


@dataclass(frozen=True)
class Stage:
    """A realm with a licence for four, all seated, and eve who waits; since then bob left and fay came.

    Its admins also made ann a reviewer, for whom there are seats without limit.
    """

    site: Site
    unlicensed: Mapping[str, str]
    """The realm's attributes before any of ours."""
    licensed: Mapping[str, str]
    """The same at the last sync."""
    reduced: Mapping[str, str]
    """The same when the licence's next issue, for two, was in force."""
    ledger: Path
    """A copy of the ledger at the last sync, which has not heard of the next issue."""

    def scene(self, name: str, server: str | None) -> Scene:
        attributes, ledger = {
            "changed": (self.licensed, self.ledger),
            # The ledger comes from a backup, and finds the next issue in the realm.
            "reduced": (self.reduced, self.ledger),
            "new": (self.unlicensed, None),
        }[name]
        return Scene(self.site, attributes, ledger, server)


@pytest.fixture(scope="module")
def stage(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    people = [{"username": name, "enabled": True} for name in PEOPLE]
    roles = [{"name": "WFM_AGENT"}, {"name": "QM_AGENT"}]
    with temporary_realm(keycloak, {"users": people, "roles": {"realm": roles}}) as realm:
        site = make_site(tmp_path_factory.mktemp("crash") / "site", realm, applications=APPLICATIONS)
        site.init().done()
        unlicensed = realm.get()["attributes"]
        for name in PEOPLE[:-1]:
            Crew(site).hire(name)
        seats: dict[str, int | None] = {"WFM": 4, "QM": None}
        site.call("import", site.license("CREW", seats)).done()
        licensed = realm.get()["attributes"]
        copy = site.folder.with_name("copy.db")
        with closing(sqlite3.connect(site.ledger)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        next_issue = site.license("CREW", seats | {"WFM": 2}, issue=2).rename(site.folder / REDUCED)
        site.call("import", next_issue, "--replace").done()
        reduced = realm.get()["attributes"]
        for name, role, verb in (("bob", "WFM", "delete"), ("fay", "WFM", "post"), ("ann", "QM", "post")):
            map_role(realm, name, f"{role}_AGENT", verb)
        yield Stage(site, unlicensed, licensed, reduced, copy)


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    with postgres() as server:
        yield server.create_database()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def scene(request: pytest.FixtureRequest, stage: Stage) -> Callable[[str], Scene]:
    """Makes scenes by name, with the ledger in each kind of database."""
    is_file = request.param == "sqlite"
    server = None if is_file else request.getfixturevalue("postgres_url")
    return lambda name: stage.scene(name, server)


in_a_file = pytest.mark.parametrize("scene", ["sqlite"], indirect=True)


def map_role(realm: RealRealm, username: str, role: str, verb: str) -> None:
    path = f"/users/{realm.user_id(username)}/role-mappings/realm"
    getattr(realm, verb)(path, [realm.get(f"/roles/{role}")])


before_or_after = pytest.mark.parametrize(
    "is_before", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["before", "after"]
)
"""After one is before the next, but for a transaction that is open: the slow run tries both."""


@before_or_after
def test_a_sync_killed_at_any_commit_of_the_ledger(scene: Callable[[str], Scene], is_before: bool) -> None:
    reduced = scene("reduced")
    expected = reduced.undisturbed(SYNC)
    # Somebody left, somebody came, the limit fell, and there is a licence to recover.
    assert [each[:3] for each in expected.members] == [
        ("ann", "seated", None),
        ("cid", "seated", None),
        ("dan", "waiting", 1),
        ("eve", "waiting", 2),
        ("fay", "waiting", 3),
    ]
    assert ("QM", "ann", True) in expected.claims
    assert expected.licenses == [("CREW", 1, False), ("CREW", 2, True)]

    died_at = []
    for commit in reduced.deaths(SYNC, is_before=is_before):
        assert reduced.done(SYNC) == expected, commit
        died_at.append(commit)

    # Lease, licence, seats, the look before the write to Keycloak, and the end of the lease.
    assert len(died_at) >= 5


@before_or_after
def test_an_import_killed_at_any_commit_of_the_ledger_has_happened_or_not(
    scene: Callable[[str], Scene], is_before: bool
) -> None:
    changed = scene("changed")
    without, expected = changed.undisturbed(SYNC), changed.undisturbed(IMPORT)
    assert (without.status["applications"][0]["used"], expected.status["applications"][0]["used"]) == (4, 2)

    has_happened = []
    for commit in changed.deaths(IMPORT, is_before=is_before):
        found = changed.done(SYNC)
        has_happened.append(found.licenses == expected.licenses)
        assert found == (expected if has_happened[-1] else without), commit

    assert len(has_happened) >= 5
    assert has_happened == sorted(has_happened)
    assert set(has_happened) == {False, True}


@in_a_file
def test_an_import_that_was_killed_can_be_done_again(scene: Callable[[str], Scene]) -> None:
    changed = scene("changed")
    expected = changed.undisturbed(IMPORT)
    changed.begin()
    assert changed.live(IMPORT, Death(commit=2, is_before=True)).was_killed
    # Nobody has synced since: it is the import itself that inherits.
    assert changed.done(IMPORT) == expected
    assert changed.done(IMPORT) == expected


@before_or_after
def test_the_first_sync_of_all_killed_at_any_commit_of_the_ledger(
    scene: Callable[[str], Scene], is_before: bool
) -> None:
    new = scene("new")
    expected = new.undisturbed(SYNC).of_any_installation()
    assert [state for _, state, _, _ in expected.members] == ["waiting"] * 5

    died_at = []
    for commit in new.deaths(SYNC, is_before=is_before):
        published = license_attributes(new.site.realm).get("license.installation_id")
        found = new.done(SYNC)
        assert found.of_any_installation() == expected, commit
        # What was told once stays.
        assert published in {None, found.status["installation_id"]}
        died_at.append(commit)

    # The tables, too.
    assert len(died_at) >= 5


class DeadlyProxy(CountingProxy):
    """Holds the first PUT until whoever sent it is dead: before it goes on to Keycloak, or after."""

    def __init__(self, upstream: str, *, is_before: bool) -> None:
        super().__init__(upstream)
        self.is_before = is_before
        self.reached, self.is_dead = threading.Event(), threading.Event()

    def _pass_on(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if method != "PUT":
            return super()._pass_on(method, path, headers, body)
        answer = (503, "", b"") if self.is_before else super()._pass_on(method, path, headers, body)
        self.reached.set()
        assert self.is_dead.wait(HANG_SECONDS)
        return answer


def start(site: Site, *words: str) -> subprocess.Popen[bytes]:
    """The command as a process that nobody waits for."""
    command: list[str | Path] = [sys.executable, "-m", "keycloak_license", "--config", site.config, *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=site.folder, env={"PATH": os.defpath}, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )


@pytest.mark.parametrize(
    "is_before", [pytest.param(True, marks=pytest.mark.slow), False], ids=["before", "after"]
)
@pytest.mark.parametrize(
    "words", [SYNC, pytest.param(IMPORT, marks=pytest.mark.slow)], ids=["sync", "import"]
)
def test_killed_at_the_write_to_keycloak(
    scene: Callable[[str], Scene], words: tuple[str, ...], is_before: bool
) -> None:
    changed = scene("changed")
    site = changed.site
    expected = changed.undisturbed(words)
    changed.begin()
    attributes = license_attributes(site.realm)

    with DeadlyProxy(site.realm.api.url, is_before=is_before) as proxy:
        site.configure(keycloak=site.settings["keycloak"] | {"url": proxy.url}, sync=RUNS_OUT_SOON)
        with start(site, *words) as one:
            while not proxy.reached.wait(0.05):
                assert one.poll() is None, one.communicate()
            one.kill()
            said = one.communicate()
        proxy.is_dead.set()

    assert said == (b"", b"")
    assert (license_attributes(site.realm) == attributes) == is_before
    # The ledger has it already, and the next sync waits until the lease of the dead one has run out.
    with closing(open_ledger(changed.database)) as ledger:
        assert len(ledger.seat_events(site.realm.name)) == len(expected.events)
    assert changed.done(SYNC) == expected
