"""What people have to be told after a sync, and after one that failed.

In: what a sync has found and what was told before; out: `Tidings`. Called by `plan.planner` and
`services.reconcile`. Everything is told once for as long as it holds: see `plan.marks`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import partial

from keycloak_license.model.audience import Audience, NoticeTerms
from keycloak_license.model.changes import Change, SeatDisplaced, WaitingStarted
from keycloak_license.model.license import License, Reason, Standing
from keycloak_license.model.notice import (
    MAX_NAMED,
    AccessEnded,
    AccessEnding,
    HeldSeats,
    Mark,
    NearLimit,
    OverLimit,
    People,
    ReadsIncomplete,
    ReleasesHeld,
    Remedy,
    SeatsInUse,
    SyncsFailing,
    Tidings,
)
from keycloak_license.model.record import SyncFailure
from keycloak_license.model.report import ApplicationUsage, RealmReport
from keycloak_license.model.seat import Allocation, HeldRelease
from keycloak_license.plan.expiry import days_left, last_day
from keycloak_license.plan.marks import Condition, is_due, tell

LAST_DAY = 0
GRACE_DAYS_LEFT = (7, 1)
"""When to warn, besides the days that are set, that a licence was not activated: its grace is short."""
PATIENCE = timedelta(hours=1)
"""For how long syncs may fail, or not see everything, before people are told."""
REARM_PERCENT = 5
"""How far usage has to fall below a threshold before reaching it is told again."""
_ENDING, _ENDED, _OVER, _NEAR = "access_ending", "access_ended", "over_limit", "near_limit"
_GRANTED = "access_granted"
"""A mark that nobody is told of: it remembers that there was something to lose."""
_HELD, _FAILING, _INCOMPLETE = "releases_held", "syncs_failing", "reads_incomplete"


@dataclass(frozen=True, slots=True)
class NoticeInputs:
    """What a sync has found."""

    report: RealmReport
    allocations: Sequence[Allocation]
    changes: Sequence[Change]
    now: datetime
    terms: NoticeTerms
    expiry_days: tuple[int, ...]
    """As set by the realm's admins or configured."""
    audience: Audience
    marks: Mapping[str, Mark]
    held_before: Iterable[HeldRelease] = ()
    hold: timedelta = timedelta()
    """How long the guard holds."""
    is_disputed: bool = False
    """Whether this may be another installation's realm; then nothing is known of its seats."""
    is_failing: bool = False
    """Whether the sync before this one failed."""

    @property
    def at(self) -> datetime:
        """When this is, as people there read it."""
        return self.shown(self.now)

    def shown(self, moment: datetime) -> datetime:
        """Return an instant as people there read it."""
        return moment.astimezone(self.terms.zone)


def plan_notices(inputs: NoticeInputs) -> Tidings:
    """Return what is to be told after a sync that ended well."""
    conditions = [*_access_ends(inputs), *_access_has_ended(inputs)]
    if not inputs.is_disputed:
        conditions += [*_seats_run_out(inputs), *_releases_are_held(inputs), *_reads_are_incomplete(inputs)]
    is_there = inputs.audience.is_there
    notices, after = tell(conditions, inputs.marks, inputs.now, is_anybody_there=is_there)
    present = {mark.key for mark in after}
    kept = (mark for key, mark in inputs.marks.items() if key not in present and _outlasts(inputs, mark))
    return Tidings(notices, (*after, *kept), inputs.audience)


def plan_failure(
    realm: str, failure: SyncFailure, audience: Audience, marks: Mapping[str, Mark], zone: tzinfo
) -> Tidings:
    """Return what is to be told after a sync that failed; all else is remembered as it was."""
    now = failure.at

    def describe() -> SyncsFailing:
        since = failure.since.astimezone(zone)
        return SyncsFailing(realm=realm, at=now.astimezone(zone), since=since, reason=failure.reason)

    condition = Condition(_FAILING, describe, patience=PATIENCE, since=failure.since)
    # One of an earlier failure says nothing of this one.
    known = {key: mark for key, mark in marks.items() if mark.since == failure.since}
    notices, after = tell([condition], known, now, is_anybody_there=audience.is_there)
    others = (mark for key, mark in marks.items() if key != _FAILING)
    return Tidings(notices, (*after, *others), audience)


def due_keys(marks: Iterable[Mark], now: datetime) -> tuple[str, ...]:
    """Return what time alone has made due, if it still holds."""
    slow = {_FAILING, _INCOMPLETE}
    return tuple(
        mark.key for mark in marks if is_due(mark, now, PATIENCE if mark.key in slow else timedelta())
    )


def reached_days(standing: Standing, now: datetime, expiry_days: Iterable[int]) -> tuple[int, ...]:
    """Return the thresholds in days that are reached, the most urgent first."""
    left = days_left(standing, now)
    if left is None:
        return ()
    days = {LAST_DAY, *expiry_days, *(GRACE_DAYS_LEFT if standing.is_last_in_grace else ())}
    return tuple(sorted(each for each in days if each >= left))


