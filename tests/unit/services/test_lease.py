"""Who works on a realm keeps others out, and writes nothing more once he was overtaken."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from keycloak_license.errors import (
    KeycloakLicenseError,
    LeaseLostError,
    LeaseTakenError,
    LedgerError,
    LicenseRefusedError,
)
from keycloak_license.model.record import Lease
from keycloak_license.services.lease import hold_lease, this_process
from keycloak_license.services.licenses import LicenseImport, import_license, preview_import
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.overview import read_status
from keycloak_license.services.reconcile import preview_once, run_once
from tests.fakes import MemoryLedger
from tests.unit.services.world import NOON, World

HANG_SECONDS = 30
"""Ends a test that hangs; nothing is measured with it."""
SHORT = timedelta(seconds=0.4)
LONG = timedelta(hours=1)


@dataclass
class Ledger(MemoryLedger):
    """A ledger that counts renewals, and fails where it is told to."""

    lease_duration: timedelta = LONG
    renewals: list[float] = field(default_factory=list)
    """When each one came, on a clock that only goes forward."""
    refusals: list[KeycloakLicenseError] = field(default_factory=list)
    """What the next calls to take, in this order, end with."""
    failing_renewals: list[KeycloakLicenseError] = field(default_factory=list)
    failing_end: Exception | None = None
    passes_at_renewal: timedelta = timedelta()
    """How much of the ledger's time goes by with each renewal."""
    offset: timedelta = timedelta()
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        start = datetime.now(UTC)
        self.clock = lambda: start + self.offset

    def take_lease(self, realm: str, holder: str) -> Lease:
        if self.refusals:
            raise self.refusals.pop(0)
        return super().take_lease(realm, holder)

    def renew_lease(self, lease: Lease) -> None:
        with self.changed:
            self.renewals.append(time.monotonic())
            self.changed.notify_all()
            if self.failing_renewals:
                raise self.failing_renewals.pop(0)
            super().renew_lease(lease)
            self.offset += self.passes_at_renewal

    def end_lease(self, lease: Lease) -> None:
        if self.failing_end:
            raise self.failing_end
        super().end_lease(lease)

    def wait_for_renewals(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.renewals) >= count, HANG_SECONDS)

    def is_free(self) -> bool:
        try:
            self.end_lease(super().take_lease("acme", "a test"))
        except LeaseTakenError:
            return False
        return True

    def let_another_take_over(self) -> Lease:
        """Time goes by, and somebody else comes."""
        self.offset += self.lease_duration
        return super().take_lease("acme", "another")


def test_a_lease_is_held_for_the_block_and_given_back_at_its_end() -> None:
    ledger = Ledger()
    with hold_lease(ledger, "acme", 0) as fence:
        assert not ledger.is_free()
        assert (fence.lease.realm, fence.lease.holder) == ("acme", this_process())
        assert str(os.getpid()) in fence.lease.holder
        fence.check()
    assert ledger.is_free()
    with pytest.raises(LeaseLostError):
        fence.check()


@pytest.mark.parametrize("error", [LicenseRefusedError("no"), KeyError("a fault"), KeyboardInterrupt()])
def test_a_block_that_raises_gives_the_lease_back_too(error: BaseException) -> None:
    ledger = Ledger()
    with pytest.raises(type(error)) as raised, hold_lease(ledger, "acme", 0):
        raise error
    assert raised.value is error
    assert ledger.is_free()


@pytest.mark.parametrize("error", [LeaseLostError("overtaken"), KeyError("a fault")])
def test_what_went_wrong_in_the_block_is_not_hidden_by_a_ledger_that_is_gone(error: Exception) -> None:
    ledger = Ledger(failing_end=LedgerError("the database is gone"))
    with pytest.raises(type(error)) as raised, hold_lease(ledger, "acme", 0):
        raise error
    assert raised.value is error


def test_a_block_that_went_well_is_not_spoilt_by_a_ledger_that_is_gone() -> None:
    done = []
    with hold_lease(Ledger(failing_end=LedgerError("the database is gone")), "acme", 0):
        done.append("all that was to do")
    assert done


def test_who_has_no_patience_is_told_at_once_who_is_at_work() -> None:
    ledger = Ledger()
    with (
        hold_lease(ledger, "acme", 0),
        pytest.raises(LeaseTakenError, match="at work on realm acme") as told,
        hold_lease(ledger, "acme", 0),
    ):
        pytest.fail("two at once")
    assert this_process() in str(told.value)
    assert told.value.exit_status == 3


