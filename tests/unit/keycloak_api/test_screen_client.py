"""The client by which people log in to the screen: made, brought up to date, told of, and taken out again."""

from dataclasses import replace

import pytest

from keycloak_license.errors import ConfigurationError
from keycloak_license.keycloak_api.screen_client import SCOPES, ScreenClient
from keycloak_license.model.enforcement import MARK, Enforcement
from tests.unit.keycloak_api.fake import FakeServer, connect, reply
from tests.unit.keycloak_api.provisioned import ADDRESS, OURS, SCREEN, Directory

MOVED = replace(ADDRESS, public_url="https://elsewhere.example")


@pytest.fixture
def directory(server: FakeServer) -> Directory:
    return Directory(server)


def describe() -> str:
    return ScreenClient(connect(), OURS).describe(ADDRESS)


def test_it_is_made_for_logins_by_code_with_pkce_and_nothing_else(directory: Directory) -> None:
    assert f"client {SCREEN}" in directory.provision(screen=ADDRESS).created

    made = directory.managed_clients[SCREEN]
    assert made["redirectUris"] == ["https://licences.example/realms/acme/callback"]
    assert (made["webOrigins"], made["baseUrl"]) == ([], "https://licences.example/")
    assert (made["publicClient"], made["standardFlowEnabled"]) == (False, True)
    for ungranted in ("implicitFlowEnabled", "directAccessGrantsEnabled", "serviceAccountsEnabled"):
        assert made[ungranted] is False
    assert (made["fullScopeAllowed"], made["consentRequired"], made["frontchannelLogout"]) == (False,) * 3
    attributes = made["attributes"]
    assert (attributes[MARK], attributes["pkce.code.challenge.method"]) == ("true", "S256")
    assert attributes["backchannel.logout.url"] == "http://sidecar:8081/realms/acme/backchannel-logout"
    assert attributes["post.logout.redirect.uris"] == "https://licences.example/"
    assert describe() == f"people log in to https://licences.example/ by client {SCREEN}"


@pytest.mark.parametrize("mode", Enforcement)
def test_a_second_run_changes_nothing(server: FakeServer, directory: Directory, mode: Enforcement) -> None:
    directory.provision(mode, screen=ADDRESS)
    before = len(server.writes())

    done = directory.provision(mode, screen=ADDRESS)
    assert not [what for what in (*done.created, *done.removed) if SCREEN in what]
    assert not [each for each in server.writes()[before:] if "screen" in each]


def test_it_follows_the_addresses_and_leaves_everything_else_alone(directory: Directory) -> None:
    directory.provision(screen=MOVED)
    directory.managed_clients[SCREEN]["name"] = "Licences of Acme"
    with pytest.raises(ConfigurationError, match=r"does not fit .* \(baseUrl, redirectUris, post\.logout"):
        describe()

    assert directory.provision(screen=ADDRESS).created == [f"addresses of client {SCREEN}"]
    assert describe()
    assert directory.managed_clients[SCREEN]["name"] == "Licences of Acme"


@pytest.mark.parametrize(
    ("name", "value"),
    [("directAccessGrantsEnabled", True), ("publicClient", True), ("enabled", False), ("bearerOnly", True)],
)
def test_settings_that_somebody_has_changed_are_put_right(
    directory: Directory, name: str, value: object
) -> None:
    directory.provision(screen=ADDRESS)
    directory.managed_clients[SCREEN][name] = value
    with pytest.raises(ConfigurationError, match=rf"\({name}\): run keycloak-license init"):
        describe()

    assert directory.provision(screen=ADDRESS).created == [f"settings of client {SCREEN}"]
    assert directory.managed_clients[SCREEN][name] is not value


def test_pkce_that_somebody_has_switched_off_is_demanded_again(directory: Directory) -> None:
    directory.provision(screen=ADDRESS)
    del directory.managed_clients[SCREEN]["attributes"]["pkce.code.challenge.method"]

    assert directory.provision(screen=ADDRESS).created == [f"settings of client {SCREEN}"]
    assert describe()


def test_a_scope_that_somebody_took_away_comes_back(directory: Directory) -> None:
    directory.provision(screen=ADDRESS)
    directory.managed_clients[SCREEN]["defaultClientScopes"].remove("profile")
    with pytest.raises(ConfigurationError, match="profile"):
        describe()

    assert directory.provision(screen=ADDRESS).created == [f"scope profile of client {SCREEN}"]
    assert directory.managed_clients[SCREEN]["defaultClientScopes"] == list(SCOPES)


def test_a_scope_that_the_realm_does_not_have_is_told_and_keeps_nothing_from_being_made(
    server: FakeServer, directory: Directory
) -> None:
    server.on("GET", "client-scopes", reply([]))
    directory.provision(screen=ADDRESS)
    directory.managed_clients[SCREEN]["defaultClientScopes"].remove("profile")

    assert directory.provision(screen=ADDRESS).created == []
    with pytest.raises(ConfigurationError, match="profile"):
        describe()


def test_a_client_of_somebody_else_is_refused_before_anything_is_made(
    server: FakeServer, directory: Directory
) -> None:
    directory.managed_clients[SCREEN] = {"id": "screen", "clientId": SCREEN}

    for refused in (lambda: directory.provision(screen=ADDRESS), describe):
        with pytest.raises(ConfigurationError, match=r"that keycloak-license did not make: choose another"):
            refused()
    assert server.writes() == []


def test_without_a_screen_there_is_no_client_for_it(directory: Directory) -> None:
    directory.provision(screen=ADDRESS)

    assert directory.provision(screen=None).removed == [f"client {SCREEN}"]
    assert SCREEN not in directory.managed_clients
    with pytest.raises(ConfigurationError, match=f"no client {SCREEN}.*: run keycloak-license init"):
        describe()


def test_remove_takes_ours_and_leaves_that_of_somebody_else(directory: Directory) -> None:
    directory.provision(screen=ADDRESS)
    assert directory.provisioner().remove().removed[-1] == f"client {SCREEN}"

    directory.managed_clients[SCREEN] = {"id": "screen", "clientId": SCREEN}
    directory.provision(screen=None)
    directory.provisioner().remove()
    assert SCREEN in directory.managed_clients


def test_it_is_in_the_managed_realm_wherever_the_sidecar_logs_in(server: FakeServer) -> None:
    directory = Directory(server, auth_realm="master")
    directory.provision(screen=ADDRESS)

    assert SCREEN in directory.managed_clients
    assert SCREEN not in directory.clients
    assert directory.provisioner().remove().removed[-1] == f"client {SCREEN}"
