from dataclasses import replace
from datetime import date, timedelta

import pytest

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.model.license import LicenseState, Reason
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.services.observation import RealmTerms
from keycloak_license.services.offline import count_offline
from tests.unit.services.world import NOON, World


def terms_of(world: World) -> RealmTerms:
    return RealmTerms(
        name=world.realm.name, zone=world.zone, applications=world.applications, verifier=world.verifier
    )


def snapshot_of(world: World) -> RealmSnapshot:
    return replace(world.realm.read(world.applications), server_time=None)


def crowded_world() -> World:
    """Two seats for three agents, published by a sync."""
    world = World()
    world.agents("anna", "boris", "cyril")
    world.import_file(world.sign(scope={"WFM": 2}))
    return world


def test_it_counts_as_a_first_sync_of_the_same_realm_would() -> None:
    world = crowded_world()
    synced = world.sync().realm

    report = count_offline(terms_of(world), snapshot_of(world), None, NOON)

    assert report.applications == synced.applications
    assert report.standing == synced.standing
    assert report.installation_id == synced.installation_id
    assert [(each.used, each.waiting) for each in report.applications] == [(2, 1), (0, 0)]
    assert report.synced_at is None
    assert report.is_complete


def test_nothing_is_known_of_a_realm_that_was_never_synced() -> None:
    world = World()
    world.agents("anna")

    report = count_offline(terms_of(world), snapshot_of(world), None, NOON)

    assert (report.standing.state, report.standing.reason) == (LicenseState.NONE, Reason.NO_LICENSE)
    assert [(each.seats, each.used, each.waiting) for each in report.applications] == [(0, 0, 1), (0, 0, 0)]
    assert report.installation_id is None


def test_a_file_that_is_given_counts_in_the_place_of_the_realms_own() -> None:
    world = crowded_world()
    other = world.sign(number="OTHER", scope={"WFM": 1, "QM": None}).file.encode()

    report = count_offline(terms_of(world), snapshot_of(world), other, NOON)

    assert report.standing.license is not None
    assert report.standing.license.number == "OTHER"
    assert [(each.seats, each.used) for each in report.applications] == [(1, 1), (None, 0)]


def test_a_file_that_is_not_genuine_is_refused() -> None:
    world = World()

    with pytest.raises(LicenseRefusedError):
        count_offline(terms_of(world), snapshot_of(world), b"nothing of the vendor's", NOON)


def test_what_the_export_lacks_is_told_once_and_changes_no_count() -> None:
    world = crowded_world()
    snapshot = snapshot_of(world)
    whole = count_offline(terms_of(world), snapshot, None, NOON)

    partial = replace(snapshot, silent_providers={"p": "of ldap it holds only some"})
    report = count_offline(terms_of(world), partial, None, NOON)

    assert report.applications == whole.applications
    assert not report.is_complete
    told = "The export does not tell everything: of ldap it holds only some"
    assert report.warnings == (told, *whole.warnings)


def test_a_licence_that_has_ended_blocks_access_as_it_would_live() -> None:
    world = World()
    world.agents("anna")
    file = world.sign(expires_on=date(2026, 5, 31)).file.encode()

    report = count_offline(terms_of(world), snapshot_of(world), file, NOON + timedelta(days=31))

    assert report.standing.access == "blocked"
