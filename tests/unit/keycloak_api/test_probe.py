"""Each line of `doctor` about Keycloak."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from keycloak_license.keycloak_api.probe import MAX_SKEW_SECONDS, probe
from keycloak_license.model.check import Check
from keycloak_license.model.enforcement import Enforcement, EnforcementTerms
from tests.unit.keycloak_api.fake import FakeServer, connect, html, login, no_realm, reply
from tests.unit.keycloak_api.small_realm import SmallRealm, user

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ALL = [
    "keycloak",
    "right view-realm",
    "right view-users",
    "right view-clients",
    "right view-events",
    "right manage-realm",
    "admin events",
    "federation",
    "clock",
]
LDAP = {"id": "p", "name": "corp", "providerId": "ldap", "config": {"connectionUrl": ["ldap://x"]}}


@pytest.fixture
def good(server: FakeServer) -> FakeServer:
    """A server where everything is well."""
    server.on("GET", "/serverinfo", reply({"systemInfo": {"version": "26.7.3"}}))
    server.on_list("roles", [{"id": "r"}])
    server.on_list("users", [user("ann")])
    server.on("GET", "users/user-ann", reply(user("ann")))
    server.on_list("clients", [{"id": "c", "clientId": "keycloak-license", "serviceAccountsEnabled": True}])
    server.on("GET", "clients/c/service-account-user", reply(user("service-account-keycloak-license")))
    server.on("GET", "users/user-service-account-keycloak-license", reply(user("x")))
    server.on_list("admin-events", [])
    server.on_list("components", [])
    server.on("GET", "", reply(SmallRealm(roles={}).representation()))
    server.on(
        "POST",
        "testLDAPConnection",
        lambda ask: reply(status=204) if ask.body.get("connectionUrl") else reply({}, 400),
    )
    server.on("POST", "partial-export", reply(SmallRealm(roles={}).export()))
    server.on("POST", "login", login(iat=NOW.timestamp()))
    return server


def checks(mode: Enforcement = Enforcement.OBSERVE, **access: Any) -> dict[str, Check]:
    return {check.name: check for check in probe(connect(**access), EnforcementTerms(mode), NOW, 5)}


def failing(**access: Any) -> dict[str, str]:
    return {name: check.detail for name, check in checks(**access).items() if not check.is_ok}


def test_all_is_well_line_by_line(good: FakeServer) -> None:
    found = checks()

    assert list(found) == ALL
    assert [check for check in found.values() if not check.is_ok] == []
    assert found["keycloak"].detail == f"Keycloak 26.7.3 answers at {good.base}"
    assert found["federation"].detail == "no user storage providers"
    assert found["right view-users"].detail == "client keycloak-license may read users of realm acme"


def test_nothing_is_changed(good: FakeServer) -> None:
    checks()

    assert set(good.writes()) <= {"POST testLDAPConnection", "POST partial-export"}


def test_a_version_that_is_not_shown_is_no_trouble(good: FakeServer) -> None:
    good.on("GET", "/serverinfo", reply({}))

    assert "version not shown" in checks()["keycloak"].detail


@pytest.mark.parametrize(
    "trouble", [requests.ConnectionError("refused"), html(), reply({}, 503)], ids=["down", "html", "503"]
)
def test_a_keycloak_that_cannot_be_reached_is_the_only_line(
    good: FakeServer, trouble: Exception | tuple[int, dict[str, str], str]
) -> None:
    good.on("GET", "/serverinfo", trouble)

    [check] = checks().values()
    assert (check.name, check.exit_status) == ("keycloak", 3)


def test_a_refused_login_is_the_only_line_and_a_matter_of_configuration(good: FakeServer) -> None:
    good.on("POST", "login", reply({"error": "invalid_client"}, 401))

    [check] = checks().values()
    assert (check.name, check.exit_status) == ("keycloak", 2)


@pytest.mark.parametrize(
    ("right", "path"),
    [
        ("view-realm", "roles"),
        ("view-users", "users"),
        ("view-clients", "clients"),
        ("view-events", "admin-events"),
    ],
)
def test_a_missing_right_is_named_and_the_other_checks_go_on(good: FakeServer, right: str, path: str) -> None:
    good.on("GET", path, reply({}, 403))
    found = checks()

    assert list(found) == ALL
    assert found[f"right {right}"].exit_status == 3
    assert f"the role {right} of client realm-management" in found[f"right {right}"].detail


def test_the_right_to_manage_is_missing_when_the_test_is_refused(good: FakeServer) -> None:
    for path in ("testLDAPConnection", "partial-export"):
        good.on("POST", path, reply({}, 403))

    assert list(failing()) == ["right manage-realm"]


def test_a_login_page_in_the_place_of_the_test_does_not_prove_the_right_to_manage(good: FakeServer) -> None:
    for path in ("testLDAPConnection", "partial-export"):
        good.on("POST", path, html())

    assert "right manage-realm" in failing()


@pytest.mark.parametrize("path", ["users", "clients"])
def test_an_empty_list_does_not_prove_the_right_to_read_it(good: FakeServer, path: str) -> None:
    # Measured on 26.7.3: with query-users (query-clients) alone Keycloak answers 200 and [], and 403 for
    # each single user (client).
    good.on_list(path, [])
    for single in ("users/user-ann", "users/user-service-account-keycloak-license", "clients/c"):
        good.on("GET", single, reply({}, 403))
    if path == "clients":
        good.on("GET", "clients/c/service-account-user", reply({}, 403))

    assert f"right view-{path}" in failing()


def test_a_provider_that_answers_is_told(good: FakeServer) -> None:
    good.on_list("components", [LDAP])

    assert checks()["federation"].detail == "1 user storage providers, all answering"


def test_a_silent_provider_is_told_with_what_follows(good: FakeServer) -> None:
    good.on_list("components", [LDAP | {"config": {"enabled": ["false"]}}])

    [detail] = failing().values()
    assert detail == (
        "User storage provider corp is disabled: as long as that is so, its own users do not lose a seat"
    )


def test_of_several_the_one_that_keeps_everybody_from_losing_a_seat_is_told(good: FakeServer) -> None:
    good.on_list("components", [LDAP | {"id": "off", "config": {"enabled": ["false"]}}, LDAP])
    good.on("POST", "testLDAPConnection", reply({}, 400))

    assert failing()["federation"] == (
        "User storage provider corp does not answer, or refuses Keycloak's login: as long as that is so, "
        "nobody loses a seat"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(MAX_SKEW_SECONDS + 1, "61 seconds ahead of"), (-MAX_SKEW_SECONDS - 1, "61 seconds behind")],
)
def test_clocks_that_differ_are_told(good: FakeServer, seconds: int, words: str) -> None:
    good.on("POST", "login", login(iat=(NOW - timedelta(seconds=seconds)).timestamp()))

    [detail] = failing().values()
    assert f"The clock here is {words} Keycloak's" in detail


@pytest.mark.parametrize("seconds", [MAX_SKEW_SECONDS, -MAX_SKEW_SECONDS])
def test_a_small_difference_is_no_trouble(good: FakeServer, seconds: int) -> None:
    good.on("POST", "login", login(iat=(NOW - timedelta(seconds=seconds)).timestamp()))

    assert failing() == {}


def test_a_keycloak_that_does_not_tell_its_time_is_no_trouble(good: FakeServer) -> None:
    good.on("POST", "login", login())

    assert checks()["clock"].is_ok


def test_checks_that_take_longer_than_a_token_lives_do_not_put_the_clock_wrong(good: FakeServer) -> None:
    # `now` is the time at the start; the token of the last check was made a minute later.
    good.on(
        "POST",
        "login",
        login(expires_in=0, iat=NOW.timestamp()),
        login(iat=(NOW + timedelta(seconds=60)).timestamp()),
    )

    assert failing() == {}


def test_a_realm_that_does_not_exist_is_told_as_such(good: FakeServer) -> None:
    for path in ("", "roles", "users", "clients", "admin-events", "components"):
        good.on("GET", path, no_realm())
    for path in ("testLDAPConnection", "partial-export"):
        good.on("POST", path, no_realm())

    found = failing(auth_realm="master")
    assert any("has no realm acme" in detail for detail in found.values())
    assert "right manage-realm" in found or list(found) == ["right view-realm"]


@pytest.mark.parametrize(
    ("mode", "rights"),
    [
        (Enforcement.OBSERVE, []),
        (Enforcement.DISABLE, ["manage-users"]),
        (Enforcement.GATE, ["manage-clients", "manage-identity-providers", "manage-users"]),
    ],
)
def test_what_a_mode_may_write_is_tried_on_what_is_not_there(
    good: FakeServer, mode: Enforcement, rights: list[str]
) -> None:
    paths = ("sessions/none", "clients/c/roles/none", "identity-provider/instances/none")
    for path in paths:
        good.on("DELETE", path, reply({"error": "not found"}, 404))
    assert all(check.is_ok for check in checks(mode).values())
    assert [name for name in checks(mode) if name not in ALL] == [f"right {right}" for right in rights]

    for path in paths:
        good.on("DELETE", path, reply({"error": "HTTP 403 Forbidden"}, 403))
    refused = {name: check for name, check in checks(mode).items() if not check.is_ok}
    assert refused.keys() == {f"right {right}" for right in rights}
    assert all(f"the role {name.removeprefix('right ')}" in check.detail for name, check in refused.items())