def test_who_is_patient_waits_until_the_other_is_done() -> None:
    taken: list[KeycloakLicenseError] = [LeaseTakenError("another is at work on realm acme")]
    ledger = Ledger(refusals=taken * 3)
    with hold_lease(ledger, "acme", HANG_SECONDS) as fence:
        assert not ledger.refusals
        fence.check()


def test_patience_ends() -> None:
    first: list[KeycloakLicenseError] = [LeaseTakenError("another is at work")] * 5
    ledger = Ledger(refusals=first + [LeaseTakenError("the last word")] * 99_999)
    began = time.monotonic()
    with pytest.raises(LeaseTakenError, match="the last word"), hold_lease(ledger, "acme", 0.8):
        pytest.fail("two at once")
    assert time.monotonic() - began >= 0.8


def test_what_else_the_ledger_says_is_not_waited_for() -> None:
    ledger = Ledger(refusals=[LedgerError("the database is gone")])
    with pytest.raises(LedgerError, match="gone"), hold_lease(ledger, "acme", HANG_SECONDS):
        pytest.fail("there is no lease")


def test_a_lease_is_renewed_several_times_within_the_time_that_it_lasts() -> None:
    ledger = Ledger(lease_duration=SHORT)
    began = time.monotonic()
    with hold_lease(ledger, "acme", 0):
        ledger.wait_for_renewals(9)
    times = [began, *ledger.renewals]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    # A machine that is busy makes some of them longer; that all are too long it cannot do for seconds.
    assert min(gaps) < SHORT.total_seconds() / 2
    # Nor is the ledger asked without a rest.
    assert sum(gaps) > SHORT.total_seconds()


def test_renewed_in_time_it_is_kept_for_longer_than_it_lasts() -> None:
    ledger = Ledger(lease_duration=SHORT, passes_at_renewal=SHORT * 0.7)
    with hold_lease(ledger, "acme", 0) as fence:
        for renewals in (3, 6, 9):
            ledger.wait_for_renewals(renewals)
            assert not ledger.is_free()
        fence.check()


def test_nobody_renews_after_the_end() -> None:
    ledger = Ledger(lease_duration=SHORT)
    others = set(threading.enumerate())
    with hold_lease(ledger, "acme", 0):
        [thread] = set(threading.enumerate()) - others
        ledger.wait_for_renewals(1)
        assert thread.is_alive()
        assert thread.daemon
    thread.join(HANG_SECONDS)
    assert not thread.is_alive()
    assert ledger.is_free()


def test_who_was_overtaken_stops_renewing_finds_out_at_his_next_write_and_takes_nothing_back() -> None:
    ledger = Ledger(lease_duration=SHORT)
    others = set(threading.enumerate())
    with hold_lease(ledger, "acme", 0) as fence:
        [thread] = set(threading.enumerate()) - others
        with ledger.changed:
            heir = ledger.let_another_take_over()
        thread.join(HANG_SECONDS)
        assert not thread.is_alive()
        with pytest.raises(LeaseLostError):
            fence.check()
    ledger.renew_lease(heir)
    assert not ledger.is_free()


def test_a_ledger_that_fails_for_a_moment_does_not_end_the_renewals() -> None:
    failures: list[KeycloakLicenseError] = [LedgerError("locked by another process")]
    ledger = Ledger(lease_duration=SHORT, failing_renewals=failures * 2)
    with hold_lease(ledger, "acme", 0) as fence:
        ledger.wait_for_renewals(4)
        fence.check()


# What the use cases make of it.


@dataclass
class Slow:
    """Stands before a realm or a ledger, and does something before each call to it."""

    inner: Any
    before_call: Callable[[str], None]

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not callable(found):
            return found

        def call(*arguments: Any) -> Any:
            self.before_call(name)
            return found(*arguments)

        return call


@dataclass
class Held:
    """A process that is stopped before its n-th call to realm or ledger, while something else happens."""

    world: World
    place: int
    meanwhile: Callable[[], None]
    calls: list[str] = field(default_factory=list)

    @property
    def managed(self) -> ManagedRealm:
        keycloak: Any = Slow(self.world.realm, self._call)
        ledger: Any = Slow(self.world.ledger, self._call)
        return replace(self.world.managed, keycloak=keycloak, ledger=ledger)

    @property
    def was_stopped(self) -> bool:
        return len(self.calls) > self.place

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if len(self.calls) == self.place + 1:
            self.meanwhile()


