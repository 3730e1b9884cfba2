"""The history of one application as a picture made of characters.

In: an `ApplicationHistory` and how much room there is; out: text. Called by `cli.history`, which loads it
only to draw. This is the only module that knows the plotting library.
"""

import os
import sys
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from shutil import get_terminal_size

from plotille import Figure

from keycloak_license.errors import ConfigurationError
from keycloak_license.plan.seat_history import DayUsage
from keycloak_license.services.seat_history import ApplicationHistory

MAX_WIDTH, MAX_HEIGHT = 100, 15
MIN_WIDTH, MIN_HEIGHT = 20, 5
MARGIN = 14
"""What the library puts beside and below the picture."""
LINES = {"limit": ("red", "="), "used and waiting": ("yellow", "."), "used": ("blue", None)}
"""The colour of each line, and a character for where there are no colours."""


@dataclass(frozen=True, slots=True)
class Space:
    """What a picture may take."""

    width: int
    """Characters, with the margin."""
    height: int
    has_colours: bool


def space() -> Space:
    """Return the room there is on stdout; where that is no terminal, 80 characters without colours."""
    size = get_terminal_size()
    is_terminal = sys.stdout.isatty()
    return Space(size.columns, size.lines, is_terminal and not os.environ.get("NO_COLOR"))


def require_braille() -> None:
    """Raise `ConfigurationError` where stdout cannot show what pictures are made of."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        "\u2824".encode(encoding)
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"A plot is drawn with Braille characters, which the encoding {encoding} does not have: "
            "choose UTF-8, for example with PYTHONIOENCODING=utf-8, or use --csv."
        ) from None


def draw(history: ApplicationHistory, room: Space) -> str:
    """Return used, demand and limit at the end of each day; an unlimited limit is not drawn."""
    counts = _lines(history)
    figure = _frame(history, room, top=max(count or 0 for seats in counts.values() for count in seats))
    for name, seats in counts.items():
        colour, marker = LINES[name]
        days = [(_x(day), count) for day, count in zip(history.days, seats, strict=True) if count is not None]
        if days:
            xs, ys = zip(*days, strict=True)
            style = {"lc": colour} if room.has_colours else {"marker": marker}
            figure.plot(xs, ys, label=name, **style)
    picture = figure.show(legend=True)
    return f"{history.application.id}\n" + "\n".join(line.rstrip() for line in picture.splitlines())


def _lines(history: ApplicationHistory) -> dict[str, list[int | None]]:
    """Return what is drawn, by name; the last is on top."""
    days = history.days
    lines: dict[str, list[int | None]] = {"limit": [day.limit for day in days]}
    if any(day.waiting for day in days):
        lines["used and waiting"] = [day.used + day.waiting for day in days]
    return lines | {"used": [day.used for day in days]}


def _frame(history: ApplicationHistory, room: Space, top: int) -> Figure:
    """Return an empty picture, each row of which is a whole number of seats."""
    figure = Figure()
    figure.width = min(MAX_WIDTH, max(MIN_WIDTH, room.width - MARGIN))
    figure.height = min(MAX_HEIGHT, max(MIN_HEIGHT, room.height - MARGIN))
    figure.with_colors = room.has_colours
    figure.color_mode = "names"
    figure.x_label, figure.y_label = "day", "seats"
    figure.register_label_formatter(float, _show_count)
    figure.register_label_formatter(datetime, _show_day)
    figure.set_x_limits(_x(history.days[0]), _x(history.days[-1]) + timedelta(days=1))
    figure.set_y_limits(0, figure.height * (top // figure.height + 1))
    return figure


def _x(day: DayUsage) -> datetime:
    return datetime.combine(day.day, time())


def _show_count(value: float, chars: int, delta: float, left: bool) -> str:  # noqa: ARG001, FBT001
    text = f"{value:.0f}"
    return text.ljust(chars) if left else text.rjust(chars)


def _show_day(value: datetime, chars: int, delta: object, left: bool) -> str:  # noqa: ARG001, FBT001
    return f"{value:%m-%d}".ljust(chars)
