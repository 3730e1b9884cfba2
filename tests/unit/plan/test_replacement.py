"""What a new licence takes out of force, and which file of a licence is the newer one."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from keycloak_license.model.license import Activation, License, LicenseType
from keycloak_license.model.record import KnownLicense, StoredLicense
from keycloak_license.plan.lifecycle import Installation
from keycloak_license.plan.replacement import find_newer, find_replaced
from tests.unit.plan.samples import NOON, a_license

HERE = Installation("installation-1", "realm-1", ZoneInfo("Europe/Prague"))
OURS = Activation("installation-1", "realm-1")
LATER = date(2026, 6, 1)


def commercial(**changes: object) -> License:
    return a_license(**{"type": LicenseType.COMMERCIAL, "number": "C-1", "activation": OURS, **changes})


def known(license_: License, *, verifies: bool = True) -> KnownLicense:
    file = f"{license_.number} {license_.issue} {license_.activation}"
    stored = StoredLicense(license_.number, license_.issue, file, datetime(2026, 1, 1, tzinfo=UTC))
    return KnownLicense(stored, license_ if verifies else None)


def replaced(new: License, *in_force: KnownLicense, now: datetime = NOON) -> list[str]:
    return [each.number for each in find_replaced(in_force, new, HERE, now)]


def test_what_has_started_replaces_what_has_started() -> None:
    old = known(a_license())

    assert replaced(a_license(number="T-2"), old) == ["T-1"]
    assert replaced(commercial(), old) == ["T-1"]
    assert replaced(commercial(number="C-2"), known(commercial()), old) == ["C-1", "T-1"]


def test_also_when_either_has_expired() -> None:
    over = {"expires_on": date(2026, 4, 1)}

    assert replaced(a_license(number="T-2", **over), known(a_license())) == ["T-1"]
    assert replaced(a_license(number="T-2"), known(a_license(**over))) == ["T-1"]


def test_a_temporary_one_leaves_the_commercial_one_to_fall_back_to() -> None:
    assert replaced(a_license(), known(commercial()), known(a_license(number="T-0"))) == ["T-0"]


def test_what_cannot_be_verified_may_be_the_commercial_one() -> None:
    unread = known(a_license(number="X"), verifies=False)

    assert replaced(a_license(), unread) == []
    assert replaced(commercial(), unread) == ["X"]
    assert replaced(a_license(number="X", issue=2, starts_on=LATER), unread) == []


def test_one_for_later_waits_beside_the_present_one() -> None:
    later = commercial(number="C-2", starts_on=LATER)

    assert replaced(later, known(commercial()), known(a_license())) == []
    assert replaced(commercial(), known(later)) == []
    assert replaced(commercial(number="C-3", starts_on=LATER), known(later)) == []


def test_a_later_file_of_one_that_waits_takes_the_earlier_one_out() -> None:
    waits = known(commercial(number="C-2", starts_on=LATER))

    assert replaced(commercial(number="C-2", issue=2, starts_on=LATER), waits) == ["C-2"]
    assert replaced(commercial(number="C-2", issue=2), waits, known(commercial())) == ["C-2", "C-1"]


def test_one_put_off_until_later_leaves_the_present_one_until_then() -> None:
    assert replaced(commercial(issue=2, starts_on=LATER), known(commercial())) == []


def test_it_starts_where_the_realm_is() -> None:
    later = a_license(number="T-2", starts_on=LATER)
    midnight = datetime(2026, 5, 31, 22, 0, tzinfo=UTC)

    assert replaced(later, known(a_license()), now=midnight - timedelta(microseconds=1)) == []
    assert replaced(later, known(a_license()), now=midnight) == ["T-1"]


def newer(new: License, *there: KnownLicense) -> int | None:
    found = find_newer(there, new, HERE)
    return found.issue if found else None


def test_a_higher_issue_of_the_number_is_newer() -> None:
    assert newer(commercial(issue=2), known(commercial(issue=1)), known(commercial(issue=3))) == 3
    assert newer(commercial(issue=2), known(commercial(issue=2)), known(commercial(issue=1))) is None
    assert newer(commercial(issue=2), known(commercial(number="C-9", issue=3))) is None
    assert newer(commercial(issue=2)) is None


def test_of_several_the_newest_is_told() -> None:
    there = [known(commercial(issue=issue)) for issue in (3, 5, 4)]

    assert newer(commercial(issue=1), *there) == 5


def test_one_that_was_replaced_or_cannot_be_verified_is_known_all_the_same() -> None:
    old = known(commercial(issue=3), verifies=False)
    gone = KnownLicense(replace(old.stored, replaced_at=NOON), old.license)

    assert newer(commercial(issue=2), old) == 3
    assert newer(commercial(issue=2), gone) == 3


@pytest.mark.parametrize(
    ("there", "new", "is_newer"),
    [
        (OURS, None, True),
        (None, OURS, False),
        (None, None, False),
        (OURS, OURS, False),
        (Activation("another", "realm-1"), None, False),
        (Activation("installation-1", "cloned"), None, False),
        (Activation("another", "realm-1"), OURS, False),
        (OURS, Activation("another", "realm-1"), False),
    ],
)
def test_of_one_issue_the_file_that_is_activated_for_this_installation_is_the_newer_one(
    there: Activation | None, new: Activation | None, is_newer: bool
) -> None:
    found = find_newer([known(commercial(activation=there))], commercial(activation=new), HERE)

    assert (found is not None) == is_newer
