"""How often a seat that one person freed was given to another, by month: what named-user licences limit.

In: the seat events of one application; out: counts by month. Called by `services.seat_history`.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from keycloak_license.model.changes import SeatAssigned, SeatReleased
from keycloak_license.model.record import SeatEvent
from keycloak_license.plan.planner import DISPLACED


@dataclass(frozen=True, slots=True)
class MonthlyMoves:
    """What happened to seats in one month."""

    month: date
    """Its first day, in the realm's time zone."""
    assigned: int
    released: int
    reassigned: int
    """Those of `assigned` that took a seat which somebody else had freed."""


def count_moves(events: Sequence[SeatEvent], zone: ZoneInfo) -> tuple[MonthlyMoves, ...]:
    """Return the months in which seats moved, in order.

    A seat is free once its holder lost the role, was disabled or deleted, or became exempt. Who gets a
    seat takes back the one he freed himself; else the one that has been free longest, which counts as
    re-assigned in the month in which he gets it; else, where none was freed, one that nobody had before.
    A seat that a smaller licence took is not free: it is no more.
    """
    freed_by: OrderedDict[str, None] = OrderedDict()
    moves: dict[date, list[int]] = {}
    for event in events:
        month = event.at.astimezone(zone).date().replace(day=1)
        if event.kind == SeatReleased.kind:
            moves.setdefault(month, [0, 0, 0])[1] += 1
            if event.reason not in DISPLACED:
                freed_by[event.user_id] = None
        elif event.kind == SeatAssigned.kind:
            counts = moves.setdefault(month, [0, 0, 0])
            counts[0] += 1
            if event.user_id in freed_by:
                del freed_by[event.user_id]
            elif freed_by:
                freed_by.popitem(last=False)
                counts[2] += 1
    return tuple(MonthlyMoves(month, *moves[month]) for month in sorted(moves))
