"""First come, first served: what must hold whoever comes, goes, and whatever the licence does."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.seat import Allocation, Claim
from keycloak_license.plan.allocation import Terms, allocate, in_order
from tests.property.strategies import CONSUMER_IDS, NOON, Situation, everybody, seats, situations, subsets

usual = st.builds(Terms, limit=seats)
incomplete = st.builds(Terms, limit=seats, may_displace=st.just(value=False), kept=st.just(everybody))
blocked = st.builds(Terms, limit=seats, may_displace=st.just(value=False))
kept_some = st.builds(Terms, limit=seats, kept=subsets(CONSUMER_IDS, max_size=10))


def run(situation: Situation) -> Allocation:
    return allocate("WFM", situation.consumers, situation.claims, situation.terms, situation.now)


def run_with(situation: Situation, limit: int | None) -> Allocation:
    return run(replace(situation, terms=replace(situation.terms, limit=limit)))


def with_seats_in_order(allocation: Allocation) -> Allocation:
    return replace(allocation, seated=tuple(in_order(allocation.seated)))


def settle(situation: Situation, limit: int | None) -> tuple[Allocation, Situation]:
    """Allocate, and return what the next sync finds when nothing changes in between."""
    allocation = with_seats_in_order(run_with(situation, limit))
    return allocation, replace(situation, claims=(*allocation.seated, *allocation.waiting))


def queue_place(claim: Claim) -> tuple[object, ...]:
    """The rule in words: who lost a seat first, by age of the seat; then by claim, account and id."""
    had_seat = claim.seated_at is not None
    created = (1, 0) if claim.created_at is None else (0, claim.created_at)
    since = claim.seated_at if claim.seated_at is not None else claim.claimed_at
    return (0 if had_seat else 1, since, claim.claimed_at, created, claim.user_id)


def ids(claims: tuple[Claim, ...]) -> list[str]:
    return [claim.user_id for claim in claims]


@given(situations(usual))
def test_never_more_seats_than_the_limit(situation: Situation) -> None:
    allocation = run(situation)

    assert allocation.limit is None or len(allocation.seated) <= allocation.limit


@given(situations())
def test_the_limit_is_only_exceeded_by_those_who_had_a_seat(situation: Situation) -> None:
    allocation = run(situation)
    had_seat = {claim.user_id for claim in situation.claims if claim.is_seated}

    if allocation.limit is not None and len(allocation.seated) > allocation.limit:
        assert set(ids(allocation.seated)) <= had_seat


@given(situations(usual))
def test_everybody_who_consumes_is_there_once_and_nobody_else(situation: Situation) -> None:
    allocation = run(situation)
    everybody = ids((*allocation.seated, *allocation.waiting))

    assert sorted(everybody) == sorted(situation.consumers)
    assert all(claim.is_seated and claim.seated_at for claim in allocation.seated)
    assert not any(claim.is_seated for claim in allocation.waiting)


@given(situations())
def test_a_holder_who_consumes_keeps_the_seat_while_the_limit_stands(situation: Situation) -> None:
    holders = [claim for claim in situation.claims if claim.is_seated]
    stays = situation.consumers.keys() | situation.terms.kept
    staying = [claim for claim in holders if claim.user_id in stays]
    limit = situation.terms.limit

    if limit is None or len(staying) <= limit:
        seated = run(situation).seated
        assert all(claim in seated for claim in staying)


@given(situations())
def test_no_consumer_waits_while_a_seat_is_free(situation: Situation) -> None:
    allocation = run(situation)

    if allocation.limit is None or len(allocation.seated) < allocation.limit:
        assert situation.consumers.keys().isdisjoint(claim.user_id for claim in allocation.waiting)


@given(situations())
def test_free_seats_go_in_the_order_of_the_queue(situation: Situation) -> None:
    allocation = run(situation)
    had_seat = {claim.user_id for claim in situation.claims if claim.is_seated}
    granted = [claim for claim in allocation.seated if claim.user_id not in had_seat]
    known = {claim.user_id: claim for claim in situation.claims}
    # As they stood in the queue before the seat was theirs.
    places = [
        queue_place(known.get(claim.user_id) or replace(claim, is_seated=False, seated_at=None))
        for claim in granted
    ]
    waiting = [queue_place(claim) for claim in allocation.waiting]
    seen = [queue_place(claim) for claim in allocation.waiting if claim.user_id in situation.consumers]

    assert waiting == sorted(waiting)
    assert places == sorted(places)
    assert all(place < first for place in places for first in seen[:1])


@given(situations())
def test_a_newcomer_never_overtakes_one_who_waited(situation: Situation) -> None:
    waited = {claim.user_id for claim in situation.claims if not claim.is_seated}
    known = {claim.user_id for claim in situation.claims}
    later = replace(situation, now=situation.now.replace(year=2027))
    allocation = run(later)

    if any(claim.user_id not in known for claim in allocation.seated):
        passed_over = {claim.user_id for claim in allocation.waiting if claim.user_id in waited}
        assert situation.consumers.keys().isdisjoint(passed_over)


@given(situations(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_is_irrelevant(situation: Situation, random: Random) -> None:
    claims = list(situation.claims)
    consumers = list(situation.consumers.items())
    random.shuffle(claims)
    random.shuffle(consumers)

    shuffled = run(replace(situation, claims=tuple(claims), consumers=dict(consumers)))
    assert with_seats_in_order(shuffled) == with_seats_in_order(run(situation))


@given(situations(), st.randoms(use_true_random=False))
def test_the_order_is_that_of_the_rule(situation: Situation, random: Random) -> None:
    claims = list(situation.claims)
    random.shuffle(claims)

    assert in_order(claims) == sorted(claims, key=queue_place)


@given(situations())
def test_a_second_sync_changes_nothing(situation: Situation) -> None:
    allocation = run(situation)
    claims = (*allocation.seated, *allocation.waiting)

    assert run(replace(situation, claims=claims, now=situation.now.replace(year=2027))) == allocation


@given(situations(usual), st.integers(0, 6), st.integers(0, 6))
def test_a_smaller_limit_takes_the_newest_seats_and_a_larger_one_gives_them_back(
    situation: Situation, limit: int, cut: int
) -> None:
    before, situation = settle(situation, limit)
    smaller, situation = settle(situation, max(0, limit - cut))
    kept = before.seated[: max(0, limit - cut)]
    lost = before.seated[len(kept) :]

    assert smaller.seated == kept
    assert ids(smaller.waiting) == [*ids(lost), *ids(before.waiting)]
    assert all(queue_place(claim) < queue_place(other) for claim in kept for other in lost)

    restored, _ = settle(situation, limit)
    assert restored == before


@given(situations(usual), st.integers(0, 6))
def test_losing_everything_and_getting_it_back_in_steps_restores_the_same_people(
    situation: Situation, limit: int
) -> None:
    before, situation = settle(situation, limit)
    _, situation = settle(situation, 0)
    for step in range(limit + 1):
        allocation, situation = settle(situation, step)
        assert allocation.seated == before.seated[:step]


@given(situations(incomplete))
def test_an_incomplete_read_takes_no_seat_and_no_place_from_anybody(situation: Situation) -> None:
    allocation = run(situation)

    for claim in situation.claims:
        if claim.is_seated:
            assert claim in allocation.seated
        else:
            assert claim.user_id in ids((*allocation.seated, *allocation.waiting))


@given(situations(kept_some))
def test_who_is_kept_without_being_seen_loses_nothing_but_to_a_smaller_limit_and_gains_nothing(
    situation: Situation,
) -> None:
    allocation = run(situation)

    for claim in situation.claims:
        if claim.user_id in situation.consumers:
            continue
        is_kept = claim.user_id in situation.terms.kept
        if not claim.is_seated:
            assert (claim in allocation.waiting) == is_kept
            assert claim.user_id not in {each.user_id for each in allocation.seated}
        elif not situation.terms.may_displace:
            assert (claim in allocation.seated) == is_kept


@given(situations(blocked))
def test_blocked_access_takes_no_seat_from_anybody_who_consumes(situation: Situation) -> None:
    allocation = run(situation)

    for claim in situation.claims:
        if claim.is_seated and claim.user_id in situation.consumers:
            assert claim in allocation.seated


@given(situations(blocked), seats)
def test_a_renewal_after_blocked_access_finds_the_same_people(
    situation: Situation, limit: int | None
) -> None:
    before, situation = settle(situation, limit)
    ended = Terms(limit=0, may_displace=False)
    allocation = allocate("WFM", situation.consumers, situation.claims, ended, situation.now)
    claims = (*allocation.seated, *allocation.waiting)

    renewed = run(replace(situation, claims=claims, terms=Terms(limit=limit)))
    assert renewed == run(replace(situation, terms=Terms(limit=limit)))
    if limit is None or len(before.seated) <= limit:
        assert renewed == before


@given(situations(usual))
def test_unlimited_seats_everybody(situation: Situation) -> None:
    allocation = run_with(situation, None)

    assert allocation.waiting == ()
    assert set(ids(allocation.seated)) == set(situation.consumers)


@given(situations(usual))
def test_no_seats_seats_nobody(situation: Situation) -> None:
    assert run_with(situation, 0).seated == ()


@given(situations(usual), st.integers(0, 10))
def test_one_seat_more_seats_exactly_one_more(situation: Situation, limit: int) -> None:
    fewer, more = run_with(situation, limit), run_with(situation, limit + 1)

    assert len(more.seated) == min(len(situation.consumers), limit + 1)
    assert set(ids(fewer.seated)) <= set(ids(more.seated))


@given(situations(usual))
def test_who_comes_back_stands_at_the_end_of_the_queue(situation: Situation) -> None:
    before, situation = settle(situation, 1)
    if not before.seated:
        return
    leaver = before.seated[0].user_id
    rest = {user_id: user for user_id, user in situation.consumers.items() if user_id != leaver}
    away, _ = settle(replace(situation, consumers=rest), 1)
    back = replace(
        situation,
        claims=(*away.seated, *away.waiting),
        now=NOON.replace(year=2027),
    )
    after = run_with(back, 1)

    if rest:
        assert ids(after.seated) == ids(away.seated)
        assert ids(after.waiting)[-1] == leaver
    else:
        assert ids(after.seated) == [leaver]
