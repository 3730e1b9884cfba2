from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import event, select, text

from keycloak_license.errors import LedgerError
from keycloak_license.ledger.connection import reading, writing
from keycloak_license.ledger.store import SqlLedger
from keycloak_license.ledger.tables import realms
from keycloak_license.model.changes import (
    SeatAssigned,
    SeatChange,
    SeatDisplaced,
    SeatReleased,
    WaitingEnded,
    WaitingStarted,
)
from keycloak_license.model.record import ClockMark, RealmRecord, SeatEvent
from keycloak_license.services.ports import Ledger
from tests.leased import add_licenses, record_sync
from tests.unit.ledger.samples import NOON, a_license, assign, claim, everything, sync, waiting


def test_a_realm_never_synced_is_an_empty_record(ledger: SqlLedger) -> None:
    port: Ledger = ledger  # the type checker holds that the shape fits
    assert port.load("acme") == RealmRecord("acme")
    assert port.seat_events("acme") == ()


def test_what_was_recorded_survives_closing_and_opening(
    ledger: SqlLedger, ledger_url: str, open_at: Callable[[str], SqlLedger]
) -> None:
    done = sync(is_complete=False, warnings=("no answer from LDAP", "ein Wort: žluťoučký 🐎"))
    seated = claim("alice")
    plain = waiting("bob", application="QM")
    bare = replace(plain, user_id="f:ldap:1", email=None, created_at=None)
    record_sync(
        ledger,
        done,
        [SeatAssigned(seated, "free"), WaitingStarted(plain, "full"), WaitingStarted(bare, "full")],
    )
    add_licenses(ledger, "acme", [a_license()])
    ledger.close()

    assert open_at(ledger_url).load("acme") == RealmRecord(
        realm="acme",
        installation_id="7f0c",
        licenses=(a_license(),),
        claims=(bare, plain, seated),
        last_sync=done,
    )


def test_instants_come_back_exact_and_in_utc(ledger: SqlLedger) -> None:
    newfoundland = timezone(timedelta(hours=-3, minutes=-30))
    claimed_at = datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=newfoundland)
    record_sync(ledger, sync(), [SeatAssigned(claim("alice", claimed_at=claimed_at), "free")])

    found = ledger.load("acme").claims[0].claimed_at
    assert (found.tzinfo, found.isoformat()) == (UTC, "2000-01-01T03:29:59.999999+00:00")


NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001


@pytest.mark.parametrize(
    "write",
    [
        lambda ledger: record_sync(ledger, sync(synced_at=NAIVE), assign("bob")),
        lambda ledger: record_sync(ledger, sync(), [SeatAssigned(claim("bob", claimed_at=NAIVE), "free")]),
        lambda ledger: add_licenses(
            ledger, "acme", [replace(a_license("L-1"), imported_at=NAIVE)], [a_license("L-0")]
        ),
    ],
    ids=["sync", "claim", "licence"],
)
def test_a_time_without_a_zone_is_refused_and_nothing_written(
    ledger: SqlLedger, write: Callable[[SqlLedger], None]
) -> None:
    add_licenses(ledger, "acme", [a_license("L-0")])
    before = everything(ledger)
    with pytest.raises(ValueError, match="has no time zone"):
        write(ledger)
    assert everything(ledger) == before


