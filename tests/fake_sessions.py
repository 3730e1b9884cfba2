"""`ports.Sessions` and `ports.Audit` in memory, for `tests.fakes.MemoryLedger`.

`tests/contract` holds them to the real ones.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from keycloak_license.model.session import AuditEntry, LoginAttempt, ScreenSession
from tests.instants import in_utc


@dataclass
class MemorySessions:
    """Logins and sessions of every realm."""

    max_attempts: int = 10_000
    _attempts: dict[str, LoginAttempt] = field(default_factory=dict)
    _sessions: dict[str, ScreenSession] = field(default_factory=dict)

    def begin_login(self, attempt: LoginAttempt) -> None:
        self._attempts[attempt.key] = replace(attempt, begun_at=in_utc(attempt.begun_at))
        of_realm = [each for each in self._attempts.values() if each.realm == attempt.realm]
        of_realm.sort(key=lambda each: (each.begun_at, each.key), reverse=True)
        for each in of_realm[self.max_attempts :]:
            del self._attempts[each.key]

    def take_login(self, key: str) -> LoginAttempt | None:
        return self._attempts.pop(key, None)

    def begin(self, session: ScreenSession) -> None:
        self._sessions[session.key] = replace(
            session,
            begun_at=in_utc(session.begun_at),
            seen_at=in_utc(session.seen_at),
            checked_at=in_utc(session.checked_at),
        )

    def find(self, key: str) -> ScreenSession | None:
        return self._sessions.get(key)

    def keep(self, key: str, seen_at: datetime, checked_at: datetime) -> None:
        seen_at, checked_at = in_utc(seen_at), in_utc(checked_at)
        if key in self._sessions:
            self._sessions[key] = replace(self._sessions[key], seen_at=seen_at, checked_at=checked_at)

    def end(self, key: str) -> None:
        self._sessions.pop(key, None)

    def end_of_sid(self, realm: str, sid: str) -> int:
        return self._end([each for each in self._sessions.values() if (each.realm, each.sid) == (realm, sid)])

    def end_of_user(self, realm: str, user_id: str) -> int:
        return self._end(
            [each for each in self._sessions.values() if (each.realm, each.user_id) == (realm, user_id)]
        )

    def forget(self, *, attempts_before: datetime, begun_before: datetime, seen_before: datetime) -> None:
        stale = [each for each in self._attempts.values() if each.begun_at < attempts_before]
        for attempt in stale:
            del self._attempts[attempt.key]
        sessions = self._sessions.values()
        self._end([each for each in sessions if each.begun_at < begun_before or each.seen_at < seen_before])

    def _end(self, sessions: list[ScreenSession]) -> int:
        for each in sessions:
            del self._sessions[each.key]
        return len(sessions)


@dataclass
class MemoryAudit:
    """What people did, by realm."""

    _entries: list[AuditEntry] = field(default_factory=list)

    def record(self, entry: AuditEntry) -> None:
        self._entries.append(replace(entry, at=in_utc(entry.at)))

    def read(self, realm: str, limit: int) -> tuple[AuditEntry, ...]:
        return tuple([each for each in reversed(self._entries) if each.realm == realm][:limit])
