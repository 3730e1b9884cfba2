"""Who works with the screen, and what he did there.

Made by `web`, kept by `ledger`. Nobody can go on with what is kept here: of what a browser holds, only the
SHA-256 is known.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """A login that began in a browser and has not come back from Keycloak yet."""

    key: str
    """SHA-256 of what the browser's cookie holds, in hexadecimal."""
    realm: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    """PKCE's ``code_verifier``."""
    return_to: str
    """Path on the screen where he wanted to go."""
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class ScreenSession:
    """One person at one browser, as long as it lasts."""

    key: str
    """SHA-256 of what the browser's cookie holds, in hexadecimal."""
    realm: str
    user_id: str
    username: str
    sid: str
    """Keycloak's own session, which ends this one with itself."""
    id_token: str = field(repr=False)
    """Shown to Keycloak once, to log out there without a question."""
    csrf_token: str = field(repr=False)
    """In each form, so that no other page can send one."""
    begun_at: datetime
    seen_at: datetime
    """When it was last used, as exact as is worth a write."""
    checked_at: datetime
    """When he was last known to have the role."""


@dataclass(frozen=True, slots=True)
class LoginClient:
    """The client by which people log in to the screen; `init` makes it."""

    client_id: str
    secret: str = field(repr=False)


class AuditAction(StrEnum):
    """What somebody did by the screen or the API."""

    LOGIN = "login"
    LOGOUT = "logout"
    IMPORT = "import"
    SYNC = "sync"
    CONFIRM = "confirm"
    """That held releases are meant."""
    NOTICE_DAYS = "notice_days"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """That somebody did, or tried, something."""

    realm: str
    at: datetime
    user_id: str
    username: str
    action: AuditAction
    what: str
    """What exactly: a licence, a value; empty where the action says it all."""
    problem: str | None = None
    """Why it was not done, as a sentence; None when it was."""
