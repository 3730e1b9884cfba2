"""The disk below an SQLite ledger gets full at any point, or the process is gone at any point.

A write is done or it is not, and what is refused is one sentence; the content is never a third thing.
"""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from keycloak_license.errors import LedgerError
from keycloak_license.ledger.store import SqlLedger, open_ledger
from tests.real.small_disk import PAGE, Disk, disks, scarce_disk
from tests.unit.ledger.samples import a_license, assign, everything, sync

AT_ONCE = timedelta(0)
"""A lease that anybody may take over: who had it is dead in these tests."""
EARLIER = ("ann", "bob")
LATER = tuple(f"user{number}" for number in range(60))
MANY = tuple(f"user{number}" for number in range(20_000))


def open_at_once(url: str) -> SqlLedger:
    return open_ledger(url, lease_duration=AT_ONCE)


def record(ledger: SqlLedger, users: tuple[str, ...], minutes: int = 0) -> None:
    lease = ledger.take_lease("acme", "this test")
    ledger.record_sync(lease, sync(minutes=minutes), assign(*users))


def keep_licenses(ledger: SqlLedger) -> None:
    lease = ledger.take_lease("acme", "this test")
    ledger.add_licenses(lease, [a_license(f"L-{number}") for number in range(200)])


def content(url: str) -> object:
    with closing(open_ledger(url)) as ledger:
        return everything(ledger)


def remembered(*writes: Callable[[SqlLedger], None]) -> object:
    """What a ledger knows after these writes where nothing goes wrong."""
    with closing(open_at_once("sqlite://")) as ledger:
        for write in writes:
            write(ledger)
        return everything(ledger)


def record_earlier(ledger: SqlLedger) -> None:
    record(ledger, EARLIER)


def record_later(ledger: SqlLedger) -> None:
    record(ledger, LATER, minutes=1)


def record_many(ledger: SqlLedger) -> None:
    record(ledger, MANY, minutes=1)


