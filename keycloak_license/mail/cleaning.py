"""Makes harmless whatever comes from outside and is put into words: names, reasons, customers.

In: a notice; out: the same one, in which every text is one line of visible characters. Called by `messages`.
"""

import dataclasses
import unicodedata
from enum import Enum
from typing import Any

from keycloak_license.model.notice import Notice

MAX_TEXT = 1000
"""Characters of one value; Keycloak's names are shorter, a reason may be long."""
NOTHING = "?"
"""Stands for a text in which nothing can be seen."""
_LINE_AND_SPACE = frozenset({"Cc", "Zl", "Zp", "Zs"})


def clean_notice(notice: Notice) -> Notice:
    """Return a notice whose texts, however deep, forge no line, no header and no order of reading."""
    cleaned: Notice = _clean(notice)
    return cleaned


def clean_text(text: str) -> str:
    """Return a text as one line; what only steers how it is shown, such as a bidi override, is left out."""
    visible = "".join(map(_visible, text))
    return shorten(" ".join(visible.split()), MAX_TEXT) or NOTHING


def shorten(text: str, length: int) -> str:
    """Return a text of at most so many characters, with an ellipsis where something is cut off."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def _clean(value: Any) -> Any:
    match value:
        case Enum():
            return value
        case str():
            return clean_text(value)
        case tuple():
            return tuple(map(_clean, value))
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [each.name for each in dataclasses.fields(value)]
            return dataclasses.replace(value, **{name: _clean(getattr(value, name)) for name in names})
        case _:
            return value


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if category in _LINE_AND_SPACE:
        return " "
    if category == "Cf":
        return ""
    return char if char.isprintable() else "\ufffd"
