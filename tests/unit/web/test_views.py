"""What the pages show: licences by what they amount to, and members as somebody wants to see them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from keycloak_license.model.report import ApplicationUsage, ListedLicense, RealmReport
from keycloak_license.model.seat import Claim, HeldRelease
from keycloak_license.services.licenses import preview_import
from keycloak_license.services.overview import Member, list_all_licenses, read_status
from keycloak_license.web import views
from keycloak_license.web.pages import MAX_SEARCH, _member_query
from keycloak_license.web.views import (
    PAGE_SIZES,
    LicenseRow,
    MemberOrder,
    MemberQuery,
    cut_page,
    find_members,
)
from tests.unit.services.world import NOON, World

HOUR = timedelta(hours=1)


def rows(world: World, now: datetime = NOON) -> tuple[list[tuple[str, str]], list[str]]:
    """Number and role of each licence in the table, and the numbers of all others."""
    shown, others = views.license_rows(*of(world, now), now)
    return [(row.listed.stored.number, row.role) for row in shown], [each.stored.number for each in others]


def of(world: World, now: datetime) -> tuple[RealmReport, tuple[ListedLicense, ...]]:
    return read_status(world.managed, now), list_all_licenses(world.managed, now)


def counting_row(world: World, now: datetime = NOON) -> LicenseRow:
    [row] = [each for each in views.license_rows(*of(world, now), now)[0] if each.is_counting]
    return row


def test_without_licences_there_are_no_rows() -> None:
    assert rows(World()) == ([], [])


def test_the_licence_that_counts_has_its_usage_and_its_days() -> None:
    world = World()
    world.agents("ann", "bob")
    world.import_file(world.sign(scope={"WFM": 1}, expires_on=date(2026, 5, 11)))
    assert rows(world) == ([("T-1", "counting")], [])
    row = counting_row(world)
    assert [(each.id, each.seats, each.used, each.waiting) for each in row.usages] == [("WFM", 1, 1, 1)]
    assert row.days_left == 10


def test_one_that_has_ended_still_counts_when_there_is_no_other() -> None:
    world = World()
    world.import_file(world.sign(expires_on=date(2026, 5, 2)))
    assert rows(world, NOON + 72 * HOUR) == ([("T-1", "counting")], [])


def test_a_future_one_stands_below_and_takes_over_at_its_start() -> None:
    world = World()
    world.import_file(world.sign(number="NOW", expires_on=date(2026, 5, 2)))
    world.import_file(world.sign(number="LATER", starts_on=date(2026, 5, 3)))
    assert rows(world) == ([("NOW", "counting"), ("LATER", "future")], [])
    assert rows(world, NOON + 72 * HOUR)[0][0] == ("LATER", "counting")


def test_a_commercial_one_stands_beneath_a_temporary_one() -> None:
    world = World()
    world.sync()
    world.import_file(world.sign_commercial(number="C-1"))
    world.import_file(world.sign(number="T-1"))
    assert rows(world) == ([("T-1", "counting"), ("C-1", "beneath")], [])


def test_what_was_replaced_or_is_not_genuine_any_more_is_history_the_latest_first() -> None:
    world = World()
    for number in ("A", "B", "C"):
        last = world.sign(number=number)
        world.import_file(last)
    assert rows(world) == ([("C", "counting")], ["B", "A"])
    world.verifier.distrust(last)
    assert rows(world) == ([], ["C", "B", "A"])


def test_people_with_a_seat_are_found_also_where_no_licence_counts() -> None:
    world = World()
    world.agents("ann", "bob")
    file = world.sign(number="A", scope={"WFM": 1})
    world.import_file(file)
    assert beside(world) == []
    world.verifier.distrust(file)
    assert [(each.id, each.used, each.waiting) for each in beside(world)] == [("WFM", 1, 1)]


def beside(world: World) -> list[ApplicationUsage]:
    report, listed = of(world, NOON)
    return views.usages_beside(report, views.license_rows(report, listed, NOON)[0])


def test_an_import_is_shown_application_by_application_and_seat_by_seat() -> None:
    world = World()
    world.agents("ann", "bob")
    world.import_file(world.sign(scope={"WFM": 2}))
    smaller = world.sign(number="T-2", scope={"WFM": 1, "QM": None})
    result = preview_import(world.managed, smaller.file.encode(), lambda: NOON)
    compared = {each.before.id: (each.before.seats, each.after.seats) for each in views.compare(result)}
    assert compared == {"WFM": (2, 1), "QM": (0, None)}
    assert [each.claim.username for each in views.seat_changes(result)] == ["bob"]
    assert views.digest_replaced(result) != views.digest_replaced(replace(result, replaced=()))


def test_what_is_held_is_known_by_who_it_is_in_any_order() -> None:
    held = [HeldRelease(app, user, user, "no_role", NOON) for app, user in (("WFM", "a"), ("QM", "b"))]
    same = [replace(each, since=NOON + HOUR, reason="disabled") for each in reversed(held)]
    assert views.digest_held(held) == views.digest_held(same)
    other = replace(held[0], application="QM")
    assert len({views.digest_held(each) for each in (held, held[:1], [], [other, held[1]])}) == 4


# Members.

names = st.text("aAbBčČ.@", min_size=1, max_size=5)


@st.composite
def members(draw: st.DrawFn) -> list[Member]:
    """Some who have a seat, then some who wait."""
    seated, waiting = draw(st.integers(0, 60)), draw(st.integers(0, 60))
    return [
        Member(
            Claim(
                application="WFM",
                user_id=f"user-{number}",
                username=draw(names),
                email=draw(st.none() | names),
                created_at=None,
                claimed_at=NOON + draw(st.integers(0, 9)) * HOUR,
                is_seated=number < seated,
                seated_at=NOON if number < seated else None,
            ),
            None if number < seated else number - seated + 1,
            (),
        )
        for number in range(seated + waiting)
    ]


queries = st.builds(
    MemberQuery,
    search=st.just("") | names,
    state=st.sampled_from(["", "seated", "waiting"]),
    order=st.sampled_from(MemberOrder),
    is_descending=st.booleans(),
    page=st.integers(1, 12),
    size=st.sampled_from(PAGE_SIZES),
)


@given(everybody=members(), query=queries)
def test_all_pages_together_are_all_who_were_found(everybody: Sequence[Member], query: MemberQuery) -> None:
    pages = cut_page(everybody, query).pages
    shown = [cut_page(everybody, replace(query, page=page)) for page in range(1, pages + 1)]
    found = find_members(everybody, query)
    assert [member for page in shown for member in page.members] == found
    assert {page.found for page in shown} == {len(found)}
    assert all(len(page.members) == query.size for page in shown[:-1])
    assert [number for page in shown if page.members for number in range(page.first, page.last + 1)] == list(
        range(1, len(found) + 1)
    )


@given(everybody=members(), query=queries)
def test_a_page_beyond_the_end_is_the_last(everybody: Sequence[Member], query: MemberQuery) -> None:
    shown = cut_page(everybody, query)
    assert 1 <= shown.query.page <= shown.pages
    assert cut_page(everybody, replace(query, page=shown.pages + query.page)) == cut_page(
        everybody, replace(query, page=shown.pages)
    )
    assert replace(shown.query, page=query.page) == query


@given(everybody=members(), query=queries)
def test_who_is_found_is_who_fits_and_nobody_else(everybody: Sequence[Member], query: MemberQuery) -> None:
    found = {member.claim.user_id for member in find_members(everybody, query)}
    for member in everybody:
        claim = member.claim
        texts = [claim.username.casefold(), (claim.email or "").casefold()]
        fits = any(query.search.casefold() in text for text in texts)
        is_wanted = query.state in ("", "seated" if claim.is_seated else "waiting")
        assert (claim.user_id in found) == (fits and is_wanted)


@given(everybody=members(), query=queries)
def test_descending_is_the_same_the_other_way_round(everybody: Sequence[Member], query: MemberQuery) -> None:
    up, down = (find_members(everybody, replace(query, is_descending=each)) for each in (False, True))
    assert down == up[::-1]
    keys: Any = {
        MemberOrder.USER: [each.claim.username.casefold() for each in up],
        MemberOrder.EMAIL: [(each.claim.email or "").casefold() for each in up],
        MemberOrder.SINCE: [each.since for each in up],
        MemberOrder.STATE: [everybody.index(each) for each in up],
    }[query.order]
    assert keys == sorted(keys)


def test_of_nobody_there_is_one_page() -> None:
    page = cut_page([], MemberQuery(page=7))
    assert (page.pages, page.query.page, page.first, page.last, page.found) == (1, 1, 0, 0, 0)


# What stands in an address.

words = st.sampled_from(
    ["", "1", "2", "20", "50", "101", "0", "-1", "1e3", "²", "٣", "9" * 30, "user", "waiting", "descending"]
)


def asked(query: object) -> MemberQuery:
    text = query if isinstance(query, str) else urlencode(query)  # type: ignore[arg-type]
    return _member_query(Request({"type": "http", "query_string": text.encode()}))


@given(
    query=st.text(st.characters(max_codepoint=127))
    | st.lists(
        st.tuples(
            st.sampled_from(["search", "state", "sort", "direction", "page", "size"]), words | st.text()
        )
    )
)
def test_any_garbage_in_an_address_is_a_query(query: object) -> None:
    found = asked(query)
    assert found.state in {"", "seated", "waiting"}
    assert found.order in MemberOrder
    assert 1 <= found.page < 10**8
    assert found.size in PAGE_SIZES
    assert len(found.search) <= MAX_SEARCH
    assert cut_page([], found).found == 0


def test_what_is_said_in_an_address_counts() -> None:
    said = {"search": " ann ", "state": "waiting", "sort": "email", "direction": "descending"}
    assert asked(said | {"page": "3", "size": "50"}) == MemberQuery(
        "ann", "waiting", MemberOrder.EMAIL, True, 3, 50
    )
    assert asked("") == MemberQuery()
    assert asked({"search": "x" * 500}).search == "x" * MAX_SEARCH
    assert asked("page=2&page=x&size=7") == MemberQuery()


def test_since_is_when_the_seat_was_given_or_the_waiting_began() -> None:
    claim = Claim(
        "WFM", "a", "a", None, None, NOON, is_seated=True, seated_at=datetime(2026, 6, 1, tzinfo=UTC)
    )
    assert Member(claim, None, ()).since == claim.seated_at
    # Who lost his seat to a smaller licence keeps when he had it, but waits since he came.
    assert Member(replace(claim, is_seated=False), 1, ()).since == NOON
