"""What keeps others out: headers, the size of what is sent, where a form comes from, how often.

In: requests; out: the same with a `Visit`, or an error that `problems` answers. Used by `app`, `pages`,
`actions` and `login`. After ASVS 5.0, level 2.
"""

import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.datastructures import Headers, MutableHeaders, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keycloak_license.license_file.envelope import MAX_FILE_BYTES
from keycloak_license.model.application import Application
from keycloak_license.model.session import ScreenSession
from keycloak_license.web import sessions
from keycloak_license.web.limits import Rate
from keycloak_license.web.site import Actor, Desk, Site

MAX_BODY_BYTES = 3 * MAX_FILE_BYTES
"""A licence file in a form, with every character escaped, and room for the rest."""
YEAR_SECONDS = 31_536_000
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), clipboard-read=()",
}


class ForgedRequestError(Exception):
    """A form that this screen has not shown to this person."""


class TooOftenError(Exception):
    """Somebody has to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def content_policy(*form_targets: str) -> str:
    """Return what a page may do: load what comes from here, run no script of its own, send forms here.

    `form_targets` are where a form may lead on to.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            " ".join(("form-action 'self'", *form_targets)),
            "base-uri 'none'",
            "object-src 'none'",
            "frame-ancestors 'none'",
        )
    )


class SecureHeaders:
    """Puts on every answer what tells browsers to be careful."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        self._headers = HEADERS | (
            {"Strict-Transport-Security": f"max-age={YEAR_SECONDS}; includeSubDomains"} if is_https else {}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", content_policy())
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_secured)


class BodyCap:
    """Takes no more than a licence file can need, whatever a request says of its own size."""

    def __init__(self, app: ASGIApp, *, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isascii() or not declared.isdigit() or int(declared) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        taken = 0

        async def receive_capped() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max_bytes:
                raise HTTPException(413)
            return message

        await self._app(scope, receive_capped, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        sentence = f"This is too large: a licence file has {MAX_FILE_BYTES // 1024} KiB at the most"
        is_program = scope["path"].startswith("/api/")
        answer = (
            JSONResponse({"detail": sentence}, 413)
            if is_program
            else PlainTextResponse(f"{sentence}.\n", 413)
        )
        await answer(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who may manage licences, and what he asks for."""

    request: Request
    site: Site
    desk: Desk
    session: ScreenSession

    @property
    def actor(self) -> Actor:
        """Whose doing it is."""
        return Actor(self.session.user_id, self.session.username)


@dataclass(frozen=True, slots=True)
class Order(Visit):
    """The same, with a form that this screen has shown to him."""

    fields: Mapping[str, str]
    file: bytes | None


def site_of(request: Request) -> Site:
    """Return the site that a request came to."""
    site: Site = request.app.state.site
    return site


def path_of(request: Request) -> str:
    """Return the path that was asked for, as links have it, whatever host the request names."""
    return quote(request.scope["path"], safe="/")


def desk_of(request: Request, realm: str) -> Desk:
    """Return the realm that a path names."""
    desk = site_of(request).desks.get(realm)
    if desk is None:
        raise HTTPException(404)
    return desk


def find_application(desk: Desk, application_id: str) -> Application:
    """Return the application that a path names."""
    for application in desk.managed.applications:
        if application.id == application_id:
            return application
    raise HTTPException(404)


def visit(request: Request, desk: Annotated[Desk, Depends(desk_of)]) -> Visit:
    """Let nobody in but those who may manage the licences of the realm."""
    site = site_of(request)
    return Visit(request, site, desk, sessions.require(site, desk, request))


def guest(request: Request, desk: Annotated[Desk, Depends(desk_of)]) -> Visit:
    """Let in whoever has a session, whether or not he still has the role, and Keycloak still answers."""
    site = site_of(request)
    return Visit(request, site, desk, sessions.find_here(site, desk, request))


async def read_form(request: Request) -> tuple[dict[str, str], bytes | None]:
    """Return the fields of a form and the one file in it; what the file is called matters to nobody."""
    if not request.headers.get("content-type", "").startswith(
        ("multipart/form-data", "application/x-www-form-urlencoded")
    ):
        raise HTTPException(415)
    fields: dict[str, str] = {}
    file: bytes | None = None
    with decoding():
        async with request.form(max_files=1, max_fields=20, max_part_size=2 * MAX_FILE_BYTES) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    file = await value.read(MAX_FILE_BYTES + 1)
                else:
                    value.encode()
                    fields[name] = value
    return fields, file


@contextmanager
def decoding() -> Iterator[None]:
    """Refuse a form that is no text: it may name any code that Python knows, those too that fail."""
    try:
        yield
    except UnicodeError as error:
        raise HTTPException(400) from error


Form = Annotated[tuple[dict[str, str], bytes | None], Depends(read_form)]


def order(visit_: Annotated[Visit, Depends(visit)], form: Form) -> Order:
    """Take a form only where it was shown by this screen, to the one who sends it."""
    return _accept(visit_, form)


def last_order(visit_: Annotated[Visit, Depends(guest)], form: Form) -> Order:
    """Take the form of a logout in the same way."""
    return _accept(visit_, form)


def _accept(visit_: Visit, form: tuple[dict[str, str], bytes | None]) -> Order:
    fields, file = form
    refuse_other_sites(visit_.request, visit_.site)
    given = fields.get("csrf_token", "").encode()
    if not hmac.compare_digest(given, visit_.session.csrf_token.encode()):
        raise ForgedRequestError
    return Order(visit_.request, visit_.site, visit_.desk, visit_.session, fields, file)


def refuse_other_sites(request: Request, site: Site) -> None:
    """Refuse what a page of somebody else has sent; browsers tell, all of them by one of two headers."""
    sent_by = request.headers.get("sec-fetch-site")
    if sent_by is not None:
        is_ours = sent_by == "same-origin"
    else:
        is_ours = request.headers.get("origin") == site.address.origin
    if not is_ours:
        raise ForgedRequestError


def limit(site: Site, rate: Rate, who: str) -> None:
    """Count what somebody does; `TooOftenError` when it is too much."""
    if seconds := site.limits.wait_seconds(rate, who):
        raise TooOftenError(seconds)


def address_of(request: Request) -> str:
    """Return the address a request comes from, as far as proxies that are trusted tell."""
    return request.client.host if request.client else "unknown"
