"""What the ledger remembers of a realm between two syncs.

Made and kept by `ledger`, read by `services`.
"""

from dataclasses import dataclass
from datetime import datetime

from keycloak_license.model.seat import Claim


@dataclass(frozen=True, slots=True)
class StoredLicense:
    """A licence file as imported; its signature is checked again at every use."""

    number: str
    issue: int
    file: str
    imported_at: datetime
    replaced_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SyncRecord:
    """That a sync took place, and how far it saw."""

    realm: str
    realm_id: str
    installation_id: str
    synced_at: datetime
    is_complete: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeatEvent:
    """Something that happened to a claim, kept as history."""

    application: str
    user_id: str
    username: str
    kind: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class RealmRecord:
    """Everything known of one realm; empty for one never synced."""

    realm: str
    installation_id: str | None = None
    licenses: tuple[StoredLicense, ...] = ()
    claims: tuple[Claim, ...] = ()
    last_sync: SyncRecord | None = None
