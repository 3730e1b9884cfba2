"""The history of a realm: as the chart has it, as far back as it is kept, without Keycloak."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest

from keycloak_license.errors import ConfigurationError, RequestTimeoutError
from keycloak_license.model.history import HistoryTerms
from keycloak_license.model.license import License
from keycloak_license.plan.forecast import Forecast, NoForecast
from keycloak_license.services.retention import forget_user
from keycloak_license.services.seat_history import ApplicationHistory, read_history
from keycloak_license.services.seat_history_documents import events_csv
from keycloak_license.services.usage_history import read_usage_history
from tests.fakes import SimulatedRealm, TrustingVerifier
from tests.unit.services.test_overview import Untouchable
from tests.unit.services.test_usage_history import Witness, live
from tests.unit.services.world import NOON, PRAGUE, WFM, World

DAY = timedelta(days=1)


class SlowWithNames(SimulatedRealm):
    """A realm whose users take too long to be told one by one."""

    def read_usernames(self, user_ids: Collection[str]) -> Mapping[str, str | None]:
        raise RequestTimeoutError("The simulated Keycloak takes too long: the test says so")


def wfm(world: World, now: object = NOON, days: int = 30) -> ApplicationHistory:
    [found] = read_history(world.managed, now, days, "WFM").applications  # type: ignore[arg-type]
    return found


def test_the_days_agree_with_the_chart_and_with_who_looked() -> None:
    world = World()
    witness = Witness(world)
    now = live(world, witness)
    found = wfm(world, now, 400)
    points = read_usage_history(world.managed, "WFM", now, NOON - DAY)
    for day in found.days:
        [*_, last] = [point for point in points if point.at.astimezone(PRAGUE).date() <= day.day]
        assert (day.used, day.limit) == (last.used, last.limit), day
    assert found.peak.count == max(point.used for point in points) == len(found.people) == 3
    assert {person.username for person in found.people} == {"anna", "boris", "cyril"}


def test_who_waited_counts_as_demand() -> None:
    world = World()
    world.agents("anna", "boris", "cyril")
    world.import_file(world.sign(), NOON)
    [today] = wfm(world, NOON + DAY / 24).days
    assert (today.used, today.waiting, today.limit) == (1, 2, 1)
    assert (today.peak.count, today.demand_peak.count) == (1, 3)
    assert wfm(world).forecast is NoForecast.FULL


def test_it_begins_with_what_is_known_and_goes_no_farther_than_it_is_kept() -> None:
    world = World()
    world.agents("anna")
    world.import_file(world.sign(expires_on=date(2027, 12, 31)), NOON)
    now = NOON + 100 * DAY
    assert wfm(world, now, 400).days[0].day == NOON.date()
    assert len(wfm(world, now, 7).days) == 7
    managed = replace(world.managed, history=HistoryTerms(keep=10 * DAY))
    [kept] = read_history(managed, now, 400, "WFM").applications
    assert [day.used for day in kept.days] == [1] * 11


@pytest.mark.parametrize("days", [1, 7, 40, 400])
def test_when_seats_run_out_does_not_depend_on_how_much_is_shown(days: int) -> None:
    world = World()
    world.import_file(world.sign(scope={"WFM": 60}), NOON)
    for day in range(1, 41):
        world.agents(f"user{day}")
        world.sync(NOON + day * DAY)
    found = wfm(world, NOON + 40 * DAY, days)
    full = (NOON + 60 * DAY).date()
    assert found.forecast == Forecast(full, full, full, days=40)
    assert (len(found.days), len(found.events)) == (min(days, 41), min(days, 40))


def test_of_a_realm_never_synced_there_is_today() -> None:
    history = read_history(World().managed, NOON, 30)
    assert history.since == history.until == NOON.date()
    assert [each.days[0].used for each in history.applications] == [0, 0]


@dataclass
class CountingVerifier(TrustingVerifier):
    """A verifier that counts the licence files it is given."""

    count: int = 0

    def verify(self, file: bytes) -> License:
        self.count += 1
        return super().verify(file)


def test_a_licence_is_verified_once_for_all_applications() -> None:
    verifier = CountingVerifier()
    world = World(verifier=verifier)
    world.import_file(world.sign(), NOON)
    verifier.count = 0
    assert len(read_history(world.managed, NOON, 30).applications) == 2
    assert verifier.count == 1


def test_keycloak_is_not_asked() -> None:
    world = World()
    world.agents("anna")
    world.sync()
    managed = replace(world.managed, keycloak=Untouchable())
    assert read_history(managed, NOON, 30).applications[0].application == WFM
    with pytest.raises(ConfigurationError, match="names nobody called anna-x"):
        forget_user(managed, "anna-x")


def test_who_gave_what_began_a_claim_is_named_and_a_stranger_is_an_id() -> None:
    world = World()
    eve = world.realm.create_user("eve.admin")
    anna, boris, _ = world.agents("anna", "boris", "cyril")
    world.realm.granted_at |= {anna: NOON - DAY, boris: NOON - DAY / 2}
    world.realm.granted_by |= {anna: eve, boris: "somebody of master"}
    world.import_file(world.sign(scope={"WFM": 2}), NOON)
    told = {each.username: (each.granted_by, each.granted_by_id) for each in wfm(world).events}
    assert told == {"anna": ("eve.admin", eve), "boris": (None, "somebody of master"), "cyril": (None, None)}

    world.realm.revoke(anna, world.agent)
    world.sync(NOON + DAY)
    later = [each for each in wfm(world, NOON + DAY).events if each.at > NOON]
    assert {(each.kind, each.granted_by_id) for each in later} == {
        ("seat_released", None), ("seat_assigned", None),
    }  # fmt: skip


def test_who_gave_it_is_an_id_where_his_name_cannot_be_read() -> None:
    world = World()
    eve = world.realm.create_user("eve.admin")
    [anna] = world.agents("anna")
    world.realm.granted_at[anna], world.realm.granted_by[anna] = NOON - DAY, eve
    world.realm.unreadable_users = {eve}
    world.import_file(world.sign(), NOON)
    [event] = wfm(world).events
    assert (event.username, event.granted_by, event.granted_by_id) == ("anna", None, eve)


def test_a_name_that_takes_too_long_keeps_nobody_waiting_for_his_seat() -> None:
    world = World(realm=SlowWithNames())
    eve = world.realm.create_user("eve.admin")
    [anna] = world.agents("anna")
    world.realm.granted_at[anna], world.realm.granted_by[anna] = NOON - DAY, eve
    world.import_file(world.sign(), NOON)
    assert world.seated() == ["anna"]
    assert [event.granted_by_id for event in wfm(world).events] == [eve]


def test_a_name_that_a_spreadsheet_would_take_for_a_formula_is_harmless() -> None:
    world = World()
    world.agents("=1+1")
    world.sync()
    [_, row] = events_csv(read_history(world.managed, NOON, 1)).splitlines()
    assert ",'=1+1," in row
