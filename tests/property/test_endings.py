"""Nobody loses what he has without good reason: the rules of `plan.endings` and `plan.guard` on any plan.

The plans are of a realm in which people have come and gone, some of whom were read by themselves since.
"""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.changes import SeatReleased, WaitingEnded
from keycloak_license.model.realm import UserReading
from keycloak_license.model.report import SyncPlan
from keycloak_license.model.seat import Claim, Consent
from keycloak_license.plan.guard import Guard
from keycloak_license.plan.planner import SyncInputs, exempt_users, plan_sync
from tests.property.strategies import APPLICATIONS, NOON, ROLES, USER_IDS, at, people, subsets, sync_inputs
from tests.property.test_planner import carry_out, next_syncs

Ended = SeatReleased | WaitingEnded
DAY = timedelta(days=1)
doubts = st.sampled_from([None, None, None, "he was not read"])


@st.composite
def readings(draw: st.DrawFn) -> dict[str, UserReading]:
    """What some users are like by themselves, in any contradiction to the lists."""
    users = draw(people())
    return {
        user_id: UserReading(None, doubt=draw(doubts))
        if draw(st.integers(0, 3)) == 0
        else UserReading(
            users[user_id], frozenset(ROLES[role] for role in draw(subsets(tuple(ROLES)))), draw(doubts)
        )
        for user_id in draw(subsets(USER_IDS, max_size=6))
    }


@st.composite
def later_inputs(draw: st.DrawFn) -> SyncInputs:
    """The second or third sync of a realm."""
    inputs = draw(sync_inputs())
    for _ in range(draw(st.integers(1, 2))):
        inputs = draw(next_syncs(carry_out(inputs, plan_sync(inputs))))
    return replace(inputs, readings=draw(readings()))


@st.composite
def departures(draw: st.DrawFn) -> SyncInputs:
    """A sync at which more people seem gone than the guard believes."""
    inputs, users = draw(sync_inputs()), draw(people())
    claims = [
        Claim(application.id, user_id, users[user_id].username, None, None, NOON - DAY)
        for application in APPLICATIONS
        for user_id in sorted(draw(subsets(USER_IDS, max_size=9)))
    ]
    seated = draw(st.lists(st.booleans(), min_size=len(claims), max_size=len(claims)))
    return replace(
        inputs,
        snapshot=replace(inputs.snapshot, gaps=()),
        claims=tuple(
            replace(claim, is_seated=is_seated, seated_at=NOON - DAY if is_seated else None)
            for claim, is_seated in zip(claims, seated, strict=True)
        ),
        guard=draw(st.sampled_from([Guard(0, 0), Guard(0, 1), Guard(10, 2)])),
        readings=draw(readings()),
    )


syncs = later_inputs() | departures()


def ended(plan: SyncPlan) -> list[Ended]:
    return [change for change in plan.changes if isinstance(change, Ended)]


@given(inputs=syncs)
def test_a_claim_ends_only_when_all_that_is_known_of_its_user_speaks_for_it(inputs: SyncInputs) -> None:
    snapshot = inputs.snapshot
    for change in ended(plan_sync(inputs)):
        claim = change.claim
        assert not snapshot.gaps
        if change.reason == "exempt":
            exempt = {name.lower() for name in exempt_users(inputs.standing)}
            assert claim.username.lower() in exempt or claim.user_id in snapshot.service_accounts
            continue
        reading = inputs.readings.get(claim.user_id)
        assert reading is None or reading.doubt is None
        accounts = [snapshot.users[claim.user_id], *([reading.user] if reading and reading.user else [])]
        homes = {claim.provider_id, *(account.provider_id for account in accounts)}
        assert homes.isdisjoint(snapshot.silent_providers)
        match reading:
            case UserReading(user=None):
                assert change.reason == "deleted"
            case UserReading(user=user, roles=roles) if user:
                (application,) = (each for each in APPLICATIONS if each.id == claim.application)
                assert not (user.enabled and any(application.counts(role) for role in roles))
                assert change.reason == ("no_role" if user.enabled else "disabled")


