"""Whatever is recorded, in whatever order: a ledger is a dict of claims and a list of events."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.ledger.store import SqlLedger, open_ledger
from keycloak_license.model.changes import (
    SeatAssigned,
    SeatChange,
    SeatDisplaced,
    SeatReleased,
    WaitingEnded,
    WaitingStarted,
)
from keycloak_license.model.realm import Grant
from keycloak_license.model.record import ClockMark, RealmRecord, SeatEvent, StoredLicense, SyncRecord
from keycloak_license.model.seat import Claim, HeldRelease
from tests.leased import add_licenses, record_sync

# PostgreSQL keeps no NUL, and no database half of a character; Keycloak sends neither.
words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(1970, 1, 2), datetime(2199, 1, 1), timezones=offsets | st.just(UTC))  # noqa: DTZ001
users = st.sampled_from(["1", "2", "f:ldap:3", "Ä"])
applications = st.sampled_from(["WFM", "QM", "wfm"])
claims = st.builds(
    Claim,
    application=applications,
    user_id=users,
    username=words,
    email=words | st.none(),
    created_at=st.integers(0, 2**53) | st.none(),
    claimed_at=instants,
    is_seated=st.booleans(),
    seated_at=instants | st.none(),
    provider_id=words | st.none(),
)
kinds = st.sampled_from([SeatAssigned, SeatReleased, SeatDisplaced, WaitingStarted, WaitingEnded])
grants = st.builds(Grant, at=instants, by_id=users, by=words | st.none())
changes = st.builds(
    lambda kind, claim, reason, grant: kind(claim, reason, grant), kinds, claims, words, grants | st.none()
)
held = st.lists(
    st.builds(
        HeldRelease, application=applications, user_id=users, username=words, reason=words, since=instants
    ),
    max_size=4,
    unique_by=lambda each: (each.application, each.user_id),
)
syncs = st.builds(
    SyncRecord,
    realm=st.sampled_from(["a", "b"]),
    realm_id=words,
    installation_id=words,
    synced_at=instants,
    is_complete=st.booleans(),
    warnings=st.lists(words, max_size=3).map(tuple),
    published_id=words | st.none(),
    clock=st.builds(ClockMark, *[instants | st.none()] * 3),
    held=held.map(tuple),
)
steps = st.tuples(syncs, st.lists(changes, max_size=8))
licenses = st.builds(
    StoredLicense,
    number=words,
    issue=st.integers(0, 2**40),
    file=words,
    imported_at=instants,
    replaced_at=st.none(),
)


@pytest.fixture(scope="module")
def ledger() -> Iterator[SqlLedger]:
    with closing(open_ledger("sqlite://")) as opened:
        yield opened


examples = count()
"""Each example has its realms for itself, so that one ledger serves them all."""


@given(history=st.lists(steps, max_size=8))
def test_a_ledger_remembers_like_a_dict(
    ledger: SqlLedger, history: list[tuple[SyncRecord, list[SeatChange]]]
) -> None:
    example = next(examples)
    claims_of: dict[str, dict[tuple[str, str], Claim]] = {}
    events_of: dict[str, list[SeatEvent]] = {}
    last: dict[str, SyncRecord] = {}
    for drawn, changed in history:
        realm = f"{example} {drawn.realm}"
        done = replace(drawn, realm=realm)
        record_sync(ledger, done, changed)

        by_user = sorted(done.held, key=lambda each: (each.application, each.user_id))
        last[realm] = replace(done, held=tuple(by_user))
        known, told = claims_of.setdefault(realm, {}), events_of.setdefault(realm, [])
        for change in changed:
            claim = change.claim
            key = (claim.application, claim.user_id)
            if isinstance(change, SeatReleased | WaitingEnded):
                known.pop(key, None)
            else:
                known[key] = claim
            grant = change.grant
            granted = (grant.at, grant.by_id, grant.by) if grant else ()
            told.append(
                SeatEvent(*key, claim.username, change.kind, done.synced_at, change.reason, *granted),
            )

    for realm, done in last.items():
        assert ledger.load(realm) == RealmRecord(
            realm=realm,
            installation_id=done.installation_id,
            claims=tuple(claim for _, claim in sorted(claims_of[realm].items())),
            last_sync=done,
        )
        assert ledger.seat_events(realm) == tuple(events_of[realm])
        assert ledger.seat_events(realm, "WFM") == tuple(
            event for event in events_of[realm] if event.application == "WFM"
        )


@given(imports=st.lists(st.tuples(licenses, st.sets(st.integers(0, 6))), max_size=6))
def test_licenses_stay_in_force_until_they_are_replaced(
    ledger: SqlLedger, imports: list[tuple[StoredLicense, set[int]]]
) -> None:
    realm = f"{next(examples)} licences"
    expected: list[StoredLicense] = []
    for number, (drawn, chosen) in enumerate(imports):
        license_ = StoredLicense(drawn.number, drawn.issue, f"{number} {drawn.file}", drawn.imported_at)
        replaced = [known for index, known in enumerate(expected) if index in chosen]
        add_licenses(ledger, realm, [license_], replaced)

        expected = [
            StoredLicense(known.number, known.issue, known.file, known.imported_at, license_.imported_at)
            if known in replaced and known.replaced_at is None
            else known
            for known in expected
        ]
        expected.append(license_)
    assert ledger.load(realm).licenses == tuple(expected)
