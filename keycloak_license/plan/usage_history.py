"""How many seats of an application were taken and licensed, over time.

In: the claims of today, the seat events, and the licences; out: the steps of two lines, for a chart. Called
by `services.usage_history`, and for the limits by `services.seat_history`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

from keycloak_license.model.license import ImportedLicense
from keycloak_license.model.record import SeatEvent
from keycloak_license.model.seat import Claim
from keycloak_license.plan.lifecycle import Installation, judge, turns_of
from keycloak_license.plan.planner import seat_terms
from keycloak_license.plan.seat_history import steps_over_time

MAX_POINTS = 400
"""More than a chart has room for."""


@dataclass(frozen=True, slots=True)
class UsagePoint:
    """How things stood from an instant until the next point."""

    at: datetime
    """In UTC."""
    used: int
    limit: int | None
    """Licensed seats; None is unlimited, and 0 where no licence counts."""


@dataclass(frozen=True, slots=True)
class UsageInputs:
    """What is known of one application."""

    application: str
    claims: Sequence[Claim]
    """Those of this application, as they are now."""
    events: Sequence[SeatEvent]
    """Those of this application, as they were recorded, at least since the beginning of the line."""
    licenses: Sequence[ImportedLicense]
    """All that verify, also replaced ones."""
    installation: Installation
    """As it is now: that it was another before is not remembered."""


def usage_over_time(
    inputs: UsageInputs, since: datetime, until: datetime, max_points: int = MAX_POINTS
) -> tuple[UsagePoint, ...]:
    """Return a point for `since`, one for each change after it, and one for `until`, which is now.

    The limit is the one that every exit shows: that of the licence that counts, also while access is
    blocked, for then nobody loses a seat. Of more than `max_points`, which is at least 4, those are left
    that show the highest counts.
    """
    until = until.astimezone(UTC)
    since = min(since.astimezone(UTC), until)
    points: list[UsagePoint] = []
    limits = limits_over_time(inputs, since, until)
    for step in steps_over_time(inputs.claims, inputs.events, limits, since, until):
        point = UsagePoint(step.at, step.used, step.limit)
        # Where only the queue has changed, the line goes on.
        if not points or point != replace(points[-1], at=step.at):
            points.append(point)
    if points[-1].at < until:
        points.append(replace(points[-1], at=until))
    return tuple(points if len(points) <= max_points else _thinned(points, max_points))


def limits_over_time(inputs: UsageInputs, since: datetime, until: datetime) -> Mapping[datetime, int | None]:
    """Return the limit as it was at `since` and at each instant at which it may have changed; both in UTC."""
    spans = [(each, *_in_force(each, until)) for each in inputs.licenses]
    instants = {since}
    for each, begins_at, ends_at in spans:
        days = (turn.astimezone(UTC) for turn in turns_of(each.license, inputs.installation))
        instants |= {begins_at, *days} | ({ends_at} if ends_at else set())
    limits: dict[datetime, int | None] = {}
    for at in sorted(each for each in instants if since <= each <= until):
        present = [
            replace(each, replaced_at=None)
            for each, begins_at, ends_at in spans
            if begins_at <= at and (ends_at is None or at < ends_at)
        ]
        standing = judge(present, inputs.installation, at)
        limits[at] = seat_terms(standing, inputs.application, may_take=True).limit
    return limits


def _in_force(license_: ImportedLicense, until: datetime) -> tuple[datetime, datetime | None]:
    """Return from when until when a licence is in force; what a clock that was ahead dated is over by now."""
    begins_at = min(license_.imported_at.astimezone(UTC), until)
    ends_at = license_.replaced_at
    return begins_at, min(ends_at.astimezone(UTC), until) if ends_at else None


def _thinned(points: Sequence[UsagePoint], max_points: int) -> Iterator[UsagePoint]:
    """Leave both ends, each change of the limit if those are few, and of each stretch its peak and its end.

    Without its end, a stretch that nothing follows for long would seem to have stayed at its peak.
    """
    ends = {0, len(points) - 1}
    relimited = {place for place, (one, next_) in enumerate(pairwise(points), 1) if one.limit != next_.limit}
    kept = ends | relimited if len(ends | relimited) <= max_points // 2 else ends
    stretches = (max_points - len(kept)) // 2
    begins_at, span = points[0].at, points[-1].at - points[0].at
    peaks: dict[int, int] = {}
    last: dict[int, int] = {}
    for place, point in enumerate(points[:-1]):
        stretch = (point.at - begins_at) * stretches // span
        last[stretch] = place
        if point.used > points[peaks.setdefault(stretch, place)].used:
            peaks[stretch] = place
    return (points[place] for place in sorted({*kept, *peaks.values(), *last.values()}))
