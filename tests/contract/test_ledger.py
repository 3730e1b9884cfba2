"""The ledger in memory and the one in a database remember the same."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.ledger.store import open_ledger
from keycloak_license.model.changes import (
    SeatAssigned,
    SeatChange,
    SeatDisplaced,
    SeatReleased,
    WaitingEnded,
    WaitingStarted,
)
from keycloak_license.model.record import RealmRecord, SeatEvent, StoredLicense, SyncRecord
from keycloak_license.services.ports import Ledger
from tests.fakes import MemoryLedger
from tests.property.test_ledger import changes, licenses, syncs
from tests.unit.ledger.samples import NOON, a_license, assign, claim, sync, waiting

imports = st.tuples(st.sampled_from(["a", "b"]), licenses, st.integers(0, 3))
histories = st.lists(st.tuples(syncs, st.lists(changes, max_size=6)) | imports, max_size=8)


@given(history=histories)
def test_both_ledgers_tell_the_same_after_any_history(
    history: Sequence[tuple[SyncRecord, list[SeatChange]] | tuple[str, StoredLicense, int]],
) -> None:
    memory = MemoryLedger()
    with closing(open_ledger("sqlite://")) as database:
        ledgers: tuple[Ledger, ...] = (memory, database)
        for step in history:
            for ledger in ledgers:
                if isinstance(step[0], SyncRecord):
                    ledger.record_sync(*step)
                else:
                    realm, license_, keep = step
                    ledger.add_licenses(realm, [license_], ledger.load(realm).licenses[keep:])
        for realm in ("a", "b", "never seen"):
            assert memory.load(realm) == database.load(realm)
            for application in (None, "WFM", "wfm", "none"):
                assert memory.seat_events(realm, application) == database.seat_events(realm, application)


def test_a_realm_never_synced_is_an_empty_record(ledger: Ledger) -> None:
    assert ledger.load("acme") == RealmRecord("acme")
    assert ledger.seat_events("acme") == ()


def test_a_sync_is_remembered_with_its_claims_in_order(ledger: Ledger) -> None:
    done = sync(is_complete=False, warnings=("no answer from LDAP",))
    ledger.record_sync(done, [*assign("b", "a"), WaitingStarted(waiting("z", "QM"), "full")])
    assert ledger.load("acme") == RealmRecord(
        realm="acme",
        installation_id="7f0c",
        claims=(waiting("z", "QM"), claim("a"), claim("b")),
        last_sync=done,
    )


@pytest.mark.parametrize(
    ("change", "is_kept"),
    [
        (SeatAssigned(claim("bob", claimed_at=NOON), "free seat"), True),
        (SeatDisplaced(claim("bob", is_seated=False), "smaller limit"), True),
        (WaitingStarted(waiting("bob"), "no free seat"), True),
        (SeatReleased(claim("bob"), "role lost"), False),
        (WaitingEnded(claim("bob"), "role lost"), False),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_each_kind_of_change_leaves_its_claim_and_its_event(
    ledger: Ledger, change: SeatChange, is_kept: bool
) -> None:
    ledger.record_sync(sync(), assign("bob"))
    ledger.record_sync(sync(minutes=1), [change])
    assert ledger.load("acme").claims == ((change.claim,) if is_kept else ())
    assert ledger.seat_events("acme")[1:] == (
        SeatEvent("WFM", "id-bob", "bob", change.kind, NOON + timedelta(minutes=1), change.reason),
    )


def test_instants_come_back_in_utc(ledger: Ledger) -> None:
    east = timezone(timedelta(hours=5, minutes=45))
    at = datetime(2026, 1, 1, 3, 0, tzinfo=east)
    given_seat = SeatAssigned(claim("bob", claimed_at=at, seated_at=at), "free")
    ledger.record_sync(sync(synced_at=at), [given_seat])
    ledger.add_licenses("acme", [replace(a_license(), imported_at=at)])

    record = ledger.load("acme")
    assert record.last_sync is not None
    told = (
        record.last_sync.synced_at,
        record.claims[0].claimed_at,
        record.claims[0].seated_at,
        record.licenses[0].imported_at,
        ledger.seat_events("acme")[0].at,
    )
    assert {instant.isoformat() for instant in told if instant} == {"2025-12-31T21:15:00+00:00"}
    assert {instant.tzinfo for instant in told if instant} == {UTC}


def test_a_time_without_a_zone_is_refused_and_nothing_written(ledger: Ledger) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    ledger.record_sync(sync(), assign("ann"))
    ledger.add_licenses("acme", [a_license("L-0")])
    before = ledger.load("acme"), ledger.seat_events("acme")
    with pytest.raises(ValueError, match="has no time zone"):
        ledger.record_sync(sync(synced_at=naive), assign("bob"))
    with pytest.raises(ValueError, match="has no time zone"):
        ledger.record_sync(sync(minutes=1), [*assign("bob"), SeatAssigned(claim("c", seated_at=naive), "")])
    with pytest.raises(ValueError, match="has no time zone"):
        ledger.add_licenses("acme", [replace(a_license("L-1"), imported_at=naive)], [a_license("L-0")])
    assert (ledger.load("acme"), ledger.seat_events("acme")) == before


def test_realms_know_nothing_of_each_other(ledger: Ledger) -> None:
    for name in ("acme", "Acme"):
        ledger.record_sync(sync(name), assign("ann"))
        ledger.add_licenses(name, [a_license()])
    ledger.record_sync(sync(minutes=1), [SeatReleased(claim("ann"), "gone")])
    ledger.add_licenses("acme", [a_license("L-2", minutes=1)], [a_license()])

    assert ledger.load("Acme").claims == (claim("ann"),)
    assert ledger.load("Acme").licenses == (a_license(),)
    assert len(ledger.seat_events("Acme")) == 1


def test_a_license_takes_only_those_it_replaces_out_of_force(ledger: Ledger) -> None:
    first, second, third = (a_license(f"L-{number}", minutes=number) for number in (1, 2, 3))
    ledger.add_licenses("acme", [first])
    ledger.add_licenses("acme", [second])
    ledger.add_licenses("acme", [third], [first])
    assert ledger.load("acme").licenses == (replace(first, replaced_at=third.imported_at), second, third)
