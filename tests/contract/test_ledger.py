"""The ledger in memory and those in SQLite and PostgreSQL remember the same."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import count, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keycloak_license.errors import LeaseLostError
from keycloak_license.ledger.store import SqlLedger
from keycloak_license.model.changes import (
    SeatAssigned,
    SeatChange,
    SeatDisplaced,
    SeatReleased,
    WaitingEnded,
    WaitingStarted,
)
from keycloak_license.model.measures import Disabling, UserDisabled, UserEnabled
from keycloak_license.model.realm import Grant
from keycloak_license.model.record import (
    Lease,
    RealmRecord,
    SeatEvent,
    StoredLicense,
    SyncFailure,
    SyncRecord,
    Worker,
)
from keycloak_license.model.seat import HeldRelease
from keycloak_license.services.lease import hold_lease
from keycloak_license.services.ports import Ledger
from tests.fakes import MemoryLedger
from tests.leased import add_licenses, record_sync
from tests.property.test_ledger import changes, instants, licenses, syncs, words
from tests.unit.ledger.samples import NOON, a_license, assign, claim, sync, waiting


@dataclass(frozen=True)
class Synced:
    sync: SyncRecord
    changes: list[SeatChange]

    def write(self, ledger: Ledger, suffix: str) -> None:
        record_sync(ledger, replace(self.sync, realm=self.sync.realm + suffix), self.changes)


@dataclass(frozen=True)
class Failed:
    realm: str
    at: datetime
    reason: str

    def write(self, ledger: Ledger, suffix: str) -> None:
        with hold_lease(ledger, self.realm + suffix, patience_seconds=0) as fence:
            ledger.record_failure(fence.lease, SyncFailure(self.at, self.at, self.reason))


@dataclass(frozen=True)
class Imported:
    realm: str
    license: StoredLicense
    kept: int
    """How many of the licences before it are not replaced."""

    def write(self, ledger: Ledger, suffix: str) -> None:
        replaced = ledger.load(self.realm + suffix).licenses[self.kept :]
        add_licenses(ledger, self.realm + suffix, [self.license], replaced)


HOUR = timedelta(hours=1)
"""So long that no test is slow enough for it to pass."""
realms = st.sampled_from(["a", "b"])
steps = (
    st.builds(Synced, syncs, st.lists(changes, max_size=6))
    | st.builds(Failed, realms, instants, words)
    | st.builds(Imported, realms, licenses, st.integers(0, 3))
)


examples = count()
"""Each example has its realms for itself, so that the same databases serve them all."""


@settings(max_examples=30)
@given(history=st.lists(steps, max_size=8))
def test_all_ledgers_tell_the_same_after_any_history(
    databases: tuple[SqlLedger, ...], history: list[Synced | Failed | Imported]
) -> None:
    memory, suffix = MemoryLedger(), f" {next(examples)}"
    ledgers: tuple[Ledger, ...] = (memory, *databases)
    for step in history:
        for ledger in ledgers:
            step.write(ledger, suffix)
    ats = {step.sync.synced_at for step in history if isinstance(step, Synced)}
    for realm in (f"{name}{suffix}" for name in ("a", "b", "never seen")):
        for database in databases:
            assert memory.load(realm) == database.load(realm)
            for application, since in product((None, "WFM", "wfm", "none"), (None, *ats)):
                wanted = realm, application, since
                assert memory.seat_events(*wanted) == database.seat_events(*wanted)


def test_who_gave_what_began_a_claim_is_kept_with_its_event(ledger: Ledger) -> None:
    grant = Grant(NOON - HOUR, "id-anna", by="anna")
    record_sync(ledger, sync(), [replace(change, grant=grant) for change in assign("bob")])
    [event] = ledger.seat_events("acme")
    assert (event.granted_at, event.granted_by_id, event.granted_by) == (NOON - HOUR, "id-anna", "anna")


def test_what_is_dated_before_an_instant_is_forgotten_in_that_realm_only(ledger: Ledger) -> None:
    for realm in ("acme", "beta"):
        for minutes, user in enumerate(("ann", "bob", "eve")):
            record_sync(ledger, sync(realm, minutes), assign(user))
    with hold_lease(ledger, "acme", patience_seconds=0) as fence:
        ledger.remove_seat_events(fence.lease, NOON + timedelta(minutes=1))
    assert [event.username for event in ledger.seat_events("acme")] == ["bob", "eve"]
    assert len(ledger.load("acme").claims) == 3
    assert len(ledger.seat_events("beta")) == 3
    with pytest.raises(LeaseLostError):
        ledger.remove_seat_events(fence.lease, NOON + HOUR)


def test_who_is_forgotten_is_named_nowhere_in_the_history_of_that_realm(ledger: Ledger) -> None:
    grant = Grant(NOON, "id-ann", by="ann")
    for realm in ("acme", "beta"):
        granted = [replace(change, grant=grant) for change in assign("ann", "bob")]
        record_sync(ledger, sync(realm), [*granted, WaitingStarted(waiting("ann", "QM"), "full")])
    with hold_lease(ledger, "acme", patience_seconds=0) as fence:
        ledger.forget_users(fence.lease, {"id-ann": "forgotten-1", "id-eve": "forgotten-2"})
    told = [(event.user_id, event.username, event.is_forgotten) for event in ledger.seat_events("acme")]
    assert told == [
        ("forgotten-1", "forgotten", True), ("id-bob", "bob", False), ("forgotten-1", "forgotten", True),
    ]  # fmt: skip
    assert {(each.granted_by_id, each.granted_by) for each in ledger.seat_events("acme")} == {(None, None)}
    assert "ann" not in str(ledger.seat_events("acme"))
    assert [event.username for event in ledger.seat_events("beta")] == ["ann", "bob", "ann"]
    with pytest.raises(LeaseLostError):
        ledger.forget_users(fence.lease, {"id-bob": "forgotten-3"})


def test_a_realm_never_synced_is_an_empty_record(ledger: Ledger) -> None:
    assert ledger.load("acme") == RealmRecord("acme")
    assert ledger.seat_events("acme") == ()


def test_a_sync_is_remembered_with_its_claims_in_order(ledger: Ledger) -> None:
    done = sync(is_complete=False, warnings=("no answer from LDAP",))
    record_sync(ledger, done, [*assign("b", "a"), WaitingStarted(waiting("z", "QM"), "full")])
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
    record_sync(ledger, sync(), assign("bob"))
    record_sync(ledger, sync(minutes=1), [change])
    assert ledger.load("acme").claims == ((change.claim,) if is_kept else ())
    assert ledger.seat_events("acme")[1:] == (
        SeatEvent("WFM", "id-bob", "bob", change.kind, NOON + timedelta(minutes=1), change.reason),
    )


def test_a_failure_leaves_all_else_and_is_told_until_a_sync_is_recorded(ledger: Ledger) -> None:
    record_sync(ledger, sync(), assign("bob"))
    for minutes, reason in ((1, "no answer from LDAP"), (2, "no answer at all")):
        Failed("acme", NOON + timedelta(minutes=minutes), reason).write(ledger, "")
    at = NOON + timedelta(minutes=2)
    assert ledger.load("acme").failure == SyncFailure(at, at, "no answer at all")
    assert ledger.load("acme").claims == (claim("bob"),)

    record_sync(ledger, sync(minutes=3), [])
    assert ledger.load("acme").failure is None


def test_what_the_guard_holds_is_what_the_last_sync_left(ledger: Ledger) -> None:
    bob, ann = (HeldRelease("WFM", f"id-{name}", name, "role lost", NOON) for name in ("bob", "ann"))
    for held, told in (((bob, ann), (ann, bob)), ((ann,), (ann,)), ((), ())):
        record_sync(ledger, sync(held=held), [])
        last_sync = ledger.load("acme").last_sync
        assert last_sync is not None
        assert last_sync.held == told


def test_instants_come_back_in_utc(ledger: Ledger) -> None:
    east = timezone(timedelta(hours=5, minutes=45))
    at = datetime(2026, 1, 1, 3, 0, tzinfo=east)
    given_seat = SeatAssigned(claim("bob", claimed_at=at, seated_at=at), "free")
    record_sync(ledger, sync(synced_at=at), [given_seat])
    add_licenses(ledger, "acme", [replace(a_license(), imported_at=at)])

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
    record_sync(ledger, sync(), assign("ann"))
    add_licenses(ledger, "acme", [a_license("L-0")])
    before = ledger.load("acme"), ledger.seat_events("acme")
    with pytest.raises(ValueError, match="has no time zone"):
        record_sync(ledger, sync(synced_at=naive), assign("bob"))
    with pytest.raises(ValueError, match="has no time zone"):
        record_sync(ledger, sync(minutes=1), [*assign("bob"), SeatAssigned(claim("c", seated_at=naive), "")])
    with pytest.raises(ValueError, match="has no time zone"):
        add_licenses(ledger, "acme", [replace(a_license("L-1"), imported_at=naive)], [a_license("L-0")])
    assert (ledger.load("acme"), ledger.seat_events("acme")) == before


def test_realms_know_nothing_of_each_other(ledger: Ledger) -> None:
    for name in ("acme", "Acme"):
        record_sync(ledger, sync(name), assign("ann"))
        add_licenses(ledger, name, [a_license()])
    record_sync(ledger, sync(minutes=1), [SeatReleased(claim("ann"), "gone")])
    add_licenses(ledger, "acme", [a_license("L-2", minutes=1)], [a_license()])

    assert ledger.load("Acme").claims == (claim("ann"),)
    assert ledger.load("Acme").licenses == (a_license(),)
    assert len(ledger.seat_events("Acme")) == 1


def test_a_license_takes_only_those_it_replaces_out_of_force(ledger: Ledger) -> None:
    first, second, third = (a_license(f"L-{number}", minutes=number) for number in (1, 2, 3))
    add_licenses(ledger, "acme", [first])
    add_licenses(ledger, "acme", [second])
    add_licenses(ledger, "acme", [third], [first])
    assert ledger.load("acme").licenses == (replace(first, replaced_at=third.imported_at), second, third)


OFF = UserDisabled("WFM", "id-ann", "ann", "waiting")
ON = UserEnabled("", "id-bob", "bob", "not_enforced")
Write = Callable[[Ledger, Lease], None]


def record_enforcement(ledger: Ledger, *done: Disabling, refused: tuple[str, ...] = ()) -> None:
    with hold_lease(ledger, "acme", patience_seconds=0) as fence:
        ledger.record_enforcement(fence.lease, NOON + timedelta(minutes=1), done, refused)


def test_who_was_disabled_and_enabled_follows_in_the_history_and_changes_no_claim(ledger: Ledger) -> None:
    record_sync(ledger, sync(), assign("bob"))
    before, at = ledger.load("acme"), NOON + timedelta(minutes=1)
    record_enforcement(ledger, OFF, ON)
    assert ledger.seat_events("acme")[1:] == (
        SeatEvent("WFM", "id-ann", "ann", "user_disabled", at, "waiting"),
        SeatEvent("", "id-bob", "bob", "user_enabled", at, "not_enforced"),
    )
    assert ledger.seat_events("acme", "WFM") == ledger.seat_events("acme")[:2]
    assert ledger.load("acme") == before


def test_what_enforcement_could_not_do_is_a_warning_of_the_last_sync_until_the_next(ledger: Ledger) -> None:
    held = (HeldRelease("WFM", "id-ann", "ann", "role lost", NOON),)
    done = sync(warnings=("no answer from LDAP",), held=held)
    record_sync(ledger, done, assign("bob"))
    record_enforcement(ledger, refused=("1 user was not changed", "nor another"))
    warnings = ("no answer from LDAP", "1 user was not changed", "nor another")
    assert ledger.load("acme").last_sync == replace(done, warnings=warnings)
    assert len(ledger.seat_events("acme")) == 1

    record_sync(ledger, sync(minutes=2), [])
    assert ledger.load("acme").last_sync == sync(minutes=2)


def test_history_since_an_instant_is_what_was_recorded_after_all_that_is_dated_before(ledger: Ledger) -> None:
    for minutes, name in ((0, "ann"), (90, "by a clock ahead"), (1, "bob"), (2, "cyril")):
        record_sync(ledger, sync(minutes=minutes), assign(name))
    record_sync(ledger, sync(minutes=3), [WaitingStarted(waiting("dana", "QM"), "full")])
    for minutes, names in (
        (0, ["ann", "by a clock ahead", "bob", "cyril"]),
        (1, ["by a clock ahead", "bob", "cyril"]),
        (2, ["cyril"]),
        (3, []),
    ):
        found = ledger.seat_events("acme", "WFM", NOON + timedelta(minutes=minutes))
        assert [event.username for event in found] == names
    assert len(ledger.seat_events("acme", since=NOON + timedelta(minutes=2))) == 2
    assert ledger.seat_events("acme", since=NOON) == ledger.seat_events("acme")


def test_enforcement_of_a_realm_never_synced_is_history_only(ledger: Ledger) -> None:
    record_enforcement(ledger, OFF, refused=("1 user was not changed",))
    assert ledger.load("acme") == RealmRecord("acme")
    assert [event.kind for event in ledger.seat_events("acme")] == ["user_disabled"]


def test_the_last_failure_is_kept_with_when_it_began_until_a_sync_is_recorded(ledger: Ledger) -> None:
    east = timezone(timedelta(hours=5, minutes=45))
    since = NOON + timedelta(minutes=1)
    for minutes in (3, 4):
        with hold_lease(ledger, "acme", patience_seconds=0) as fence:
            at = NOON + timedelta(minutes=minutes)
            ledger.record_failure(fence.lease, SyncFailure(since.astimezone(east), at, "not enforced"))
    failure = ledger.load("acme").failure
    assert failure == SyncFailure(since, NOON + timedelta(minutes=4), "not enforced")
    assert failure.since.tzinfo is UTC

    record_sync(ledger, sync(minutes=6), [])
    assert ledger.load("acme").failure is None


@pytest.mark.parametrize(
    "write",
    [
        lambda ledger, lease: ledger.record_enforcement(lease, NOON, [OFF, ON], ["1 user was not changed"]),
        lambda ledger, lease: ledger.record_failure(lease, SyncFailure(NOON, NOON, "not enforced")),
    ],
    ids=["enforcement", "failure"],
)
def test_who_has_lost_the_lease_records_nothing_of_enforcement(ledger: Ledger, write: Write) -> None:
    record_sync(ledger, sync(), assign("bob"))
    before = ledger.load("acme"), ledger.seat_events("acme")
    with hold_lease(ledger, "acme", patience_seconds=0) as lost:
        pass
    with hold_lease(ledger, "acme", patience_seconds=0):
        with pytest.raises(LeaseLostError):
            write(ledger, lost.lease)
        assert (ledger.load("acme"), ledger.seat_events("acme")) == before


def test_enforcement_at_a_time_without_a_zone_is_refused_and_nothing_written(ledger: Ledger) -> None:
    record_sync(ledger, sync(), assign("bob"))
    before = ledger.load("acme"), ledger.seat_events("acme")
    with hold_lease(ledger, "acme", patience_seconds=0) as fence:
        with pytest.raises(ValueError, match="has no time zone"):
            ledger.record_enforcement(fence.lease, datetime(2026, 1, 1), [OFF], ["no"])  # noqa: DTZ001
        with pytest.raises(ValueError, match="has no time zone"):
            ledger.record_failure(fence.lease, SyncFailure(datetime(2026, 1, 1), NOON, "no"))  # noqa: DTZ001
    assert (ledger.load("acme"), ledger.seat_events("acme")) == before


def test_the_living_workers_are_told_with_their_realms_and_by_name(ledger: Ledger) -> None:
    one, other, third = Worker("b", ("acme", "žluť")), Worker("C", ()), Worker("a é", ("acme",))
    assert ledger.announce_worker(one, HOUR) == (one,)
    assert ledger.announce_worker(other, HOUR) == (other, one)
    assert ledger.announce_worker(third, HOUR) == (other, third, one)
    changed = replace(one, realms=("acme",))
    assert ledger.announce_worker(changed, HOUR) == (other, third, changed)


def test_a_worker_that_ends_is_forgotten_at_once_and_may_come_back(ledger: Ledger) -> None:
    one, other = Worker("a", ("acme",)), Worker("b", ("acme",))
    for worker in (one, other):
        ledger.announce_worker(worker, HOUR)
    for _ in range(2):
        ledger.end_worker("a")
        assert ledger.announce_worker(other, HOUR) == (other,)
    assert ledger.announce_worker(one, HOUR) == (one, other)


def test_a_worker_counts_as_alive_for_as_long_as_it_has_said(ledger: Ledger) -> None:
    short, long = Worker("a", ("acme",)), Worker("b", ("acme",))
    ledger.announce_worker(long, HOUR)
    assert ledger.announce_worker(short, timedelta()) == (short, long)
    assert ledger.announce_worker(long, timedelta()) == (long,)
    assert ledger.announce_worker(short, HOUR) == (short,)
