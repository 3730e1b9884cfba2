"""Coming and going: login, logout, and the logout that Keycloak tells of.

In: browsers on their way to Keycloak and back; out: a session, or a page that says why not. Included by
`app`.
"""

from typing import Annotated
from urllib.parse import quote, unquote

import structlog
from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from keycloak_license.errors import KeycloakLicenseError
from keycloak_license.model.session import AuditAction, LoginAttempt
from keycloak_license.web import sessions
from keycloak_license.web.languages import language_of
from keycloak_license.web.limits import Rate
from keycloak_license.web.oidc import Identity, LoginRefusedError
from keycloak_license.web.security import Order, address_of, desk_of, last_order, limit, site_of
from keycloak_license.web.sessions import NoRoleError, make_secret
from keycloak_license.web.site import Actor, Desk, Site, digest

log = structlog.get_logger()
router = APIRouter(include_in_schema=False)
DeskParameter = Annotated[Desk, Depends(desk_of)]


def home_of(realm: str) -> str:
    """Return the path of a realm's page."""
    return f"/realms/{quote(realm, safe='')}"


def path_within(realm: str, wanted: str) -> str:
    """Return a path on this screen that a browser may be sent to; the realm's page for any other."""
    home = home_of(realm)
    is_below = wanted == home or wanted.startswith((f"{home}/", f"{home}?"))
    # What a browser, or a proxy on the way, may take for a way out of where it begins.
    path = unquote(wanted.partition("?")[0])
    is_straight = not any(turn in path for turn in ("//", "/.", "\\")) and "//" not in wanted
    is_plain = wanted.isascii() and wanted.isprintable() and "\\" not in wanted and len(wanted) <= 1000
    return wanted if is_below and is_straight and is_plain else home


@router.get("/realms/{realm}/login")
def begin_login(request: Request, desk: DeskParameter, return_to: str = "", again: str = "") -> Response:
    """Send a browser to Keycloak, and give it a cookie by which it is known when it comes back.

    `again` asks who it is even where Keycloak knows somebody.
    """
    site = site_of(request)
    limit(site, Rate.LOGIN, address_of(request))
    token, now = make_secret(), site.clock()
    attempt = LoginAttempt(
        key=digest(token),
        realm=desk.name,
        state=make_secret(),
        nonce=make_secret(),
        verifier=make_secret() + make_secret(),
        return_to=path_within(desk.name, return_to),
        begun_at=now,
    )
    callback = site.address.callback(desk.name)
    hints = {"ui_locales": language_of(request).code} | ({"prompt": "login"} if again else {})
    url = desk.provider.login_url(desk.directory.login_client(), attempt, callback, **hints)
    site.sessions.begin_login(attempt)
    answer = RedirectResponse(url, status_code=303)
    sessions.set_cookie(answer, sessions.LOGIN_COOKIE, token, sessions.LOGIN_LASTS)
    return answer


@router.get("/realms/{realm}/callback")
def complete_login(request: Request, desk: DeskParameter) -> Response:
    """Take what Keycloak gave to the browser; let in who may manage licences."""
    site = site_of(request)
    limit(site, Rate.LOGIN, address_of(request))
    attempt = _take_attempt(site, desk, request)
    answer = {name: value for name, value in request.query_params.items() if value}
    callback = site.address.callback(desk.name)
    identity = desk.provider.complete_login(desk.directory.login_client(), attempt, callback, answer)
    actor = Actor(identity.user_id, identity.username)
    if earlier := sessions.find(site, request):
        site.sessions.end(earlier.key)
    if not desk.directory.is_license_manager(identity.user_id):
        site.note(desk.name, actor, AuditAction.LOGIN, problem="the role manage-licenses is missing")
        raise NoRoleError(identity.username)
    return _let_in(site, desk, identity, attempt.return_to)


def _take_attempt(site: Site, desk: Desk, request: Request) -> LoginAttempt:
    token = request.cookies.get(sessions.LOGIN_COOKIE)
    attempt = site.sessions.take_login(digest(token)) if token else None
    is_late = attempt is not None and site.clock() - attempt.begun_at > sessions.LOGIN_LASTS
    if attempt is None or is_late or attempt.realm != desk.name:
        raise LoginRefusedError("This login did not begin in this browser, or took too long: log in again")
    return attempt


def _let_in(site: Site, desk: Desk, identity: Identity, return_to: str) -> Response:
    token, _ = sessions.begin(site, desk, identity)
    site.note(desk.name, Actor(identity.user_id, identity.username), AuditAction.LOGIN)
    answer = RedirectResponse(return_to, status_code=303)
    sessions.set_cookie(answer, sessions.SESSION_COOKIE, token)
    sessions.drop_cookie(answer, sessions.LOGIN_COOKIE)
    return answer


@router.post("/realms/{realm}/logout")
def logout(order_: Annotated[Order, Depends(last_order)]) -> Response:
    """End the session here, then the one at Keycloak, where that answers."""
    site, desk, session = order_.site, order_.desk, order_.session
    site.sessions.end(session.key)
    site.note(desk.name, order_.actor, AuditAction.LOGOUT)
    try:
        client_id = desk.directory.login_client().client_id
        url = desk.provider.logout_url(client_id, session.id_token, site.address.home, make_secret())
    except KeycloakLicenseError as error:
        log.warning("logout_not_passed_on", realm=desk.name, error=str(error))
        url = site.address.home
    answer = RedirectResponse(url, status_code=303)
    sessions.drop_cookie(answer, sessions.SESSION_COOKIE)
    return answer


@router.post("/realms/{realm}/backchannel-logout")
def backchannel_logout(
    request: Request, desk: DeskParameter, logout_token: Annotated[str, Form(max_length=10_000)]
) -> Response:
    """End the sessions here that belong to one that has ended at Keycloak; the token proves who says so."""
    site = site_of(request)
    try:
        ended = desk.provider.read_logout(logout_token, lambda: desk.directory.login_client().client_id)
    except LoginRefusedError:
        # Only these count: Keycloak may share an address with others, and has to be heard.
        limit(site, Rate.LOGOUT_CALL, address_of(request))
        raise
    if ended.sid is not None:
        site.sessions.end_of_sid(desk.name, ended.sid)
    elif ended.user_id is not None:
        site.sessions.end_of_user(desk.name, ended.user_id)
    return Response(status_code=200)
