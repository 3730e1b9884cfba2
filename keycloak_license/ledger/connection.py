"""How the ledger talks to its database: the same promises on SQLite and PostgreSQL.

In: a URL; out: an engine, and connections inside one transaction each. Used by `schema` and `store`.
A read sees one state of the database; writes take turns and, but for signs of life, are on the disk once
committed.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from keycloak_license.errors import ConfigurationError, LedgerError
from keycloak_license.ledger.failures import masked, translated

_SQLITE, _POSTGRESQL = "sqlite", "postgresql+psycopg"
_DRIVERS = {
    "sqlite": _SQLITE,
    "sqlite+pysqlite": _SQLITE,
    "postgresql": _POSTGRESQL,
    "postgresql+psycopg": _POSTGRESQL,
}
_FORMS = "write sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
_CONNECT_SECONDS = 10
IDLE_SECONDS = 3
"""How long a write may do nothing; below the time others wait for their turn."""
_WRITE_LOCK = 0x6B636C69
"""Any number (this is "kcli"), as long as every version of this program takes the same."""
_WRITES = "ledger_writes"
_FLEETING = "ledger_fleeting"


def create_ledger_engine(url: str | URL, *, busy_timeout: float = 5.0) -> Engine:
    """Return an engine that has not connected yet.

    `busy_timeout` is in seconds: how long to wait for somebody else's lock. Raises `ConfigurationError`
    for a URL that cannot be understood.
    """
    parsed = _readable(_parse(url))
    is_sqlite = parsed.drivername == _SQLITE
    options = _sqlite_options(parsed, busy_timeout) if is_sqlite else _postgresql_options(parsed)
    try:
        # Parameters are user names and addresses; no error may quote them.
        engine = create_engine(parsed, hide_parameters=True, **options)
    except ImportError as error:
        raise ConfigurationError(
            f"The driver for `database` {masked(parsed)} cannot be loaded: install keycloak-license again."
        ) from error
    except (ArgumentError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"`database` {masked(parsed)} is not usable as it stands: {_FORMS}."
        ) from error
    if is_sqlite:
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        _watch_file(engine)
    else:
        event.listen(engine, "begin", _postgresql_begin(busy_timeout))
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction in which every query sees the same state; it ends without a write."""
    is_sqlite = engine.dialect.name == "sqlite"
    reader = engine if is_sqlite else engine.execution_options(isolation_level="REPEATABLE READ")
    with translated(engine.url), reader.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine, *, is_fleeting: bool = False) -> Iterator[Connection]:
    """Open a transaction, the only one that writes until it ends.

    Committed at the end of the block, rolled back if that raises. What is fleeting is not waited for to be
    on the disk: a power failure may undo it.
    """
    writer = engine.execution_options(**{_WRITES: True, _FLEETING: is_fleeting})
    with translated(engine.url), writer.connect() as connection:
        connection.begin()
        yield connection
        connection.commit()


def database_file(url: URL) -> Path | None:
    """Return the file a plain SQLite URL names; None in memory, for ``file:`` URIs and for servers."""
    is_plain = (
        url.drivername == _SQLITE and url.database not in {None, "", ":memory:"} and "uri" not in url.query
    )
    return Path(str(url.database)) if is_plain else None


def create_folder(url: URL) -> None:
    """Make the folder of an SQLite file, with those above it."""
    file = database_file(url)
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(
            f"The ledger {masked(url)} needs the folder {file.parent}, which cannot be created"
            f" ({error.strerror}): create it, or correct `database`."
        ) from error


def _parse(url: str | URL) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        # What cannot be parsed cannot be masked either, so it is not quoted.
        raise ConfigurationError(f"`database` is not a database URL: {_FORMS}.") from error
    if parsed.drivername not in _DRIVERS:
        raise ConfigurationError(f"`database` has the unknown scheme {parsed.drivername}: {_FORMS}.")
    return parsed.set(drivername=_DRIVERS[parsed.drivername])


def _readable(url: URL) -> URL:
    """Return the URL by which a file in a read-only folder can be read.

    Reading a write-ahead log needs a file beside the ledger. Where none can be made and none is there,
    nobody is writing, and SQLite may be told so.
    """
    file = database_file(url)
    if file is None or not file.is_file() or os.access(file.parent, os.W_OK):
        return url
    if file.with_name(f"{file.name}-wal").exists():
        return url
    return url.set(database=file.absolute().as_uri(), query={"immutable": "1", "uri": "true"})


def _sqlite_options(url: URL, busy_timeout: float) -> dict[str, Any]:
    options: dict[str, Any] = {"connect_args": {"timeout": busy_timeout}}
    if url.database in {None, "", ":memory:"}:
        # Each connection to memory is a database of its own, so all threads take turns with one.
        options |= {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}
        options["connect_args"]["check_same_thread"] = False
    return options


def _postgresql_options(url: URL) -> dict[str, Any]:
    waits = {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_SECONDS}
    # Named, for a server may be set to another level, and a write has to see what the one before it did.
    return {"connect_args": waits, "pool_pre_ping": True, "isolation_level": "READ COMMITTED"}


def _configure_sqlite(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.execute("PRAGMA synchronous = FULL")


def _watch_file(engine: Engine) -> None:
    """Let nobody write into a file that was taken away: it would be gone with the process."""
    file = database_file(engine.url)
    if file is None:
        return

    def remember(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["file"] = _identity(file)

    def compare(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        if record.info["file"] != _identity(file):
            raise LedgerError(
                f"The ledger {masked(engine.url)} was taken away or replaced while it was in use: stop this"
                " program, see that the right file is there, and start it again."
            )

    event.listen(engine, "connect", remember)
    event.listen(engine, "checkout", compare)


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _begin_sqlite(connection: Connection) -> None:
    # The driver by itself would begin late, at the first write: reads would not see one state, and a
    # write that had begun as a read would fail instead of waiting for its turn.
    if not _has(connection, _WRITES):
        connection.exec_driver_sql("BEGIN")
        return
    level = "NORMAL" if _has(connection, _FLEETING) else "FULL"
    connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _postgresql_begin(busy_timeout: float) -> Callable[[Connection], None]:
    milliseconds = max(1, round(busy_timeout * 1000))  # 0 would wait for ever

    def begin(connection: Connection) -> None:
        # All of it ends with the transaction, so it also holds behind a connection pooler.
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {milliseconds}")
        if _has(connection, _FLEETING):
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
        if _has(connection, _WRITES):
            # A process that is stopped in the middle keeps the lock, and everybody else would wait for it.
            connection.exec_driver_sql(
                f"SET LOCAL idle_in_transaction_session_timeout = {IDLE_SECONDS * 1000}"
            )
            connection.execute(select(func.pg_advisory_xact_lock(_WRITE_LOCK)))

    return begin


def _has(connection: Connection, option: str) -> bool:
    return bool(connection.get_execution_options().get(option))
