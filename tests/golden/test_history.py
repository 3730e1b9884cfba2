"""The history of a small realm as it is shown: JSON, CSV, a plot without colours, and sentences.

The scene: three weeks in which one person more comes each day, one leaves and is replaced, and two wait.
"""

from datetime import date, timedelta

import pytest

from keycloak_license.cli.plot import Space, draw
from keycloak_license.plan.forecast import Forecast, NoForecast
from keycloak_license.services.seat_history import ApplicationHistory, RealmHistory, read_history
from keycloak_license.services.seat_history_documents import (
    days_csv,
    events_csv,
    explain_forecast,
    history_document,
    moves_csv,
)
from tests.golden.conftest import Golden, GoldenText
from tests.unit.services.world import NOON, World

DAY = timedelta(days=1)


def history_of(seats: int) -> RealmHistory:
    world = World()
    world.import_file(world.sign(scope={"WFM": seats}), NOON)
    eve = world.realm.create_user("eve.admin")
    came: list[str] = []
    for day in range(1, 21):
        [user] = world.agents(f"user{day:02}")
        came.append(user)
        world.realm.granted_at[user], world.realm.granted_by[user] = NOON + day * DAY, eve
        if day == 18:
            world.realm.delete_user(came[0])
        world.sync(NOON + day * DAY + timedelta(minutes=1))
    return read_history(world.managed, NOON + 20 * DAY + timedelta(hours=3), 30, "WFM")


def test_json(golden: Golden) -> None:
    golden("history", history_document(history_of(17), with_events=True, with_moves=True))


def test_csv(golden_text: GoldenText) -> None:
    history = history_of(17)
    text = "\n".join((days_csv(history), events_csv(history), moves_csv(history)))
    golden_text("history.csv", text)


@pytest.mark.parametrize("width", [80, 30])
def test_plot(golden_text: GoldenText, width: int) -> None:
    [wfm] = history_of(17).applications
    golden_text(f"history-{width}.txt", draw(wfm, Space(width, 24, has_colours=False)) + "\n")


def test_sentences(golden_text: GoldenText) -> None:
    [wfm] = history_of(30).applications
    foretold = Forecast(date(2027, 2, 10), date(2027, 1, 20), date(2027, 3, 15), days=29)
    found = [wfm.forecast, foretold, *NoForecast]
    told = [ApplicationHistory(wfm.application, wfm.days, wfm.peak, (), each, (), ()) for each in found]
    golden_text("history-forecasts.txt", "".join(f"{explain_forecast(each)}\n" for each in told))
