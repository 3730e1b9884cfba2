"""What was lost comes back: the ledger from the realm, the realm's attributes from the ledger."""

from copy import deepcopy
from datetime import date, timedelta

import pytest

from keycloak_license.errors import IncompleteSyncError
from keycloak_license.model.license import Activation, License, LicenseType, Reason
from keycloak_license.services.overview import list_all_licenses, read_status
from tests.unit.services.world import NOON, World, told

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def settled() -> World:
    """An activated licence with two seats, and three people who came one after the other."""
    world = World()
    world.sync(NOON - 9 * HOUR)
    world.import_file(world.sign_commercial(scope={"WFM": 2}), NOON - 8 * HOUR)
    for hours, name in ((7, "zoe"), (6, "boris"), (5, "anna")):
        world.agents(name)
        world.sync(NOON - hours * HOUR)
    return world


def queue(world: World) -> list[str]:
    """Who waits, in order."""
    claims = (claim for claim in world.ledger.load("acme").claims if not claim.is_seated)
    ordered = sorted(claims, key=lambda claim: (claim.seated_at is None, claim.seated_at, claim.claimed_at))
    return [claim.username for claim in ordered]


@pytest.mark.parametrize("type_", LicenseType)
def test_a_deleted_ledger_comes_back_from_the_realm(type_: LicenseType) -> None:
    world = World()
    world.agents("anna", "boris")
    world.sync(NOON - HOUR)
    license_ = world.sign_commercial() if type_ is LicenseType.COMMERCIAL else world.sign()
    world.import_file(license_)
    published, own_id = dict(world.realm.attributes), world.ledger.load("acme").installation_id
    world.forget()

    report = world.sync(NOON + HOUR).realm

    assert (report.standing.license, report.standing.is_granted) == (license_, True)
    assert (report.installation_id, world.ledger.load("acme").installation_id) == (own_id, own_id)
    assert (world.seated(), world.waiting()) == (["anna"], ["boris"])
    assert world.realm.attributes == published
    assert world.sync(NOON + 2 * HOUR).changes == ()


def test_the_same_people_hold_the_same_seats_although_their_accounts_are_younger() -> None:
    world = World()
    boris, anna = world.agents("boris", "anna")
    world.realm.revoke(boris, world.agent)
    world.import_file(world.sign())
    world.realm.grant(boris, world.agent)
    world.sync(NOON + HOUR)
    assert (world.seated(), world.waiting()) == (["anna"], ["boris"])
    assert world.realm.attributes["license.WFM.queue"] == boris

    world.forget()
    world.sync(NOON + 2 * HOUR)

    assert (world.seated(), world.waiting()) == (["anna"], ["boris"])
    world.realm.set_enabled(anna, enabled=False)
    world.sync(NOON + 3 * HOUR)
    assert world.seated() == ["boris"]
    assert "license.WFM.queue" not in world.realm.attributes


def test_a_queue_keeps_its_order_and_who_comes_after_stands_behind_it() -> None:
    world = World()
    (holder,) = world.agents("holder")
    world.import_file(world.sign())
    (late, _) = world.agents("late", "early")
    world.realm.revoke(late, world.agent)
    world.sync(NOON + HOUR)
    world.realm.grant(late, world.agent)
    world.sync(NOON + 2 * HOUR)
    assert queue(world) == ["early", "late"]

    world.forget()
    world.sync(NOON + 3 * HOUR)
    world.agents("later")
    world.sync(NOON + 4 * HOUR)

    assert queue(world) == ["early", "late", "later"]
    world.realm.delete_user(holder)
    assert told(world.sync(NOON + 5 * HOUR).changes) == [
        ("seat_released", "holder", "deleted"),
        ("seat_assigned", "early", "seat_free"),
    ]


def test_who_lost_his_seat_to_a_smaller_limit_is_still_first_in_the_queue() -> None:
    world = World()
    world.agents("anna", "boris", "cyril")
    world.import_file(world.sign(scope={"WFM": 2}))
    world.import_file(world.sign(number="T-2", scope={"WFM": 1}), NOON + HOUR)
    assert queue(world) == ["boris", "cyril"]

    world.forget()
    world.sync(NOON + 2 * HOUR)

    assert (world.seated(), queue(world)) == (["anna"], ["boris", "cyril"])


