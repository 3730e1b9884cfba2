"""A cloned or restored realm: ledger and realm name different installations."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from keycloak_license.errors import LicenseRefusedError, UnavailableError
from keycloak_license.model.license import License, LicenseState, Reason
from keycloak_license.services.activation import find_inactive
from keycloak_license.services.documents import status_document
from keycloak_license.services.installation import check_installation, explain_dispute
from keycloak_license.services.licenses import preview_import
from keycloak_license.services.overview import list_all_licenses, list_members, read_status
from tests.unit.services.world import NOON, World, told

HOUR = timedelta(hours=1)
ID = "license.installation_id"
OTHER = "00000000-0000-4000-8000-000000000000"


def make_world(kind: str = "commercial") -> tuple[World, License]:
    """Anna holds the one seat, Boris waits; the licence is of that kind."""
    world = World()
    world.agents("anna", "boris")
    world.sync(NOON - 2 * HOUR)
    match kind:
        case "temporary":
            license_ = world.sign()
        case "commercial":
            license_ = world.sign_commercial()
        case _:
            license_ = world.sign_commercial(activation=None, issued_on=date(2026, 4, 20))
    world.import_file(license_, NOON - HOUR)
    return world, license_


def disputed(kind: str = "commercial") -> World:
    """The realm was restored from another installation, and nobody has synced since."""
    world, _ = make_world(kind)
    world.realm.set_attributes({ID: OTHER})
    return world


KINDS = pytest.mark.parametrize("kind", ["temporary", "commercial", "inactive"])


@KINDS
def test_no_licence_gives_access_of_whatever_type(kind: str) -> None:
    world, license_ = make_world(kind)
    world.realm.set_attributes({ID: OTHER})

    standing = world.sync().realm.standing

    assert (standing.state, standing.reason) == (LicenseState.NOT_ACTIVATED, Reason.OTHER_INSTALLATION)
    assert (standing.access, standing.license, standing.stops_at) == ("blocked", license_, None)


@KINDS
def test_nothing_but_the_verdict_is_written(kind: str) -> None:
    world = disputed(kind)
    attributes, ledger = dict(world.realm.attributes), world.ledger.load("acme")
    events = world.ledger.seat_events("acme")
    # What would otherwise be put right, released and seated.
    world.realm.set_attributes({"license.file": "theirs", "license.WFM.used": "99", "license.OLD.seats": "1"})
    anna = world.realm.find_user("anna")
    assert anna is not None
    world.realm.delete_user(anna.id)
    world.agents("cyril")

    report = world.sync()

    assert world.realm.attributes == attributes | {
        "license.file": "theirs",
        "license.WFM.used": "99",
        "license.OLD.seats": "1",
        "license.state": "NOT_ACTIVATED",
        "license.access": "blocked",
        "license.reason": "other_installation",
    }
    assert told(report.changes) == []
    after = world.ledger.load("acme")
    assert (after.claims, after.licenses, after.installation_id) == (
        ledger.claims,
        ledger.licenses,
        ledger.installation_id,
    )
    assert world.ledger.seat_events("acme") == events


def test_the_next_sync_writes_nothing_at_all() -> None:
    world = disputed()
    world.sync()
    writes = world.realm.attribute_writes

    report = world.sync(NOON + HOUR)

    assert report.changes == ()
    assert world.realm.attribute_writes == writes


def test_the_counts_told_are_those_of_the_ledger() -> None:
    world = disputed()
    world.agents("cyril")
    wfm = world.sync().realm.applications[0]

    assert (wfm.seats, wfm.used, wfm.waiting) == (1, 1, 1)
    _, members = list_members(world.managed, "WFM", NOON)
    assert [member.claim.username for member in members] == ["anna", "boris"]


def test_a_dry_run_tells_the_same_and_writes_nothing() -> None:
    world = disputed()
    before = world.everything()

    dry = world.sync(dry_run=True)

    assert world.everything() == before
    assert dry.changes == world.sync().changes


def test_both_ways_out_are_told_wherever_it_shows() -> None:
    world = disputed()
    own = world.ledger.load("acme").installation_id
    sentence = explain_dispute("acme", own, OTHER)
    assert sentence is not None
    for words in (
        str(own),
        OTHER,
        "cloned or restored",
        "remove the realm's attribute",
        "`database`",
        "empty",
    ):
        assert words in sentence

    assert sentence in world.sync().realm.warnings
    assert read_status(world.managed, NOON).warnings.count(sentence) == 1
    with pytest.raises(LicenseRefusedError) as failure:
        check_installation("acme", world.realm, world.ledger)
    assert str(failure.value) == sentence


def test_status_knows_it_from_the_ledger_alone() -> None:
    world = disputed()
    assert read_status(world.managed, NOON).standing.is_granted
    world.sync()
    world.realm.is_unreachable = True

    report = read_status(world.managed, NOON)

    assert (report.standing.state, report.standing.reason) == (
        LicenseState.NOT_ACTIVATED,
        Reason.OTHER_INSTALLATION,
    )
    assert status_document(report)["license"]["access"] == "blocked"
    assert [each.is_in_force for each in list_all_licenses(world.managed, NOON)] == [False]


def test_an_import_is_refused_and_changes_nothing() -> None:
    world = disputed()
    renewal = world.sign_commercial(number="C-2")
    before = world.everything()

    with pytest.raises(LicenseRefusedError, match="cloned or restored"):
        world.import_file(renewal)
    with pytest.raises(LicenseRefusedError, match="cloned or restored"):
        preview_import(world.managed, renewal.file.encode(), lambda: NOON)
    assert world.everything() == before


def test_no_activation_key_is_given_for_an_installation_that_is_uncertain() -> None:
    world = disputed("inactive")
    world.sync()

    with pytest.raises(LicenseRefusedError, match="cloned or restored"):
        find_inactive(world.managed, NOON)


@KINDS
def test_removing_the_attribute_puts_everything_back(kind: str) -> None:
    world, license_ = make_world(kind)
    before = dict(world.realm.attributes)
    world.realm.set_attributes({ID: OTHER})
    world.sync()
    del world.realm.attributes[ID]

    report = world.sync(NOON + HOUR).realm

    assert report.standing.license == license_
    assert report.standing.is_granted
    assert not any("cloned" in warning for warning in report.warnings)
    assert world.realm.attributes == before
    assert (world.seated(), world.waiting()) == (["anna"], ["boris"])
    assert read_status(world.managed, NOON + HOUR).standing == report.standing


def test_an_attribute_that_was_set_to_nothing_is_as_good_as_removed() -> None:
    world = disputed()
    own = world.ledger.load("acme").installation_id
    world.realm.set_attributes({ID: ""})

    assert world.sync().realm.standing.reason is Reason.ACTIVE
    assert world.realm.attributes[ID] == own


def test_an_empty_ledger_takes_over_the_realm_as_it_is() -> None:
    """A ledger of another installation was in the way of this realm's own."""
    world, license_ = make_world("temporary")
    own = world.realm.attributes[ID]
    before = dict(world.realm.attributes)
    own_ledger = world.ledger
    stranger = World()
    stranger.sync()
    world.ledger = stranger.ledger
    assert world.sync().realm.standing.reason is Reason.NO_LICENSE

    world.forget()
    report = world.sync(NOON + HOUR).realm

    assert (report.installation_id, report.standing.license) == (own, license_)
    assert world.realm.attributes == before
    assert (world.seated(), world.waiting()) == (["anna"], ["boris"])
    # And so does the ledger of that installation.
    world.ledger = own_ledger
    assert world.sync(NOON + 2 * HOUR).realm.standing.license == license_


