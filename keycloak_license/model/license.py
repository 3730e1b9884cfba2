"""A licence, and how it stands at one moment.

`License` is made by `license_file.verify` only, so holding one means its signature was good.
`Standing` is made by `plan.lifecycle`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

DEFAULT_EXEMPT_USERS = ("eleveo.admin", "eleveotrain")
"""The seed: "the Default Users (eleveo.admin and eleveotrain) do not consume any license"."""


class LicenseType(StrEnum):
    """Whether a licence needs activation."""

    COMMERCIAL = "commercial"
    TEMPORARY = "temporary"


class LicenseState(StrEnum):
    """The seed's State column, and NONE where it shows an empty table."""

    OK = "OK"
    NOT_ACTIVATED = "NOT_ACTIVATED"
    EXPIRED = "EXPIRED"
    NONE = "NONE"


class Reason(StrEnum):
    """Why access is as it is."""

    ACTIVE = "active"
    TEMPORARY = "temporary"
    GRACE = "grace"
    GRACE_OVER = "grace_over"
    EXPIRED = "expired"
    NO_LICENSE = "no_license"
    OTHER_INSTALLATION = "other_installation"
    NOT_STARTED = "not_started"


class NotInForce(StrEnum):
    """Why an imported licence is not in force, besides its own dates and activation."""

    REPLACED = "replaced"
    OVERLAID = "overlaid"
    """By a temporary one; it is fallen back to."""
    SUPERSEDED = "superseded"
    """By one of its kind that started later."""
    NOT_VERIFIED = "not_verified"


GRANTING_REASONS = frozenset({Reason.ACTIVE, Reason.TEMPORARY, Reason.GRACE})


@dataclass(frozen=True, slots=True)
class Activation:
    """The installation a commercial licence was activated for."""

    installation_id: str
    realm_id: str


@dataclass(frozen=True, slots=True)
class License:
    """The content of a licence file whose signature held."""

    number: str
    issue: int
    """Counts up with each file the vendor makes for the same number."""
    type: LicenseType
    customer: str
    issued_on: date
    starts_on: date
    expires_on: date
    """The last day of access."""
    scope: Mapping[str, int | None]
    """Application id to number of seats; None is unlimited."""
    exempt_users: tuple[str, ...] = DEFAULT_EXEMPT_USERS
    activation: Activation | None = None
    kid: str = ""
    """Name of the key that signed it."""
    file: str = field(default="", repr=False)
    """The file as imported (compact JWS)."""


@dataclass(frozen=True, slots=True)
class ImportedLicense:
    """A licence in the ledger; replaced ones stay for the record."""

    license: License
    imported_at: datetime
    replaced_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the licences of a realm amount to at one moment."""

    state: LicenseState
    reason: Reason
    license: License | None = None
    stops_at: datetime | None = None
    """The instant at which access ends (or ended) as things stand."""
    last_license: License | None = None
    """The licence that gives access until then, where access is granted: maybe another than `license`."""
    is_last_in_grace: bool = False
    """Whether that one ends because it was not activated."""

    @property
    def is_granted(self) -> bool:
        """Whether seated users may use their applications."""
        return self.reason in GRANTING_REASONS

    @property
    def access(self) -> str:
        """The word published as `license.access`."""
        return "granted" if self.is_granted else "blocked"