@dataclass(frozen=True, slots=True)
class _Threshold:
    """So many days before the end of one licence: "One mail per licence and threshold"."""

    way: str
    """How it ends."""
    last_day: str
    """Another issue that ends on the same day brings nothing new."""
    days: int
    number: str

    @property
    def key(self) -> str:
        """What its mark is called; the number comes last, for there may be spaces in it."""
        return f"{_ENDING} {self.way} {self.last_day} {self.days} {self.number}"

    def is_of(self, other: "_Threshold") -> bool:
        """Whether both belong to the same end of the same licence."""
        return (self.way, self.last_day, self.number) == (other.way, other.last_day, other.number)


def _threshold(standing: Standing, license_: License, days: int) -> _Threshold:
    way = "grace" if standing.is_last_in_grace else "expiry"
    ends_on = last_day(standing.stops_at).isoformat() if standing.stops_at else ""
    return _Threshold(way, ends_on, days, license_.number)


def _parse_threshold(key: str) -> _Threshold | None:
    kind, *parts = key.split(" ", 4)
    if kind != _ENDING:
        return None
    way, ends_on, days, number = parts
    return _Threshold(way, ends_on, int(days), number)


def _access_ends(inputs: NoticeInputs) -> Iterator[Condition]:
    standing = inputs.report.standing
    license_ = standing.last_license
    if license_ is None:
        return
    told = [_parse_threshold(mark.key) for mark in inputs.marks.values() if mark.told_at is not None]
    for number, days in enumerate(reached_days(standing, inputs.now, inputs.expiry_days)):
        threshold = _threshold(standing, license_, days)
        # A later threshold says all that an earlier one would, also where the earlier one is set only now.
        is_told = any(each and each.is_of(threshold) and each.days < days for each in told)
        describe = partial(_describe_ending, inputs, license_)
        yield Condition(threshold.key, describe, is_muted=number > 0 or is_told)


def _describe_ending(inputs: NoticeInputs, license_: License) -> AccessEnding:
    report, standing = inputs.report, inputs.report.standing
    if standing.stops_at is None:
        raise ValueError("access that never ends is not about to")
    return AccessEnding(
        realm=report.realm,
        at=inputs.at,
        number=license_.number,
        customer=license_.customer,
        last_day=last_day(standing.stops_at),
        stops_at=standing.stops_at,
        days_left=days_left(standing, inputs.now) or 0,
        remedy=Remedy.ACTIVATE if standing.is_last_in_grace else Remedy.RENEW,
        users=_count_seated(inputs.allocations),
        seats=_seats_in_use(report.applications, license_),
    )


def _access_has_ended(inputs: NoticeInputs) -> Iterator[Condition]:
    license_, reason = inputs.report.standing.license, inputs.report.standing.reason
    describe = partial(_describe_ended, inputs)
    if license_ is not None and reason in {Reason.EXPIRED, Reason.GRACE_OVER, Reason.OTHER_INSTALLATION}:
        ended_at = inputs.report.standing.stops_at
        ended_on = last_day(ended_at).isoformat() if ended_at else ""
        yield Condition(f"{_ENDED} {reason} {ended_on} {license_.number}", describe)
    if reason is Reason.NO_LICENSE:
        # Where there was none before, nobody has lost anything.
        key = f"{_ENDED} {reason}"
        if {_GRANTED, key} & inputs.marks.keys():
            yield Condition(key, describe)
    if inputs.report.standing.is_granted:
        yield Condition(_GRANTED, describe, is_muted=True)


def _describe_ended(inputs: NoticeInputs) -> AccessEnded:
    report, license_ = inputs.report, inputs.report.standing.license
    return AccessEnded(
        realm=report.realm,
        at=inputs.at,
        number=license_.number if license_ else "",
        customer=license_.customer if license_ else "",
        stops_at=report.standing.stops_at,
        reason=report.standing.reason,
        users=_count_seated(inputs.allocations),
        seats=_seats_in_use(report.applications, license_),
    )


def _seats_run_out(inputs: NoticeInputs) -> Iterator[Condition]:
    if not inputs.report.standing.is_granted:
        return
    newly_waiting = {
        change.claim.application
        for change in inputs.changes
        if isinstance(change, WaitingStarted | SeatDisplaced)
    }
    for usage, allocation in zip(inputs.report.applications, inputs.allocations, strict=True):
        if usage.seats is None:
            continue
        if usage.waiting:
            describe = partial(_describe_over, inputs, usage, allocation)
            yield Condition(f"{_OVER} {usage.id}", describe, has_news=usage.id in newly_waiting)
        yield from _few_are_left(inputs, usage)


