"""What has happened to claims: written with each sync, read, and in the end forgotten.

In: a connection and changes; out: seat events, or that some are gone. Called by `store` in its transactions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from keycloak_license.ledger import rows
from keycloak_license.ledger.tables import seat_events
from keycloak_license.model.changes import SeatChange
from keycloak_license.model.measures import AccountChange, Disabling
from keycloak_license.model.record import FORGOTTEN, SeatEvent


def put(connection: Connection, realm: str, changes: Sequence[SeatChange | Disabling], at: datetime) -> None:
    """Keep what has happened, in this order."""
    if changes:
        events = [rows.row(realm, _event(change, at)) for change in changes]
        connection.execute(insert(seat_events), events)


def read(
    connection: Connection, realm: str, application: str | None, since: datetime | None
) -> tuple[SeatEvent, ...]:
    """Return what has happened, oldest first; with `since`, what was written after all before it."""
    wanted = seat_events.c.realm == realm
    if application is not None:
        wanted &= seat_events.c.application == application
    if since is not None:
        # By place, not by time: a clock that was ahead for an hour dated what came before this.
        earlier = select(seat_events.c.id).where(wanted, seat_events.c.at < since)
        last = earlier.order_by(seat_events.c.id.desc()).limit(1).scalar_subquery()
        wanted &= seat_events.c.id > func.coalesce(last, 0)
    return tuple(rows.read(connection, seat_events, SeatEvent, wanted))


def remove(connection: Connection, realm: str, before: datetime) -> None:
    """Forget what is dated before an instant."""
    connection.execute(delete(seat_events).where(seat_events.c.realm == realm, seat_events.c.at < before))


def forget(connection: Connection, realm: str, pseudonyms: Mapping[str, str]) -> None:
    """Put a pseudonym in the place of each user, by id, wherever he is named."""
    of_realm = update(seat_events).where(seat_events.c.realm == realm)
    for user_id, pseudonym in pseudonyms.items():
        connection.execute(
            of_realm.where(seat_events.c.user_id == user_id).values(user_id=pseudonym, username=FORGOTTEN)
        )
        by_him = of_realm.where(seat_events.c.granted_by_id == user_id)
        connection.execute(by_him.values(granted_by_id=None, granted_by=None))


def _event(change: SeatChange | Disabling, at: datetime) -> SeatEvent:
    if isinstance(change, AccountChange):
        who = change.application, change.user_id, change.username
        return SeatEvent(*who, change.kind, at, change.reason)
    claim, grant = change.claim, change.grant
    event = SeatEvent(claim.application, claim.user_id, claim.username, change.kind, at, change.reason)
    return (
        event
        if grant is None
        else replace(event, granted_at=grant.at, granted_by_id=grant.by_id, granted_by=grant.by)
    )