def staffed(*, is_licensed: bool = True) -> tuple[World, Ledger]:
    """A world with a licence for two, who are seated; one of them is gone since, and two have come."""
    ledger = Ledger()
    world = World(ledger=ledger)
    if is_licensed:
        world.import_file(world.sign(scope={"WFM": 2}))
    anna, _ = world.agents("anna", "boris")
    world.sync()
    world.realm.revoke(anna, world.agent)
    world.agents("cyril", "dan")
    return world, ledger


Work = Callable[[ManagedRealm, World], object]


def sync_once(managed: ManagedRealm, _: World) -> object:
    return run_once(managed, now=NOON)


def import_another(managed: ManagedRealm, world: World) -> object:
    file = world.sign(number="T-2", scope={"WFM": 1}).file.encode()
    return import_license(managed, file, lambda _: True, lambda: NOON)


@pytest.mark.parametrize(
    ("work", "is_licensed", "writes"),
    [
        (sync_once, True, ["record_sync", "write_attributes"]),
        (import_another, False, ["add_licenses", "record_sync", "write_attributes"]),
    ],
)
def test_whoever_is_overtaken_while_he_sleeps_writes_nothing_more(
    work: Work, is_licensed: bool, writes: list[str]
) -> None:
    stopped_before: list[str] = []
    while True:
        world, ledger = staffed(is_licensed=is_licensed)
        kept: list[object] = []

        def overtake(world: World = world, ledger: Ledger = ledger, kept: list[object] = kept) -> None:
            ledger.offset += LONG
            world.agents("ema")
            world.sync()
            world.sync()
            kept.append(world.everything())

        held = Held(world, len(stopped_before), overtake)
        lost: list[LeaseLostError] = []
        try:
            work(held.managed, world)
        except LeaseLostError as error:
            lost.append(error)
        if not held.was_stopped:
            break
        name = held.calls[held.place]
        stopped_before.append(name)
        # Before the lease is taken there is nothing to lose, and after the last write nothing to stop.
        if name != "take_lease":
            assert bool(lost) == (name != "end_lease")
            assert [world.everything()] == kept, name
        # Who comes next finds the realm free, and nothing to do.
        assert ledger.is_free()
        assert world.sync().changes == ()

    assert [name for name in stopped_before if name in writes] == writes
    assert len(stopped_before) > 2 * len(writes)


@pytest.mark.parametrize("work", [sync_once, import_another])
def test_while_another_is_at_work_nothing_is_even_read(work: Work) -> None:
    world, ledger = staffed()
    world.sync()
    before, reads = world.everything(), world.realm.reads
    with hold_lease(ledger, "acme", 0), pytest.raises(LeaseTakenError):
        work(world.managed, world)
    assert (world.everything(), world.realm.reads) == (before, reads)


def test_to_look_needs_no_lease_and_takes_none() -> None:
    world, ledger = staffed()
    file = world.sign(number="T-2").file.encode()
    before = world.everything()
    with hold_lease(ledger, "acme", 0) as fence:
        assert preview_once(world.managed, now=NOON).changes
        assert preview_import(world.managed, file, lambda: NOON).plan.changes
        assert read_status(world.managed, NOON).applications
        fence.check()
    assert world.everything() == before
    epoch = fence.lease.epoch
    preview_once(world.managed, now=NOON)
    with hold_lease(ledger, "acme", 0) as after:
        assert after.lease.epoch == epoch + 2


def test_while_a_question_is_open_others_work_on_and_the_answer_counts_for_what_was_asked() -> None:
    world, ledger = staffed()
    asked: list[list[str]] = []

    def confirm(shown: LicenseImport) -> bool:
        asked.append([each.number for each in shown.replaced])
        assert ledger.is_free()
        if len(asked) == 1:
            world.import_file(world.sign(number="T-3", scope={"WFM": 5}))
        return True

    file = world.sign(number="T-2", scope={"WFM": 1}).file.encode()
    import_license(world.managed, file, confirm, lambda: NOON)

    # Who was asked about one licence has not agreed to replace another.
    assert asked == [["T-1"], ["T-3"]]
    assert world.in_force() == [("T-2", 1)]
    assert ledger.is_free()
