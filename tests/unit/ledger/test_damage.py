"""The file of a ledger is damaged anywhere, is another program's, or is taken away.

What cannot be read is told in one sentence, and the file is left as it is.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keycloak_license.errors import LedgerError
from keycloak_license.ledger.store import open_ledger
from tests.real.small_disk import PAGE
from tests.unit.ledger.samples import a_license, everything
from tests.unit.ledger.test_disk import EARLIER, LATER, clear, content, open_at_once, record


@dataclass(frozen=True)
class Stored:
    """A closed ledger as the bytes of its file, and a place to put damaged ones."""

    file: Path
    good: bytes = field(repr=False)

    def put(self, damaged: bytes) -> str:
        """Write a file in its place and return its URL."""
        clear(self.file.parent)
        self.file.write_bytes(damaged)
        return f"sqlite:///{self.file}"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    file = tmp_path_factory.mktemp("damaged") / "ledger.db"
    with closing(open_at_once(f"sqlite:///{file}")) as ledger:
        record(ledger, EARLIER + LATER)
        ledger.add_licenses(ledger.take_lease("acme", "this test"), [a_license()])
    return Stored(file, file.read_bytes())


def read_all(url: str) -> object:
    """Content, or the sentence that was said instead; any other error is one of the test."""
    try:
        return content(url)
    except LedgerError as error:
        return str(error)


@given(damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1)), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_damaged_is_read_or_told_in_a_sentence(
    stored: Stored, damage: list[tuple[float, bytes]]
) -> None:
    pages = bytearray(stored.good)
    for place, noise in damage:
        start = int(place * len(pages))
        pages[start : start + len(noise)] = noise[: len(pages) - start]

    found = read_all(stored.put(bytes(pages)))

    if isinstance(found, str):
        assert found.startswith("The ledger sqlite:///")
        assert found.endswith(".")
        assert not any(word in found for word in ("server", "newer version", "refuses what"))
        assert stored.file.read_bytes() == pages


def damage(stored: Stored, statement: str) -> str:
    """Let a value stand in the ledger that this program never writes."""
    url = stored.put(stored.good)
    with closing(sqlite3.connect(stored.file)) as connection:
        connection.execute(statement)
        connection.commit()
    return url


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE claims SET username = CAST(x'ff' AS TEXT)",
        "UPDATE claims SET claimed_at = '2026-03-2x'",
        "UPDATE claims SET claimed_at = 5",
        "UPDATE realms SET warnings = '['",
        "UPDATE realms SET warnings = '5'",
        "INSERT INTO keycloak_license_version VALUES ('0001')",
        "DROP TABLE claims",
        "ALTER TABLE realms DROP COLUMN clock_reached",
    ],
)
def test_a_value_that_cannot_be_is_damage(stored: Stored, statement: str) -> None:
    assert "is damaged: restore it from a backup" in str(read_all(damage(stored, statement)))


def test_a_file_that_ends_too_early_is_refused_and_left_as_it_is(stored: Stored) -> None:
    for length in (*range(100, len(stored.good) - PAGE, 1000), PAGE, len(stored.good) - PAGE):
        url = stored.put(stored.good[:length])
        assert "is damaged" in str(read_all(url)), length
        assert stored.file.read_bytes() == stored.good[:length]


@pytest.mark.parametrize("table", ["notes", "realms"])
def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path, table: str) -> None:
    file = tmp_path / "theirs.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"CREATE TABLE {table} (theirs TEXT)")
    theirs = file.read_bytes()

    with pytest.raises(LedgerError, match=r"of another program: correct the path") as failure:
        open_ledger(f"sqlite:///{file}")

    assert str(file) in str(failure.value)
    assert file.read_bytes() == theirs


def test_a_ledger_that_came_back_without_its_write_ahead_log_has_it_again(stored: Stored) -> None:
    """A dump that is read in again, or VACUUM INTO, leaves the file in the mode that SQLite begins with."""
    url = damage(stored, "PRAGMA journal_mode = DELETE")
    with (
        closing(open_ledger(url, busy_timeout=0.05)) as reader,
        closing(sqlite3.connect(stored.file, isolation_level=None)) as writer,
    ):
        writer.execute("BEGIN EXCLUSIVE")
        assert len(reader.load("acme").claims) == len(EARLIER + LATER)


@pytest.mark.parametrize("has_another_come", [False, True])
def test_a_sync_is_not_recorded_in_a_file_that_was_taken_away(stored: Stored, has_another_come: bool) -> None:
    """Else two processes would hold the lease of one realm, each in a file of its own."""
    url = stored.put(stored.good)
    with closing(open_at_once(url)) as ledger:
        assert len(ledger.load("acme").claims) == len(EARLIER + LATER)
        clear(stored.file.parent)
        if has_another_come:
            open_ledger(url).close()
        try:
            record(ledger, ("zoe",), minutes=2)
        except LedgerError:
            return
        assert content(url) == everything(ledger)
