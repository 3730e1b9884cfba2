"""What `history` refuses to mix, and how much of it is shown."""

from datetime import timedelta

import click
import pytest
import typer

from keycloak_license.cli.history import MAX_EVENTS, history, print_events
from keycloak_license.errors import ConfigurationError
from keycloak_license.services.seat_history import RealmHistory, read_history
from tests.unit.services.world import NOON, World


@pytest.mark.parametrize("what", ["events", "reassigned"])
def test_a_plot_of_what_is_not_drawn_is_refused(what: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"--{what}.*--plot"):
        history(typer.Context(click.Command("history")), plot=True, **{what: True})  # type: ignore[arg-type]


def told_of(count: int) -> RealmHistory:
    world = World()
    for number in range(count):
        world.agents(f"user{number:04}")
        world.sync(NOON + number * timedelta(minutes=1))
    return read_history(world.managed, NOON + timedelta(days=1), 30)


def test_of_many_events_the_last_ones_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_events(told_of(MAX_EVENTS + 2))
    shown = capsys.readouterr().out
    assert f"The last {MAX_EVENTS} of {MAX_EVENTS + 2} seat events, all with --csv" in shown
    assert f"user{MAX_EVENTS + 1:04}" in shown
    assert "user0002" in shown
    assert "user0001" not in shown


def test_of_few_events_all_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_events(told_of(3))
    shown = capsys.readouterr().out
    assert "--csv" not in shown
    assert all(f"user000{number}" in shown for number in range(3))
