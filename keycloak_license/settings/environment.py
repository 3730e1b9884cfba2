"""Environment variables, laid over the tree of the configuration file.

In: a mapping of variables; out: the changed tree. Called by `settings`. Not pydantic-settings: that lowers
the case of names below a mapping (`APPLICATIONS__WFM`) and lets unknown variables pass.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from keycloak_license.settings.problems import Findings, suggestion
from keycloak_license.settings.shapes import (
    PREFIX,
    KeyPath,
    Leaf,
    Section,
    Shape,
    Table,
    dotted,
    variable_name,
)
from keycloak_license.settings.sources import Tree, compose, read_text, value_of

CONFIG_VARIABLE = "KEYCLOAK_LICENSE_CONFIG"
FILE_SUFFIX = "_FILE"
NULL_WORDS = frozenset({"null", "~"})
SHORT_NAMES: Mapping[str, str] = {
    f"KEYCLOAK_{name}": f"{PREFIX}KEYCLOAK__{name}"
    for name in ("URL", "CLIENT_ID", "CLIENT_SECRET", f"CLIENT_SECRET{FILE_SUFFIX}")
}
"""Names other Keycloak clients use too; the longer name of the same key wins."""

SERVICE_LINK = re.compile(r"(_SERVICE_(HOST|PORT(_\w+)?)|_PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?)$")
SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that names a key of the schema."""

    name: str
    text: str
    path: KeyPath
    shape: Shape
    is_file: bool = False
    """Whether the text is the path of a file that holds the value."""


def lay_over(tree: Tree, environ: Mapping[str, str], folder: Path, found: Findings) -> None:
    """Put the values of the environment into the tree; secret files are taken from `folder`.

    Raises `ConfigurationError` for a secret file that cannot be read and for a value that is no YAML.
    """
    taken: dict[tuple[bool, KeyPath], str] = {}
    for name in sorted(filter(_is_ours, environ), key=_order):
        variable = _variable(name, environ[name], tree, found)
        if variable is None:
            continue
        if not variable.text:
            # Compose files pass unset variables as empty ones; an empty realm is still a realm.
            if isinstance(variable.shape, Section):
                _section(tree, variable.path)
            continue
        other = taken.setdefault((name in SHORT_NAMES, variable.path), name)
        if other != name:
            found.add(variable.path, f"{other} and {name} both give {dotted(variable.path)}, keep one")
            continue
        found.origins[variable.path] = f"in {name}"
        _put(tree, variable, _value(variable, folder, found))


def _is_ours(name: str) -> bool:
    return name in SHORT_NAMES or (name.startswith(PREFIX) and name != CONFIG_VARIABLE)


def _order(name: str) -> tuple[bool, int, str]:
    """Short names first, whole sections before what stands in them."""
    return name not in SHORT_NAMES, name.count("__"), name


def _variable(name: str, text: str, tree: Tree, found: Findings) -> Variable | None:
    """Tell what a variable means; None, and noted, when it names no key."""
    full_name = SHORT_NAMES.get(name, name)
    segments = full_name.removeprefix(PREFIX).split("__")
    if located := _locate(segments, found.root, tree):
        return Variable(name, text, *located)
    if full_name.upper().endswith(FILE_SUFFIX):
        segments[-1] = segments[-1][: -len(FILE_SUFFIX)]
        located = _locate(segments, found.root, tree)
        if located and isinstance(located[1], Leaf) and located[1].is_secret:
            return Variable(name, text, *located, is_file=True)
    if not _is_service_link(name, text):
        meant = _meant(full_name.removeprefix(PREFIX).split("__"), found.root)
        hint = f" (did you mean {variable_name(meant)}?)" if meant else ""
        found.add((name,), f"unknown variable {name}{hint}")
    return None


def _locate(segments: list[str], shape: Shape, tree: object) -> tuple[KeyPath, Shape] | None:
    """Follow the words of a variable's name to a key and its shape."""
    path: KeyPath = ()
    rest = segments
    while rest:
        match shape:
            case Section(fields=fields) if rest[0].lower() in fields:
                name, rest = rest[0].lower(), rest[1:]
                shape = fields[name].shape
            case Table(entry=entry):
                name, rest = _own_name(rest, tree)
                shape = entry
            case _:
                return None
        path = (*path, name)
        tree = tree.get(name) if isinstance(tree, dict) else None
    return path, shape


def _own_name(segments: list[str], tree: object) -> tuple[str, list[str]]:
    """Split off the name of a realm, application or client; a known one may hold ``__``."""
    known = list(tree) if isinstance(tree, dict) else []
    for size in range(len(segments), 0, -1):
        written = "__".join(segments[:size])
        alike = [name for name in known if name.lower() == written.lower()]
        if written in known or len(alike) == 1:
            return (written if written in known else alike[0]), segments[size:]
    return segments[0], segments[1:]


def _meant(segments: list[str], root: Section) -> KeyPath | None:
    """Find the key that was most likely meant by a variable that names none."""
    for size in range(len(segments) - 1, -1, -1):
        located = _locate(segments[:size], root, None)
        if located and isinstance(located[1], Section):
            return suggestion(root, located[1], located[0], segments[size])
    return None


def _is_service_link(name: str, text: str) -> bool:
    """Whether Kubernetes made the variable, for a service that is named like this program."""
    if "__" in name:
        return False
    return bool(SERVICE_LINK.search(name) or (name.endswith("_PORT") and SERVICE_ADDRESS.match(text)))


def _value(variable: Variable, folder: Path, found: Findings) -> object:
    if variable.is_file:
        path = folder / variable.text
        text = read_text(path, f"The file in {variable.name},").rstrip("\r\n")
        if not text:
            found.add(variable.path, f"the file {path} in {variable.name} is empty")
        return text
    if isinstance(variable.shape, Leaf) and (variable.shape.is_text or variable.shape.is_secret):
        return variable.text
    if isinstance(variable.shape, Leaf) and not variable.shape.kinds:
        return None if variable.text in NULL_WORDS else variable.text
    node = compose(variable.text, f"The value of {variable.name}", variable.name)
    if node is None:
        return {} if isinstance(variable.shape, Section | Table) else None
    return value_of(node, variable.shape, found, variable.path)


def _put(tree: Tree, variable: Variable, value: object) -> None:
    """Set a key. What a section does not name stays; own names, as all of a list, are replaced."""
    if isinstance(variable.shape, Section) and isinstance(value, dict):
        _section(tree, variable.path).update(value)
    else:
        _section(tree, variable.path[:-1])[variable.path[-1]] = value


def _section(tree: Tree, path: KeyPath) -> Tree:
    """Return the mapping at a key, made where there is none."""
    for step in path:
        inner = tree.get(step)
        tree[step] = tree = inner if isinstance(inner, dict) else {}
    return tree
