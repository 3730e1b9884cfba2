"""The schema as a tree of shapes, to walk a file or a variable name along it.

In: pydantic models; out: shapes, and the reference rows for people. Used by `settings.sources`,
`settings.environment`, `settings.problems`, and by what documents the settings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, assert_never, get_args, get_origin

import annotated_types
from pydantic import BaseModel, Secret, SecretStr
from pydantic.fields import FieldInfo

from keycloak_license.settings.values import Expected

PREFIX = "KEYCLOAK_LICENSE_"
KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a section: what it holds, its default in words, and what it is for."""

    shape: "Shape"
    default: str
    description: str


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping with known keys."""

    fields: Mapping[str, Field]
    expected: str = "a mapping of keys to values"


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping with names of the user's own choice."""

    entry: "Shape"
    key_expected: str
    expected: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list of scalars."""

    item: "Leaf"
    expected: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """A single value; `kinds` are those that are not taken as text."""

    kinds: frozenset[type]
    expected: str
    is_nullable: bool
    is_secret: bool

    @property
    def is_text(self) -> bool:
        """Whether it is taken as written, never read as a number, a switch or null."""
        return not self.kinds and not self.is_nullable


Shape = Section | Table | Items | Leaf


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting for a reference table, everything as text."""

    key: str
    variable: str
    short_variable: str | None
    """The name without our prefix that is read too."""
    type: str
    default: str
    description: str
    is_secret: bool
    """Whether the variable with ``_FILE`` at its end is read too."""


def shape_of(annotation: Any, metadata: Sequence[object] = ()) -> Shape:
    """Derive the shape of a type as it stands in a model."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return shape_of(inner, [*more, *metadata])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return Section({name: _field(info) for name, info in annotation.model_fields.items()})
    expected = _expected(metadata)
    match get_origin(annotation), get_args(annotation):
        case origin, (key, value) if isinstance(origin, type) and issubclass(origin, Mapping):
            return Table(shape_of(value), shape_of(key).expected, expected or "a mapping of names to values")
        case origin, (item, _) if origin is tuple:
            leaf = shape_of(item)
            if not isinstance(leaf, Leaf):
                raise TypeError(f"a list of {item} is no setting")
            return Items(leaf, expected or "a list")
        case _:
            return _leaf(annotation, metadata)


def _field(info: FieldInfo) -> Field:
    return Field(
        shape_of(info.annotation, info.metadata),
        "required" if info.is_required() else _shown(info),
        " ".join((info.description or "").split()),
    )


def _leaf(annotation: Any, metadata: Sequence[object]) -> Leaf:
    is_union = get_origin(annotation) in {Union, UnionType}
    members = get_args(annotation) if is_union else (annotation,)
    kinds = {get_args(member)[0] if get_origin(member) is Annotated else member for member in members}
    marks = [*metadata, *(mark for member in members for mark in get_args(member)[1:])]
    types = kinds - {NoneType}
    return Leaf(
        kinds=frozenset(types & {bool, int}),
        expected=_expected(marks) or _words(types, marks),
        is_nullable=NoneType in kinds,
        is_secret=any(issubclass(kind, Secret | SecretStr) for kind in types),
    )


def _expected(marks: Sequence[object]) -> str | None:
    return next((mark.text for mark in marks if isinstance(mark, Expected)), None)


def _words(kinds: set[type], metadata: Sequence[object]) -> str:
    """Say what is expected, from the type and its bounds."""
    for kind in kinds:
        if issubclass(kind, StrEnum):
            return "one of " + ", ".join(kind)
    if int not in kinds:
        return "text"
    low = next((mark.ge for mark in metadata if isinstance(mark, annotated_types.Ge)), None)
    high = next((mark.le for mark in metadata if isinstance(mark, annotated_types.Le)), None)
    return f"a whole number of at least {low}" if high is None else f"a whole number from {low} to {high}"


def _shown(info: FieldInfo) -> str:
    """Write a default as it would stand in the file."""
    match info.get_default(call_default_factory=True, validated_data={}):
        case None:
            return "null"
        case bool(flag):
            return str(flag).lower()
        case tuple(items):
            return f"[{', '.join(str(item) for item in items)}]"
        case {} as table:
            return "applications.yaml" if table else "{}"
        case Path() as path:
            return path.as_posix()
        case other:
            return str(other)


def rows_of(section: Section, short_names: Mapping[str, str]) -> tuple[SettingRow, ...]:
    """Every setting in the order of the schema; names of the user's choice stand as ``<name>``."""
    return tuple(_row(field, path, short_names) for field, path in _settings(section, ()))


def _settings(section: Section, path: KeyPath) -> Iterator[tuple[Field, KeyPath]]:
    for name, field in section.fields.items():
        here = (*path, name)
        match field.shape:
            case Section() as inner:
                yield from _settings(inner, here)
            case Table(entry=Section() as inner):
                yield field, here
                yield from _settings(inner, (*here, "<name>"))
            case Table() | Items() | Leaf():
                yield field, here
            case other:
                assert_never(other)


def _row(field: Field, path: KeyPath, short_names: Mapping[str, str]) -> SettingRow:
    variable = variable_name(path)
    return SettingRow(
        key=dotted(path),
        variable=variable,
        short_variable=short_names.get(variable),
        type=field.shape.expected,
        default=field.default,
        description=field.description,
        is_secret=isinstance(field.shape, Leaf) and field.shape.is_secret,
    )


def dotted(path: KeyPath) -> str:
    """Write a key as people do."""
    return ".".join(path)


def variable_name(path: KeyPath) -> str:
    """Name the environment variable of a key."""
    return PREFIX + "__".join(part if "<" in part else part.upper() for part in path)
