"""Somebody confirms at the screen that people who are held are gone: these end, and nobody else."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli import HANG_SECONDS
from tests.e2e.screen import AGENTS, MANAGER, Screen, Web, open_screen
from tests.real.keycloak import AdminApi

HOLD_EACH = {"max_release_percent": 0, "max_release_seats": 0}


@pytest.fixture
def screen(keycloak: AdminApi, tmp_path: Path) -> Iterator[Screen]:
    with open_screen(keycloak, tmp_path / "site", guard=HOLD_EACH) as screen:
        site = screen.site
        site.call("import", site.license("T-1", {"WFM": 9})).done()
        yield screen


def leave(screen: Screen, *usernames: str) -> None:
    """Take people out of the group that made them agents."""
    group = screen.realm.group_id("/AGENTS")
    for username in usernames:
        screen.realm.delete(f"/users/{screen.realm.user_id(username)}/groups/{group}")


def held(screen: Screen) -> list[str]:
    """Who is held, as of the last sync."""
    return sorted(each["username"] for each in screen.site.status()["held"])


def held_form(page: str) -> dict[str, str]:
    """The fields of the form by which what is shown is confirmed."""
    return dict(re.findall(r'name="(held|csrf_token)" value="([^"]+)"', page))


def finished(screen: Screen) -> None:
    """Wait until the sync that was asked for at the screen is done."""
    job, deadline = screen.server.desks[screen.realm.name].job, time.monotonic() + HANG_SECONDS
    while job.state.is_running:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert job.state.problem is None


def test_what_is_confirmed_ends_and_what_came_since_is_held(screen: Screen) -> None:
    leave(screen, *AGENTS[:2])
    screen.site.call("sync")
    web = Web(screen)
    web.log_in()
    shown = held_form(web.get(screen.home).text)
    assert held(screen) == list(AGENTS[:2])

    leave(screen, *AGENTS[2:4])
    answer = web.post(f"{screen.home}/held/confirm", shown)

    assert answer.status_code == 303, answer.text
    finished(screen)
    assert held(screen) == list(AGENTS[2:4])
    assert [name for name, _, _ in screen.site.members()] == list(AGENTS[2:])
    assert screen.audit()[0] == (MANAGER, "confirm", None)


def test_what_is_not_held_any_more_as_it_was_shown_is_shown_again(screen: Screen) -> None:
    leave(screen, *AGENTS[:2])
    screen.site.call("sync")
    web = Web(screen)
    web.log_in()
    shown = held_form(web.get(screen.home).text)
    leave(screen, AGENTS[2])
    screen.site.call("sync")

    answer = web.post(f"{screen.home}/held/confirm", shown)

    assert answer.status_code == 409
    assert held(screen) == list(AGENTS[:3])
    assert AGENTS[2] in answer.text
