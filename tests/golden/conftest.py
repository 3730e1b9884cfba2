"""Golden files: `pytest tests/golden --regenerate-golden` writes them anew, for review in the diff."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Golden = Callable[[str, object], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate-golden", action="store_true", help="write the golden files anew")


@pytest.fixture
def golden(pytestconfig: pytest.Config) -> Golden:
    """Holds a JSON value to the file of that name."""
    # Pytest knows the option only when this folder is named on the command line.
    is_writing = pytestconfig.getoption("--regenerate-golden", default=False)

    def check(name: str, value: object) -> None:
        path = Path(__file__).parent / f"{name}.json"
        text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        if is_writing:
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"{path.name} differs; see {Path(__file__).name}"

    return check
