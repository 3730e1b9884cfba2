"""The worker's signs of life: which realms become its own and when, what it says, and when it is ready."""

from datetime import timedelta
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.errors import LeaseTakenError
from keycloak_license.monitoring.metrics import Metrics
from keycloak_license.plan.sharing import keep_pace, worker_of
from keycloak_license.services.following import Follower
from keycloak_license.services.lease import RENEWALS
from keycloak_license.services.sharing import Membership
from keycloak_license.worker import Beat, Ticker, management_port
from tests.unit.services.test_sharing import REALMS, Ledger, join, meet
from tests.unit.services.world import World

Logs = list[Any]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def said(logs: Logs) -> list[tuple[str, str]]:
    """Level and event of what was said since the last look, but for debugging."""
    found = [(each["log_level"], each["event"]) for each in logs if each["log_level"] != "debug"]
    logs.clear()
    return found


def shown(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"keycloak_license_{name}", labels)


def alive(ledger: Ledger) -> int:
    """How many workers the ledger believes to be alive, besides the one who asks."""
    asking = join(ledger)
    asking.beat()
    asking.end()
    return len(asking.alive) - 1


def pair(ledger: Ledger) -> tuple[Membership, Membership]:
    """The worker that has the only realm, and one that has none; they know of each other."""
    one, other = join(ledger, ("acme",)), join(ledger, ("acme",))
    meet(one, other)
    return (one, other) if one.realms else (other, one)


def test_each_beat_returns_what_has_become_its_own_and_says_so_once(ledger: Ledger, logs: Logs) -> None:
    other = join(ledger)
    other.beat()
    beat = Beat(join(ledger), Metrics())
    first = beat()
    assert first == beat.membership.realms
    assert said(logs) == [("info", "realms_shared")]
    assert beat() == frozenset()
    assert said(logs) == []
    other.end()
    assert beat() == frozenset(REALMS) - first
    assert [(each["workers"], each["realms"]) for each in logs] == [(1, sorted(REALMS))]
    assert shown(beat.metrics, "realms") == len(REALMS)
    said(logs)
    other.beat()
    assert beat() == frozenset()
    assert said(logs) == [("info", "realms_shared")]
    assert shown(beat.metrics, "realms") == len(first)


def test_a_worker_without_a_realm_says_so_too(ledger: Ledger, logs: Logs) -> None:
    _, spare = pair(ledger)
    beat = Beat(spare, Metrics())
    assert beat() == frozenset()
    assert [each["realms"] for each in logs] == [[]]
    assert shown(beat.metrics, "realms") == 0


def test_an_outage_is_told_once_and_again_the_next_time(ledger: Ledger, logs: Logs) -> None:
    beat = Beat(join(ledger), Metrics())
    for _ in range(2):
        ledger.is_gone = False
        beat()
        said(logs)
        ledger.is_gone = True
        beat()
        # One sign of life that is lost means nothing.
        assert said(logs) == []
        beat()
        beat()
        assert said(logs) == [("warning", "realms_not_shared")]


def test_an_end_that_nobody_hears_is_no_fault(ledger: Ledger) -> None:
    beat = Beat(join(ledger), Metrics())
    beat()
    ledger.is_gone = True
    beat.end()
    ledger.is_gone = False
    assert alive(ledger) == 1
    beat.end()
    assert alive(ledger) == 0


# Of whole intervals, so that no rounding to microseconds comes in between.
fractions = st.integers(0, 1000).map(lambda part: part / 1000)


