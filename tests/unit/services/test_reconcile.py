from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from keycloak_license.errors import (
    ConfigurationError,
    LicenseRefusedError,
    MissingRightError,
    UnavailableError,
)
from keycloak_license.model.changes import AttributeChange
from keycloak_license.model.license import License, LicenseState, Reason
from keycloak_license.services.ports import BeforeWrite
from keycloak_license.services.reconcile import run_once
from tests.fakes import MemoryLedger, SimulatedRealm
from tests.unit.services.world import NOON, World, told


def test_a_sync_seats_publishes_and_remembers() -> None:
    world = World()
    world.agents("anna", "boris")
    world.import_file(world.sign(), NOON - timedelta(days=1))
    world.agents("cyril")
    report = world.sync()

    assert (world.seated(), world.waiting()) == (["anna"], ["boris", "cyril"])
    assert world.realm.attributes["license.WFM.used"] == "1"
    assert world.realm.attributes["license.WFM.waiting"] == "2"
    assert told(report.changes) == [("waiting", "cyril", "no_free_seat")]
    last = world.ledger.load("acme").last_sync
    assert last is not None
    assert (last.synced_at, last.is_complete) == (NOON, True)
    events = world.ledger.seat_events("acme")
    assert [(event.kind, event.username) for event in events] == [
        ("waiting", "boris"),
        ("seat_assigned", "anna"),
        ("waiting", "cyril"),
    ]


def test_the_second_sync_writes_nothing() -> None:
    world = World()
    world.agents("anna", "boris")
    world.import_file(world.sign())
    writes = world.realm.attribute_writes

    report = world.sync(NOON + timedelta(minutes=5))

    assert report.changes == ()
    assert world.realm.attribute_writes == writes


def test_a_dry_run_tells_what_a_sync_would_do_and_does_nothing() -> None:
    world = World()
    world.import_file(world.sign())
    world.agents("anna", "boris")
    before = world.everything()

    dry = world.sync(NOON + timedelta(hours=1), dry_run=True)
    assert dry.is_dry_run
    assert dry.realm.synced_at == NOON
    assert world.everything() == before

    done = world.sync(NOON + timedelta(hours=1))
    assert not done.is_dry_run
    assert done.changes == dry.changes
    assert replace(done.realm, synced_at=NOON) == dry.realm


def test_a_dry_run_needs_no_right_to_write() -> None:
    class ReadOnly(SimulatedRealm):
        def ensure_writable(self) -> None:
            raise MissingRightError("manage-realm is missing: grant it")

    world = World(realm=ReadOnly())
    world.agents("anna")

    assert told(world.sync(dry_run=True).changes) == [("waiting", "anna", "no_free_seat")]


def test_a_missing_right_leaves_everything_as_it_was() -> None:
    class ReadOnly(SimulatedRealm):
        def ensure_writable(self) -> None:
            raise MissingRightError("manage-realm is missing: grant it")

    world = World(realm=ReadOnly())
    world.agents("anna")
    before = world.everything()

    with pytest.raises(MissingRightError):
        world.sync()
    with pytest.raises(MissingRightError):
        world.import_file(world.sign())
    assert world.everything() == before


def test_seats_are_kept_although_keycloak_fails_before_they_are_published() -> None:
    class Fragile(SimulatedRealm):
        is_broken = False

        def write_attributes(self, changes: Sequence[AttributeChange], before_write: BeforeWrite) -> None:
            if self.is_broken:
                raise UnavailableError("Keycloak went away")
            super().write_attributes(changes, before_write)

    realm = Fragile()
    world = World(realm=realm)
    world.import_file(world.sign())
    world.agents("anna")
    realm.is_broken = True
    with pytest.raises(UnavailableError):
        world.sync()

    assert world.seated() == ["anna"]
    assert realm.attributes["license.WFM.used"] == "0"
    realm.is_broken = False
    assert told(world.sync().changes) == []
    assert realm.attributes["license.WFM.used"] == "1"


def test_a_realm_that_cannot_be_read_changes_nothing() -> None:
    world = World()
    world.agents("anna")
    world.import_file(world.sign())
    before = world.everything()
    world.realm.is_unreachable = True

    with pytest.raises(UnavailableError):
        world.sync()
    assert world.everything() == before


def test_the_installation_id_is_made_once() -> None:
    world = World()
    world.sync()
    first = world.realm.attributes["license.installation_id"]
    world.sync()

    assert len(first) == 36
    assert world.realm.attributes["license.installation_id"] == first
    assert world.ledger.load("acme").installation_id == first
    assert World().sync().realm.installation_id != first


def test_an_installation_id_that_is_in_the_realm_is_taken_over() -> None:
    world = World()
    world.realm.set_attributes({"license.installation_id": "made by init"})

    assert world.sync().realm.installation_id == "made by init"


