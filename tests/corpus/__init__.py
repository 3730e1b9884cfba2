"""Licence files that are kept for ever, and what is expected of each; see README.md beside this.

In comes nothing, out go the cases and the folder of keys they are judged with. Used by the tests of
`license_file`, of `vendor inspect`, and by the fuzzing of the parser.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
KEYS = FOLDER / "keys"
SUMS = FOLDER / "SHA256SUMS"


@dataclass(frozen=True)
class Case:
    """One file of the corpus."""

    path: Path
    expected: Any
    """Of a good file a table of members, of a bad one a fragment of the sentence."""

    @property
    def file(self) -> bytes:
        return self.path.read_bytes()

    def __str__(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}"


def good() -> list[Case]:
    """The files that verify."""
    return _cases("good")


def bad() -> list[Case]:
    """The files that are refused."""
    return _cases("bad")


def _cases(kind: str) -> list[Case]:
    expected = tomllib.loads((FOLDER / "expected.toml").read_text(encoding="utf-8"))[kind]
    return [Case(FOLDER / kind / f"{name}.lic", what) for name, what in expected.items()]
