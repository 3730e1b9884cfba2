"""Which workers are alive.

In: a connection that writes, and a worker; out: those that have given a sign of life in time. Called by
`store`. Time is the database's, as it is for leases.
"""

from datetime import timedelta

from sqlalchemy import Connection, delete, or_, select

from keycloak_license.ledger import rows
from keycloak_license.ledger.lease import read_clock
from keycloak_license.ledger.tables import workers
from keycloak_license.model.record import Worker


def announce(connection: Connection, worker: Worker, lasting: timedelta) -> tuple[Worker, ...]:
    """Keep that a worker is alive, forget the dead, and return all that are left, by name."""
    now = read_clock(connection)
    # A sign of life from the future is one of a clock that was set back since: who lives gives another.
    connection.execute(delete(workers).where(or_(workers.c.seen_at > now, workers.c.expires_at <= now)))
    seen = {"name": worker.name, "realms": list(worker.realms)}
    rows.put(connection, workers, [seen | {"seen_at": now, "expires_at": now + lasting}])
    found = connection.execute(select(workers.c.name, workers.c.realms)).all()
    # Sorted here, for databases do not agree on the order of letters.
    return tuple(sorted((Worker(name, tuple(realms)) for name, realms in found), key=lambda each: each.name))


def end(connection: Connection, name: str) -> None:
    """Forget a worker, where it is known."""
    rows.remove(connection, workers, [{"name": name}])
