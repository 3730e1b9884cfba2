"""Nouns of `model` as rows of `tables`, and back: a column is called like its field.

In: a connection and nouns, or a condition; out: rows written, or nouns. Called by `store`.
"""

from collections.abc import Sequence
from dataclasses import astuple, fields
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, delete, select
from sqlalchemy import bindparam as bind
from sqlalchemy.dialects import postgresql, sqlite

from keycloak_license.ledger.tables import held_releases, realms
from keycloak_license.model.audience import Addressee
from keycloak_license.model.notice import Mark
from keycloak_license.model.record import ClockMark, SeatEvent, StoredLicense, SyncFailure, SyncRecord
from keycloak_license.model.seat import Claim, HeldRelease
from keycloak_license.model.session import AuditEntry, LoginAttempt, ScreenSession

Row = dict[str, Any]
Kept = Claim | HeldRelease | StoredLicense | SeatEvent | SyncFailure | Mark
AtScreen = LoginAttempt | ScreenSession | AuditEntry
Noun = Kept | AtScreen
T = TypeVar("T", bound=Noun)


def row(realm: str, noun: Noun) -> Row:
    """Return a noun as a row of its table, which has the realm and a column for each field."""
    return {"realm": realm} | {field.name: getattr(noun, field.name) for field in fields(noun)}


def read(connection: Connection, table: Table, noun: type[T], wanted: ColumnElement[bool]) -> list[T]:
    """Return the wanted rows as nouns, in the order they were written where the table numbers them."""
    query = select(*(table.c[field.name] for field in fields(noun))).where(wanted)
    if "id" in table.c:
        query = query.order_by(table.c.id)
    # By place, for by name takes twice as long.
    return [noun(*found) for found in connection.execute(query)]


def put(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, or replace those with the same key; one statement, however many rows."""
    if not rows:
        return
    is_sqlite = connection.dialect.name == "sqlite"
    statement = sqlite.insert(table) if is_sqlite else postgresql.insert(table)
    keys = [column.name for column in table.primary_key]
    new = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), rows)


def remove(connection: Connection, table: Table, keys: Sequence[Row]) -> None:
    """Delete the rows with these keys, where there are any."""
    if keys:
        is_named = (column == bind(column.name) for column in table.primary_key)
        connection.execute(delete(table).where(*is_named), keys)


def put_sync(connection: Connection, sync: SyncRecord) -> None:
    """Keep the last sync of a realm, and what its guard held."""
    fresh = {field.name: getattr(sync, field.name) for field in fields(sync)}
    clock = fresh.pop("clock")
    _put_held(connection, sync.realm, fresh.pop("held"))
    flat = {
        "name": fresh.pop("realm"),
        "warnings": list(sync.warnings),
        "addressees": [astuple(each) for each in sync.addressees],
    } | {f"clock_{field.name}": getattr(clock, field.name) for field in fields(clock)}
    put(connection, realms, [fresh | flat])


def _put_held(connection: Connection, realm: str, held: Sequence[HeldRelease]) -> None:
    of_realm = held_releases.c.realm == realm
    if sorted(held, key=_held_key) == sorted(_read_held(connection, realm), key=_held_key):
        return
    connection.execute(delete(held_releases).where(of_realm))
    put(connection, held_releases, [row(realm, each) for each in held])


def _read_held(connection: Connection, realm: str) -> tuple[HeldRelease, ...]:
    found = read(connection, held_releases, HeldRelease, held_releases.c.realm == realm)
    # Sorted here, for databases do not agree on the order of letters.
    return tuple(sorted(found, key=_held_key))


def _held_key(held: HeldRelease) -> tuple[str, str]:
    return held.application, held.user_id


def read_sync(connection: Connection, realm: str) -> SyncRecord | None:
    """Return the last sync of a realm; None for one never synced."""
    found = connection.execute(select(realms).where(realms.c.name == realm)).mappings().first()
    if found is None:
        return None
    values: Row = {**found}
    return SyncRecord(
        realm=values.pop("name"),
        warnings=tuple(values.pop("warnings")),
        clock=ClockMark(*(values.pop(f"clock_{field.name}") for field in fields(ClockMark))),
        held=_read_held(connection, realm),
        addressees=tuple(Addressee(*each) for each in values.pop("addressees") or ()),
        **values,
    )