def is_sound(file: Path) -> bool:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def clear(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


# --- a disk that is full


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with scarce_disk(request.param, tmp_path / "disk") as made:
        yield made


def refusal(url: str, write: Callable[[SqlLedger], None]) -> str | None:
    """Open a ledger, write, close it; what was said when that was refused."""
    try:
        with closing(open_at_once(url)) as ledger:
            write(ledger)
    except LedgerError as error:
        return str(error)
    return None


@disks
@pytest.mark.parametrize("write", [record_later, keep_licenses], ids=["sync", "licences"])
def test_wherever_the_disk_gets_full_a_write_is_done_or_refused(
    disk: Disk, write: Callable[[SqlLedger], None]
) -> None:
    file = disk.folder / "ledger.db"
    url = f"sqlite:///{file}"
    with closing(open_at_once(url)) as ledger:
        record_earlier(ledger)
    good = file.read_bytes()
    before, after = remembered(record_earlier), remembered(record_earlier, write)

    refused: list[bool] = []
    for pages in range(0, 80, 4):
        clear(disk.folder)
        file.write_bytes(good)
        disk.leave(pages * PAGE)
        sentence = refusal(url, write)
        disk.make_room()

        assert sentence is None or disk.words in sentence
        refused.append(sentence is not None)
        assert content(url) == (before if refused[-1] else after)
        assert is_sound(file)
        if refused[-1]:
            with closing(open_at_once(url)) as ledger:
                write(ledger)
            assert content(url) == after
    assert refused == sorted(refused, reverse=True)
    assert set(refused) == {True, False}


@disks
def test_wherever_the_disk_gets_full_a_new_ledger_is_made_or_refused(disk: Disk) -> None:
    url = f"sqlite:///{disk.folder / 'ledger.db'}"
    refused: list[bool] = []
    for pages in range(0, 60, 4):
        clear(disk.folder)
        disk.leave(pages * PAGE)
        sentence = refusal(url, lambda _: None)
        disk.make_room()

        assert sentence is None or disk.words in sentence
        refused.append(sentence is not None)
        with closing(open_at_once(url)) as ledger:
            record_earlier(ledger)
        assert content(url) == remembered(record_earlier)
    assert set(refused) == {True, False}


@disks
def test_an_open_ledger_goes_on_by_itself_when_there_is_room_again(disk: Disk) -> None:
    url = f"sqlite:///{disk.folder / 'ledger.db'}"
    with closing(open_at_once(url)) as ledger:
        record_earlier(ledger)
        disk.leave(10 * PAGE)
        for _ in range(2):
            with pytest.raises(LedgerError, match=disk.words):
                record_many(ledger)
            assert everything(ledger) == remembered(record_earlier)
        disk.make_room()
        record_later(ledger)
        assert everything(ledger) == remembered(record_earlier, record_later)


# --- a process that dies


def record_and_die(url: str, users: tuple[str, ...], point: str) -> None:
    """Record a sync, and be killed at a statement, before or after the commit, or at a row of claims."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def look_at(*arguments: object) -> None:
        if str(arguments[2]).startswith(point):
            die()

    ledger = open_at_once(url)
    lease = ledger.take_lease("acme", "who dies")
    if point == "commit":
        event.listen(ledger._engine, "commit", die)
    if point.startswith("user"):

        @event.listens_for(ledger._engine, "checkout")
        def set_trap(connection: sqlite3.Connection, *_: object) -> None:
            connection.create_function("die", 0, die)
            trap = f"AFTER INSERT ON main.claims WHEN NEW.username = '{point}' BEGIN SELECT die(); END"
            connection.execute(f"CREATE TEMP TRIGGER trap {trap}")

    event.listen(ledger._engine, "before_cursor_execute", look_at)
    ledger.record_sync(lease, sync(minutes=1), assign(*users))
    die()


def kill(target: Callable[..., None], *arguments: object) -> None:
    """Run something in a process that must end by being killed."""
    process = get_context("spawn").Process(target=target, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("point", ["INSERT INTO seat_events", "commit", "after"])
def test_a_process_killed_while_it_writes_leaves_all_or_nothing(ledger_url: str, point: str) -> None:
    with closing(open_at_once(ledger_url)) as ledger:
        record_earlier(ledger)

    kill(record_and_die, ledger_url, LATER, point)

    done = [record_earlier, record_later] if point == "after" else [record_earlier]
    assert content(ledger_url) == remembered(*done)
    with closing(open_at_once(ledger_url)) as ledger:
        record(ledger, ("zoe",), minutes=2)
        assert everything(ledger) == remembered(*done, lambda other: record(other, ("zoe",), minutes=2))


def test_a_process_killed_in_the_middle_of_twenty_thousand_claims_leaves_none_of_them(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    url = f"sqlite:///{file}"
    with closing(open_at_once(url)) as ledger:
        record_earlier(ledger)

    kill(record_and_die, url, MANY, MANY[15_000])

    # Much of the transaction was on the disk already.
    assert file.with_name("ledger.db-wal").stat().st_size > 100 * PAGE
    assert content(url) == remembered(record_earlier)
    assert is_sound(file)
    with closing(open_at_once(url)) as ledger:
        record_many(ledger)
        assert len(ledger.load("acme").claims) == len(EARLIER + MANY)


def open_and_die(url: str, statement: str) -> None:
    @event.listens_for(Engine, "before_cursor_execute")
    def look_at(*arguments: object) -> None:
        if statement in str(arguments[2]):
            os.kill(os.getpid(), signal.SIGKILL)

    open_ledger(url)


@pytest.mark.parametrize("statement", ["CREATE TABLE seat_events", "UPDATE keycloak"])
def test_a_process_killed_while_it_makes_the_ledger_leaves_nothing(ledger_url: str, statement: str) -> None:
    kill(open_and_die, ledger_url, statement)

    with closing(open_at_once(ledger_url)) as ledger:
        assert everything(ledger) == remembered()
        record_earlier(ledger)
    assert content(ledger_url) == remembered(record_earlier)
