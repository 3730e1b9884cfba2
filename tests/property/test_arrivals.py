"""First come, first served, by the clocks of several machines."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.realm import GrantTimes
from keycloak_license.plan.arrivals import date_arrivals
from tests.property.strategies import NOON, Situation, situations

instants = st.integers(-5, 5).map(lambda minutes: NOON + timedelta(minutes=minutes))
grant_times = st.builds(
    GrantTimes, st.dictionaries(st.sampled_from("abcdef"), instants, max_size=6), st.none() | instants
)


@given(situations(), grant_times, st.booleans())
def test_nobody_comes_before_a_claim_and_the_order_of_events_is_kept(
    situation: Situation, times: GrantTimes, is_first: bool
) -> None:
    claims = () if is_first else situation.claims
    arrivals = date_arrivals(claims, times, situation.now, is_first=is_first)

    everybody = [arrivals.of(each) for each in "abcdefgh"]
    latest = max((at for each in claims for at in (each.claimed_at, each.seated_at) if at), default=None)
    if latest is not None:
        assert min(everybody) > latest
    assert max(everybody) <= arrivals.now
    for one, other in zip(times.users, list(times.users)[1:], strict=False):
        told, kept = times.users[one], times.users[other]
        assert (told < kept) == (arrivals.of(one) < arrivals.of(other))
        assert (told == kept) == (arrivals.of(one) == arrivals.of(other))
    if is_first and times.users:
        assert arrivals.otherwise < min(arrivals.known.values())


@given(situations(), grant_times)
def test_as_far_as_clocks_allow_it_is_what_the_event_says(situation: Situation, times: GrantTimes) -> None:
    arrivals = date_arrivals((), times, situation.now)
    for user, told in times.users.items():
        if told <= situation.now:
            assert arrivals.of(user) == told