@given(inputs=syncs)
def test_who_has_not_been_read_by_himself_is_named_for_each_claim_that_ends_or_is_newly_held(
    inputs: SyncInputs,
) -> None:
    plan = plan_sync(inputs)
    ending = [change.claim.user_id for change in ended(plan) if change.reason != "exempt"]
    known = {(each.application, each.user_id) for each in inputs.held}
    held = [each for each in plan.report.held if not inputs.snapshot.gaps]
    newly_held = [each.user_id for each in held if (each.application, each.user_id) not in known]
    unread = {user_id for user_id in (*ending, *newly_held) if user_id not in inputs.readings}

    assert set(plan.unconfirmed) >= unread
    exempt = {change.claim.user_id for change in ended(plan) if change.reason == "exempt"}
    assert set(plan.unconfirmed) - exempt == unread - exempt


@given(inputs=syncs)
def test_no_more_seats_are_released_than_the_guard_lets_pass(inputs: SyncInputs) -> None:
    plan, guard = plan_sync(inputs), inputs.guard
    old = {(each.application, each.user_id) for each in inputs.held if inputs.now - each.since >= guard.hold}
    for application in APPLICATIONS:
        seats = sum(claim.is_seated for claim in inputs.claims if claim.application == application.id)
        released = [
            change
            for change in ended(plan)
            if isinstance(change, SeatReleased)
            and change.claim.application == application.id
            and change.reason != "exempt"
            and (application.id, change.claim.user_id) not in old
        ]
        if not inputs.consent.to_all and len(released) > guard.max_release_seats:
            assert len(released) * 100 <= guard.max_release_percent * seats


@given(inputs=syncs)
def test_what_is_held_is_not_lost_and_what_is_confirmed_or_old_is_not_held(inputs: SyncInputs) -> None:
    plan = plan_sync(inputs)
    claims = {(claim.application, claim.user_id) for claim in inputs.claims}
    lost = {(change.claim.application, change.claim.user_id) for change in ended(plan)}
    earlier = {(each.application, each.user_id): each.since for each in inputs.held}

    for held in plan.report.held:
        key = held.application, held.user_id
        assert key in claims - lost
        assert held.since == earlier.get(key, inputs.now)
        if not inputs.snapshot.gaps:
            assert not inputs.consent.to_all
            assert inputs.now - held.since < inputs.guard.hold
    if inputs.snapshot.gaps:
        assert set(plan.report.held) <= set(inputs.held)
    later = at(carry_out(inputs, plan), inputs.now + timedelta(minutes=5))
    since = {(each.application, each.user_id): each.since for each in plan.report.held}
    for held in plan_sync(later).report.held:
        assert held.since == since.get((held.application, held.user_id), later.now)


@given(inputs=syncs)
def test_once_confirmed_nothing_stays_held_and_a_second_confirmation_finds_nothing(
    inputs: SyncInputs,
) -> None:
    forced = replace(inputs, consent=Consent(to_all=True))
    done = carry_out(forced, plan_sync(forced))

    assert done.held == () or inputs.snapshot.gaps
    assert plan_sync(at(done, done.now + timedelta(minutes=5))).changes == ()


@given(inputs=departures(), data=st.data())
def test_exactly_the_confirmed_ones_of_the_held_end_and_a_second_confirmation_finds_nothing(
    inputs: SyncInputs, data: st.DataObject
) -> None:
    first = plan_sync(inputs)
    held = {(each.application, each.user_id): each for each in first.report.held}
    confirmed = data.draw(st.sets(st.sampled_from(sorted(held)))) if held else set[tuple[str, str]]()
    # As the screen does it: what is confirmed was held at an earlier sync.
    chosen = replace(carry_out(inputs, first), consent=Consent(releases=frozenset(confirmed)))
    plan = plan_sync(chosen)

    left = {(each.application, each.user_id): each for each in plan.report.held}
    assert left == {key: each for key, each in held.items() if key not in confirmed}
    assert {(each.claim.application, each.claim.user_id) for each in ended(plan)} == confirmed
    done = carry_out(chosen, plan)
    assert plan_sync(at(done, done.now + timedelta(minutes=5))).changes == ()
