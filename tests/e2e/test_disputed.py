"""Cloned, restored and recreated realms, and licences that were activated for somebody else."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.cli import Site, day, license_attributes, make_site, written
from tests.e2e.crew import APPLICATIONS, Crew, standing
from tests.e2e.desk import Desk, activate, activation_key, seated
from tests.real.keycloak import AdminApi, MakeRealm, RealRealm, temporary_realm

INSTALLATION_ID = "license.installation_id"
VERDICT = {"license.state", "license.access", "license.reason"}
ONE_AGENT = {
    "users": [{"username": "ann", "enabled": True, "realmRoles": ["WFM_AGENT"]}],
    "roles": {"realm": [{"name": "WFM_AGENT"}, {"name": "QM_AGENT"}]},
}
OTHER = "00000000-1111-4222-8333-444444444444"


@pytest.fixture
def inactive(crew: Crew, desk: Desk) -> Path:
    """The licence as it was first issued; activated it is in force, eve has the one seat, and ann waits."""
    file = desk.issue("C-1", "WFM=1")
    activate(crew.site, desk, file)
    crew.hire("eve")
    crew.hire("ann")
    return file


def claim_to_be(site: Site, installation_id: str | None) -> None:
    """Change the installation id that the realm shows, as a clone or a backup would."""
    attributes = site.realm.get()["attributes"]
    attributes.pop(INSTALLATION_ID, None)
    added = {INSTALLATION_ID: installation_id} if installation_id else {}
    site.realm.put("", {"attributes": attributes | added})


@pytest.fixture
def disputed(crew: Crew, inactive: Path) -> Crew:
    """The realm says that it is another installation, and a sync has found that out."""
    claim_to_be(crew.site, OTHER)
    crew.site.call("sync").done()
    return crew


@pytest.mark.usefixtures("inactive")
def test_a_realm_of_another_installation_gets_the_verdict_and_nothing_else(crew: Crew) -> None:
    site = crew.site
    claim_to_be(site, OTHER)
    before, rows = written(site)
    realm = site.realm
    realm.post(f"/users/{realm.user_id('bob')}/role-mappings/realm", [realm.get("/roles/WFM_AGENT")])

    document = site.call("sync", "--json").document

    assert standing(site) == ("NOT_ACTIVATED", "blocked", "other_installation", "C-1")
    after, rows_after = written(site)
    assert {name for name in before | after if before.get(name) != after.get(name)} == VERDICT
    for table in ("claims", "licenses", "seat_events"):
        assert [row for row in rows_after if row[0] == table] == [row for row in rows if row[0] == table]
    assert {change["attribute"] for change in document["changes"]} == VERDICT
    [warning] = [each for each in document["warnings"] if OTHER in each]
    assert site.status()["installation_id"] in warning
    assert warning in site.status()["warnings"]
    assert site.status()["installation_id"] != OTHER
    # Once it is said it is not said again.
    assert site.call("sync", "--json").document["changes"] == []


def test_doctor_says_what_is_disputed_and_both_ways_out(disputed: Crew) -> None:
    outcome = disputed.site.call("doctor")

    assert outcome.status == 4
    [line] = [line for line in outcome.stdout.splitlines() if line.startswith("FAIL")]
    assert line.startswith("FAIL installation: ")
    for word in (OTHER, disputed.site.status()["installation_id"], "kcadm.sh", INSTALLATION_ID, "database"):
        assert word in line


def test_while_it_is_disputed_nothing_is_imported_and_no_key_is_told(disputed: Crew, desk: Desk) -> None:
    before = written(disputed.site)

    for words in (
        ("import", desk.issue("C-2"), "--replace"),
        ("import", desk.issue("T-2", type="temporary"), "--dry-run"),
        ("activation-key",),
    ):
        assert OTHER in disputed.site.call(*words).refused(4)

    assert written(disputed.site) == before
    # Looking is not forbidden.
    assert disputed.site.members() == [("eve", "seated", None), ("ann", "waiting", 1)]
    assert disputed.site.call("sync", "--dry-run", "--json").document["license"]["access"] == "blocked"
    assert disputed.site.call("licenses").done().stdout.count("C-1") >= 2


def test_one_way_out_is_to_take_the_attribute_away(disputed: Crew) -> None:
    site = disputed.site
    installation = site.status()["installation_id"]

    claim_to_be(site, None)
    site.call("sync").done()

    assert standing(site) == ("OK", "granted", "active", "C-1")
    assert license_attributes(site.realm)[INSTALLATION_ID] == installation
    assert site.members() == [("eve", "seated", None), ("ann", "waiting", 1)]
    assert site.call("doctor").status == 0


def test_an_empty_attribute_is_the_same_as_none(disputed: Crew) -> None:
    """What the way out that doctor shows leaves behind."""
    site = disputed.site
    site.realm.put("", {"attributes": site.realm.get()["attributes"] | {INSTALLATION_ID: ""}})

    site.call("sync").done()

    assert standing(site) == ("OK", "granted", "active", "C-1")
    assert license_attributes(site.realm)[INSTALLATION_ID] == site.status()["installation_id"]


def test_the_other_way_out_is_to_take_over_the_id_with_an_empty_ledger(
    disputed: Crew, desk: Desk, inactive: Path
) -> None:
    site = disputed.site
    site.configure(database="sqlite:///other.db")

    site.call("sync").done()

    assert site.status()["installation_id"] == OTHER == license_attributes(site.realm)[INSTALLATION_ID]
    assert standing(site) == ("NOT_ACTIVATED", "blocked", "other_installation", "C-1")
    assert site.members() == [("eve", "seated", None), ("ann", "waiting", 1)]
    outcome = site.call("doctor")
    assert outcome.status == 4
    assert "FAIL licence: NOT_ACTIVATED" in outcome.stdout
    assert "activation-key" in outcome.stdout

    site.call("import", desk.activate(inactive, activation_key(site)), "--replace").done()
    assert standing(site) == ("OK", "granted", "active", "C-1")
    assert seated(site) == {"eve"}


def test_a_realm_made_again_under_its_name_has_its_licence_activated_again(
    make_realm: MakeRealm, tmp_path: Path
) -> None:
    site = make_site(tmp_path / "site", make_realm(ONE_AGENT), applications=APPLICATIONS)
    site.init().done()
    vendor = Desk(tmp_path / "vendor").open_for(site)
    inactive = vendor.issue("C-1", "WFM=1")
    activate(site, vendor, inactive)
    installation, old_key = site.status()["installation_id"], activation_of(site)

    make_again(site)
    site.init().done()
    held = site.call("sync")
    assert held.status == 5
    assert "was deleted and made anew since the last sync" in held.stdout + held.stderr
    site.call("sync", "--force").done()

    assert standing(site) == ("NOT_ACTIVATED", "blocked", "other_installation", "C-1")
    assert site.status()["installation_id"] == installation == license_attributes(site.realm)[INSTALLATION_ID]
    assert site.call("doctor").status == 4
    key = activation_key(site)
    assert key != old_key
    site.call("import", vendor.activate(inactive, key), "--replace").done()
    assert standing(site) == ("OK", "granted", "active", "C-1")
    assert site.usage() == (1, 1, 0)
    assert site.call("doctor").status == 0


def test_a_licence_of_another_installation_is_imported_where_there_is_none_and_gives_no_access(
    two_sites: tuple[Site, Site], vendor: Desk
) -> None:
    first, second = two_sites
    inactive = vendor.issue("C-1", "WFM=1")
    active = activate(first, vendor, inactive)

    text = second.call("import", active).done().stdout

    assert standing(second) == ("NOT_ACTIVATED", "blocked", "other_installation", "C-1")
    assert "activation-key" in text
    sentence = vendor.try_to_activate(active, activation_key(second)).refused(4)
    for site in two_sites:
        assert site.status()["installation_id"] in sentence
    # The vendor decides whether the licence may run here as well.
    second.call("import", vendor.activate(inactive, activation_key(second)), "--replace").done()
    assert standing(second) == ("OK", "granted", "active", "C-1")
    assert standing(first) == ("OK", "granted", "active", "C-1")


@pytest.mark.parametrize("present", ["active", "temporary"])
def test_a_licence_of_another_installation_never_ends_access(
    two_sites: tuple[Site, Site], vendor: Desk, present: str
) -> None:
    first, second = two_sites
    active = activate(first, vendor, vendor.issue("C-1"))
    if present == "active":
        activate(second, vendor, vendor.issue("C-2"))
    else:
        second.call("import", vendor.issue("C-2", type="temporary")).done()
    before = written(second)

    for words in ((), ("--replace",), ("--dry-run",)):
        sentence = second.call("import", active, *words).refused(4)
        for site in two_sites:
            assert site.status()["installation_id"] in sentence

    assert written(second) == before
    assert standing(second)[1:3] == ("granted", present)


def test_a_renewal_of_another_installation_does_not_take_the_place_of_ones_own(
    two_sites: tuple[Site, Site], vendor: Desk
) -> None:
    first, second = two_sites
    activate(second, vendor, vendor.issue("C-1"))
    renewal = vendor.issue("C-1", issue_number=2, starts=day(20), expires=day(800))
    activate(second, vendor, renewal)
    first.call("import", renewal).done()
    foreign = vendor.activate(renewal, activation_key(first))
    before = written(second)

    sentence = second.call("import", foreign, "--replace").refused(4)

    for site in two_sites:
        assert site.status()["installation_id"] in sentence
    assert written(second) == before


def test_a_clone_with_a_ledger_of_its_own_is_given_away_by_its_realm_id(
    two_sites: tuple[Site, Site], vendor: Desk
) -> None:
    """A realm imported from an export has all of our attributes, and a new ledger believes them."""
    first, second = two_sites
    activate(first, vendor, vendor.issue("C-1", "WFM=1"))
    attributes = second.realm.get()["attributes"] | license_attributes(first.realm)
    second.realm.put("", {"attributes": attributes})

    second.call("sync").done()

    # The realm id gives it away.
    assert standing(second) == ("NOT_ACTIVATED", "blocked", "other_installation", "C-1")
    assert license_attributes(second.realm)[INSTALLATION_ID] == first.status()["installation_id"]


@pytest.fixture(scope="module")
def second_realm(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRealm]:
    with temporary_realm(keycloak, ONE_AGENT) as realm:
        make_site(tmp_path_factory.mktemp("second"), realm).init().done()
        yield realm


@pytest.fixture
def two_sites(crew: Crew, second_realm: RealRealm, tmp_path: Path) -> tuple[Site, Site]:
    """Two installations where nothing was ever licensed; in the second there is an agent."""
    ours = license_attributes(second_realm)
    attributes = second_realm.get()["attributes"]
    second_realm.put("", {"attributes": {name: attributes[name] for name in attributes if name not in ours}})
    return crew.site, make_site(tmp_path / "second", second_realm, applications=APPLICATIONS)


@pytest.fixture
def vendor(two_sites: tuple[Site, Site], desk: Desk) -> Desk:
    """Whom both of them trust."""
    return desk.open_for(*two_sites)


def activation_of(site: Site) -> str:
    """Which installation and realm the licence in force was activated for."""
    file = site.folder / "in-force.lic"
    file.write_text(license_attributes(site.realm)["license.file"])
    return str(site.call("vendor", "inspect", file, "--json").document["license"]["activation"])


def make_again(site: Site) -> None:
    """Delete the realm and make one of the same name, with the same person."""
    api, name = site.realm.api, site.realm.name
    api.delete(f"/{name}")
    api.post("", {"enabled": True, "realm": name, **ONE_AGENT})
    site.realm = replace(site.realm, id=api.get(f"/{name}")["id"])
