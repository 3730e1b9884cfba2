"""A screen under attack: a real Keycloak behind a proxy that goes down, a real port, a clock that moves.

`Siege` is the scene; `sit` seats somebody without a login.
Used by the tests of attacks.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from keycloak_license.bootstrap import open_database, tls_check
from keycloak_license.settings import Settings, load_settings
from keycloak_license.web.limits import Limits
from keycloak_license.web.oidc import Identity, Provider
from keycloak_license.web.server import open_site, serve_screen
from keycloak_license.web.sessions import begin
from keycloak_license.web.site import Site as ScreenSite
from tests.e2e.cli import free_port, make_site
from tests.e2e.screen import APPLICATIONS, MANAGER, REALM, Screen, Web, people
from tests.real.faults import FaultProxy
from tests.real.keycloak import AdminApi, temporary_realm

SESSION = "__Host-keycloak-license"


@dataclass
class Clock:
    """The present, moved by what a test says."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Siege(Screen):
    """A screen, and what a test may do to its surroundings."""

    clock: Clock
    proxy: FaultProxy
    """Before everything but logins and keys, whose issuer is Keycloak's own address."""

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def rest(self) -> None:
        """Let the present be the present, Keycloak be there, and nobody have done anything too often."""
        self.clock.ahead = timedelta()
        self.server.limits._limiter.storage.reset()

    def sit(self, username: str = MANAGER, realm: str | None = None) -> Web:
        """A browser of somebody who has logged in; Keycloak has not been asked."""
        desk = self.server.desks[realm or self.realm.name]
        who = Identity(self.realm.user_id(username), username, f"sid of {username}", "an id token")
        web = Web(self)
        web.cookies[self.host] = {SESSION: begin(self.server, desk, who)[0]}
        return web

    def tables(self, *but: str) -> dict[str, list[Any]]:
        """All rows of the ledger."""
        with closing(sqlite3.connect(self.site.ledger)) as database:
            names = [
                name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
            ]
            return {
                name: database.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608
                for name in names
                if name not in but
            }

    def everything(self) -> object:
        """All that a request might change, but for when who was seen and whether Keycloak was asked."""
        attributes = self.realm.get()["attributes"]
        return self.tables("screen_sessions", "login_attempts"), attributes


@contextmanager
def open_siege(
    api: AdminApi, folder: Path, realm: Mapping[str, Any] | None = None, **changes: Any
) -> Iterator[Siege]:
    """Make a realm and open its screen; `realm` is added to the representation."""
    with (
        FaultProxy(api.url) as proxy,
        temporary_realm(api, REALM | {"users": people()} | dict(realm or {})) as made,
    ):
        web = {"port": free_port(), "management_port": free_port()}
        site = make_site(folder, made, **{"applications": APPLICATIONS, "web": web, **changes})
        site.init().done()
        settings = load_settings(site.reach(proxy.url).config, {})
        with closing(open_database(settings)) as ledger:
            clock = Clock()
            server = replace(open_site(settings, ledger), clock=clock, limits=Limits())
            server = _logging_in_at(api.url, server, settings)
            with serve_screen("127.0.0.1", settings.web.port, server, ()):
                yield Siege(site, server, settings.web.address.public_url, clock, proxy)


def _logging_in_at(url: str, site: ScreenSite, settings: Settings) -> ScreenSite:
    def provider(name: str) -> Provider:
        return Provider(url, name, verify_tls=tls_check(settings), timeout_seconds=30)

    return replace(
        site, desks={name: replace(desk, provider=provider(name)) for name, desk in site.desks.items()}
    )
