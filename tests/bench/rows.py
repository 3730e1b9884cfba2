"""What was measured, as one table and as JSON.

In: rows; out: a table to print. Every measurement of `tests.bench` yields these rows, and `__main__` prints
them. Only ratios mean something on another machine.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One measured way to do something."""

    users: int
    consumers: int
    database: str
    """In which Keycloak keeps its data."""
    way: str
    seconds: float | None = None
    requests: int | None = None
    ratio: float | None = None
    """To something else in the same run; `of` says to what."""
    of: str = ""
    note: str = ""


_HEADINGS = ("Users", "Consumers", "Database", "Way", "Seconds", "Requests", "Ratio", "Of", "Note")
_WORDS = frozenset({"Database", "Way", "Of", "Note"})


def table_of(rows: Iterable[Row]) -> Table:
    """Return rows as people read them."""
    table = Table(show_edge=False)
    for heading in _HEADINGS:
        table.add_column(heading, justify="left" if heading in _WORDS else "right")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def markdown_of(rows: Iterable[Row]) -> str:
    """Return the same for a README."""
    marks = ("---" if heading in _WORDS else "---:" for heading in _HEADINGS)
    lines = ("| " + " | ".join(cells) + " |" for cells in (_HEADINGS, *map(_cells, rows)))
    first, *others = lines
    return "\n".join([first, "|" + "|".join(marks) + "|", *others])


def _cells(row: Row) -> tuple[str, ...]:
    return (
        str(row.users),
        str(row.consumers),
        row.database,
        row.way,
        _rounded(row.seconds),
        "" if row.requests is None else str(row.requests),
        _rounded(row.ratio),
        row.of,
        row.note,
    )


def _rounded(figure: float | None) -> str:
    if figure is None:
        return ""
    return f"{figure:.0f}" if figure >= 100 else f"{figure:.3g}"
