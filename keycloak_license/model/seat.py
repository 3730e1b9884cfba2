"""A user's claim to a seat of one application, seated or waiting.

Kept by `ledger`, decided by `plan.allocation`.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """One consumer of one application."""

    application: str
    user_id: str
    username: str
    email: str | None
    created_at: int | None
    """The account's ``createdTimestamp``; breaks ties between claims of the same instant."""
    claimed_at: datetime
    """When the user was first seen consuming; the place in the queue."""
    is_seated: bool = False
    seated_at: datetime | None = None
    """When the seat was given. A user who lost it to a smaller limit keeps this, and thereby
    stands before all who never had one."""
    provider_id: str | None = None
    """The user storage provider the account comes from."""


@dataclass(frozen=True, slots=True)
class HeldRelease:
    """A claim that would have ended, had not too many others done so at once; made by `plan.guard`."""

    application: str
    user_id: str
    username: str
    reason: str
    """Why it would have ended."""
    since: datetime
    """When that was first seen; later by the time in which the realm could not be read completely."""


@dataclass(frozen=True, slots=True)
class Consent:
    """Which releases a person has confirmed, so that the guard does not hold them."""

    to_all: bool = False
    """Those too that nobody has seen yet."""
    releases: frozenset[tuple[str, str]] = frozenset()
    """By application and user id."""

    def covers(self, claim: Claim) -> bool:
        """Whether the end of a claim is confirmed."""
        return self.to_all or (claim.application, claim.user_id) in self.releases


NO_CONSENT = Consent()


@dataclass(frozen=True, slots=True)
class Allocation:
    """Who is seated and who waits for one application."""

    application: str
    limit: int | None
    """Licensed seats; None is unlimited."""
    seated: tuple[Claim, ...]
    """In no order; `plan.allocation.in_order` brings them into that of their seats."""
    waiting: tuple[Claim, ...]
    """In order."""
