"""What the simulated realm knows of logins: events while they are recorded, and sessions.

`tests/contract/test_logins.py` holds it to a real realm.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from keycloak_license.model.logins import LoginReading, LoginRecord, LoginSearch

Use = tuple[str, str, datetime]
"""User id, client id and when."""


@dataclass
class SimulatedLogins:
    """The logins of one realm."""

    is_recording: bool = True
    is_readable: bool = True
    """Whether we have the right to read events."""
    kept_for: timedelta | None = None
    events: list[Use] = field(default_factory=list)
    sessions: list[Use] = field(default_factory=list)

    def log_in(self, user: str, at: datetime, client_id: str = "some-app", *, stays: bool = False) -> None:
        """Let a user log in; with `stays` the session is still there."""
        if self.is_recording:
            self.events.append((user, client_id, at))
        if stays:
            self.sessions.append((user, client_id, at))

    def read(self, search: LoginSearch) -> LoginReading:
        since = min((search.since, *search.holders.values()))
        events = [each for each in self.events if each[2] >= since] if self.is_readable else []
        asked = search.client_ids
        sessions = [each for each in self.sessions if not asked or each[1] in asked]
        last_seen: dict[tuple[str, str], datetime] = {}
        for user, client_id, at in sorted(events + sessions, key=lambda use: use[2]):
            last_seen[user, client_id] = at
        return LoginReading(last_seen, self._record(events), tuple(self._gaps()))

    def _record(self, events: list[Use]) -> LoginRecord | None:
        if not (self.is_recording and self.is_readable):
            return None
        days: dict[date, datetime] = {}
        for _, _, at in events:
            day = at.astimezone(UTC).date()
            days[day] = min(at, days.get(day, at))
        return LoginRecord(tuple(sorted(days.values())), self.kept_for)

    def _gaps(self) -> list[str]:
        if not self.is_readable:
            return ["Logins cannot be read: the test takes away the role view-events"]
        return [] if self.is_recording else ["The realm records no logins at present: the test says so"]
