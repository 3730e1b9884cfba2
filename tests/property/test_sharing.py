"""Every realm has one worker, the same for everybody, and changes hands only where it must."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.record import Worker
from keycloak_license.plan.sharing import keep_pace, worker_of

names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
realms = st.lists(names, min_size=1, max_size=8, unique=True)
crews = st.lists(names, min_size=1, max_size=6, unique=True)
REALMS = tuple(f"customer-{number}" for number in range(200))


def shares(realms: list[str] | tuple[str, ...], crew: list[str]) -> dict[str, str]:
    """Who takes which realm, where all are configured for all."""
    alive = [Worker(name, tuple(realms)) for name in crew]
    return {realm: worker.name for realm in realms if (worker := worker_of(realm, alive))}


@given(realms, crews, st.data())
def test_every_realm_has_one_worker_whoever_is_asked(
    realms: list[str], crew: list[str], data: st.DataObject
) -> None:
    told = shares(realms, crew)
    assert set(told) == set(realms)
    assert set(told.values()) <= set(crew)
    assert shares(realms, data.draw(st.permutations(crew))) == told


@given(realms, crews, st.data())
def test_who_leaves_moves_only_his_own_realms_and_who_joins_only_takes(
    realms: list[str], crew: list[str], data: st.DataObject
) -> None:
    leaving = data.draw(st.sampled_from(crew))
    before, after = shares(realms, crew), shares(realms, [name for name in crew if name != leaving])
    for realm in realms:
        if before[realm] != leaving:
            assert after[realm] == before[realm]
        else:
            # Seen the other way round, this is one who joins.
            assert after.get(realm) != leaving


@given(st.dictionaries(names, st.sets(st.sampled_from("abcd")), max_size=5))
def test_a_realm_goes_only_to_those_who_are_configured_for_it(crew: dict[str, set[str]]) -> None:
    alive = [Worker(name, tuple(sorted(served))) for name, served in crew.items()]
    for realm in "abcd":
        able = [worker for worker in alive if realm in worker.realms]
        taken = worker_of(realm, alive)
        assert taken == worker_of(realm, able)
        assert (taken in able) if able else taken is None


@given(st.lists(names, min_size=1, max_size=5, unique=True))
def test_the_shares_of_many_realms_are_about_even(crew: list[str]) -> None:
    counts = Counter(shares(REALMS, crew).values())
    even = len(REALMS) / len(crew)
    assert set(counts) == set(crew)
    # Six standard deviations of a fair draw: no choice of names comes here by chance.
    slack = 6 * (even * (1 - 1 / len(crew))) ** 0.5
    assert all(abs(count - even) <= slack for count in counts.values()), counts


@pytest.mark.parametrize(
    ("realm", "worker"), [("acme", "three"), ("beta", "one"), ("gamma", "two"), ("žluť", "one")]
)
def test_every_process_on_every_machine_finds_the_same(realm: str, worker: str) -> None:
    """Worked out with sha256sum: the greatest hash of worker, a zero byte and realm."""
    assert shares([realm], ["one", "two", "three"]) == {realm: worker}


seconds = st.integers(1, 86_400)


@given(seconds)
def test_signs_of_life_leave_room_for_some_that_are_lost_and_outlive_the_lease(interval: int) -> None:
    pace = keep_pace(timedelta(seconds=interval))
    assert pace.lease == timedelta(seconds=min(10, 2 * interval))
    assert pace.lease < pace.life
    assert pace.life / pace.beat >= 9
    assert pace.life + pace.beat <= 2.5 * timedelta(seconds=interval)
