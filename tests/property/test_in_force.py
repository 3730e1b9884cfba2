"""At most one licence is in force, it is the one that counts, and something is said of each."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.license import ImportedLicense, License, LicenseType, NotInForce, Reason, Standing
from keycloak_license.model.record import KnownLicense, StoredLicense
from keycloak_license.plan.expiry import expiry_notice
from keycloak_license.plan.in_force import list_licenses
from keycloak_license.plan.lifecycle import Installation, day_start, judge
from keycloak_license.plan.replacement import find_newer, find_replaced
from tests.property.strategies import INSTALLATION_ID, NOON, REALM_ID, imported, licenses

HERE = Installation(INSTALLATION_ID, REALM_ID, ZoneInfo("Europe/Prague"))
GRANTING = {Reason.ACTIVE, Reason.TEMPORARY, Reason.GRACE}


def distinct(found: list[ImportedLicense], unread: frozenset[int] = frozenset()) -> list[KnownLicense]:
    """As the ledger keeps them: each with a file of its own, some of which cannot be verified any more."""
    known = []
    for number, each in enumerate(found):
        license_ = replace(each.license, file=f"file {number}")
        stored = StoredLicense(
            license_.number, license_.issue, license_.file, each.imported_at, each.replaced_at
        )
        known.append(KnownLicense(stored, None if number in unread else license_))
    return known


ledgers = st.builds(distinct, st.lists(imported(), max_size=5), st.frozensets(st.integers(0, 4), max_size=2))
instants = st.integers(-24 * 90, 24 * 170).map(lambda number: NOON + timedelta(hours=number))


def stand(known: list[KnownLicense], now: datetime, installation: Installation = HERE) -> Standing:
    genuine = [
        ImportedLicense(each.license, each.stored.imported_at, each.stored.replaced_at)
        for each in known
        if each.license is not None
    ]
    return judge(genuine, installation, now)


@given(known=ledgers, now=instants, is_disputed=st.booleans())
def test_one_licence_is_in_force_exactly_while_access_is_granted(
    known: list[KnownLicense], now: datetime, is_disputed: bool
) -> None:
    installation = replace(HERE, is_disputed=is_disputed)
    standing = stand(known, now, installation)
    listed = list_licenses(known, installation, now)
    in_force = [each for each in listed if each.is_in_force]

    assert [each.stored for each in listed] == [each.stored for each in known]
    assert len(in_force) == int(standing.is_granted)
    for each in in_force:
        assert each.license == standing.license
        assert (each.state, each.reason) == (standing.state, standing.reason)


@given(known=ledgers, now=instants)
def test_every_licence_has_its_reason_and_a_sentence(known: list[KnownLicense], now: datetime) -> None:
    standing = stand(known, now)
    now = max([now, *(day_start(each.issued_on, HERE.zone) for each in unreplaced(known))])
    for each in list_licenses(known, HERE, now):
        license_ = each.license
        assert each.explanation
        assert "None" not in each.explanation
        if each.stored.replaced_at is not None:
            assert each.reason is NotInForce.REPLACED
        elif license_ is None:
            assert each.reason is NotInForce.NOT_VERIFIED
        elif each.is_in_force:
            assert each.reason in GRANTING
        elif now < day_start(license_.starts_on, HERE.zone):
            assert each.reason is Reason.NOT_STARTED
        elif now >= day_start(license_.expires_on + timedelta(days=1), HERE.zone):
            assert each.reason is Reason.EXPIRED
        else:
            assert each.reason in {
                Reason.GRACE_OVER,
                Reason.OTHER_INSTALLATION,
                NotInForce.OVERLAID,
                NotInForce.SUPERSEDED,
            }
        if each.reason is NotInForce.OVERLAID:
            assert standing.license is not None
            assert standing.license.type is LicenseType.TEMPORARY
            assert f"licence {standing.license.number} " in each.explanation


def unreplaced(known: list[KnownLicense]) -> list[License]:
    return [each.license for each in known if each.license and each.stored.replaced_at is None]


@given(known=ledgers, now=instants)
def test_one_that_is_overlaid_gives_access_again_when_the_temporary_ones_have_gone(
    known: list[KnownLicense], now: datetime
) -> None:
    for each in list_licenses(known, HERE, now):
        if each.reason is NotInForce.OVERLAID:
            rest = [
                other
                for other in known
                if other.license is None or other.license.type is LicenseType.COMMERCIAL
            ]
            floor = max([now, *(day_start(one.issued_on, HERE.zone) for one in unreplaced(known))])
            assert stand(rest, floor).license == each.license
            assert stand(rest, floor).is_granted


@given(known=ledgers, new=licenses(), now=instants)
def test_only_what_is_in_force_is_replaced_and_never_one_that_counts_on(
    known: list[KnownLicense], new: License, now: datetime
) -> None:
    in_force = [each for each in known if each.stored.replaced_at is None]
    replaced = find_replaced(in_force, new, HERE, now)
    # As it is judged: not before the newest day of issue.
    now = max([now, *(day_start(each.issued_on, HERE.zone) for each in [new, *unreplaced(known)])])
    has_started = now >= day_start(new.starts_on, HERE.zone)

    assert set(replaced) <= {each.stored for each in in_force}
    for each in in_force:
        if each.stored not in replaced or each.license is None:
            continue
        waits = now < day_start(each.license.starts_on, HERE.zone)
        # What waits is only ended by a file of the same licence; what runs, only by one that runs.
        assert each.license.number == new.number if waits else has_started
        if new.type is LicenseType.TEMPORARY and not waits:
            assert each.license.type is LicenseType.TEMPORARY


@given(known=ledgers, new=licenses(), now=instants)
def test_one_that_starts_now_counts_at_once_when_it_replaces_all_of_its_kind(
    known: list[KnownLicense], new: License, now: datetime
) -> None:
    days = [new.starts_on, *(each.issued_on for each in unreplaced(known))]
    now = max([now, *(day_start(day, HERE.zone) for day in days)])
    in_force = [each for each in known if each.stored.replaced_at is None]
    replaced = find_replaced(in_force, new, HERE, now)
    rest = [each for each in in_force if each.stored not in replaced]
    waiting = [each for each in rest if each.license and now < day_start(each.license.starts_on, HERE.zone)]

    assert all(
        each.license is None or each.license.type is LicenseType.COMMERCIAL
        for each in rest
        if each not in waiting
    )
    if new.type is LicenseType.COMMERCIAL:
        assert rest == waiting


@given(known=ledgers, new=licenses())
def test_of_two_files_at_most_one_is_the_newer(known: list[KnownLicense], new: License) -> None:
    newer = find_newer(known, new, HERE)
    stored = StoredLicense(new.number, new.issue, "new", NOON)
    if newer is not None:
        (other,) = (each for each in known if each.stored == newer)
        assert newer.number == new.number
        assert other.license is None or find_newer([KnownLicense(stored, new)], other.license, HERE) is None
    elif any(each.stored.number == new.number for each in known):
        highest = max(each.stored.issue for each in known if each.stored.number == new.number)
        assert highest <= new.issue


@given(found=st.lists(imported(), min_size=1, max_size=4), new=licenses(), now=instants)
def test_a_successor_that_gives_access_mutes_the_notice_of_the_one_before(
    found: list[ImportedLicense], new: License, now: datetime
) -> None:
    before = judge(found, HERE, now)
    successor = ImportedLicense(replace(new, file="successor"), NOON)
    after = judge([*found, successor], HERE, now)
    days = (30,)
    for standing in (before, after):
        notice = expiry_notice(standing, now, days)
        is_near = (
            standing.is_granted
            and standing.stops_at is not None
            and standing.stops_at - now <= timedelta(days=30)
        )
        assert (notice is not None) == is_near
    if before.is_granted and after.is_granted and new.type is LicenseType.TEMPORARY:
        # One more temporary licence never shortens access.
        assert before.stops_at is not None
        assert after.stops_at is not None
        assert after.stops_at >= before.stops_at


@given(known=ledgers, new=licenses(), now=instants)
def test_what_counts_at_once_has_replaced_all_of_its_kind_that_counted(
    known: list[KnownLicense], new: License, now: datetime
) -> None:
    """Also where it is issued on a day that the clock here has not got to."""
    in_force = [each for each in known if each.stored.replaced_at is None and each.license is not None]
    before = stand(in_force, now)
    replaced = find_replaced(in_force, new, HERE, now)
    stored = StoredLicense(new.number, new.issue, "new", NOON + timedelta(hours=1))
    added = KnownLicense(stored, replace(new, file="new"))
    after = stand([*(each for each in in_force if each.stored not in replaced), added], now)

    if before.license is not None and after.license == added.license and before.license.type is new.type:
        assert before.license.file in {each.file for each in replaced}
