"""A reader of the README, who types its commands as they stand there.

In: a folder to be in and what differs on this machine; out: what the commands print. `…` in a line stands for
what a command before has shown, and is filled in. Used by the tests of the README.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.cli import HANG_SECONDS
from tests.readme import README
from tests.readme_blocks import blocks_of


@dataclass
class Reader:
    """Somebody with a terminal, who types what the README says."""

    folder: Path
    notes: Path
    """A file of the test."""
    environ: dict[str, str]
    filled_in: dict[str, str] = field(default_factory=dict)
    """By the words before a `…`."""

    def type(self, block: str) -> str:
        """Run a block of commands to its end; return what it printed."""
        for before, value in self.filled_in.items():
            block = block.replace(f"{before}…", f"{before}{value}")
        assert "…" not in block, block
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{block}\nenv -0 > '{self.notes}'"],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=HANG_SECONDS,
        )
        assert ended.returncode == 0, f"{block}\n{ended.stdout}\n{ended.stderr}"
        assert "Traceback" not in ended.stderr, ended.stderr
        # The next block is typed at the same terminal.
        pairs = (line.split("=", 1) for line in self.notes.read_text().split("\0") if line)
        self.environ = dict(pairs)
        return ended.stdout

    @contextmanager
    def staying(self, command: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command that ends by Ctrl-C, which whatever runs at a terminal hears; it has to end well."""
        with subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                os.killpg(process.pid, signal.SIGINT)
            assert process.stdout
            rest = process.stdout.read()
            assert "worker_stopped" in rest, rest
            assert "Traceback" not in rest, rest


def reader(folder: Path, notes: Path, **environ: str) -> Reader:
    """A new reader, whose installed program is this one."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return Reader(
        folder, notes / "exported", {"PATH": path, "HOME": str(notes), "LANG": "C.UTF-8", **environ}
    )


def scenario(name: str) -> list[str]:
    """The blocks of one reader, in order."""
    found = blocks_of(README.read_text(encoding="utf-8"), name)
    assert found, f"the README has nothing to run for {name}"
    return found
