"""Commands that die: the real command line in a process of its own, which kills itself at a chosen write.

In: the words of a command, and at which commit of the ledger to die; out: how the process ended. Used by the
tests of crashes. The processes are forked from one that has loaded the program already, for loading it takes
longer than most of what they live to see.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine, Pool, event

from keycloak_license.cli.main import main

HANG_SECONDS = 120
"""Ends a test that hangs; nothing is measured with it."""


@dataclass(frozen=True)
class Death:
    """SIGKILL at the n-th commit, the first of them being 1: right before it, or right after."""

    commit: int
    is_before: bool


@dataclass(frozen=True)
class End:
    """How a process ended; negative is the signal that killed it."""

    status: int
    stdout: str
    stderr: str

    @property
    def was_killed(self) -> bool:
        return self.status == -signal.SIGKILL


def live(words: Sequence[str | Path], death: Death | None = None) -> End:
    """Run a command with no variables of ours, to its end or its death."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    with TemporaryDirectory() as folder:
        said = [Path(folder, name) for name in ("stdout", "stderr")]
        process = processes.Process(target=_live, args=([str(word) for word in words], said, death))
        process.start()
        process.join(HANG_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
        assert process.exitcode is not None
        return End(process.exitcode, *(file.read_text() for file in said))


def _live(words: list[str], said: list[Path], death: Death | None) -> None:
    for name in list(os.environ):
        if name.startswith("KEYCLOAK_"):
            del os.environ[name]
    for number, file in enumerate(said, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
    if death is not None:
        _await(death)
    main(words)


def _await(death: Death) -> None:
    commits = 0

    def before_commit(_connection: object) -> None:
        nonlocal commits
        commits += 1
        if death.is_before and commits == death.commit:
            os.kill(os.getpid(), signal.SIGKILL)

    def after_commit(*_: object) -> None:
        if not death.is_before and commits >= death.commit:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "commit", before_commit)
    # There is no event for a commit that is done: it is when the connection is given back.
    event.listen(Pool, "checkin", after_commit)
