import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event, text

from keycloak_license.errors import ConfigurationError, LedgerError
from keycloak_license.ledger.connection import create_ledger_engine, reading, writing
from keycloak_license.ledger.store import SqlLedger, open_ledger
from tests.leased import add_licenses, record_sync
from tests.real.postgres import PASSWORD, PostgresMissingError, PostgresServer, find_programs
from tests.unit.ledger.probe import run_without_root_powers
from tests.unit.ledger.samples import a_license, assign, everything, sync
from tests.unit.ledger.test_ledger_opening import table_names

Open = Callable[[str], SqlLedger]
postgresql_only = pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)


def sentence(failure: pytest.ExceptionInfo[Exception]) -> str:
    """The message, after a look at what every message must be."""
    message = str(failure.value)
    assert message.startswith(("The ledger ", "`database` "))
    assert message.endswith(".")
    assert "\n" not in message
    assert PASSWORD not in message
    return message


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A ledger's file, closed, in which alice has a seat."""
    file = tmp_path / "ledger.db"
    ledger = open_ledger(f"sqlite:///{file}")
    record_sync(ledger, sync(), assign("alice"))
    ledger.close()
    return file


# --- somebody else is writing


def test_a_locked_ledger_can_be_read_but_not_written(ledger_url: str, open_at: Open) -> None:
    first, second = open_at(ledger_url), open_ledger(ledger_url, busy_timeout=0.05)
    record_sync(first, sync(), assign("alice"))
    before = everything(first)
    with writing(first._engine) as connection:
        connection.execute(text("DELETE FROM claims"))
        with pytest.raises(LedgerError) as failure:
            record_sync(second, sync(minutes=1), assign("bob"))
        assert "is locked by another process: wait until that one is done" in sentence(failure)
        assert everything(second) == before
        assert not second.describe().is_writable
        connection.rollback()
    assert everything(first) == before
    record_sync(second, sync(minutes=1), assign("bob"))
    second.close()


def test_a_write_keeps_others_out_from_its_very_beginning(ledger_url: str, open_at: Open) -> None:
    first, second = open_at(ledger_url), open_ledger(ledger_url, busy_timeout=0.05)
    with writing(first._engine), pytest.raises(LedgerError, match="is locked by another process"):
        record_sync(second, sync(), [])
    second.close()


def test_a_write_waits_for_the_one_before_it(ledger_url: str, open_at: Open) -> None:
    first, second = open_at(ledger_url), open_ledger(ledger_url, busy_timeout=300)
    lease = second.take_lease("acme", "second")
    with writing(first._engine) as connection:
        waiter = threading.Thread(target=second.add_licenses, args=(lease, [a_license("late")]))
        waiter.start()
        connection.execute(text("DELETE FROM licenses"))
    waiter.join()
    assert [known.number for known in second.load("acme").licenses] == ["late"]
    second.close()


def test_a_fresh_database_that_is_locked_is_not_migrated(ledger_url: str) -> None:
    engine = create_ledger_engine(ledger_url)
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE foreign_table (x INTEGER)"))
        with pytest.raises(LedgerError) as failure:
            open_ledger(ledger_url, busy_timeout=0.05)
        assert "is locked by another process" in sentence(failure)
        connection.rollback()
    engine.dispose()
    assert table_names(ledger_url) == set()


# --- nothing may be written


def test_a_read_only_url_lets_read_and_refuses_writes(filled: Path, open_at: Open) -> None:
    ledger = open_at(f"sqlite:///file:{filled}?mode=ro&uri=true")
    before = everything(ledger)
    assert [claim.username for claim in ledger.load("acme").claims] == ["alice"]
    with pytest.raises(LedgerError) as failure:
        record_sync(ledger, sync(minutes=1), [])
    assert "is read-only: make it" in sentence(failure)
    with pytest.raises(LedgerError) as failure:
        add_licenses(ledger, "acme", [a_license()])
    assert "is read-only: make it" in sentence(failure)
    assert everything(ledger) == before
    description = ledger.describe()
    assert not description.is_writable
    assert "is read-only" in str(description.write_problem)


def test_a_read_only_file_lets_read_and_refuses_writes(filled: Path) -> None:
    filled.chmod(0o444)
    done = run_without_root_powers(f"sqlite:///{filled}")
    assert (done["read"], done["writable"], "wrote" in done) == ("alice", "False", False)
    assert "is read-only" in done["error"]


@pytest.mark.parametrize("mode", [0o444, 0o644])
def test_a_file_in_a_read_only_folder_lets_read_and_refuses_writes(filled: Path, mode: int) -> None:
    filled.chmod(mode)
    filled.parent.chmod(0o555)
    done = run_without_root_powers(f"sqlite:///{filled}")
    filled.parent.chmod(0o755)
    assert (done["read"], done["writable"], "wrote" in done) == ("alice", "False", False)
    assert "is read-only" in done["error"]
    assert [found.name for found in filled.parent.iterdir()] == [filled.name]


