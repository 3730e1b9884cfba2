"""How licences stand, example by example; time zones and the general rules are in `tests/property`."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from keycloak_license.model.license import (
    Activation,
    ImportedLicense,
    License,
    LicenseState,
    LicenseType,
    Reason,
    Standing,
)
from keycloak_license.plan.lifecycle import Installation, judge
from tests.unit.plan.samples import a_license

HERE = Installation("installation-1", "realm-1", ZoneInfo("Europe/Prague"))
ACTIVATED = Activation("installation-1", "realm-1")


def at(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=HERE.zone)


def commercial(**changes: object) -> License:
    return a_license(**{"type": LicenseType.COMMERCIAL, "number": "C-1", "activation": ACTIVATED, **changes})


def stand(day: str, *licenses: License, **installation: object) -> Standing:
    imported = [ImportedLicense(each, datetime(2026, 1, 1, tzinfo=UTC)) for each in licenses]
    return judge(imported, replace(HERE, **installation), at(day))  # type: ignore[arg-type]


def test_without_a_licence_nobody_has_access() -> None:
    assert stand("2026-05-01") == Standing(LicenseState.NONE, Reason.NO_LICENSE)


def test_a_replaced_licence_is_none() -> None:
    replaced = ImportedLicense(a_license(), at("2026-01-01"), replaced_at=at("2026-02-01"))

    assert judge([replaced], HERE, at("2026-05-01")) == Standing(LicenseState.NONE, Reason.NO_LICENSE)


def test_one_that_only_starts_later_does_not_count_yet() -> None:
    later = a_license(starts_on=date(2026, 6, 1))

    assert stand("2026-05-31T23:59:59", later) == Standing(LicenseState.NONE, Reason.NOT_STARTED)
    assert stand("2026-06-01", later).reason is Reason.TEMPORARY


def test_a_temporary_licence_is_active_at_once_and_through_its_last_day() -> None:
    license_ = a_license()

    assert stand("2026-12-31T23:59:59", license_) == Standing(
        LicenseState.OK, Reason.TEMPORARY, license_, at("2027-01-01"), last_license=license_
    )
    assert stand("2027-01-01", license_) == Standing(
        LicenseState.EXPIRED, Reason.EXPIRED, license_, at("2027-01-01")
    )


def test_an_inactive_one_has_thirty_days_from_its_issue() -> None:
    inactive = commercial(activation=None, issued_on=date(2026, 3, 15))
    ends = at("2026-04-14")

    assert stand("2026-04-13T23:59:59", inactive) == Standing(
        LicenseState.NOT_ACTIVATED, Reason.GRACE, inactive, ends, inactive, is_last_in_grace=True
    )
    assert stand("2026-04-14", inactive) == Standing(
        LicenseState.NOT_ACTIVATED, Reason.GRACE_OVER, inactive, ends
    )


def test_the_licence_that_ends_access_is_told() -> None:
    first, second = (
        commercial(expires_on=date(2026, 6, 30)),
        commercial(number="C-2", starts_on=date(2026, 6, 1)),
    )
    bridge = a_license(starts_on=date(2026, 5, 1), expires_on=date(2027, 2, 28))
    inactive = commercial(
        number="C-3", activation=None, issued_on=date(2026, 6, 20), starts_on=date(2026, 6, 20)
    )

    assert stand("2026-05-15", first).last_license == first
    assert stand("2026-05-15", first, second).last_license == second
    assert stand("2026-05-15", first, second, bridge).last_license == bridge
    assert stand("2026-06-20", first, inactive).last_license == inactive
    assert stand("2026-06-20", first, inactive).is_last_in_grace
    assert not stand("2026-06-20", first).is_last_in_grace


def test_grace_does_not_outlive_the_licence() -> None:
    short = commercial(activation=None, issued_on=date(2026, 3, 15), expires_on=date(2026, 3, 31))

    assert not stand("2026-03-20", short).is_last_in_grace
    assert stand("2026-03-20", short).stops_at == at("2026-04-01")
    assert stand("2026-04-01", short).state is LicenseState.EXPIRED


def test_an_activated_one_is_in_order_here() -> None:
    assert stand("2026-05-01", commercial()) == Standing(
        LicenseState.OK, Reason.ACTIVE, commercial(), at("2027-01-01"), last_license=commercial()
    )


@pytest.mark.parametrize("other", [{"installation_id": "another"}, {"realm_id": "cloned"}])
def test_and_not_elsewhere(other: dict[str, str]) -> None:
    assert stand("2026-05-01", commercial(), **other) == Standing(
        LicenseState.NOT_ACTIVATED, Reason.OTHER_INSTALLATION, commercial()
    )


def test_a_temporary_one_overlays_a_commercial_one_and_falls_back() -> None:
    evaluation = a_license(starts_on=date(2026, 5, 1), expires_on=date(2026, 5, 31))

    assert stand("2026-04-30", commercial(), evaluation).license == commercial()
    assert stand("2026-05-01", commercial(), evaluation).license == evaluation
    assert stand("2026-06-01", commercial(), evaluation).license == commercial()
    assert stand("2026-06-01", commercial(), evaluation).is_granted


def test_it_bridges_an_expired_or_inactive_commercial_one() -> None:
    bridge = a_license(starts_on=date(2026, 5, 1), expires_on=date(2026, 5, 31))
    expired = commercial(expires_on=date(2026, 4, 30))
    inactive = commercial(activation=None)

    for old, reason in ((expired, Reason.EXPIRED), (inactive, Reason.GRACE_OVER)):
        assert stand("2026-05-15", old, bridge).reason is Reason.TEMPORARY
        assert stand("2026-06-01", old, bridge).reason is reason
        assert stand("2026-06-01", old, bridge).license == old


def test_a_renewal_takes_over_at_its_start_and_not_before() -> None:
    old = commercial(issue=3, expires_on=date(2026, 12, 31), scope={"WFM": 50})
    new = commercial(
        number="C-2", starts_on=date(2026, 12, 1), expires_on=date(2027, 11, 30), scope={"WFM": 9}
    )

    assert stand("2026-11-30T23:59:59", old, new).license == old
    assert stand("2026-12-01", new, old).license == new
    assert stand("2027-01-01", old, new).is_granted


def test_of_two_that_start_on_one_day_the_newer_issue_counts() -> None:
    first, second = commercial(issue=1, activation=None), commercial(issue=2)

    assert stand("2026-05-01", second, first).license == second


def test_of_two_numbers_that_start_on_one_day_the_one_imported_last_counts() -> None:
    # Issues count up within a number and say nothing between two.
    imported = [
        ImportedLicense(commercial(number="C-1", issue=5), at("2026-03-01")),
        ImportedLicense(commercial(number="C-2", issue=1), at("2026-03-02")),
    ]

    assert judge(imported, HERE, at("2026-05-01")).license == imported[1].license


def test_the_end_told_is_that_of_the_fallback_while_a_temporary_one_overlays_it() -> None:
    evaluation = a_license(starts_on=date(2026, 5, 1), expires_on=date(2026, 5, 31))

    assert stand("2026-05-15", commercial(), evaluation).stops_at == at("2027-01-01")


def test_the_end_told_is_that_of_the_renewal_which_is_there_already() -> None:
    renewal = commercial(number="C-2", starts_on=date(2026, 12, 1), expires_on=date(2027, 11, 30))

    assert stand("2026-05-15", commercial(), renewal).stops_at == at("2027-12-01")


@pytest.mark.parametrize("activation", [None, Activation("x", "y")])
def test_a_renewal_that_was_not_activated_in_time_takes_nothing_over(activation: Activation | None) -> None:
    renewal = commercial(
        number="C-2", issued_on=date(2026, 4, 1), starts_on=date(2026, 6, 1), activation=activation
    )

    assert stand("2026-05-15", commercial(), renewal).stops_at == at("2027-01-01")
    assert stand("2026-06-01", commercial(), renewal) == stand("2026-06-01", commercial())


def test_a_renewal_in_its_grace_has_taken_over_and_hands_back_when_that_ends() -> None:
    renewal = commercial(
        number="C-2", issued_on=date(2026, 5, 20), starts_on=date(2026, 6, 1), activation=None
    )

    assert stand("2026-06-18T23:59:59", commercial(), renewal).license == renewal
    assert stand("2026-06-18", commercial(), renewal).stops_at == at("2027-01-01")
    assert stand("2026-06-19", commercial(), renewal).license == commercial()


def test_when_nothing_gives_access_the_newest_says_what_is_missing() -> None:
    old = commercial(expires_on=date(2026, 6, 30))
    renewal = commercial(
        number="C-2", issued_on=date(2026, 4, 1), starts_on=date(2026, 6, 1), activation=None
    )

    assert stand("2026-06-30", old, renewal).reason is Reason.ACTIVE
    assert stand("2026-07-01", old, renewal) == Standing(
        LicenseState.NOT_ACTIVATED, Reason.GRACE_OVER, renewal, at("2026-05-01")
    )


def test_a_renewal_that_was_never_activated_takes_nothing_along_when_its_last_day_is_over() -> None:
    renewal = commercial(
        number="C-2", issued_on=date(2026, 4, 1), starts_on=date(2026, 6, 1), expires_on=date(2026, 9, 30),
        activation=None,
    )  # fmt: skip

    assert stand("2026-09-30", commercial(), renewal).stops_at == at("2027-01-01")
    assert stand("2026-10-01", commercial(), renewal).license == commercial()


def test_a_clock_before_the_issue_is_wrong() -> None:
    license_ = a_license(issued_on=date(2026, 5, 1), starts_on=date(2026, 5, 1))
    inactive = commercial(activation=None, issued_on=date(2026, 5, 1))

    assert stand("2020-01-01", license_) == stand("2026-05-01", license_)
    assert stand("2020-01-01", inactive) == stand("2026-05-01", inactive)
    # Another licence that is there says how late it is at least.
    expired = a_license(number="T-0", expires_on=date(2026, 4, 30))
    assert stand("2026-04-30", expired).is_granted
    assert stand("2026-04-30", expired, commercial(issued_on=date(2026, 5, 1))).license != expired


def test_a_replaced_licence_says_nothing_of_the_time() -> None:
    expired = ImportedLicense(a_license(expires_on=date(2026, 4, 30)), at("2026-01-01"))
    replaced = ImportedLicense(commercial(issued_on=date(2026, 5, 1)), at("2026-01-01"), at("2026-01-02"))

    assert judge([expired, replaced], HERE, at("2026-04-30")).is_granted


@pytest.mark.parametrize("license_", [a_license(), commercial(), commercial(activation=None)])
def test_while_the_installation_is_disputed_no_licence_gives_access(license_: License) -> None:
    assert stand("2026-01-15", license_).is_granted
    assert stand("2026-01-15", license_, is_disputed=True) == Standing(
        LicenseState.NOT_ACTIVATED, Reason.OTHER_INSTALLATION, license_
    )


def test_what_gives_no_access_anyway_says_so_also_while_the_installation_is_disputed() -> None:
    for day, licenses in (("2027-01-01", [a_license()]), ("2026-05-01", [])):
        assert stand(day, *licenses, is_disputed=True) == stand(day, *licenses)


def test_the_same_instant_is_judged_alike_in_every_zone() -> None:
    license_ = a_license()
    last = at("2027-01-01") - timedelta(microseconds=1)
    imported = [ImportedLicense(license_, at("2026-01-01"))]

    for zone in (UTC, ZoneInfo("Asia/Tokyo"), HERE.zone):
        assert judge(imported, HERE, last.astimezone(zone)).is_granted
        assert not judge(imported, HERE, at("2027-01-01").astimezone(zone)).is_granted
