"""The screen over a realm in memory, on a real port, with a clock that moves.

`Booth` is the scene; `sit` seats somebody without a login; `send` is a browser that does what it is told.
Used by the tests of `web`.
"""

import http.client
import select
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from keycloak_license.errors import UnreachableError
from keycloak_license.model.progress import Progress
from keycloak_license.model.screen import ScreenAddress
from keycloak_license.model.session import AuditEntry, LoginClient
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.ports import Audit
from keycloak_license.services.viewing import Viewer
from keycloak_license.web.app import create_app
from keycloak_license.web.jobs import Job
from keycloak_license.web.oidc import Identity, Provider
from keycloak_license.web.server import serve_screen
from keycloak_license.web.sessions import begin
from keycloak_license.web.site import Desk, Site
from tests.e2e.cli import free_port
from tests.fake_sessions import MemoryAudit
from tests.unit.services.world import NOON, World
from tests.unit.web.provider import CLIENT, FakeProvider

HOME = "/realms/acme"
SESSION, LOGIN = "__Host-keycloak-license", "__Host-keycloak-license-login"
OURS = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class FakeDirectory:
    """`ports.Directory` in memory."""

    managers: set[str] = field(default_factory=lambda: {"user-marta"})
    sessions: dict[tuple[str, str], str] = field(default_factory=dict)
    is_down: bool = False
    asked: int = 0

    def is_license_manager(self, user_id: str) -> bool:
        self.asked += 1
        self._refuse_when_down()
        return user_id in self.managers

    def find_session_user(self, client_id: str, sid: str) -> str | None:
        self._refuse_when_down()
        return self.sessions.get((client_id, sid))

    def login_client(self) -> LoginClient:
        self._refuse_when_down()
        return LoginClient(CLIENT, "the client's secret")

    def _refuse_when_down(self) -> None:
        if self.is_down:
            raise UnreachableError("Keycloak does not answer: the test says so")


@dataclass
class BrokenAudit(MemoryAudit):
    """One that cannot be read."""

    error: Exception = field(default_factory=Exception)

    def read(self, realm: str, limit: int) -> tuple[AuditEntry, ...]:
        raise self.error


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def location(self) -> str:
        return self.headers["Location"] or ""


