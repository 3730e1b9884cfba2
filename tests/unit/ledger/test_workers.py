"""Who is alive is told by the database's clock, and by one answer for all."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import time_machine

from keycloak_license.ledger.connection import create_ledger_engine, writing
from keycloak_license.ledger.store import SqlLedger
from keycloak_license.model.record import Worker

Open = Callable[[str], SqlLedger]

HOUR = timedelta(hours=1)
"""So long that no test is slow enough for it to pass."""
MINUTE = timedelta(minutes=1)
ONE, OTHER = Worker("one", ("acme",)), Worker("other", ("acme", "beta"))
RACERS, ROUNDS = 6, 4

sqlite_only = pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
postgresql_only = pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)


def test_processes_see_each_other_also_after_the_database_was_opened_anew(
    ledger_url: str, open_at: Open
) -> None:
    first = open_at(ledger_url)
    first.announce_worker(ONE, HOUR)
    first.close()
    assert open_at(ledger_url).announce_worker(OTHER, HOUR) == (ONE, OTHER)


@sqlite_only
def test_on_sqlite_time_is_that_of_the_machine(ledger: SqlLedger) -> None:
    ledger.announce_worker(ONE, HOUR)
    for later, alive in ((59 * MINUTE, (ONE, OTHER)), (HOUR, (OTHER,))):
        with time_machine.travel(datetime.now(UTC) + later):
            assert ledger.announce_worker(OTHER, 2 * HOUR) == alive


@sqlite_only
def test_a_clock_that_was_set_back_keeps_no_dead_worker_alive(ledger: SqlLedger) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(days=365)):
        ledger.announce_worker(ONE, HOUR)
    assert ledger.announce_worker(OTHER, HOUR) == (OTHER,)
    assert ledger.announce_worker(ONE, HOUR) == (ONE, OTHER)


@postgresql_only
@pytest.mark.parametrize("days", [-365, 365])
def test_on_postgresql_a_machine_whose_clock_is_wrong_forgets_nobody(ledger: SqlLedger, days: int) -> None:
    ledger.announce_worker(ONE, HOUR)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=days)):
        assert ledger.announce_worker(OTHER, HOUR) == (ONE, OTHER)
    assert ledger.announce_worker(ONE, HOUR) == (ONE, OTHER)


def test_of_those_who_come_at_the_same_moment_the_last_one_sees_all(ledger_url: str, open_at: Open) -> None:
    ledgers = [open_at(ledger_url) for _ in range(3)]
    barrier = Barrier(RACERS)

    def race(worker: Worker) -> tuple[Worker, ...]:
        barrier.wait()
        return ledgers[int(worker.name[-1]) % len(ledgers)].announce_worker(worker, HOUR)

    with ThreadPoolExecutor(RACERS) as threads:
        for number in range(ROUNDS):
            crew = tuple(Worker(f"round {number} worker {racer}", ("acme",)) for racer in range(RACERS))
            seen = list(threads.map(race, crew))
            assert sorted(map(len, seen)) == list(range(1, RACERS + 1))
            assert max(seen, key=len) == crew
            for worker in crew:
                ledgers[0].end_worker(worker.name)


@pytest.mark.parametrize(
    ("ledger_url", "asked", "fleeting", "lasting"),
    [("sqlite", "PRAGMA synchronous", 1, 2), ("postgresql", "SHOW synchronous_commit", "off", "on")],
    indirect=["ledger_url"],
)
def test_only_signs_of_life_are_not_waited_for_to_be_on_the_disk(
    ledger_url: str, asked: str, fleeting: object, lasting: object
) -> None:
    engine = create_ledger_engine(ledger_url)
    for is_fleeting, expected in ((False, lasting), (True, fleeting), (False, lasting)):
        with writing(engine, is_fleeting=is_fleeting) as connection:
            assert connection.exec_driver_sql(asked).scalar() == expected
    engine.dispose()


def test_a_worker_holds_no_realm_up_and_leaves_no_trace_in_its_history(ledger: SqlLedger) -> None:
    before = ledger.load("acme"), ledger.read_epoch("acme")
    ledger.announce_worker(ONE, HOUR)
    assert (ledger.load("acme"), ledger.read_epoch("acme"), ledger.seat_events("acme")) == (*before, ())
    ledger.take_lease("acme", "another")
