"""Which worker takes which realm, and how soon one that has died is noticed.

In: the workers that are alive, or the interval; out: the one who takes a realm, or three durations. Called
by `services.sharing`, `settings` and `bootstrap`.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from keycloak_license.model.record import Worker

LONGEST = timedelta(seconds=5)
"""Where realms are looked at less often, workers are still watched as if it were this often."""
BEATS = 4


@dataclass(frozen=True, slots=True)
class Pace:
    """What an interval makes of the signs of life."""

    beat: timedelta
    """Between two signs of life of a worker."""
    lease: timedelta
    """How long the right to write about a realm outlives the process at work on it."""
    life: timedelta
    """How long a worker counts as alive after its last sign of life."""


def keep_pace(interval: timedelta) -> Pace:
    """Return how to beat so that a dead worker's realms are taken over within three intervals.

    Let s be the interval, or 5 seconds where that is less. Beats come every s/4. A sync renews its lease,
    which lasts 2s. A worker is forgotten 2s + s/4 after its last beat, and that is noticed at somebody's
    next beat, at most s/4 later: 2.5s after a death at the latest. By then the lease has run out as well, so
    the first look, which comes at once, is not turned away, and half an interval is left for a late thread.
    Should a beat have been lost before the death, realms change hands earlier and may still be leased: then
    one of the looks at each interval that follow finds the lease run out, the last of them before 3s.
    """
    step = min(interval, LONGEST)
    beat, lease = step / BEATS, 2 * step
    return Pace(beat, lease, life=lease + beat)


def worker_of(realm: str, alive: Iterable[Worker]) -> Worker | None:
    """Return who takes a realm; None where nobody alive is configured for it.

    Each realm ranks all workers by a hash of its own and takes the first (rendezvous hashing), so it changes
    hands only when that one leaves or one that ranks higher joins.
    """
    able = (worker for worker in alive if realm in worker.realms)
    return max(able, key=lambda worker: _weight(worker.name, realm), default=None)


def _weight(worker: str, realm: str) -> tuple[bytes, str]:
    # Not `hash`, which differs from process to process.
    return hashlib.sha256(f"{worker}\0{realm}".encode()).digest(), worker
