"""Which licence is in force, and what is said of each of the others."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from keycloak_license.model.license import Activation, License, LicenseState, LicenseType, NotInForce, Reason
from keycloak_license.model.record import KnownLicense, StoredLicense
from keycloak_license.model.report import ListedLicense
from keycloak_license.plan.in_force import list_licenses
from keycloak_license.plan.lifecycle import Installation
from tests.unit.plan.samples import NOON, a_license

PRAGUE = ZoneInfo("Europe/Prague")
HERE = Installation("installation-1", "realm-1", PRAGUE)
OURS = Activation("installation-1", "realm-1")
JANUARY = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
MARCH = datetime(2026, 3, 5, 8, 0, tzinfo=UTC)


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=PRAGUE)


def commercial(**changes: object) -> License:
    return a_license(**{"type": LicenseType.COMMERCIAL, "number": "C-1", "activation": OURS, **changes})


def known(
    license_: License, imported_at: datetime = JANUARY, replaced_at: datetime | None = None
) -> KnownLicense:
    file = f"{license_.number} {license_.issue} {license_.activation} {imported_at}"
    stored = StoredLicense(license_.number, license_.issue, file, imported_at, replaced_at)
    return KnownLicense(stored, replace(license_, file=file))


def listed(*there: KnownLicense, now: datetime = NOON, **installation: object) -> list[ListedLicense]:
    return list(list_licenses(there, replace(HERE, **installation), now))  # type: ignore[arg-type]


def told(*there: KnownLicense, now: datetime = NOON) -> list[tuple[bool, str, str]]:
    return [(each.is_in_force, each.reason.value, each.explanation) for each in listed(*there, now=now)]


def test_without_licences_the_list_is_empty() -> None:
    assert listed() == []


@pytest.mark.parametrize(
    ("license_", "state", "reason", "explanation"),
    [
        (a_license(), "OK", "temporary", "temporary, needs no activation"),
        (commercial(), "OK", "active", "activated for this installation"),
        (
            commercial(activation=None, issued_on=date(2026, 4, 20)),
            "NOT_ACTIVATED",
            "grace",
            "not activated yet: send its activation key to the vendor",
        ),
    ],
)
def test_the_one_in_force_says_why_it_is(
    license_: License, state: str, reason: str, explanation: str
) -> None:
    there = known(license_)
    (one,) = listed(there)

    assert (one.stored, one.license) == (there.stored, there.license)
    assert one.is_in_force
    assert (one.state.value, one.reason.value, one.explanation) == (state, reason, explanation)


@pytest.mark.parametrize(
    ("license_", "reason", "explanation"),
    [
        (a_license(expires_on=date(2026, 4, 30)), "expired", "its last day is over"),
        (commercial(expires_on=date(2026, 4, 30)), "expired", "its last day is over"),
        (
            commercial(activation=None),
            "grace_over",
            "not activated within the grace period: send its activation key to the vendor",
        ),
        (
            commercial(activation=Activation("x", "y")),
            "other_installation",
            "this is another installation: see keycloak-license doctor",
        ),
        (
            commercial(starts_on=date(2026, 6, 1)),
            "not_started",
            "waits for its start at 2026-06-01 00:00:00+02:00",
        ),
    ],
)
def test_one_that_gives_no_access_says_why_alone_and_under_another(
    license_: License, reason: str, explanation: str
) -> None:
    assert told(known(license_)) == [(False, reason, explanation)]
    beside = known(a_license(number="T-9"), MARCH)
    assert told(known(license_), beside)[0] == (False, reason, explanation)


def test_its_end_is_that_of_itself() -> None:
    ends = [
        each.ends_at
        for each in listed(
            known(commercial()),
            known(a_license(expires_on=date(2026, 5, 31)), MARCH),
            known(commercial(number="C-2", activation=None, issued_on=date(2026, 4, 20)), MARCH),
            known(commercial(number="C-3", starts_on=date(2026, 6, 1), expires_on=date(2027, 5, 31)), MARCH),
            known(commercial(number="C-4", activation=Activation("x", "y")), MARCH),
        )
    ]

    assert ends == [
        at(date(2027, 1, 1)), at(date(2026, 6, 1)), at(date(2026, 5, 20)), at(date(2027, 6, 1)), None
    ]  # fmt: skip


def test_a_replaced_one_names_who_replaced_it_and_when() -> None:
    assert told(
        known(a_license(), JANUARY, replaced_at=MARCH),
        known(a_license(number="T-2", issue=7), MARCH),
    ) == [
        (False, "replaced", "replaced by licence T-2, issue 7, at 2026-03-05 09:00:00+01:00"),
        (True, "temporary", "temporary, needs no activation"),
    ]


def test_a_chain_of_replacements_names_the_next_each_time() -> None:
    april = MARCH + timedelta(days=30)
    words = [
        explanation
        for _, _, explanation in told(
            known(a_license(issue=1), JANUARY, replaced_at=MARCH),
            known(a_license(issue=2), MARCH, replaced_at=april),
            known(a_license(issue=3), april),
        )
    ]

    assert [each[:33] for each in words[:2]] == [
        "replaced by licence T-1, issue 2,",
        "replaced by licence T-1, issue 3,",
    ]


def test_one_imported_while_time_stood_still_is_not_replaced_by_itself() -> None:
    # A clock that was set back leaves time where it had got to.
    words = told(
        known(a_license(), JANUARY, replaced_at=JANUARY),
        known(a_license(number="T-2"), JANUARY, replaced_at=JANUARY),
        known(a_license(number="T-3"), JANUARY),
    )

    assert "replaced by licence T-2" in words[0][2]
    assert "replaced by licence T-3" in words[1][2]


def test_the_same_file_imported_again_is_in_force_once() -> None:
    first = known(a_license())
    again = KnownLicense(replace(first.stored, imported_at=MARCH), first.license)
    gone = KnownLicense(replace(first.stored, replaced_at=MARCH), first.license)

    assert [each.is_in_force for each in listed(gone, again)] == [False, True]


def test_a_temporary_one_overlays_the_commercial_one_until_it_ends() -> None:
    there = known(commercial()), known(a_license(expires_on=date(2026, 5, 31)), MARCH)

    assert told(*there) == [
        (False, "overlaid", "licence T-1 is temporary and comes first; counts again when that one ends"),
        (True, "temporary", "temporary, needs no activation"),
    ]
    assert told(*there, now=at(date(2026, 6, 1))) == [
        (True, "active", "activated for this installation"),
        (False, "expired", "its last day is over"),
    ]


def test_one_that_began_later_has_taken_over() -> None:
    there = known(commercial()), known(commercial(number="C-2", starts_on=date(2026, 4, 1)), MARCH)

    assert told(*there) == [
        (False, "superseded", "licence C-2, which began later, has taken over"),
        (True, "active", "activated for this installation"),
    ]


def test_under_a_temporary_one_only_the_one_that_is_fallen_back_to_counts_again() -> None:
    there = (
        known(commercial()),
        known(commercial(number="C-2", starts_on=date(2026, 4, 1)), MARCH),
        known(a_license(), MARCH),
    )

    assert [(reason, words[:11]) for _, reason, words in told(*there)] == [
        ("superseded", "licence C-2"),
        ("overlaid", "licence T-1"),
        ("temporary", "temporary, "),
    ]


def test_a_renewal_that_was_not_activated_in_time_has_not_taken_over() -> None:
    there = (
        known(commercial()),
        known(commercial(number="C-2", starts_on=date(2026, 4, 1), activation=None), MARCH),
    )

    assert [(is_in_force, reason) for is_in_force, reason, _ in told(*there)] == [
        (True, "active"),
        (False, "grace_over"),
    ]


def test_one_whose_signature_does_not_hold_says_nothing_of_itself() -> None:
    there = KnownLicense(known(a_license()).stored, None)
    (one,) = listed(there)

    assert one == ListedLicense(
        stored=there.stored,
        license=None,
        state=LicenseState.NONE,
        reason=NotInForce.NOT_VERIFIED,
        explanation="its signature does not hold here any more: see the trusted keys",
    )


def test_one_that_was_replaced_and_cannot_be_verified_was_replaced() -> None:
    old = known(a_license(), JANUARY, replaced_at=MARCH)
    (one, _) = listed(KnownLicense(old.stored, None), known(a_license(number="T-2"), MARCH))

    assert one.reason is NotInForce.REPLACED
    assert "T-2" in one.explanation


def test_a_clock_before_the_issue_changes_nothing_of_the_list() -> None:
    there = known(a_license(issued_on=date(2026, 4, 1), starts_on=date(2026, 4, 1))), known(commercial())

    early = listed(*there, now=datetime(2020, 1, 1, tzinfo=UTC))
    assert early == listed(*there, now=at(date(2026, 4, 1)))
    assert early[0].is_in_force


def test_a_clock_before_the_issue_of_one_kind_is_wrong_for_the_other_too() -> None:
    april = date(2026, 4, 1)
    there = (
        known(a_license()),
        known(a_license(number="T-2", issued_on=date(2026, 2, 1), starts_on=april), MARCH),
        known(commercial(issued_on=april, starts_on=april), MARCH),
    )

    assert [reason for _, reason, _ in told(*there, now=datetime(2020, 1, 1, tzinfo=UTC))] == [
        "superseded",
        "temporary",
        "overlaid",
    ]


@pytest.mark.parametrize("license_", [a_license(), commercial(), commercial(activation=None)])
def test_while_the_installation_is_disputed_none_is_in_force(license_: License) -> None:
    (one,) = listed(known(license_), now=JANUARY, is_disputed=True)

    assert not one.is_in_force
    assert (one.state, one.reason) == (LicenseState.NOT_ACTIVATED, Reason.OTHER_INSTALLATION)
    assert "another installation" in one.explanation
    assert "doctor" in one.explanation
