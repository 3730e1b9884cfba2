"""Seats by example; the general rules are in `tests/property`."""

from datetime import timedelta

from keycloak_license.model.realm import User
from keycloak_license.model.seat import Allocation, Claim
from keycloak_license.plan.allocation import Terms, allocate, freeze, recover_claims
from tests.unit.plan.samples import NOON, coming


def users(*names: str, **created_at: int | None) -> dict[str, User]:
    return {name: User(name, name, True, f"{name}@example.org", created_at.get(name, 7)) for name in names}


def names(claims: tuple[Claim, ...]) -> list[str]:
    return [claim.user_id for claim in claims]


def after(*syncs: tuple[str, int | None]) -> Allocation:
    """Sync once an hour with these consumers (by letter) and this limit."""
    claims: tuple[Claim, ...] = ()
    for hour, (letters, limit) in enumerate(syncs):
        now = NOON + timedelta(hours=hour)
        allocation = allocate("WFM", users(*letters), claims, Terms(limit), coming(now))
        claims = (*allocation.seated, *allocation.waiting)
    return allocation


def test_first_come_first_served() -> None:
    allocation = after(("c", 2), ("bc", 2), ("abc", 2))

    assert names(allocation.seated) == ["c", "b"]
    assert names(allocation.waiting) == ["a"]


def test_of_those_who_come_at_once_the_older_account_is_first_then_the_id() -> None:
    consumers = users("a", "b", "c", "d", "e", a=9, b=3, c=None, d=3, e=0)
    allocation = allocate("WFM", consumers, (), Terms(2), coming(NOON))

    assert names(allocation.seated) == ["e", "b"]
    assert names(allocation.waiting) == ["d", "a", "c"]


def test_a_freed_seat_goes_to_the_first_in_the_queue() -> None:
    allocation = after(("a", 1), ("ac", 1), ("abc", 1), ("bc", 1))

    assert names(allocation.seated) == ["c"]
    assert allocation.seated[0].claimed_at == NOON + timedelta(hours=1)
    assert allocation.seated[0].seated_at == NOON + timedelta(hours=3)
    assert names(allocation.waiting) == ["b"]


def test_who_left_for_one_sync_only_stands_at_the_end() -> None:
    allocation = after(("ab", 1), ("b", 1), ("ab", 1))

    assert names(allocation.seated) == ["b"]
    assert names(allocation.waiting) == ["a"]
    assert allocation.waiting[0].claimed_at == NOON + timedelta(hours=2)
    assert allocation.waiting[0].seated_at is None


def test_the_newest_seats_go_first_and_come_back_first() -> None:
    came = [("a", 3), ("ab", 3), ("abc", 3), ("abcd", 3)]

    smaller = after(*came, ("abcd", 1))
    assert names(smaller.seated) == ["a"]
    assert names(smaller.waiting) == ["b", "c", "d"]

    larger = after(*came, ("abcd", 1), ("abcde", 2), ("abcde", 4))
    assert names(larger.seated) == ["a", "b", "c", "d"]
    assert larger.seated[1].seated_at == NOON + timedelta(hours=1)
    assert larger.seated[3].seated_at == NOON + timedelta(hours=6)
    assert names(larger.waiting) == ["e"]


def test_of_two_seats_given_at_once_the_one_who_waited_less_loses_his_first() -> None:
    # Boris' account is older, but Anna came first.
    both = users("anna", "boris", anna=9, boris=1)
    claims = allocate("WFM", {"anna": both["anna"]}, (), Terms(0), coming(NOON)).waiting
    for hour, limit in enumerate((0, 2, 1), start=1):
        allocation = allocate("WFM", both, claims, Terms(limit), coming(NOON + timedelta(hours=hour)))
        claims = (*allocation.seated, *allocation.waiting)

    assert names(allocation.seated) == ["anna"]


def test_at_the_limit_is_not_over_it() -> None:
    for limit, waiting in ((2, ["c"]), (3, []), (4, []), (None, []), (0, ["a", "b", "c"])):
        assert names(after(("abc", limit)).waiting) == waiting


def test_a_claim_carries_what_the_account_says() -> None:
    (claim,) = allocate("WFM", users("a"), (), Terms(0), coming(NOON)).waiting

    assert claim == Claim("WFM", "a", "a", "a@example.org", 7, NOON)


def test_frozen_claims_stay_as_they_are_whatever_the_limit() -> None:
    before = after(("ab", 2), ("abcd", 2), ("bcd", 1))
    claims = (*before.waiting, *before.seated)

    for limit in (0, 1, 9, None):
        assert freeze("WFM", claims, limit) == Allocation("WFM", limit, before.seated, before.waiting)


def test_a_queue_that_the_realm_kept_is_put_behind_everybody_else() -> None:
    consumers = users("a", "b", "c", "d", a=1, b=2, c=3, d=4)
    claims = recover_claims("WFM", consumers, {"license.WFM.queue": "b,a"}, (), NOON)
    allocation = allocate("WFM", consumers, claims, Terms(2), coming(NOON))

    assert names(allocation.seated) == ["c", "d"]
    assert names(allocation.waiting) == ["b", "a"]


def test_of_a_kept_queue_only_consumers_count_and_each_once() -> None:
    kept = {"license.WFM.queue": "gone,b,,b,a, b", "license.QM.queue": "c"}
    claims = recover_claims("WFM", users("a", "b", "c"), kept, (), NOON)

    assert [claim.user_id for claim in claims] == ["b", "a"]
    assert not any(claim.is_seated for claim in claims)
    assert recover_claims("WFM", users("a"), {}, (), NOON) == []


def test_who_has_the_role_of_a_seat_gets_it_back_before_everybody_else() -> None:
    consumers = users("a", "b", "c", "d", a=1, b=2, c=3, d=4)
    claims = recover_claims("WFM", consumers, {"license.WFM.queue": "d"}, {"c", "d", "gone"}, NOON)
    allocation = allocate("WFM", consumers, claims, Terms(2), coming(NOON))

    assert names(allocation.seated) == ["c", "d"]
    assert names(allocation.waiting) == ["a", "b"]