@pytest.mark.parametrize("text", ["", ",", "nobody", "nobody,{boris},,{boris},{anna}", "x" * 5000])
def test_a_queue_that_somebody_wrote_into_takes_no_seat_from_all(text: str) -> None:
    world = World()
    anna, boris, _ = world.agents("anna", "boris", "cyril")
    world.import_file(world.sign(scope={"WFM": 2}))
    world.forget()
    world.realm.set_attributes({"license.WFM.queue": text.format(anna=anna, boris=boris)})
    world.sync(NOON + HOUR)

    assert (len(world.seated()), len(world.waiting())) == (2, 1)


def test_a_queue_means_nothing_to_a_ledger_that_knows_the_realm() -> None:
    world = World()
    anna, _ = world.agents("anna", "boris")
    world.import_file(world.sign())
    world.realm.set_attributes({"license.WFM.queue": anna})
    world.sync(NOON + HOUR)

    assert (world.seated(), world.waiting()) == (["anna"], ["boris"])


def test_attributes_that_were_deleted_are_back_at_the_next_sync() -> None:
    world = settled()
    published = dict(world.realm.attributes)
    ledger = world.ledger.load("acme")
    for name in list(published):
        if name.startswith("license."):
            del world.realm.attributes[name]
    assert "license.file" in published
    assert "license.installation_id" in published

    report = world.sync(NOON)

    assert world.realm.attributes == published
    assert report.realm.standing.reason is Reason.ACTIVE
    assert told(report.changes) == []
    assert world.ledger.load("acme").claims == ledger.claims


def test_a_deleted_installation_id_is_put_back_and_not_made_anew() -> None:
    world = settled()
    own_id = world.realm.attributes.pop("license.installation_id")

    assert world.sync(NOON).realm.standing.reason is Reason.ACTIVE
    assert world.realm.attributes["license.installation_id"] == own_id


def backup_world() -> World:
    """The ledger is as it was before issue 2 was imported."""
    world = World()
    world.agents("anna", "boris")
    world.import_file(world.sign(issue=1, scope={"WFM": 1}))
    backup = deepcopy(world.ledger)
    world.import_file(world.sign(issue=2, scope={"WFM": 2}), NOON + HOUR)
    world.ledger = backup
    return world


def test_a_ledger_from_a_backup_takes_the_newer_file_from_the_realm() -> None:
    world = backup_world()

    report = world.sync(NOON + 2 * HOUR).realm

    assert report.standing.license is not None
    assert report.standing.license.issue == 2
    assert world.in_force() == [("T-1", 2)]
    assert [each.reason.value for each in list_all_licenses(world.managed, NOON + 2 * HOUR)] == [
        "replaced",
        "temporary",
    ]
    assert world.seated() == ["anna", "boris"]
    assert world.sync(NOON + 3 * HOUR).changes == ()


def test_a_dry_run_shows_the_newer_file_and_keeps_the_backup() -> None:
    world = backup_world()
    before = world.everything()
    report = world.sync(NOON + 2 * HOUR, dry_run=True).realm

    assert report.standing.license is not None
    assert report.standing.license.issue == 2
    assert world.everything() == before


def test_an_activated_file_comes_back_over_the_inactive_one_of_the_same_issue() -> None:
    world = World()
    world.sync(NOON - HOUR)
    world.import_file(world.sign_commercial(activation=None, issued_on=date(2026, 4, 20)))
    backup = deepcopy(world.ledger)
    world.import_file(world.sign_commercial(issued_on=date(2026, 4, 20)), NOON + HOUR)
    world.ledger = backup

    assert world.sync(NOON + 2 * HOUR).realm.standing.reason is Reason.ACTIVE
    assert len(world.in_force()) == 1


