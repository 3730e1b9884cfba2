"""Brings a database to the tables this program knows.

In: an engine; out: the same database, migrated, or a `LedgerError`. Called by `store.open_ledger`.
Whoever opens a fresh database at the same moment waits for the first and then finds it done.
"""

import sqlite3
from contextlib import closing, suppress

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect

from keycloak_license.errors import LedgerError
from keycloak_license.ledger.connection import reading, writing
from keycloak_license.ledger.failures import another_programs, masked
from keycloak_license.ledger.tables import VERSION_TABLE


def migrate(engine: Engine) -> None:
    """Carry out the migrations that are missing, as one transaction; a current ledger is only read."""
    is_sqlite = engine.dialect.name == "sqlite"
    with reading(engine) as connection:
        is_current = _is_current(connection)
        if is_sqlite and read_revision(connection) is None and inspect(connection).get_table_names():
            raise another_programs(engine.url)
        has_log = not is_sqlite or connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    if not has_log:
        _use_write_ahead_log(engine)
    if is_current:
        return
    with writing(engine) as connection:
        if not _is_current(connection):
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def read_revision(connection: Connection) -> str | None:
    """Return the migration the database stands at; None before the first."""
    options = {"version_table": VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def _is_current(connection: Connection) -> bool:
    scripts = ScriptDirectory.from_config(_config())
    found = read_revision(connection)
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        raise LedgerError(
            f"The ledger {masked(connection.engine.url)} was written by a newer version of keycloak-license"
            f" (revision {found}): upgrade this program."
        )
    return found == scripts.get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "keycloak_license.ledger:migrations")
    return config


def _use_write_ahead_log(engine: Engine) -> None:
    """Let readers and a writer work at the same time; the file remembers it."""
    # Refused only to one who may not write, which the migration then says, or while somebody else
    # is just doing the same.
    with closing(engine.raw_connection()) as connection, suppress(sqlite3.OperationalError):
        connection.cursor().execute("PRAGMA journal_mode = WAL")
