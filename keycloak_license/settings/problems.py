"""What is wrong with a configuration, gathered, and said as one sentence.

In: findings of the file, of the environment and of pydantic; out: a `ConfigurationError`. Used by
`settings` only. No value ever enters a sentence: any of them may be a secret in the wrong place.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import assert_never

from pydantic import ValidationError

from keycloak_license.errors import ConfigurationError
from keycloak_license.settings.shapes import (
    Items,
    KeyPath,
    Leaf,
    Section,
    Shape,
    Table,
    dotted,
    variable_name,
)

SHOWN_PROBLEMS = 3


@dataclass(frozen=True, slots=True)
class Findings:
    """What has come to light so far about one configuration."""

    root: Section
    problems: dict[KeyPath, str] = field(default_factory=dict)
    """One clause for each key that is wrong; the first one found for a key stays."""
    origins: dict[KeyPath, str] = field(default_factory=dict)
    """Where a key was given, in words: ``in line 3`` or ``in $VARIABLE``."""

    def add(self, path: KeyPath, clause: str) -> None:
        """Note what is wrong with a key."""
        self.problems.setdefault(path, clause)

    def named(self, path: KeyPath) -> str:
        """Name a key with the place where it, or what it stands in, was given."""
        places = (self.origins.get(path[:size]) for size in range(len(path), 0, -1))
        place = next(filter(None, places), None)
        key = dotted(path) or "the top level"
        return f"{key} {place}" if place else key

    def is_known_bad(self, path: KeyPath) -> bool:
        """Whether this key, or what it stands in, was already found wrong."""
        return any(path[:size] in self.problems for size in range(len(path) + 1))

    def add_invalid(self, invalid: ValidationError) -> None:
        """Note what pydantic found, in our words."""
        for error in invalid.errors(include_url=False, include_input=False):
            path, expected = _follow(self.root, error["loc"])
            if self.is_known_bad(path):
                continue
            match error["type"]:
                case "missing":
                    self.add(path, f"{dotted(path)} is missing, give it there or as {variable_name(path)}")
                case "value_error":
                    self.add(path, f"{self.named(path)} {error['ctx']['error']}")
                case _:
                    self.add(path, f"{self.named(path)} {expected}")

    def refuse(self, title: str) -> None:
        """Raise `ConfigurationError` when anything is wrong."""
        clauses = list(self.problems.values())
        if not clauses:
            return
        rest = len(clauses) - SHOWN_PROBLEMS
        more = [f"and {rest} more"] if rest > 0 else []
        sentence = f"{title}: {'; '.join(clauses[:SHOWN_PROBLEMS] + more)}."
        # A key may hold line ends and what colours a terminal.
        raise ConfigurationError("".join(sign if sign.isprintable() else "\ufffd" for sign in sentence))


def _follow(root: Section, location: tuple[int | str, ...]) -> tuple[KeyPath, str]:
    """Find the key pydantic speaks of, without what it adds below one, and what it must be."""
    path: KeyPath = ()
    shape: Shape = root
    for step in map(str, location):
        match shape:
            case Section(fields=fields) if step in fields:
                shape = fields[step].shape
            case Table(entry=entry, key_expected=expected):
                if location[len(path) + 1 :] == ("[key]",):
                    return (*path, step), f"must have a name of {expected}"
                shape = entry
            case _:
                break
        path = (*path, step)
    return path, f"must be {shape.expected}"


def suggestion(root: Section, siblings: Section, parent: KeyPath, name: str) -> KeyPath | None:
    """Find the known key that was most likely meant: one of the same section, or that name elsewhere."""
    plain = name.lower().replace("-", "_")
    if close := get_close_matches(plain, siblings.fields, n=1):
        return (*parent, close[0])
    paths = [*_keys(root, ())]
    elsewhere = {path[-1]: path for path in reversed(paths)} | {"_".join(path): path for path in paths}
    close = get_close_matches(plain, elsewhere, n=1, cutoff=0.85)
    return elsewhere[close[0]] if close else None


def _keys(shape: Shape, path: KeyPath) -> Iterator[KeyPath]:
    match shape:
        case Section(fields=fields):
            for name, inner in fields.items():
                yield (*path, name)
                yield from _keys(inner.shape, (*path, name))
        case Table(entry=entry):
            yield from _keys(entry, (*path, "<name>"))
        case Items() | Leaf():
            return
        case other:
            assert_never(other)
