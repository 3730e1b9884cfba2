"""What is a list comes as a table, CSV or JSON, and says when it may lack somebody."""

import pytest

from keycloak_license.errors import ConfigurationError, IncompleteSyncError
from tests.unit.cli.stage import call
from tests.unit.services.world import World

COMMANDS = {"duplicates": ["duplicates"], "idle": ["idle"], "members": ["members", "WFM"]}


@pytest.mark.parametrize("name", COMMANDS)
def test_only_one_form_can_be_asked_for(name: str) -> None:
    result = call(World(), *COMMANDS[name], "--csv", "--json")
    assert isinstance(result.exception, ConfigurationError)
    assert result.stdout == ""


@pytest.mark.parametrize("form", ["--csv", "--json", None])
def test_duplicates_of_a_realm_that_was_not_seen_completely_end_as_incomplete(form: str | None) -> None:
    world = World()
    world.agents("ann")
    words = ["duplicates"] if form is None else ["duplicates", form]
    assert call(world, *words).exception is None

    world.realm.unreadable.add(world.agent)
    result = call(world, *words)

    assert isinstance(result.exception, IncompleteSyncError)
    assert result.stdout
