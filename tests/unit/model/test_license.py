from datetime import date

from keycloak_license.model.license import (
    GRANTING_REASONS,
    License,
    LicenseState,
    LicenseType,
    Reason,
    Standing,
)


def test_exactly_three_reasons_grant_access() -> None:
    assert {reason.value for reason in GRANTING_REASONS} == {"active", "temporary", "grace"}
    for reason in Reason:
        standing = Standing(LicenseState.OK, reason)
        assert standing.is_granted == (reason in GRANTING_REASONS)
        assert standing.access == ("granted" if standing.is_granted else "blocked")


def test_the_words_are_those_of_the_contract() -> None:
    assert {state.value for state in LicenseState} == {"OK", "NOT_ACTIVATED", "EXPIRED", "NONE"}
    assert {reason.value for reason in Reason} == {
        "active",
        "temporary",
        "grace",
        "grace_over",
        "expired",
        "no_license",
        "other_installation",
        "not_started",
    }


def test_a_licence_does_not_show_its_file() -> None:
    day = date(2026, 1, 1)
    secret = License("1", 1, LicenseType.TEMPORARY, "ACME", day, day, day, {}, file="eyJhbGciOi")

    assert "eyJ" not in repr(secret)
