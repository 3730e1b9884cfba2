"""A PostgreSQL that is killed and started again, with what it has on disk.

In: a server of `tests.real.postgres`, which belongs to the test that kills it; out: the same, dead or alive.
Used by the tests of outages.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from tests.real.postgres import PostgresServer, find_programs
from tests.real.small_disk import SmallDisk, small_disk

HANG_SECONDS = 120
"""Ends a test that hangs; nothing is measured with it."""


class MortalServer:
    """Handle of a running server."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._folder = Path(self._ask("SHOW data_directory"))

    def copy_database(self, template: str) -> str:
        """Make a database with the same content, and return its URL."""
        name = f"outage_{next(self.server.names)}"
        self.server.execute(f"CREATE DATABASE {name} TEMPLATE {self._disconnect(template)}")
        return self.server.url(name)

    @contextmanager
    def small_space(self) -> Iterator[tuple[SmallDisk, str]]:
        """A disk that is soon full, and the tablespace there; databases have to leave before the end."""
        folder, name = Path(tempfile.mkdtemp(prefix="ledger-space-")), f"space_{next(self.server.names)}"
        owner = self._folder.stat()
        try:
            with small_disk(folder, size=1 << 25) as disk:
                inside = folder / "space"
                inside.mkdir()
                for each in (folder, inside):
                    os.chown(each, owner.st_uid, owner.st_gid)
                self.server.execute(f"CREATE TABLESPACE {name} LOCATION '{inside}'")
                yield disk, name
                self.server.execute(f"DROP TABLESPACE {name}")
        finally:
            folder.rmdir()

    def move_database(self, url: str, space: str) -> str:
        """Let a database lie in that tablespace, and return its name."""
        name = self._disconnect(url)
        self.server.execute(f"ALTER DATABASE {name} SET TABLESPACE {space}")
        return name

    def kill(self) -> None:
        """End every process of it, without a chance to say anything."""
        postmaster = int((self._folder / "postmaster.pid").read_text().split()[0])
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(postmaster)], check=True, capture_output=True, text=True
        )
        family = [postmaster, *map(int, listed.stdout.split())]
        for process in family:
            with suppress(ProcessLookupError):  # they also end by themselves when the first one is gone
                os.kill(process, signal.SIGKILL)
        deadline = time.monotonic() + HANG_SECONDS
        while any(_is_running(process) for process in family):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        # It may be there as a zombie for a while, and would be taken for a server that runs.
        (self._folder / "postmaster.pid").unlink()

    def start(self) -> None:
        """Start it on the port that it had."""
        control, log = find_programs() / "pg_ctl", self._folder.with_name("server.log")
        owner = self._folder.stat()
        account: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        ended = subprocess.run(
            [control, "-D", self._folder, "-l", log, "-w", "-t", str(HANG_SECONDS), "restart"],
            cwd=self._folder,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            **(account if os.geteuid() == 0 else {}),
        )
        assert ended.returncode == 0, log.read_text()[-2000:]

    def is_killed(self) -> bool:
        try:
            self._ask("SELECT 1")
        except psycopg.OperationalError:
            return True
        return False

    def _disconnect(self, url: str) -> str:
        """End every connection to a database, and return its name."""
        name = url.rpartition("/")[2]
        gone = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname"
        self.server.execute(f"{gone} = '{name}'")
        return name

    def _ask(self, query: str) -> str:
        with psycopg.connect(plain(self.server.url("postgres"))) as connection:
            found = connection.execute(query.encode()).fetchone()
        assert found
        return str(found[0])


def _is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def plain(url: str) -> str:
    """The URL as the driver knows it."""
    return url.replace("+psycopg", "")
