"""License Management in a real Chromium before a real Keycloak: the stories of its pages, one after another.

`office` is a realm with a licence for three applications, one of them full; `empty` one without a licence.
"""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.chromium import Window, Windows, heading
from tests.e2e.cli import Site, day, license_attributes, written
from tests.e2e.desk import Desk, activate, activation_key
from tests.e2e.screen import AGENTS, APPLICATIONS, REALM, Screen, open_screen, people
from tests.real.keycloak import AdminApi

FIRST = ("adam", "eva", "jan", "lucie", "petr", "tereza")
LAST = ("bartos", "cerny", "dolezal", "hajek", "kolar", "marek", "zeman")
COLLEAGUES = [f"{first}.{last}" for first, last in product(FIRST, LAST)]
WFM, WFM_SEATS = len(AGENTS) + len(COLLEAGUES), 40
TEAM, QM = COLLEAGUES[:8], 18
"""Who has the role of Quality Management by a group; how many have it altogether."""
LEARNERS = 12
PICTURE = {"x": 0, "y": 0, "width": 1280, "height": 848}
"""From the top down to the settings."""
HELD = "Confirm and release 8 seats"


@pytest.fixture(scope="module")
def office(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    applications = APPLICATIONS | {"EL": {"name": "eLearning", "roles": ["EL_*"]}}
    folder = tmp_path_factory.mktemp("office")
    with open_screen(keycloak, folder / "site", office_realm(), applications=applications) as screen:
        desk = Desk(folder / "vendor").open_for(screen.site)
        file = desk.issue("2026-0815", f"WFM={WFM_SEATS}", "QM=25", "EL=50")
        activate(screen.site, desk, file)
        yield screen


def office_realm() -> dict[str, Any]:
    """What is there beside the scene: more people, one more role, one more group."""
    since = 1_700_000_001_000
    colleagues = [
        {
            "username": name,
            "enabled": True,
            "email": f"{name}@example.com",
            "createdTimestamp": since + place,
            "groups": ["/AGENTS", "/QUALITY"] if name in TEAM else ["/AGENTS"],
            "realmRoles": (["QM_AGENT"] if len(TEAM) <= place < QM else [])
            + (["EL_LEARNER"] if place < LEARNERS else []),
        }
        for place, name in enumerate(COLLEAGUES)
    ]
    return {
        "roles": {"realm": [*REALM["roles"]["realm"], {"name": "EL_LEARNER"}]},
        "groups": [*REALM["groups"], {"name": "QUALITY", "realmRoles": ["QM_AGENT"]}],
        "users": people() + colleagues,
    }


def test_who_has_the_role_gets_in_and_others_are_told_why_not(windows: Windows, office: Screen) -> None:
    window = windows.open(office, is_stranger=True)
    window.page.goto(office.url)
    expect(window.page.get_by_text("You are not logged in.")).to_be_visible()
    window.inspect("home")
    window.press(f"Log in to realm {office.realm.name}", "link")
    window.log_in("otto")

    told = window.alert("The role manage-licenses is missing")
    expect(told).to_contain_text("You are logged in as otto, who may not manage licences.")
    window.inspect("no role")
    window.press("Log in as somebody else", "link")
    window.log_in("marta")

    heading(window.page, "License Management")
    expect(window.page.locator(".masthead-user")).to_have_text("marta")
    window.expected = [403]


def test_a_licence_is_imported_activated_and_replaced(windows: Windows, empty: Screen) -> None:
    desk = Desk(empty.site.folder / "vendor").open_for(empty.site)
    window = windows.open(empty)
    see_that_nobody_has_access(window)
    inactive = desk.issue("2026-0815", "WFM=3", "QM=5")
    import_by_the_button(window, inactive, empty.site)

    key = copy_the_key(window)

    assert key == activation_key(empty.site)
    replace_by_dropping(window, desk.activate(inactive, key), empty.site)
    assert empty.audit()[:2] == [("marta", "import", None)] * 2
    see_what_else_there_can_be(window, desk, empty.site)


def see_that_nobody_has_access(window: Window) -> None:
    blocked = window.alert("Access to the applications is blocked")
    expect(blocked).to_contain_text("There is no licence: import the one you were sent.")
    expect(window.card("Licences")).to_contain_text("No licence was imported yet.")
    expect(window.card("License history")).to_contain_text("No licence was replaced yet.")
    window.inspect("no licence")


def import_by_the_button(window: Window, file: Path, site: Site) -> None:
    before = written(site)
    for answer in ("Cancel", "Import"):
        with window.page.expect_file_chooser() as chooser:
            window.press("Import license")
        chooser.value.set_files(file)
        heading(window.page, "Import licence 2026-0815?")
        assert written(site) == before
        if answer == "Cancel":
            window.inspect("preview")
        window.press(answer, "link" if answer == "Cancel" else "button")
        heading(window.page, "License Management")
        if answer == "Cancel":
            assert written(site) == before
    expect(window.alert("The licence was imported")).to_be_visible()
    expect(window.card("Licences")).to_contain_text("NOT_ACTIVATED")
    window.inspect("not activated")


def copy_the_key(window: Window) -> str:
    """Press the button, and paste what is in the clipboard elsewhere."""
    window.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=window.screen.url)
    window.press("Copy license key")
    expect(window.card("Activation").get_by_role("status")).to_have_text("Copied")
    elsewhere = window.context.new_page()
    elsewhere.set_content("<textarea>")
    elsewhere.locator("textarea").press("Control+V")
    pasted = elsewhere.locator("textarea").input_value()
    elsewhere.close()
    return pasted


