"""What the state machine of `tests/machine` has found, each as short as it gets.

Those that are marked are not mended; the machine passes over them where it says FINDING.
"""

from contextlib import suppress
from copy import deepcopy
from datetime import date, timedelta

import pytest

from keycloak_license.errors import IncompleteSyncError
from tests.machine.realm import LyingRealm
from tests.unit.services.world import NOON, World

MINUTE = timedelta(minutes=1)

open_finding = pytest.mark.xfail(strict=True, reason="found, and not mended yet", raises=AssertionError)


def test_importing_a_licence_that_only_the_realm_still_has_keeps_it_in_the_ledger() -> None:
    world = World()
    license_ = world.sign()
    world.import_file(license_)
    world.forget()

    world.import_file(license_, NOON + MINUTE)

    assert world.in_force() == [("T-1", 1)]


@open_finding
def test_after_an_import_nothing_is_left_to_do_where_the_realm_showed_an_older_file() -> None:
    """Finding 2: the ledger was restored from a backup that does not know a licence of the realm."""
    world = World()
    world.import_file(world.sign())
    backup = world.ledger
    world.forget()
    world.sync(NOON + MINUTE)
    world.import_file(world.sign_commercial(), NOON + MINUTE)
    world.ledger = backup
    world.sync(NOON + 2 * MINUTE)

    world.import_file(world.sign_commercial(issue=2), NOON + 3 * MINUTE)

    assert world.sync(NOON + 4 * MINUTE).changes == ()


def test_a_file_whose_key_is_missing_outlives_the_loss_of_the_ledger_for_more_than_one_sync() -> None:
    """Finding 3: it is kept by the first sync, and thrown away by the second."""
    world = World()
    license_ = world.sign()
    world.import_file(license_)
    later = {"starts_on": date(2026, 6, 1), "expires_on": date(2027, 6, 1)}
    world.import_file(world.sign_commercial(**later), NOON + MINUTE)
    world.verifier.distrust(license_)
    world.sync(NOON + 2 * MINUTE)
    assert world.realm.attributes["license.file"] == license_.file

    world.forget()
    for minute in (3, 4):
        world.sync(NOON + minute * MINUTE)

    shown = "\n".join(world.realm.attributes.values())
    assert license_.file in shown, "the only copy of a licence is gone"


def test_a_lost_ledger_gives_away_no_seat_of_somebody_whose_federation_is_disabled() -> None:
    """Finding 4: the realm tells of a holder who is none of those that can be seen."""
    world = World()
    world.import_file(world.sign())
    world.realm.grant(world.realm.create_user("anna", provider="ldap"), world.agent)
    world.agents("boris")
    world.sync()
    assert (world.seated(), world.waiting()) == (["anna"], ["boris"])

    world.forget()
    world.realm.disabled_providers.add("ldap")
    with suppress(IncompleteSyncError):
        world.sync(NOON + MINUTE)
    world.realm.disabled_providers.clear()
    world.sync(NOON + 2 * MINUTE)

    assert (world.seated(), world.waiting()) == (["anna"], ["boris"])


def test_an_exempt_name_from_long_ago_ends_no_claim_of_somebody_of_whom_nothing_is_known() -> None:
    """Finding 5: he was renamed since, is missing from a list that lies, and cannot be read by himself."""
    realm = LyingRealm()
    world = World(realm=realm)
    world.import_file(world.sign(exempt_users=()))
    (user,) = world.agents("eleveo.admin")
    world.sync()

    realm.rename(user, "anna")
    realm.hidden, realm.doubtful = {user}, {user}
    world.import_file(world.sign(issue=2), NOON + MINUTE)

    assert world.seated() == ["eleveo.admin"]


def test_a_newer_file_that_the_realm_has_outlives_a_restored_ledger_whose_older_one_has_lost_its_key() -> (
    None
):
    """Finding 7: the vendor has another key since, and the old one was taken away."""
    world = World()
    world.sync()
    old = world.sign_commercial()
    world.import_file(old)
    backup = deepcopy(world.ledger)
    new = world.sign_commercial(issue=2)
    world.import_file(new, NOON + MINUTE)

    world.ledger = backup
    world.verifier.distrust(old)
    world.sync(NOON + 2 * MINUTE)

    shown = "\n".join(world.realm.attributes.values())
    assert ("C-1", 2) in world.in_force() or new.file in shown, "the licence is gone"
