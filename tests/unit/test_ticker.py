"""What the worker logs and counts: trouble once as it begins, changes and ends, not at every tick."""

from typing import Any

import pytest

from keycloak_license.monitoring.metrics import Metrics
from keycloak_license.services.following import Follower
from keycloak_license.services.sharing import Membership
from keycloak_license.worker import Ticker
from tests.unit.services.world import World

Logs = list[Any]

pytestmark = pytest.mark.usefixtures("logs")


def tick(ticker: Ticker) -> None:
    """Look, and read where that is due, as the worker does."""
    if ticker.look():
        ticker.read()


def said(logs: Logs) -> list[str]:
    """The events since the last look, those for debugging left out."""
    found = [entry["event"] for entry in logs if entry["log_level"] != "debug"]
    logs.clear()
    return found


def count(metrics: Metrics, result: str) -> float | None:
    labels = {"realm": "acme", "result": result}
    return metrics.registry.get_sample_value("keycloak_license_syncs_total", labels)


def is_complete(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("keycloak_license_sync_complete", {"realm": "acme"})


@pytest.fixture
def world() -> World:
    world = World()
    world.agents(*(f"user{number}" for number in range(10)))
    world.import_file(world.sign(scope={"WFM": 30}))
    return world


@pytest.fixture
def ticker(world: World) -> Ticker:
    # On a clock that stands still reading takes no time, so it needs no pause.
    follower = Follower(world.managed, full_interval_seconds=900, clock=lambda: 0.0)
    return Ticker(follower, Metrics(), Membership(world.ledger, ["acme"], interval_seconds=5))


def test_a_tick_that_changes_nothing_says_nothing(ticker: Ticker, logs: Logs) -> None:
    tick(ticker)
    tick(ticker)
    assert said(logs)[1:] == []
    assert (count(ticker.metrics, "complete"), count(ticker.metrics, "unchanged")) == (1, 1)
    assert ticker.has_succeeded


def test_an_outage_is_told_as_it_begins_and_ends(world: World, ticker: Ticker, logs: Logs) -> None:
    tick(ticker)
    said(logs)
    world.realm.is_unreachable = True
    tick(ticker)
    tick(ticker)
    assert said(logs) == ["sync_failed"]
    world.realm.is_unreachable = False
    tick(ticker)
    tick(ticker)
    assert said(logs) == ["sync_recovered"]
    assert (count(ticker.metrics, "failed"), count(ticker.metrics, "complete")) == (2, 2)
    assert is_complete(ticker.metrics) == 1
    world.realm.is_unreachable = True
    tick(ticker)
    assert is_complete(ticker.metrics) == 0


def test_an_incomplete_sync_is_told_once_until_something_else_is_wrong(
    world: World, ticker: Ticker, logs: Logs
) -> None:
    tick(ticker)
    said(logs)
    world.realm.silent_providers.add("corp")
    tick(ticker)
    tick(ticker)
    assert said(logs) == ["sync_incomplete"]
    world.realm.silent_providers.add("other")
    tick(ticker)
    assert said(logs) == ["sync_incomplete"]
    assert count(ticker.metrics, "incomplete") == 3


def test_held_releases_are_told_with_numbers_and_without_names(
    world: World, ticker: Ticker, logs: Logs
) -> None:
    tick(ticker)
    said(logs)
    for name in range(8):
        user = world.realm.find_user(f"user{name}")
        assert user
        world.realm.revoke(user.id, world.agent)
    tick(ticker)
    assert [entry["reasons"] for entry in logs if entry["event"] == "releases_held"] == [["WFM 8"]]
    assert "user1" not in str(logs)
    said(logs)
    tick(ticker)
    assert said(logs) == []


def test_a_realm_that_another_process_works_on_is_left_to_it(
    world: World, ticker: Ticker, logs: Logs
) -> None:
    world.ledger.take_lease("acme", "another process")
    tick(ticker)
    assert (said(logs), count(ticker.metrics, "left")) == ([], 1)
    assert not ticker.has_succeeded
