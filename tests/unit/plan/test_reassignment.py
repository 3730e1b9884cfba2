"""Which assignments count as re-assigned."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from keycloak_license.model.record import SeatEvent
from keycloak_license.plan.reassignment import MonthlyMoves, count_moves

PRAGUE = ZoneInfo("Europe/Prague")
MAY = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def moves(*words: str, at: datetime = MAY) -> list[SeatEvent]:
    """Events an hour apart: ``+`` gets a seat, ``-`` frees it, ``<`` loses it to a smaller limit."""
    kinds = {
        "+": ("seat_assigned", "first_come"),
        "-": ("seat_released", "no_role"),
        "<": ("seat_released", "limit_reduced"),
    }
    return [
        SeatEvent(
            "WFM", word[1:], word[1:], kinds[word[0]][0], at + place * timedelta(hours=1), kinds[word[0]][1]
        )
        for place, word in enumerate(words)
    ]


@pytest.mark.parametrize(
    ("words", "reassigned"),
    [
        ("+ann +bob", 0),
        ("+ann -ann", 0),
        ("+ann -ann +bob", 1),
        ("+ann -ann +ann", 0),
        ("+ann -ann +ann +bob", 0),
        ("+ann -ann +bob +eve", 1),
        ("+ann +bob -ann -bob +bob +eve", 1),
        ("+ann +bob -ann -bob +eve +bob", 1),
        ("+ann -ann +bob -bob +ann", 2),
        ("+ann <ann +bob", 0),
    ],
)
def test_a_seat_counts_that_somebody_else_freed(words: str, reassigned: int) -> None:
    [month] = count_moves(moves(*words.split()), PRAGUE)
    assert month.reassigned == reassigned


def test_it_counts_in_the_month_of_the_assignment_in_the_zone_of_the_realm() -> None:
    late = datetime(2026, 4, 30, 21, 30, tzinfo=UTC)
    events = [*moves("+ann", "-ann", at=late - timedelta(hours=3)), *moves("+eve", "+bob", at=late)]
    assert count_moves(events, PRAGUE) == (
        MonthlyMoves(date(2026, 4, 1), assigned=2, released=1, reassigned=1),
        MonthlyMoves(date(2026, 5, 1), assigned=1, released=0, reassigned=0),
    )
    assert count_moves([], PRAGUE) == ()
