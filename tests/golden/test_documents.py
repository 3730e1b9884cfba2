"""Everything a small realm shows to the outside, whole: attributes and JSON documents.

The scene: three licensed seats, of which a group, a composite and a client role make use; one person
waits, one is disabled, one is exempt, one is a service account. Instants and the installation id are given.
"""

from datetime import UTC, date, datetime

import pytest

from keycloak_license.model.application import Application
from keycloak_license.model.license import Activation, License
from keycloak_license.model.record import StoredLicense
from keycloak_license.plan.guard import Guard
from keycloak_license.services.documents import (
    explanation_document,
    import_document,
    licenses_document,
    members_document,
    prospect_document,
    status_document,
    sync_document,
)
from keycloak_license.services.licenses import preview_import
from keycloak_license.services.overview import explain_user, list_all_licenses, list_members, read_status
from keycloak_license.services.what_if import Wish, look_ahead
from tests.golden.conftest import Golden
from tests.leased import add_licenses
from tests.unit.services.world import QM, World

WFM = Application("WFM", "Workforce Management", ("WFM_*",), (("wfm-app", ("agent",)),))
AN = Application("AN", "WFO Analytics", ("AN_*",))
MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TUESDAY = datetime(2026, 3, 3, 8, 0, 0, 500000, tzinfo=UTC)
WEDNESDAY = datetime(2026, 3, 4, 8, 0, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    """Imported on Monday, synced on Tuesday, and changed since."""
    world = World(applications=(WFM, QM, AN))
    realm = world.realm
    realm.set_attributes({"license.installation_id": "5f3c9a52-7d0e-4d4b-9d39-0f2f6e1b8a11"})
    agent = realm.create_role("agent", "wfm-app")
    lead = realm.create_role("lead")
    realm.add_to_composite(lead, agent)
    staff = realm.create_group("AGENTS")
    night = realm.create_group("NIGHT", staff)
    realm.grant_group(staff, world.agent)
    people = {
        name: realm.create_user(name, email=f"{name}@example.org")
        for name in ("anna", "boris", "cyril", "dana", "eleveo.admin", "žofie")
    }
    for name, role in (("anna", lead), ("anna", world.agent), ("eleveo.admin", world.agent)):
        realm.grant(people[name], role)
    for name in ("anna", "boris", "cyril"):
        realm.join(people[name], night)
    realm.grant(realm.create_service_account("wfm-app"), agent)
    realm.grant(people["žofie"], world.reviewer)
    world.import_file(
        world.sign(
            number="2026-0042", customer="Přístav Ústí, s.r.o.", expires_on=date(2026, 10, 24),
            scope={"WFM": 3, "QM": None},
        ),
        MONDAY,
    )  # fmt: skip
    realm.grant(people["dana"], agent)
    world.sync(TUESDAY)
    realm.set_enabled(people["boris"], enabled=False)
    return world


def test_realm_attributes(world: World, golden: Golden) -> None:
    golden("attributes", dict(sorted(world.realm.attributes.items())))


def test_status(world: World, golden: Golden) -> None:
    golden("status", status_document(read_status(world.managed, WEDNESDAY)))


def test_sync(world: World, golden: Golden) -> None:
    golden("sync", sync_document(world.sync(WEDNESDAY)))


def test_status_while_the_guard_holds_a_release(world: World, golden: Golden) -> None:
    world.guard = Guard(max_release_percent=0, max_release_seats=0)
    world.sync(WEDNESDAY)
    golden("status-held", status_document(read_status(world.managed, WEDNESDAY)))


def test_members(world: World, golden: Golden) -> None:
    allocation, members = list_members(world.managed, "WFM", TUESDAY)
    golden("members", members_document("WFM", allocation.limit, members))


@pytest.mark.parametrize("name", ["anna", "boris", "eleveo.admin"])
def test_explain(world: World, golden: Golden, name: str) -> None:
    golden(f"explain-{name}", explanation_document(explain_user(world.managed, name, TUESDAY)))


def test_import(world: World, golden: Golden) -> None:
    smaller = world.sign(number="2026-0043", scope={"WFM": 1, "AN": 0}, expires_on=date(2027, 2, 28))
    golden("import", import_document(preview_import(world.managed, smaller.file.encode(), lambda: TUESDAY)))


def test_what_if(world: World, golden: Golden) -> None:
    """A group gets a role; one leaves it; another licence is smaller."""
    file = world.sign(number="2026-0043", scope={"WFM": 2, "AN": 0}, expires_on=date(2027, 2, 28)).file
    wishes = (
        Wish("QM_AGENT", "/AGENTS/NIGHT", is_to_group=True),
        Wish("wfm-app/agent", "žofie"),
        Wish("group /AGENTS/NIGHT", "cyril", is_taken=True),
    )
    golden("what-if", prospect_document(look_ahead(world.managed, wishes, file.encode(), lambda: TUESDAY)))


def test_licenses(world: World, golden: Golden) -> None:
    """One for each reason there is; the realm's own one was replaced by the first of them."""
    there = world.ledger.load("acme").licenses

    def add(license_: License, *replaced: StoredLicense) -> License:
        stored = StoredLicense(license_.number, license_.issue, license_.file, imported_at=TUESDAY)
        add_licenses(world.ledger, "acme", [stored], replaced)
        return license_

    add(world.sign_commercial(number="C-expired", expires_on=date(2026, 2, 28)), *there)
    add(world.sign_commercial(number="C-grace-over", activation=None))
    add(world.sign_commercial(number="C-elsewhere", activation=Activation("another", "realm-acme")))
    add(world.sign_commercial(number="C-before", issue=3))
    add(world.sign_commercial(number="C-under", starts_on=date(2026, 2, 1)))
    add(world.sign_commercial(number="C-later", starts_on=date(2026, 7, 1), expires_on=date(2027, 6, 30)))
    world.verifier.distrust(add(world.sign(number="C-unread")))
    add(world.sign(number="T-in-force", expires_on=date(2026, 3, 31)))

    golden("licenses", licenses_document(list_all_licenses(world.managed, WEDNESDAY)))
