"""The README says what the code does."""

from tests.readme import README, render


def test_the_generated_parts_of_the_readme_are_fresh() -> None:
    text = README.read_text(encoding="utf-8")
    assert render(text) == text, "run python -m tests.readme"


def test_a_stale_part_is_noticed() -> None:
    text = README.read_text(encoding="utf-8")
    assert render(text.replace("| `sync` |", "| `sink` |")) == text