@given(
    interval=st.integers(1, 6) | st.integers(1, 86_400),
    beat_ago=fractions | st.integers(1, 12),
    renewed_ago=fractions,
    beat_phase=fractions,
    tick_phase=fractions,
)
def test_a_realm_of_a_worker_that_dies_in_a_sync_is_at_work_again_within_three_intervals(
    interval: int, beat_ago: float, renewed_ago: float, beat_phase: float, tick_phase: float
) -> None:
    """The clock is the ledger's; the worker dies at 0, after a beat and a renewal some time ago."""
    pace = keep_pace(timedelta(seconds=interval))
    beat_seconds = pace.beat.total_seconds()
    ledger = Ledger(lease_duration=pace.lease)
    dead, living = join(ledger, interval=interval), join(ledger, interval=interval)
    realm = next(realm for realm in REALMS if worker_of(realm, [dead.worker, living.worker]) == dead.worker)

    ledger.seconds = -beat_ago * beat_seconds
    dead.beat()
    beat = Beat(living, Metrics())
    beat()
    ledger.seconds = -renewed_ago * pace.lease.total_seconds() / RENEWALS
    ledger.take_lease(realm, "the dead")

    next_beat, next_tick = beat_phase * beat_seconds, tick_phase * interval
    while True:
        ledger.seconds = min(next_beat, next_tick)
        if next_beat <= next_tick:
            next_beat += beat_seconds
            if realm in beat():
                next_tick = ledger.seconds
            continue
        next_tick += interval
        if living.is_mine(realm):
            try:
                ledger.take_lease(realm, "the living")
                break
            except LeaseTakenError:
                # Only a beat that was lost before the death lets somebody come too early.
                assert beat_ago > 1
    assert ledger.seconds < 3 * interval
    if beat_ago <= 1:
        assert ledger.seconds <= 2.5 * interval * (1 + 1e-9)


def make_ticker(world: World, membership: Membership, metrics: Metrics | None = None) -> Ticker:
    return Ticker(Follower(world.managed, full_interval_seconds=900), metrics or Metrics(), membership)


def test_a_realm_of_another_worker_is_not_even_looked_at(logs: Logs) -> None:
    ledger = Ledger()
    world = World(ledger=ledger)
    holder, spare = pair(ledger)
    before = world.everything()
    ticker = make_ticker(world, spare)
    for _ in range(3):
        assert not ticker.look()
    assert (world.realm.reads, world.everything()) == (0, before)
    assert {(each["log_level"], each["event"]) for each in logs} == {
        ("debug", "sync_left_to_another_process")
    }
    assert shown(ticker.metrics, "syncs_total", realm="acme", result="left") == 3

    holder.end()
    spare.beat()
    assert ticker.look()
    ticker.read()
    assert shown(ticker.metrics, "syncs_total", realm="acme", result="complete") == 1


def test_a_read_that_was_due_when_the_realm_went_to_another_is_left_to_it() -> None:
    world = World(ledger=(ledger := Ledger()))
    holder, spare = pair(ledger)
    ticker = make_ticker(world, holder)
    assert ticker.look()
    # To the holder of the realm it now seems that somebody else has it.
    ticker.membership = spare
    ticker.read()
    assert world.realm.reads == 0
    ticker.membership = holder
    assert ticker.look()


def test_the_figures_of_a_realm_are_shown_by_the_worker_that_has_it() -> None:
    world = World(ledger=(ledger := Ledger()))
    world.import_file(world.sign())
    holder, spare = pair(ledger)
    ticker = make_ticker(world, holder)
    ticker.look()
    ticker.read()
    figures = [
        *(("seats_" + name, {"application": "WFM"}) for name in ("limit", "used", "waiting")),
        ("releases_held", {"application": "WFM"}),
        *((name, {}) for name in ("expiry_timestamp_seconds", "access_granted", "sync_complete")),
        ("last_success_timestamp_seconds", {}),
    ]
    assert None not in [shown(ticker.metrics, name, realm="acme", **labels) for name, labels in figures]
    ticker.membership = spare
    ticker.look()
    assert {shown(ticker.metrics, name, realm="acme", **labels) for name, labels in figures} == {None}
    assert shown(ticker.metrics, "syncs_total", realm="acme", result="complete") == 1


def readiness(ticker: Ticker, logs: Logs) -> int:
    """The status of the probe."""
    with management_port("127.0.0.1", 0, [ticker]):
        [port] = (each["port"] for each in logs if each["event"] == "management_port_open")
        logs.clear()
        try:
            with urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=30) as response:
                return int(response.status)
        except HTTPError as error:
            return error.code


def test_ready_is_who_has_synced_or_has_nothing_to_sync(logs: Logs) -> None:
    world = World(ledger=(ledger := Ledger()))
    holder, spare = pair(ledger)
    assert readiness(make_ticker(world, spare), logs) == 200
    ticker = make_ticker(world, holder)
    assert readiness(ticker, logs) == 503
    ticker.look()
    ticker.read()
    assert readiness(ticker, logs) == 200


def test_who_does_not_know_of_the_others_yet_is_not_ready_before_a_sync(logs: Logs) -> None:
    world = World(ledger=(ledger := Ledger()))
    pair(ledger)
    assert readiness(make_ticker(world, join(ledger, ("acme",))), logs) == 503