def _describe_over(inputs: NoticeInputs, usage: ApplicationUsage, allocation: Allocation) -> OverLimit:
    license_ = inputs.report.standing.license
    return OverLimit(
        realm=inputs.report.realm,
        at=inputs.at,
        application=usage.id,
        name=usage.name,
        limit=usage.seats or 0,
        used=usage.used,
        waiting=_people([claim.username for claim in allocation.waiting]),
        is_licensed=license_ is not None and usage.id in license_.scope,
    )


def _few_are_left(inputs: NoticeInputs, usage: ApplicationUsage) -> Iterator[Condition]:
    """Yield the thresholds that are reached; the highest is told, and none where somebody waits already."""
    reached = [
        percent
        for percent in sorted(inputs.terms.usage_percents, reverse=True)
        if _is_near(usage, percent, was_near=f"{_NEAR} {usage.id} {percent}" in inputs.marks)
    ]
    for number, percent in enumerate(reached):
        describe = partial(_describe_near, inputs, usage, percent)
        is_muted = number > 0 or usage.waiting > 0
        yield Condition(f"{_NEAR} {usage.id} {percent}", describe, is_muted=is_muted)


def _is_near(usage: ApplicationUsage, percent: int, *, was_near: bool) -> bool:
    """Whether a threshold is reached; once it was, usage has to fall well below it, by two seats at least."""
    seats = usage.seats or 0
    if seats == 0:
        return False
    if 100 * usage.used >= percent * seats:
        return True
    fallen = percent * seats - 100 * usage.used
    return was_near and usage.used > 0 and (fallen < REARM_PERCENT * seats or fallen < 200)


def _describe_near(inputs: NoticeInputs, usage: ApplicationUsage, percent: int) -> NearLimit:
    return NearLimit(
        realm=inputs.report.realm,
        at=inputs.at,
        application=usage.id,
        name=usage.name,
        limit=usage.seats or 0,
        used=usage.used,
        percent=percent,
    )


def _releases_are_held(inputs: NoticeInputs) -> Iterator[Condition]:
    if held := inputs.report.held:
        before = {(each.application, each.user_id) for each in inputs.held_before}
        has_news = any((each.application, each.user_id) not in before for each in held)
        yield Condition(_HELD, partial(_describe_held, inputs), has_news=has_news)


def _describe_held(inputs: NoticeInputs) -> ReleasesHeld:
    held = inputs.report.held
    names = {
        usage: [each.username for each in held if each.application == usage.id]
        for usage in inputs.report.applications
    }
    return ReleasesHeld(
        realm=inputs.report.realm,
        at=inputs.at,
        held=tuple(HeldSeats(usage.id, usage.name, _people(who)) for usage, who in names.items() if who),
        release_at=inputs.shown(min(each.since for each in held) + inputs.hold),
    )


def _reads_are_incomplete(inputs: NoticeInputs) -> Iterator[Condition]:
    if gaps := inputs.report.gaps:

        def describe() -> ReadsIncomplete:
            since = inputs.shown(
                inputs.marks[_INCOMPLETE].since if _INCOMPLETE in inputs.marks else inputs.now
            )
            return ReadsIncomplete(
                realm=inputs.report.realm, at=inputs.at, since=since, gaps=gaps[:MAX_NAMED]
            )

        yield Condition(_INCOMPLETE, describe, patience=PATIENCE)


def _outlasts(inputs: NoticeInputs, mark: Mark) -> bool:
    """Whether a mark stays although what it stands for does not hold now.

    That syncs fail holds until one has ended that did not follow on a failure: what is recorded may still
    fail afterwards. Who waits while nobody has access hears of it when there is access again. What was told
    of the end of a licence stays told, also while another one covers it; but not when it was told by a clock
    that was wrong, and is further off now than it was then.
    """
    if mark.key == _FAILING:
        return inputs.is_failing
    standing, threshold = inputs.report.standing, _parse_threshold(mark.key)
    if inputs.is_disputed or (not standing.is_granted and mark.key.split(" ")[0] in {_OVER, _NEAR}):
        return True
    if threshold is None:
        return False
    left, license_ = days_left(standing, inputs.now), standing.last_license
    if left is None or license_ is None:
        return True
    return not threshold.is_of(_threshold(standing, license_, 0)) or left <= threshold.days + 1


def _people(names: Sequence[str]) -> People:
    return People(tuple(names[:MAX_NAMED]), max(0, len(names) - MAX_NAMED))


def _count_seated(allocations: Iterable[Allocation]) -> int:
    return len({claim.user_id for allocation in allocations for claim in allocation.seated})


def _seats_in_use(usages: Iterable[ApplicationUsage], license_: License | None) -> tuple[SeatsInUse, ...]:
    """Return what stops: every application that is licensed, and every other that somebody has a seat of."""
    scope = license_.scope if license_ else {}
    return tuple(
        SeatsInUse(each.id, each.name, each.used) for each in usages if each.used or each.id in scope
    )
