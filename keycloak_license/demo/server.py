"""A real Keycloak on a free loopback port, with nothing but what pip installs.

In: a cache folder and where to tell progress; out: its address and administrator. It has its own
database in a temporary folder, unless it is told of another one, and is gone with the block. Called by
`cli.demo`, `tests.real` and `tests.bench`.
"""

import http.client
import os
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

from keycloak_license.demo.distribution import DEFAULT_VERSION, FILES, Progress, prepared_home
from keycloak_license.demo.process import KeycloakProcess, sigterm_unwinds
from keycloak_license.errors import UnavailableError

_LISTENING: Final = re.compile(
    r"Listening on: http://[^ ]+:(\d+)\. Management interface listening on http://[^ ]+:(\d+)\."
)
_SHARED_PARTS: Final = ("bin", "conf", "lib", "providers", "themes", "version.txt")
_START_OPTIONS: Final = (
    "start",
    "--optimized",
    "--cache=local",
    "--http-enabled=true",
    "--hostname-strict=false",
    "--http-host=127.0.0.1",
    # Keycloak picks both ports itself: a port we found free could be taken before it binds.
    "--http-port=0",
    "--http-management-port=0",
)
_LOOK_SECONDS: Final = 0.2


def default_cache() -> Path:
    """Return the folder that keeps built Keycloaks between runs, by the XDG convention."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "keycloak-license"


@dataclass(frozen=True, slots=True)
class Variant:
    """How a Keycloak differs from the one that the demo boots."""

    database: str = FILES
    """A kind of database, as Keycloak's option ``db`` names it."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """More of its environment: ``KC_DB_URL`` and so on."""


class LocalKeycloak:
    """A context manager: inside the block Keycloak runs and the attributes are set."""

    admin_user: Final = "admin"
    url: str
    """Base address, without a slash at the end."""
    log: Path
    """What the server says; the file is gone after the block."""

    def __init__(
        self,
        cache: Path,
        *,
        version: str = DEFAULT_VERSION,
        progress: Progress = lambda _what, _done, _total: None,
        boot_seconds: float = 300,
        variant: Variant | None = None,
    ) -> None:
        self.version: Final = version
        self.admin_password: Final = secrets.token_urlsafe(16)
        self._cache: Final = cache
        self._progress: Final = progress
        self._boot_seconds: Final = boot_seconds
        self._variant: Final = variant or Variant()

    def __enter__(self) -> Self:
        """Boot it, and return once it answers.

        Raises `ConfigurationError` without the extra `demo`, `UnavailableError` when it cannot be
        downloaded or does not come up; the latter carries the end of its log.
        """
        with ExitStack() as stack:
            stack.enter_context(sigterm_unwinds())
            home = prepared_home(self.version, self._cache, self._progress, self._variant.database)
            temporary = TemporaryDirectory(prefix="keycloak-license-", ignore_cleanup_errors=True)
            own = Path(stack.enter_context(temporary))
            self._progress(f"starting Keycloak {self.version}", 0, 0)
            self.log = own / "keycloak.log"
            process = stack.enter_context(self._process(home, own))
            self.url = self._wait_until_ready(process)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _process(self, home: Path, own: Path) -> KeycloakProcess:
        """Start from a home of its own in which only the data is real, so that runs never meet."""
        for part in _SHARED_PARTS:
            (own / part).symlink_to(home / part)
        places = [f"-Dkc.home.dir={own}", f"-Djava.io.tmpdir={own}"]
        variables = {
            "KC_BOOTSTRAP_ADMIN_USERNAME": self.admin_user,
            "KC_BOOTSTRAP_ADMIN_PASSWORD": self.admin_password,
            "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx1g",
            "JAVA_OPTS_APPEND": "-XX:-UsePerfData",
            **self._variant.variables,
        }
        return KeycloakProcess(own, [*places, *_START_OPTIONS], log=self.log, variables=variables)

    def _wait_until_ready(self, process: KeycloakProcess) -> str:
        deadline = time.monotonic() + self._boot_seconds
        while time.monotonic() < deadline:
            status = process.exit_status(_LOOK_SECONDS)
            if status is not None:
                raise self._did_not_start(f"ended with exit status {status}", process)
            ports = _LISTENING.search(process.log.read_text(encoding="utf-8", errors="replace"))
            if ports and _is_ready(int(ports[2])):
                return f"http://127.0.0.1:{ports[1]}"
        raise self._did_not_start(f"was not ready after {self._boot_seconds:.0f} s", process)

    def _did_not_start(self, what: str, process: KeycloakProcess) -> UnavailableError:
        return UnavailableError(
            f"Keycloak {self.version} {what} instead of starting; the end of its log:\n{process.log_tail()}"
        )


def _is_ready(management_port: int) -> bool:
    """Whether the health endpoint says that the database is set up and the administrator exists."""
    connection = http.client.HTTPConnection("127.0.0.1", management_port, timeout=10)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
