"""The command blocks of the README, each with who runs it.

In: README.md, where a comment before each block names the test that runs it, or says why none does; out:
`Block`. Read by `e2e/test_readme.py`, which runs them, and `unit/test_readme.py`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_BLOCK = re.compile(
    r"(?:^<!-- (?P<how>[^>]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
_RUN = re.compile(r"run by the tests: (\w+)")
_NOT_RUN = re.compile(r"not run by the tests: (.+)")


@dataclass(frozen=True, slots=True)
class Block:
    """What a reader is told to type."""

    text: str
    scenario: str | None
    """Where it is run; None for one that is not."""
    reason: str | None
    """Why it is not run."""


def blocks(text: str) -> Iterable[Block]:
    """Yield the blocks without a language, in order; those with one are pictures and answers."""
    for found in _BLOCK.finditer(text):
        if found["language"]:
            continue
        how = found["how"] or ""
        run, not_run = _RUN.fullmatch(how), _NOT_RUN.fullmatch(how)
        yield Block(found["text"], run[1] if run else None, not_run[1] if not_run else None)


def blocks_of(text: str, scenario: str) -> list[str]:
    """Return the blocks that belong together, in order."""
    return [block.text for block in blocks(text) if block.scenario == scenario]