def test_what_the_realm_says_brings_nothing_else_into_force() -> None:
    """Whoever may write realm attributes may have genuine files of his own."""
    world = World()
    world.sync(NOON - HOUR)
    world.import_file(world.sign(issue=2))
    in_force = world.in_force()
    others = (
        world.sign(issue=1, scope={"WFM": None}),
        world.sign(issue=2, scope={"WFM": None}),
        world.sign_commercial(number="T-1", issue=1),
    )
    for other in others:
        world.realm.set_attributes({"license.file": other.file})
        report = world.sync(NOON)
        assert report.realm.applications[0].seats == 1
        assert world.in_force() == in_force
        assert world.realm.attributes["license.file"] != other.file


def test_a_file_that_cannot_be_verified_is_not_believed_and_the_ledgers_is_published() -> None:
    world = World()
    license_ = world.sign()
    world.import_file(license_)
    world.realm.set_attributes({"license.file": "forged"})

    report = world.sync(NOON + HOUR).realm
    assert (report.standing.license, report.warnings) == (license_, ())
    assert world.realm.attributes["license.file"] == license_.file


def test_a_replaced_file_that_the_realm_still_shows_stays_replaced() -> None:
    # A crash came between the ledger and the attributes.
    world = World()
    old = world.sign()
    world.import_file(old)
    new = world.sign(number="T-2")
    world.import_file(new, NOON + HOUR)
    world.realm.set_attributes({"license.file": old.file})

    assert world.sync(NOON + 2 * HOUR).realm.standing.license == new
    assert world.in_force() == [("T-2", 1)]


def test_a_licence_whose_key_was_retired_comes_back_all_the_same() -> None:
    world = World()
    license_ = world.sign(kid="old")
    world.import_file(license_)
    world.verifier.retire("old")
    world.forget()

    assert world.sync(NOON + HOUR).realm.standing.license == license_


def test_a_licence_activated_for_another_installation_is_no_better_for_having_been_lost() -> None:
    world = World()
    world.sync(NOON - HOUR)
    world.import_file(world.sign_commercial(activation=Activation("another", world.realm.realm_id)))
    world.forget()

    assert world.sync(NOON + HOUR).realm.standing.reason is Reason.OTHER_INSTALLATION
    assert read_status(world.managed, NOON + HOUR).standing.reason is Reason.OTHER_INSTALLATION


def backup_and_another() -> tuple[World, License]:
    """A ledger restored from before another licence was imported, which only the realm still has."""
    world = settled()
    backup = deepcopy(world.ledger)
    another = world.sign_commercial(number="C-2", scope={"WFM": 3})
    world.import_file(another)
    world.ledger = backup
    return world, another


def test_another_licence_that_only_the_realm_has_is_kept_and_told() -> None:
    world, another = backup_and_another()

    for _ in range(2):
        report = world.sync(NOON + HOUR).realm
        assert report.standing.license is not None
        assert report.standing.license.number == "C-1"
        assert any(
            "hold licence C-2, issue 1, which the ledger does not know" in each for each in report.warnings
        )
        assert world.realm.attributes["license.file"] == report.standing.license.file
        assert world.realm.attributes["license.standby_files"] == another.file
    assert report.warnings == read_status(world.managed, NOON + HOUR).warnings


def test_importing_what_the_realm_has_is_the_way_out() -> None:
    world, another = backup_and_another()
    world.sync(NOON + HOUR)

    result = world.import_file(another, NOON + 2 * HOUR)

    assert [each.number for each in result.replaced] == ["C-1"]
    assert world.sync(NOON + 3 * HOUR).realm.warnings == ()
    assert "license.standby_files" not in world.realm.attributes


def test_importing_something_else_loses_it_just_as_little() -> None:
    world, another = backup_and_another()
    world.import_file(world.sign_commercial(number="C-3"), NOON + HOUR)

    world.sync(NOON + 2 * HOUR)

    assert world.in_force() == [("C-3", 1)]
    assert world.realm.attributes["license.standby_files"] == another.file


