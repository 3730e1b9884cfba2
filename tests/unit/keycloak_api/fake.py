"""A Keycloak on `responses`: answers by method and path, and remembers what it was asked."""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import requests
import responses

from keycloak_license.keycloak_api.answers import Access
from keycloak_license.keycloak_api.client import KeycloakClient, RetryPolicy
from keycloak_license.keycloak_api.session import uncounted

BASE = "https://kc.example"
REALM = "acme"
SECRET = "client-secret-7Qx"
JSON = "application/json"

Reply = tuple[int, Mapping[str, str], str]


@dataclass(frozen=True)
class Ask:
    """One request to the Admin API."""

    method: str
    path: str
    """As it stood on the wire: below the realm, or with a leading slash below ``/admin``."""
    query: Mapping[str, str]
    body: Any
    token: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


Answer = Reply | Exception | Callable[[Ask], Reply]


def reply(body: object = None, status: int = 200, **headers: str) -> Reply:
    """Answer with JSON, or with nothing at all."""
    if body is None:
        return status, headers, ""
    return status, {"Content-Type": JSON, **headers}, json.dumps(body)


def no_realm() -> Reply:
    """Answer as Keycloak does below a realm that it does not have."""
    return reply({"error": "Realm not found."}, 404)


def html(status: int = 200) -> Reply:
    return status, {"Content-Type": "text/html;charset=utf-8"}, "<html><form>Sign in</form></html>"


def paged(entries: Sequence[object]) -> Answer:
    """Answer with the slice that `first` and `max` ask for."""

    def answer(ask: Ask) -> Reply:
        first = int(ask.query.get("first", 0))
        return reply(entries[first : first + int(ask.query.get("max", len(entries)))])

    return answer


def login(number: int = 1, *, expires_in: int = 300, iat: float | None = None, **more: object) -> Reply:
    """Answer a login; the token is a JWT when it tells its time."""
    claims = base64.urlsafe_b64encode(json.dumps({"iat": iat}).encode()).decode().rstrip("=")
    token = f"token-{number}" if iat is None else f"e30.{claims}.token-{number}"
    return reply({"access_token": token, "expires_in": expires_in, **more})


def cut_while_reading() -> requests.ConnectionError:
    """Return what `requests` raises when the connection is reset."""
    return requests.ConnectionError("('Connection aborted.', ConnectionResetError(104))")


class FakeServer:
    """Answers what it was given with `on`, and 404 to everything else."""

    def __init__(self, mock: responses.RequestsMock, base: str = BASE) -> None:
        self.base = base
        self.otherwise: Reply = reply({"error": "Not found"}, 404)
        self.urls: list[str] = []
        self.asks: list[Ask] = []
        self.logins: list[Mapping[str, str]] = []
        self._answers: dict[tuple[str, str], list[Answer]] = {}
        for method in ("GET", "PUT", "POST", "DELETE"):
            mock.add_callback(method, re.compile(".*"), callback=self._receive, content_type=None)

    def on(self, method: str, path: str, *answers: Answer) -> None:
        """Set the answers to a request: in turn, the last one from then on; a login is POST login."""
        self._answers[method, path] = list(answers)

    def on_list(self, path: str, entries: Sequence[object]) -> None:
        self.on("GET", path, paged(entries))

    def asked(self, path: str, method: str = "GET") -> list[Ask]:
        return [ask for ask in self.asks if ask.path == path and ask.method == method]

    def writes(self) -> list[str]:
        return [str(ask) for ask in self.asks if ask.method != "GET"]

    def _receive(self, request: requests.PreparedRequest) -> Reply:
        self.urls.append(str(request.url))
        url = urlsplit(self.urls[-1])
        path = url.geturl().split("?")[0].removeprefix(f"{self.base}/")
        if path.endswith("/protocol/openid-connect/token"):
            self.logins.append(dict(parse_qsl(str(request.body))))
            ask = Ask("POST", "login", {}, self.logins[-1], "")
            default = login(len(self.logins))
        else:
            ask = _ask_of(request, path.removeprefix("admin"))
            self.asks.append(ask)
            default = self.otherwise
        answers = self._answers.get((ask.method, ask.path)) or [default]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(ask) if callable(answer) else answer


def _ask_of(request: requests.PreparedRequest, below_admin: str) -> Ask:
    in_realm = f"{below_admin}/".startswith(f"/realms/{REALM}/")
    path = below_admin.removeprefix(f"/realms/{REALM}").removeprefix("/") if in_realm else below_admin
    query = dict(parse_qsl(urlsplit(str(request.url)).query, keep_blank_values=True))
    is_json = request.headers.get("Content-Type") == JSON and isinstance(request.body, str | bytes)
    body = json.loads(cast("str | bytes", request.body)) if is_json else None
    return Ask(str(request.method), path, query, body, str(request.headers.get("Authorization", "")))


def connect(
    *,
    attempts: int = 4,
    realm: str = REALM,
    should_stop: Callable[[], bool] = lambda: False,
    on_request: Callable[[], None] = uncounted,
    **access: Any,
) -> KeycloakClient:
    """Return a client that does not wait between its attempts."""
    known: dict[str, Any] = {
        "url": BASE,
        "auth_realm": REALM,
        "client_id": "keycloak-license",
        "client_secret": SECRET,
        "timeout_seconds": 9,
        # Nothing goes over a wire here, and loading certificates takes a tenth of a second.
        "verify_tls": False,
    }
    return KeycloakClient(
        Access(**(known | access)),
        realm,
        retry=RetryPolicy(attempts, wait_initial_seconds=0, wait_max_seconds=0, wait_jitter_seconds=0),
        should_stop=should_stop,
        on_request=on_request,
    )
