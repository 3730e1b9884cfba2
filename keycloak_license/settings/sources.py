"""Text of files, and YAML read along the schema.

In: paths and YAML; out: plain trees of dict, list, str, int, bool and None. Called by `settings` and
`settings.environment`. The schema decides how a scalar is read, so `password: 0123` stays text.
"""

import re
from importlib.resources import files
from pathlib import Path
from typing import Any, assert_never

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from keycloak_license.errors import ConfigurationError
from keycloak_license.settings.problems import Findings, suggestion
from keycloak_license.settings.shapes import Items, KeyPath, Leaf, Section, Shape, Table, dotted

NULL_TAG = "tag:yaml.org,2002:null"
BOOL_TAG = "tag:yaml.org,2002:bool"
Tree = dict[str, Any]


def read_text(path: Path, what: str) -> str:
    """Read a file; `what` says in the error which file that was to be.

    Raises `ConfigurationError` when it is missing, unreadable or no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigurationError(f"{what} {path} does not exist: create it or correct its name.") from error
    except IsADirectoryError as error:
        raise ConfigurationError(f"{what} {path} is a directory: name a file in it.") from error
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigurationError(f"{what} {path} cannot be read: {reason}.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{what} {path} is not text in UTF-8: save it again as UTF-8.") from error


def packaged_applications() -> Tree:
    """Read the seed's seven applications, as they would stand in a configuration file."""
    text = files("keycloak_license.settings").joinpath("applications.yaml").read_text(encoding="utf-8")
    applications: Tree = yaml.safe_load(text)["applications"]
    return applications


def compose(text: str, where: str, variable: str | None = None) -> Node | None:
    """Parse YAML into nodes, None when there is nothing in it.

    Raises `ConfigurationError`, in which `where` names the file or variable.
    """
    try:
        loader = yaml.SafeLoader(text)
        loader.name = f"in {variable}" if variable else ""
        node: Node | None = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}, column {mark.column + 1}," if mark else ""
        # The parser quotes what it stumbled over, which may be a secret that begins with * or !.
        problem = re.sub(r"(['\"]).{2,}\1", "…", (error.problem or "wrong syntax").removeprefix("but "))
        raise ConfigurationError(f"{where}{line} is not valid YAML: {problem}.") from None
    except (yaml.YAMLError, RecursionError):
        raise ConfigurationError(f"{where} is not valid YAML: it is no text, or nested too deeply.") from None
    return node


def _place(node: Node) -> str:
    """Where a node was written, in words."""
    return node.start_mark.name or f"in line {node.start_mark.line + 1}"


def tree_of(node: Node, shape: Section | Table, found: Findings, path: KeyPath = ()) -> Tree:
    """Read a mapping along the schema; what does not fit is noted in `found` and left out."""
    tree: Tree = {}
    seen: dict[str, str] = {}
    if _is_null(node):
        return tree
    if not isinstance(node, MappingNode):
        found.add(path, f"{found.named(path)} must be {shape.expected}")
        return tree
    for key, value in node.value:
        place = _place(key)
        if not isinstance(key, ScalarNode):
            found.add((*path, place), f"the key {place} must be a plain word")
            continue
        here = (*path, key.value)
        if first := seen.get(key.value):
            found.add(here, f"{dotted(here)} is given twice, {first} and again {place}")
            continue
        seen[key.value] = place
        inner = _entry_shape(shape, here, place, found)
        if inner is None or (_is_null(value) and _means_default(inner)):
            continue
        found.origins[here] = place
        tree[key.value] = value_of(value, inner, found, here)
    return tree


def value_of(node: Node, shape: Shape, found: Findings, path: KeyPath) -> object:
    """Tell what a node means where the schema expects this shape."""
    if not node.tag.startswith("tag:yaml.org,2002:"):
        found.add(path, f"{found.named(path)} must be written without a YAML tag")
        return {} if isinstance(shape, Section | Table) else None
    match shape:
        case Section() | Table():
            return tree_of(node, shape, found, path)
        case Items(item=item) if isinstance(node, SequenceNode):
            return tuple(value_of(entry, item, found, path) for entry in node.value)
        case Leaf() if isinstance(node, ScalarNode):
            return _scalar(node, shape)
        case Items() | Leaf():
            found.add(path, f"{found.named(path)} must be {shape.expected}")
            return None
        case other:
            assert_never(other)


def _entry_shape(shape: Section | Table, path: KeyPath, place: str, found: Findings) -> Shape | None:
    """Look up the shape of a key; an unknown one is noted."""
    if isinstance(shape, Table):
        return shape.entry
    if path[-1] in shape.fields:
        return shape.fields[path[-1]].shape
    meant = suggestion(found.root, shape, path[:-1], path[-1])
    hint = f" (did you mean {dotted(meant)}?)" if meant else ""
    found.add(path, f"unknown key {dotted(path)} {place}{hint}")
    return None


def _scalar(node: ScalarNode, leaf: Leaf) -> object:
    is_plain = node.style is None
    if is_plain and node.tag == NULL_TAG:
        return None
    if is_plain and bool in leaf.kinds and node.tag == BOOL_TAG:
        return node.value.lower() in {"yes", "true", "on"}
    # Only plain decimals: YAML 1.1 would read 0600 as octal and 1:30 as ninety.
    if is_plain and int in leaf.kinds and re.fullmatch(r"-?(0|[1-9][0-9]{0,18})", node.value):
        return int(node.value)
    return node.value


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.style is None and node.tag == NULL_TAG


def _means_default(shape: Shape) -> bool:
    """Whether an empty value means that the key is not given; an empty realm or section is one."""
    return isinstance(shape, Items | Table) or (isinstance(shape, Leaf) and not shape.is_nullable)
