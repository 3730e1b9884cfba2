"""Several workers share the realms of one ledger: each realm has one of them, and none stays without.

Every worker is a process that says what it does; whose a realm should be is worked out from the ledger.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import select

from keycloak_license.ledger.connection import create_ledger_engine, reading
from keycloak_license.ledger.store import open_ledger
from keycloak_license.ledger.tables import workers
from keycloak_license.model.record import Worker as Member
from keycloak_license.plan.sharing import worker_of
from tests.e2e.cli import HANG_SECONDS, Answer, CountingProxy, Site, license_attributes, make_site
from tests.e2e.test_two_workers import APPLICATIONS, CREW, process_of, troubles
from tests.e2e.test_worker import Gate, Worker, map_role
from tests.real.keycloak import AdminApi, RealRealm, temporary_realm
from tests.real.postgres import PostgresServer, postgres

REALMS = 6
SHORT = 3
"""Short enough to wait for, and long enough that a busy machine lets nobody seem dead."""
LONG = 3600
"""What happens within the time that a test may take happens at once."""
LEFT, DONE = "sync_left_to_another_process", "sync_finished"
TRIES = 30
"""Who takes what is chance; that nobody gets what is wanted in so many draws is none."""


class Sharer(Worker):
    """A worker that tells everything."""

    def __enter__(self) -> Self:
        self.words = ("--verbose",)
        return super().__enter__()

    @property
    def share(self) -> set[str] | None:
        """The realms that it last said to be its own."""
        said = [set(each["realms"]) for each in [*self.events] if each["event"] == "realms_shared"]
        return said[-1] if said else None

    def mark(self) -> int:
        """Where its log has got to."""
        return len(self.events)

    def told(self, since: int, event: str) -> list[dict[str, Any]]:
        return [each for each in self.events[since:] if each["event"] == event]

    def wait_until_told(self, since: int, event: str, realm: str, *, least: int = 0) -> None:
        """Wait until it has said that; of a sync, one with so many changes at least."""

        def is_told() -> bool:
            lines = (each for each in self.told(since, event) if each["realm"] == realm)
            return any(each.get("changes", 0) >= least for each in lines)

        with self._changed:
            assert self._changed.wait_for(is_told, HANG_SECONDS), (event, realm, self.events[since:])


Shares = dict[str, set[str]]
"""The realms of each worker, which goes by the words that all its names begin with."""


@dataclass
class Fleet:
    """Realms, a ledger, and the workers that run at the moment."""

    realms: tuple[RealRealm, ...]
    database: str
    folder: Path
    running: list[Sharer] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def names(self) -> list[str]:
        return [realm.name for realm in self.realms]

    def site(self, interval: int, url: str | None = None) -> Site:
        """One more installation, as on another machine."""
        made = make_site(
            self.folder / f"site {time.monotonic_ns()}",
            self.realms[0],
            realms={name: {} for name in self.names},
            applications=APPLICATIONS,
            database=self.database,
            sync={"interval_seconds": interval, "full_interval_seconds": LONG},
        )
        return made.reach(url or self.realms[0].api.url)

    def join(self, site: Site) -> Sharer:
        """Start a worker."""
        worker = self._stack.enter_context(Sharer(site))
        self.running.append(worker)
        worker.wait_for("worker_started")
        return worker

    def join_for(self, site: Site, *wanted: str) -> Sharer:
        """Start a worker that gets the wanted realms, and leaves some to each other."""
        for _ in range(TRIES):
            worker = self.join(site)
            shares = self.agree()
            if all(shares.values()) and shares[process_of(worker)] >= set(wanted):
                return worker
            self.end(worker)
            self.agree()
        raise AssertionError(f"None of {TRIES} workers got {wanted}")

    def end(self, worker: Sharer) -> None:
        """Stop a worker as an orchestrator does."""
        self.running.remove(worker)
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0
        assert not troubles(worker)

    def kill(self, worker: Sharer) -> None:
        self.running.remove(worker)
        worker.signal(signal.SIGKILL)
        assert worker.ended() == -signal.SIGKILL

    def close(self) -> None:
        self._stack.close()

    def signs(self) -> dict[Member, datetime]:
        """The workers of the ledger, and when each was seen last."""
        engine = create_ledger_engine(self.database)
        with reading(engine) as connection:
            rows = connection.execute(select(workers.c.name, workers.c.realms, workers.c.seen_at)).all()
        engine.dispose()
        return {Member(name, tuple(realms)): seen_at for name, realms, seen_at in rows}

    def agree(self) -> Shares:
        """Wait until those who run are those of the ledger, and each knows what is its own."""
        until = time.monotonic() + HANG_SECONDS
        while True:
            alive = tuple(self.signs())
            takers = {name: worker_of(name, alive) for name in self.names}
            shares = {
                process_of(worker): {name for name, taker in takers.items() if taker and is_of(taker, worker)}
                for worker in self.running
            }
            said = {process_of(worker): worker.share for worker in self.running}
            if len(alive) == len(self.running) and shares == said:
                assert sorted(name for share in shares.values() for name in share) == sorted(self.names)
                return shares
            assert time.monotonic() < until, (alive, said)
            time.sleep(0.05)

    def hire(self, person: str) -> None:
        """Give somebody the role in every realm."""
        for realm in self.realms:
            map_role("post", realm, person)

    def hire_and_see(self, person: str) -> None:
        """Do so, and see each realm synced by the worker that it belongs to, and by nobody else."""
        shares = self.agree()
        for worker in self.running:
            since = worker.mark()
            for name in set(self.names) - shares[process_of(worker)]:
                # What was under way when the realm went to another is over when it is left alone.
                worker.wait_until_told(since, LEFT, name)
        marks = {process_of(worker): worker.mark() for worker in self.running}
        self.hire(person)
        for worker in self.running:
            for name in shares[process_of(worker)]:
                worker.wait_until_told(marks[process_of(worker)], DONE, name, least=1)
        for worker in self.running:
            done = {each["realm"] for each in worker.told(marks[process_of(worker)], DONE)}
            assert done == shares[process_of(worker)]

    def wait_until_seen(self, names: set[str], waiting: int) -> None:
        """Wait until these realms show so many people who wait."""
        for realm in (realm for realm in self.realms if realm.name in names):
            until = time.monotonic() + HANG_SECONDS
            while license_attributes(realm).get("license.WFM.waiting") != str(waiting):
                assert time.monotonic() < until, license_attributes(realm)
                time.sleep(0.05)

    def hired(self) -> list[list[tuple[str, str]]]:
        """What the ledger tells of each realm; without a licence everybody waits."""
        ledger = open_ledger(self.database)
        told = [ledger.seat_events(name) for name in self.names]
        ledger.close()
        return [[(each.username, each.kind) for each in events] for events in told]


def is_of(member: Member, worker: Worker) -> bool:
    return member.name.startswith(process_of(worker) + " ")


@pytest.fixture(scope="module")
def realms(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealRealm, ...]]:
    people = [{"username": name, "enabled": True} for name in CREW]
    roles = {"realm": [{"name": "WFM_AGENT"}]}
    representation = {"users": people, "roles": roles, "adminEventsEnabled": True}
    with ExitStack() as stack:
        made = tuple(stack.enter_context(temporary_realm(keycloak, representation)) for _ in range(REALMS))
        for realm in made:
            make_site(tmp_path_factory.mktemp("init"), realm).init().done()
        yield made


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[PostgresServer]:
    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def fleet(request: pytest.FixtureRequest, realms: tuple[RealRealm, ...], tmp_path: Path) -> Iterator[Fleet]:
    """The same realms each time, in which nobody has the role; no worker runs yet."""
    for realm in realms:
        foreign = {k: v for k, v in realm.get()["attributes"].items() if not k.startswith("license.")}
        realm.put("", {"attributes": foreign})
        for name in CREW:
            map_role("delete", realm, name)
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").create_database()
    made = Fleet(realms, url, tmp_path)
    yield made
    made.close()


slow = pytest.mark.slow
in_both_databases = pytest.mark.parametrize(
    "fleet", ["sqlite", pytest.param("postgresql", marks=slow)], indirect=True
)
on_a_server_first = pytest.mark.parametrize(
    "fleet", [pytest.param("sqlite", marks=slow), "postgresql"], indirect=True
)


@on_a_server_first
def test_each_realm_is_synced_by_one_worker_whoever_comes_and_goes(fleet: Fleet) -> None:
    site = fleet.site(SHORT)
    one = fleet.join(site)
    assert fleet.agree() == {process_of(one): set(fleet.names)}
    other = fleet.join_for(fleet.site(SHORT))
    fleet.hire_and_see("ann")

    fleet.kill(one)
    fleet.hire_and_see("bob")
    assert other.share == set(fleet.names)

    fleet.join_for(site)
    fleet.hire_and_see("cid")
    fleet.end(other)
    fleet.hire_and_see("dan")
    for worker in fleet.running[:]:
        fleet.end(worker)

    assert fleet.hired() == [[(name, "waiting") for name in CREW]] * REALMS
    assert not fleet.signs()


def rest(worker: Sharer, first: str) -> None:
    """Wait until a worker has done what it does at its start: only the first realm is due at once."""
    if first in (worker.share or ()):
        worker.wait_for(DONE, realm=first)
    else:
        worker.wait_for(LEFT, realm=first)


@in_both_databases
def test_a_worker_that_stops_leaves_its_realms_to_the_others_at_once(fleet: Fleet) -> None:
    one = fleet.join(fleet.site(LONG))
    fleet.agree()
    other = fleet.join_for(fleet.site(LONG))
    rest(other, fleet.names[0])
    share = fleet.agree()[process_of(one)]
    fleet.hire("ann")
    since = other.mark()

    fleet.end(one)

    for name in share:
        other.wait_until_told(since, DONE, name)
    # Its own realms are due in an hour: it has looked just once, and only at those it took over.
    assert sorted(each["realm"] for each in other.told(since, DONE)) == sorted(share)
    assert not other.told(since, LEFT)
    fleet.wait_until_seen(share, waiting=1)


class Stuck:
    """Never lets a write arrive."""

    def __init__(self) -> None:
        self.gate = Gate(lambda method, _: method == "PUT")

    def __call__(self, method: str, path: str) -> Answer | None:
        self.gate(method, path)
        return (503, "", b"") if method == "PUT" else None


@in_both_databases
def test_a_worker_that_is_killed_in_the_middle_of_a_sync_is_followed_at_the_first_look(fleet: Fleet) -> None:
    other = fleet.join(fleet.site(LONG))
    fleet.agree()
    rest(other, fleet.names[0])
    fleet.hire("ann")
    stuck = Stuck()
    with CountingProxy(fleet.realms[0].api.url, stuck) as proxy:
        # Of those it gets, only the first realm is due within the next ten minutes.
        one = fleet.join_for(fleet.site(LONG, proxy.url), fleet.names[0])
        assert stuck.gate.reached.wait(HANG_SECONDS)
        share = fleet.agree()[process_of(one)]
        wait_for_a_beat(fleet, one)
        since = other.mark()
        fleet.kill(one)
        stuck.gate.opened.set()

    # Only another one's write can arrive.
    fleet.wait_until_seen(share, waiting=1)
    other.wait_until_told(since, DONE, fleet.names[0])
    # Not even the lease of the sync that was cut off has turned it away: the next look is due in an hour.
    assert [each["realm"] for each in other.told(since, DONE)].count(fleet.names[0]) == 1
    assert not other.told(since, LEFT)
    fleet.end(other)
    assert fleet.hired()[0] == [("ann", "waiting")]


def wait_for_a_beat(fleet: Fleet, worker: Sharer) -> None:
    """Wait until a worker has just given a sign of life."""

    def seen_at() -> datetime:
        [found] = (at for member, at in fleet.signs().items() if is_of(member, worker))
        return found

    before, until = seen_at(), time.monotonic() + HANG_SECONDS
    while seen_at() == before:
        assert time.monotonic() < until
        time.sleep(0.02)
