from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import pytest

from keycloak_license.errors import ConfigurationError
from keycloak_license.model.record import SeatEvent
from keycloak_license.plan.usage_history import UsagePoint
from keycloak_license.services.usage_history import read_usage_history
from tests.fakes import MemoryLedger
from tests.unit.services.test_overview import Untouchable
from tests.unit.services.world import NOON, World

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class Witness:
    """Somebody who looked at the screen again and again, and compares the chart with what he saw."""

    world: World
    seen: list[UsagePoint] = field(default_factory=list)

    def look(self, now: datetime) -> None:
        report = self.world.status(now)
        [usage] = [each for each in report.applications if each.id == "WFM"]
        self.seen.append(UsagePoint(now, usage.used, usage.seats))

    def compare(self, now: datetime, since: datetime) -> None:
        points = read_usage_history(self.world.managed, "WFM", now, since)
        for seen in (each for each in self.seen if each.at >= since):
            [*_, shown] = [point for point in points if point.at <= seen.at]
            assert (shown.used, shown.limit) == (seen.used, seen.limit), seen.at


def live(world: World, witness: Witness) -> datetime:
    """Two months with imports, a renewal, a smaller licence, people who come and go, and an expiry."""
    now = NOON

    def go_on(days: float = 1) -> None:
        nonlocal now
        now += days * DAY
        world.sync(now)
        witness.look(now)

    witness.look(now)
    anna, boris, cyril = world.agents("anna", "boris", "cyril")
    go_on()
    world.import_file(world.sign(scope={"WFM": 3}, expires_on=date(2026, 6, 10)), now + HOUR)
    witness.look(now + HOUR)
    go_on()
    world.realm.revoke(boris, world.agent)
    go_on()
    renewal = world.sign(number="T-2", starts_on=date(2026, 5, 20), scope={"WFM": 2})
    world.import_file(renewal, now + HOUR)
    world.realm.grant(boris, world.agent)
    go_on(3)
    for _ in range(4):
        go_on(5)
    world.import_file(world.sign(number="T-3", scope={"WFM": None}, expires_on=date(2026, 6, 15)), now + HOUR)
    go_on()
    world.realm.delete_user(cyril)
    world.realm.set_enabled(anna, enabled=False)
    for _ in range(5):
        go_on(6)
    return now


def test_the_chart_shows_what_the_screen_showed_at_each_moment() -> None:
    world = World()
    witness = Witness(world)
    now = live(world, witness)
    assert {point.used for point in witness.seen} >= {0, 1, 2, 3}
    assert {point.limit for point in witness.seen} == {0, 2, 3, None}
    for since in (NOON - DAY, NOON, NOON + 4 * DAY, NOON + 20 * DAY, now):
        witness.compare(now, since)


def test_the_last_point_is_the_status_of_this_moment_and_keycloak_is_not_asked() -> None:
    world = World()
    now = live(world, Witness(world)) + 9 * DAY
    [usage, _] = world.status(now).applications
    managed = replace(world.managed, keycloak=Untouchable())
    assert read_usage_history(managed, "WFM", now, NOON)[-1] == UsagePoint(now, usage.used, usage.seats)


def test_a_clock_that_went_back_shows_time_as_far_as_it_had_got() -> None:
    world = World()
    world.agents("anna")
    world.import_file(world.sign(), NOON)
    world.sync(NOON + DAY)
    points = read_usage_history(world.managed, "WFM", NOON - 5 * DAY, NOON - DAY)
    assert points == (
        UsagePoint(NOON - DAY, 0, 0),
        UsagePoint(NOON, 1, 1),
        UsagePoint(NOON + DAY, 1, 1),
    )


def test_a_realm_never_synced_has_nothing_to_show() -> None:
    points = read_usage_history(World().managed, "WFM", NOON, NOON - DAY)
    assert points == (UsagePoint(NOON - DAY, 0, 0), UsagePoint(NOON, 0, 0))


def test_a_licence_that_does_not_verify_any_more_never_counted() -> None:
    world = World()
    license_ = world.sign()
    world.import_file(license_, NOON)
    world.verifier.distrust(license_)
    points = read_usage_history(world.managed, "WFM", NOON + DAY, NOON - DAY)
    assert {point.limit for point in points} == {0}


def test_an_unknown_application_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="There is no application 'XYZ'"):
        read_usage_history(World().managed, "XYZ", NOON, NOON - DAY)


@dataclass
class Interrupted(MemoryLedger):
    """A ledger in which others record a sync right before somebody reads its history."""

    syncs: list[World] = field(default_factory=list)
    now: datetime = NOON

    def seat_events(
        self, realm: str, application: str | None = None, since: datetime | None = None
    ) -> tuple[SeatEvent, ...]:
        if self.syncs:
            self.now += HOUR
            world = self.syncs.pop()
            world.agents(f"new {len(self.syncs)}")
            world.sync(self.now)
        return super().seat_events(realm, application, since)


def test_a_sync_in_between_does_not_shift_the_past() -> None:
    ledger = Interrupted()
    world = World(ledger=ledger)
    world.agents("anna")
    world.import_file(world.sign(scope={"WFM": 9}), NOON)
    ledger.syncs = [world, world]
    points = read_usage_history(world.managed, "WFM", NOON + DAY, NOON - DAY)
    assert [(point.at, point.used) for point in points] == [
        (NOON - DAY, 0),
        (NOON, 1),
        (NOON + HOUR, 2),
        (NOON + 2 * HOUR, 3),
        (NOON + DAY, 3),
    ]
