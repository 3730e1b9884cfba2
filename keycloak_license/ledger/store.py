"""The ledger over SQL: what was decided, kept durably.

In: a database URL, then syncs with their changes and licence files; out: `RealmRecord` and history.
Made by `bootstrap`, used by `services` as `ports.Ledger`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, insert, select, update

from keycloak_license.errors import LedgerError
from keycloak_license.ledger import history, outbox, rows, workers
from keycloak_license.ledger.audit import SqlAudit
from keycloak_license.ledger.connection import create_folder, create_ledger_engine, reading, writing
from keycloak_license.ledger.failures import masked
from keycloak_license.ledger.lease import LEASE_DURATION, end, read_epoch, renew, take
from keycloak_license.ledger.outbox import SqlOutbox
from keycloak_license.ledger.schema import migrate, read_revision
from keycloak_license.ledger.sessions import SqlSessions
from keycloak_license.ledger.tables import claims, licenses, sync_failures
from keycloak_license.model.changes import SeatChange, claim_key, outcome_of
from keycloak_license.model.measures import Disabling
from keycloak_license.model.notice import NO_TELLING, Telling
from keycloak_license.model.record import (
    Lease,
    RealmRecord,
    SeatEvent,
    StoredLicense,
    SyncFailure,
    SyncRecord,
    Worker,
)
from keycloak_license.model.seat import Claim


@dataclass(frozen=True, slots=True)
class LedgerDescription:
    """What `doctor` tells about the database."""

    database: str
    """The URL without password."""
    dialect: str
    """``sqlite`` or ``postgresql``."""
    revision: str | None
    """The migration it stands at."""
    write_problem: str | None
    """Why nothing can be written, as a sentence; None when a write was tried and would have passed."""

    @property
    def is_writable(self) -> bool:
        """Whether a sync could be recorded now."""
        return self.write_problem is None


def open_ledger(
    url: str, *, busy_timeout: float = 5.0, lease_duration: timedelta = LEASE_DURATION
) -> "SqlLedger":
    """Open the ledger at an SQLAlchemy URL, making and migrating what is missing.

    `busy_timeout` is in seconds: how long to wait for another process's lock. Raises `ConfigurationError`
    for an unusable URL, `LedgerError` when the database cannot be used as it is or is of a newer version.
    """
    engine = create_ledger_engine(url, busy_timeout=busy_timeout)
    create_folder(engine.url)
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return SqlLedger(engine, lease_duration)


class SqlLedger:
    """The ledger in one database; threads may share it. Every method may raise `LedgerError`."""

    def __init__(self, engine: Engine, lease_duration: timedelta = LEASE_DURATION) -> None:
        self._engine = engine
        self._lease_duration = lease_duration

    def load(self, realm: str, known_claims: Sequence[Claim] | None = None) -> RealmRecord:
        """Return everything remembered of a realm: licences oldest first, claims by application and user.

        Claims that are known are not read again.
        """
        with reading(self._engine) as connection:
            last_sync = rows.read_sync(connection, realm)
            known_licenses = rows.read(connection, licenses, StoredLicense, licenses.c.realm == realm)
            if known_claims is None:
                known_claims = rows.read(connection, claims, Claim, claims.c.realm == realm)
            failures = rows.read(connection, sync_failures, SyncFailure, sync_failures.c.realm == realm)
            marks = outbox.read_marks(connection, realm)
            undelivered = outbox.read_undelivered(connection, realm)
        return RealmRecord(
            realm=realm,
            installation_id=last_sync.installation_id if last_sync else None,
            licenses=tuple(known_licenses),
            # Sorted here, for databases do not agree on the order of letters.
            claims=tuple(sorted(known_claims, key=claim_key)),
            last_sync=last_sync,
            failure=failures[0] if failures else None,
            marks=marks,
            undelivered=undelivered,
        )

    def read_epoch(self, realm: str) -> int:
        """Return what the lease of a realm has counted up to; it does with everything that is done here."""
        with reading(self._engine) as connection:
            return read_epoch(connection, realm)

    def take_lease(self, realm: str, holder: str) -> Lease:
        """Take the right to write about a realm; `LeaseTakenError` while somebody else has it."""
        with writing(self._engine) as connection:
            return take(connection, realm, holder, self._lease_duration)

    def renew_lease(self, lease: Lease) -> None:
        """Hold a lease longer; `LeaseLostError` when somebody else has taken over."""
        with writing(self._engine) as connection:
            renew(connection, lease)

    def end_lease(self, lease: Lease) -> None:
        """Give a lease back; nothing happens when it is lost already."""
        with writing(self._engine) as connection:
            end(connection, lease)

    def announce_worker(self, worker: Worker, lasting: timedelta) -> tuple[Worker, ...]:
        """Keep that a worker is alive for so long; return all that are, by name, and forget the others."""
        with writing(self._engine, is_fleeting=True) as connection:
            return workers.announce(connection, worker, lasting)

    def end_worker(self, name: str) -> None:
        """Forget a worker; nothing happens when it is forgotten already."""
        with writing(self._engine) as connection:
            workers.end(connection, name)

    @property
    def outbox(self) -> SqlOutbox:
        """What is on its way to people."""
        return SqlOutbox(self._engine)

    @property
    def sessions(self) -> SqlSessions:
        """Who is at the screen."""
        return SqlSessions(self._engine)

    @property
    def audit(self) -> SqlAudit:
        """Who did what by the screen or the API."""
        return SqlAudit(self._engine)

    def record_sync(
        self, lease: Lease, sync: SyncRecord, changes: Sequence[SeatChange], telling: Telling = NO_TELLING
    ) -> None:
        """Carry out claim changes, write seat events, the sync and what it tells, as one transaction."""
        outcome = outcome_of(changes)
        kept = [rows.row(sync.realm, claim) for claim in outcome.values() if claim is not None]
        ended = [
            {"realm": sync.realm, "application": application, "user_id": user_id}
            for (application, user_id), claim in outcome.items()
            if claim is None
        ]
        with writing(self._engine) as connection:
            renew(connection, lease)
            rows.put_sync(connection, sync)
            rows.remove(connection, sync_failures, [{"realm": sync.realm}])
            rows.put(connection, claims, kept)
            rows.remove(connection, claims, ended)
            history.put(connection, sync.realm, changes, sync.synced_at)
            outbox.put(connection, sync.realm, telling, sync.synced_at)

    def record_enforcement(
        self, lease: Lease, at: datetime, done: Sequence[Disabling], refused: Sequence[str]
    ) -> None:
        """Add to a sync who was disabled and enabled after it was recorded, and what could not be done."""
        with writing(self._engine) as connection:
            renew(connection, lease)
            history.put(connection, lease.realm, done, at)
            sync = rows.read_sync(connection, lease.realm)
            if sync and refused:
                rows.put_sync(connection, replace(sync, warnings=(*sync.warnings, *refused)))

    def record_failure(self, lease: Lease, failure: SyncFailure, telling: Telling = NO_TELLING) -> None:
        """Keep that syncs end without a result, until one is recorded, and what it tells."""
        with writing(self._engine) as connection:
            renew(connection, lease)
            rows.put(connection, sync_failures, [rows.row(lease.realm, failure)])
            outbox.put(connection, lease.realm, telling, failure.at)

    def add_licenses(
        self, lease: Lease, added: Sequence[StoredLicense], replaced: Sequence[StoredLicense] = ()
    ) -> None:
        """Keep licences, and take the replaced ones out of force at the instant of the first one's import.

        One transaction. A file that is in force already is not kept twice.
        """
        in_force = (licenses.c.realm == lease.realm) & licenses.c.replaced_at.is_(None)
        is_replaced = licenses.c.file.in_([each.file for each in replaced])
        with writing(self._engine) as connection:
            renew(connection, lease)
            for license_ in added[:1]:
                take_out = update(licenses).where(in_force & is_replaced)
                connection.execute(take_out.values(replaced_at=license_.imported_at))
            present = set(connection.scalars(select(licenses.c.file).where(in_force)))
            new = [rows.row(lease.realm, each) for each in added if each.file not in present]
            if new:
                connection.execute(insert(licenses), new)

    def remove_seat_events(self, lease: Lease, before: datetime) -> None:
        """Forget the history of claims that is dated before an instant."""
        with writing(self._engine) as connection:
            renew(connection, lease)
            history.remove(connection, lease.realm, before)

    def forget_users(self, lease: Lease, pseudonyms: Mapping[str, str]) -> None:
        """Put a pseudonym in the place of each user, by id, wherever seat events name him."""
        with writing(self._engine) as connection:
            renew(connection, lease)
            history.forget(connection, lease.realm, pseudonyms)

    def seat_events(
        self, realm: str, application: str | None = None, since: datetime | None = None
    ) -> tuple[SeatEvent, ...]:
        """Return the history of claims, oldest first; with `since`, what was written after all before it."""
        with reading(self._engine) as connection:
            return history.read(connection, realm, application, since)

    def describe(self) -> LedgerDescription:
        """Look at the database, and try a write that is taken back."""
        with reading(self._engine) as connection:
            revision = read_revision(connection)
        return LedgerDescription(
            database=masked(self._engine.url),
            dialect=self._engine.dialect.name,
            revision=revision,
            write_problem=self._try_to_write(),
        )

    def close(self) -> None:
        """Give up the connections; on SQLite this also folds the write-ahead log into the file."""
        self._engine.dispose()

    def _try_to_write(self) -> str | None:
        # No realm of Keycloak has an empty name.
        probe = SyncRecord("", "", "", datetime.now(UTC), is_complete=False)
        try:
            with writing(self._engine) as connection:
                rows.put_sync(connection, probe)
                connection.rollback()
        except LedgerError as error:
            return str(error)
        return None
