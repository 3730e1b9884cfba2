"""What long use brings: smaller and larger licences, trouble with them, and things that get lost.

Whole syncs in memory: people come and go, and everything goes through the use cases. Each history is
followed by the one thing that the test is about.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.license import Activation, License
from keycloak_license.model.seat import Claim
from keycloak_license.services.overview import list_members
from tests.unit.services.world import NOON, World, told

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAMES = [f"user-{letter}" for letter in "abcdefgh"]

# Each step is what happens between two syncs: who gets, loses, regains which role or is disabled.
moves = st.tuples(st.sampled_from(["WFM", "QM", "gone", "off", "on"]), st.sampled_from(NAMES))
histories = st.lists(st.lists(moves, max_size=4), max_size=5)
limits = st.none() | st.integers(0, 5)
scopes = st.fixed_dictionaries({"WFM": limits, "QM": limits})


def move(world: World, what: str, name: str) -> None:
    user = world.realm.find_user(name)
    assert user is not None
    match what:
        case "WFM":
            world.realm.grant(user.id, world.agent)
        case "QM":
            world.realm.grant(user.id, world.reviewer)
        case "gone":
            world.realm.revoke(user.id, world.agent)
            world.realm.revoke(user.id, world.reviewer)
        case _:
            world.realm.set_enabled(user.id, enabled=what == "on")


def play(
    history: list[list[tuple[str, str]]], sign: Callable[[World], License]
) -> tuple[World, License, datetime]:
    """Import a licence at noon, sync hourly through a history; return the time of the last sync."""
    world = World()
    # Accounts are not made in the order of their names.
    for name in (*NAMES[4:], *NAMES[:4]):
        world.realm.create_user(name)
    world.sync(NOON - HOUR)
    license_ = sign(world)
    world.import_file(license_, NOON)
    now = NOON
    for changes in history:
        now += HOUR
        for what, name in changes:
            move(world, what, name)
        world.sync(now)
    return world, license_, now


def claims(world: World) -> tuple[Claim, ...]:
    return world.ledger.load("acme").claims


def members(world: World, application: str, now: datetime) -> tuple[list[str], list[str]]:
    """Who is seated and who waits, each in order."""
    _, found = list_members(world.managed, application, now)
    seated = [member.claim.user_id for member in found if member.claim.is_seated]
    return seated, [member.claim.user_id for member in found[len(seated) :]]


def holders(world: World) -> set[tuple[str, str]]:
    return {(claim.application, claim.user_id) for claim in claims(world) if claim.is_seated}


# --- trouble with the licence

Trouble = tuple[
    Callable[[World, Mapping[str, int | None]], License],
    Callable[[World, License, datetime], datetime],
    Callable[[World, License, datetime], object],
]


def activated(world: World, scope: Mapping[str, int | None]) -> License:
    return world.sign_commercial(scope=scope)


def inactive(world: World, scope: Mapping[str, int | None]) -> License:
    return world.sign_commercial(scope=scope, activation=None, issued_on=date(2026, 4, 20))


def much_later(_: World, __: License, now: datetime) -> datetime:
    return now + 400 * DAY


def renew(world: World, license_: License, now: datetime) -> None:
    renewal = world.sign_commercial(number="C-2", scope=license_.scope, expires_on=date(2030, 1, 1))
    world.import_file(renewal, now)


def activate(world: World, license_: License, now: datetime) -> None:
    here = Activation(world.ledger.load("acme").installation_id or "", world.realm.realm_id)
    world.import_file(world.verifier.sign(replace(license_, activation=here)), now)


def distrust(world: World, license_: License, now: datetime) -> datetime:
    world.verifier.distrust(license_)
    return now


def trust(world: World, license_: License, _: datetime) -> None:
    world.trust(license_)


def expire_early(world: World, license_: License, now: datetime) -> datetime:
    world.import_file(
        world.sign_commercial(number="C-0", scope=license_.scope, expires_on=date(2026, 1, 31)), now
    )
    return now


def dispute(world: World, _: License, now: datetime) -> datetime:
    world.realm.set_attributes({"license.installation_id": "another"})
    return now


def settle(world: World, _: License, __: datetime) -> None:
    del world.realm.attributes["license.installation_id"]


def clone(world: World, _: License, now: datetime) -> datetime:
    world.realm.realm_id = "cloned"
    return now


def come_home(world: World, _: License, __: datetime) -> None:
    world.realm.realm_id = "realm-acme"


TROUBLES: Mapping[str, Trouble] = {
    "expired": (activated, much_later, renew),
    "grace over": (inactive, lambda _, __, now: now + 40 * DAY, activate),
    "no licence": (activated, distrust, trust),
    "an expired licence": (activated, expire_early, renew),
    "disputed": (activated, dispute, settle),
    "another realm": (activated, clone, come_home),
}
troubles = pytest.mark.parametrize("trouble", TROUBLES)


@troubles
@given(history=histories, scope=scopes, syncs=st.integers(1, 3))
def test_trouble_with_the_licence_takes_no_seat_and_its_end_finds_everything_as_it_was(
    trouble: str, history: list[list[tuple[str, str]]], scope: Mapping[str, int | None], syncs: int
) -> None:
    sign, begin, end = TROUBLES[trouble]
    world, license_, now = play(history, lambda world: sign(world, scope))
    before = claims(world)

    now = begin(world, license_, now + HOUR)
    for hour in range(syncs):
        report = world.sync(now + hour * HOUR)
        assert report.realm.standing.access == "blocked"
        assert told(report.changes) == []
        assert claims(world) == before

    end(world, license_, now + 5 * HOUR)
    report = world.sync(now + 6 * HOUR)
    assert report.realm.standing.access == "granted"
    assert claims(world) == before


@troubles
@given(history=histories, meanwhile=histories, scope=scopes)
def test_who_held_a_seat_all_along_holds_it_after_the_trouble_whoever_came_and_went(
    trouble: str,
    history: list[list[tuple[str, str]]],
    meanwhile: list[list[tuple[str, str]]],
    scope: Mapping[str, int | None],
) -> None:
    sign, begin, end = TROUBLES[trouble]
    world, license_, now = play(history, lambda world: sign(world, scope))
    before = holders(world)
    left = {
        user.id
        for changes in meanwhile
        for what, name in changes
        if what in {"gone", "off"} and (user := world.realm.find_user(name)) is not None
    }

    now = begin(world, license_, now + HOUR)
    for changes in meanwhile:
        for what, name in changes:
            move(world, what, name)
        world.sync(now)
        now += HOUR
    end(world, license_, now)
    world.sync(now + HOUR)

    after = holders(world)
    assert {(application, user) for application, user in before if user not in left} <= after
    for application, limit in scope.items():
        assert limit is None or sum(each == application for each, _ in after) <= limit


def test_without_a_licence_nobody_is_exempt_who_was_not_before() -> None:
    """Whom a licence exempts is only known while there is one."""
    world = World()
    world.agents("eleveo.admin", "anna")
    license_ = world.sign(scope={"WFM": 2}, exempt_users=())
    world.import_file(license_)
    before = claims(world)
    assert world.seated() == ["eleveo.admin", "anna"]

    world.verifier.distrust(license_)
    world.sync(NOON + HOUR)
    world.trust(license_)
    world.sync(NOON + 2 * HOUR)

    assert claims(world) == before


# --- another number of seats


@given(history=histories, scope=scopes, other=st.integers(0, 5))
def test_a_smaller_licence_takes_the_newest_seats_and_the_old_one_gives_them_back(
    history: list[list[tuple[str, str]]], scope: Mapping[str, int | None], other: int
) -> None:
    world, license_, now = play(history, lambda world: activated(world, scope))
    seated, waiting = members(world, "WFM", now)
    before = claims(world)
    is_smaller = scope["WFM"] is None or other < scope["WFM"]
    limit = other if is_smaller else scope["WFM"]

    world.import_file(world.sign_commercial(number="C-2", scope={**scope, "WFM": limit}), now + HOUR)
    assert members(world, "WFM", now + HOUR) == (seated[:limit], seated[limit:] + waiting)
    assert members(world, "QM", now + HOUR) == members(world, "QM", now)

    world.import_file(world.sign_commercial(number="C-3", scope=license_.scope), now + 2 * HOUR)
    assert claims(world) == before


@given(history=histories, scope=scopes)
def test_a_licence_that_drops_an_application_ends_its_seats_and_no_others(
    history: list[list[tuple[str, str]]], scope: Mapping[str, int | None]
) -> None:
    world, license_, now = play(history, lambda world: activated(world, scope))
    seated, waiting = members(world, "QM", now)
    before = claims(world)

    dropped = world.sign_commercial(number="C-2", scope={"WFM": scope["WFM"]})
    result = world.import_file(dropped, now + HOUR)

    assert sorted(told(result.plan.changes)) == sorted(
        ("seat_released", claim.username, "not_licensed")
        for claim in before
        if claim.application == "QM" and claim.is_seated
    )
    assert members(world, "QM", now + HOUR) == ([], seated + waiting)
    assert [claim for claim in claims(world) if claim.application == "WFM"] == [
        claim for claim in before if claim.application == "WFM"
    ]
    world.import_file(world.sign_commercial(number="C-3", scope=license_.scope), now + 2 * HOUR)
    assert claims(world) == before


# --- things that get lost


@given(history=histories, scope=scopes)
def test_after_the_ledger_was_deleted_the_same_people_hold_the_same_seats_and_wait_in_the_same_order(
    history: list[list[tuple[str, str]]], scope: Mapping[str, int | None]
) -> None:
    world, license_, now = play(history, lambda world: activated(world, scope))
    before = {application: members(world, application, now) for application in scope}
    published = dict(world.realm.attributes)

    world.forget()
    report = world.sync(now + HOUR).realm

    assert report.standing.license == license_
    assert report.standing.is_granted
    for application, (seated, waiting) in before.items():
        seated_now, waiting_now = members(world, application, now + HOUR)
        assert sorted(seated_now) == sorted(seated)
        # Where nobody is seated the queue is not published, and goes by the age of the accounts.
        assert waiting_now == waiting if seated else sorted(waiting_now) == sorted(waiting)
    assert world.realm.attributes == published
    assert world.sync(now + 2 * HOUR).changes == ()


@given(history=histories, scope=scopes, data=st.data())
def test_attributes_that_were_lost_are_back_at_the_next_sync(
    history: list[list[tuple[str, str]]], scope: Mapping[str, int | None], data: st.DataObject
) -> None:
    world, _, now = play(history, lambda world: activated(world, scope))
    published, before = dict(world.realm.attributes), claims(world)
    lost = data.draw(st.sets(st.sampled_from(sorted(published))))
    for name in lost:
        del world.realm.attributes[name]

    report = world.sync(now + HOUR)

    # Empty is as good as none, and what is not ours is not ours to bring back.
    owned = {name: value for name, value in published.items() if value and name != "cibaInterval"}
    assert owned.items() <= world.realm.attributes.items()
    assert world.realm.attributes.items() <= published.items()
    assert told(report.changes) == []
    assert claims(world) == before
    assert world.sync(now + 2 * HOUR).changes == ()
