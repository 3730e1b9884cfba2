"""Names asked for by id: one user who cannot be read takes nobody else's name away."""

import pytest
import requests

from keycloak_license.errors import RequestTimeoutError, UnreachableError
from keycloak_license.keycloak_api.realm import KeycloakRealm
from tests.unit.keycloak_api.fake import Answer, FakeServer, connect, cut_while_reading, html, reply
from tests.unit.keycloak_api.small_realm import user


@pytest.fixture
def realm(server: FakeServer) -> FakeServer:
    """A realm with Ann and Bob, and without Cyril."""
    for name in ("ann", "bob"):
        server.on("GET", f"users/user-{name}", reply(user(name)))
    server.on("GET", "users/user-cyril", reply({"error": "User not found"}, 404))
    return server


@pytest.mark.parametrize(
    "answer",
    [
        reply({"error": "unknown_error"}, 500),
        reply({"error": "no"}, 403),
        reply({"error": "no"}, 400),
        html(),
    ],
    ids=["5xx", "403", "4xx", "a page"],
)
def test_who_cannot_be_read_may_be_there_and_the_others_are_named(realm: FakeServer, answer: Answer) -> None:
    realm.on("GET", "users/user-ann", answer)
    names = KeycloakRealm(connect()).read_usernames(["user-ann", "user-bob", "user-cyril"])
    assert names == {"user-ann": None, "user-bob": "bob"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (cut_while_reading(), UnreachableError),
        (requests.exceptions.ReadTimeout("read timed out"), RequestTimeoutError),
    ],
    ids=["cut", "too slow"],
)
def test_nobody_else_is_asked_for_once_keycloak_is_silent(
    realm: FakeServer, answer: Answer, error: type[UnreachableError]
) -> None:
    realm.on("GET", "users/user-ann", answer)
    with pytest.raises(error):
        KeycloakRealm(connect()).read_usernames(["user-ann", "user-bob"])
    assert realm.asked("users/user-bob") == []
