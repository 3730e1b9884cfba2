"""What a database refuses, said in one sentence.

In: an exception of SQLAlchemy and the URL it is about; out: a `LedgerError`. Called by `connection`
around every conversation with the database.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from alembic.util import CommandError
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError

from keycloak_license.errors import LedgerError

_LOCKED = "is locked by another process: wait until that one is done, or stop it, and try again"
_READ_ONLY = "is read-only: make it (a file: also its folder) writable for the user this program runs as"
_FULL = "cannot grow because its disk is full: make room and try again"
_DAMAGED = "is damaged: restore it from a backup"
_DISK = "cannot be read or written: its disk is full or reports an error: make room, or check disk and mount"
_UNOPENABLE = "cannot be opened: its folder must exist and be writable, and the path must name a file"
_ANOTHERS = "is a database of another program: correct the path in `database`, or move that file away"
_FOREIGN = "is no SQLite database: correct the path in `database`, or move that file away"
_UNREACHABLE = "cannot be reached: check that the server runs, and the host and port in `database`"
_CREDENTIALS = "refuses these credentials: correct the user and password in `database`"
_UNKNOWN_DATABASE = "does not exist on its server: create it, or correct the name in `database`"
_NO_RIGHTS = "denies this user a right: let it create, read and write tables there"

_NOT_AS_MADE = re.compile(r"no such (table|column)")
"""Nobody but this program makes tables there, and it checks their revision before it asks."""

# Primary result codes of SQLite, https://www.sqlite.org/rescode.html; the extended ones carry them
# in the low byte.
_SQLITE = {
    5: _LOCKED,
    6: _LOCKED,
    8: _READ_ONLY,
    10: _DISK,
    11: _DAMAGED,
    13: _FULL,
    14: _UNOPENABLE,
    26: _FOREIGN,
}

# Appendix A of the PostgreSQL manual, by code, then by class (the first two characters).
_POSTGRESQL = {
    "25006": _READ_ONLY,
    "28": _CREDENTIALS,
    "3D": _UNKNOWN_DATABASE,
    "40": _LOCKED,
    "42501": _NO_RIGHTS,
    "53100": _FULL,
    "55P03": _LOCKED,
    "57P": _UNREACHABLE,
    "08": _UNREACHABLE,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}

# While connecting, libpq passes on the server's words only, never the code.
_POSTGRESQL_WORDS = (
    (
        re.compile(r'password authentication failed|no password supplied|role ".*" does not exist'),
        _CREDENTIALS,
    ),
    (re.compile(r'database ".*" does not exist'), _UNKNOWN_DATABASE),
    (re.compile(r"permission denied for database"), _NO_RIGHTS),
)


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Turn what the database refuses inside the block into a `LedgerError` naming the database."""
    try:
        yield
    except DBAPIError as error:
        raise LedgerError(f"The ledger {masked(url)} {_sentence(error)}.") from error
    except StatementError as error:
        # A value that may not be kept: a fault of the caller, shown as it was raised.
        raise (error.orig or error) from None
    except (ValueError, TypeError, CommandError) as error:
        # A value that was read and that this program never writes.
        raise LedgerError(f"The ledger {masked(url)} {_DAMAGED}.") from error


def another_programs(url: URL) -> LedgerError:
    """Return the error for a file that is a database, but no ledger."""
    return LedgerError(f"The ledger {masked(url)} {_ANOTHERS}.")


def masked(url: URL) -> str:
    """Return the URL without any password, for people and logs."""
    if "immutable" in url.query:
        # Only how it is opened, and of no use to people.
        url = url.set(database=unquote(urlsplit(str(url.database)).path), query={})
    return url.difference_update_query(["password", "sslpassword"]).render_as_string(hide_password=True)


def _sentence(error: DBAPIError) -> str:
    sqlite_code = getattr(error.orig, "sqlite_errorcode", None)
    is_sqlite = isinstance(error.orig, sqlite3.Error)
    if is_sqlite and (sqlite_code is None or _NOT_AS_MADE.search(str(error.orig))):
        # Without a code it is text that is not UTF-8.
        return _DAMAGED
    if sqlite_code is not None and sqlite_code & 0xFF in _SQLITE:
        return _SQLITE[sqlite_code & 0xFF]
    state = getattr(error.orig, "sqlstate", None) or ""
    for length in (5, 3, 2):
        if state[:length] in _POSTGRESQL:
            return _POSTGRESQL[state[:length]]
    text = str(error.orig)
    for pattern, sentence in _POSTGRESQL_WORDS:
        if pattern.search(text):
            return sentence
    if isinstance(error, OperationalError) and not is_sqlite and not state:
        return _UNREACHABLE
    # Only the first line: the ones after it quote rows, and rows are people.
    return f"refuses what it was asked: {text.splitlines()[0] if text else type(error.orig).__name__}"
