"""Golden files: `pytest tests/golden --regenerate-golden` writes them anew, for review in the diff."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Golden = Callable[[str, object], None]
GoldenText = Callable[[str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate-golden", action="store_true", help="write the golden files anew")


@pytest.fixture
def golden_text(pytestconfig: pytest.Config) -> GoldenText:
    """Holds a text to the file of that path."""
    # Pytest knows the option only when this folder is named on the command line.
    is_writing = pytestconfig.getoption("--regenerate-golden", default=False)

    def check(name: str, text: str) -> None:
        path = Path(__file__).parent / name
        if is_writing:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"{name} differs; see {Path(__file__).name}"

    return check


@pytest.fixture
def golden(golden_text: GoldenText) -> Golden:
    """Holds a JSON value to the file of that name."""

    def check(name: str, value: object) -> None:
        golden_text(f"{name}.json", json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    return check
