"""How often somebody may do what costs something: log in, upload, confirm.

In: what, and who; out: how long to wait. Called by `security`. Counts are this process's own.
"""

import time
from dataclasses import dataclass, field
from enum import Enum

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter


class Rate(Enum):
    """What is limited, and how."""

    LOGIN = "30/minute"
    """By address; a login takes two requests."""
    UPLOAD = "20/minute"
    """By user: a file to look at or to import."""
    CHANGE = "15/minute"
    """By user: syncs, confirmations, settings."""
    LOGOUT_CALL = "600/minute"
    """By address: logout tokens that are not genuine."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts requests in memory."""

    _limiter: MovingWindowRateLimiter = field(
        default_factory=lambda: MovingWindowRateLimiter(MemoryStorage())
    )

    def wait_seconds(self, rate: Rate, who: str) -> int:
        """Count one more; return for how many seconds to wait before it may be done, 0 for at once."""
        item: RateLimitItem = parse(rate.value)
        if self._limiter.hit(item, rate.name, who):
            return 0
        window = self._limiter.get_window_stats(item, rate.name, who)
        return max(1, int(window.reset_time - time.time()) + 1)
