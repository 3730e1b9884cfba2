"""A real PostgreSQL for tests: `with postgres() as server:` starts one of its own and takes it away again.

It listens on loopback only, on a free port, asks for a password, and runs as an unprivileged user where
the tests run as root. It never touches a cluster of the machine.
"""

import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TypedDict

import psycopg

USER = "ledger"
PASSWORD = "only-for-this-test"
INSTALLED_UNDER = Path("/usr/lib/postgresql")


class PostgresMissingError(RuntimeError):
    """There is no PostgreSQL to test with."""


class _Account(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class PostgresServer:
    """A running server and the ways to make databases on it."""

    port: int
    names: Iterator[int]

    def url(self, database: str, *, user: str = USER, password: str = PASSWORD) -> str:
        return f"postgresql+psycopg://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"ledger_{next(self.names)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, statement: str, *, database: str = "postgres") -> None:
        """Carry out a statement as the owner of everything."""
        plain_url = self.url(database).replace("+psycopg", "")
        with psycopg.connect(plain_url, autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """Run a fresh PostgreSQL for the length of the block."""
    programs = find_programs()
    account = _unprivileged_account()
    home = Path(tempfile.mkdtemp(prefix="ledger-postgres-"))
    try:
        if account:
            os.chown(home, account["user"], account["group"])
        _initialise(programs, home, account)
        port = _start(programs, home, account)
        try:
            yield PostgresServer(port, count(1))
        finally:
            _run([programs / "pg_ctl", "-D", home / "data", "-m", "immediate", "-w", "stop"], home, account)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def find_programs(installed_under: Path = INSTALLED_UNDER, search_path: str | None = None) -> Path:
    """Return the folder of the newest initdb and pg_ctl."""
    found = [
        initdb.parent
        for initdb in installed_under.glob("*/bin/initdb")
        if initdb.with_name("pg_ctl").exists()
    ]
    if found:
        return max(
            found, key=lambda folder: [int(digits) for digits in re.findall(r"\d+", folder.parent.name)]
        )
    on_path = shutil.which("initdb", path=search_path)
    if on_path:
        return Path(on_path).resolve().parent
    raise PostgresMissingError(
        "These tests need PostgreSQL's initdb and pg_ctl, which are neither under"
        f" {installed_under} nor on the PATH: install the Debian package `postgresql`."
    )


def _initialise(programs: Path, home: Path, account: _Account) -> None:
    password_file = home / "password"
    password_file.write_text(PASSWORD)
    password_file.chmod(0o644)  # the folder itself is closed to everybody else
    where: list[str | Path] = [programs / "initdb", "-D", home / "data", "-U", USER, "--no-sync"]
    how = ["--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8", "--locale=C"]
    _run([*where, *how], home, account)


def _start(programs: Path, home: Path, account: _Account) -> int:
    """Start on a free port; on another one when somebody took it in between."""
    log = home / "server.log"
    start: list[str | Path] = [
        programs / "pg_ctl",
        "-D",
        home / "data",
        "-l",
        log,
        "-w",
        "-t",
        "120",
        "start",
    ]
    for _ in range(5):
        port = _free_port()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        try:
            _run([*start, "-o", options], home, account)
        except RuntimeError as error:
            said = log.read_text() if log.exists() else ""
            if "could not bind" not in said:
                raise RuntimeError(f"{error}{said}") from None
            log.unlink()
        else:
            return port
    raise RuntimeError("PostgreSQL found no free port in five attempts")


def _run(command: Sequence[str | Path], home: Path, account: _Account) -> None:
    output = home / "programs.log"
    # Output goes to a file: the server keeps what it is given open, and a pipe would never end.
    with output.open("wb") as sink:
        environment = {"PATH": os.defpath, "LC_ALL": "C", "HOME": str(home)}
        ended = subprocess.run(
            command, cwd=home, env=environment, stdout=sink, stderr=sink, check=False, **account
        )
    if ended.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {ended.returncode}:\n{output.read_text()}")


def _unprivileged_account() -> _Account:
    """Return who to be: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