def replace_by_dropping(window: Window, file: Path, site: Site) -> None:
    before = written(site)
    for answer in ("Cancel", "Replace"):
        drop(window.page, file)
        heading(window.page, "Replace a licence?")
        expect(window.alert("Licence 2026-0815 would replace:")).to_contain_text("2026-0815")
        assert written(site) == before
        window.press(answer, "link" if answer == "Cancel" else "button")
        heading(window.page, "License Management")
    expect(window.card("Licences").get_by_text("OK", exact=True)).to_be_visible()
    expect(window.card("Activation")).not_to_be_visible()
    expect(window.page.get_by_text("is blocked")).not_to_be_visible()
    assert site.status()["license"]["state"] == "OK"


def drop(page: Page, file: Path) -> None:
    """Let somebody drag a file onto the page and drop it there."""
    data = page.evaluate_handle(
        """([name, text]) => {
          const data = new DataTransfer();
          data.items.add(new File([text], name));
          return data;
        }""",
        [file.name, file.read_text()],
    )
    zone = page.locator("[data-import]")
    zone.dispatch_event("dragover", {"dataTransfer": data})
    expect(zone).to_have_class(re.compile(r"\bis-over\b"))
    zone.dispatch_event("drop", {"dataTransfer": data})


def see_what_else_there_can_be(window: Window, desk: Desk, site: Site) -> None:
    """A temporary licence over the commercial one, one that is yet to begin, and those of the past."""
    next_year = desk.issue("2027-0001", "WFM=4", issued=day(0), starts=day(200), expires=day(600))
    for file in (site.license("TRIAL", {"WFM": 10}), next_year):
        site.call("import", file, "--replace").done()
    window.page.reload()
    rows = window.card("Licences").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("TRIAL")
    expect(rows.nth(1)).to_contain_text("temporary")
    expect(rows.filter(has_text="2026-0815")).to_contain_text("beneath the temporary one")
    expect(rows.filter(has_text="2027-0001")).to_contain_text("future")
    history = window.card("License history").get_by_role("row")
    expect(history.filter(has_text="2026-0815")).to_have_count(1)
    window.inspect("temporary over commercial")


def test_usage_stands_out_where_people_wait(windows: Windows, office: Screen) -> None:
    window = windows.open(office)
    rows = window.card("Licences").locator(".usage-row")

    full, free = rows.filter(has_text="WFM"), rows.filter(has_text="QM")
    expect(full.locator(".usage-figures")).to_have_text(re.compile(r"40\s*/ 40\s*100%"))
    expect(full.locator(".pf-m-red")).to_have_text("7 wait")
    expect(full.locator(".usage-bar-over")).to_have_attribute("width", "100%")
    expect(free.locator(".usage-figures")).to_have_text(re.compile(r"18\s*/ 25\s*72%"))
    expect(free.locator(".usage-bar-free")).to_have_attribute("width", "72%")
    expect(free.locator(".pf-m-red")).to_have_count(0)
    window.inspect("people wait")
    # For the README; nobody's realm is called as those of tests are.
    window.page.locator(".masthead-realm").evaluate("each => { each.textContent = 'acme'; }")
    window.keep("license-management", full_page=False, clip=PICTURE)


