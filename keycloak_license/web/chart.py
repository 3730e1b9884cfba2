"""Usage as pictures: a bar, and a line over time with the limit.

In: figures; out: SVG without a script or a style of its own, so that it is readable anywhere. Called by
templates and `pages`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup, escape

from keycloak_license.mail.wording import Language
from keycloak_license.plan.usage_history import UsagePoint

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 14, 28
GRID_LINES = 4


def draw_bar(percent: int | None, *, is_over: bool = False) -> Markup:
    """Return a bar; decoration only, for the figures stand beside it."""
    width = 0 if percent is None else min(percent, 100)
    kind = "over" if is_over else "full" if width >= 90 else "free"
    return Markup(
        '<svg class="usage-bar" aria-hidden="true" focusable="false">'
        '<rect class="usage-bar-room" width="100%" height="100%" rx="4"></rect>'
        '<rect class="usage-bar-{}" width="{}%" height="100%" rx="4"></rect></svg>'
    ).format(kind, width)


@dataclass(frozen=True, slots=True)
class ChartWords:
    """What a chart says."""

    title: str
    description: str
    """All of it, for who does not see it."""
    used: str
    limit: str


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where things are."""

    since: datetime
    until: datetime
    """In the zone whose days are shown."""
    top: int
    """The number of seats at the upper edge."""

    def x(self, at: datetime) -> float:
        share = (at - self.since) / max(self.until - self.since, timedelta(seconds=1))
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, seats: float) -> float:
        return round(HEIGHT - BOTTOM - seats / self.top * (HEIGHT - TOP - BOTTOM), 1)


def draw_usage(
    points: Sequence[UsagePoint], until: datetime, words: ChartWords, language: Language
) -> Markup:
    """Return the line of the used seats and that of the limit, from the first point to `until`."""
    highest = max([1, *(point.used for point in points), *(point.limit or 0 for point in points)])
    scale = _Scale(points[0].at, until, _round_up(highest))
    parts = [
        Markup('<svg class="usage-chart" viewBox="0 0 {} {}" role="img" aria-labelledby="t d">').format(
            WIDTH, HEIGHT
        ),
        Markup('<title id="t">{}</title><desc id="d">{}</desc>').format(words.title, words.description),
        *_grid(scale, language),
        *_days(scale, language),
        _line("usage-chart-limit", _limit_steps(points, scale), words.limit),
        _line("usage-chart-used", _used_steps(points, scale), words.used),
        Markup("</svg>"),
    ]
    return Markup("").join(parts)


def _line(kind: str, path: str, title: str) -> Markup:
    return Markup('<path class="{}" d="{}"><title>{}</title></path>').format(kind, path, title)


def _used_steps(points: Sequence[UsagePoint], scale: _Scale) -> str:
    return _steps([(point.at, point.used) for point in points], scale)


def _limit_steps(points: Sequence[UsagePoint], scale: _Scale) -> str:
    """Return one path with a gap wherever seats were unlimited."""
    return _steps([(point.at, point.limit) for point in points], scale)


def _steps(values: Sequence[tuple[datetime, int | None]], scale: _Scale) -> str:
    path: list[str] = []
    is_drawing = False
    ends = [at for at, _ in values[1:]] + [scale.until]
    for (at, value), end in zip(values, ends, strict=True):
        if value is None:
            is_drawing = False
            continue
        path.append(f"{'L' if is_drawing else 'M'}{scale.x(at)} {scale.y(value)}H{scale.x(end)}")
        is_drawing = True
    return "".join(path)


def _grid(scale: _Scale, language: Language) -> list[Markup]:
    lines = []
    for step in range(GRID_LINES + 1):
        seats = scale.top * step // GRID_LINES
        y = scale.y(seats)
        lines.append(
            Markup(
                '<path class="usage-chart-grid" d="M{} {}H{}"></path>'
                '<text class="usage-chart-text" x="{}" y="{}" text-anchor="end">{}</text>'
            ).format(LEFT, y, WIDTH - RIGHT, LEFT - 6, y + 4, language.number(seats))
        )
    return lines


def _days(scale: _Scale, language: Language) -> list[Markup]:
    ends = ((scale.since, LEFT, "start"), (scale.until, WIDTH - RIGHT, "end"))
    return [
        Markup('<text class="usage-chart-text" x="{}" y="{}" text-anchor="{}">{}</text>').format(
            x, HEIGHT - 8, anchor, escape(language.day(at.astimezone(scale.until.tzinfo).date()))
        )
        for at, x, anchor in ends
    ]


def _round_up(seats: int) -> int:
    """Return a number that divides into the grid, at least as high."""
    size = GRID_LINES
    while size < seats:
        size += max(GRID_LINES, 10 ** (len(str(size)) - 1) // GRID_LINES * GRID_LINES)
    return size
