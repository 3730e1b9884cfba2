"""The README says what the code does, and each of its commands is run, or it says why not."""

from pathlib import Path

import pytest

from tests.readme import PAGES, README, render
from tests.readme_blocks import Block, blocks

OF_EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])


@OF_EACH_PAGE
def test_the_generated_parts_are_fresh(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert render(text) == text, "run python -m tests.readme"


def test_a_stale_part_is_noticed() -> None:
    text = README.read_text(encoding="utf-8")
    assert render(text.replace("| `sync` |", "| `sink` |")) == text


@OF_EACH_PAGE
def test_each_block_of_commands_is_run_by_a_test_or_says_why_not(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    forgotten = [block.text for block in blocks(text) if not (block.scenario or block.reason)]
    assert forgotten == [], "put <!-- run by the tests: SCENARIO --> before it"


def test_a_block_tells_who_runs_it() -> None:
    text = (
        "<!-- run by the tests: demo -->\n```\nmake demo\n```\n"
        "<!-- not run by the tests: it is one -->\n```\nmake test\n```\n"
        "```text\na picture\n```\n\n```\nforgotten\n```\n"
    )
    assert list(blocks(text)) == [
        Block("make demo\n", "demo", None),
        Block("make test\n", None, "it is one"),
        Block("forgotten\n", None, None),
    ]
