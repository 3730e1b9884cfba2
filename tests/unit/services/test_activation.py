"""Which licence is to be activated, and for whom."""

from datetime import date, timedelta

import pytest

from keycloak_license.errors import ConfigurationError
from keycloak_license.model.license import Activation, Reason
from keycloak_license.services.activation import find_inactive
from tests.unit.services.world import NOON, World

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ISSUED = date(2026, 4, 20)


def inactive_world() -> World:
    world = World()
    world.sync(NOON - HOUR)
    world.import_file(world.sign_commercial(activation=None, issued_on=ISSUED))
    return world


def here(world: World) -> Activation:
    return Activation(world.realm.attributes["license.installation_id"], world.realm.realm_id)


def why_none(world: World, at: timedelta = HOUR) -> str:
    with pytest.raises(ConfigurationError) as failure:
        find_inactive(world.managed, NOON + at)
    return str(failure.value)


def test_the_licence_in_its_grace_is_to_be_activated_for_this_installation() -> None:
    world = inactive_world()
    license_, activation = find_inactive(world.managed, NOON)

    assert (license_.number, license_.issue, license_.activation) == ("C-1", 1, None)
    assert activation == here(world)


def test_also_when_the_grace_is_over_or_has_not_begun() -> None:
    world = inactive_world()
    assert find_inactive(world.managed, NOON + 60 * DAY)[0].number == "C-1"

    later = World()
    later.import_file(later.sign_commercial(activation=None, issued_on=ISSUED, starts_on=date(2026, 6, 1)))
    assert find_inactive(later.managed, NOON)[0].number == "C-1"


def test_keycloak_is_not_asked() -> None:
    world = inactive_world()
    world.realm.is_unreachable = True

    assert find_inactive(world.managed, NOON)[0].number == "C-1"


def test_also_under_a_temporary_one() -> None:
    world = inactive_world()
    world.import_file(world.sign())

    assert find_inactive(world.managed, NOON)[0].number == "C-1"


def test_of_several_the_one_imported_last() -> None:
    world = inactive_world()
    for number, month in (("C-3", 6), ("C-2", 7)):
        world.import_file(
            world.sign_commercial(
                number=number, activation=None, issued_on=ISSUED, starts_on=date(2026, month, 1)
            )
        )

    assert find_inactive(world.managed, NOON)[0].number == "C-2"


def test_one_that_was_activated_elsewhere_is_to_be_activated_here() -> None:
    world = World()
    world.sync(NOON - HOUR)
    world.import_file(world.sign_commercial(activation=Activation("another", "realm-acme")))

    license_, activation = find_inactive(world.managed, NOON)
    assert license_.number == "C-1"
    assert activation == here(world)


def test_what_came_back_activated_counts_and_leaves_nothing_to_activate() -> None:
    world = inactive_world()
    license_, activation = find_inactive(world.managed, NOON)
    activated = world.sign_commercial(issued_on=ISSUED, issue=license_.issue, activation=activation)

    result = world.import_file(activated, NOON + HOUR)

    assert result.plan.report.standing.reason is Reason.ACTIVE
    assert why_none(world) == (
        "Realm acme has no licence that waits for activation: C-1 is activated already"
    )


def test_a_replaced_one_is_not_to_be_activated() -> None:
    world = inactive_world()
    world.import_file(world.sign_commercial(number="C-2"), NOON + HOUR)

    assert "C-2 is activated already" in why_none(world)


def test_one_that_cannot_be_verified_is_not_to_be_activated() -> None:
    world = inactive_world()
    license_, _ = find_inactive(world.managed, NOON)
    world.verifier.distrust(license_)

    # What it is cannot be said; that there is no other can.
    assert why_none(world).startswith("Realm acme has no licence")


def test_a_temporary_one_needs_no_activation() -> None:
    world = World()
    world.import_file(world.sign())

    assert why_none(world) == (
        "Realm acme has no licence that waits for activation: T-1 is temporary and needs no activation"
    )


def test_one_that_expired_before_it_was_activated_is_not_said_to_be_active() -> None:
    world = World()
    world.import_file(world.sign_commercial(activation=None, expires_on=date(2026, 4, 30)))
    words = why_none(world)

    assert "C-1" in words
    assert "activated already" not in words


def test_without_a_licence_it_is_told_what_comes_first() -> None:
    world = World()
    assert why_none(world) == "Realm acme has no licence yet: import the one you were sent"
    world.sync()
    assert why_none(world) == "Realm acme has no licence: import the one you were sent"
