"""What came of the tests on each version, as it is kept in the repository and shown in the README.

In: outcomes; out: `outcomes.json` and a table. Called by `__main__`, which fills it, and by `tests.readme`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("outcomes.json")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the tests of one area on one version."""

    passed: int = 0
    failed: tuple[str, ...] = ()
    """Ids of tests, or one sentence why none was run."""
    lacks: tuple[str, ...] = ()
    """What this version does not have, in words, as the tests found out by asking it."""
    suite: str = ""
    """Which tests they were, as `fingerprint` tells."""

    @property
    def is_good(self) -> bool:
        """Whether all passed, and there were any."""
        return self.passed > 0 and not self.failed

    def __str__(self) -> str:
        parts = [f"{self.passed} ✓"] if self.passed else []
        parts += [f"{len(self.failed)} ✗"] if self.failed else []
        return ", ".join(parts or ["none"]) + "".join(f"; {lack}" for lack in self.lacks)


Record = dict[str, dict[str, Outcome]]
"""By version and by area."""


def fingerprint(tests: Iterable[str]) -> str:
    """Return a few characters that are others for other tests."""
    return hashlib.sha256("\n".join(sorted(tests)).encode()).hexdigest()[:16]


def load(file: Path = FILE) -> Record:
    """Read what was kept; nothing where there is no file."""
    if not file.exists():
        return {}
    kept: dict[str, dict[str, dict[str, object]]] = json.loads(file.read_text(encoding="utf-8"))
    return {
        version: {area: _outcome(fields) for area, fields in areas.items()} for version, areas in kept.items()
    }


def save(record: Record, file: Path = FILE) -> None:
    """Keep it."""
    plain = {
        version: {area: asdict(outcome) for area, outcome in areas.items()}
        for version, areas in record.items()
    }
    file.write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def rows(
    record: Mapping[str, Mapping[str, Outcome]], versions: Sequence[str], areas: Iterable[str]
) -> Iterable[Sequence[str]]:
    """Yield the cells of the table, its heading first."""
    yield ("What was tried", *versions)
    for area in areas:
        outcomes = (record.get(version, {}).get(area) for version in versions)
        yield (area, *("not tried" if outcome is None else str(outcome) for outcome in outcomes))


def _outcome(fields: Mapping[str, object]) -> Outcome:
    tuples = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return Outcome(**{**fields, **tuples})  # type: ignore[arg-type]
