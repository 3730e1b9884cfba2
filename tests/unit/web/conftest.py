"""What the tests of `web` share."""

from collections.abc import Iterator

import pytest

from tests.unit.web.booth import Booth, open_booth


@pytest.fixture(scope="module")
def shared() -> Iterator[Booth]:
    with open_booth() as booth:
        yield booth


@pytest.fixture
def booth(shared: Booth) -> Booth:
    shared.begin_anew()
    return shared