def test_a_strange_ledger_does_not_touch_the_realms_licence() -> None:
    world, _ = make_world("commercial")
    before = dict(world.realm.attributes)
    stranger = World()
    stranger.agents("eve")
    stranger.import_file(stranger.sign(number="T-9"))
    world.ledger = stranger.ledger

    world.sync()

    verdict = {"license.state", "license.access", "license.reason"}
    assert {name: value for name, value in world.realm.attributes.items() if name not in verdict} == {
        name: value for name, value in before.items() if name not in verdict
    }
    assert [each.number for each in world.ledger.load("acme").licenses] == ["T-9"]


def test_a_realm_with_another_internal_id_is_another_installation_although_the_ids_agree() -> None:
    # An export that was imported elsewhere has the attributes, and a realm id of its own.
    world, _ = make_world("commercial")
    world.realm.realm_id = "another"

    standing = world.sync().realm.standing

    assert (standing.state, standing.reason) == (LicenseState.NOT_ACTIVATED, Reason.OTHER_INSTALLATION)
    assert world.seated() == ["anna"]


def test_which_installation_this_is() -> None:
    world = World()
    assert "init or the first sync makes one" in check_installation("acme", world.realm, world.ledger)
    world.realm.set_attributes({ID: "made by init"})
    assert check_installation("acme", world.realm, world.ledger) == "made by init"
    world.sync()
    del world.realm.attributes[ID]
    assert check_installation("acme", world.realm, world.ledger) == "made by init"
    world.realm.is_unreachable = True
    with pytest.raises(UnavailableError):
        check_installation("acme", world.realm, world.ledger)


@pytest.mark.parametrize(
    ("own", "published"), [(None, None), ("a", None), (None, "a"), ("a", ""), ("", "a"), ("a", "a")]
)
def test_ids_that_do_not_contradict_each_other_are_no_matter(own: str | None, published: str | None) -> None:
    assert explain_dispute("acme", own, published) is None


@pytest.mark.parametrize("nonsense", ["x" * 65, " padded", "two\nlines"])
def test_an_id_that_no_licence_could_name_is_made_anew_for_a_new_ledger(nonsense: str) -> None:
    world = World()
    world.realm.set_attributes({"license.installation_id": nonsense})

    report = world.sync().realm

    assert report.installation_id is not None
    assert UUID(report.installation_id)
    assert world.realm.attributes["license.installation_id"] == report.installation_id
