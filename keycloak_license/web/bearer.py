"""Whose token a program brings, and whether he may manage licences.

In: the Authorization header; out: who it is. Called by `api`. What Keycloak said of somebody is believed for
a minute.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from keycloak_license.web.oidc import LoginRefusedError
from keycloak_license.web.problems import UnauthorizedError
from keycloak_license.web.security import desk_of, site_of
from keycloak_license.web.sessions import CHECK_AFTER, NoRoleError
from keycloak_license.web.site import Actor, Desk, Site

MAX_REMEMBERED = 1000
scheme = HTTPBearer(auto_error=False, description="An access token of the realm")


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that works for somebody who may manage licences."""

    site: Site
    desk: Desk
    actor: Actor


@dataclass(slots=True)
class Managers:
    """Who was known to have the role, and when; threads may share it."""

    _known: dict[tuple[str, str], tuple[datetime, Actor]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def find(self, desk: Desk, user_id: str, now: datetime) -> Actor | None:
        """Return a user who may manage licences, as of a minute ago at most; None for anybody else."""
        key = desk.name, user_id
        known_at, known = self._known.get(key, (None, None))
        if known_at is not None and timedelta() <= now - known_at < CHECK_AFTER:
            return known
        found = (
            Actor(user_id, _name_of(desk, user_id)) if desk.directory.is_license_manager(user_id) else None
        )
        with self._lock:
            self._known.pop(key, None)
            if found is not None:
                while len(self._known) >= MAX_REMEMBERED:
                    self._known.pop(next(iter(self._known)))
                self._known[key] = now, found
        return found


def caller(
    request: Request,
    desk: Annotated[Desk, Depends(desk_of)],
    token: Annotated[HTTPAuthorizationCredentials | None, Depends(scheme)],
) -> Caller:
    """Let a program in whose user may manage licences; 401 and 403 for all others."""
    if token is None:
        raise UnauthorizedError("Bring an access token of the realm, as Authorization: Bearer …")
    site = site_of(request)
    user_id = _user_of(desk, token.credentials)
    managers: Managers = request.app.state.managers
    actor = managers.find(desk, user_id, site.clock())
    if actor is None:
        raise NoRoleError("")
    return Caller(site, desk, actor)


def _name_of(desk: Desk, user_id: str) -> str:
    """Return what the realm calls a user now; a token may be silent about it, or older."""
    user = desk.managed.keycloak.find_user(user_id)
    # It looks for usernames first, and one may look like the id of somebody else.
    return user.username if user is not None and user.id == user_id else ""


def _user_of(desk: Desk, token: str) -> str:
    try:
        found = desk.provider.read_bearer(token)
    except LoginRefusedError as error:
        raise UnauthorizedError(str(error)) from error
    user_id = found.user_id
    if user_id is None and found.sid is not None:
        user_id = desk.directory.find_session_user(found.client_id, found.sid)
    if user_id is None:
        raise UnauthorizedError("This token stands for nobody who is logged in")
    return user_id
