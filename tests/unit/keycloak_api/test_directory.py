"""What the screen asks about one person: odd ids, things that go meanwhile, and long lists of sessions."""

from collections.abc import Callable

import pytest

from keycloak_license.errors import ConfigurationError, MissingRightError
from keycloak_license.keycloak_api.client import PAGE_SIZE
from keycloak_license.keycloak_api.directory import MAX_PAGES, KeycloakDirectory
from tests.unit.keycloak_api.fake import FakeServer, connect, reply
from tests.unit.keycloak_api.provisioned import ADDRESS, OURS, SCREEN, Directory
from tests.unit.keycloak_api.small_realm import user

ROLE = {"id": "role", "name": "manage-licenses", "containerId": "acme"}
ROLES = "users/user-ann/role-mappings/realm/composite"
APP = {"id": "app", "clientId": "admin-cli"}


@pytest.fixture
def directory() -> KeycloakDirectory:
    return KeycloakDirectory(connect(), OURS)


def session(number: int) -> dict[str, str]:
    return {"id": f"sid-{number}", "userId": f"user-{number}", "username": "ann"}


def test_each_question_is_asked_anew(server: FakeServer, directory: KeycloakDirectory) -> None:
    server.on("GET", "users/user-ann", reply(user("ann")))
    server.on("GET", ROLES, reply([]), reply([ROLE]), reply([]))

    assert [directory.is_license_manager("user-ann") for _ in range(3)] == [False, True, False]


def test_who_is_disabled_is_none_whatever_roles_he_has(
    server: FakeServer, directory: KeycloakDirectory
) -> None:
    server.on("GET", "users/user-ann", reply(user("ann", enabled=False)))
    server.on("GET", ROLES, reply([ROLE]))

    assert not directory.is_license_manager("user-ann")


def test_who_is_deleted_between_two_questions_is_none(
    server: FakeServer, directory: KeycloakDirectory
) -> None:
    server.on("GET", "users/user-ann", reply(user("ann")))

    assert not directory.is_license_manager("user-ann")
    assert server.asked(ROLES)


@pytest.mark.parametrize(
    "odd",
    ["", "count", "profile", "a/b", "../users", "a%2Fb", "a?b", "a;b", "a\nb", "a\x00", "\ud800", "x" * 256],
)
def test_an_id_with_odd_characters_is_unknown_and_not_asked_for(
    server: FakeServer, directory: KeycloakDirectory, odd: str
) -> None:
    assert not directory.is_license_manager(odd)
    assert server.asks == []


@pytest.mark.parametrize("odd", [".", ".."])
def test_a_step_in_a_path_is_unknown(server: FakeServer, directory: KeycloakDirectory, odd: str) -> None:
    assert not directory.is_license_manager(odd)
    assert server.asks == []


def test_the_id_of_a_user_who_is_not_imported_is_asked_for(
    server: FakeServer, directory: KeycloakDirectory
) -> None:
    server.on("GET", "users/f:0b1:ann%40corp", reply(user("ann")))
    server.on("GET", "users/f:0b1:ann%40corp/role-mappings/realm/composite", reply([ROLE]))

    assert directory.is_license_manager("f:0b1:ann@corp")


def test_a_missing_right_is_not_taken_for_a_missing_role(
    server: FakeServer, directory: KeycloakDirectory
) -> None:
    server.on("GET", "users/user-ann", reply({}, 403))

    with pytest.raises(MissingRightError, match="view-users"):
        directory.is_license_manager("user-ann")


def test_a_session_is_found_on_a_later_page(server: FakeServer, directory: KeycloakDirectory) -> None:
    server.on("GET", "clients", reply([APP]))
    server.on_list("clients/app/user-sessions", [session(number) for number in range(PAGE_SIZE + 1)])

    assert directory.find_session_user("admin-cli", f"sid-{PAGE_SIZE}") == f"user-{PAGE_SIZE}"
    assert directory.find_session_user("admin-cli", "sid-of-nobody") is None


def test_a_list_without_end_is_not_read_to_its_end(server: FakeServer, directory: KeycloakDirectory) -> None:
    server.on("GET", "clients", reply([APP]))
    server.on(
        "GET",
        "clients/app/user-sessions",
        lambda ask: reply([session(int(ask.query["first"]) + each) for each in range(PAGE_SIZE)]),
    )

    assert directory.find_session_user("admin-cli", "sid-of-nobody") is None
    assert len(server.asked("clients/app/user-sessions")) <= MAX_PAGES + 2, "two may be on their way"


@pytest.mark.parametrize("clients", [[], [APP]], ids=["never there", "deleted meanwhile"])
def test_a_client_that_is_not_there_has_no_sessions(
    server: FakeServer, directory: KeycloakDirectory, clients: list[object]
) -> None:
    server.on("GET", "clients", reply(clients))

    assert directory.find_session_user("admin-cli", "sid-1") is None


def test_the_login_client_is_the_one_that_init_made(server: FakeServer, directory: KeycloakDirectory) -> None:
    realm = Directory(server)
    realm.provision(screen=ADDRESS)

    login = directory.login_client()
    assert (login.client_id, login.secret) == (SCREEN, "made-up")
    assert login.secret not in repr(login)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda clients: clients.clear(),
        lambda clients: clients[SCREEN]["attributes"].clear(),
        lambda clients: clients[SCREEN].pop("secret"),
    ],
    ids=["missing", "of somebody else", "without a secret"],
)
def test_a_login_client_that_cannot_be_used_is_told_with_what_to_do(
    server: FakeServer,
    directory: KeycloakDirectory,
    spoil: Callable[[dict[str, dict[str, object]]], object],
) -> None:
    realm = Directory(server)
    realm.provision(screen=ADDRESS)
    spoil(realm.managed_clients)

    with pytest.raises(ConfigurationError, match=f"{SCREEN}.*run keycloak-license init"):
        directory.login_client()