@dataclass
class Booth:
    """A screen for realm acme, and what is behind it."""

    world: World
    provider: FakeProvider
    directory: FakeDirectory
    site: Site
    app: FastAPI
    port: int
    now: list[datetime]

    def begin_anew(self) -> None:
        """Forget what has happened, but for what was synced and imported."""
        self.now[0] = NOON
        self.site.limits._limiter.storage.reset()
        self.directory.is_down, self.directory.managers = False, {"user-marta"}
        self.directory.sessions.clear()
        ledger = self.world.ledger
        for kept in (ledger.sessions._sessions, ledger.sessions._attempts, ledger.audit._entries):
            kept.clear()

    def pass_by(self, **time: float) -> None:
        """Let time pass."""
        self.now[0] += timedelta(**time)

    def sit(self, who: str = "marta", realm: str = "acme") -> str:
        """What the browser holds of somebody who has logged in."""
        identity = Identity(f"user-{who}", who, f"sid-{who}", "an id token")
        return begin(self.site, self.site.desks[realm], identity)[0]

    def csrf(self, token: str) -> str:
        """What stands in the forms that this browser is shown."""
        return Page.of(self.send("GET", HOME, token)).inputs["csrf_token"]

    def send(
        self,
        method: str,
        path: str,
        token: str = "",
        body: bytes | dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request, by default as a page of ours sends it; fields become a form."""
        sent = OURS | ({"Cookie": f"{SESSION}={token}"} if token else {}) | (headers or {})
        if isinstance(body, dict):
            body = urlencode(body).encode()
            sent = {"Content-Type": "application/x-www-form-urlencoded"} | sent
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, {name: value for name, value in sent.items() if value})
        with connection.getresponse() as answer:
            return Answer(answer.status, answer.headers, answer.read())

    def stream(self, path: str, token: str, body: Iterator[bytes], headers: dict[str, str]) -> int:
        """Send a body of unknown size until the other side has enough; return the status, 0 for none."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            sent = (
                {"Host": "screen", "Connection": "close", "Cookie": f"{SESSION}={token}"}
                | {"Transfer-Encoding": "chunked"}
                | OURS
            )
            lines = [f"{name}: {value}" for name, value in (sent | headers).items()]
            connection.sendall("\r\n".join([f"POST {path} HTTP/1.1", *lines, "", ""]).encode())
            with suppress(ConnectionError):
                for piece in body:
                    connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                    if select.select([connection], [], [], 0)[0]:
                        break
                else:
                    connection.sendall(b"0\r\n\r\n")
            return _status(_read(connection))

    def raw(self, request: str) -> tuple[int, str]:
        """Send a request as it is; return the status and all that came."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(request.encode())
            answer = _read(connection)
        return _status(answer), answer.decode()

    def routes(self) -> list[tuple[str, str]]:
        """Every method and path there is, filled in."""
        names = {"realm": "acme", "application_id": "WFM", "user_id": "user-marta"}
        return [
            (method, found.path.replace(":path}", "}").format(**names))
            for found in iter_route_contexts(self.app.routes)
            if isinstance(found.original_route, APIRoute) and found.path
            for method in sorted(found.methods or ())
        ]


@contextmanager
def open_booth(
    *,
    public_url: str = "",
    trusted_proxies: Sequence[str] = (),
    realms: Sequence[str] = ("acme",),
    world: World | None = None,
    audit: Audit | None = None,
) -> Iterator[Booth]:
    """Open a screen on a free port until the block ends; `audit` in the place of the ledger's."""
    world, directory, now = world or World(), FakeDirectory(), [NOON]
    port = free_port()
    url = public_url or f"http://127.0.0.1:{port}"
    with FakeProvider() as provider:

        def open_realm(_: Progress) -> ManagedRealm:
            return world.managed

        def desk(name: str) -> Desk:
            oidc = Provider(provider.url, name, verify_tls=True, timeout_seconds=10)
            return Desk(name, open_realm, Viewer(world.managed, 0), directory, oidc, Job())

        site = Site(
            address=ScreenAddress(url, url),
            desks={name: desk(name) for name in realms},
            sessions=world.ledger.sessions,
            audit=audit or world.ledger.audit,
            idle=timedelta(minutes=30),
            lasting=timedelta(hours=10),
            clock=lambda: now[0],
        )
        with serve_screen("127.0.0.1", port, site, trusted_proxies):
            yield Booth(world, provider, directory, site, create_app(site), port, now)


class Page(HTMLParser):
    """A page as a browser takes it apart."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.values: list[str] = []
        """Of the attributes that people may see."""
        self.links: set[str] = set()
        """Everything a browser would load, follow or send to."""
        self.inputs: dict[str, str] = {}
        self.hollow: set[str] = set()
        """Comments and declarations."""
        self.inline_scripts = ""
        self.text = ""

    @classmethod
    def of(cls, answer: Any) -> "Page":
        """Return the page of anything that has a text."""
        page = cls()
        page.feed(answer.text)
        page.close()
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.elements.add(tag)
        self.attributes |= values.keys()
        self.values += [values[name] for name in ("title", "value", "aria-label") if name in values]
        links = ("href", "src", "action", "formaction", "hx-get", "hx-post")
        self.links |= {values[name] for name in links if name in values}
        if tag == "input" and "name" in values:
            self.inputs[values["name"]] = values.get("value", "")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.inline_scripts += data
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.hollow.add(data)

    def handle_decl(self, decl: str) -> None:
        self.hollow.add(decl)

    def unknown_decl(self, data: str) -> None:
        self.hollow.add(data)

    def handle_pi(self, data: str) -> None:
        self.hollow.add(data)


def _read(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    answer = b""
    with suppress(ConnectionError):
        while piece := connection.recv(65536):
            answer += piece
    return answer


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0
