"""Many realms in one worker: none keeps the others waiting."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from keycloak_license.model.application import Application
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.monitoring.metrics import Metrics
from keycloak_license.services.delivery import Post
from keycloak_license.services.following import Follower
from keycloak_license.services.sharing import Membership
from keycloak_license.worker import Postman, Ticker, run_worker
from tests.fakes import MemoryLedger, SimulatedRealm
from tests.unit.services.world import World

REALMS = 200
ENOUGH_SECONDS = 120
"""Far more than it takes on any machine."""


@dataclass
class SlowRealm(SimulatedRealm):
    """A realm whose full read lasts until it is let go."""

    reached: threading.Event = field(default_factory=threading.Event)
    may_go_on: threading.Event = field(default_factory=threading.Event)

    def follow(self, applications: Sequence[Application]) -> RealmSnapshot:
        self.reached.set()
        assert self.may_go_on.wait(ENOUGH_SECONDS)
        return super().follow(applications)


@dataclass
class CountedRealm(SimulatedRealm):
    """A realm that counts the looks at it."""

    looks: int = 0
    was_looked_at: threading.Event = field(default_factory=threading.Event)
    """Twice since its full read."""

    def refresh(self, applications: Sequence[Application]) -> RealmSnapshot | None:
        self.looks += 1
        if self.looks == 2:
            self.was_looked_at.set()
        return super().refresh(applications)


@contextmanager
def working(realms: Sequence[SimulatedRealm]) -> Iterator[list[Ticker]]:
    ledger, metrics = MemoryLedger(), Metrics()
    membership = Membership(ledger, [realm.name for realm in realms], interval_seconds=1)
    tickers = [
        Ticker(Follower(World(realm=realm, ledger=ledger).managed, 900), metrics, membership)
        for realm in realms
    ]
    stop = threading.Event()
    postman = Postman(Post(ledger.outbox, {}, []), metrics)
    worker = threading.Thread(target=run_worker, args=(tickers, postman, 1, stop))
    worker.start()
    try:
        yield tickers
    finally:
        for realm in realms:
            if isinstance(realm, SlowRealm):
                realm.may_go_on.set()
        stop.set()
        worker.join(ENOUGH_SECONDS)
        assert not worker.is_alive()


def test_a_realm_that_takes_long_to_read_keeps_no_other_waiting() -> None:
    slow = SlowRealm(name="slow")
    others = [CountedRealm(name=f"realm{number}") for number in range(REALMS - 1)]
    with working([slow, *others]) as [of_slow, *_]:
        assert slow.reached.wait(ENOUGH_SECONDS)
        for realm in others:
            assert realm.was_looked_at.wait(ENOUGH_SECONDS), realm.name
            assert realm.reads == 1
        assert not of_slow.has_succeeded
