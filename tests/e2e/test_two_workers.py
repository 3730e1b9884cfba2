"""Two processes and one realm: they take turns, and who was overtaken while it slept writes nothing more.

Each process has a configuration and a proxy of its own, and shares the ledger with the other.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from keycloak_license.ledger.connection import create_ledger_engine, reading, writing
from keycloak_license.ledger.store import SqlLedger, open_ledger
from keycloak_license.ledger.tables import leases
from keycloak_license.services.lease import hold_lease
from tests.e2e.cli import (
    HANG_SECONDS,
    Answer,
    CountingProxy,
    Outcome,
    Site,
    let_pass,
    license_attributes,
    make_site,
)
from tests.e2e.test_worker import Gate, Worker, map_role
from tests.real.keycloak import AdminApi, RealRealm, temporary_realm
from tests.real.postgres import PostgresServer, postgres

APPLICATIONS = {"WFM": {"roles": ["WFM_*"]}}
CREW = ("ann", "bob", "cid", "dan")
SOON = 2
"""Leases that run out at once when nobody renews them."""


@dataclass(frozen=True)
class Turn:
    """Whose lease it was, and which, when a write to Keycloak went on."""

    holder: str
    epoch: int


class Witness(CountingProxy):
    """Notes at each PUT who has the lease: when it goes on to Keycloak, and when it is done."""

    def watch(self, ledger: str, realm: str) -> None:
        """Begin anew, with another ledger."""
        self.turns: list[tuple[Turn, Turn]] = []
        self._ledger, self._realm = ledger, realm
        self.seen.clear()
        self.interfere = let_pass

    def _pass_on(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if method != "PUT":
            return super()._pass_on(method, path, headers, body)
        before = read_turn(self._ledger, self._realm)
        answer = super()._pass_on(method, path, headers, body)
        self.turns.append((before, read_turn(self._ledger, self._realm)))
        return answer


def read_turn(url: str, realm: str) -> Turn:
    engine = create_ledger_engine(url)
    with reading(engine) as connection:
        found = connection.execute(select(leases).where(leases.c.realm == realm)).mappings().one()
    engine.dispose()
    return Turn(found["holder"], found["epoch"])


@dataclass
class Pair:
    """Two installations of one ledger, each with its own way to the same realm."""

    realm: RealRealm
    database: str
    one: Site
    other: Site
    proxies: tuple[Witness, Witness]
    ledger: SqlLedger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = open_ledger(self.database)

    def keep_leases(self, seconds: int) -> None:
        """For how long a lease outlives its last renewal."""
        for site in (self.one, self.other):
            site.settings["sync"] = {"interval_seconds": 1, "lease_seconds": seconds}
            site.configure()

    def hold_one(self, meant: Callable[[str, str], bool]) -> Gate:
        """Hold the first request of one that it is meant for."""
        gate = Gate(meant)
        self.proxies[0].interfere = gate
        return gate

    def pause(self, worker: Worker) -> None:
        """Stop a process, but not in the middle of a write to the ledger, which would lock everybody out."""
        engine = create_ledger_engine(self.database, busy_timeout=HANG_SECONDS)
        with writing(engine):
            worker.signal(signal.SIGSTOP)
        engine.dispose()

    def map(self, **verbs: str) -> None:
        """Give people the role, or take it: ``map(ann="post", bob="delete")``."""
        for name, verb in verbs.items():
            map_role(verb, self.realm, name)

    def known(self) -> tuple[object, ...]:
        """All that a process could have written."""
        record, events = self.ledger.load(self.realm.name), self.ledger.seat_events(self.realm.name)
        return license_attributes(self.realm), record, events

    def events(self) -> list[tuple[str, str]]:
        return [(each.username, each.kind) for each in self.ledger.seat_events(self.realm.name)]

    def seated(self) -> list[str]:
        claims = self.ledger.load(self.realm.name).claims
        return sorted(each.username for each in claims if each.is_seated)

    def wait_until(self, used: int, waiting: int) -> None:
        """Wait until the realm shows so many."""
        until = time.monotonic() + HANG_SECONDS
        wanted = {"license.WFM.used": str(used), "license.WFM.waiting": str(waiting)}
        while not wanted.items() <= license_attributes(self.realm).items():
            assert time.monotonic() < until, license_attributes(self.realm)
            time.sleep(0.05)


@pytest.fixture(scope="module")
def realm(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRealm]:
    people = [
        {"username": name, "enabled": True, "createdTimestamp": 1_700_000_000_000 + place}
        for place, name in enumerate(CREW)
    ]
    roles = {"realm": [{"name": "WFM_AGENT"}]}
    # With events nobody waits ten times as long as a read has taken that the test has held up.
    representation = {"users": people, "roles": roles, "adminEventsEnabled": True}
    with temporary_realm(keycloak, representation) as made:
        make_site(tmp_path_factory.mktemp("two"), made).init().done()
        yield made


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[PostgresServer]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="module")
def proxies(realm: RealRealm) -> Iterator[tuple[Witness, Witness]]:
    """Used again and again, for they take long to stop."""
    with Witness(realm.api.url) as one, Witness(realm.api.url) as other:
        yield one, other


slow = pytest.mark.slow


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=slow)])
def pair(
    request: pytest.FixtureRequest, realm: RealRealm, proxies: tuple[Witness, Witness], tmp_path: Path
) -> Iterator[Pair]:
    """The same realm each time, where nobody has the role and nothing is ours but the client."""
    foreign = {k: v for k, v in realm.get()["attributes"].items() if not k.startswith("license.")}
    realm.put("", {"attributes": foreign})
    for name in CREW:
        map_role("delete", realm, name)
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").create_database()
    sites: list[Site] = []
    for proxy in proxies:
        proxy.watch(url, realm.name)
        site = make_site(
            tmp_path / f"site {len(sites)}",
            realm,
            applications=APPLICATIONS,
            database=url,
            sync={"interval_seconds": 1},
        )
        sites.append(site)
        site.settings["keycloak"] = site.settings["keycloak"] | {"url": proxy.url}
        site.settings["trusted_keys"] = str(sites[0].keys)
        site.configure()
    made = Pair(realm, url, sites[0], sites[1], proxies)
    yield made
    made.ledger.close()


in_a_file = pytest.mark.parametrize("pair", ["sqlite"], indirect=True)
in_both_databases = pytest.mark.parametrize(
    "pair", [pytest.param("sqlite", marks=slow), "postgresql"], indirect=True
)


def start(site: Site, *words: str | Path) -> subprocess.Popen[str]:
    """A command as a process that nobody waits for yet."""
    command: list[str | Path] = [sys.executable, "-m", "keycloak_license", "--config", site.config, *words]
    return subprocess.Popen(
        command,
        cwd=site.folder,
        env={"PATH": os.defpath},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> Outcome:
    stdout, stderr = process.communicate(timeout=HANG_SECONDS)
    return Outcome(process.returncode, stdout, stderr)


def process_of(worker: Worker) -> str:
    """How a worker is called in the ledger."""
    return f"{socket.gethostname()} process {worker._process.pid}"


def troubles(worker: Worker, *expected: str) -> list[dict[str, Any]]:
    """Log lines that say that something is wrong, besides those expected; a traceback is among them."""
    fine = {"sync_still_running", *expected}
    return [
        each
        for each in worker.events
        if each.get("level") not in {"info", "debug"}
        # With --verbose the scheduler says the same as we do about a tick that came too early.
        and not (each["event"] in fine or each.get("logger") == "apscheduler.scheduler")
    ]


@in_both_databases
def test_two_workers_take_turns_and_do_the_work_of_one(pair: Pair) -> None:
    pair.one.call("import", pair.one.license("W", {"WFM": 2})).done()
    imported = len(pair.proxies[0].turns)

    with Worker(pair.one, ("--verbose",)) as one:
        pair.map(ann="post")
        pair.wait_until(used=1, waiting=0)
        gate = pair.hold_one(lambda method, _: method == "PUT")
        pair.map(bob="post")
        assert gate.reached.wait(HANG_SECONDS)
        with Worker(pair.other, ("--verbose",)) as other:
            # In the middle of the one's writes the other keeps away.
            other.wait_for("sync_left_to_another_process", realm=pair.realm.name)
            gate.opened.set()
            pair.wait_until(used=2, waiting=0)
            for change, expected in (
                ({"cid": "post"}, (2, 1)),
                ({"ann": "delete"}, (2, 0)),
            ):
                pair.map(**change)
                pair.wait_until(*expected)
            one.signal(signal.SIGTERM)
            assert one.ended() == 0
            pair.map(bob="delete")
            pair.wait_until(used=1, waiting=0)
            other.signal(signal.SIGTERM)
            assert other.ended() == 0

    for worker, turns in ((one, pair.proxies[0].turns[imported:]), (other, pair.proxies[1].turns)):
        assert turns
        assert all(before == after for before, after in turns)
        assert {before.holder for before, _ in turns} == {process_of(worker)}
        assert not troubles(worker)
    epochs = [[before.epoch for before, _ in proxy.turns] for proxy in pair.proxies]
    assert not set(epochs[0]) & set(epochs[1])
    assert pair.events() == [
        ("ann", "seat_assigned"),
        ("bob", "seat_assigned"),
        ("cid", "waiting"),
        ("ann", "seat_released"),
        ("cid", "seat_assigned"),
        ("bob", "seat_released"),
    ]
    before = pair.known()[0]
    assert pair.other.call("sync", "--json").document["changes"] == []
    assert (pair.known()[0], pair.other.usage()) == (before, (2, 1, 0))


@slow
def test_a_worker_that_is_killed_is_followed_by_the_other_as_soon_as_its_lease_has_run_out(
    pair: Pair,
) -> None:
    pair.keep_leases(SOON)
    pair.one.call("import", pair.one.license("W", {"WFM": 2})).done()
    gate = Gate(lambda method, _: method == "PUT")

    def never_arrives(method: str, path: str) -> Answer | None:
        gate(method, path)
        return (503, "", b"") if method == "PUT" else None

    pair.proxies[0].interfere = never_arrives
    pair.map(ann="post")
    with Worker(pair.one) as one:
        assert gate.reached.wait(HANG_SECONDS)
        with Worker(pair.other, ("--verbose",)) as other:
            other.wait_for("sync_left_to_another_process")
            one.signal(signal.SIGKILL)
            assert one.ended() == -signal.SIGKILL
            pair.map(bob="post")
            pair.wait_until(used=2, waiting=0)
            other.signal(signal.SIGTERM)
            assert other.ended() == 0
        gate.opened.set()

    assert not troubles(other)
    assert pair.events() == [("ann", "seat_assigned"), ("bob", "seat_assigned")]


class AfterThat:
    """The first request of one kind that comes after one of another."""

    def __init__(self, first: str, then: str) -> None:
        self._todo = [re.compile(then), re.compile(first)]

    def __call__(self, method: str, path: str) -> bool:
        if self._todo and self._todo[-1].search(f"{method} {path}"):
            self._todo.pop()
        return not self._todo


ANYTHING = ""
READS_SERVICE_ACCOUNTS = "GET .*/service-account-user"
"""The last that a read asks for."""
BEFORE_KEYCLOAK = (READS_SERVICE_ACCOUNTS, "GET /admin/realms/[^/]+$")
BEFORE_THE_LEDGER = (ANYTHING, READS_SERVICE_ACCOUNTS)
WHILE_IT_READS = (ANYTHING, "GET .*/users")


@pytest.mark.parametrize(
    ("pair", "moment"),
    [
        pytest.param("sqlite", BEFORE_KEYCLOAK, id="sqlite-before it writes to Keycloak", marks=slow),
        pytest.param("postgresql", BEFORE_KEYCLOAK, id="postgresql-before it writes to Keycloak"),
        pytest.param("sqlite", BEFORE_THE_LEDGER, id="sqlite-before it writes to the ledger", marks=slow),
        pytest.param(
            "postgresql", BEFORE_THE_LEDGER, id="postgresql-before it writes to the ledger", marks=slow
        ),
        pytest.param("sqlite", WHILE_IT_READS, id="sqlite-while it reads", marks=slow),
        pytest.param("postgresql", WHILE_IT_READS, id="postgresql-while it reads", marks=slow),
    ],
    indirect=["pair"],
)
def test_a_worker_that_slept_while_another_took_over_writes_nothing_more_when_it_wakes(
    pair: Pair, moment: tuple[str, str]
) -> None:
    pair.keep_leases(SOON)
    pair.one.call("import", pair.one.license("W", {"WFM": 2})).done()
    pair.map(ann="post")
    pair.one.call("sync").done()
    gate = pair.hold_one(AfterThat(*moment))
    pair.map(bob="post")
    with Worker(pair.one) as one:
        assert gate.reached.wait(HANG_SECONDS)
        pair.pause(one)
        gate.opened.set()
        pair.map(ann="delete", bob="delete", cid="post")
        pair.other.call("sync").done()
        assert pair.seated() == ["cid"]

        with hold_lease(pair.ledger, pair.realm.name, HANG_SECONDS):
            # As long as this lasts, it cannot begin anew: all it does is to end what it was at.
            before, puts = pair.known(), pair.proxies[0].methods["PUT"]
            one.signal(signal.SIGCONT)
            line = one.wait_for("sync_overtaken", realm=pair.realm.name)
            assert pair.known() == before
            assert pair.proxies[0].methods["PUT"] == puts
        assert "took over" in line["error"]
        pair.map(dan="post")
        pair.wait_until(used=2, waiting=0)
        one.signal(signal.SIGTERM)
        assert one.ended() == 0

    assert not troubles(one, "sync_overtaken")
    assert [each["event"] for each in one.events].count("sync_overtaken") == 1
    assert pair.seated() == ["cid", "dan"]
    kinds = {name: [kind for who, kind in pair.events() if who == name] for name in CREW}
    # Before the write to Keycloak the ledger had bob already.
    had_bob = moment is BEFORE_KEYCLOAK
    assert kinds == {
        "ann": ["seat_assigned", "seat_released"],
        "bob": ["seat_assigned", "seat_released"] if had_bob else [],
        "cid": ["seat_assigned"],
        "dan": ["seat_assigned"],
    }


@slow
def test_a_command_that_slept_while_another_took_over_says_so_in_one_sentence(pair: Pair) -> None:
    pair.keep_leases(SOON)
    pair.one.call("import", pair.one.license("W", {"WFM": 1})).done()
    gate = pair.hold_one(AfterThat(*BEFORE_THE_LEDGER))
    pair.map(ann="post")
    with start(pair.one, "sync", "--json") as one:
        assert gate.reached.wait(HANG_SECONDS)
        one.send_signal(signal.SIGSTOP)
        gate.opened.set()
        pair.map(bob="post")
        pair.other.call("sync").done()
        before = pair.known()
        one.send_signal(signal.SIGCONT)
        sentence = end(one).refused(3)

    assert "took over" in sentence
    assert "run the command again" in sentence
    assert pair.known() == before


@in_a_file
def test_a_write_that_was_on_its_way_when_the_worker_fell_asleep_is_put_right_by_the_next_sync(
    pair: Pair,
) -> None:
    """Keycloak knows no leases, so what has left cannot be called back; the ledger is right all the time."""
    pair.keep_leases(SOON)
    pair.one.call("import", pair.one.license("W", {"WFM": 1})).done()
    gate = pair.hold_one(lambda method, _: method == "PUT")
    pair.map(ann="post")
    with Worker(pair.one) as one:
        assert gate.reached.wait(HANG_SECONDS)
        pair.pause(one)
        pair.map(bob="post")
        pair.other.call("sync").done()
        record = pair.ledger.load(pair.realm.name)
        gate.opened.set()
        pair.wait_until(used=1, waiting=0)
        assert pair.ledger.load(pair.realm.name) == record
        one.signal(signal.SIGKILL)
        assert one.ended() == -signal.SIGKILL

    pair.other.call("sync").done()
    pair.wait_until(used=1, waiting=1)
    assert pair.events() == [("ann", "seat_assigned"), ("bob", "waiting")]


@pytest.mark.parametrize("command", [pytest.param("sync", marks=slow), "import"])
@in_a_file
def test_a_command_waits_politely_until_a_worker_is_done(pair: Pair, command: str) -> None:
    pair.one.call("import", pair.one.license("W", {"WFM": 1})).done()
    words: list[str | Path] = [command, "--json"]
    if command == "import":
        words += [pair.other.license("X", {"WFM": 2}), "--replace"]
        # The other installation is made with a vendor of its own.
        pair.other.vendor.publish(pair.one.keys)
    gate = pair.hold_one(lambda method, _: method == "PUT")
    pair.map(ann="post")
    with Worker(pair.one) as one:
        assert gate.reached.wait(HANG_SECONDS)
        pair.map(bob="post")
        with start(pair.other, *words) as waiting:
            wait_until_open(waiting, pair.database.removeprefix("sqlite:///"))
            assert waiting.poll() is None
            # It has not even looked at Keycloak.
            assert pair.proxies[1].seen == []
            gate.opened.set()
            document = end(waiting).done().document
        one.signal(signal.SIGTERM)
        assert one.ended() == 0

    [waited_for], turns = pair.proxies[0].turns[-1:], pair.proxies[1].turns
    assert all(before == after for before, after in [waited_for, *turns])
    assert not troubles(one)
    seats = 2 if command == "import" else 1
    assert pair.other.usage() == (seats, seats, 2 - seats)
    assert document
    assert [who for who, kind in pair.events() if kind == "seat_assigned"] == ["ann", "bob"][:seats]


def wait_until_open(process: subprocess.Popen[str], file: str) -> None:
    """Wait until a process has the ledger open: what it does next is to ask for the lease."""
    until = time.monotonic() + HANG_SECONDS
    while file not in open_files(process.pid):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


def open_files(pid: int) -> set[str]:
    """What a process has open; it may close some while they are looked at."""
    found: set[str] = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(os.path.realpath(each))
    return found


@in_both_databases
def test_two_first_syncs_at_once_agree_on_one_installation(pair: Pair) -> None:
    pair.map(ann="post", bob="post")

    with start(pair.one, "sync", "--json") as one, start(pair.other, "sync", "--json") as other:
        documents = [end(process).done().document for process in (one, other)]

    [told] = {document["installation_id"] for document in documents}
    record = pair.ledger.load(pair.realm.name)
    assert str(UUID(told)) == told == record.installation_id
    assert license_attributes(pair.realm)["license.installation_id"] == told
    assert pair.events() == [("ann", "waiting"), ("bob", "waiting")]
    # One did it, the other found nothing to do.
    assert sorted(len(proxy.turns) for proxy in pair.proxies) == [0, 1]
    assert [] in [document["changes"] for document in documents]


@slow
def test_an_import_while_two_workers_run_is_carried_out_once(pair: Pair) -> None:
    pair.one.call("import", pair.one.license("W", {"WFM": 1})).done()
    pair.map(ann="post", bob="post", cid="post")
    with Worker(pair.one) as one, Worker(pair.other) as other:
        pair.wait_until(used=1, waiting=2)
        for number, seats in enumerate((3, 2), start=1):
            file = pair.one.license(f"X-{number}", {"WFM": seats})
            pair.one.run("import", file, "--replace").done()
            pair.wait_until(used=seats, waiting=3 - seats)
        for worker in (one, other):
            worker.signal(signal.SIGTERM)
            assert worker.ended() == 0
            assert not troubles(worker)

    assert all(before == after for proxy in pair.proxies for before, after in proxy.turns)
    numbers = [(each.number, each.replaced_at is None) for each in pair.ledger.load(pair.realm.name).licenses]
    assert numbers == [("W", False), ("X-1", False), ("X-2", True)]
    assert len(pair.seated()) == 2
    kinds = [kind for _, kind in pair.events()]
    assert (kinds.count("waiting"), kinds.count("seat_assigned"), kinds.count("seat_released")) == (2, 3, 1)


@slow
def test_a_command_gives_up_after_a_while_and_says_who_is_at_work(pair: Pair) -> None:
    pair.keep_leases(3)
    before = pair.known()
    with (
        closing(open_ledger(pair.database, lease_duration=timedelta(seconds=3))) as ledger,
        hold_lease(ledger, pair.realm.name, 0) as fence,
    ):
        sentence = pair.one.run("sync").refused(3)
    assert fence.lease.holder in sentence
    assert pair.realm.name in sentence
    assert "run the command again" in sentence
    assert pair.known() == before
    assert pair.proxies[0].seen == []