def test_attributes_that_were_wiped_come_back_and_foreign_ones_stay() -> None:
    world = World()
    world.agents("anna")
    world.import_file(world.sign())
    published = dict(world.realm.attributes)
    world.realm.attributes.clear()
    world.realm.set_attributes({"theirs": "1", "license.expiry_notice_days": "14"})

    world.sync()

    del published["cibaInterval"]
    assert world.realm.attributes == published | {"theirs": "1", "license.expiry_notice_days": "14"}


def test_a_lost_ledger_finds_licence_and_installation_in_the_realm() -> None:
    world = World()
    license_ = world.sign()
    world.agents("anna", "boris")
    world.import_file(license_)
    published = dict(world.realm.attributes)
    world.ledger = MemoryLedger()

    report = world.sync(NOON + timedelta(days=1)).realm

    assert report.standing.license == license_
    assert report.warnings == ()
    assert world.in_force() == [("T-1", 1)]
    assert world.realm.attributes == published
    assert (world.seated(), world.waiting()) == (["anna"], ["boris"])
    assert world.sync(NOON + timedelta(days=2)).changes == ()
    assert world.in_force() == [("T-1", 1)]


def test_a_dry_run_recovers_nothing_but_shows_it() -> None:
    world = World()
    world.import_file(world.sign())
    world.ledger = MemoryLedger()

    assert world.sync(dry_run=True).realm.standing.reason is Reason.TEMPORARY
    assert world.ledger.load("acme").licenses == ()


def test_a_licence_file_in_the_realm_that_nobody_trusts_is_not_believed() -> None:
    world = World()
    world.realm.set_attributes({"license.file": "forged", "license.WFM.seats": "unlimited"})
    world.agents("anna")

    assert world.sync().realm.standing.reason is Reason.NO_LICENSE
    assert world.seated() == []


def test_a_ledger_that_has_licences_takes_no_other_from_the_realm() -> None:
    world = World()
    other = world.sign(number="T-9", scope={"WFM": None})
    world.import_file(world.sign())
    world.realm.set_attributes({"license.file": other.file})

    assert world.sync().realm.applications[0].seats == 1
    assert world.in_force() == [("T-1", 1)]


def test_the_only_copy_of_a_licence_survives_a_key_that_is_missing_for_a_while() -> None:
    # Ledger and trusted keys are both on volumes that a new container may come up without.
    world = World()
    license_ = world.sign()
    world.import_file(license_)
    world.ledger = MemoryLedger()
    world.verifier.distrust(license_)

    report = world.sync().realm
    assert report.standing.reason is Reason.NO_LICENSE
    assert any("licence" in warning for warning in report.warnings)

    world.trust(license_)
    assert world.sync().realm.standing.license == license_


def test_a_licence_whose_key_is_no_longer_trusted_does_not_count_and_is_warned_of() -> None:
    world = World()
    license_ = world.sign()
    world.agents("anna")
    world.import_file(license_)
    world.verifier.distrust(license_)

    report = world.sync().realm

    assert report.standing.state is LicenseState.NONE
    assert report.standing.reason is Reason.NO_LICENSE
    assert report.warnings == (
        "The imported licence T-1 does not count any more: The licence file is not signed by anybody this "
        "test trusts",
    )
    assert world.realm.attributes["license.access"] == "blocked"
    assert world.seated() == ["anna"]

    world.trust(license_)
    report = world.sync().realm
    assert report.warnings == ()
    assert report.standing.license == license_
    assert world.seated() == ["anna"]


def test_trusted_keys_that_cannot_be_read_stop_the_sync_and_change_nothing() -> None:
    class NoFolder:
        def verify(self, file: bytes) -> License:
            raise ConfigurationError("The trusted keys folder is missing: create it")

        accept = verify

    world = World()
    world.agents("anna")
    world.import_file(world.sign())
    before = world.everything()

    with pytest.raises(ConfigurationError):
        run_once(replace(world.managed, verifier=NoFolder()), now=NOON)
    assert world.everything() == before


def test_what_is_known_of_the_configuration_is_part_of_every_report() -> None:
    world = World()
    managed = replace(world.managed, warnings=("The folder is world-writable",))

    assert run_once(managed, now=NOON).realm.warnings == ("The folder is world-writable",)


def test_an_incomplete_read_is_told_and_remembered() -> None:
    world = World()
    world.agents("anna")
    world.import_file(world.sign())
    world.realm.unreadable.add(world.agent)

    report = world.sync()

    assert not report.realm.is_complete
    assert world.seated() == ["anna"]
    last = world.ledger.load("acme").last_sync
    assert last is not None
    assert not last.is_complete
    assert last.warnings == report.realm.warnings


def test_a_licence_file_is_only_counted_when_it_was_verified_at_this_sync() -> None:
    calls: list[bytes] = []
    world = World()
    license_ = world.sign()
    world.import_file(license_)

    class Noting:
        def verify(self, file: bytes) -> License:
            calls.append(file)
            raise LicenseRefusedError("refused")

        accept = verify

    report = run_once(replace(world.managed, verifier=Noting()), now=NOON)

    assert calls == [license_.file.encode()]
    assert report.realm.standing.license is None