def test_what_a_running_worker_has_not_folded_in_is_read_from_a_read_only_folder_too(
    filled: Path, open_at: Open
) -> None:
    worker = open_at(f"sqlite:///{filled}")
    record_sync(worker, sync(minutes=1), assign("bob"))
    filled.parent.chmod(0o555)
    done = run_without_root_powers(f"sqlite:///{filled}")
    filled.parent.chmod(0o755)
    assert done["read"] == "alice,bob"


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    done = run_without_root_powers(f"sqlite:///{tmp_path / 'ledger.db'}")
    deeper = run_without_root_powers(f"sqlite:///{tmp_path / 'new' / 'ledger.db'}")
    tmp_path.chmod(0o755)
    assert "cannot be opened: its folder must exist and be writable" in done["error"]
    assert f"needs the folder {tmp_path / 'new'}, which cannot be created" in deeper["error"]


def test_an_empty_read_only_file_is_not_taken_for_a_ledger(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.touch()
    with pytest.raises(LedgerError) as failure:
        open_ledger(f"sqlite:///file:{file}?mode=ro&uri=true")
    assert "is read-only" in sentence(failure)


@postgresql_only
def test_a_read_only_server_lets_read_and_refuses_writes(
    ledger_url: str, open_at: Open, postgres_server: PostgresServer
) -> None:
    record_sync(open_at(ledger_url), sync(), assign("alice"))
    name = ledger_url.rpartition("/")[2]
    postgres_server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    ledger = open_at(ledger_url)
    assert len(ledger.load("acme").claims) == 1
    with pytest.raises(LedgerError) as failure:
        record_sync(ledger, sync(minutes=1), [])
    assert "is read-only" in sentence(failure)


# --- the disk


def test_a_full_disk_is_named_and_leaves_the_ledger_as_it_was(filled: Path) -> None:
    engine = create_ledger_engine(f"sqlite:///{filled}")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 1"))
    ledger = SqlLedger(engine)
    before = everything(ledger)
    with pytest.raises(LedgerError) as failure:
        record_sync(ledger, sync(minutes=1), assign(*(f"user{number}" for number in range(1000))))
    assert "cannot grow because its disk is full" in sentence(failure)
    assert everything(ledger) == before
    ledger.close()


@postgresql_only
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("53100", "its disk is full"),
        ("40P01", "is locked by another process"),
        ("57P01", "cannot be reached"),
        ("XX001", "is damaged"),
    ],
)
def test_what_a_server_reports_by_code_is_said_in_words(
    ledger_url: str, open_at: Open, code: str, words: str
) -> None:
    ledger = open_at(ledger_url)
    with writing(ledger._engine) as connection:
        connection.execute(
            text(f"""
            CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql
                AS $$ BEGIN RAISE EXCEPTION 'in some language' USING ERRCODE = '{code}'; END $$;
            CREATE TRIGGER fail BEFORE INSERT ON claims FOR EACH ROW EXECUTE FUNCTION fail()""")
        )
    with pytest.raises(LedgerError) as failure:
        record_sync(ledger, sync(), assign("alice"))
    assert words in sentence(failure)


@pytest.mark.parametrize("content", [b"x" * 4096, b"<html>", b"SQLite format 4\0" * 64])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(content)
    with pytest.raises(LedgerError) as failure:
        open_ledger(f"sqlite:///{file}")
    assert "is no SQLite database" in sentence(failure)
    assert file.read_bytes() == content


def test_a_damaged_file_is_named(filled: Path) -> None:
    pages = bytearray(filled.read_bytes())
    page_size = int.from_bytes(pages[16:18])
    pages[page_size:] = b"\xff" * (len(pages) - page_size)
    filled.write_bytes(pages)
    with pytest.raises(LedgerError) as failure:
        open_ledger(f"sqlite:///{filled}").load("acme")
    assert "is damaged: restore it from a backup" in sentence(failure)


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError) as failure:
        open_ledger(f"sqlite:///{tmp_path}")
    assert "the path must name a file" in sentence(failure)


def test_a_file_in_place_of_the_folder_is_named(filled: Path) -> None:
    with pytest.raises(LedgerError) as failure:
        open_ledger(f"sqlite:///{filled / 'sub' / 'ledger.db'}")
    assert f"needs the folder {filled / 'sub'}" in sentence(failure)


def test_a_missing_file_of_a_read_only_url_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(LedgerError) as failure:
        open_ledger(f"sqlite:///file:{tmp_path / 'none.db'}?mode=ro&uri=true")
    assert "cannot be opened" in sentence(failure)
    assert list(tmp_path.iterdir()) == []


# --- the server


