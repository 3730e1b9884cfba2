"""Neither a secret nor a person's data comes out by an error, a log line or a `repr`."""

import logging
import traceback

import pytest
import requests
import structlog

from keycloak_license.errors import KeycloakLicenseError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.answers import Access, Call
from keycloak_license.keycloak_api.realm import KeycloakRealm
from tests.unit.keycloak_api.fake import BASE, REALM, SECRET, Answer, FakeServer, connect, html, login, reply
from tests.unit.keycloak_api.small_realm import user

PASSWORD = "pass-word-9Zk"
SECRETS = (SECRET, PASSWORD, "token-1", "token-2", "refresh-3Lm")
TROUBLES: list[Answer] = [
    reply({}, 401),
    reply({}, 403),
    reply({}, 404),
    reply({}, 500),
    html(),
    reply({"message": f"{SECRET} token-1"}, 400),
    reply({"id": 7, "secret": SECRET}),
    (200, {"Content-Type": "application/json"}, f'{{"secret": "{SECRET}'),
    requests.ConnectionError(f"password={PASSWORD} token-1"),
    requests.exceptions.ReadTimeout(SECRET),
]


@pytest.mark.parametrize("where", ["login", "realm"])
@pytest.mark.parametrize("trouble", TROUBLES, ids=range(len(TROUBLES)))
def test_no_secret_in_an_error_or_a_log_line(
    server: FakeServer, caplog: pytest.LogCaptureFixture, where: str, trouble: Answer
) -> None:
    caplog.set_level(logging.DEBUG)
    server.on("POST", "login", *([trouble] if where == "login" else [login(refresh_token="refresh-3Lm")]))
    server.on("GET", "", trouble)
    with structlog.testing.capture_logs() as lines, pytest.raises(KeycloakLicenseError) as caught:
        connect(username="root", password=PASSWORD).get("", wire.REALM)

    told = f"{caught.value} {caught.value!r} {lines} {caplog.text}"
    assert [secret for secret in SECRETS if secret in told] == []


@pytest.mark.parametrize("trouble", TROUBLES[6:8], ids=["shape", "cut"])
def test_no_secret_in_the_traceback_that_verbose_shows(server: FakeServer, trouble: Answer) -> None:
    # A list of clients carries every client secret of the realm.
    server.on("GET", "", trouble)
    with pytest.raises(KeycloakLicenseError) as caught:
        connect(attempts=1).get("", wire.REALM)

    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_no_secret_in_the_repr_of_what_travels_with_every_call() -> None:
    access = Access(BASE, REALM, "keycloak-license", SECRET, "root", PASSWORD)

    for shown in (repr(access), repr(Call(access, REALM, "get", ""))):
        assert SECRET not in shown
        assert PASSWORD not in shown


def test_a_client_secret_is_not_in_the_repr_of_a_client() -> None:
    owned = wire.OwnedClientRepresentation(id="x", client_id="y", secret=SECRET)

    assert SECRET not in repr(owned)


def test_a_persons_name_is_in_no_error_and_no_log_line(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.on_list("users", [])
    server.on("GET", "users/ann.smith%40example.com", reply({}, 503))
    with structlog.testing.capture_logs() as lines, pytest.raises(KeycloakLicenseError) as caught:
        KeycloakRealm(connect()).find_user("ann.smith@example.com")

    assert "ann.smith" not in f"{caught.value} {lines} {caplog.text}"


def test_a_user_of_another_shape_is_not_shown(server: FakeServer) -> None:
    server.on("GET", "users", reply([user("ann", email="ann@example.com", enabled="perhaps")]))
    with pytest.raises(KeycloakLicenseError) as caught:
        connect(attempts=1).get("users", wire.USERS)

    assert "ann@example.com" not in "".join(traceback.format_exception(caught.value))
