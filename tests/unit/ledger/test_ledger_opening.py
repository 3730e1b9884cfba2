import logging
import multiprocessing
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from keycloak_license.errors import LedgerError
from keycloak_license.ledger.connection import create_ledger_engine, reading, writing
from keycloak_license.ledger.store import SqlLedger, open_ledger
from keycloak_license.ledger.tables import METADATA, VERSION_TABLE
from tests.leased import record_sync
from tests.unit.ledger.samples import assign, claim, everything, sync

PATIENT_SECONDS = 300.0
"""Longer than any machine needs, so that who waits gets his turn."""

Open = Callable[[str], SqlLedger]


def table_names(url: str) -> set[str]:
    engine = create_ledger_engine(url)
    with reading(engine) as connection:
        names = set(inspect(connection).get_table_names())
    engine.dispose()
    return names


def execute(url: str, statement: str) -> None:
    engine = create_ledger_engine(url)
    with writing(engine) as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_the_migrations_lead_to_exactly_the_tables_of_the_program(ledger: SqlLedger) -> None:
    with reading(ledger._engine) as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, METADATA) == []
        assert len(inspect(connection).get_table_names()) == len(METADATA.tables) + 1


@pytest.mark.parametrize("naming", ["user_id", "granted_by_id"])
def test_who_is_forgotten_is_found_without_reading_what_happened_to_others(
    ledger: SqlLedger, naming: str
) -> None:
    with reading(ledger._engine) as connection:
        indexes = inspect(connection).get_indexes("seat_events")
    assert ["realm", naming] in [index["column_names"] for index in indexes]


def test_opening_a_current_ledger_writes_nothing(tmp_path: Path, open_at: Open) -> None:
    file = tmp_path / "ledger.db"
    open_at(f"sqlite:///{file}").close()
    before = file.read_bytes(), file.stat().st_mtime_ns
    open_at(f"sqlite:///{file}").close()
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


def test_the_folders_above_a_new_file_are_made(tmp_path: Path, open_at: Open) -> None:
    file = tmp_path / "deep" / "er ü" / "ledger.db"
    record_sync(open_at(f"sqlite:///{file}"), sync(), [])
    assert file.exists()


def test_a_file_is_kept_durable_and_readable_while_written(tmp_path: Path, open_at: Open) -> None:
    ledger = open_at(f"sqlite:///{tmp_path / 'ledger.db'}")
    with reading(ledger._engine) as connection:
        full = 2
        assert connection.scalar(text("PRAGMA synchronous")) == full
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"


def test_threads_share_a_ledger_in_memory(open_at: Open) -> None:
    ledger = open_at("sqlite://")
    writer = threading.Thread(target=record_sync, args=(ledger, sync(), assign("alice")))
    writer.start()
    writer.join()
    assert ledger.load("acme").claims == (claim("alice"),)


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_postgresql_url_may_leave_the_driver_out(ledger_url: str, open_at: Open) -> None:
    assert open_at(ledger_url.replace("+psycopg", "")).describe().is_writable


def test_opening_leaves_logging_alone(ledger_url: str, open_at: Open) -> None:
    mine = logging.getLogger("somebody.else")
    before = logging.root.level, list(logging.root.handlers), mine.disabled, mine.level
    open_at(ledger_url)
    assert (logging.root.level, list(logging.root.handlers), mine.disabled, mine.level) == before


def test_a_ledger_of_a_newer_version_is_refused_and_left_as_it_is(ledger_url: str, open_at: Open) -> None:
    ledger = open_at(ledger_url)
    record_sync(ledger, sync(), assign("alice"))
    before = everything(ledger)
    execute(ledger_url, "UPDATE keycloak_license_version SET version_num = '9999'")
    with pytest.raises(LedgerError, match=r"written by a newer version .* \(revision 9999\): upgrade this"):
        open_ledger(ledger_url)
    assert everything(ledger) == before
    assert ledger.describe().revision == "9999"


def test_a_migration_that_fails_half_way_leaves_nothing_behind(ledger_url: str) -> None:
    execute(ledger_url, "CREATE TABLE seat_events (belongs_to_another_program INTEGER)")
    # In a file there is nobody else's table beside ours; a server may be shared.
    with pytest.raises(LedgerError, match=r"seat_events.* already exists|is a database of another program"):
        open_ledger(ledger_url)
    assert table_names(ledger_url) == {"seat_events"}


class _Barrier(Protocol):
    def wait(self, timeout: float) -> int: ...


def _open_and_record(url: str, start: _Barrier, realm: str) -> None:
    start.wait(PATIENT_SECONDS)
    ledger = open_ledger(url, busy_timeout=PATIENT_SECONDS)
    record_sync(ledger, sync(realm), assign("alice"))
    ledger.close()


def test_threads_that_open_a_fresh_ledger_at_once_all_succeed(ledger_url: str, open_at: Open) -> None:
    realms = [f"realm{number}" for number in range(8)]
    start = threading.Barrier(len(realms))
    threads = [threading.Thread(target=_open_and_record, args=(ledger_url, start, realm)) for realm in realms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger = open_at(ledger_url)
    assert [len(ledger.load(realm).claims) for realm in realms] == [1] * len(realms)


def test_processes_that_open_a_fresh_ledger_at_once_all_succeed(ledger_url: str, open_at: Open) -> None:
    spawn = multiprocessing.get_context("spawn")
    realms = [f"realm{number}" for number in range(4)]
    start = spawn.Barrier(len(realms))
    processes = [spawn.Process(target=_open_and_record, args=(ledger_url, start, realm)) for realm in realms]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(realms)
    ledger = open_at(ledger_url)
    assert [len(ledger.load(realm).claims) for realm in realms] == [1] * len(realms)


def test_closing_folds_everything_into_the_one_file(tmp_path: Path, open_at: Open) -> None:
    file = tmp_path / "ledger.db"
    ledger = open_at(f"sqlite:///{file}")
    record_sync(ledger, sync(), assign("alice"))
    ledger.close()
    assert [found.name for found in tmp_path.iterdir()] == ["ledger.db"]
    with sqlite3.connect(file) as plain:
        assert plain.execute("SELECT username FROM claims").fetchall() == [("alice",)]
