"""What people have to be told: facts only; how they are worded is the business of `mail`.

Made by `plan.notices`, kept in the ledger's outbox as JSON, written out by `mail`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, TypeGuard

from keycloak_license.model.audience import NO_AUDIENCE, Audience
from keycloak_license.model.license import Reason

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
    last_day: date
    """The last day of access."""
    stops_at: datetime
    """The first instant without access, with the realm's offset."""
    days_left: int
    """Whole days until the last day of access; 0 on that day."""
    remedy: Remedy
    users: int
    """How many people hold seats, each counted once."""
    seats: tuple[SeatsInUse, ...]
    """Of the applications that are licensed, or whose seats somebody holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEnded(RealmNotice):
    """Nobody has access any more."""

    kind: Literal["access_ended"] = "access_ended"
    number: str
    """Empty where no licence counts, and so is the customer."""
    customer: str
    stops_at: datetime | None
    """The first instant without access; None where it did not end by the calendar."""
    reason: Reason
    """`EXPIRED`, `GRACE_OVER`, `OTHER_INSTALLATION`, or `NO_LICENSE` where none counts any more."""
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


def is_about_seats(notice: Notice) -> TypeGuard[OverLimit | NearLimit]:
    """Whether it is about the seats of one application."""
    return isinstance(notice, OverLimit | NearLimit)


@dataclass(frozen=True, slots=True)
class Mark:
    """What is remembered of something worth telling, for as long as it holds."""

    key: str
    since: datetime
    told_at: datetime | None = None
    """When people were told last; None before the first time."""
    has_news: bool = False
    """Whether more of the same has come up since."""


@dataclass(frozen=True, slots=True)
class Tidings:
    """What is to be told, whom, and what is remembered of it."""

    notices: tuple[Notice, ...] = ()
    marks: tuple[Mark, ...] = ()
    """All that are to be remembered of the realm."""
    audience: Audience = NO_AUDIENCE


NO_TIDINGS = Tidings()


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
    is_uncertain: bool = False
    """Whether an attempt was cut off, so that it may be delivered twice."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Tidings as the ledger takes them: what is remembered, and a delivery for each recipient."""

    marks: tuple[Mark, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    addresses: tuple[str, ...] | None = None
    """To which mails may go; None where that is not known."""


NO_TELLING = Telling()


@dataclass(frozen=True, slots=True)
class Undelivered:
    """What of a realm's notices has not got through."""

    count: int = 0
    """How many are tried again."""
    since: datetime | None = None
    """When the oldest of them was due first."""
    problems: tuple[tuple[str, str], ...] = ()
    """Recipient, empty for a webhook, and why; the oldest first."""
    given_up: int = 0
    """How many are not tried any more."""


NOTHING_UNDELIVERED = Undelivered()


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
