"""The License Management screen as people and programs meet it: a real Keycloak, a real port.

`Screen` is a realm with a site whose screen is open; `PEOPLE` says who is in it. `token` is what a program
brings; `Web` is a browser without a window, for what a real one would never send.
"""

import html
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from keycloak_license.bootstrap import open_database
from keycloak_license.settings import load_settings
from keycloak_license.web.server import open_site, serve_screen
from keycloak_license.web.site import Site as ScreenSite
from tests.e2e.cli import Site, make_site, own_ports
from tests.real.keycloak import AdminApi, RealRealm, temporary_realm

PASSWORD = "a long enough password"
MANAGER, OTHER = "marta", "otto"
AGENTS = tuple(f"agent{number}" for number in range(1, 6))
APPLICATIONS: dict[str, Any] = {
    "WFM": {"name": "Workforce Management", "roles": ["WFM_*"]},
    "QM": {"name": "Quality Management", "roles": ["QM_*"]},
}


def people() -> list[dict[str, Any]]:
    """One who manages licences, one who does not, and five agents in a group."""
    first = 1_700_000_000_000
    logins = [_login(MANAGER, ["manage-licenses"]), _login(OTHER, [])]
    agents = [
        {"username": name, "enabled": True, "email": f"{name}@example.com", "groups": ["/AGENTS"]}
        | {"createdTimestamp": first + place}
        for place, name in enumerate(AGENTS)
    ]
    return logins + agents


def _login(name: str, roles: list[str]) -> dict[str, Any]:
    return {
        "username": name,
        "enabled": True,
        "email": f"{name}@example.com",
        "emailVerified": True,
        "firstName": name.title(),
        "lastName": "Novák",
        "credentials": [{"type": "password", "value": PASSWORD}],
        "realmRoles": roles,
    }


REALM: dict[str, Any] = {
    "roles": {"realm": [{"name": "WFM_AGENT"}, {"name": "QM_AGENT"}, {"name": "manage-licenses"}]},
    "groups": [{"name": "AGENTS", "realmRoles": ["WFM_AGENT"]}],
    "clients": [{"clientId": "portal", "publicClient": True, "directAccessGrantsEnabled": True}],
}


@dataclass
class Screen:
    """A screen that is open, and what is behind it."""

    site: Site
    server: ScreenSite
    url: str

    @property
    def realm(self) -> RealRealm:
        return self.site.realm

    @property
    def home(self) -> str:
        """The address of the realm's page."""
        return f"{self.url}/realms/{self.realm.name}"

    @property
    def api(self) -> str:
        """The address of the realm in the API."""
        return f"{self.url}/api/v1/realms/{self.realm.name}"

    def token(self, username: str = MANAGER, client_id: str = "portal") -> str:
        """An access token, as a program of this user has it."""
        answer = requests.post(
            f"{self.realm.api.url}/realms/{self.realm.name}/protocol/openid-connect/token",
            data={
                "grant_type": "password",
                "client_id": client_id,
                "username": username,
                "password": PASSWORD,
            },
            timeout=60,
        )
        assert answer.ok, answer.text
        return str(answer.json()["access_token"])

    def bearer(self, username: str = MANAGER, client_id: str = "portal") -> dict[str, str]:
        """The header with it."""
        return {"Authorization": f"Bearer {self.token(username, client_id)}"}

    def audit(self) -> list[tuple[str, str, str | None]]:
        """Who did what, and what was in the way, the newest first."""
        found = self.server.audit.read(self.realm.name, 100)
        return [(each.username, each.action.value, each.problem) for each in found]


@contextmanager
def open_screen(
    api: AdminApi, folder: Path, more: dict[str, Any] | None = None, **changes: Any
) -> Iterator[Screen]:
    """Make a realm, a site that was never synced, and open its screen; all of it ends with the block.

    `more` replaces whole keys of the realm's representation, `changes` those of the configuration.
    """
    with temporary_realm(api, REALM | {"users": people()} | (more or {})) as realm:
        site = make_site(folder, realm, **{"applications": APPLICATIONS, "web": own_ports(), **changes})
        site.init().done()
        with serve(site) as screen:
            yield screen


@contextmanager
def serve(site: Site, **changes: Any) -> Iterator[Screen]:
    """Open the screen of a site; `changes` replace parts of what is served."""
    settings = load_settings(site.config, {})
    ledger = open_database(settings)
    with closing(ledger):
        server = replace(open_site(settings, ledger), **changes)
        with serve_screen("127.0.0.1", settings.web.port, server, ()) as port:
            yield Screen(site, server, f"http://127.0.0.1:{port}")


class Web:
    """A browser that does what it is told: it keeps cookies and follows nothing by itself.

    Over plain http it shows `Secure` cookies, as browsers do on loopback.
    """

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.session = requests.Session()
        self.cookies: dict[str, dict[str, str]] = {}

    def send(self, method: str, url: str, **how: Any) -> requests.Response:
        """One request, with the cookies of its host; how it is sent is the caller's business."""
        jar = self.cookies.setdefault(urlsplit(url).netloc, {})
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
        headers |= how.pop("headers", {})
        answer = requests.request(method, url, headers=headers, allow_redirects=False, timeout=60, **how)
        for cookie in answer.raw.headers.getlist("Set-Cookie"):
            name, _, rest = cookie.partition("=")
            value = rest.partition(";")[0].strip('"')
            if value and "Max-Age=0" not in cookie:
                jar[name] = value
            else:
                jar.pop(name, None)
        return answer

    def get(self, url: str, **how: Any) -> requests.Response:
        return self.send("GET", url, **how)

    def post(self, url: str, fields: dict[str, str], **how: Any) -> requests.Response:
        """A form as a browser sends it from a page of the same origin."""
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": self.screen.url} | how.pop("headers", {})
        return self.send("POST", url, data=fields, headers=headers, **how)

    def log_in(self, username: str = MANAGER) -> requests.Response:
        """Go the whole way of a login; return what comes after it."""
        answer = self.come_back(username)
        while answer.is_redirect:
            answer = self.get(
                answer.headers["Location"]
                if "://" in answer.headers["Location"]
                else self.screen.url + answer.headers["Location"]
            )
        return answer

    def come_back(self, username: str = MANAGER) -> requests.Response:
        """Log in at Keycloak; return the answer to the browser that comes back."""
        return self.get(self.way_back(username))

    def way_back(self, username: str = MANAGER) -> str:
        """Log in at Keycloak; return the address at which the browser is to come back."""
        to_keycloak = self.get(f"{self.screen.home}/login").headers["Location"]
        form = self.get(to_keycloak)
        found = re.search(r'<form[^>]*id="kc-form-login"[^>]*action="([^"]+)"', form.text)
        assert found, form.text[:500]
        action = html.unescape(found[1])
        answer = self.send("POST", action, data={"username": username, "password": PASSWORD})
        assert answer.is_redirect, answer.text[:500]
        return answer.headers["Location"]

    @property
    def session_cookie(self) -> str:
        """What the browser holds of its session here."""
        return self.cookies[urlsplit(self.screen.url).netloc]["__Host-keycloak-license"]

    def csrf_token(self) -> str:
        """What stands in the forms that this browser is shown."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(self.screen.home).text)
        assert found
        return found[1]


def now() -> datetime:
    """The present."""
    return datetime.now(UTC)
