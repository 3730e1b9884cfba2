"""A worker knows which realms are its own, and goes on with what it knew when nobody answers."""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from keycloak_license.errors import LedgerError
from keycloak_license.model.record import Worker
from keycloak_license.services.sharing import Membership
from tests.fakes import MemoryLedger

REALMS = tuple(f"customer-{number}" for number in range(30))
START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@dataclass
class Ledger(MemoryLedger):
    """A ledger whose clock stands still until it is moved, and that can be out of reach."""

    seconds: float = 0.0
    is_gone: bool = False
    lives: list[timedelta] = field(default_factory=list)
    """How long each sign of life was to last."""

    def __post_init__(self) -> None:
        self.clock = lambda: START + timedelta(seconds=self.seconds)

    def announce_worker(self, worker: Worker, lasting: timedelta) -> tuple[Worker, ...]:
        if self.is_gone:
            raise LedgerError("the database is gone")
        self.lives.append(lasting)
        return super().announce_worker(worker, lasting)

    def end_worker(self, name: str) -> None:
        if self.is_gone:
            raise LedgerError("the database is gone")
        super().end_worker(name)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def join(ledger: Ledger, realms: tuple[str, ...] = REALMS, interval: float = 4) -> Membership:
    return Membership(ledger, realms, interval)


def meet(*crew: Membership) -> None:
    """Let everybody know of everybody."""
    for _ in range(2):
        for each in crew:
            each.beat()


def test_no_two_workers_have_the_same_name_not_even_those_of_one_process(ledger: Ledger) -> None:
    names = {join(ledger).worker.name for _ in range(50)}
    assert len(names) == 50
    assert all(str(os.getpid()) in name for name in names)


def test_alone_and_before_the_first_answer_every_realm_is_its_own(ledger: Ledger) -> None:
    one, other = join(ledger), join(ledger)
    other.beat()
    assert one.realms == frozenset(REALMS)
    assert one.alive == (one.worker,)
    one.beat()
    assert one.alive == tuple(sorted((one.worker, other.worker), key=lambda worker: worker.name))


def test_workers_that_know_of_each_other_divide_the_realms(ledger: Ledger) -> None:
    crew = [join(ledger) for _ in range(3)]
    meet(*crew)
    for realm in REALMS:
        assert [each.is_mine(realm) for each in crew].count(True) == 1
    assert sorted(realm for each in crew for realm in each.realms) == sorted(REALMS)


def test_while_the_ledger_is_out_of_reach_it_keeps_to_those_it_knew(ledger: Ledger) -> None:
    one, other = join(ledger), join(ledger)
    meet(one, other)
    share = one.realms
    other.end()
    ledger.is_gone = True
    for _ in range(3):
        with pytest.raises(LedgerError):
            one.beat()
        assert one.realms == share
    ledger.is_gone = False
    one.beat()
    assert one.realms == frozenset(REALMS)


def test_who_ends_is_followed_at_the_next_beat(ledger: Ledger) -> None:
    one, other = join(ledger), join(ledger)
    meet(one, other)
    other.end()
    other.end()
    one.beat()
    assert one.alive == (one.worker,)


def test_who_is_silent_for_too_long_is_followed_and_may_come_back(ledger: Ledger) -> None:
    one, other = join(ledger), join(ledger)
    meet(one, other)
    [life] = set(ledger.lives)
    assert life.total_seconds() == 9 * one.beat_seconds
    for beats, alive in ((8, 2), (9, 1)):
        ledger.seconds = beats * one.beat_seconds
        one.beat()
        assert len(one.alive) == alive
    other.beat()
    one.beat()
    assert len(one.alive) == 2


def test_a_realm_goes_to_those_only_who_are_configured_for_it(ledger: Ledger) -> None:
    one, other = join(ledger, REALMS[:20]), join(ledger, REALMS[10:])
    meet(one, other)
    assert one.realms >= frozenset(REALMS[:10])
    assert other.realms >= frozenset(REALMS[20:])
    assert sorted([*one.realms, *other.realms]) == sorted(REALMS)
