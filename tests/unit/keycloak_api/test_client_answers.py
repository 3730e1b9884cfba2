"""What an answer must look like, where it is asked for, and what a failing status means."""

import json
from pathlib import Path

import pytest
import requests
from pydantic import TypeAdapter

from keycloak_license.errors import (
    KeycloakLicenseError,
    MissingRightError,
    NotThereError,
    RealmNotFoundError,
    UnavailableError,
    UnexpectedAnswerError,
)
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.client import KeycloakClient
from tests.unit.keycloak_api.fake import BASE, FakeServer, Reply, connect, html, reply
from tests.unit.keycloak_api.small_realm import user

JSON = {"Content-Type": "application/json"}


def send(client: KeycloakClient, method: str, path: str) -> None:
    match method:
        case "get":
            client.get(path, wire.ANYTHING)
        case "put":
            client.put(path, {})
        case "create":
            client.create(path, {})
        case "check":
            client.check(path, {})
        case _:
            client.delete(path)


def redirect(to: str, status: int = 302) -> Reply:
    return status, {"Location": to}, ""


@pytest.mark.parametrize(
    "answer",
    [
        html(),
        (200, {"Content-Type": "text/plain"}, "[]"),
        (200, {}, "[]"),
        reply(status=204),
    ],
    ids=["HTML", "plain text", "no type", "no content"],
)
def test_an_answer_that_is_not_json_is_not_keycloaks(server: FakeServer, answer: Reply) -> None:
    server.on("GET", "roles", answer)

    with pytest.raises(UnexpectedAnswerError) as caught:
        connect().get("roles", wire.ROLES)
    assert f"What answers at {BASE} is not Keycloak's Admin API" in str(caught.value)
    assert "GET /admin/realms/acme/roles" in str(caught.value)
    assert "proxy" in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        (wire.USERS, [user("ann"), {"username": "bob", "enabled": True}]),
        (wire.USERS, {"users": []}),
        (wire.USERS, {}),
        (wire.USERS, None),
        (wire.USERS, [None]),
        (wire.USERS, ["user-ann"]),
        (wire.USERS, [user("ann", id=7)]),
        (wire.USERS, [user("ann", id=None)]),
        (wire.USERS, [{"id": "x", "username": "ann"}]),
        (wire.USERS, [user("ann", enabled=None)]),
        (wire.CLIENTS, [{"id": "x"}]),
        (wire.ROLES, [{"id": "x", "containerId": "c"}]),
        (wire.GROUPS, [{"id": "x"}]),
        (wire.REALM, []),
        (wire.REALM, {"realm": "acme"}),
        (wire.COUNT, {"count": "many"}),
        (wire.COUNT, 3),
        (wire.EXPORT, {"id": "r", "realm": "acme", "roles": {}}),
        (wire.EXPORT, {"id": "r", "realm": "acme", "clients": []}),
        (wire.COMPONENTS, [{"name": "corp"}]),
    ],
)
def test_json_of_another_shape_is_an_unexpected_answer_never_an_empty_one(
    server: FakeServer, shape: TypeAdapter[object], body: object
) -> None:
    server.on("GET", "roles", (200, JSON, json.dumps(body)))

    with pytest.raises(UnexpectedAnswerError, match=r"GET /admin/realms/acme/roles with JSON that is cut"):
        connect().get("roles", shape)


@pytest.mark.parametrize("body", ["", "[", '[{"id": "x", "usern', "[] []", "nul"])
def test_cut_json_is_an_unexpected_answer(server: FakeServer, body: str) -> None:
    server.on("GET", "roles", (200, JSON, body))

    with pytest.raises(UnexpectedAnswerError, match="cut or of another shape"):
        connect().get("roles", wire.ROLES)
    assert len(server.asks) == 4


def test_fields_of_other_versions_are_ignored(server: FakeServer) -> None:
    server.on("GET", "users/x", reply(user("ann", somethingNew={"a": 1})))

    assert connect().get("users/x", wire.USER).username == "ann"


def test_a_read_redirected_to_a_login_page_is_not_an_answer(server: FakeServer) -> None:
    server.on("GET", "roles", redirect(f"{BASE}/sso/login"))
    server.on("GET", "sso/login", html())

    with pytest.raises(UnavailableError):
        connect().get("roles", wire.ROLES)


@pytest.mark.parametrize("method", ["put", "create", "check", "delete"])
@pytest.mark.parametrize("kind", ["redirect", "page"])
def test_a_write_that_ends_in_a_login_page_is_not_taken_for_done(
    server: FakeServer, method: str, kind: str
) -> None:
    # requests turns a redirected PUT, POST or DELETE into a GET of the page, which answers 200.
    for verb in ("PUT", "POST", "DELETE"):
        server.on(verb, "roles/R", redirect(f"{BASE}/sso/login") if kind == "redirect" else html())
    server.on("GET", "sso/login", html())

    with pytest.raises(UnavailableError):
        send(connect(), method, "roles/R")


@pytest.mark.parametrize("status", [307, 308])
def test_the_client_secret_does_not_follow_a_redirect_to_another_server(
    server: FakeServer, status: int
) -> None:
    server.on("POST", "login", redirect("https://elsewhere.example/token", status))

    with pytest.raises(KeycloakLicenseError):
        connect(attempts=1).get("", wire.REALM)
    assert [url for url in server.urls if not url.startswith(BASE)] == []


def test_a_login_redirected_to_https_says_that_the_address_is_another_one(server: FakeServer) -> None:
    # A POST redirected by 301 or 302 becomes a GET, which the token endpoint refuses with 405.
    server.on("POST", "login", redirect("https://kc.example/elsewhere"))
    server.on("GET", "elsewhere", reply({}, 405))

    with pytest.raises(KeycloakLicenseError, match="redirect"):
        connect(attempts=1).get("", wire.REALM)


