"""What the global options say, handed to every command.

Made by `cli.main`; commands ask it for settings, a realm, the clock and a progress bar.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from keycloak_license.bootstrap import open_realm
from keycloak_license.errors import ConfigurationError
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.settings import Settings, load_settings

RealmOption = Annotated[
    str | None, typer.Option("--realm", help="Realm to work on; default: the only configured one.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]

CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV with a header line.")]


@dataclass(frozen=True, slots=True)
class Invocation:
    """One run of the command."""

    config: Path | None
    environ: Mapping[str, str]

    def settings(self, *, needs_client_secret: bool = True, realm: str | None = None) -> Settings:
        """Read the configuration, in which a `realm` that is named has its defaults if it is not there."""
        return load_settings(self.config, self.environ, needs_client_secret=needs_client_secret, realm=realm)

    @contextmanager
    def realm(self, name: str | None, *, needs_client_secret: bool = True) -> Iterator[ManagedRealm]:
        """Open a realm, with a progress bar while it is read or written; on a terminal only."""
        settings = self.settings(needs_client_secret=needs_client_secret)
        with ProgressBar() as bar:
            yield open_realm(settings, name, progress=bar.show)


class ProgressBar:
    """A bar on stderr that is there only while something is under way, so that questions can be asked."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        console = Console(stderr=True)
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, what: str, done: int, total: int) -> None:
        """Show how far something is; the bar goes away with the last thing done."""
        if done >= total:
            if what in self._tasks:
                self._bar.remove_task(self._tasks.pop(what))
            if not self._tasks:
                self._bar.stop()
            return
        if what not in self._tasks:
            self._bar.start()
            self._tasks[what] = self._bar.add_task(what, total=total)
        self._bar.update(self._tasks[what], completed=done, total=total)


def invocation_of(context: typer.Context) -> Invocation:
    """Return the invocation of a command."""
    found = context.find_object(Invocation)
    if found is None:
        raise RuntimeError("the command was not called through cli.main")
    return found


def require_one_form(*, as_csv: bool, as_json: bool) -> None:
    """Raise `ConfigurationError` when a list is wanted in two forms."""
    if as_csv and as_json:
        raise ConfigurationError("--csv and --json exclude each other: give one of them")


def now() -> datetime:
    """Return the time at which the command runs; everything below is told it."""
    return datetime.now(UTC)


def is_interactive() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
