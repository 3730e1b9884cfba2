"""Who sits at a browser: cookies to sessions, and how long they last.

In: what a browser sends; out: a session whose holder was known to have the role a minute ago at most, or an
error. Called by `security` for each request, and by `login`.
"""

import secrets
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from keycloak_license.model.session import ScreenSession
from keycloak_license.web.oidc import Identity
from keycloak_license.web.site import Desk, Site, digest

SESSION_COOKIE = "__Host-keycloak-license"
LOGIN_COOKIE = "__Host-keycloak-license-login"
LOGIN_LASTS = timedelta(minutes=10)
PREFERENCE_LASTS = timedelta(days=365)
CHECK_AFTER = timedelta(seconds=55)
"""How long it is believed that somebody still has the role: with the request itself, below a minute."""
SEEN_AFTER = timedelta(seconds=30)
"""How exact it is kept when somebody was there."""


class NoSessionError(Exception):
    """Nobody is logged in at this browser."""


class NoRoleError(Exception):
    """Somebody is, who must not manage licences."""

    def __init__(self, username: str, session: ScreenSession | None = None) -> None:
        super().__init__(username)
        self.username = username
        self.session = session


def make_secret() -> str:
    """Return 256 bits that nobody can guess."""
    return secrets.token_urlsafe(32)


def set_cookie(response: Response, name: str, value: str, lasting: timedelta | None = None) -> None:
    """Give a browser something that it shows to this very host only, and to no script."""
    response.set_cookie(
        name,
        value,
        max_age=int(lasting.total_seconds()) if lasting else None,
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
    )


def drop_cookie(response: Response, name: str) -> None:
    """Let a browser forget it."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")


def begin(site: Site, desk: Desk, identity: Identity) -> tuple[str, ScreenSession]:
    """Begin a session under a name that was never used before; return what the browser is to hold."""
    token, now = make_secret(), site.clock()
    session = ScreenSession(
        key=digest(token),
        realm=desk.name,
        user_id=identity.user_id,
        username=identity.username,
        sid=identity.sid,
        id_token=identity.id_token,
        csrf_token=make_secret(),
        begun_at=now,
        seen_at=now,
        checked_at=now,
    )
    site.sessions.begin(session)
    site.sessions.forget(
        attempts_before=now - LOGIN_LASTS,
        begun_before=now - site.lasting,
        seen_before=now - site.idle,
    )
    return token, session


def find(site: Site, request: Request) -> ScreenSession | None:
    """Return the session of a browser that is not over; nobody asks whether he still has the role."""
    token = request.cookies.get(SESSION_COOKIE)
    session = site.sessions.find(digest(token)) if token else None
    if session is None:
        return None
    if _is_over(site, session, site.clock()):
        site.sessions.end(session.key)
        return None
    return session


def find_here(site: Site, desk: Desk, request: Request) -> ScreenSession:
    """Return the same for one realm; `NoSessionError` where there is none."""
    session = find(site, request)
    if session is None or session.realm != desk.name:
        raise NoSessionError
    return session


def require(site: Site, desk: Desk, request: Request) -> ScreenSession:
    """Return the session of somebody who may manage the licences of this realm.

    Raises `NoSessionError`, or `NoRoleError` once he has lost the role, which ends his session.
    """
    session = find_here(site, desk, request)
    now = site.clock()
    is_doubtful = not timedelta() <= now - session.checked_at < CHECK_AFTER
    if is_doubtful and not desk.directory.is_license_manager(session.user_id):
        site.sessions.end(session.key)
        raise NoRoleError(session.username, session)
    if is_doubtful or now - session.seen_at >= SEEN_AFTER:
        site.sessions.keep(session.key, now, now if is_doubtful else session.checked_at)
    return session


def _is_over(site: Site, session: ScreenSession, now: datetime) -> bool:
    return now - session.begun_at >= site.lasting or now - session.seen_at >= site.idle