def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    with socket.socket() as bound_but_deaf:
        bound_but_deaf.bind(("127.0.0.1", 0))
        port = bound_but_deaf.getsockname()[1]
        with pytest.raises(LedgerError) as failure:
            open_ledger(f"postgresql+psycopg://ledger:{PASSWORD}@127.0.0.1:{port}/ledger")
    assert f"ledger:***@127.0.0.1:{port}/ledger cannot be reached" in sentence(failure)


def test_a_password_in_the_query_is_not_told_either() -> None:
    with pytest.raises(LedgerError) as failure:
        open_ledger(f"postgresql+psycopg://127.0.0.1:1/ledger?user=ledger&password={PASSWORD}")
    assert "cannot be reached" in sentence(failure)


def test_wrong_credentials_are_named(postgres_server: PostgresServer) -> None:
    for user, password in (("ledger", "wrong"), ("nobody", PASSWORD)):
        with pytest.raises(LedgerError) as failure:
            open_ledger(postgres_server.url("postgres", user=user, password=password))
        assert "refuses these credentials" in sentence(failure)
        assert "wrong" not in sentence(failure)


def test_an_unknown_database_is_named(postgres_server: PostgresServer) -> None:
    with pytest.raises(LedgerError) as failure:
        open_ledger(postgres_server.url("no_such_database"))
    assert "/no_such_database does not exist on its server" in sentence(failure)


@postgresql_only
def test_a_user_without_the_right_to_make_tables_is_told_so(
    ledger_url: str, postgres_server: PostgresServer
) -> None:
    postgres_server.execute(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
    with pytest.raises(LedgerError) as failure:
        open_ledger(ledger_url.replace("ledger:", "guest:", 1))
    assert "denies this user a right" in sentence(failure)
    assert table_names(ledger_url) == set()


@postgresql_only
def test_an_unknown_option_of_the_connection_is_told(ledger_url: str) -> None:
    with pytest.raises(LedgerError) as failure:
        open_ledger(f"{ledger_url}?colour=blue")
    assert 'invalid connection option "colour"' in sentence(failure)


@postgresql_only
def test_a_connection_that_broke_between_two_syncs_is_made_again(
    ledger_url: str, open_at: Open, postgres_server: PostgresServer
) -> None:
    ledger = open_at(ledger_url)
    record_sync(ledger, sync(), assign("alice"))
    postgres_server.execute(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname LIKE 'ledger_%'"
    )
    assert len(ledger.load("acme").claims) == 1


@postgresql_only
def test_a_connection_that_breaks_during_a_write_is_told(ledger_url: str, open_at: Open) -> None:
    ledger = open_at(ledger_url)

    def break_off() -> None:
        with writing(ledger._engine) as connection:
            own = connection.scalar(text("SELECT pg_backend_pid()"))
            with reading(open_at(ledger_url)._engine) as other:
                other.execute(text(f"SELECT pg_terminate_backend({own}, 60000)"))
            connection.execute(text("SELECT 1"))

    with pytest.raises(LedgerError) as failure:
        break_off()
    assert "cannot be reached" in sentence(failure)


# --- the setting


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "is not a database URL"),
        ("ledger.db", "is not a database URL"),
        (f"postgresql+psycopg://ledger:{PASSWORD}@host:port/ledger", "is not a database URL"),
        ("sqlite://ledger.db", "is not usable as it stands"),
        ("sqlite:///ledger.db?timeout=long", "is not usable as it stands"),
        (f"mysql+pymysql://ledger:{PASSWORD}@host/ledger", "has the unknown scheme mysql+pymysql"),
        ("postgresql+psycopg2://host/ledger", "has the unknown scheme postgresql+psycopg2"),
        ("sqlite+aiosqlite:///ledger.db", "has the unknown scheme sqlite+aiosqlite"),
    ],
)
def test_a_url_that_cannot_be_used_is_a_matter_of_configuration(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as failure:
        open_ledger(url)
    assert words in sentence(failure)
    assert "write sqlite:///FILE or postgresql+psycopg://" in sentence(failure)


def test_a_missing_driver_is_a_matter_of_configuration() -> None:
    program = f"""
import sys
sys.modules["psycopg"] = None
from keycloak_license.errors import ConfigurationError
from keycloak_license.ledger.store import open_ledger
try:
    open_ledger("postgresql+psycopg://ledger:{PASSWORD}@127.0.0.1:1/ledger")
except ConfigurationError as error:
    print(error)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "driver for `database` postgresql+psycopg://ledger:***@127.0.0.1:1/ledger cannot" in ended.stdout


def test_tests_without_postgresql_name_the_package_to_install(tmp_path: Path) -> None:
    with pytest.raises(PostgresMissingError, match="install the Debian package `postgresql`"):
        find_programs(tmp_path, search_path="")
