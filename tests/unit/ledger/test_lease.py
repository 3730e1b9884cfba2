"""One process at a time may write about a realm, in every ledger, whatever the clocks do."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import assert_never

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from keycloak_license.errors import LeaseLostError, LeaseTakenError
from keycloak_license.ledger.connection import writing
from keycloak_license.ledger.store import SqlLedger, open_ledger
from keycloak_license.ledger.tables import METADATA, leases
from keycloak_license.model.record import Lease, StoredLicense
from keycloak_license.services.ports import Ledger
from tests.fakes import MemoryLedger
from tests.real.postgres import PostgresServer
from tests.unit.ledger.samples import a_license, assign, sync

HOUR = timedelta(hours=1)
"""How long a lease lasts here: so long that no test is slow enough for one to run out by itself."""
MINUTE = timedelta(minutes=1)
YEAR = timedelta(days=365)


@dataclass
class Clock:
    """A clock that can be set; it goes on from there."""

    offset: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset


@dataclass
class Memory:
    """A ledger in memory; every process sees the same."""

    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.opened = [MemoryLedger(lease_duration=HOUR, clock=self.clock)]

    def open(self) -> Ledger:
        return self.opened[0]

    def set_clock(self, by: timedelta) -> None:
        self.clock.offset += by


@dataclass
class Database:
    """A ledger in a database; `open` is what one process does."""

    url: str
    opened: list[SqlLedger] = field(default_factory=list)

    def open(self) -> SqlLedger:
        self.opened.append(open_ledger(self.url, lease_duration=HOUR))
        return self.opened[-1]

    def set_clock(self, by: timedelta) -> None:
        """Move what is written instead: nobody can set the clock of a database server."""
        with writing(self.opened[0]._engine) as connection:
            instants = select(leases.c.realm, leases.c.renewed_at, leases.c.expires_at)
            for realm, *both in connection.execute(instants).all():
                renewed_at, expires_at = (at and at - by for at in both)
                moved = update(leases).where(leases.c.realm == realm)
                connection.execute(moved.values(renewed_at=renewed_at, expires_at=expires_at))


Place = Memory | Database


@pytest.fixture(scope="module")
def postgres_url(postgres_server: PostgresServer) -> str:
    """One for all tests: making it takes longer than most of them."""
    return postgres_server.create_database()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty ledger; parametrise indirectly to have only some kinds."""
    if request.param == "memory":
        yield Memory()
        return
    is_sqlite = request.param == "sqlite"
    made = Database(
        f"sqlite:///{tmp_path / 'ledger.db'}" if is_sqlite else request.getfixturevalue("postgres_url")
    )
    with writing(made.open()._engine) as connection:
        for table in METADATA.sorted_tables:
            connection.execute(table.delete())
    yield made
    for each in made.opened:
        each.close()


@pytest.fixture
def database(place: Place) -> Database:
    """A place that is one."""
    assert isinstance(place, Database)
    return place


