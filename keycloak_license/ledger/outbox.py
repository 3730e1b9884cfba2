"""What is on its way to people, in the same database as what it tells of.

In: deliveries, and what came of them; out: the next one that is due. `put` is called by `store` in the
transaction of the sync, everything else by `services.delivery` through `ports.Outbox`.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta

from pydantic import TypeAdapter
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from keycloak_license.ledger import rows
from keycloak_license.ledger.connection import reading, writing
from keycloak_license.ledger.lease import read_clock
from keycloak_license.ledger.tables import notice_marks, outbox
from keycloak_license.model.notice import (
    Channel,
    Delivery,
    Mark,
    Notice,
    Telling,
    Undelivered,
)

CLAIM = timedelta(hours=1)
"""How long one attempt may take, above all time-outs together; after that it counts as cut off, and
somebody else tries."""
MAX_TOLD = 100
"""Of how many the problem is looked up."""
KEPT = timedelta(days=30)
"""How long what was delivered or given up is kept."""


class SqlOutbox:
    """The deliveries of a ledger; threads may share it. Every method may raise `LedgerError`."""

    def __init__(self, engine: Engine, claim: timedelta = CLAIM) -> None:
        self._engine = engine
        self._claim_duration = claim

    def take(self, channel: Channel, realms: Sequence[str], now: datetime) -> Delivery | None:
        """Return the next delivery that is due, which is the caller's alone until he says what came of it."""
        while (found := self._claim(channel, realms, now)) is not None:
            try:
                return _delivery(found)
            except ValueError:
                # A newer version of this program wrote it, and the others must not wait for that.
                with writing(self._engine) as connection:
                    problem = "it was written by another version"
                    done = {"due_at": None, "claimed_until": None, "given_up_at": now, "problem": problem}
                    _change(connection, outbox.c.number == found["number"], **done)
        return None

    def _claim(self, channel: Channel, realms: Sequence[str], now: datetime) -> RowMapping | None:
        is_due = and_(outbox.c.channel == channel, outbox.c.realm.in_(realms), outbox.c.due_at <= now)
        with reading(self._engine) as connection:
            if connection.scalar(select(outbox.c.number).where(is_due).limit(1)) is None:
                return None
        with writing(self._engine) as connection:
            clock = read_clock(connection)
            is_free = or_(outbox.c.claimed_until.is_(None), outbox.c.claimed_until <= clock)
            query = select(outbox).where(is_due, is_free).order_by(outbox.c.due_at, outbox.c.number).limit(1)
            found = connection.execute(query).mappings().first()
            if found is None:
                return None
            _change(
                connection, outbox.c.number == found["number"], claimed_until=clock + self._claim_duration
            )
            return found

    def record_delivered(self, delivery: Delivery, at: datetime) -> None:
        """Keep that a delivery was taken over."""
        with writing(self._engine) as connection:
            done = {"due_at": None, "claimed_until": None, "problem": None}
            _change(connection, outbox.c.id == delivery.id, delivered_at=at, **done)

    def record_problem(
        self, delivery: Delivery, at: datetime, problem: str | None, next_at: datetime | None
    ) -> None:
        """Keep that an attempt failed, and when the next one is due; without one it is given up.

        Without a problem the last one stays.
        """
        with writing(self._engine) as connection:
            _change(
                connection,
                outbox.c.id == delivery.id,
                attempts=delivery.attempts + 1,
                problem=func.coalesce(problem, outbox.c.problem),
                due_at=next_at,
                claimed_until=None,
                given_up_at=None if next_at else at,
            )

    def put_off(
        self, channel: Channel, realms: Sequence[str], until: datetime, attempts: int, problem: str
    ) -> None:
        """Let nothing of a channel be due before, as after so many attempts, but what somebody is at."""
        is_waiting = and_(outbox.c.due_at < until, outbox.c.claimed_until.is_(None))
        of_channel = and_(outbox.c.channel == channel, outbox.c.realm.in_(realms))
        most = case((outbox.c.attempts < attempts, attempts), else_=outbox.c.attempts)
        with writing(self._engine) as connection:
            _change(connection, and_(of_channel, is_waiting), due_at=until, attempts=most, problem=problem)

    def hasten(self, realms: Sequence[str], now: datetime) -> None:
        """Let everything that is not delivered be due now."""
        is_later = and_(outbox.c.realm.in_(realms), outbox.c.due_at > now)
        with reading(self._engine) as connection:
            if connection.scalar(select(outbox.c.number).where(is_later).limit(1)) is None:
                return
        with writing(self._engine) as connection:
            _change(connection, is_later, due_at=now)


