"""The screen for who has no scripts, no mouse or no English, and for who meets trouble or leaves.

`screen` is that of a realm with five agents of whom three have a seat.
"""

from collections.abc import Iterator
from html.parser import HTMLParser
from threading import Event

import pytest
from playwright.sync_api import Page, expect

from keycloak_license.model.progress import Progress
from keycloak_license.model.report import SyncReport
from keycloak_license.services.reconcile import preview_once
from tests.e2e.chromium import Window, Windows, find_chromium, heading
from tests.e2e.cli import day, license_attributes
from tests.e2e.screen import MANAGER, Screen, now, open_screen
from tests.real.keycloak import AdminApi

FOCUSABLE = """[...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea")]
  .filter(each => each.checkVisibility() && !each.disabled)"""
"""What can be done on a page."""
SOON = 200
"""How many times Tab is pressed at the most."""


@pytest.fixture(scope="module")
def screen(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    with open_screen(keycloak, tmp_path_factory.mktemp("screen") / "site") as opened:
        opened.site.call("import", opened.site.license("FIVE", {"WFM": 3, "QM": None})).done()
        yield opened


def test_a_browser_that_is_missing_is_told_and_not_passed_over() -> None:
    with pytest.raises(AssertionError, match="is here: install the Debian package chromium"):
        find_chromium(path="")


def test_all_that_matters_works_without_javascript(windows: Windows, empty: Screen) -> None:
    site = empty.site
    past = {"issued_on": day(-40), "starts_on": day(-40), "expires_on": day(-1)}
    site.call("import", site.license("OLD", {"WFM": 5}, **past)).done()
    windows.open(empty).inspect("expired")

    window = windows.open(empty, is_stranger=True, java_script_enabled=False)
    window.go_home()
    window.log_in()
    see_that_it_has_expired(window)
    renew_without_scripts(window)
    search_without_scripts(window)
    set_and_sync_without_scripts(window)
    window.press("Log out")
    expect(window.page.get_by_text("You are not logged in.")).to_be_visible()


def see_that_it_has_expired(window: Window) -> None:
    blocked = window.alert("Access to the applications is blocked")
    expect(blocked).to_contain_text("The licence has expired: import a new one.")
    expect(window.card("Licences").get_by_text("EXPIRED", exact=True)).to_be_visible()


def renew_without_scripts(window: Window) -> None:
    site = window.screen.site
    window.page.locator("#file").set_input_files(site.license("NEW", {"WFM": 3}))
    window.press("Import license")
    heading(window.page, "Replace a licence?")
    expect(window.alert("Licence NEW would replace:")).to_contain_text("OLD")
    window.press("Replace")
    expect(window.alert("The licence was imported")).to_be_visible()
    expect(window.card("Licences").get_by_text("OK", exact=True)).to_be_visible()
    assert site.status()["license"]["state"] == "OK"


def search_without_scripts(window: Window) -> None:
    window.press("View details of Workforce Management", "link")
    heading(window.page, "Detail: Workforce Management")
    window.page.get_by_label("Search by name or e-mail").fill("agent4")
    window.press("Search")
    rows = window.page.locator("#members tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("waiting at place 1")


def set_and_sync_without_scripts(window: Window) -> None:
    window.page.get_by_label("Expiration notification in days").fill("14")
    window.press("Save")
    expect(window.alert("The setting was saved")).to_be_visible()
    assert license_attributes(window.screen.realm)["license.expiry_notice_days"] == "14"
    window.press("Sync now")
    heading(window.page, "License Management")
    while window.page.locator(".sync-running").count():
        window.press("Look again", "link")
    expect(window.page.get_by_text("The sync is done")).to_be_visible()


def test_who_logs_out_has_to_log_in_again_at_keycloak_too(windows: Windows, screen: Screen) -> None:
    window = windows.open(screen, is_stranger=True)
    window.go_home()
    window.log_in()
    heading(window.page, "License Management")

    window.press("Log out")

    expect(window.page.get_by_text("You are not logged in.")).to_be_visible()
    window.go_home()
    expect(window.page.locator("#username")).to_have_value("")
    assert screen.audit()[0] == ("marta", "logout", None)


def test_a_sync_shows_how_far_it_is_until_it_is_done(windows: Windows, screen: Screen) -> None:
    window, another = windows.open(screen), windows.open(screen)
    desk, may_end = screen.server.desks[screen.realm.name], Event()

    def work(progress: Progress) -> SyncReport:
        progress("users", 3, 10)
        assert may_end.wait(60)
        return preview_once(desk.managed, now=now())

    assert desk.job.start(work, lambda _: None)
    try:
        for each in (window, another):
            each.press("Sync now")
            running = each.page.locator(".sync-running")
            expect(running).to_contain_text("A sync is running. users: 3 / 10")
            expect(running.get_by_role("progressbar")).to_have_attribute("value", "30")
        window.inspect("sync")
    finally:
        may_end.set()

    expect(window.alert("The sync is done: 0 changes")).to_be_visible()
    expect(another.alert("The sync is done: 0 changes")).to_be_visible()
    expect(window.page.get_by_role("button", name="Sync now")).to_be_visible()


def test_a_refusal_takes_the_place_of_the_page_and_not_of_a_part(windows: Windows, screen: Screen) -> None:
    window = windows.open(screen, is_stranger=True)
    window.go_home()
    window.log_in()
    heading(window.page, "License Management")
    newer = window.context.new_page()
    newer.goto(f"{screen.home}/login")
    heading(newer, "License Management")

    window.press("Sync now")

    heading(window.page, "Not done")
    expect(window.alert("This form is not from this page, or too old: open the page again")).to_be_visible()
    expect(window.page.get_by_role("banner")).to_have_count(1)
    window.inspect("problem")
    window.press("Back to License Management", "link")
    heading(window.page, "License Management")
    window.expected = [403]


def test_the_screen_speaks_czech(windows: Windows, screen: Screen) -> None:
    window = windows.open(screen)
    window.page.locator("#language").select_option("Čeština")
    heading(window.page, "Správa licencí")
    expect(window.page.locator("html")).to_have_attribute("lang", "cs")
    window.press("Zobrazit detail: Workforce Management", "link")
    heading(window.page, "Detail: Workforce Management")
    expect(window.page.locator("#members")).to_contain_text("čeká na 2. místě")
    expect(window.page.locator("#members")).to_contain_text("1 až 5 z 5")
    expect(window.card("Licence").locator(".pf-m-red")).to_have_text("2 čekají")
    window.inspect("Czech")

    # A page that is the answer to a form leads back to one that can be asked for.
    window.page.locator("#file").set_input_files(screen.site.license("NEXT", {"WFM": 4}))
    heading(window.page, "Nahradit licenci?")
    window.press("Zrušit", "link")
    window.page.locator("#file").set_input_files(screen.site.config)
    expect(window.alert("Neprovedeno").locator("[lang=en]")).to_contain_text("is not a licence")
    window.page.locator("#file").set_input_files(screen.site.license("NEXT", {"WFM": 4}))
    heading(window.page, "Nahradit licenci?")
    window.page.locator("#language").select_option("English")
    heading(window.page, "License Management")
    window.expected = [422]


def test_everything_can_be_done_by_keyboard(windows: Windows, screen: Screen) -> None:
    window = windows.open(screen)
    page = window.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()

    page.get_by_role("link", name="View details of Workforce Management").press("Enter")
    expect(page.locator("#detail-title")).to_be_focused()
    assert reached_by_tab(page) == set(range(page.evaluate(f"{FOCUSABLE}.length")))

    page.locator("#sort-email").press("Enter")
    expect(page.locator("[aria-sort=ascending]")).to_have_text("E-mail")
    expect(page.locator("#sort-email")).to_be_focused()
    page.get_by_label("Search by name or e-mail").fill("agent2")
    page.get_by_label("Search by name or e-mail").press("Enter")
    expect(page.locator("#members tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Sync now").press("Space")
    expect(page.get_by_text("The sync is done")).to_be_visible()
    choose_czech_by_keyboard(page)


def reached_by_tab(page: Page) -> set[int]:
    """Go through the whole page; return which of what can be done on it was met."""
    met: set[int] = set()
    for _ in range(SOON):
        page.keyboard.press("Tab")
        at = page.evaluate(f"{FOCUSABLE}.indexOf(document.activeElement)")
        if at in met:
            break
        if at >= 0:
            met.add(at)
    return met


def choose_czech_by_keyboard(page: Page) -> None:
    """Go through a list, which must not lead away before it is left."""
    page.evaluate("window.isTheSame = true")
    page.locator("#language").press("ArrowDown")
    expect(page.locator("#language")).to_have_value("cs")
    page.get_by_role("button", name="Set").press("Enter")
    expect(page.locator("html")).to_have_attribute("lang", "cs")
    assert page.evaluate("window.isTheSame") is None


def test_no_page_holds_a_script_or_a_style_of_its_own(windows: Windows, screen: Screen) -> None:
    request = windows.open(screen).context.request
    pages = ["", "/applications/WFM", "/applications/QM?search=nobody", "/sync", "/applications/ELSE"]
    pages += [f"/users/{MANAGER}", "/users/nobody"]
    for path in pages:
        answer = request.get(f"{screen.home}{path}")
        inline = Inline()
        inline.feed(answer.text())
        assert (inline.seen > 20, inline.found) == (True, []), path


class Inline(HTMLParser):
    """Finds what a strict content policy keeps from running."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at an element."""
        self.seen += 1
        names = {name for name, _ in attrs}
        is_script = tag == "script" and "src" not in names
        if tag == "style" or is_script or "style" in names or any(name.startswith("on") for name in names):
            self.found.append(self.get_starttag_text() or tag)
