"""Where a ledger may live: every test that asks for `ledger_url` runs on each of these databases."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keycloak_license.ledger.store import SqlLedger, open_ledger
from tests.real.postgres import PostgresServer, postgres

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with postgres() as server:
        yield server


@pytest.fixture(params=DATABASES)
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database; parametrise indirectly to have only some kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.create_database()


@pytest.fixture
def open_at() -> Iterator[Callable[[str], SqlLedger]]:
    """Open ledgers that are closed after the test."""
    opened: list[SqlLedger] = []

    def open_one(url: str) -> SqlLedger:
        opened.append(open_ledger(url))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(ledger_url: str, open_at: Callable[[str], SqlLedger]) -> SqlLedger:
    return open_at(ledger_url)