def put(connection: Connection, realm: str, telling: Telling, at: datetime) -> None:
    """Keep what people have been told and, with it, what is to get to them; what is long done goes.

    `at` is judged from several clocks, while what is due goes by the one here.
    """
    _put_marks(connection, realm, telling.marks)
    if telling.addresses is not None:
        _take_back(connection, realm, telling.addresses)
    if telling.deliveries:
        due_at = min(at, read_clock(connection))
        connection.execute(insert(outbox), [_row(realm, each, due_at) for each in telling.deliveries])
        old = or_(outbox.c.delivered_at < due_at - KEPT, outbox.c.given_up_at < due_at - KEPT)
        connection.execute(delete(outbox).where(old))


def read_marks(connection: Connection, realm: str) -> tuple[Mark, ...]:
    """Return what people have been told, by key."""
    found = rows.read(connection, notice_marks, Mark, notice_marks.c.realm == realm)
    # Sorted here, for databases do not agree on the order of letters.
    return tuple(sorted(found, key=lambda each: each.key))


def read_undelivered(connection: Connection, realm: str) -> Undelivered:
    """Return what of a realm has not got through."""
    of_realm = outbox.c.realm == realm
    failed = and_(of_realm, outbox.c.due_at.is_not(None), outbox.c.attempts > 0)
    given_up = and_(of_realm, outbox.c.given_up_at.is_not(None))
    count, since = connection.execute(select(func.count(), func.min(outbox.c.created_at)).where(failed)).one()
    is_told = and_(or_(failed, given_up), outbox.c.problem.is_not(None))
    told = select(outbox.c.recipient, outbox.c.problem).where(is_told).order_by(outbox.c.number)
    return Undelivered(
        count=count,
        since=since,
        problems=tuple((each.recipient, each.problem) for each in connection.execute(told.limit(MAX_TOLD))),
        given_up=connection.execute(select(func.count()).where(given_up)).scalar_one(),
    )


def _put_marks(connection: Connection, realm: str, marks: Sequence[Mark]) -> None:
    before = {mark.key: mark for mark in read_marks(connection, realm)}
    after = {mark.key: mark for mark in marks}
    changed = [mark for key, mark in after.items() if before.get(key) != mark]
    rows.put(connection, notice_marks, [rows.row(realm, mark) for mark in changed])
    rows.remove(
        connection, notice_marks, [{"realm": realm, "key": key} for key in before.keys() - after.keys()]
    )


def _take_back(connection: Connection, realm: str, addresses: Sequence[str]) -> None:
    """Forget what would go to people who are not to be told any more."""
    is_mail = and_(outbox.c.realm == realm, outbox.c.channel == Channel.MAIL, outbox.c.due_at.is_not(None))
    waiting = connection.scalars(select(outbox.c.recipient).where(is_mail).distinct()).all()
    if gone := set(waiting) - set(addresses):
        connection.execute(delete(outbox).where(is_mail, outbox.c.recipient.in_(gone)))


def _change(connection: Connection, which: ColumnElement[bool], **values: object) -> None:
    connection.execute(update(outbox).where(which).values(**values))


def _row(realm: str, delivery: Delivery, at: datetime) -> rows.Row:
    return {
        "id": delivery.id,
        "realm": realm,
        "channel": delivery.channel,
        "recipient": delivery.recipient,
        "locale": delivery.locale,
        "notice": _notices().dump_python(delivery.notice, mode="json"),
        "created_at": at,
        "attempts": 0,
        "due_at": at,
    }


def _delivery(found: RowMapping) -> Delivery:
    given = {field.name: found[field.name] for field in fields(Delivery) if field.name in found}
    read = {"notice": _notices().validate_python(found["notice"]), "channel": Channel(found["channel"])}
    return Delivery(**given | read, is_uncertain=found["claimed_until"] is not None)


def _notices() -> TypeAdapter[Notice]:
    return TypeAdapter(Notice)
