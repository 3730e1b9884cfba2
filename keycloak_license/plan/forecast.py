"""On which day seats run out, if demand goes on as it did, and how sure that is.

In: the demand at the end of each day, and the limit; out: a `Forecast`, or why there is none. Called by
`services.seat_history`.

Demand is taken for a random walk with drift, because each day begins where the one before ended: after h days
it is normally distributed around y + h·d with the deviation s·√(h·(1 + h/n)), where d and s are mean and
standard deviation of the n daily changes (Hyndman and Athanasopoulos, Forecasting: Principles and
Practice, "Some simple forecasting methods" and "Prediction intervals").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import count, pairwise
from math import sqrt
from statistics import NormalDist, fmean, stdev

MIN_DAYS = 14
"""Of fewer changes neither trend nor deviation can be told."""
LOOK_BACK_DAYS = 90
"""Of so many changes it is told at most: what was long ago says little of the next weeks."""
MAX_DAYS = 730
"""Farther ahead nothing is foretold."""
PROBABILITY = 0.8
"""Of the day lying in the interval."""
_REACH = NormalDist().inv_cdf((1 + PROBABILITY) / 2)
_SIGNIFICANCE = NormalDist().inv_cdf(0.975)
"""A trend of fewer standard errors may be none; it is above `_REACH`, so that each interval has an end."""


class NoForecast(StrEnum):
    """Why no day is foretold."""

    UNLIMITED = "unlimited"
    NOT_LICENSED = "not_licensed"
    FULL = "full"
    TOO_FEW_DAYS = "too_few_days"
    NO_GROWTH = "no_growth"
    TOO_FAR = "too_far"


@dataclass(frozen=True, slots=True)
class Forecast:
    """The day on which the last seat is taken."""

    day: date
    earliest: date
    latest: date
    """With `PROBABILITY` it is between the two."""
    days: int
    """Of so many daily changes it is made."""


def forecast(demand: Sequence[int], today: date, limit: int | None) -> Forecast | NoForecast:
    """Return when demand reaches the limit.

    `demand` is used and waiting at the end of each day, one for each, the last one as it is now.
    """
    if limit is None:
        return NoForecast.UNLIMITED
    if limit == 0:
        return NoForecast.NOT_LICENSED
    if demand[-1] >= limit:
        return NoForecast.FULL
    changes = [after - before for before, after in pairwise(demand[-LOOK_BACK_DAYS - 1 :])]
    if len(changes) < MIN_DAYS:
        return NoForecast.TOO_FEW_DAYS
    drift, deviation = fmean(changes), stdev(changes)
    if drift <= _SIGNIFICANCE * deviation / sqrt(len(changes)) or drift <= 0:
        return NoForecast.NO_GROWTH

    # Sums of many small changes miss a whole number by less than that.
    missing = limit - demand[-1] - 1e-9

    def rise(days: int, reach: float) -> float:
        """Return by how much demand grows in so many days, with so many deviations more than expected."""
        return days * drift + reach * deviation * sqrt(days * (1 + days / len(changes)))

    if rise(MAX_DAYS, 0) < missing:
        return NoForecast.TOO_FAR
    day, earliest, latest = (
        today + timedelta(days=next(days for days in count(1) if rise(days, reach) >= missing))
        for reach in (0, _REACH, -_REACH)
    )
    return Forecast(day, earliest, latest, len(changes))
