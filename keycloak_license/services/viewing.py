"""A realm to look at, also for many at the same time.

In: a `ManagedRealm`; out: what a sync at this moment would find. `look_at` is called by `overview`; `Viewer`,
which reads anew only every few seconds, by the screen and the API, from any thread. Nothing here writes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from keycloak_license.model.report import SyncPlan
from keycloak_license.services.confirmation import make_confirmed_plan
from keycloak_license.services.observation import ManagedRealm, Observation, observe, observe_in

FRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class View:
    """A realm as it was read, and what follows from it."""

    seen: Observation
    plan: SyncPlan


def look_at(managed: ManagedRealm, now: datetime) -> View:
    """Read a realm and plan a sync of it."""
    seen = observe(managed, now)
    return View(*make_confirmed_plan(managed, seen, seen.licenses))


class Viewer:
    """Remembers a realm between two looks; a look costs what has changed, where admin events tell it."""

    def __init__(
        self,
        managed: ManagedRealm,
        fresh_seconds: float = FRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.managed = managed
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._lock = Lock()
        self._view: tuple[float, View] | None = None

    def look(self, now: datetime) -> View:
        """Return what is known, from a read that is a few seconds old at most; the errors of `observe`."""
        with self._lock:
            if self._view is None or self._clock() - self._view[0] >= self._fresh_seconds:
                self._view = None
                began = self._clock()
                self._view = began, self._read(now)
            return self._view[1]

    def forget(self) -> None:
        """Let the next look read anew, after something was changed."""
        with self._lock:
            self._view = None

    def _read(self, now: datetime) -> View:
        managed = self.managed
        record = managed.ledger.load(managed.name)
        wanted = managed.asked_about
        snapshot = managed.keycloak.refresh(wanted) or managed.keycloak.follow(wanted)
        seen = observe_in(managed, now, record, snapshot)
        return View(*make_confirmed_plan(managed, seen, seen.licenses))
