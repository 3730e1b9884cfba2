"""Which realms are this process's, of those that several workers share.

In: a ledger, the configured realms and the interval; out: `is_mine`. Made by `cli`, beaten and asked by
`worker`. Without an answer from the ledger everything stays as it was: two who believe that a realm is
theirs take turns by its lease.
"""

import secrets
from collections.abc import Iterable
from datetime import timedelta

from keycloak_license.model.record import Worker
from keycloak_license.plan.sharing import keep_pace, worker_of
from keycloak_license.services.lease import this_process
from keycloak_license.services.ports import Ledger


class Membership:
    """One process among the workers of one ledger; one thread beats it, any thread may ask."""

    def __init__(self, ledger: Ledger, realms: Iterable[str], interval_seconds: float) -> None:
        # A process id comes again: in containers it is the same for everybody.
        self.worker = Worker(f"{this_process()} {secrets.token_hex(4)}", tuple(realms))
        self._ledger = ledger
        self._pace = keep_pace(timedelta(seconds=interval_seconds))
        self._alive: tuple[Worker, ...] = (self.worker,)

    @property
    def beat_seconds(self) -> float:
        """How long to wait between two beats."""
        return self._pace.beat.total_seconds()

    @property
    def alive(self) -> tuple[Worker, ...]:
        """The workers that were alive at the last answer of the ledger; before it only this one."""
        return self._alive

    @property
    def realms(self) -> frozenset[str]:
        """Those of the configured realms that are this worker's."""
        return frozenset(filter(self.is_mine, self.worker.realms))

    def is_mine(self, realm: str) -> bool:
        """Tell whether a realm is this worker's."""
        return worker_of(realm, self._alive) == self.worker

    def beat(self) -> None:
        """Give a sign of life and learn who else is alive; `LedgerError` leaves everything as it was."""
        self._alive = self._ledger.announce_worker(self.worker, self._pace.life)

    def end(self) -> None:
        """Let the others take over at their next beat."""
        self._ledger.end_worker(self.worker.name)
