import pytest

from keycloak_license.errors import ConfigurationError, MissingRightError
from keycloak_license.model.check import Check, try_out


def test_a_probe_that_passes_tells_what_it_found() -> None:
    check = try_out("keycloak", lambda: "version 26")

    assert check == Check("keycloak", "version 26")
    assert check.is_ok


@pytest.mark.parametrize(("error", "status"), [(ConfigurationError, 2), (MissingRightError, 3)])
def test_a_probe_that_fails_tells_why_and_with_which_status(
    error: type[ConfigurationError] | type[MissingRightError], status: int
) -> None:
    def fail() -> str:
        raise error("view-users is missing: grant it")

    check = try_out("rights", fail)

    assert check == Check("rights", "view-users is missing: grant it", status)
    assert not check.is_ok


def test_a_fault_of_ours_is_not_hidden() -> None:
    def fail() -> str:
        raise KeyError("oops")

    with pytest.raises(KeyError):
        try_out("rights", fail)
