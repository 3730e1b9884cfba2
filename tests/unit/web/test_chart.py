"""The picture says what happened: every step can be read back from it."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.mail.wording import CZECH, ENGLISH, Language
from keycloak_license.plan.usage_history import UsagePoint
from keycloak_license.web.chart import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    ChartWords,
    draw_bar,
    draw_usage,
)

SVG = "{http://www.w3.org/2000/svg}"
NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WORDS = ChartWords("Usage of WFM", "Now 3 used.", "Used", "Limit")
_STEP = re.compile(r"([ML])([\d.]+) ([\d.]+)H([\d.]+)")

seats = st.integers(0, 400)


@st.composite
def lines(draw: st.DrawFn) -> list[UsagePoint]:
    """Points as a history gives them: in order, of any distance."""
    at, points = NOON, []
    for _ in range(draw(st.integers(1, 12))):
        points.append(UsagePoint(at, draw(seats), draw(st.none() | seats)))
        at += draw(st.timedeltas(timedelta(seconds=1), timedelta(days=4000)))
    return points


def drawn(
    points: Sequence[UsagePoint],
    until: datetime | None = None,
    words: ChartWords = WORDS,
    language: Language = ENGLISH,
) -> ET.Element:
    picture = draw_usage(points, until or points[-1].at + HOUR, words, language)
    return ET.fromstring(picture)  # noqa: S314 - ours


def steps(picture: ET.Element, kind: str) -> list[tuple[str, float, float, float]]:
    """Each step of a line: whether it begins anew, from where to where, and how high."""
    [path] = picture.findall(f"path[@class='usage-chart-{kind}']")
    text = path.get("d") or ""
    assert _STEP.sub("", text) == ""
    return [(how, float(x), float(end), float(y)) for how, x, y, end in _STEP.findall(text)]


def grid(picture: ET.Element) -> list[int]:
    """The numbers at the left edge."""
    texts = [each.text or "" for each in picture.findall("text[@text-anchor='end']")]
    return [int(re.sub(r"\D", "", text)) for text in texts[:-1]]


def seats_at(picture: ET.Element, y: float) -> float:
    """How many seats a height stands for, by the grid."""
    return (HEIGHT - BOTTOM - y) / (HEIGHT - TOP - BOTTOM) * grid(picture)[-1]


@given(points=lines(), later=st.integers(0, 10_000).map(lambda hours: hours * HOUR))
def test_every_value_can_be_read_back_from_the_lines(points: list[UsagePoint], later: timedelta) -> None:
    picture = drawn(points, points[-1].at + later)
    used, limited = steps(picture, "used"), steps(picture, "limit")
    assert [round(seats_at(picture, y)) for _, _, _, y in used] == [point.used for point in points]
    limits = [point.limit for point in points if point.limit is not None]
    assert [round(seats_at(picture, y)) for _, _, _, y in limited] == limits
    for line in (used, limited):
        assert all(LEFT <= x <= end <= WIDTH - RIGHT for _, x, end, _ in line)
        assert all(TOP <= y <= HEIGHT - BOTTOM for _, _, _, y in line)
    assert used[0][:2] == ("M", LEFT)
    assert all(how == "L" and x == before for (_, _, before, _), (how, x, _, _) in pairwise(used))
    if later or len(points) > 1:
        assert used[-1][2] == WIDTH - RIGHT


@given(points=lines())
def test_the_limit_has_a_gap_where_seats_were_unlimited(points: list[UsagePoint]) -> None:
    pieces = "".join("x" if point.limit is None else "-" for point in points).replace("x-", "x M-")
    drawn_pieces = [how for how, _, _, _ in steps(drawn(points), "limit")]
    assert drawn_pieces.count("M") == len([piece for piece in re.split("[x M]+", pieces) if piece])


def test_time_runs_evenly() -> None:
    points = [UsagePoint(NOON + hours * HOUR, hours, 9) for hours in (0, 1, 5)]
    middle = LEFT + (WIDTH - LEFT - RIGHT) / 10
    ends = [end for _, _, end, _ in steps(drawn(points, NOON + 10 * HOUR), "used")]
    assert ends == [middle, LEFT + (WIDTH - LEFT - RIGHT) / 2, WIDTH - RIGHT]


def test_a_single_instant_is_a_picture_too() -> None:
    assert steps(drawn([UsagePoint(NOON, 3, 5)], NOON), "used")[0][:2] == ("M", LEFT)


@pytest.mark.parametrize(
    ("highest", "numbers"),
    [
        (0, [0, 1, 2, 3, 4]),
        (4, [0, 1, 2, 3, 4]),
        (5, [0, 2, 4, 6, 8]),
        (100, [0, 25, 50, 75, 100]),
        (101, [0, 50, 100, 150, 200]),
        (30_000, [0, 7_500, 15_000, 22_500, 30_000]),
    ],
)
def test_the_grid_has_whole_numbers(highest: int, numbers: list[int]) -> None:
    assert grid(drawn([UsagePoint(NOON, 0, highest)])) == numbers
    assert grid(drawn([UsagePoint(NOON, highest, None)], language=CZECH)) == numbers


@given(highest=st.integers(0, 10**9))
def test_the_grid_is_as_high_as_it_must_and_not_much_higher(highest: int) -> None:
    numbers = grid(drawn([UsagePoint(NOON, highest, 0)]))
    assert highest <= numbers[-1] <= max(4, 2 * highest + 8)
    assert len({later - earlier for earlier, later in pairwise(numbers)}) == 1


@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"])))
def test_names_are_text_and_nothing_else(text: str) -> None:
    picture = drawn([UsagePoint(NOON, 1, 2)], words=ChartWords(text, text, text, text))
    told = [picture.find("title"), picture.find("desc"), *picture.findall("path/title")]
    assert [each.text or "" for each in told if each is not None] == [text] * 4
    assert not list(picture.iter("script"))


def test_both_days_below_are_days_of_the_same_zone() -> None:
    late = datetime(2026, 1, 1, 23, 30, tzinfo=UTC)
    until = (late + 24 * HOUR).astimezone(ZoneInfo("Europe/Prague"))
    picture = drawn([UsagePoint(late, 1, 2)], until)
    assert [each.text for each in picture.findall("text")[-2:]] == ["2 January 2026", "3 January 2026"]


@pytest.mark.parametrize(
    ("percent", "is_over", "kind", "width"),
    [
        (None, False, "free", "0%"),
        (0, False, "free", "0%"),
        (89, False, "free", "89%"),
        (90, False, "full", "90%"),
        (100, False, "full", "100%"),
        (250, False, "full", "100%"),
        (100, True, "over", "100%"),
    ],
)
def test_a_bar_is_never_longer_than_its_room(
    percent: int | None, is_over: bool, kind: str, width: str
) -> None:
    _, bar = ET.fromstring(draw_bar(percent, is_over=is_over))  # noqa: S314 - ours
    assert (bar.get("class"), bar.get("width")) == (f"usage-bar-{kind}", width)
