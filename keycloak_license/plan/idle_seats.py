"""Which seats are idle: held by somebody who has not logged in for so many days.

In: the claims of holders, what was read of logins, `now` and the days; out: a row for each holder. Called by
`services.idle`. Nobody is called idle unless the records prove it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from keycloak_license.model.application import Application
from keycloak_license.model.instants import show_instant
from keycloak_license.model.logins import LoginReading, LoginRecord, LoginSearch
from keycloak_license.model.seat import Claim

MAX_SILENCE = timedelta(days=7)
"""Keycloak does not tell when recording was off. So a longer time in which nobody at all has logged in may
be one in which logins were not recorded, and proves nothing about anybody, nor does what was before it."""


class SeatUse(StrEnum):
    """How a seat is used; the idle ones first."""

    NEVER_USED = "never_used"
    """No login since the seat was given, and every login since then is known."""
    DORMANT = "dormant"
    """No login for so many days, all of which are known; there may have been one before."""
    UNKNOWN = "unknown"
    """No login is known, which proves nothing."""
    NEW = "new"
    """Held for fewer days than that, and not used yet: spared."""
    ACTIVE = "active"

    @property
    def is_idle(self) -> bool:
        """Whether the seat could be given to somebody else."""
        return self in {SeatUse.NEVER_USED, SeatUse.DORMANT}


@dataclass(frozen=True, slots=True)
class HolderUse:
    """A holder, and how he uses his seat."""

    claim: Claim
    state: SeatUse
    last_seen: datetime | None
    """The last login or use of a session that is known, also one before he had the seat."""

    @property
    def since(self) -> datetime:
        """When the seat was given."""
        return seat_since(self.claim)


def seat_since(claim: Claim) -> datetime:
    """Return when a seat was given."""
    return claim.seated_at or claim.claimed_at


def login_search(
    holders: Iterable[Claim], applications: Sequence[Application], now: datetime, days: int
) -> LoginSearch:
    """Return which logins have to be read; with those just before, which prove that recording was on."""
    clients = [application.clients for application in applications]
    newest_first = sorted(holders, key=seat_since, reverse=True)
    return LoginSearch(
        since=now - timedelta(days=days) - MAX_SILENCE,
        holders={claim.user_id: seat_since(claim) - MAX_SILENCE for claim in newest_first},
        client_ids=frozenset().union(*clients) if all(clients) else frozenset(),
    )


def judge_use(
    given_at: datetime, last_seen: datetime | None, known_since: datetime | None, idle_from: datetime
) -> SeatUse:
    """Return how a seat is used, where who was not seen from `idle_from` on may be idle."""
    if last_seen is not None and last_seen >= idle_from:
        return SeatUse.ACTIVE
    if given_at > idle_from:
        return SeatUse.NEW
    if known_since is None or known_since > idle_from:
        return SeatUse.UNKNOWN
    if known_since <= given_at and (last_seen is None or last_seen < given_at):
        return SeatUse.NEVER_USED
    return SeatUse.DORMANT


def find_use(
    holders: Iterable[Claim], application: Application, reading: LoginReading, now: datetime, days: int
) -> tuple[HolderUse, ...]:
    """Return a row for each holder of an application, the idle first, then by name.

    Where the application names its clients, only what was done with them is use of it; else everything.
    """
    seen = last_seen_by_user(reading.last_seen, application)
    known, idle_from = known_since(reading.record, now), now - timedelta(days=days)
    rows = []
    for claim in holders:
        last_seen = seen.get(claim.user_id)
        state = judge_use(seat_since(claim), last_seen, known, idle_from)
        rows.append(HolderUse(claim, state, last_seen))
    order = list(SeatUse)
    return tuple(
        sorted(rows, key=lambda row: (order.index(row.state), row.claim.username, row.claim.user_id))
    )


def last_seen_by_user(
    last_seen: Mapping[tuple[str, str], datetime], application: Application
) -> dict[str, datetime]:
    """Return when each user was last seen using an application, by user id."""
    found: dict[str, datetime] = {}
    for (user_id, client_id), at in last_seen.items():
        if not application.clients or client_id in application.clients:
            found[user_id] = max(at, found.get(user_id, at))
    return found


def known_since(record: LoginRecord | None, now: datetime) -> datetime | None:
    """Return since when every login is known; None where not even the present ones are."""
    known: datetime | None = None
    if record is not None:
        later = now
        for at in reversed(record.recorded):
            if later - at > MAX_SILENCE:
                break
            known = later = at
    if record is None or record.kept_for is None or known is None:
        return known
    return max(known, now - record.kept_for)


def explain_unknown(reading: LoginReading, now: datetime, days: int) -> Iterator[str]:
    """Yield why not every login of the last days is known, and what would make it known."""
    yield from reading.gaps
    record = reading.record
    known, idle_from = known_since(record, now), now - timedelta(days=days)
    if record is None or (known is not None and known <= idle_from):
        return
    enough = timedelta(days=days) + MAX_SILENCE
    if record.kept_for is not None and _is_too_short(record.kept_for, known, now, days):
        yield (
            f"Keycloak deletes logins after {_in_days(record.kept_for)} days, too soon to tell who has not "
            f"logged in for {days}: let user events expire after {enough.days} days (Realm settings → "
            "Events), or ask for fewer"
        )
    elif known is None:
        yield (
            f"Nobody at all has logged in for {MAX_SILENCE.days} days, so that nothing tells whether logins "
            "were recorded: ask again when people have logged in"
        )
    else:
        yield (
            f"Logins are known since {show_instant(known)} only, when the record begins, or goes on after "
            f"more than {MAX_SILENCE.days} days without any login: {days} days are known from "
            f"{show_instant(known + timedelta(days=days))} on"
        )


def _is_too_short(kept_for: timedelta, known: datetime | None, now: datetime, days: int) -> bool:
    """Whether it is by deletion that the last days are not known, and not by a record that began later."""
    reaches_back = known is None or known <= now - kept_for + MAX_SILENCE
    asked = timedelta(days=days)
    return kept_for < asked or (reaches_back and kept_for < asked + MAX_SILENCE)


def _in_days(duration: timedelta) -> str:
    return f"{duration / timedelta(days=1):.1f}".removesuffix(".0")
