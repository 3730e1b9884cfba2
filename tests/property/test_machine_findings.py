"""What the state machine of `tests/machine` has found, each as short as it gets."""

from datetime import timedelta

from tests.unit.services.world import NOON, World

MINUTE = timedelta(minutes=1)


def test_importing_a_licence_that_only_the_realm_still_has_keeps_it_in_the_ledger() -> None:
    world = World()
    license_ = world.sign()
    world.import_file(license_)
    world.forget()

    world.import_file(license_, NOON + MINUTE)

    assert world.in_force() == [("T-1", 1)]


def test_importing_it_after_the_ledger_was_lost_brings_back_who_had_a_seat_and_who_waited() -> None:
    world = World()
    license_ = world.sign()
    world.agents("anna", "boris")
    world.import_file(license_)
    world.forget()

    world.import_file(license_, NOON + MINUTE)

    assert (world.seated(), world.waiting()) == (["anna"], ["boris"])
