"""A fake Keycloak for every test of the room."""

from collections.abc import Iterator

import pytest
import responses

from tests.unit.keycloak_api.fake import FakeServer


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield FakeServer(mock)