@pytest.mark.parametrize(
    ("change", "claims"),
    [
        (SeatAssigned(claim("bob", claimed_at=NOON), "free seat"), (claim("bob", claimed_at=NOON),)),
        (SeatDisplaced(claim("bob", is_seated=False), "smaller limit"), (claim("bob", is_seated=False),)),
        (WaitingStarted(waiting("bob"), "no free seat"), (waiting("bob"),)),
        (SeatReleased(claim("bob"), "role lost"), ()),
        (WaitingEnded(claim("bob"), "role lost"), ()),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_each_kind_of_change_leaves_its_claim_and_its_event(
    ledger: SqlLedger, change: SeatChange, claims: object
) -> None:
    record_sync(ledger, sync(), assign("bob"))
    record_sync(ledger, sync(minutes=1), [change])
    assert ledger.load("acme").claims == claims
    assert ledger.seat_events("acme")[1:] == (
        SeatEvent("WFM", "id-bob", "bob", change.kind, NOON + timedelta(minutes=1), change.reason),
    )


def test_a_sync_recorded_twice_leaves_the_same_claims(ledger: SqlLedger) -> None:
    record_sync(ledger, sync(), assign("alice", "bob"))
    changes = [SeatReleased(claim("alice"), "gone"), *assign("carol"), SeatDisplaced(waiting("bob"), "less")]
    record_sync(ledger, sync(minutes=1), changes)
    once = ledger.load("acme")
    record_sync(ledger, sync(minutes=1), changes)
    assert ledger.load("acme") == once
    assert once.claims == (waiting("bob"), claim("carol"))


def test_the_last_of_several_changes_to_one_user_counts(ledger: SqlLedger) -> None:
    record_sync(
        ledger,
        sync(),
        [
            *assign("alice"),
            SeatReleased(claim("alice"), "gone"),
            WaitingStarted(waiting("bob"), "full"),
            SeatReleased(claim("bob"), "gone"),
            SeatAssigned(claim("bob"), "back"),
        ],
    )
    assert ledger.load("acme").claims == (claim("bob"),)
    assert [found.kind for found in ledger.seat_events("acme")] == [
        "seat_assigned",
        "seat_released",
        "waiting",
        "seat_released",
        "seat_assigned",
    ]


def test_a_sync_without_changes_is_still_remembered(ledger: SqlLedger) -> None:
    record_sync(ledger, sync(warnings=("old",)), assign("alice"))
    later = sync(minutes=5, is_complete=False, installation_id="new", warnings=("new",))
    record_sync(ledger, later, [])
    record = ledger.load("acme")
    assert (record.last_sync, record.installation_id) == (later, "new")
    assert record.claims == (claim("alice"),)
    assert len(ledger.seat_events("acme")) == 1


@pytest.mark.parametrize("published_id", [None, "of another"])
@pytest.mark.parametrize(
    "clock",
    [
        ClockMark(),
        ClockMark(reached=NOON),
        ClockMark(leapt_to=NOON),
        ClockMark(latest=NOON),
        ClockMark(
            NOON - timedelta(microseconds=1),
            NOON + timedelta(days=40, microseconds=1),
            NOON + timedelta(days=40, microseconds=2),
        ),
    ],
)
def test_how_far_time_got_and_what_the_realm_showed_come_back_exact(
    ledger: SqlLedger, clock: ClockMark, published_id: str | None
) -> None:
    record_sync(ledger, sync(clock=ClockMark(NOON), published_id="before"), [])
    done = sync(minutes=1, clock=clock, published_id=published_id)
    record_sync(ledger, done, [])

    record = ledger.load("acme")
    assert record.last_sync == done
    assert record.clock == clock
    assert record.last_sync.is_disputed == (published_id == "of another")
    for instant in (record.clock.reached, record.clock.leapt_to, record.clock.latest):
        assert instant is None or instant.tzinfo is UTC


def test_a_clock_mark_without_a_zone_is_refused_and_nothing_written(ledger: SqlLedger) -> None:
    record_sync(ledger, sync(), assign("alice"))
    before = everything(ledger)
    for clock in (ClockMark(NAIVE), ClockMark(NOON, NAIVE), ClockMark(NOON, NOON, NAIVE)):
        with pytest.raises(ValueError, match="has no time zone"):
            record_sync(ledger, sync(minutes=1, clock=clock), assign("bob"))
    assert everything(ledger) == before


def test_a_realm_never_synced_has_reached_no_time(ledger: SqlLedger) -> None:
    assert ledger.load("acme").clock == ClockMark()


def test_realms_know_nothing_of_each_other(ledger: SqlLedger) -> None:
    for realm in ("acme", "Acme", "acm_", "acme%"):
        record_sync(ledger, sync(realm), [SeatAssigned(claim("alice", email=realm), "free")])
        add_licenses(ledger, realm, [a_license()])
    before = everything(ledger, "Acme")

    record_sync(ledger, sync(), [SeatReleased(claim("alice"), "gone")])
    add_licenses(ledger, "acme", [a_license("L-2", minutes=1)], [a_license()])
    assert everything(ledger, "Acme") == before
    assert [found.email for found in ledger.load("acm_").claims] == ["acm_"]


def test_claims_are_ordered_by_application_then_user_id_in_every_database(ledger: SqlLedger) -> None:
    known = [
        claim(user, application) for user in ("ba", "b", "B", "_", "é") for application in ("b", "A", "a")
    ]
    record_sync(ledger, sync(), [SeatAssigned(one, "free") for one in known])
    assert list(ledger.load("acme").claims) == sorted(known, key=lambda one: (one.application, one.user_id))


def test_history_is_told_in_order_and_by_application(ledger: SqlLedger) -> None:
    record_sync(ledger, sync(minutes=9), [SeatAssigned(claim("zoe", "QM"), "free"), *assign("bob")])
    record_sync(ledger, sync(minutes=10), [SeatReleased(claim("bob"), "gone"), *assign("adam")])
    told = [(found.username, found.kind) for found in ledger.seat_events("acme")]
    assert told == [
        ("zoe", "seat_assigned"),
        ("bob", "seat_assigned"),
        ("bob", "seat_released"),
        ("adam", "seat_assigned"),
    ]
    assert [found.username for found in ledger.seat_events("acme", "QM")] == ["zoe"]
    assert ledger.seat_events("acme", "qm") == ()


def test_licenses_are_told_oldest_first_and_stay_in_force_side_by_side(ledger: SqlLedger) -> None:
    oldest, newest = a_license("Z"), a_license("A", minutes=1)
    add_licenses(ledger, "acme", [oldest])
    add_licenses(ledger, "acme", [newest])
    assert ledger.load("acme").licenses == (oldest, newest)


def test_a_license_takes_those_it_replaces_out_of_force_at_its_own_instant(ledger: SqlLedger) -> None:
    first, second, third, fourth = (a_license(f"L-{number}", minutes=number) for number in (1, 2, 3, 4))
    add_licenses(ledger, "acme", [first])
    add_licenses(ledger, "acme", [second])
    add_licenses(ledger, "acme", [third], [first])
    add_licenses(ledger, "acme", [fourth], [first, third])

    ended = [(known.number, known.replaced_at) for known in ledger.load("acme").licenses]
    assert ended == [
        ("L-1", third.imported_at),
        ("L-2", None),
        ("L-3", fourth.imported_at),
        ("L-4", None),
    ]


def test_the_same_file_imported_again_after_it_was_replaced_is_in_force_again(ledger: SqlLedger) -> None:
    first, other, again = a_license(), a_license("L-2", minutes=1), a_license(minutes=2)
    add_licenses(ledger, "acme", [first])
    add_licenses(ledger, "acme", [other], [first])
    add_licenses(ledger, "acme", [again], [other])
    assert ledger.load("acme").licenses == (
        replace(first, replaced_at=other.imported_at),
        replace(other, replaced_at=again.imported_at),
        again,
    )


@contextmanager
def counting(ledger: SqlLedger) -> Iterator[list[str]]:
    """Collect the statements sent meanwhile; an executemany is one."""
    sent: list[str] = []

    def note(*args: object) -> None:
        sent.append(str(args[2]))

    event.listen(ledger._engine, "before_cursor_execute", note)
    yield sent
    event.remove(ledger._engine, "before_cursor_execute", note)


@pytest.mark.parametrize("size", [2, 300, pytest.param(30_000, marks=pytest.mark.slow)])
def test_a_sync_sends_as_many_statements_for_two_changes_as_for_thirty_thousand(
    ledger: SqlLedger, size: int
) -> None:
    users = [f"user{number}" for number in range(size // 2)]
    record_sync(ledger, sync(), assign(*users))
    changes = [SeatReleased(claim(user), "gone") for user in users]
    lease = ledger.take_lease("acme", "the only one")
    with counting(ledger) as sent:
        ledger.record_sync(lease, sync(minutes=1), [*changes, *assign(*(f"new {user}" for user in users))])
    dialect_words = ("PRAGMA", "BEGIN", "SET LOCAL", "SELECT pg_advisory", "SELECT clock_timestamp")
    assert [words.split()[0] for words in sent if not words.startswith(dialect_words)] == [
        # The lease, what is held, the sync, its failure, claims that are new and gone, history, what is told.
        *("UPDATE", "SELECT", "INSERT", "DELETE", "INSERT", "DELETE", "INSERT", "SELECT")
    ]
    assert len(ledger.load("acme").claims) == size // 2


REFUSE = {
    "sqlite": "CREATE TRIGGER refuse BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'not today'); END",
    "postgresql": """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN RAISE EXCEPTION 'not today'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()""",
}


def refuse_inserts(ledger: SqlLedger, table: str) -> None:
    with writing(ledger._engine) as connection:
        connection.execute(text(REFUSE[connection.dialect.name].format(table=table)))


@pytest.mark.parametrize("table", ["claims", "seat_events"])
def test_a_sync_that_fails_half_way_leaves_everything_as_it_was(ledger: SqlLedger, table: str) -> None:
    record_sync(ledger, sync(), assign("alice", "bob"))
    before = everything(ledger)
    refuse_inserts(ledger, table)
    changes: list[SeatChange] = [
        SeatReleased(claim("alice"), "gone"),
        WaitingStarted(waiting("carol"), "full"),
    ]
    with pytest.raises(LedgerError, match=r"refuses what it was asked: not today\.$"):
        record_sync(ledger, sync(minutes=1), changes)
    assert everything(ledger) == before


def test_a_license_that_cannot_be_kept_replaces_none(ledger: SqlLedger) -> None:
    add_licenses(ledger, "acme", [a_license()])
    refuse_inserts(ledger, "licenses")
    with pytest.raises(LedgerError, match="not today"):
        add_licenses(ledger, "acme", [a_license("L-2", minutes=1)], [a_license()])
    assert ledger.load("acme").licenses == (a_license(),)


def test_no_personal_data_is_told_when_a_write_fails(ledger: SqlLedger) -> None:
    refuse_inserts(ledger, "claims")
    with pytest.raises(LedgerError) as failure:
        record_sync(ledger, sync(), assign("alice"))
    assert "alice" not in f"{failure.value} {failure.value.__cause__}"


def test_a_read_sees_one_state_while_others_write(
    ledger: SqlLedger, ledger_url: str, open_at: Callable[[str], SqlLedger]
) -> None:
    record_sync(ledger, sync(), [])
    with reading(ledger._engine) as connection:
        first = connection.scalar(select(realms.c.synced_at))
        record_sync(open_at(ledger_url), sync(minutes=1), [])
        assert connection.scalar(select(realms.c.synced_at)) == first
    last_sync = ledger.load("acme").last_sync
    assert last_sync is not None
    assert last_sync.synced_at == NOON + timedelta(minutes=1)


def test_describing_tells_dialect_and_revision_and_leaves_no_trace(ledger: SqlLedger) -> None:
    description = ledger.describe()
    assert (description.revision, description.is_writable, description.write_problem) == ("0007", True, None)
    assert description.dialect in {"sqlite", "postgresql"}
    assert description.database.startswith(description.dialect)
    with reading(ledger._engine) as connection:
        assert connection.execute(select(realms)).all() == []
