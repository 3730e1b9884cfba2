"""What people have to be told: facts only; how they are worded is the business of `mail`.

Made by `plan.notices`, kept in the ledger's outbox as JSON, written out by `mail`.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Literal

MAX_NAMED = 50
"""How many people a notice names; it counts the others."""


class Remedy(StrEnum):
    """What keeps access from ending."""

    RENEW = "renew"
    ACTIVATE = "activate"


@dataclass(frozen=True, slots=True)
class SeatsInUse:
    """How many people hold a seat of one application."""

    application: str
    name: str
    used: int


@dataclass(frozen=True, slots=True)
class People:
    """Some people: the first by name, and how many there are besides."""

    named: tuple[str, ...]
    """Usernames."""
    more: int = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.named) + self.more


@dataclass(frozen=True, slots=True, kw_only=True)
class RealmNotice:
    """Something to be told about one realm."""

    realm: str
    at: datetime
    """When it was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEnding(RealmNotice):
    """Access is about to end for everybody. The seed: "the defined number of days before"."""

    kind: Literal["access_ending"] = "access_ending"
    number: str
    """Of the licence whose end it is."""
    customer: str
    stops_at: datetime
    """The first instant without access, with the realm's offset."""
    days_left: int
    """Whole days until the last day of access; 0 on that day."""
    remedy: Remedy
    users: int
    """How many people hold seats, each counted once."""
    seats: tuple[SeatsInUse, ...]
    """Of the applications whose seats somebody holds."""

    @property
    def last_day(self) -> date:
        """The last day of access."""
        return (self.stops_at - timedelta(seconds=1)).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEnded(RealmNotice):
    """Nobody has access any more."""

    kind: Literal["access_ended"] = "access_ended"
    number: str
    customer: str
    stops_at: datetime | None
    """The first instant without access; None where it did not end by the calendar."""
    reason: Literal["expired", "grace_over", "other_installation"]
    users: int
    seats: tuple[SeatsInUse, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OverLimit(RealmNotice):
    """Somebody has to wait. The seed: "an attempt to exceed the number of licenses"."""

    kind: Literal["over_limit"] = "over_limit"
    application: str
    name: str
    limit: int
    used: int
    waiting: People
    """In the order in which they will get seats."""
    is_digest: bool = False
    """Whether this was told before, and more people wait since."""
    is_licensed: bool = True
    """False where the licence leaves the application out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NearLimit(RealmNotice):
    """Few seats are left."""

    kind: Literal["near_limit"] = "near_limit"
    application: str
    name: str
    limit: int
    used: int
    percent: int
    """The threshold that was reached."""


@dataclass(frozen=True, slots=True)
class HeldSeats:
    """The people of one application whose releases are held."""

    application: str
    name: str
    people: People


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasesHeld(RealmNotice):
    """So many people would lose their seats at once that the guard holds it back."""

    kind: Literal["releases_held"] = "releases_held"
    held: tuple[HeldSeats, ...]
    release_at: datetime
    """When the first of them are released, if nobody does anything and every read until then is complete."""
    is_digest: bool = False
    """Whether this was told before, and more are held since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncsFailing(RealmNotice):
    """No sync has ended well for long."""

    kind: Literal["syncs_failing"] = "syncs_failing"
    since: datetime
    reason: str
    """Why the last one failed, as a sentence in English."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadsIncomplete(RealmNotice):
    """For long, syncs have not seen everything."""

    kind: Literal["reads_incomplete"] = "reads_incomplete"
    since: datetime
    gaps: tuple[str, ...]
    """What was not seen, as phrases in English."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialNotice(RealmNotice):
    """Somebody tries out whether notices arrive."""

    kind: Literal["test"] = "test"


Notice = (
    AccessEnding
    | AccessEnded
    | OverLimit
    | NearLimit
    | ReleasesHeld
    | SyncsFailing
    | ReadsIncomplete
    | TrialNotice
)


class Channel(StrEnum):
    """A way to tell."""

    MAIL = "mail"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice for one recipient, as the outbox keeps it."""

    id: str
    """Unique for good; the same at every attempt, so that who gets it twice can tell."""
    notice: Notice
    channel: Channel
    recipient: str = ""
    """The mail address; empty for a webhook."""
    locale: str = "en"
    """The realm's, for example ``cs`` or ``pt-BR``."""
    created_at: datetime | None = None
    attempts: int = 0
    """How many have failed."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The other side has taken it over."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The other side does not take this one; the next may pass."""

    problem: str
    """Why, in one line; it may hold the address, so it never stands in a log."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Nobody takes anything at the moment; the next would fare no better."""

    problem: str


Outcome = Delivered | Refused | Unreachable
