"""Claims, syncs and licences to put into a ledger; every instant has microseconds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from keycloak_license.ledger.store import SqlLedger
from keycloak_license.model.changes import SeatAssigned, SeatChange
from keycloak_license.model.record import StoredLicense, SyncRecord
from keycloak_license.model.seat import Claim

NOON = datetime(2026, 3, 29, 12, 0, 0, 123457, tzinfo=UTC)


def claim(user: str, application: str = "WFM", **different: object) -> Claim:
    seated = Claim(
        application=application,
        user_id=f"id-{user}",
        username=user,
        email=f"{user}@example.org",
        created_at=1_771_234_567_890,
        claimed_at=NOON - timedelta(days=3, microseconds=1),
        is_seated=True,
        seated_at=NOON - timedelta(days=2, microseconds=3),
    )
    return replace(seated, **different)  # type: ignore[arg-type]


def waiting(user: str, application: str = "WFM") -> Claim:
    return claim(user, application, is_seated=False, seated_at=None)


def sync(realm: str = "acme", minutes: int = 0, **different: object) -> SyncRecord:
    plain = SyncRecord(
        realm=realm,
        realm_id=f"id of {realm}",
        installation_id="7f0c",
        synced_at=NOON + timedelta(minutes=minutes),
        is_complete=True,
    )
    return replace(plain, **different)  # type: ignore[arg-type]


def assign(*users: str) -> Sequence[SeatChange]:
    return [SeatAssigned(claim(user), "free seat") for user in users]


def a_license(number: str = "L-1", minutes: int = 0) -> StoredLicense:
    return StoredLicense(number, 1, f"header.{number}.signature", NOON + timedelta(minutes=minutes))


def everything(ledger: SqlLedger, realm: str = "acme") -> object:
    """All a ledger knows of a realm, to be compared before and after."""
    return ledger.load(realm), ledger.seat_events(realm)
