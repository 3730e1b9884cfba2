"""A sync that somebody at the screen asked for, and how far it is.

In: what to do; out: its state, to be shown as often as somebody looks. Called by `actions` and `pages`. One
at a time for each realm; it goes on when the browser goes away.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock, Thread

import structlog

from keycloak_license.errors import KeycloakLicenseError
from keycloak_license.model.progress import Progress
from keycloak_license.model.report import SyncReport

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class JobState:
    """How far a sync is, or how the last one ended."""

    is_running: bool = False
    what: str = ""
    """What is under way."""
    done: int = 0
    total: int = 0
    report: SyncReport | None = None
    """What came of the last one."""
    problem: str | None = None
    """Why nothing came of it."""

    @property
    def percent(self) -> int | None:
        """How much of what is under way is done; None where that is not known."""
        return 100 * self.done // self.total if self.total else None


Work = Callable[[Progress], SyncReport]
Done = Callable[[str | None], None]
"""Called at the end, with the problem there was."""


class Job:
    """The sync of one realm; threads may share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._state = JobState()

    @property
    def state(self) -> JobState:
        """How far it is."""
        return self._state

    def start(self, work: Work, done: Done) -> bool:
        """Start in a thread of its own; return False, and do nothing, while one is running."""
        with self._lock:
            if self._state.is_running:
                return False
            self._state = JobState(is_running=True)
        Thread(target=self._run, args=(work, done), name="sync from the screen", daemon=True).start()
        return True

    def _run(self, work: Work, done: Done) -> None:
        try:
            ended = JobState(report=work(self._show))
        except KeycloakLicenseError as error:
            ended = JobState(problem=str(error))
        except Exception as error:
            log.exception("sync_from_screen_crashed")
            ended = JobState(problem=f"a fault of ours ({type(error).__name__}): see the log, and report it")
        try:
            done(ended.problem)
        except KeycloakLicenseError as error:
            ended = replace(ended, problem=ended.problem or str(error))
        finally:
            self._state = ended

    def _show(self, what: str, done: int, total: int) -> None:
        self._state = replace(self._state, what=what, done=done, total=total)
