"""Fixtures and options for every test."""

import io
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import hypothesis
import pytest
import structlog
from structlog.testing import capture_logs

from keycloak_license.logs import configure_logs
from tests.real.keycloak import (
    LACKS,
    RUNNING,
    AdminApi,
    MakeRealm,
    RealRealm,
    running_keycloak,
    temporary_realm,
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the long versions of tests too")


EXAMPLES, SLOW_EXAMPLES = 40, 200
"""Of each property, where it does not say itself how many."""


def pytest_configure(config: pytest.Config) -> None:
    # No deadline: nothing may depend on the machine's speed. In CI the same examples every time.
    hypothesis.settings.register_profile(
        "project",
        deadline=None,
        derandomize="CI" in os.environ,
        print_blob=True,
        max_examples=SLOW_EXAMPLES if config.getoption("--slow") else EXAMPLES,
    )
    hypothesis.settings.load_profile("project")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    slow = [item for item in items if "slow" in item.keywords]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Boot one Keycloak for all the processes that are about to start, which inherit where it is."""
    server = ExitStack()
    api = server.enter_context(running_keycloak(config.rootpath / ".cache"))
    environment = server.enter_context(pytest.MonkeyPatch.context())
    environment.setenv(RUNNING, f"{api.url},{api.user},{api.password}")
    config.add_cleanup(server.close)


@pytest.fixture(scope="session")
def keycloak(pytestconfig: pytest.Config) -> Iterator[AdminApi]:
    """A real Keycloak for the whole session, as its administrator."""
    with running_keycloak(pytestconfig.rootpath / ".cache") as api:
        yield api


@pytest.fixture
def make_realm(keycloak: AdminApi) -> Iterator[MakeRealm]:
    """Makes realms from partial representations; each has a name of its own and is deleted afterwards."""
    with ExitStack() as stack:

        def make(representation: Mapping[str, Any] | None = None) -> RealRealm:
            return stack.enter_context(temporary_realm(keycloak, representation or {}))

        yield make


@pytest.fixture
def tells_clients_apart(keycloak: AdminApi, record_property: Callable[[str, object], None]) -> bool:
    """Whether this Keycloak has the condition by which doors that all clients share tell them apart."""
    found = keycloak.get("/master/authentication/authenticator-providers")
    has_condition = "conditional-client-scope" in {each["id"] for each in found}
    if not has_condition:
        record_property(LACKS, "identity providers, forgotten passwords and new accounts stay open")
    return has_condition


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Undo what a command does to the logs: the next test would write to a stream that is closed."""
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    structlog.reset_defaults()


@pytest.fixture
def log() -> io.StringIO:
    """What is logged meanwhile, as a command would."""
    stream = io.StringIO()
    configure_logs(verbose=False, stream=stream)
    return stream


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    """What is logged meanwhile, each line as its keys and values."""
    with capture_logs() as captured:
        yield captured
