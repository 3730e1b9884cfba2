"""People who log in, as their browsers and applications do: by real requests to a real Keycloak.

`Browser` keeps cookies and fills in forms; `App` is a client that gets tokens. Cookies are kept by hand,
because Keycloak marks them as secure, and here everything is plain HTTP.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests

CALLBACK = "http://localhost:9/callback"
"""Where the applications are; nobody listens there, for the browser stops before it."""
MAX_HOPS = 20


class _Form(HTMLParser):
    """The first form of a page that has an action, and the text that people see."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.links: list[str] = []
        self._words: list[str] = []
        self._inside = False
        self.feed(page)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action, self._inside = found.get("action", ""), True
        if tag in ("input", "button") and self._inside and found.get("name"):
            self.fields.setdefault(found["name"], found.get("value", ""))
        if tag == "a":
            self.links.append(found.get("href", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False

    def handle_data(self, data: str) -> None:
        self._words.append(data)


@dataclass(frozen=True)
class Page:
    """Where a browser has got to."""

    url: str
    status: int
    html: str = ""

    @property
    def form(self) -> _Form:
        return _Form(self.html)

    @property
    def text(self) -> str:
        """What people read, scripts included."""
        return unescape(self.form.text)

    @property
    def code(self) -> str | None:
        """What the application was sent, when it was reached."""
        return self.sent.get("code")

    @property
    def sent(self) -> dict[str, str]:
        """All that the application was sent; nothing before it is reached."""
        return dict(parse_qsl(urlsplit(self.url).query)) if self.status == requests.codes.found else {}


@dataclass
class Browser:
    """One person's browser."""

    callback: str = CALLBACK
    """Before which it stops."""
    _cookies: dict[tuple[str, str], str] = field(default_factory=dict)
    """By path and name."""

    def open(self, url: str) -> Page:
        return self._follow("GET", url, {})

    def submit(self, page: Page, fields: Mapping[str, str], without: Collection[str] = ()) -> Page:
        """Fill in the form of a page and send it; of its buttons, those `without` are not pressed."""
        form = page.form
        assert form.action, page.text
        given = {name: value for name, value in form.fields.items() if name not in without}
        return self._follow("POST", urljoin(page.url, form.action), given | dict(fields))

    def click(self, page: Page, part: str) -> Page:
        """Follow the first link whose address holds a word."""
        href = next(href for href in page.form.links if part in href)
        return self.open(urljoin(page.url, href))

    def _follow(self, method: str, url: str, data: Mapping[str, str]) -> Page:
        for _ in range(MAX_HOPS):
            if url.startswith(self.callback):
                return Page(url, 302)
            response = requests.request(
                method,
                url,
                data=data if method == "POST" else None,
                headers={"Cookie": self._cookies_for(url)},
                allow_redirects=False,
                timeout=60,
            )
            self._keep(response)
            if not response.is_redirect:
                return Page(url, response.status_code, response.text)
            method, url, data = "GET", urljoin(url, response.headers["Location"]), {}
        raise AssertionError(f"led in a circle, at last to {url}")

    def _keep(self, response: requests.Response) -> None:
        # Several in one response are apart in the raw headers only.
        for line in response.raw.headers.getlist("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                self._cookies[morsel["path"] or "/", name] = morsel.value

    def _cookies_for(self, url: str) -> str:
        path = urlsplit(url).path
        fitting = {name: value for (under, name), value in self._cookies.items() if path.startswith(under)}
        return "; ".join(f"{name}={value}" for name, value in fitting.items() if value)


@dataclass(frozen=True)
class Tokens:
    """What an application got, or why not."""

    status: int
    answer: Mapping[str, Any]

    @property
    def are_granted(self) -> bool:
        return self.status == requests.codes.ok

    @property
    def refresh_token(self) -> str:
        return str(self.answer["refresh_token"])


@dataclass(frozen=True)
class App:
    """A client of a realm, at the address of its Keycloak; without a secret a public one."""

    url: str
    realm: str
    client_id: str
    callback: str = CALLBACK
    secret: str | None = None

    def authorization_url(self, **more: str) -> str:
        query = {
            "client_id": self.client_id,
            "redirect_uri": self.callback,
            "response_type": "code",
            "scope": "openid",
            "state": secrets.token_hex(8),
            **more,
        }
        return f"{self._endpoint('auth')}?{urlencode(query)}"

    def log_in(self, browser: Browser, username: str, password: str, **more: str) -> Page:
        """Log in with the form, or without where the browser is signed in already."""
        page = browser.open(self.authorization_url(**more))
        if page.code is None and page.status == requests.codes.ok and page.form.action:
            page = browser.submit(page, {"username": username, "password": password})
        return page

    def redeem(self, page: Page, **more: str) -> Tokens:
        """Exchange the code of a login for tokens."""
        assert page.code is not None, page.text
        return self._token(
            grant_type="authorization_code", code=page.code, redirect_uri=self.callback, **more
        )

    def direct_grant(self, username: str, password: str, scope: str = "openid") -> Tokens:
        return self._token(grant_type="password", username=username, password=password, scope=scope)

    def refresh(self, tokens: Tokens) -> Tokens:
        return self._token(grant_type="refresh_token", refresh_token=tokens.refresh_token)

    def start_device(self) -> Mapping[str, Any]:
        response = requests.post(
            self._endpoint("auth/device"), data={"client_id": self.client_id, "scope": "openid"}, timeout=60
        )
        answer: Mapping[str, Any] = response.json()
        return answer

    def poll_device(self, started: Mapping[str, Any]) -> Tokens:
        return self._token(
            grant_type="urn:ietf:params:oauth:grant-type:device_code", device_code=started["device_code"]
        )

    def _token(self, **data: str) -> Tokens:
        client = {"client_id": self.client_id} | ({"client_secret": self.secret} if self.secret else {})
        response = requests.post(self._endpoint("token"), data=client | data, timeout=60)
        is_json = "json" in response.headers.get("Content-Type", "")
        return Tokens(response.status_code, response.json() if is_json else {"text": response.text})

    def _endpoint(self, name: str) -> str:
        return f"{self.url}/realms/{self.realm}/protocol/openid-connect/{name}"
