"""The page of one user: what he has, why, and what would have to change; in words of every language."""

from collections.abc import Iterator
from datetime import date, timedelta
from urllib.parse import quote

import pytest

from tests.unit.services.world import NOON, World
from tests.unit.web.booth import HOME, Answer, Booth, Page, open_booth

HOUR = timedelta(hours=1)
CZECH = {"Accept-Language": "cs"}


@pytest.fixture(scope="module")
def booth() -> Iterator[Booth]:
    """Ann has the one seat in four ways, Bob waits, Gone is disabled, Dana has no role."""
    world = World()
    realm = world.realm
    world.import_file(world.sign(scope={"WFM": 1}), NOON - 9 * HOUR)
    (ann,) = world.agents("ann")
    world.sync(NOON - 3 * HOUR)
    staff = realm.create_group("STAFF")
    realm.grant_group(staff, world.agent)
    realm.join(ann, realm.create_group("TEAM", staff))
    lead, clerk = realm.create_role("lead", "wfm-app"), realm.create_role("clerk")
    realm.add_to_composite(lead, world.agent)
    realm.grant(ann, lead)
    world.agents("bob")
    gone, _ = world.agents("gone", "eleveotrain")
    realm.set_enabled(gone, enabled=False)
    realm.add_to_composite(realm.default_role, clerk)
    realm.add_to_composite(clerk, world.reviewer)
    with open_booth(world=world) as booth:
        yield booth


def show(booth: Booth, name: str, **headers: str) -> Answer:
    return booth.send("GET", f"{HOME}/users/{quote(name, safe='')}", booth.sit(), headers=headers)


def words(booth: Booth, name: str, **headers: str) -> str:
    answer = show(booth, name, **headers)
    assert answer.status == 200
    return " ".join(Page.of(answer).text.split())


def test_every_kind_of_path_is_there_and_all_that_has_to_go(booth: Booth) -> None:
    text = words(booth, "ann")
    for path in (
        "role WFM_AGENT",
        "role wfm-app/lead → role WFM_AGENT",
        "group /STAFF/TEAM → group /STAFF → role WFM_AGENT",
        "role default-roles-acme → role clerk → role QM_AGENT a default role, which everybody has",
    ):
        assert path in text
    assert "seated since 1 May 2026" in text
    for step in ("leave group /STAFF/TEAM", "take away role WFM_AGENT", "take away role wfm-app/lead"):
        assert step in text.partition("All of this, so that the seat is free:")[2]


def test_who_waits_reads_his_place_and_how_many_seats_lack(booth: Booth) -> None:
    text = words(booth, "bob")
    assert "waiting at place 1 since" in text
    assert "1 more seat in the licence, or 1 holder who gives it up." in text
    assert "Import a licence that names the application, with at least" in text


def test_who_needs_no_seat_reads_why_not(booth: Booth) -> None:
    assert "Enable the account: while it is disabled, no seat is needed." in words(booth, "gone")
    assert "exempted by the licence" in words(booth, "eleveotrain")


def test_it_is_czech_for_czechs(booth: Booth) -> None:
    text = words(booth, "bob", **CZECH)
    assert "čeká na 1. místě od" in text
    assert "O 1 místo v licenci více, nebo 1 držitel, který své uvolní." in text
    assert "odejít ze skupiny: group /STAFF/TEAM" in words(booth, "ann", **CZECH)


def test_a_name_in_the_table_leads_there(booth: Booth) -> None:
    ann = booth.world.realm.find_user("ann")
    assert ann is not None
    table = booth.send("GET", f"{HOME}/applications/WFM", booth.sit())
    link = f"{HOME}/users/{ann.id}"
    assert link in Page.of(table).links
    assert "ann" in Page.of(booth.send("GET", link, booth.sit())).text


def test_nobody_of_that_name_is_no_page_and_a_stranger_has_to_log_in(booth: Booth) -> None:
    assert show(booth, "nobody").status == 404
    assert show(booth, "x" * 400).status == 422
    assert "/login?" in booth.send("GET", f"{HOME}/users/ann").location


def test_a_keycloak_that_is_down_is_one_sentence(booth: Booth) -> None:
    booth.world.realm.is_unreachable = True
    try:
        answer = show(booth, "ann")
    finally:
        booth.world.realm.is_unreachable = False
    assert answer.status == 503
    assert "cannot be reached" in Page.of(answer).text


def test_when_access_has_ended_the_licence_is_what_has_to_change() -> None:
    world = World()
    world.import_file(world.sign(scope={"WFM": 1}, expires_on=date(2026, 4, 30)), NOON - 48 * HOUR)
    world.agents("ann")
    world.sync(NOON - 40 * HOUR)
    with open_booth(world=world) as booth:
        text = words(booth, "ann")
    assert "Access to the applications is blocked" in text
    assert "Import a renewed licence: access has ended for everybody." in text
