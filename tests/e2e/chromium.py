"""The screen in a real Chromium, which is watched: what it asks for, and what it complains about.

`open_chromium` starts the browser; `Windows` opens windows on a `Screen`, each with cookies of its own.
A `Window` ends well only if nothing went elsewhere, nothing was complained about, and no answer failed but
those that a test expects.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests.e2e.screen import MANAGER, PASSWORD, Screen

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ARTEFACTS = "KEYCLOAK_LICENSE_TEST_ARTEFACTS"
PATIENCE_MS = 60_000
"""Ends a test that hangs; nothing is measured with it."""
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
STATUS_TOLD = "Failed to load resource: the server responded with a status of"
"""What Chromium says itself of an answer that failed; `Window.failed` has it already."""
WIDE = """() => [...document.querySelectorAll("*")].filter(each =>
  each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 1 && each.tagName !== "INPUT"
  && (each === document.documentElement || getComputedStyle(each).overflowX !== "visible")
).map(each => each.outerHTML.slice(0, 200))"""
"""Which elements hide something at their side, or have it reached by scrolling."""

Theme = Literal["light", "dark"]


def find_chromium(path: str | None = None) -> str:
    """Where Chromium is; `path` as in the environment. Fails where there is none."""
    for name in NAMES:
        if program := shutil.which(name, path=path):
            return program
    raise AssertionError(
        f"The tests of the screen need a Chromium, and none of {', '.join(NAMES)} is here: install the "
        "Debian package chromium, or its like on this system"
    )


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Start Chromium without a window; it ends with the block."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Window:
    """One window on a screen."""

    screen: Screen
    context: BrowserContext
    page: Page
    expected: list[int] = field(default_factory=list)
    """The statuses of answers that are to fail, in their order."""
    failed: list[int] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)
    """The address of each request."""
    unguarded: list[str] = field(default_factory=list)
    """Answers of ours that would let inline scripts or styles run."""

    def watch(self) -> None:
        """Begin to remember."""
        self.context.on("request", self._asked)
        self.context.on("response", self._answered)
        self.context.on("console", self._told)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def end(self) -> None:
        """Close the window; what it has seen must be in order."""
        self.context.close()
        ours, keycloak = self.screen.url, self.screen.realm.api.url
        elsewhere = {each for each in self.requested if not each.startswith((f"{ours}/", f"{keycloak}/"))}
        seen = elsewhere, self.complaints, self.unguarded, self.failed
        assert seen == (set(), [], [], self.expected), f"{seen}"

    def log_in(self, username: str = MANAGER) -> None:
        """Fill in Keycloak's form, which is shown."""
        expect(self.page.locator("#kc-form-login")).to_be_visible()
        if not self.page.locator("#username").is_visible():  # somebody else is logged in at Keycloak
            self.page.locator("#reset-login").click()
        self.page.locator("#username").fill(username)
        self.page.locator("#password").fill(PASSWORD)
        self.page.locator("#kc-login").click()

    def go_home(self) -> None:
        """Open the realm's page, as somebody who is logged in or not."""
        self.page.goto(self.screen.home)

    def press(self, name: str, role: Literal["button", "link"] = "button", *, within: str = "body") -> None:
        """Press the one button, or follow the one link, of that name."""
        self.page.locator(within).get_by_role(role, name=name, exact=True).click()

    def alert(self, title: str) -> Locator:
        """Return what a person is told under a title."""
        found = self.page.locator(".pf-v6-c-alert")
        return found.filter(has=self.page.get_by_text(title, exact=True))

    def card(self, title: str) -> Locator:
        """Return a part of the page by its heading."""
        return self.page.get_by_role("region", name=title, exact=True)

    def inspect(self, name: str) -> None:
        """Let nobody be kept out of what is shown: light and dark, and on a phone; keep pictures of it."""
        for theme in ("light", "dark"):
            self.show_in(theme)
            self.keep(f"{name}, {theme}")
            violations = Axe().run(self.page).response["violations"]
            bad = [each for each in violations if each["impact"] in ("serious", "critical")]
            assert not bad, f"{name}: {bad}"
        self.show_in("light")
        with self.on_phone():
            self.keep(f"{name}, phone")
            wide = self.page.evaluate(WIDE)
            assert not wide, f"{name}: {wide}"

    def show_in(self, theme: Theme) -> None:
        """Let the system have a theme."""
        self.page.emulate_media(color_scheme=theme)

    @contextmanager
    def on_phone(self) -> Iterator[None]:
        """Have a narrow screen as long as the block lasts."""
        self.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        yield
        self.page.set_viewport_size(DESK)  # type: ignore[arg-type]

    def keep(self, name: str, **how: Any) -> None:
        """Keep a picture of the whole page among the artefacts."""
        # To hide the caret, Playwright would write styles into the page.
        known: dict[str, Any] = {"full_page": True, "animations": "disabled", "caret": "initial"}
        self.page.screenshot(path=artefacts() / f"{name}.png", **(known | how))

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob"):
            self.requested.append(request.url)

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.failed.append(response.status)
        if response.url.startswith(f"{self.screen.url}/"):
            policy = response.headers.get("content-security-policy", "")
            guarded = {"default-src 'none'", "script-src 'self'", "style-src 'self'"}
            if not guarded <= set(policy.split("; ")):
                self.unguarded.append(f"{response.url}: {policy}")

    def _told(self, message: ConsoleMessage) -> None:
        is_ours = message.page is None or message.page.url.startswith(f"{self.screen.url}/")
        if message.type in ("error", "warning") and is_ours and not message.text.startswith(STATUS_TOLD):
            self.complaints.append(message.text)


class Windows:
    """Opens windows of one browser on screens; those who are logged in share one login for each screen."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._logged_in: dict[str, Any] = {}
        self._open: list[Window] = []

    def open(self, screen: Screen, *, is_stranger: bool = False, **options: Any) -> Window:
        """Open one, at the realm's page unless it is a stranger's; options are Playwright's of a context."""
        state = None if is_stranger else self._login_for(screen)
        window = self._new(screen, storage_state=state, **options)
        if not is_stranger:
            window.go_home()
        return window

    def end(self) -> None:
        """Close all; what each of them has seen must be in order."""
        while self._open:
            self._open.pop().end()

    def _login_for(self, screen: Screen) -> Any:
        if screen.url not in self._logged_in:
            window = self._new(screen)
            window.go_home()
            window.log_in()
            window.page.wait_for_url(screen.home)
            self._logged_in[screen.url] = window.context.storage_state()
        return self._logged_in[screen.url]

    def _new(self, screen: Screen, **options: Any) -> Window:
        context = self._browser.new_context(**{"locale": "en-GB", "viewport": DESK, **options})
        context.set_default_timeout(PATIENCE_MS)
        window = Window(screen, context, context.new_page())
        window.watch()
        self._open.append(window)
        return window


def heading(page: Page, name: str) -> None:
    """Wait for a page by its heading."""
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def artefacts() -> Path:
    """Where pictures are kept."""
    folder = Path(os.environ.get(ARTEFACTS) or ".cache/artefacts/screen")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