def test_the_token_does_not_follow_a_redirect_to_another_server(server: FakeServer) -> None:
    server.on("GET", "", redirect("https://elsewhere.example/"))
    server.on("GET", "https://elsewhere.example/", html())

    with pytest.raises(UnavailableError):
        connect(attempts=1).get("", wire.REALM)
    assert [ask.token for ask in server.asks if "elsewhere" in ask.path and ask.token] == []


@pytest.mark.parametrize("url", [BASE, f"{BASE}/", f"{BASE}/auth", f"{BASE}/auth/"])
def test_the_path_prefix_and_a_trailing_slash_of_the_address_are_respected(
    server: FakeServer, url: str
) -> None:
    server.base = url.rstrip("/")
    server.on_list("roles", [])

    connect(url=url).get("roles", wire.ROLES)
    assert [str(ask) for ask in server.asks] == ["GET roles"]
    assert len(server.logins) == 1


def test_what_is_not_below_the_realm_is_asked_below_admin(server: FakeServer) -> None:
    server.on("GET", "/serverinfo", reply({"systemInfo": {"version": "26.7.3"}}))

    assert connect().get("/serverinfo", wire.SERVER_INFO).system_info.version == "26.7.3"


def test_a_body_of_any_language_arrives_as_it_was(server: FakeServer) -> None:
    server.on("PUT", "", reply(status=204))
    connect().put("", {"attributes": {"license.customer": "Žluťoučký kůň 🐎"}})

    assert server.asks[0].body == {"attributes": {"license.customer": "Žluťoučký kůň 🐎"}}


def test_404_on_the_realm_is_a_missing_realm_and_elsewhere_a_missing_thing(server: FakeServer) -> None:
    with pytest.raises(RealmNotFoundError, match=f"Keycloak at {BASE} has no realm acme: check"):
        connect().get("", wire.REALM)
    with pytest.raises(NotThereError, match=r"has nothing at GET /admin/realms/acme/roles/R"):
        connect().get("roles/R", wire.OWNED_ROLE)


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("get", "", "view-realm"),
        ("get", "roles", "view-realm"),
        ("get", "roles-by-id/x/composites", "view-realm"),
        ("get", "components", "view-realm"),
        ("get", "roles/R/users", "view-users"),
        ("get", "roles/R/groups", "view-users"),
        ("get", "clients/x/roles/R/users", "view-users"),
        ("get", "groups/count", "view-users"),
        ("get", "groups/g/members", "view-users"),
        ("get", "groups/g/children", "view-users"),
        ("get", "users", "view-users"),
        ("get", "users/u", "view-users"),
        ("get", "clients", "view-clients"),
        ("get", "clients/x/roles", "view-clients"),
        ("get", "clients/x/service-account-user", "view-clients"),
        ("get", "admin-events", "view-events"),
        ("put", "", "manage-realm"),
        ("create", "roles", "manage-realm"),
        ("check", "testLDAPConnection", "manage-realm"),
        ("create", "partial-export", "manage-realm"),
        ("delete", "roles/R", "manage-realm"),
        ("create", "users/u/role-mappings/clients/x", "manage-users"),
        ("delete", "users/u/role-mappings/clients/x", "manage-users"),
        ("put", "users/u", "manage-users"),
        ("create", "clients", "manage-clients"),
        ("put", "clients/x", "manage-clients"),
        ("delete", "clients/x", "manage-clients"),
    ],
)
@pytest.mark.parametrize(("auth_realm", "holder"), [("acme", "realm-management"), ("master", "acme-realm")])
def test_a_403_names_the_missing_right_and_the_client_that_holds_it(
    server: FakeServer, method: str, path: str, right: str, auth_realm: str, holder: str
) -> None:
    for verb in ("GET", "PUT", "POST", "DELETE"):
        server.on(verb, path, reply({}, 403))

    with pytest.raises(MissingRightError) as caught:
        send(connect(auth_realm=auth_realm), method, path)
    assert f"give client keycloak-license the role {right} of client {holder} in realm {auth_realm}" in str(
        caught.value
    )
    assert caught.value.exit_status == 3
    assert len(server.asks) == 1


def test_a_caller_without_view_realm_is_told_so_although_keycloak_answers_200(server: FakeServer) -> None:
    # Keycloak 26.7 shows such a caller 144 characters of the realm: its name, not its id.
    server.on("GET", "", reply({"realm": "acme", "displayName": "Acme"}))

    with pytest.raises(MissingRightError, match="the role view-realm"):
        connect().get("", wire.REALM)


@pytest.mark.parametrize("status", [400, 405, 415])
def test_a_status_that_nobody_expects_blames_the_version(server: FakeServer, status: int) -> None:
    server.on("GET", "roles", reply({}, status))

    with pytest.raises(UnexpectedAnswerError, match=f"with status {status}.*check the server's version"):
        connect().get("roles", wire.ROLES)


def test_errors_of_requests_and_of_python_keycloak_never_come_out(server: FakeServer) -> None:
    for trouble in (
        requests.exceptions.InvalidURL("x"),
        requests.exceptions.ProxyError("x"),
        requests.exceptions.ContentDecodingError("x"),
        UnicodeError("x"),
        ValueError("x"),
    ):
        server.on("GET", "", trouble)
        with pytest.raises(UnavailableError):
            connect(attempts=1).get("", wire.REALM)


def test_a_ca_file_that_is_none_is_told_in_a_sentence(server: FakeServer, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("no certificate")
    server.on("GET", "", reply({"id": "realm-id", "realm": "acme"}))

    with pytest.raises(KeycloakLicenseError, match="verify_tls"):
        connect(verify_tls=str(bundle)).get("", wire.REALM)
