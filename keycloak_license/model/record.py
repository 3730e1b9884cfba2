"""What the ledger remembers of a realm between two syncs.

Made and kept by `ledger`, read by `services`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from keycloak_license.model.audience import Addressee
from keycloak_license.model.license import License
from keycloak_license.model.notice import NOTHING_UNDELIVERED, Mark, Undelivered
from keycloak_license.model.seat import Claim, HeldRelease


@dataclass(frozen=True, slots=True)
class StoredLicense:
    """A licence file as imported; its signature is checked again at every use."""

    number: str
    issue: int
    file: str
    imported_at: datetime
    replaced_at: datetime | None = None

    @property
    def label(self) -> str:
        """How people read it."""
        return f"{self.number} issue {self.issue}"


@dataclass(frozen=True, slots=True)
class KnownLicense:
    """A licence of the ledger, with what it says as far as that can be verified at present."""

    stored: StoredLicense
    license: License | None


@dataclass(frozen=True, slots=True)
class LicenseChange:
    """Licences that come into the ledger, and those they take out of force."""

    added: tuple[StoredLicense, ...]
    replaced: tuple[StoredLicense, ...] = ()


@dataclass(frozen=True, slots=True)
class ClockMark:
    """How far time has got, as far as it is known; made by `plan.clock`."""

    reached: datetime | None = None
    """It is at least this late; None before anything is believed."""
    leapt_to: datetime | None = None
    """Where a clock began, or a leap of it ended, that is not believed yet: it may have been set wrong."""
    latest: datetime | None = None
    """How far it has gone on from there."""


@dataclass(frozen=True, slots=True)
class SyncRecord:
    """That a sync took place, and how far it saw."""

    realm: str
    realm_id: str
    installation_id: str
    """The ledger's own."""
    synced_at: datetime
    is_complete: bool
    warnings: tuple[str, ...] = ()
    published_id: str | None = None
    """The installation id that the realm showed, where it was another."""
    clock: ClockMark = ClockMark()
    held: tuple[HeldRelease, ...] = ()
    """The releases that the guard held back."""
    addressees: tuple[Addressee, ...] = ()
    """Who has the role manage-licenses."""
    locale: str | None = None
    """The realm's default language."""

    @property
    def is_disputed(self) -> bool:
        """Whether ledger and realm belong to different installations."""
        return self.published_id is not None


@dataclass(frozen=True, slots=True)
class SyncFailure:
    """That syncs end without a result, until one does."""

    since: datetime
    at: datetime
    """When the last one did."""
    reason: str
    """Why, as a sentence."""


FORGOTTEN = "forgotten"
"""What a user is called in the history once he is forgotten."""


@dataclass(frozen=True, slots=True)
class SeatEvent:
    """Something that happened to a claim, kept as history."""

    application: str
    user_id: str
    username: str
    kind: str
    at: datetime
    reason: str
    granted_at: datetime | None = None
    """When an admin gave the user what began it; None where no event of Keycloak's tells."""
    granted_by_id: str | None = None
    """That admin, as Keycloak knows him."""
    granted_by: str | None = None
    """His name then; None where only the id is known."""

    @property
    def is_forgotten(self) -> bool:
        """Whether the user is named no more."""
        return self.username == FORGOTTEN and self.user_id.startswith(f"{FORGOTTEN}-")


@dataclass(frozen=True, slots=True)
class RealmRecord:
    """Everything known of one realm; empty for one never synced."""

    realm: str
    installation_id: str | None = None
    licenses: tuple[StoredLicense, ...] = ()
    claims: tuple[Claim, ...] = ()
    last_sync: SyncRecord | None = None
    failure: SyncFailure | None = None
    """What has gone wrong since the last sync."""
    marks: tuple[Mark, ...] = ()
    """What people have been told, by key."""
    undelivered: Undelivered = NOTHING_UNDELIVERED

    @property
    def clock(self) -> ClockMark:
        """How far time has got."""
        return self.last_sync.clock if self.last_sync else ClockMark()


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write about one realm, until somebody else takes it; made by `ledger.lease`."""

    realm: str
    holder: str
    """A process, for sentences."""
    epoch: int
    """Counts up each time the lease is taken: who comes with an older one has been overtaken."""
    duration: timedelta
    """How long it outlives its last renewal."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that syncs realms for as long as it lives."""

    name: str
    """No other process ever has the same."""
    realms: tuple[str, ...]
    """Those it is configured for."""


def to_stored(license_: License, imported_at: datetime) -> StoredLicense:
    """Return a licence as the ledger keeps it."""
    return StoredLicense(license_.number, license_.issue, license_.file, imported_at)
