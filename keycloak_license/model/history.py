"""How long the history of seats is kept, and for whom.

Made by `settings`, read by `plan.retention` and `services`.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class HistoryTerms:
    """What becomes of seat events in time."""

    keep: timedelta = timedelta(days=730)
    """How long they are kept."""
    forgets_deleted: bool = False
    """Whether who is deleted in Keycloak is named no more."""


DEFAULT_TERMS = HistoryTerms()
