"""How the client logs in, renews its token, and what it says when it may not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from keycloak_license.errors import (
    AuthenticationError,
    KeycloakLicenseError,
    RealmNotFoundError,
    UnavailableError,
    UnexpectedAnswerError,
)
from keycloak_license.keycloak_api import wire
from tests.unit.keycloak_api.fake import BASE, SECRET, FakeServer, Reply, connect, html, login, reply

OK = reply({"id": "realm-id", "realm": "acme"})


def unauthorized(code: str, description: str, status: int = 401) -> Reply:
    return reply({"error": code, "error_description": description}, status)


def failed_login(server: FakeServer, *answers: Reply, **access: Any) -> KeycloakLicenseError:
    server.on("POST", "login", *answers)
    server.on("GET", "", reply({}, 401))
    with pytest.raises(KeycloakLicenseError) as caught:
        connect(**access).get("", wire.REALM)
    return caught.value


def test_one_login_with_the_client_secret_serves_all_requests(server: FakeServer) -> None:
    server.on("GET", "", OK)
    client = connect()
    client.get("", wire.REALM)
    client.get("", wire.REALM)

    [form] = server.logins
    assert (form["grant_type"], form["client_secret"]) == ("client_credentials", SECRET)
    assert {ask.token for ask in server.asks} == {"Bearer token-1"}


def test_an_administrator_logs_in_with_his_password(server: FakeServer) -> None:
    server.on("GET", "", OK)
    connect(client_id="admin-cli", client_secret=None, username="root", password="pw").get("", wire.REALM)

    [form] = server.logins
    assert (form["grant_type"], form["username"], form["password"]) == ("password", "root", "pw")


def test_a_401_renews_the_token_once_and_goes_on(server: FakeServer) -> None:
    server.on("GET", "", reply({}, 401), OK)

    assert connect().get("", wire.REALM).id == "realm-id"
    assert [ask.token for ask in server.asks] == ["Bearer token-1", "Bearer token-2"]


def test_a_second_401_is_an_authentication_error_and_is_not_repeated(server: FakeServer) -> None:
    server.on("GET", "", reply({}, 401))

    with pytest.raises(AuthenticationError, match="no longer accepts the token of client keycloak-license"):
        connect().get("", wire.REALM)
    assert (len(server.asks), len(server.logins)) == (2, 2)


def test_a_token_about_to_expire_is_renewed_before_the_request(server: FakeServer) -> None:
    server.on("POST", "login", login(1, expires_in=0), login(2))
    server.on("GET", "", OK)
    client = connect()
    client.get("", wire.REALM)
    client.get("", wire.REALM)

    assert [ask.token for ask in server.asks] == ["Bearer token-1", "Bearer token-2"]


def test_the_time_of_the_last_token_is_keycloaks_clock(server: FakeServer) -> None:
    server.on("POST", "login", login(1, expires_in=0, iat=1_795_000_000), login(2, iat=1_795_000_060))
    server.on("GET", "", OK)
    client = connect()
    assert client.server_time is None
    client.get("", wire.REALM)
    assert client.server_time == datetime.fromtimestamp(1_795_000_000, UTC)
    client.get("", wire.REALM)
    assert client.server_time == datetime.fromtimestamp(1_795_000_060, UTC)


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "e30.e30.e30", "e30.W10.x", "e30.IiI.x", "..", "é.é.é"])
def test_a_token_that_tells_no_time_is_good_all_the_same(server: FakeServer, token: str) -> None:
    server.on("POST", "login", reply({"access_token": token, "expires_in": 300}))
    server.on("GET", "", OK)
    client = connect()

    assert client.get("", wire.REALM).id == "realm-id"
    assert client.server_time is None


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_login_is_an_authentication_error_and_is_not_repeated(
    server: FakeServer, status: int
) -> None:
    error = failed_login(server, unauthorized("invalid_client", "no", status))

    assert isinstance(error, AuthenticationError)
    assert f"Keycloak at {BASE} refused the login of client keycloak-license in realm acme" in str(error)
    assert error.exit_status == 2
    assert len(server.logins) == 1


def test_a_wrong_secret_says_check_the_secret(server: FakeServer) -> None:
    error = failed_login(
        server, unauthorized("unauthorized_client", "Invalid client or Invalid client credentials")
    )
    assert "check keycloak.client_secret" in str(error)


def test_a_wrong_password_says_check_the_password(server: FakeServer) -> None:
    error = failed_login(
        server,
        unauthorized("invalid_grant", "Invalid user credentials"),
        username="root",
        password="wrong-pw",
        client_secret=None,
    )
    assert "refused the login of user root" in str(error)
    assert str(error).endswith("check password")


@pytest.mark.parametrize("status", [400, 401])
def test_a_client_without_service_account_says_so_and_does_not_blame_the_secret(
    server: FakeServer, status: int
) -> None:
    error = failed_login(
        server,
        unauthorized("unauthorized_client", "Client not enabled to retrieve service account", status),
    )
    assert isinstance(error, AuthenticationError)
    assert "service account" in str(error)
    assert "client_secret" not in str(error)


def test_an_unknown_or_disabled_client_is_named_with_what_makes_it(server: FakeServer) -> None:
    # Keycloak 26.7: invalid_client for a client that is unknown or disabled, unauthorized_client for a
    # wrong secret; both with the same description.
    error = failed_login(
        server, unauthorized("invalid_client", "Invalid client or Invalid client credentials")
    )
    assert "keycloak.client_id" in str(error) or "keycloak-license init" in str(error)


def test_a_missing_realm_is_named(server: FakeServer) -> None:
    error = failed_login(server, reply({"error": "Realm does not exist"}, 404))

    assert isinstance(error, RealmNotFoundError)
    assert f"Keycloak at {BASE} has no realm acme" in str(error)


def test_a_login_answered_503_is_tried_again(server: FakeServer) -> None:
    server.on("POST", "login", reply({}, 503), reply({}, 503), login(1))
    server.on("GET", "", OK)

    assert connect().get("", wire.REALM).id == "realm-id"


def test_a_login_that_stays_at_503_is_unavailable(server: FakeServer) -> None:
    error = failed_login(server, reply({}, 503))

    assert isinstance(error, UnavailableError)
    assert "answered the login with status 503" in str(error)
    assert len(server.logins) == 4


@pytest.mark.parametrize(
    "answer",
    [
        html(),
        reply({}),
        reply({"access_token": "x"}),
        reply({"access_token": None, "expires_in": 300}),
        reply({"expires_in": 300}),
        reply({"access_token": "x", "expires_in": "soon"}),
        reply(["access_token"]),
        reply("access_token"),
        reply(),
        reply(status=204),
        (200, {"Content-Type": "application/json"}, '{"access_token": "x'),
    ],
    ids=range(11),
)
def test_a_login_answered_without_a_token_says_that_it_is_not_keycloak(
    server: FakeServer, answer: Reply
) -> None:
    error = failed_login(server, answer)

    assert isinstance(error, UnexpectedAnswerError)
    assert f"What answers at {BASE} is not Keycloak" in str(error)


def test_an_empty_password_is_refused_before_anything_is_sent(server: FakeServer) -> None:
    server.on("GET", "", reply({}, 401))

    with pytest.raises(AuthenticationError, match="password"):
        connect(username="root", password="", client_secret=None).get("", wire.REALM)


@pytest.mark.parametrize(
    "refusal",
    [
        unauthorized("invalid_grant", "Invalid refresh token", 400),
        unauthorized("invalid_grant", "Token is not active", 400),
        unauthorized("invalid_client", "no", 401),
        reply({}),
    ],
    ids=["invalid", "not active", "401", "no token in it"],
)
def test_a_refused_refresh_token_ends_in_a_new_login(server: FakeServer, refusal: Reply) -> None:
    server.on(
        "POST",
        "login",
        lambda ask: refusal if "refresh_token" in ask.body else login(expires_in=0, refresh_token="r"),
    )
    server.on("GET", "", OK)
    client = connect(username="root", password="pw", client_secret=None)
    client.get("", wire.REALM)

    assert client.get("", wire.REALM).id == "realm-id"


def test_a_renewal_by_refresh_token_is_counted_and_tells_the_time(server: FakeServer) -> None:
    server.on(
        "POST",
        "login",
        login(1, expires_in=0, refresh_token="r", iat=1_795_000_000),
        login(2, refresh_token="r", iat=1_795_000_060),
    )
    server.on("GET", "", OK)
    client = connect(username="root", password="pw", client_secret=None)
    client.get("", wire.REALM)
    client.get("", wire.REALM)

    assert client.requests_made == len(server.asks) + len(server.logins)
    assert client.server_time == datetime.fromtimestamp(1_795_000_060, UTC)
