"""Logins, sessions and audit entries to put into a ledger."""

from dataclasses import replace
from hashlib import sha256

from keycloak_license.model.session import AuditAction, AuditEntry, LoginAttempt, ScreenSession
from tests.unit.ledger.samples import NOON


def key_of(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def an_attempt(name: str = "one", **changes: object) -> LoginAttempt:
    plain = LoginAttempt(key_of(name), "acme", "state", "nonce", "verifier", "/realms/acme/", NOON)
    return replace(plain, **changes)  # type: ignore[arg-type]


def a_session(name: str = "one", **changes: object) -> ScreenSession:
    plain = ScreenSession(
        key=key_of(name),
        realm="acme",
        user_id="id-eva",
        username="eva",
        sid="sid",
        id_token="header.payload.signature",
        csrf_token="csrf",
        begun_at=NOON,
        seen_at=NOON,
        checked_at=NOON,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def an_entry(what: str = "", **changes: object) -> AuditEntry:
    plain = AuditEntry("acme", NOON, "id-eva", "eva", AuditAction.SYNC, what)
    return replace(plain, **changes)  # type: ignore[arg-type]
