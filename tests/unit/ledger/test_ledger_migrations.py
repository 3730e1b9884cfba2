"""Ledgers that an earlier version has written go on to be used, and nothing in them is lost.

Each is made by the migrations of that time and filled by hand, with the names its tables had then.
"""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from keycloak_license.errors import LedgerError
from keycloak_license.ledger.connection import create_ledger_engine, writing
from keycloak_license.ledger.store import SqlLedger, open_ledger
from keycloak_license.model.record import ClockMark, RealmRecord, SeatEvent, StoredLicense, SyncRecord
from keycloak_license.model.seat import Claim
from tests.leased import add_licenses, record_sync
from tests.unit.ledger.samples import NOON, assign, claim, sync
from tests.unit.ledger.screen_samples import a_session, an_attempt, an_entry
from tests.unit.ledger.test_ledger_opening import PATIENT_SECONDS, execute

Open = Callable[[str], SqlLedger]

SEATED = Claim("WFM", "id-1", "žofie", "z@example.org", 1_771_234_567_890, NOON, True, NOON)
WAITING = Claim("QM", "f:ldap:2", "bob", None, None, NOON - timedelta(days=9), False, None)
REPLACED = StoredLicense("L-1", 1, "a.b.c", NOON - timedelta(days=9), NOON)
IN_FORCE = StoredLicense("L-2", 2**40, "d.e.f", NOON)
EVENT = SeatEvent("WFM", "id-1", "žofie", "seat_assigned", NOON, "first_come")
RECORD = RealmRecord(
    realm="acme",
    installation_id="7f0c",
    licenses=(REPLACED, IN_FORCE),
    claims=(WAITING, SEATED),
    last_sync=SyncRecord("acme", "id of acme", "7f0c", NOON, is_complete=False, warnings=("no LDAP", "žluť")),
)


def migrate_to(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", "keycloak_license.ledger:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def fill_0001(connection: Connection) -> None:
    """Put `RECORD` and `EVENT` into the tables of revision 0001; `stamp` is how the database writes it."""
    is_sqlite = connection.dialect.name == "sqlite"

    def stamp(moment: object) -> object:
        return str(moment).replace("+00:00", "") if is_sqlite and moment is not None else moment

    def insert(table: str, **values: object) -> None:
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)  # noqa: S608

    insert(
        "realms", name="acme", realm_id="id of acme", installation_id="7f0c", synced_at=stamp(NOON),
        is_complete=False, warnings='["no LDAP", "žluť"]',
    )  # fmt: skip
    for each in (SEATED, WAITING):
        insert(
            "claims", realm="acme", application=each.application, user_id=each.user_id,
            username=each.username, email=each.email, created_at=each.created_at,
            claimed_at=stamp(each.claimed_at), is_seated=each.is_seated, seated_at=stamp(each.seated_at),
        )  # fmt: skip
    for license_ in (REPLACED, IN_FORCE):
        insert(
            "licenses", realm="acme", number=license_.number, issue=license_.issue, file=license_.file,
            imported_at=stamp(license_.imported_at), replaced_at=stamp(license_.replaced_at),
        )  # fmt: skip
    insert(
        "seat_events", realm="acme", application=EVENT.application, user_id=EVENT.user_id,
        username=EVENT.username, kind=EVENT.kind, at=stamp(EVENT.at), reason=EVENT.reason,
    )  # fmt: skip


@pytest.fixture
def old_url(ledger_url: str) -> str:
    """The URL of a ledger as revision 0001 left it."""
    engine = create_ledger_engine(ledger_url)
    with writing(engine) as connection:
        migrate_to(connection, "0001")
        fill_0001(connection)
    engine.dispose()
    return ledger_url


def test_everything_of_revision_0001_is_kept(old_url: str, open_at: Open) -> None:
    ledger = open_at(old_url)

    assert ledger.describe().revision == "0007"
    assert ledger.load("acme") == RECORD
    assert ledger.seat_events("acme") == (EVENT,)


def test_what_revision_0001_did_not_know_is_unknown(old_url: str, open_at: Open) -> None:
    record = open_at(old_url).load("acme")

    assert record.clock == ClockMark()
    assert record.last_sync is not None
    assert record.last_sync.published_id is None
    assert not record.last_sync.is_disputed


def test_an_old_ledger_can_be_written_as_any_other(old_url: str, open_at: Open) -> None:
    done = sync(minutes=5, published_id="of another", clock=ClockMark(NOON, NOON + timedelta(days=3)))
    record_sync(open_at(old_url), done, assign("alice"))

    ledger = open_at(old_url)
    assert ledger.load("acme").last_sync == done
    assert set(ledger.load("acme").claims) == {WAITING, SEATED, claim("alice")}
    assert ledger.load("acme").licenses == RECORD.licenses
    assert len(ledger.seat_events("acme")) == 2
    add_licenses(ledger, "acme", [StoredLicense("L-3", 1, "g.h.i", NOON)], [IN_FORCE])
    assert [known.replaced_at for known in ledger.load("acme").licenses] == [NOON, NOON, None]
    ledger.sessions.begin_login(an_attempt())
    ledger.sessions.begin(a_session())
    ledger.audit.record(an_entry())
    assert ledger.sessions.take_login(an_attempt().key) == an_attempt()
    assert ledger.sessions.find(a_session().key) == a_session()
    assert ledger.audit.read("acme", 1) == (an_entry(),)


def test_a_migration_that_fails_leaves_the_old_ledger_as_it_was(old_url: str, open_at: Open) -> None:
    # The second column of the step is there already.
    execute(old_url, "ALTER TABLE realms ADD COLUMN clock_reached INTEGER")
    with pytest.raises(LedgerError, match="clock_reached"):
        open_ledger(old_url)

    execute(old_url, "ALTER TABLE realms DROP COLUMN clock_reached")
    ledger = open_at(old_url)
    assert ledger.describe().revision == "0007"
    assert ledger.load("acme") == RECORD


def test_threads_that_open_an_old_ledger_at_once_all_succeed(old_url: str, open_at: Open) -> None:
    start = threading.Barrier(6)
    found: list[RealmRecord] = []

    def open_and_read() -> None:
        start.wait(PATIENT_SECONDS)
        ledger = open_ledger(old_url, busy_timeout=PATIENT_SECONDS)
        found.append(ledger.load("acme"))
        ledger.close()

    threads = [threading.Thread(target=open_and_read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [RECORD] * 6
