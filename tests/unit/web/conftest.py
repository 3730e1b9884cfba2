"""What the tests of `web` share."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from keycloak_license.logs import configure_logs


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged meanwhile."""
    root, stream = logging.getLogger(), io.StringIO()
    before = root.level, list(root.handlers)
    configure_logs(verbose=False, stream=stream)
    yield stream
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    structlog.reset_defaults()
