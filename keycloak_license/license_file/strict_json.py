"""JSON that has exactly one meaning.

In come the bytes of a header or payload, out goes a dict every member of which is plain, or
`JsonRefusedError`. Called by `envelope` and `verify`.
"""

import json
import math
from typing import Any

MAX_DEPTH = 32
"""Levels of nesting; a licence needs four."""


class JsonRefusedError(ValueError):
    """The text is refused; the message continues a sentence that starts with its name."""


def parse_object(data: bytes) -> dict[str, Any]:
    """Read one JSON object from UTF-8 bytes.

    Refused with `JsonRefusedError`: anything that is not JSON by RFC 8259, a member named twice at any
    depth (readers disagree which one counts), numbers that no float can hold, lone surrogates (they
    cannot be stored or shown), nesting deeper than `MAX_DEPTH`.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique_members,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except JsonRefusedError:
        raise
    except (ValueError, RecursionError) as error:
        raise JsonRefusedError("is not readable JSON") from error
    if not isinstance(value, dict):
        raise JsonRefusedError("is not a JSON object")
    _check(value, MAX_DEPTH)
    return value


def shown(text: str, limit: int = 64) -> str:
    """Untrusted text made safe for a sentence: printable, quoted and not longer than `limit`."""
    printable = "".join(character if character.isprintable() else "?" for character in text[: limit + 1])
    return f'"{printable}"' if len(printable) <= limit else f'"{printable[:limit]}…"'


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise JsonRefusedError(f"names {shown(name)} twice")
        members[name] = value
    return members


def _refuse_constant(name: str) -> float:
    raise JsonRefusedError(f"holds {name}, which is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise JsonRefusedError("holds a number that is too large")
    return number


def _check(value: object, levels_left: int) -> None:
    match value:
        case str():
            _check_text(value)
        case list() | dict() if levels_left == 0:
            raise JsonRefusedError("is nested too deeply")
        case list():
            for item in value:
                _check(item, levels_left - 1)
        case dict():
            for name, item in value.items():
                _check_text(name)
                _check(item, levels_left - 1)
        case _:
            pass


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise JsonRefusedError("holds half a character (a lone surrogate)") from error
