"""Nobody else works on a realm meanwhile, and who was overtaken writes nothing more.

In: a ledger, a realm and how patient to be; out: a `Fence` for as long as the block lasts. Called by
`reconcile` and `licenses` around everything that writes. A thread renews the lease, so that it is lost only
by a process that is stopped, cut off or dead.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread

from keycloak_license.errors import KeycloakLicenseError, LeaseLostError, LeaseTakenError
from keycloak_license.model.record import Lease
from keycloak_license.services.ports import Ledger

RENEWALS = 4
"""How often a lease is renewed within the time it would last."""
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Fence:
    """A lease that is held, and the way to make sure of it."""

    ledger: Ledger
    lease: Lease

    def check(self) -> None:
        """Raise `LeaseLostError` when somebody else has taken over; to be called before each write."""
        self.ledger.renew_lease(self.lease)


@contextmanager
def hold_lease(ledger: Ledger, realm: str, patience_seconds: float) -> Iterator[Fence]:
    """Take the lease of a realm, renew it, and give it back at the end.

    Raises `LeaseTakenError` when another process still has it after `patience_seconds`.
    """
    fence = Fence(ledger, _take(ledger, realm, patience_seconds))
    done = Event()
    Thread(target=_keep_renewing, args=(fence, done), name=f"lease {realm}", daemon=True).start()
    try:
        yield fence
    finally:
        done.set()
        # It would run out by itself; what went wrong inside matters more.
        with suppress(KeycloakLicenseError):
            ledger.end_lease(fence.lease)


def this_process() -> str:
    """Return how the holder of a lease is called: host and process id."""
    return f"{socket.gethostname()} process {os.getpid()}"


def _take(ledger: Ledger, realm: str, patience_seconds: float) -> Lease:
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            return ledger.take_lease(realm, this_process())
        except LeaseTakenError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(POLL_SECONDS)


def _keep_renewing(fence: Fence, done: Event) -> None:
    while not done.wait(fence.lease.duration.total_seconds() / RENEWALS):
        try:
            fence.check()
        except LeaseLostError:
            # Whoever writes next finds out, and says what it means.
            return
        except KeycloakLicenseError:
            # A database that is busy for a moment may answer the next time, still before it is too late.
            continue
