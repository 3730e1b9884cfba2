"""The walk of a commercial licence: inactive, its key, activated, Replace, OK; by the command alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.cli import (
    CountingProxy,
    Outcome,
    Site,
    day,
    license_attributes,
    make_site,
    written,
)
from tests.e2e.crew import APPLICATIONS, Crew, standing
from tests.e2e.desk import Desk, activate, activation_key, listed
from tests.real.keycloak import MakeRealm

PRAGUE = "Europe/Prague"
PEOPLE = ("ann", "bob", "cid")


@pytest.fixture
def fresh(make_realm: MakeRealm, tmp_path: Path) -> Site:
    """A realm in Prague where nothing of ours was ever made; ann and bob are agents, cid is not yet."""
    people = [
        {"username": name, "enabled": True, "realmRoles": ["WFM_AGENT"][: name != "cid"]} for name in PEOPLE
    ]
    realm = make_realm({"users": people, "roles": {"realm": [{"name": "WFM_AGENT"}, {"name": "QM_AGENT"}]}})
    places = {realm.name: {"time_zone": PRAGUE}}
    return make_site(tmp_path / "site", realm, applications=APPLICATIONS, realms=places)


def test_a_commercial_licence_is_imported_activated_and_replaced(fresh: Site) -> None:
    fresh.init().done()
    desk = Desk(fresh.folder / "vendor").open_for(fresh)
    inactive = desk.issue("C-1", "WFM=2", "QM=1", expires=day(400))
    active = desk.folder / "activated.lic"

    text = fresh.run("import", inactive).done().stdout
    assert "activation-key" in text
    assert_in_grace(fresh, text)

    key = fresh.run("activation-key").done()
    assert (key.stdout.splitlines(), key.stderr) == ([key.stdout.strip()], "")
    words = ("vendor", "activate", "--key", desk.key, "--license", inactive, "--out", active)
    mistyped = key.stdout.strip()[:-1] + ("B" if key.stdout.strip().endswith("A") else "A")
    assert "mistyped" in fresh.run(*words, "--activation-key", mistyped).refused(4)
    assert not active.exists()
    fresh.run(*words, "--activation-key", key.stdout).done()

    assert_replacing_is_asked_for(fresh, active)
    assert_it_is_ok(fresh, active)


def assert_in_grace(site: Site, text: str) -> None:
    """Until 00:00 in Prague, thirty days after the day of issue."""
    assert standing(site) == ("NOT_ACTIVATED", "granted", "grace", "C-1")
    stops_at = datetime.combine(date.fromisoformat(day(30)), time.min, ZoneInfo(PRAGUE))
    assert license_attributes(site.realm)["license.stops_at"] == stops_at.isoformat()
    assert site.status()["license"]["stops_at"] == stops_at.isoformat()
    assert f"Access ends at {stops_at.isoformat(sep=' ')}" in text
    assert site.usage() == (2, 2, 0)


def assert_replacing_is_asked_for(site: Site, active: Path) -> None:
    """By a third agent who came since, the question shows what else it changes."""
    role = site.realm.get("/roles/WFM_AGENT")
    site.realm.post(f"/users/{site.realm.user_id('cid')}/role-mappings/realm", [role])
    before = written(site)
    assert "--replace" in site.run("import", active).refused(4)
    assert written(site) == before

    refused = site.answer("import", active, question="[y/N]", answer="n")

    assert refused.status == 4
    assert written(site) == before
    shown = refused.stderr.partition("Replace licence C-1 issue 1?")[0]
    was, _, becomes = shown.partition("Before:")[2].partition("After:")
    assert "NOT_ACTIVATED, access granted (grace)" in was
    assert "OK, access granted (active)" in becomes
    assert was.split().count("WFM") == 1
    assert "waiting WFM cid" in becomes


def assert_it_is_ok(site: Site, active: Path) -> None:
    site.answer("import", active, question="Replace licence C-1 issue 1?", answer="y").done()

    assert standing(site) == ("OK", "granted", "active", "C-1")
    assert site.usage() == (2, 2, 1)
    last_day, ends_at = day(400), datetime.combine(date.fromisoformat(day(401)), time.min, ZoneInfo(PRAGUE))
    for words in (("status",), ("doctor",), ("licenses",)):
        shown = site.call(*words).done().stdout
        assert last_day in shown
        assert ends_at.isoformat(sep=" ") in shown
    assert listed(site) == [
        ("C-1", 1, "NOT_ACTIVATED", False, "replaced"),
        ("C-1", 1, "OK", True, "active"),
    ]
    inspected = site.call("vendor", "inspect", active, "--json").document
    assert inspected["signature"] == "holds"
    installation = site.status()["installation_id"]
    assert inspected["license"]["activation"] == {
        "installation_id": installation,
        "realm_id": site.realm.id,
    }


def test_licenses_is_the_document_of_the_contract(crew: Crew, desk: Desk) -> None:
    activate(crew.site, desk, desk.issue("C-1"))

    document = crew.site.call("licenses", "--json").document

    assert list(document) == ["licenses"]
    for each in document["licenses"]:
        assert list(each)[:7] == ["number", "issue", "type", "state", "in_force", "imported_at", "reason"]
        assert each["type"] == "commercial"
        assert datetime.fromisoformat(each["imported_at"]).utcoffset() == timedelta()
    assert [each["imported_at"] for each in document["licenses"]] == sorted(
        each["imported_at"] for each in document["licenses"]
    )


def test_before_the_first_import_there_are_no_licences_and_no_key(crew: Crew) -> None:
    assert crew.site.call("licenses", "--json").document == {"licenses": []}
    assert "No licence" in crew.site.call("licenses").done().stdout
    assert crew.site.realm.name in crew.site.call("activation-key").refused(2)
    crew.site.call("sync").done()
    assert crew.site.realm.name in crew.site.call("activation-key").refused(2)


def test_a_key_of_another_licence_is_refused_by_name(crew: Crew, desk: Desk) -> None:
    crew.site.call("import", desk.issue("C-1")).done()
    key = activation_key(crew.site)

    sentence = desk.try_to_activate(desk.issue("C-2"), key).refused(4)
    assert "C-1" in sentence
    assert "C-2" in sentence

    sentence = desk.try_to_activate(desk.issue("C-1", issue_number=2), key).refused(4)
    assert "issue 1" in sentence
    assert "issue 2" in sentence


def test_every_single_mistake_in_a_key_is_found(crew: Crew, desk: Desk) -> None:
    file = desk.issue("C-1")
    crew.site.call("import", file).done()
    key = activation_key(crew.site)

    for place in range(0, len(key), 7):
        for wrong in (key[:place] + key[place + 1 :], key[:place] + "_" + key[place:]):
            desk.try_to_activate(file, wrong).refused(4)
    desk.try_to_activate(file, f"{key[:30]}\n  {key[30:]}\n").done()


def test_the_same_file_again_says_so_and_asks_for_no_write(crew: Crew, desk: Desk) -> None:
    crew.hire("ann")
    active = activate(crew.site, desk, desk.issue("C-1"))
    before = written(crew.site)

    with watched(crew.site) as proxy:
        text = crew.site.call("import", active).done().stdout
        again = crew.site.call("import", active, "--replace", "--json").document
        assert proxy.methods["PUT"] == proxy.methods["DELETE"] == 0

    assert "imported before" in text
    assert (again["already_imported"], again["changes"]) == (True, [])
    assert written(crew.site) == before
    assert len(listed(crew.site)) == 2


def test_the_inactive_file_does_not_come_back_over_the_activated_one(crew: Crew, desk: Desk) -> None:
    inactive = desk.issue("C-1")
    activate(crew.site, desk, inactive)
    before = written(crew.site)

    for words in ((), ("--replace",), ("--dry-run",)):
        sentence = crew.site.call("import", inactive, *words).refused(4)
        assert "C-1" in sentence
        assert "activated" in sentence

    assert written(crew.site) == before


def test_only_what_waits_for_activation_has_a_key(crew: Crew, desk: Desk) -> None:
    crew.site.call("import", desk.issue("T-1", type="temporary")).done()
    sentence = crew.site.call("activation-key").refused(2)
    assert "T-1" in sentence
    assert "temporary" in sentence

    activate(crew.site, desk, desk.issue("C-1"))
    sentence = crew.site.call("activation-key").refused(2)
    assert "C-1" in sentence
    assert "activated already" in sentence


def test_the_key_is_told_while_keycloak_is_down_and_whatever_the_secret(crew: Crew, desk: Desk) -> None:
    crew.site.call("import", desk.issue("C-1")).done()
    key = activation_key(crew.site)

    crew.site.reach("http://127.0.0.1:1", client_secret="wr0ng")

    assert activation_key(crew.site) == key
    assert listed(crew.site) == [("C-1", 1, "NOT_ACTIVATED", True, "grace")]


def test_an_import_that_cannot_be_carried_out_is_told_in_one_sentence(crew: Crew, desk: Desk) -> None:
    site = crew.site
    file = desk.issue("C-1")
    before = written(site)

    assert str(desk.folder) in site.call("import", desk.folder).refused(2)
    site.call("import", site.keys / "v1.public.pem").refused(4)
    assert "no-such-realm" in site.call("import", file, "--realm", "no-such-realm").refused(2)
    assert "no-such-realm" in site.call("activation-key", "--realm", "no-such-realm").refused(2)
    site.reach("http://127.0.0.1:1").call("import", file).refused(3)
    site.reach(site.realm.api.url, client_secret="wr0ng").call("import", file).refused(2)

    site.configure()
    assert written(site) == before


def test_an_activation_that_cannot_be_carried_out_is_told_in_one_sentence(crew: Crew, desk: Desk) -> None:
    file = desk.issue("C-1")
    crew.site.call("import", file).done()
    key = activation_key(crew.site)

    def activate_with(**changes: Path | str) -> Outcome:
        given = {"key": desk.key, "license": file, "activation-key": key, "out": desk.folder / "x.lic"}
        words = [str(word) for name, value in (given | changes).items() for word in (f"--{name}", value)]
        return crew.site.call("vendor", "activate", *words)

    assert str(desk.folder) in activate_with(license=desk.folder).refused(2)
    activate_with(license=desk.key).refused(4)
    activate_with(key=desk.folder).refused(2)
    activate_with(key=desk.folder / "v1.public.pem").refused(2)
    activate_with(out=desk.key).refused(2)
    assert "licence file" in activate_with(**{"activation-key": file.read_text()}).refused(4)
    activate_with(**{"activation-key": ""}).refused(4)
    assert not (desk.folder / "x.lic").exists()
    activate_with().done()


@contextmanager
def watched(site: Site) -> Iterator[CountingProxy]:
    """A proxy through which the site goes, and sees what it asks."""
    with CountingProxy(site.realm.api.url) as proxy:
        site.reach(proxy.url)
        yield proxy
    site.configure()
