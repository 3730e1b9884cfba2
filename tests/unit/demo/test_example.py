"""The example realm, as far as it can be judged without a server; `tests.e2e` has the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.demo.example import EXAMPLE_ADMIN, MINIMUM_USERS, example_realm
from keycloak_license.errors import ConfigurationError


@given(st.integers(MINIMUM_USERS, MINIMUM_USERS + 300))
def test_it_has_exactly_the_users_asked_for_each_under_a_name_of_his_own(users: int) -> None:
    usernames = [user["username"] for user in example_realm("example", users)["users"]]

    assert len(set(usernames)) == len(usernames) == users


def test_only_who_manages_licences_can_log_in_and_only_with_the_password_given() -> None:
    can_log_in = {
        user["username"]: user["credentials"]
        for user in example_realm("example", MINIMUM_USERS, "pw")["users"]
        if "credentials" in user
    }

    assert can_log_in == {EXAMPLE_ADMIN: [{"type": "password", "value": "pw"}]}
    assert not any("credentials" in user for user in example_realm("example", MINIMUM_USERS)["users"])


@pytest.mark.parametrize("users", [MINIMUM_USERS - 1, 0, -5])
def test_too_few_users_for_the_example_are_refused(users: int) -> None:
    with pytest.raises(ConfigurationError, match=f"at least {MINIMUM_USERS} users, not {users}"):
        example_realm("example", users)
