"""What time it is, where clocks may be wrong.

In: what the clock here and Keycloak's show, and how far time had got at the last sync; out: a
`ClockReading`. Called by `services`. Time never runs back, and no single leap is believed for good.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from keycloak_license.model.instants import show_instant
from keycloak_license.model.record import ClockMark

TOLERANCE = timedelta(minutes=1)
"""How far two clocks may be apart without anybody being told."""
LEAP = timedelta(hours=36)
"""A longer step between two syncs is a pause or a clock set wrong. A nightly sync makes no such step."""
BELIEVED_AFTER = timedelta(hours=12)
"""How long a clock must have gone on from where it began or leapt to; less than a leap."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """The one `now` of a run."""

    now: datetime
    mark: ClockMark
    """To be kept until the next run."""
    comparison: str | None = None
    """What is wrong between the two clocks."""
    doubt: str | None = None
    """What is wrong with time as it went on."""

    @property
    def believed(self) -> datetime:
        """The time by which something may end for good: not one that a clock only just leapt to."""
        return self.now if self.mark.leapt_to is None else self.mark.reached or self.now


def read_clock(here: datetime, keycloak: datetime | None, mark: ClockMark) -> ClockReading:
    """Return what time it is taken to be.

    A clock that shows less than what was reached is wrong. Keycloak's clock bounds the one here from both
    sides: set back, it gains nothing; set ahead, it costs nothing.
    """
    shown = _weigh(here, keycloak, mark)
    now = shown if mark.reached is None else max(shown, mark.reached)
    following = _advance(mark, shown)
    return ClockReading(now, following, _compare(here, keycloak), _doubt(shown, mark, following))


def _weigh(here: datetime, keycloak: datetime | None, mark: ClockMark) -> datetime:
    if keycloak is None:
        return here
    latest = keycloak + TOLERANCE
    floor = mark.reached or mark.leapt_to
    # The mark may be a minute past Keycloak's clock; what is behind that as well went back.
    if floor is not None and latest < floor - TOLERANCE and here >= floor - TOLERANCE:
        return here
    return max(keycloak - TOLERANCE, min(here, latest))


def _advance(mark: ClockMark, shown: datetime) -> ClockMark:
    """Follow the clock; to where it leapt only once it has gone on from there, so that it can be mended."""
    if mark.reached is not None and shown <= mark.reached + LEAP:
        return ClockMark(max(mark.reached, shown))
    if mark.leapt_to is None or mark.latest is None or shown < mark.leapt_to:
        return ClockMark(mark.reached, leapt_to=shown, latest=shown)
    has_gone_on = shown - mark.leapt_to >= BELIEVED_AFTER
    if shown <= mark.latest + LEAP:
        return ClockMark(shown) if has_gone_on else replace(mark, latest=max(mark.latest, shown))
    # It leapt again; what was shown before that is all that may be believed.
    return ClockMark(mark.latest if has_gone_on else mark.reached, leapt_to=shown, latest=shown)


def _compare(here: datetime, keycloak: datetime | None) -> str | None:
    if keycloak is None or abs(here - keycloak) <= TOLERANCE:
        return None
    side = "ahead of" if here > keycloak else "behind"
    return (
        f"The clock here is {_show(abs(here - keycloak))} {side} Keycloak's: set both by the same time "
        "server; until then no licence is longer or shorter for it"
    )


def _doubt(shown: datetime, mark: ClockMark, following: ClockMark) -> str | None:
    if mark.reached is not None and shown < mark.reached - TOLERANCE:
        return (
            f"The clock went back by {_show(mark.reached - shown)}, and licences are judged as of "
            f"{show_instant(mark.reached)} until it is later than that: set it "
            "right, or wait for that if it is right"
        )
    if following.reached is not None and following.leapt_to is not None:
        return (
            f"The clock went on by {_show(following.leapt_to - following.reached)} without a sync: if that "
            "is right, do nothing, it is believed after twelve hours; if it was set wrong, set it right and "
            "sync, and nothing is lost"
        )
    return None


def _show(span: timedelta) -> str:
    for unit, name in ((timedelta(days=1), "days"), (timedelta(hours=1), "hours")):
        if span >= 2 * unit:
            return f"{round(span / unit)} {name}"
    return f"{round(span / timedelta(seconds=1))} seconds"
