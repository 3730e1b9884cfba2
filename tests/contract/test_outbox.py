"""What is on its way to people: the same in memory and in both databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import count
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import update

from keycloak_license.ledger.connection import writing
from keycloak_license.ledger.outbox import SqlOutbox
from keycloak_license.ledger.store import SqlLedger
from keycloak_license.ledger.tables import outbox as outbox_table
from keycloak_license.model.audience import Addressee
from keycloak_license.model.license import Reason
from keycloak_license.model.notice import (
    NOTHING_UNDELIVERED,
    AccessEnded,
    AccessEnding,
    Channel,
    Delivery,
    HeldSeats,
    Mark,
    NearLimit,
    Notice,
    OverLimit,
    People,
    ReadsIncomplete,
    ReleasesHeld,
    Remedy,
    SeatsInUse,
    SyncsFailing,
    Telling,
    TrialNotice,
    Undelivered,
)
from keycloak_license.model.record import SyncFailure
from keycloak_license.services.lease import hold_lease
from keycloak_license.services.ports import Ledger
from tests.fakes import MemoryLedger
from tests.leased import record_sync
from tests.unit.ledger.samples import NOON, assign, sync

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EAST = timezone(timedelta(hours=5, minutes=45))
ABOUT: dict[str, Any] = {"realm": "acme", "at": NOON}
SEATS = (SeatsInUse("WFM", "Workforce Management", 3),)
NOTICES: tuple[Notice, ...] = (
    AccessEnding(
        **ABOUT,
        number="A-1",
        customer="Přístav Ústí",
        last_day=date(2026, 12, 31),
        stops_at=datetime(2027, 1, 1, tzinfo=EAST),
        days_left=30,
        remedy=Remedy.ACTIVATE,
        users=3,
        seats=SEATS,
    ),
    AccessEnded(
        **ABOUT,
        number="A-1",
        customer="ACME",
        stops_at=None,
        reason=Reason.OTHER_INSTALLATION,
        users=0,
        seats=(),
    ),
    OverLimit(
        **ABOUT,
        application="WFM",
        name="Workforce Management",
        limit=0,
        used=0,
        waiting=People(("ann", "žofie"), 7),
        is_digest=True,
        is_licensed=False,
    ),
    NearLimit(**ABOUT, application="WFM", name="WFM", limit=10, used=9, percent=90),
    ReleasesHeld(**ABOUT, held=(HeldSeats("WFM", "WFM", People(("ann",))),), release_at=NOON),
    SyncsFailing(**ABOUT, since=NOON, reason="no answer"),
    ReadsIncomplete(**ABOUT, since=NOON, gaps=("the users of role a", "LDAP")),
    TrialNotice(**ABOUT),
)
numbers = count()


def mail(notice: Notice = NOTICES[3], recipient: str = "eva@example.org", **changes: Any) -> Delivery:
    return Delivery(f"id {next(numbers)}", notice, Channel.MAIL, recipient, **changes)


def tell(ledger: Ledger, *deliveries: Delivery, minutes: int = 0, realm: str = "acme") -> None:
    record_sync(ledger, sync(realm, minutes=minutes), [], Telling((), deliveries))


def take(ledger: Ledger, at: datetime = NOON, channel: Channel = Channel.MAIL) -> Delivery | None:
    return ledger.outbox.take(channel, ["acme"], at)


def taken(ledger: Ledger, at: datetime = NOON) -> Delivery:
    found = take(ledger, at)
    assert found is not None
    return found


@pytest.mark.parametrize("notice", NOTICES, ids=lambda notice: notice.kind)
def test_a_notice_comes_back_as_it_was_put_in(ledger: Ledger, notice: Notice) -> None:
    delivery = mail(notice, locale="cs")
    tell(ledger, delivery)
    assert take(ledger) == replace(delivery, created_at=NOON)


def test_it_comes_from_the_sync_that_tells_of_it_and_with_nothing_else(ledger: Ledger) -> None:
    record_sync(ledger, sync(), assign("ann"), Telling((Mark("over_limit WFM", NOON, NOON),), (mail(),)))
    assert ledger.load("acme").marks == (Mark("over_limit WFM", NOON, NOON),)
    assert take(ledger) is not None


def test_where_the_sync_cannot_be_recorded_nobody_is_told_of_it(ledger: Ledger) -> None:
    bad = sync(synced_at=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="has no time zone"):
        record_sync(ledger, bad, [], Telling((Mark("a", NOON),), (mail(),)))
    assert take(ledger, NOON + DAY) is None
    assert ledger.load("acme").marks == ()


def test_a_failure_tells_too(ledger: Ledger) -> None:
    with hold_lease(ledger, "acme", patience_seconds=0) as fence:
        telling = Telling((Mark("syncs_failing", NOON - HOUR, NOON),), (mail(),))
        ledger.record_failure(fence.lease, SyncFailure(NOON, NOON, "no answer"), telling)
    assert take(ledger) is not None
    assert ledger.load("acme").marks == (Mark("syncs_failing", NOON - HOUR, NOON),)


def test_marks_are_those_of_the_last_time_and_of_one_realm(ledger: Ledger) -> None:
    first = (Mark("b", NOON.astimezone(EAST), None, has_news=True), Mark("a", NOON, NOON))
    record_sync(ledger, sync(), [], Telling(first))
    record_sync(ledger, sync("beta"), [], Telling((Mark("a", NOON + HOUR),)))
    assert [mark.key for mark in ledger.load("acme").marks] == ["a", "b"]
    second = (Mark("c", NOON), Mark("a", NOON, NOON + HOUR))
    record_sync(ledger, sync(minutes=1), [], Telling(second))
    assert ledger.load("acme").marks == (second[1], second[0])
    assert ledger.load("beta").marks == (Mark("a", NOON + HOUR),)


def test_what_is_taken_is_nobody_elses(ledger: Ledger) -> None:
    tell(ledger, one := mail(), other := mail())
    assert [taken(ledger).id, taken(ledger).id] == [one.id, other.id]
    assert take(ledger) is None


def test_what_is_not_due_in_another_realm_or_channel_is_not_taken(ledger: Ledger) -> None:
    tell(ledger, mail(), minutes=5)
    tell(ledger, mail(), realm="beta")
    assert take(ledger, NOON + 4 * MINUTE) is None
    assert take(ledger, NOON + HOUR, Channel.WEBHOOK) is None
    assert ledger.outbox.take(Channel.MAIL, [], NOON + HOUR) is None
    assert take(ledger, NOON + 5 * MINUTE) is not None


def test_what_is_delivered_is_done(ledger: Ledger) -> None:
    tell(ledger, mail())
    ledger.outbox.record_delivered(taken(ledger), NOON + MINUTE)
    assert take(ledger, NOON + 99 * DAY) is None
    assert ledger.load("acme").undelivered == NOTHING_UNDELIVERED


def test_what_failed_is_due_again_when_it_was_said_and_told_of(ledger: Ledger) -> None:
    tell(ledger, mail(), other := mail())
    ledger.outbox.record_problem(taken(ledger), NOON, "nobody answers", NOON + HOUR)
    assert ledger.load("acme").undelivered == Undelivered(1, NOON, (("eva@example.org", "nobody answers"),))
    assert taken(ledger, NOON + 59 * MINUTE).id == other.id
    again = taken(ledger, NOON + HOUR)
    assert (again.attempts, again.is_uncertain) == (1, False)
    ledger.outbox.record_problem(again, NOON + HOUR, "550 no", None)
    assert take(ledger, NOON + 99 * DAY) is None
    assert ledger.load("acme").undelivered == Undelivered(
        0, None, (("eva@example.org", "550 no"),), given_up=1
    )


def test_while_nobody_answers_everything_waits_but_what_somebody_is_at(ledger: Ledger) -> None:
    tell(ledger, mail(), mail())
    tell(ledger, mail(), realm="beta")
    at_work = taken(ledger)
    ledger.outbox.put_off(Channel.MAIL, ["acme"], NOON + HOUR, 3, "nobody answers")
    assert take(ledger, NOON + 59 * MINUTE) is None
    assert ledger.outbox.take(Channel.MAIL, ["beta"], NOON) is not None
    ledger.outbox.record_delivered(at_work, NOON)
    later = taken(ledger, NOON + HOUR)
    assert (later.id == at_work.id, later.attempts) == (False, 3)


def test_whoever_is_eager_has_everything_due_now(ledger: Ledger) -> None:
    tell(ledger, mail(), done := mail())
    ledger.outbox.record_problem(taken(ledger), NOON, "no", NOON + DAY)
    ledger.outbox.record_delivered(taken(ledger), NOON)
    ledger.outbox.hasten(["acme"], NOON + MINUTE)
    assert taken(ledger, NOON + MINUTE).id != done.id
    assert take(ledger, NOON + DAY) is None


def test_what_was_cut_off_is_taken_again_later_as_uncertain(ledger: Ledger) -> None:
    tell(ledger, delivery := mail())
    impatient = ledger.outbox
    if isinstance(ledger, SqlLedger):
        impatient = SqlOutbox(ledger._engine, claim=timedelta())
    if isinstance(ledger, MemoryLedger):
        ledger.outbox.claim = timedelta()
    first, again = (impatient.take(Channel.MAIL, ["acme"], NOON) for _ in range(2))
    assert first
    assert again
    assert (first.is_uncertain, again.is_uncertain) == (False, True)
    assert again.id == delivery.id


def test_who_is_not_to_be_told_any_more_gets_nothing_that_waits(ledger: Ledger) -> None:
    tell(ledger, mail(recipient="bob@example.org"), kept := mail())
    tell(ledger, mail(recipient="bob@example.org"), realm="beta")
    hook = Delivery("of the hook", NOTICES[3], Channel.WEBHOOK)
    tell(ledger, hook)
    record_sync(ledger, sync(minutes=1), [], Telling((), (), ("eva@example.org",)))
    assert taken(ledger).id == kept.id
    assert take(ledger) is None
    assert take(ledger, channel=Channel.WEBHOOK)
    assert ledger.outbox.take(Channel.MAIL, ["beta"], NOON)
    assert ledger.load("acme").undelivered == NOTHING_UNDELIVERED


def test_what_was_done_long_ago_is_forgotten(ledger: Ledger) -> None:
    tell(ledger, mail())
    ledger.outbox.record_problem(taken(ledger), NOON, "550 no", None)
    day = 24 * 60
    tell(ledger, mail(), minutes=29 * day)
    assert ledger.load("acme").undelivered.given_up == 1
    tell(ledger, mail(), minutes=31 * day)
    assert ledger.load("acme").undelivered == NOTHING_UNDELIVERED


def test_what_was_found_by_a_clock_that_is_ahead_is_due_by_the_one_here(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    tell(ledger, mail(), minutes=int((now - NOON) / MINUTE) + 24 * 60)
    assert taken(ledger, datetime.now(UTC)).created_at


@pytest.mark.parametrize("ledger", ["sqlite", "postgresql"], indirect=True)
def test_what_this_version_cannot_read_keeps_back_no_other(ledger: SqlLedger) -> None:
    tell(ledger, bad := mail(), good := mail())
    with writing(ledger._engine) as connection:
        newer = {"kind": "from the future", "realm": "acme"}
        connection.execute(update(outbox_table).where(outbox_table.c.id == bad.id).values(notice=newer))
    assert taken(ledger).id == good.id
    problem = "eva@example.org", "it was written by another version"
    assert ledger.load("acme").undelivered == Undelivered(problems=(problem,), given_up=1)


@pytest.mark.parametrize("ledger", ["sqlite", "postgresql"], indirect=True)
def test_many_who_take_at_once_never_take_the_same(ledger: SqlLedger) -> None:
    tell(ledger, *(mail() for _ in range(100)))
    start = Barrier(8)

    def drain(_number: int) -> list[str]:
        start.wait(60)
        found = []
        while (delivery := take(ledger)) is not None:
            found.append(delivery.id)
        return found

    with ThreadPoolExecutor(8) as threads:
        taken_ids = [id_ for found in threads.map(drain, range(8)) for id_ in found]
    assert len(taken_ids) == len(set(taken_ids)) == 100


def test_who_can_be_told_is_remembered_with_the_sync(ledger: Ledger) -> None:
    done = sync(addressees=(Addressee("1", "eva", "e@x.org"), Addressee("2", "bob")), locale="cs")
    record_sync(ledger, done, [])
    assert ledger.load("acme").last_sync == done
    assert done.synced_at.tzinfo is UTC
