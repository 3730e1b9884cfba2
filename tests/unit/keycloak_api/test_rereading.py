"""Users read one by one: what counts, what it costs, and what speaks against believing it."""

import pytest

from keycloak_license.errors import AuthenticationError, MissingRightError, UnavailableError, UnreachableError
from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.model.application import Application
from keycloak_license.model.realm import Rereading, Role, User, UserReading
from tests.unit.keycloak_api.fake import Answer, FakeServer, connect, cut_while_reading, html, reply
from tests.unit.keycloak_api.small_realm import user

WFM = Application("WFM", "Workforce", roles=("WFM_*",), client_roles=(("wfm-app", ("agent",)),))
QM = Application("QM", "Quality", client_roles=(("wfm-app", ("lead",)), ("qm-app", ("*",))))
LDAP = {"id": "p", "name": "corp", "providerId": "ldap", "config": {}}
AGENT = {"id": "r-1", "name": "WFM_AGENT", "containerId": "realm-id"}
VIEWER = {"id": "r-2", "name": "agent", "containerId": "id-wfm-app"}


def serve(server: FakeServer, name: str, *, realm: object = (), client: object = (), **more: object) -> None:
    """Put a user on the server whose id is ``user-NAME``."""
    server.on("GET", f"users/user-{name}", reply(user(name, **more)))
    mappings = f"users/user-{name}/role-mappings"
    server.on("GET", f"{mappings}/realm/composite", reply(realm))
    server.on("GET", f"{mappings}/clients/id-wfm-app/composite", reply(client))


@pytest.fixture
def realm(server: FakeServer) -> FakeServer:
    """A realm with client wfm-app, without client qm-app, and with Ann."""
    server.on(
        "GET",
        "clients",
        lambda ask: reply(
            [{"id": "id-wfm-app", "clientId": "wfm-app"}] if ask.query["clientId"] == "wfm-app" else []
        ),
    )
    server.on_list("components", [])
    serve(server, "ann", realm=[AGENT], client=[VIEWER])
    return server


def reread(*ids: str, applications: tuple[Application, ...] = (WFM,)) -> Rereading:
    return KeycloakRealm(connect()).reread(ids, applications)


def test_a_user_is_told_with_all_his_realm_roles_and_those_of_the_clients_that_count(
    realm: FakeServer,
) -> None:
    assert reread("user-ann", applications=(WFM, QM)) == Rereading(
        {
            "user-ann": UserReading(
                User("user-ann", "ann", enabled=True),
                frozenset({Role("r-1", "WFM_AGENT"), Role("r-2", "agent", "wfm-app")}),
            )
        }
    )
    assert realm.writes() == []


def test_no_role_and_a_disabled_account_are_told_as_they_are(realm: FakeServer) -> None:
    serve(realm, "bob", enabled=False, federationLink="p", email="bob@x.example", createdTimestamp=7)

    [reading] = reread("user-bob").users.values()
    assert reading == UserReading(User("user-bob", "bob", False, "bob@x.example", 7, "p"))


def test_a_user_who_is_not_there_is_none_and_the_others_are_read(realm: FakeServer) -> None:
    found = reread("user-eve", "user-ann")

    assert list(found.users) == ["user-eve", "user-ann"]
    assert found.users["user-eve"] == UserReading(None)
    assert found.users["user-ann"].user is not None
    assert found.gaps == ()


def test_a_user_who_is_deleted_between_two_requests_is_not_one_without_roles(realm: FakeServer) -> None:
    realm.on("GET", "users/user-ann", reply(user("ann")), reply({}, 404))
    realm.on("GET", "users/user-ann/role-mappings/realm/composite", reply({}, 404))
    found = reread("user-ann")

    assert found.users["user-ann"].doubt is not None


def test_each_client_is_asked_for_once_and_each_user_takes_two_requests_and_one_for_each_client(
    realm: FakeServer,
) -> None:
    serve(realm, "bob")
    reread("user-ann", "user-bob", applications=(WFM, QM))

    assert [ask.query["clientId"] for ask in realm.asked("clients")] == ["qm-app", "wfm-app"]
    assert len([ask for ask in realm.asks if ask.path.startswith("users/")]) == 6
    assert len(realm.asks) == 2 + 6 + 1


