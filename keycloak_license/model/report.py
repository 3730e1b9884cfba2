"""What every exit shows: one report, made in one place, for screen, JSON, log, mail and attributes.

Made by `plan.planner` (a sync) or `services.overview` (the ledger alone).
"""

from dataclasses import dataclass
from datetime import datetime

from keycloak_license.model.audience import Addressee
from keycloak_license.model.changes import Change
from keycloak_license.model.license import License, LicenseState, NotInForce, Reason, Standing
from keycloak_license.model.notice import NO_TIDINGS, Notice, Tidings
from keycloak_license.model.record import StoredLicense
from keycloak_license.model.seat import Allocation, HeldRelease


@dataclass(frozen=True, slots=True)
class ApplicationUsage:
    """The one count of an application's seats."""

    id: str
    name: str
    seats: int | None
    """Licensed seats; None is unlimited."""
    used: int
    waiting: int

    @property
    def usage_percent(self) -> int | None:
        """Whole percent of the seats in use; None when unlimited."""
        if self.seats is None:
            return None
        if self.seats == 0:
            return 100 if self.used else 0
        return (200 * self.used + self.seats) // (2 * self.seats)


@dataclass(frozen=True, slots=True)
class ListedLicense:
    """One of the licences ever imported."""

    stored: StoredLicense
    license: License | None
    """None when its signature does not hold any more."""
    state: LicenseState
    """As if it were the only one."""
    reason: Reason | NotInForce
    is_in_force: bool = False
    """Whether this is the one that gives access now."""
    ends_at: datetime | None = None
    """The instant at which it ends by itself, at the latest."""
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class RealmReport:
    """Licence and usage of one realm at one moment."""

    realm: str
    installation_id: str | None
    standing: Standing
    applications: tuple[ApplicationUsage, ...]
    synced_at: datetime | None
    """When a sync last finished; None before the first."""
    is_complete: bool
    """Whether that sync saw everything."""
    held: tuple[HeldRelease, ...] = ()
    """Releases held back by the guard."""
    warnings: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    """Why a sync did not see everything; part of the warnings as well."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What one sync found and did, or would do."""

    realm: RealmReport
    changes: tuple[Change, ...]
    is_dry_run: bool
    refused: tuple[str, ...] = ()
    """What Keycloak would not do, as sentences; part of the warnings as well."""
    drift: int | None = None
    """How much a full read found otherwise than events had told; None where that was not compared."""
    notices: tuple[Notice, ...] = ()
    """What it has to tell, each once."""


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """Everything one sync decided, before any of it is carried out."""

    report: RealmReport
    allocations: tuple[Allocation, ...]
    changes: tuple[Change, ...]
    read_warnings: tuple[str, ...] = ()
    """Those of the report's warnings that come from what was read; they hold until the next sync."""
    unconfirmed: tuple[str, ...] = ()
    """Ids of the users whose claims end, or are newly held, without their having been read by themselves."""
    has_arrivals: bool = False
    """Whether somebody has a claim who had none."""
    tidings: Tidings = NO_TIDINGS
    addressees: tuple[Addressee, ...] = ()
    """Who has the role manage-licenses."""
    may_begin: bool = True
    """Whether it may be carried out; not where a lost ledger would give away the seats of people whom this
    read does not show."""