sqlite_only = pytest.mark.parametrize("place", ["sqlite"], indirect=True)
postgresql_only = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
in_databases = pytest.mark.parametrize("place", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def one(place: Place) -> Ledger:
    """The ledger as one process sees it."""
    return place.opened[0]


@pytest.fixture
def other(place: Place, one: Ledger) -> Ledger:
    """The same as another process sees it."""
    return place.open()


def test_the_first_lease_of_a_realm_says_whose_it_is_and_how_long_it_lasts(one: Ledger) -> None:
    assert one.take_lease("acme", "host process 1") == Lease("acme", "host process 1", 1, HOUR)


def test_while_it_is_held_nobody_else_gets_it(one: Ledger, other: Ledger) -> None:
    lease = one.take_lease("acme", "host process 1")
    for ledger in (other, one):
        with pytest.raises(LeaseTakenError, match="host process 1 is at work on realm acme"):
            ledger.take_lease("acme", "host process 2")
    one.renew_lease(lease)


def test_given_back_it_is_free_at_once_and_the_epoch_counts_up(one: Ledger, other: Ledger) -> None:
    first = one.take_lease("acme", "a")
    one.end_lease(first)
    second = other.take_lease("acme", "b")
    assert second.epoch > first.epoch
    other.end_lease(second)
    assert one.take_lease("acme", "a").epoch > second.epoch


def test_a_renewal_that_comes_after_the_end_is_refused_and_keeps_nobody_out(
    one: Ledger, other: Ledger
) -> None:
    lease = one.take_lease("acme", "a")
    one.end_lease(lease)
    with pytest.raises(LeaseLostError):
        one.renew_lease(lease)
    other.take_lease("acme", "b")


def test_it_lasts_as_long_as_its_holder_has_said_and_not_the_next_one(ledger_url: str) -> None:
    patient, hasty = (
        open_ledger(ledger_url, lease_duration=HOUR),
        open_ledger(ledger_url, lease_duration=timedelta()),
    )
    with closing(patient), closing(hasty):
        patient.take_lease("acme", "patient")
        hasty.take_lease("other", "hasty")

        with pytest.raises(LeaseTakenError, match="patient"):
            hasty.take_lease("acme", "hasty")
        patient.take_lease("other", "patient")


def test_it_runs_out_when_it_is_not_renewed(place: Place, one: Ledger, other: Ledger) -> None:
    dead = one.take_lease("acme", "dead")
    place.set_clock(59 * MINUTE)
    with pytest.raises(LeaseTakenError):
        other.take_lease("acme", "b")
    place.set_clock(MINUTE)

    heir = other.take_lease("acme", "b")

    assert heir.epoch > dead.epoch
    with pytest.raises(LeaseLostError, match="acme"):
        one.renew_lease(dead)
    other.renew_lease(heir)


def test_it_lasts_as_long_as_it_is_renewed(place: Place, one: Ledger, other: Ledger) -> None:
    lease = one.take_lease("acme", "a")
    for _ in range(4):
        place.set_clock(40 * MINUTE)
        one.renew_lease(lease)
    place.set_clock(40 * MINUTE)
    with pytest.raises(LeaseTakenError):
        other.take_lease("acme", "b")
    place.set_clock(20 * MINUTE)
    other.take_lease("acme", "b")


def test_one_that_ran_out_while_nobody_wanted_it_is_still_held(
    place: Place, one: Ledger, other: Ledger
) -> None:
    lease = one.take_lease("acme", "a")
    place.set_clock(5 * HOUR)
    one.renew_lease(lease)
    with pytest.raises(LeaseTakenError):
        other.take_lease("acme", "b")


def test_who_was_overtaken_takes_nothing_from_his_heir_by_ending(
    place: Place, one: Ledger, other: Ledger
) -> None:
    lost = one.take_lease("acme", "a")
    place.set_clock(HOUR)
    heir = other.take_lease("acme", "b")
    one.end_lease(lost)
    other.renew_lease(heir)
    with pytest.raises(LeaseTakenError):
        one.take_lease("acme", "a")
    # Nor a second time, after the heir has ended by himself.
    other.end_lease(heir)
    one.end_lease(lost)
    one.take_lease("acme", "a")


@pytest.mark.parametrize("by", [-YEAR, -MINUTE, YEAR], ids=["a year back", "a minute back", "a year ahead"])
def test_a_clock_that_was_set_locks_nobody_out_and_lets_only_one_write(
    place: Place, one: Ledger, other: Ledger, by: timedelta
) -> None:
    lost = one.take_lease("acme", "a")
    place.set_clock(by)
    heir = other.take_lease("acme", "b")
    place.set_clock(-by)

    assert heir.epoch > lost.epoch
    with pytest.raises(LeaseLostError):
        one.renew_lease(lost)
    other.renew_lease(heir)


def test_realms_have_leases_of_their_own(one: Ledger, other: Ledger) -> None:
    acme = one.take_lease("acme", "a")
    other.end_lease(other.take_lease("Acme", "b"))
    other.take_lease("acme ", "b")
    one.renew_lease(acme)


def written(ledger: Ledger) -> object:
    return ledger.load("acme"), ledger.seat_events("acme")


def record(ledger: Ledger, lease: Lease) -> None:
    ledger.record_sync(lease, sync(minutes=1), assign("mallory"))


def keep_license(ledger: Ledger, lease: Lease) -> None:
    ledger.add_licenses(lease, [a_license("L-2", minutes=1)], [a_license("L-1")])


Write = Callable[[Ledger, Lease], None]
WRITES = [record, keep_license]


@pytest.fixture
def filled(one: Ledger) -> Ledger:
    """The one's ledger with a sync and a licence in it, and nobody at work."""
    lease = one.take_lease("acme", "a")
    one.add_licenses(lease, [a_license("L-1")])
    one.record_sync(lease, sync(), assign("ann"))
    one.end_lease(lease)
    return one


@pytest.mark.parametrize("write", WRITES)
def test_who_was_overtaken_writes_nothing(place: Place, filled: Ledger, other: Ledger, write: Write) -> None:
    lost = filled.take_lease("acme", "a")
    place.set_clock(HOUR)
    heir = other.take_lease("acme", "b")
    before = written(filled)

    with pytest.raises(LeaseLostError, match="realm acme"):
        write(filled, lost)

    assert written(other) == before
    other.end_lease(heir)
    with pytest.raises(LeaseLostError):
        write(filled, lost)
    assert written(other) == before


@pytest.mark.parametrize("write", WRITES)
def test_nothing_is_written_after_the_end(filled: Ledger, write: Write) -> None:
    lease = filled.take_lease("acme", "a")
    filled.end_lease(lease)
    before = written(filled)
    with pytest.raises(LeaseLostError):
        write(filled, lease)
    assert written(filled) == before


@pytest.mark.parametrize("write", WRITES)
def test_a_write_renews_the_lease_as_well(place: Place, filled: Ledger, other: Ledger, write: Write) -> None:
    lease = filled.take_lease("acme", "a")
    place.set_clock(50 * MINUTE)
    write(filled, lease)
    place.set_clock(50 * MINUTE)
    with pytest.raises(LeaseTakenError):
        other.take_lease("acme", "b")


@pytest.mark.parametrize("write", WRITES)
def test_a_write_behind_a_lease_that_ran_out_while_nobody_wanted_it_is_carried_out(
    place: Place, filled: Ledger, other: Ledger, write: Write
) -> None:
    lease = filled.take_lease("acme", "a")
    place.set_clock(5 * HOUR)
    write(filled, lease)
    with pytest.raises(LeaseTakenError):
        other.take_lease("acme", "b")


@in_databases
def test_it_survives_that_a_process_closes_and_opens_the_database(database: Database) -> None:
    first = database.open()
    lease = first.take_lease("acme", "a")
    first.close()
    with pytest.raises(LeaseTakenError):
        database.open().take_lease("acme", "b")
    database.open().renew_lease(lease)


@in_databases
def test_the_sentences_say_who_is_at_work_and_what_to_do(database: Database) -> None:
    ledger = database.open()
    lost = ledger.take_lease("acme", "host7 process 4711")
    with pytest.raises(LeaseTakenError) as taken:
        ledger.take_lease("acme", "b")
    database.set_clock(HOUR)
    ledger.take_lease("acme", "b")
    with pytest.raises(LeaseLostError) as gone:
        ledger.renew_lease(lost)

    for error, words in ((taken, ("host7 process 4711", "wait")), (gone, ("took over", "run the command"))):
        assert error.value.exit_status == 3
        assert not error.value.is_transient
        for word in ("realm acme", *words):
            assert word in str(error.value)
        assert "\n" not in str(error.value)


@sqlite_only
def test_on_sqlite_time_is_that_of_the_machine(database: Database) -> None:
    ledger = database.open()
    ledger.take_lease("acme", "a")
    with time_machine.travel(datetime.now(UTC) + 59 * MINUTE), pytest.raises(LeaseTakenError):
        ledger.take_lease("acme", "b")
    with time_machine.travel(datetime.now(UTC) + HOUR):
        ledger.take_lease("acme", "b")


@postgresql_only
@pytest.mark.parametrize("by", [-YEAR, YEAR], ids=["behind", "ahead"])
def test_on_postgresql_a_machine_whose_clock_is_wrong_neither_takes_nor_loses_a_lease(
    database: Database, by: timedelta
) -> None:
    ledger = database.open()
    lease = ledger.take_lease("acme", "a")
    with time_machine.travel(datetime.now(UTC) + by):
        with pytest.raises(LeaseTakenError):
            ledger.take_lease("acme", "b")
        ledger.renew_lease(lease)
    with pytest.raises(LeaseTakenError):
        ledger.take_lease("acme", "b")


RACERS, ROUNDS = 6, 4


@in_databases
@pytest.mark.parametrize("before", ["never taken", "given back", "run out"])
def test_of_those_who_want_it_at_the_same_moment_exactly_one_gets_it(database: Database, before: str) -> None:
    ledgers = [database.open() for _ in range(3)]
    barrier = Barrier(RACERS)

    def race(racer: int) -> Lease | LeaseTakenError:
        barrier.wait()
        try:
            return ledgers[racer % len(ledgers)].take_lease(realm, f"process {racer}")
        except LeaseTakenError as error:
            return error

    with ThreadPoolExecutor(RACERS) as threads:
        for number in range(ROUNDS):
            realm = f"realm {number}"
            if before != "never taken":
                last = ledgers[0].take_lease(realm, "who came before")
                if before == "given back":
                    ledgers[0].end_lease(last)
                else:
                    database.set_clock(2 * HOUR)
            outcomes = list(threads.map(race, range(RACERS)))

            [won] = (each for each in outcomes if isinstance(each, Lease))
            lost = [each for each in outcomes if isinstance(each, LeaseTakenError)]
            assert len(lost) == RACERS - 1
            assert all(won.holder in str(each) for each in lost)
            ledgers[0].renew_lease(won)


@in_databases
def test_of_two_who_believe_they_have_it_and_write_at_the_same_moment_only_the_heir_does(
    database: Database,
) -> None:
    one, other = database.open(), database.open()
    barrier = Barrier(2)

    def write(ledger: SqlLedger, lease: Lease, license_: StoredLicense) -> bool:
        barrier.wait()
        try:
            ledger.add_licenses(lease, [license_])
        except LeaseLostError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        for number in range(ROUNDS):
            lost = one.take_lease("acme", "a")
            database.set_clock(HOUR)
            heir = other.take_lease("acme", "b")
            late = threads.submit(write, one, lost, a_license(f"LATE {number}"))
            right = threads.submit(write, other, heir, a_license(f"HEIR {number}"))
            assert (late.result(), right.result()) == (False, True)
            other.end_lease(heir)

    assert [each.number for each in one.load("acme").licenses] == [f"HEIR {n}" for n in range(ROUNDS)]


@dataclass(frozen=True)
class Take:
    """Somebody wants the lease."""


@dataclass(frozen=True)
class Use:
    """Somebody does something with a lease he got, or would have got, earlier."""

    place: int
    act: Callable[[Ledger, Lease], None]


@dataclass(frozen=True)
class SetClock:
    """The clock is set, or time goes by."""

    by: timedelta


Step = Take | Use | SetClock
acts = st.sampled_from(
    [
        lambda ledger, lease: ledger.renew_lease(lease),
        lambda ledger, lease: ledger.end_lease(lease),
        lambda ledger, lease: ledger.record_sync(lease, sync(), []),
        lambda ledger, lease: ledger.add_licenses(lease, []),
    ]
)
minutes = st.sampled_from([-500, -61, -25, -7, 7, 25, 61, 500])
steps = st.lists(
    st.builds(Take)
    | st.builds(Use, st.integers(0, 5), acts)
    | st.builds(SetClock, minutes.map(lambda n: n * MINUTE)),
    max_size=25,
)


def walk(place: Place, ledger: Ledger, history: list[Step]) -> tuple[list[str], list[bool]]:
    """Do all that; return what came of each step, and which leases are good in the end, newest first."""
    told: list[str] = []
    got: list[Lease] = []
    for step in history:
        try:
            match step:
                case Take():
                    got.insert(0, ledger.take_lease("acme", "somebody"))
                    told.append(f"epoch {got[0].epoch}")
                case Use():
                    for lease in got[step.place : step.place + 1]:
                        step.act(ledger, lease)
                    told.append("done")
                case SetClock():
                    place.set_clock(step.by)
                case _:
                    assert_never(step)
        except (LeaseTakenError, LeaseLostError) as error:
            told.append(type(error).__name__)
    assert [lease.epoch for lease in got] == sorted({lease.epoch for lease in got}, reverse=True)
    return told, [_is_good(ledger, lease) for lease in got]


def _is_good(ledger: Ledger, lease: Lease) -> bool:
    try:
        ledger.renew_lease(lease)
    except LeaseLostError:
        return False
    return True


@settings(max_examples=40)
@given(history=steps)
def test_in_any_history_only_the_newest_lease_is_good_and_all_ledgers_agree(history: list[Step]) -> None:
    memory, database = Memory(), Database("sqlite://")
    with closing(database.open()) as ledger:
        told, good = walk(database, ledger, history)
    assert not any(good[1:])
    assert walk(memory, memory.open(), history) == (told, good)