@pytest.mark.parametrize("path", ["", "/role-mappings/realm/composite"])
@pytest.mark.parametrize(
    "trouble", [reply({}, 500), reply({}, 503), reply({}, 400), html(), reply({"id": 7})]
)
def test_a_user_who_cannot_be_read_is_in_doubt_and_the_others_are_read(
    realm: FakeServer, trouble: Answer, path: str
) -> None:
    serve(realm, "bob")
    realm.on("GET", f"users/user-bob{path}", trouble)
    found = reread("user-bob", "user-ann")

    assert found.gaps == ()
    assert found.users["user-ann"].doubt is None
    doubt = found.users["user-bob"].doubt
    assert doubt is not None
    assert doubt.startswith("a user whose seat would be released was not read (")


def test_a_keycloak_that_goes_away_ends_the_reading(realm: FakeServer) -> None:
    realm.on("GET", "users/user-ann", cut_while_reading())

    with pytest.raises(UnreachableError):
        reread("user-ann", "user-bob")
    assert realm.asked("users/user-bob") == []


@pytest.mark.parametrize(("status", "error"), [(401, AuthenticationError), (403, MissingRightError)])
@pytest.mark.parametrize(
    "path", ["users/user-ann", "users/user-ann/role-mappings/realm/composite", "clients"]
)
def test_a_missing_right_is_an_error_and_never_a_user_without_roles(
    realm: FakeServer, path: str, status: int, error: type[Exception]
) -> None:
    realm.on("GET", path, reply({}, status))

    with pytest.raises(error):
        reread("user-ann")


def test_clients_that_cannot_be_listed_are_an_error(realm: FakeServer) -> None:
    realm.on("GET", "clients", reply({}, 500))

    with pytest.raises(UnavailableError):
        reread("user-ann")


def test_a_client_that_went_away_meanwhile_is_not_a_user_that_did(realm: FakeServer) -> None:
    # Keycloak answers 404 "Client not found" below a user who is there.
    realm.on(
        "GET",
        "users/user-ann/role-mappings/clients/id-wfm-app/composite",
        reply({"error": "Client not found"}, 404),
    )
    found = reread("user-ann")

    assert found.users["user-ann"].doubt is not None


def test_the_providers_are_asked_after_the_users(realm: FakeServer) -> None:
    realm.on_list("components", [LDAP])
    realm.on("POST", "testLDAPConnection", reply({}, 400))
    found = reread("user-ann")

    assert found.gaps == ("user storage provider corp does not answer, or refuses Keycloak's login",)
    assert found.silent_providers == {}
    paths = [ask.path for ask in realm.asks]
    assert max(paths.index(path) for path in paths if path.startswith("users/")) < paths.index("components")


def test_a_provider_that_was_switched_off_since_is_told(realm: FakeServer) -> None:
    realm.on_list("components", [LDAP | {"config": {"enabled": ["false"]}}])
    found = reread("user-ann")

    assert found.silent_providers == {"p": "user storage provider corp is disabled"}
    assert found.gaps == ()


def test_an_id_that_names_its_provider_is_asked_for_as_it_is(realm: FakeServer) -> None:
    id_ = "f:6b0f1a3e:ann"
    realm.on("GET", f"users/{id_}", reply({"id": id_, "username": "ann", "enabled": True}))
    realm.on("GET", f"users/{id_}/role-mappings/realm/composite", reply([AGENT]))
    realm.on("GET", f"users/{id_}/role-mappings/clients/id-wfm-app/composite", reply([]))

    [reading] = reread(id_).users.values()
    assert reading == UserReading(
        User(id_, "ann", True, provider_id="6b0f1a3e"), frozenset({Role("r-1", "WFM_AGENT")})
    )


@pytest.mark.parametrize("name", ["a/b", "a?b", "a#b", "ann smith", "žofie"])
def test_an_id_with_odd_letters_is_asked_for_whole(realm: FakeServer, name: str) -> None:
    # Accounts that are not imported carry whatever name their provider gives them.
    reread(f"f:6b0f1a3e:{name}")

    [quoted] = [url.split("/users/")[1] for url in realm.urls if "/users/" in url]
    assert not set("/?# ž") & set(quoted)