def test_the_eye_opens_the_members_without_leaving_the_page(windows: Windows, office: Screen) -> None:
    window = windows.open(office)
    page, rows = window.page, window.page.locator("#members tbody tr")
    page.evaluate("window.isTheSame = true")
    window.press("View details of Workforce Management", "link")

    heading(page, "Detail: Workforce Management")
    expect(page.locator("#detail-title")).to_be_focused()
    expect(page).to_have_url(f"{office.home}/applications/WFM")
    expect(page.locator("#detail")).to_contain_text("40 of 40 seats used, 7 wait")
    expect(rows).to_have_count(20)
    expect(rows.first).to_contain_text(
        re.compile(r"agent1.*seated.*group /AGENTS → role WFM_AGENT", re.DOTALL)
    )
    window.inspect("detail")
    look_through_the_members(window)
    assert page.evaluate("window.isTheSame")

    page.go_back()
    expect(page.locator("#detail")).to_be_empty()
    expect(page).to_have_url(office.home)


def test_a_name_leads_to_all_about_a_user(windows: Windows, office: Screen) -> None:
    window = windows.open(office)
    window.press("View details of Workforce Management", "link")
    window.press("agent1", "link", within="#members")
    heading(window.page, "agent1")
    for told in ("group /AGENTS → role WFM_AGENT", "so that the seat is free", "leave group /AGENTS"):
        expect(window.page.locator("#main")).to_contain_text(told)
    window.inspect("user")
    window.press("Back", "link")
    expect(window.page).to_have_url(office.home)


def look_through_the_members(window: Window) -> None:
    page, rows = window.page, window.page.locator("#members tbody tr")
    window.press("Next", "link")
    expect(page.locator(".pages")).to_contain_text("21 to 40 of 47")
    window.press("Next", "link")
    expect(rows).to_have_count(7)
    expect(rows.first).to_contain_text("waiting at place 1")
    window.press("User", "link", within="#members")
    expect(page.locator("[aria-sort=ascending]")).to_have_text("User")
    expect(page.locator("#sort-user")).to_be_focused()
    window.press("User", "link", within="#members")
    expect(page.locator("[aria-sort=descending]")).to_have_text("User")
    expect(rows.first).to_contain_text("tereza.zeman")
    page.get_by_label("Search by name or e-mail").fill("TEREZA")
    page.locator("#state").select_option("waiting")
    window.press("Search")
    expect(rows).to_have_count(7)
    expect(page.locator(".pages")).to_contain_text("1 to 7 of 7")


def test_the_members_come_as_csv_as_the_command_gives_them(windows: Windows, office: Screen) -> None:
    window = windows.open(office)
    window.page.goto(f"{office.home}/applications/WFM")
    with window.page.expect_download() as download:
        window.press("CSV", "link")
    lines = download.value.path().read_text().splitlines()

    assert download.value.suggested_filename == "members-WFM.csv"
    assert lines == office.site.call("members", "WFM", "--csv").done().stdout.splitlines()
    assert len(lines) == 1 + WFM


def test_the_notice_days_are_kept_in_the_realm_and_nonsense_is_not(windows: Windows, office: Screen) -> None:
    window = windows.open(office)
    field = window.page.get_by_label("Expiration notification in days")
    field.fill("7, 60")
    window.press("Save")
    expect(window.alert("The setting was saved")).to_be_visible()
    expect(field).to_have_value("60, 7")

    field.fill("soon")
    window.press("Save")

    expect(window.alert("Not done")).to_contain_text("is a whole number from 0 to")
    expect(field).to_have_value("60, 7")
    assert license_attributes(office.realm)["license.expiry_notice_days"] == "60, 7"
    window.expected = [422]


def test_held_releases_are_carried_out_when_they_are_confirmed(windows: Windows, office: Screen) -> None:
    window = windows.open(office)
    role, group = [office.realm.get("/roles/QM_AGENT")], office.realm.group_id("/QUALITY")
    office.realm.delete(f"/groups/{group}/role-mappings/realm", role)
    window.press("Sync now")
    expect(window.page.get_by_text("The sync is done")).to_be_visible()
    rows = window.card("Held releases").locator("tbody tr")
    expect(rows).to_have_count(len(TEAM))
    assert {each.split("\t")[1] for each in rows.all_inner_texts()} == set(TEAM)
    expect(rows.first).to_contain_text("has no role of it any more")
    assert office.site.usage("QM") == (25, QM, 0)
    window.inspect("held releases")

    window.press(HELD)

    expect(window.page.get_by_text("The sync is done")).to_be_visible()
    expect(window.card("Held releases")).not_to_be_visible()
    assert office.site.usage("QM") == (25, QM - len(TEAM), 0)
    assert office.audit()[0] == ("marta", "confirm", None)
    office.realm.post(f"/groups/{group}/role-mappings/realm", role)
    office.site.call("sync").done()
