"""Who is at the screen, in the same database as everything else, so that each process knows the same.

In: logins and sessions of `model.session`; out: the same, found by the hash of what a browser holds. Made by
`store`, called by `web` through `ports.Sessions`. Strangers can make the screen ask about keys that were
never there: that is only read, for whoever writes waits for all others who do.
"""

from dataclasses import fields
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, or_, select, update

from keycloak_license.ledger import rows
from keycloak_license.ledger.connection import reading, writing
from keycloak_license.ledger.tables import login_attempts, screen_sessions
from keycloak_license.model.session import LoginAttempt, ScreenSession

MAX_ATTEMPTS = 10_000
"""How many logins of a realm may be under way; anybody can begin one without being anybody."""


class SqlSessions:
    """The logins and sessions of a ledger; threads may share it. Every method may raise `LedgerError`."""

    def __init__(self, engine: Engine, max_attempts: int = MAX_ATTEMPTS) -> None:
        self._engine = engine
        self._max_attempts = max_attempts

    def begin_login(self, attempt: LoginAttempt) -> None:
        """Keep that a login began; where too many have, the oldest of the realm are given up."""
        with writing(self._engine, is_fleeting=True) as connection:
            rows.put(connection, login_attempts, [rows.row(attempt.realm, attempt)])
            _drop_oldest(connection, attempt.realm, self._max_attempts)

    def take_login(self, key: str) -> LoginAttempt | None:
        """Return a login that began, once: whoever asks again gets None."""
        is_meant = login_attempts.c.key == key
        if not self._is_any(login_attempts, is_meant):
            return None
        columns = (login_attempts.c[field.name] for field in fields(LoginAttempt))
        with writing(self._engine) as connection:
            taken = connection.execute(delete(login_attempts).where(is_meant).returning(*columns)).first()
        return LoginAttempt(*taken) if taken else None

    def begin(self, session: ScreenSession) -> None:
        """Keep a session."""
        with writing(self._engine) as connection:
            rows.put(connection, screen_sessions, [rows.row(session.realm, session)])

    def find(self, key: str) -> ScreenSession | None:
        """Return a session, however old; None for one that was never there or has ended."""
        with reading(self._engine) as connection:
            found = rows.read(connection, screen_sessions, ScreenSession, screen_sessions.c.key == key)
        return found[0] if found else None

    def keep(self, key: str, seen_at: datetime, checked_at: datetime) -> None:
        """Keep that a session was used; one that has ended stays so."""
        used = update(screen_sessions).where(screen_sessions.c.key == key)
        with writing(self._engine, is_fleeting=True) as connection:
            connection.execute(used.values(seen_at=seen_at, checked_at=checked_at))

    def end(self, key: str) -> None:
        """End a session, where there is one."""
        self._end(screen_sessions.c.key == key)

    def end_of_sid(self, realm: str, sid: str) -> int:
        """End those that began in one of Keycloak's sessions; return how many."""
        return self._end((screen_sessions.c.realm == realm) & (screen_sessions.c.sid == sid))

    def end_of_user(self, realm: str, user_id: str) -> int:
        """End all of a user; return how many."""
        return self._end((screen_sessions.c.realm == realm) & (screen_sessions.c.user_id == user_id))

    def forget(self, *, attempts_before: datetime, begun_before: datetime, seen_before: datetime) -> None:
        """Forget logins that began before, and sessions that began or were last seen before."""
        is_stale = login_attempts.c.begun_at < attempts_before
        is_over = or_(screen_sessions.c.begun_at < begun_before, screen_sessions.c.seen_at < seen_before)
        for table, is_old in ((login_attempts, is_stale), (screen_sessions, is_over)):
            if self._is_any(table, is_old):
                with writing(self._engine) as connection:
                    connection.execute(delete(table).where(is_old))

    def _end(self, which: ColumnElement[bool]) -> int:
        if not self._is_any(screen_sessions, which):
            return 0
        with writing(self._engine) as connection:
            return connection.execute(delete(screen_sessions).where(which)).rowcount

    def _is_any(self, table: Table, which: ColumnElement[bool]) -> bool:
        with reading(self._engine) as connection:
            return connection.scalar(select(table.c.key).where(which).limit(1)) is not None


def _drop_oldest(connection: Connection, realm: str, kept: int) -> None:
    newest_first = (login_attempts.c.begun_at.desc(), login_attempts.c.key.desc())
    of_realm = select(login_attempts.c.key).where(login_attempts.c.realm == realm).order_by(*newest_first)
    if dropped := connection.scalars(of_realm.offset(kept)).all():
        connection.execute(delete(login_attempts).where(login_attempts.c.key.in_(dropped)))
