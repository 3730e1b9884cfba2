"""Long lists: nothing lost, nothing twice, and always an end."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import ReadTimeoutError

from keycloak_license.errors import RequestTimeoutError, UnavailableError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import PAGE_SIZE, SMALLEST_PAGE
from tests.unit.keycloak_api.fake import Answer, Ask, FakeServer, Reply, connect, paged, reply
from tests.unit.keycloak_api.small_realm import user

PATH = "groups/g/members"


def users(count: int) -> list[dict[str, object]]:
    return [user(f"u{number}") for number in range(count)]


def ids_read(**access: Any) -> list[str]:
    pages = connect(**access).pages(PATH, wire.USERS, briefRepresentation="true")
    return [entry.id for page in pages for entry in page]


def ids_of(entries: list[dict[str, object]]) -> list[str]:
    return [str(entry["id"]) for entry in entries]


def windows(server: FakeServer) -> list[tuple[int, int]]:
    return [(int(ask.query["first"]), int(ask.query["max"])) for ask in server.asked(PATH)]


def slow_above(limit: int, answer: Answer, trouble: Exception) -> Callable[[Ask], Reply]:
    """Answer pages up to a size; larger ones take too long."""

    def answer_unless_large(ask: Ask) -> Reply:
        if int(ask.query["max"]) > limit:
            raise trouble
        assert callable(answer)
        return answer(ask)

    return answer_unless_large


def test_a_list_is_read_until_an_empty_page_with_the_parameters_on_every_page(server: FakeServer) -> None:
    everybody = users(PAGE_SIZE + 1)
    server.on_list(PATH, everybody)

    assert ids_read() == ids_of(everybody)
    assert windows(server) == [(0, PAGE_SIZE), (PAGE_SIZE, PAGE_SIZE), (2 * PAGE_SIZE, PAGE_SIZE)]
    assert {ask.query["briefRepresentation"] for ask in server.asks} == {"true"}


def test_an_empty_list_costs_one_request(server: FakeServer) -> None:
    server.on_list(PATH, [])

    assert ids_read() == []
    assert len(server.asks) == 1


def test_a_short_page_is_not_the_last_one(server: FakeServer) -> None:
    everybody = users(2 * PAGE_SIZE)
    filtered = everybody[:10] + everybody[PAGE_SIZE:]
    server.on("GET", PATH, reply(everybody[:10]), reply(everybody[PAGE_SIZE:]), reply([]))

    assert ids_read() == ids_of(filtered)


def test_a_page_longer_than_asked_is_taken_whole_and_nobody_counts_twice(server: FakeServer) -> None:
    everybody = users(PAGE_SIZE + 20)
    server.on("GET", PATH, reply(everybody), reply(everybody[PAGE_SIZE:]), reply([]))

    assert ids_read() == ids_of(everybody)


def test_an_endpoint_that_ignores_paging_ends_after_the_repetition(server: FakeServer) -> None:
    server.on("GET", PATH, reply(users(3)))

    assert ids_read() == ids_of(users(3))
    assert len(server.asks) == 2


def test_an_id_that_stands_on_two_pages_or_twice_on_one_is_told_once(server: FakeServer) -> None:
    ann, bob, eve = users(3)
    server.on("GET", PATH, reply([ann, bob, ann]), reply([bob, eve]), reply([]))

    assert ids_read() == ids_of([ann, bob, eve])


def test_a_page_that_takes_too_long_is_halved_and_reading_goes_on_from_there(server: FakeServer) -> None:
    everybody = users(3000)
    slow = slow_above(1250, paged(everybody), requests.exceptions.ReadTimeout())
    server.on("GET", PATH, slow)

    assert ids_read() == ids_of(everybody)
    first, second, third, *others = windows(server)
    assert (first, second, third) == ((0, 5000), (0, 2500), (0, 1250))
    # Two at a time, so that each of them may be the first.
    assert sorted(others) == [(1250, 1250), (2500, 1250), (3750, 1250)]


def test_a_time_out_in_the_middle_loses_nobody_and_repeats_nobody(server: FakeServer) -> None:
    everybody = users(2 * PAGE_SIZE + 7)
    cut = paged(everybody)
    server.on("GET", PATH, cut, requests.exceptions.ReadTimeout(), requests.exceptions.ReadTimeout(), cut)

    assert ids_read() == ids_of(everybody)
    first, *others = windows(server)
    assert first == (0, 5000)
    # Two at a time, so that each of them may be the first.
    assert set(others[:2]) == {(5000, 5000), (10000, 5000)}
    assert set(others[2:4]) == {(5000, 2500), (7500, 2500)}


def test_halving_stops_at_the_smallest_page_and_the_time_out_is_told(server: FakeServer) -> None:
    server.on("GET", PATH, requests.exceptions.ReadTimeout())

    with pytest.raises(RequestTimeoutError):
        ids_read()
    sizes = [size for _, size in windows(server)]
    assert sizes[:3] == [5000, 2500, 1250]
    assert sizes == sorted(set(sizes), reverse=True)
    assert len(sizes) <= 8


def test_no_page_is_smaller_than_the_smallest(server: FakeServer) -> None:
    server.on("GET", PATH, requests.exceptions.ReadTimeout())

    with pytest.raises(RequestTimeoutError):
        ids_read()
    assert min(size for _, size in windows(server)) == SMALLEST_PAGE


def test_a_page_whose_body_stalls_is_halved_too(server: FakeServer) -> None:
    # What requests raises when the time-out strikes after the first byte of the body.
    trouble = requests.ConnectionError(ReadTimeoutError(HTTPConnectionPool("x"), PATH, "Read timed out."))
    everybody = users(300)
    server.on("GET", PATH, slow_above(1250, paged(everybody), trouble))

    assert ids_read() == ids_of(everybody)


def test_a_gateway_that_gives_up_before_us_has_the_page_halved(server: FakeServer) -> None:
    everybody = users(300)
    cut = paged(everybody)
    assert callable(cut)
    server.on("GET", PATH, lambda ask: cut(ask) if int(ask.query["max"]) <= 1250 else reply({}, 504))

    assert ids_read() == ids_of(everybody)


def test_a_large_page_whose_json_is_cut_is_halved(server: FakeServer) -> None:
    # Keycloak 26 cuts a list short, with status 200, when its transaction takes longer than 300 s.
    everybody = users(300)
    cut = paged(everybody)
    assert callable(cut)

    def cut_when_large(ask: Ask) -> Reply:
        status, headers, body = cut(ask)
        return (status, headers, body if int(ask.query["max"]) <= 1250 else body[:200])

    server.on("GET", PATH, cut_when_large)

    assert ids_read() == ids_of(everybody)


def test_a_time_out_of_the_login_does_not_make_pages_smaller(server: FakeServer) -> None:
    server.on("POST", "login", requests.exceptions.ReadTimeout())
    server.on_list(PATH, users(3))

    with pytest.raises(UnavailableError):
        ids_read()
    assert len(server.logins) <= 4


def test_a_page_that_fails_after_others_raises_and_does_not_look_like_the_end(server: FakeServer) -> None:
    server.on("GET", PATH, reply(users(5)), reply({}, 500))
    pages = connect().pages(PATH, wire.USERS)

    assert len(next(pages)) == 5
    with pytest.raises(UnavailableError):
        next(pages)


@given(
    count=st.integers(0, 130),
    hidden=st.sets(st.integers(0, 129)),
    size_limit=st.integers(SMALLEST_PAGE, PAGE_SIZE),
)
def test_whatever_is_filtered_and_however_slow_everybody_is_read_once(
    count: int, hidden: set[int], size_limit: int
) -> None:
    """Hidden entries are filtered after the page was cut, as Keycloak does; each page keeps one."""
    step = 50
    visible = [user(f"u{n}") for n in range(count * step) if n % step == 0 or n // step not in hidden]
    by_place = {int(str(entry["username"])[1:]): entry for entry in visible}

    def answer(ask: Ask) -> Reply:
        first, size = int(ask.query["first"]), int(ask.query["max"])
        if size > size_limit:
            raise requests.exceptions.ReadTimeout
        return reply([by_place[n] for n in range(first, min(first + size, count * step)) if n in by_place])

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        server = FakeServer(mock)
        server.on("GET", PATH, answer)
        assert ids_read() == ids_of(visible)
