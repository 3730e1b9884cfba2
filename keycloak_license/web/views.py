"""What the pages show, taken from reports; no rule is decided here.

In: reports of `services`; out: plain values for templates. Called by `pages` and `actions`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from math import ceil

from keycloak_license.model.changes import ClaimChange
from keycloak_license.model.license import NotInForce, Reason
from keycloak_license.model.report import ApplicationUsage, ListedLicense, RealmReport
from keycloak_license.model.seat import HeldRelease
from keycloak_license.plan.expiry import days_left
from keycloak_license.services.licenses import LicenseImport
from keycloak_license.services.overview import Member
from keycloak_license.web.site import digest

PAGE_SIZES = (20, 50, 100)


@dataclass(frozen=True, slots=True)
class LicenseRow:
    """One licence in the table."""

    listed: ListedLicense
    is_counting: bool
    """Whether it is the one that the usage is measured by."""
    role: str
    """``counting``, ``future``, ``beneath`` a temporary one, or ``other``."""
    days_left: int | None
    usages: tuple[ApplicationUsage, ...]
    """Of what it is for; empty unless it is counting."""


def license_rows(
    report: RealmReport, listed: Sequence[ListedLicense], now: datetime
) -> tuple[list[LicenseRow], list[ListedLicense]]:
    """Return the licences that count or may yet, the counting one first, and all the others."""
    present = [each for each in listed if each.stored.replaced_at is None and each.license is not None]
    rows = [_license_row(report, each, now) for each in present]
    rows.sort(key=lambda row: (not row.is_counting, row.role == "other"))
    others = [each for each in listed if each not in present]
    return rows, others[::-1]


def usages_beside(report: RealmReport, rows: Sequence[LicenseRow]) -> list[ApplicationUsage]:
    """Return the usage of what no licence in the table measures, where somebody has a seat or waits."""
    shown = {usage.id for row in rows for usage in row.usages}
    return [each for each in report.applications if each.id not in shown and (each.used or each.waiting)]


def _license_row(report: RealmReport, listed: ListedLicense, now: datetime) -> LicenseRow:
    license_ = listed.license
    counting = license_ is not None and report.standing.license == license_
    role = {Reason.NOT_STARTED: "future", NotInForce.OVERLAID: "beneath"}.get(listed.reason, "other")
    scope = license_.scope if license_ else {}
    return LicenseRow(
        listed=listed,
        is_counting=counting,
        role="counting" if counting else role,
        days_left=days_left(report.standing, now) if counting else None,
        usages=tuple(each for each in report.applications if each.id in scope) if counting else (),
    )


class MemberOrder(StrEnum):
    """By what the members are sorted."""

    STATE = "state"
    USER = "user"
    EMAIL = "email"
    SINCE = "since"


@dataclass(frozen=True, slots=True)
class MemberQuery:
    """Which members somebody wants to see."""

    search: str = ""
    state: str = ""
    """``seated``, ``waiting``, or empty for both."""
    order: MemberOrder = MemberOrder.STATE
    is_descending: bool = False
    page: int = 1
    size: int = PAGE_SIZES[0]


@dataclass(frozen=True, slots=True)
class MemberPage:
    """A part of the members."""

    members: tuple[Member, ...]
    query: MemberQuery
    found: int
    """How many there are on all pages."""

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, ceil(self.found / self.query.size))

    @property
    def first(self) -> int:
        """Which number the first one here has; 0 where there is none."""
        return (self.query.page - 1) * self.query.size + 1 if self.found else 0

    @property
    def last(self) -> int:
        """Which number the last one here has."""
        return (self.query.page - 1) * self.query.size + len(self.members)


def find_members(members: Sequence[Member], query: MemberQuery) -> list[Member]:
    """Return those that somebody wants to see, in his order."""
    wanted = query.search.casefold()
    found = [
        each
        for each in members
        if wanted in f"{each.claim.username}\n{each.claim.email or ''}".casefold()
        and query.state in ("", "seated" if each.claim.is_seated else "waiting")
    ]
    match query.order:
        case MemberOrder.USER:
            found.sort(key=lambda each: each.claim.username.casefold())
        case MemberOrder.EMAIL:
            found.sort(key=lambda each: (each.claim.email or "").casefold())
        case MemberOrder.SINCE:
            found.sort(key=lambda each: each.since)
        case MemberOrder.STATE:
            pass
    return found[::-1] if query.is_descending else found


def cut_page(members: Sequence[Member], query: MemberQuery) -> MemberPage:
    """Return the page that somebody wants to see, the last one where there are not so many."""
    found = find_members(members, query)
    page = min(query.page, max(1, ceil(len(found) / query.size)))
    shown = found[(page - 1) * query.size : page * query.size]
    return MemberPage(tuple(shown), replace(query, page=page), len(found))


@dataclass(frozen=True, slots=True)
class Comparison:
    """One application before and after an import."""

    before: ApplicationUsage
    after: ApplicationUsage


def compare(result: LicenseImport) -> list[Comparison]:
    """Return what an import does to each application."""
    after = {each.id: each for each in result.plan.report.applications}
    return [Comparison(each, after[each.id]) for each in result.before.applications]


def seat_changes(result: LicenseImport) -> list[ClaimChange]:
    """Return who gains or loses what."""
    return [change for change in result.plan.changes if isinstance(change, ClaimChange)]


def digest_replaced(result: LicenseImport) -> str:
    """Return by what it is known which licences somebody has agreed to replace."""
    return digest("\n".join(each.file for each in result.replaced))


def digest_held(held: Sequence[HeldRelease]) -> str:
    """Return by what it is known which releases somebody has seen."""
    return digest("\n".join(sorted(f"{each.application} {each.user_id}" for each in held)))
