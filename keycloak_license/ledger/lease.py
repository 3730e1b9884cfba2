"""Who may write about a realm: one process at a time, and never one that was overtaken.

In: a connection that writes, and a lease or who wants one; out: a lease, or an error. Called by `store`,
inside the transaction of each write. Time is the database's, so that clocks of several machines need not
agree.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Update, func, select, update

from keycloak_license.errors import LeaseLostError, LeaseTakenError
from keycloak_license.ledger import rows
from keycloak_license.ledger.tables import leases
from keycloak_license.model.record import Lease

LEASE_DURATION = timedelta(seconds=10)
"""How long a lease outlives its last renewal: what the next one waits for after a crash."""


def take(connection: Connection, realm: str, holder: str, duration: timedelta) -> Lease:
    """Return a new lease; `LeaseTakenError` while another lasts, for as long as its holder has said."""
    now = read_clock(connection)
    found = connection.execute(select(leases).where(leases.c.realm == realm)).mappings().first()
    # A renewal from the future is one of a clock that was set back since: nobody may be locked out by it.
    if found and found["renewed_at"] and found["renewed_at"] <= now < found["expires_at"]:
        raise LeaseTakenError(
            f"{found['holder']} is at work on realm {realm}: wait until it is done, and run the command again"
        )
    lease = Lease(realm, holder, epoch=found["epoch"] + 1 if found else 1, duration=duration)
    values = {"realm": realm, "holder": holder, "epoch": lease.epoch}
    rows.put(connection, leases, [values | _lasting(lease, now)])
    return lease


def read_epoch(connection: Connection, realm: str) -> int:
    """Return how often a lease was taken and given back; 0 for one that never was."""
    return connection.scalar(select(leases.c.epoch).where(leases.c.realm == realm)) or 0


def renew(connection: Connection, lease: Lease) -> None:
    """Hold a lease longer; `LeaseLostError` when somebody else took it meanwhile."""
    renewed = connection.execute(_own(lease).values(**_lasting(lease, read_clock(connection))))
    if renewed.rowcount == 0:
        raise LeaseLostError(
            f"Another process took over realm {lease.realm} while this one was held up, and this one wrote "
            "nothing more: run the command again if you still want it"
        )


def end(connection: Connection, lease: Lease) -> None:
    """Let the next one in at once; a renewal that is still under way comes too late."""
    connection.execute(_own(lease).values(renewed_at=None, expires_at=None, epoch=leases.c.epoch + 1))


def read_clock(connection: Connection) -> datetime:
    """Return the time by which leases run out: the database's, or of a file the machine's."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now


def _own(lease: Lease) -> Update:
    # The epoch begins anew where the row was lost, so it alone would not tell two processes apart.
    is_own = (leases.c.epoch == lease.epoch) & (leases.c.holder == lease.holder)
    return update(leases).where((leases.c.realm == lease.realm) & is_own)


def _lasting(lease: Lease, now: datetime) -> dict[str, datetime]:
    return {"renewed_at": now, "expires_at": now + lease.duration}