def test_a_backup_takes_a_renewal_back_that_waits() -> None:
    world = settled()
    backup = deepcopy(world.ledger)
    world.import_file(world.sign_commercial(issue=2, starts_on=date(2026, 6, 1), expires_on=date(2027, 6, 1)))
    published = dict(world.realm.attributes)
    world.ledger = backup

    world.sync(NOON + HOUR)

    assert world.in_force() == [("C-1", 1), ("C-1", 2)]
    assert world.realm.attributes == published


def test_a_file_of_another_installation_takes_nothing_over_from_a_clone() -> None:
    world = settled()
    there = Activation("another-installation", world.realm.realm_id)
    foreign = world.sign_commercial(issue=2, activation=there)
    world.realm.set_attributes({"license.file": foreign.file})

    report = world.sync(NOON + HOUR).realm

    assert report.standing.reason is Reason.ACTIVE
    assert world.in_force() == [("C-1", 1)]
    assert world.realm.attributes["license.standby_files"] == foreign.file


def test_a_retired_key_brings_no_newer_file_into_a_ledger_that_is_there() -> None:
    world = settled()
    newer = world.sign_commercial(issue=2, kid="old", scope={"WFM": 99})
    world.verifier.retire("old")
    world.realm.set_attributes({"license.file": newer.file})

    assert world.sync(NOON + HOUR).realm.applications[0].seats == 2


def test_a_new_ledger_gives_no_seat_away_while_holders_cannot_be_seen() -> None:
    world = World()
    world.import_file(world.sign(scope={"WFM": 2}), NOON - 9 * HOUR)
    for hours, name, provider in ((8, "lda", "ldap"), (7, "ldb", "ldap"), (6, "loc", None)):
        world.realm.grant(world.realm.create_user(name, provider=provider), world.agent)
        world.sync(NOON - hours * HOUR)
    assert (world.seated(), world.waiting()) == (["lda", "ldb"], ["loc"])
    world.forget()
    world.realm.silent_providers.add("ldap")
    before = world.everything()

    for _ in range(2):
        with pytest.raises(IncompleteSyncError, match="people have seats there"):
            world.sync(NOON)
        assert world.everything() == before
    world.realm.silent_providers.clear()
    world.sync(NOON + HOUR)

    assert (world.seated(), world.waiting()) == (["lda", "ldb"], ["loc"])


def standing_by() -> World:
    """A temporary licence over a commercial one, the renewal of which waits."""
    world = World()
    world.sync(NOON - HOUR)
    world.import_file(world.sign_commercial(scope={"WFM": 2}))
    world.import_file(world.sign_commercial(issue=2, starts_on=date(2026, 6, 1), expires_on=date(2027, 6, 1)))
    world.import_file(world.sign(expires_on=date(2026, 5, 9)))
    return world


def test_a_deleted_ledger_costs_no_licence_that_stands_by() -> None:
    world = standing_by()
    before = world.sync(NOON + HOUR).realm
    world.forget()

    after = world.sync(NOON + 2 * HOUR)

    assert after.realm.standing == before.standing
    assert not [change for change in after.changes if change.kind.startswith("attribute")]
    assert sorted(world.in_force()) == [("C-1", 1), ("C-1", 2), ("T-1", 1)]
    assert world.sync(NOON + 10 * DAY).realm.standing.reason is Reason.ACTIVE


def test_a_licence_alone_needs_nothing_beside_it() -> None:
    assert "license.standby_files" not in settled().realm.attributes


def test_one_whose_key_is_missing_for_a_while_stands_by_all_the_same() -> None:
    world = standing_by()
    world.sync(NOON + HOUR)
    files = set(world.realm.attributes["license.standby_files"].splitlines())
    commercial = world.verifier.verify(min(files).encode())
    world.verifier.distrust(commercial)
    world.sync(NOON + 2 * HOUR)
    world.forget()

    for hours in (3, 4):
        report = world.sync(NOON + hours * HOUR).realm
        assert any("does not count" in each for each in report.warnings)
        assert set(world.realm.attributes["license.standby_files"].splitlines()) == files
