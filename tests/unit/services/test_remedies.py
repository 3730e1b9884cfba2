"""What would have to change, in words and as `explain` tells it."""

from datetime import date, timedelta

import pytest

from keycloak_license.plan.remedies import Remedy, RemedyKind
from keycloak_license.services.overview import explain_user
from keycloak_license.services.remedies import describe_remedy
from tests.unit.services.world import NOON, World

HOUR = timedelta(hours=1)


def told(world: World, name: str, application: str = "WFM") -> list[str]:
    explained = explain_user(world.managed, name, NOON).applications
    [found] = [each for each in explained if each.application.id == application]
    return [describe_remedy(remedy) for remedy in found.remedies]


@pytest.mark.parametrize("kind", RemedyKind)
def test_every_kind_has_words_and_no_full_stop(kind: RemedyKind) -> None:
    words = describe_remedy(Remedy(kind, 2, ("role A",), ("role B",), ("role C",)))
    assert words
    assert not words.endswith(".")


def test_who_waits_is_told_how_many_seats_lack() -> None:
    world = World()
    world.import_file(world.sign(scope={"WFM": 1}), NOON - 9 * HOUR)
    for hours, name in ((4, "ann"), (3, "bob"), (2, "cyril"), (1, "dana")):
        world.agents(name)
        world.sync(NOON - hours * HOUR)
    assert told(world, "bob") == ["1 more seat in the licence, or 1 holder who gives theirs up"]
    assert told(world, "dana") == ["3 more seats in the licence, or 3 holders who give theirs up"]


def test_who_waits_for_what_is_not_licensed_needs_a_licence_that_names_it() -> None:
    world = World()
    world.import_file(world.sign(scope={"QM": 1}), NOON - HOUR)
    world.agents("ann")
    assert told(world, "ann") == ["Import a licence that names the application, with at least 1 seat"]


def test_a_holder_is_told_every_beginning_of_his_paths_and_what_everybody_has() -> None:
    world = World()
    world.import_file(world.sign(scope={"WFM": 9}), NOON - HOUR)
    (ann,) = world.agents("ann")
    staff = world.realm.create_group("STAFF")
    team = world.realm.create_group("TEAM", staff)
    lead, clerk = world.realm.create_role("lead", "wfm-app"), world.realm.create_role("clerk")
    for parent in (lead, clerk):
        world.realm.add_to_composite(parent, world.agent)
    world.realm.add_to_composite(world.realm.default_role, clerk)
    world.realm.grant_group(staff, world.agent)
    world.realm.join(ann, team)
    world.realm.grant(ann, lead)

    assert told(world, "ann") == [
        "To free the seat, leave group /STAFF/TEAM and take away role WFM_AGENT and take away "
        "role wfm-app/lead and take role clerk out of the default roles, which everybody has"
    ]
    assert explain_user(world.managed, "ann", NOON).default_role == "role default-roles-acme"


def test_where_access_has_ended_the_licence_comes_first() -> None:
    world = World()
    world.import_file(world.sign(scope={"WFM": 1}, expires_on=date(2026, 4, 30)), NOON - 48 * HOUR)
    world.agents("ann")
    world.sync(NOON - 40 * HOUR)
    assert told(world, "ann")[0] == "Import a renewed licence: access has ended for everybody"
    assert told(world, "ann")[1].startswith("To free the seat, take away role WFM_AGENT")


def test_without_any_licence_one_has_to_be_imported() -> None:
    world = World()
    world.agents("ann")
    assert told(world, "ann") == ["Import a licence that has begun: without one nobody has access"]


def test_who_needs_none_is_told_what_would_make_him_need_one() -> None:
    world = World()
    world.import_file(world.sign(scope={"WFM": 9}), NOON - HOUR)
    gone, _ = world.agents("gone", "eleveotrain")
    world.realm.set_enabled(gone, enabled=False)
    world.realm.grant(world.realm.create_service_account("robot"), world.agent)
    world.realm.create_user("dana")

    assert told(world, "gone") == ["Enable the account: while it is disabled, no seat is needed"]
    assert told(world, "eleveotrain")[0].startswith("Import a licence that does not exempt the user")
    assert told(world, "service-account-robot") == ["Nothing: the account of a service never needs a seat"]
    assert told(world, "dana") == ["Any of these makes the user need a seat: role WFM_*"]


def test_a_seat_that_is_kept_because_the_realm_was_not_read_completely_waits_for_the_next_read() -> None:
    world = World()
    world.import_file(world.sign(scope={"WFM": 9}), NOON - HOUR)
    world.agents("ann")
    world.sync(NOON - HOUR)
    world.realm.unreadable.add(world.agent)
    assert told(world, "ann") == [
        "What the user has is kept, although no path was seen: the next complete sync decides"
    ]


HELD = (
    "The release is held back, because so many at once may be a fault: confirm it with sync --force or on "
    "the screen, or it is carried out once it has lasted for guard.hold_hours"
)


def test_of_whom_the_guard_holds_it_is_told_what_ends_that_and_nothing_else() -> None:
    """Ten of thirty have a seat; then half of all lose their role, and one who had it is disabled."""
    world = World()
    ids = world.agents(*(f"user{number:02}" for number in range(30)))
    world.import_file(world.sign(scope={"WFM": 10}), NOON - HOUR)
    for user in ids[1:15]:
        world.realm.revoke(user, world.agent)
    world.realm.set_enabled(ids[0], enabled=False)

    assert told(world, "user00") == [HELD]
    assert told(world, "user01") == [HELD]
    assert told(world, "user10") == [HELD, "Any of these makes the user need a seat: role WFM_*"]
    assert told(world, "user15")[0].startswith("6 more seats in the licence")


def test_who_waits_and_was_not_seen_lacks_no_seat_as_far_as_anybody_knows() -> None:
    world = World()
    world.import_file(world.sign(scope={"WFM": 1}), NOON - HOUR)
    world.agents("ann", "bob")
    world.sync(NOON - HOUR)
    world.realm.unreadable.add(world.agent)
    assert told(world, "bob") == [
        "What the user has is kept, although no path was seen: the next complete sync decides"
    ]
