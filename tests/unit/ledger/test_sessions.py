"""What only shows between processes: who waits for whom, what is on the disk, and what is told in trouble."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import Connection, event, insert

from keycloak_license.errors import LedgerError
from keycloak_license.ledger import rows
from keycloak_license.ledger.connection import writing
from keycloak_license.ledger.sessions import MAX_ATTEMPTS
from keycloak_license.ledger.store import SqlLedger, open_ledger
from keycloak_license.ledger.tables import login_attempts
from keycloak_license.model.session import LoginAttempt
from tests.unit.ledger.samples import NOON
from tests.unit.ledger.screen_samples import a_session, an_attempt, an_entry, key_of
from tests.unit.ledger.test_ledger_store import refuse_inserts

Open = Callable[[str], SqlLedger]
Use = Callable[[SqlLedger], object]
HOUR = timedelta(hours=1)
RACERS, ROUNDS = 6, 8


def begin_login(ledger: SqlLedger) -> None:
    ledger.sessions.begin_login(an_attempt("new"))


def forget(ledger: SqlLedger) -> None:
    ledger.sessions.forget(attempts_before=NOON + HOUR, begun_before=NOON, seen_before=NOON)


def test_a_login_is_handed_out_once_however_many_processes_want_it(ledger_url: str, open_at: Open) -> None:
    ledgers = [open_at(ledger_url) for _ in range(3)]
    barrier = Barrier(RACERS)

    def race(racer: int) -> LoginAttempt | None:
        barrier.wait(60)
        return ledgers[racer % len(ledgers)].sessions.take_login(key_of("one"))

    with ThreadPoolExecutor(RACERS) as threads:
        for number in range(ROUNDS):
            ledgers[number % len(ledgers)].sessions.begin_login(an_attempt())
            assert [each for each in threads.map(race, range(RACERS)) if each] == [an_attempt()]


def test_what_a_process_has_begun_another_finds_and_ends(ledger_url: str, open_at: Open) -> None:
    one, other = open_at(ledger_url), open_at(ledger_url)
    one.sessions.begin(a_session())
    assert other.sessions.find(key_of("one")) == a_session()
    other.sessions.end(key_of("one"))
    one.sessions.keep(key_of("one"), NOON, NOON)
    assert one.sessions.find(key_of("one")) is None
    other.audit.record(an_entry())
    assert one.audit.read("acme", 1) == (an_entry(),)


def test_strangers_who_ask_for_what_is_not_there_wait_for_nobody_who_writes(
    ledger_url: str, open_at: Open
) -> None:
    first, second = open_at(ledger_url), open_ledger(ledger_url, busy_timeout=0.05)
    first.sessions.begin_login(an_attempt())
    first.sessions.begin(a_session())
    with writing(first._engine):
        assert second.sessions.take_login(key_of("another")) is None
        assert second.sessions.find(key_of("another")) is None
        assert second.sessions.end_of_sid("acme", "another") == 0
        assert second.sessions.end_of_user("acme", "another") == 0
        second.sessions.end(key_of("another"))
        second.sessions.forget(attempts_before=NOON, begun_before=NOON, seen_before=NOON)
        with pytest.raises(LedgerError, match="is locked by another process"):
            second.sessions.take_login(key_of("one"))
    assert second.sessions.take_login(key_of("one")) == an_attempt()
    second.close()


@pytest.mark.parametrize(
    ("use", "is_fleeting"),
    [
        (begin_login, True),
        (lambda ledger: ledger.sessions.keep(key_of("one"), NOON, NOON), True),
        (lambda ledger: ledger.sessions.take_login(key_of("one")), False),
        (lambda ledger: ledger.sessions.begin(a_session("new")), False),
        (lambda ledger: ledger.sessions.end(key_of("one")), False),
        (lambda ledger: ledger.sessions.end_of_sid("acme", "sid"), False),
        (lambda ledger: ledger.sessions.end_of_user("acme", "id-eva"), False),
        (forget, False),
        (lambda ledger: ledger.audit.record(an_entry()), False),
    ],
    ids=["begin_login", "keep", "take_login", "begin", "end", "of sid", "of user", "forget", "audit"],
)
def test_what_ends_a_session_is_on_the_disk_and_that_it_was_used_need_not_be(
    ledger: SqlLedger, use: Use, is_fleeting: bool
) -> None:
    ledger.sessions.begin_login(an_attempt())
    ledger.sessions.begin(a_session())
    is_sqlite = ledger.describe().dialect == "sqlite"
    asked = "PRAGMA synchronous" if is_sqlite else "SHOW synchronous_commit"
    seen: list[object] = []

    def look(connection: Connection) -> None:
        seen.append(connection.exec_driver_sql(asked).scalar())

    event.listen(ledger._engine, "commit", look)
    use(ledger)
    event.remove(ledger._engine, "commit", look)
    assert seen == [(1 if is_fleeting else 2) if is_sqlite else ("off" if is_fleeting else "on")]


def test_a_realm_has_room_for_many_logins_and_no_more(ledger: SqlLedger) -> None:
    begun = [
        an_attempt(f"{number}", begun_at=NOON + timedelta(microseconds=number))
        for number in range(MAX_ATTEMPTS)
    ]
    with writing(ledger._engine) as connection:
        connection.execute(insert(login_attempts), [rows.row("acme", each) for each in begun])
    ledger.sessions.begin_login(newest := an_attempt("newest", begun_at=NOON + HOUR))
    assert ledger.sessions.take_login(begun[0].key) is None
    for attempt in (begun[1], begun[-1], newest):
        assert ledger.sessions.take_login(attempt.key) == attempt


@pytest.mark.parametrize(
    ("table", "use"),
    [
        ("login_attempts", begin_login),
        ("screen_sessions", lambda ledger: ledger.sessions.begin(a_session("new"))),
        ("audit_entries", lambda ledger: ledger.audit.record(an_entry("secret"))),
    ],
)
def test_nothing_of_a_login_or_a_person_is_told_when_a_write_fails(
    ledger: SqlLedger, table: str, use: Use
) -> None:
    refuse_inserts(ledger, table)
    with pytest.raises(LedgerError, match=r"refuses what it was asked: not today\.$") as failure:
        use(ledger)
    told = f"{failure.value} {failure.value.__cause__}"
    kept = "eva", "verifier'", "header.payload", key_of("new"), "'secret'"
    assert [word for word in kept if word in told] == []


def test_what_browsers_hold_is_in_no_representation() -> None:
    told = f"{an_attempt()!r} {a_session()!r}"
    assert [word for word in ("nonce", "verifier", "header.payload", "csrf") if word in told] == []
