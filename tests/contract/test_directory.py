"""What a real realm tells of one person at the screen, each time it is asked."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from keycloak_license.errors import ConfigurationError
from keycloak_license.keycloak_api.directory import KeycloakDirectory
from keycloak_license.keycloak_api.provision import Provisioner
from keycloak_license.model.enforcement import MANAGE_LICENSES, OWN_CLIENT, Enforcement
from keycloak_license.model.screen import ScreenAddress, screen_client_id
from keycloak_license.services.ports import Directory
from tests.contract.realm_admin import RestAdmin, connect_as_admin, connect_as_sidecar
from tests.real.keycloak import AdminApi, RealRealm, temporary_realm
from tests.real.logins import App

PASSWORD = "correct horse"
ANN = {
    "username": "ann",
    "enabled": True,
    "email": "ann@example.org",
    "emailVerified": True,
    "firstName": "Ann",
    "lastName": "Example",
    "credentials": [{"type": "password", "value": PASSWORD}],
}


@dataclass(frozen=True)
class Place:
    """A realm from the admin's side, and what the screen asks it."""

    real: RealRealm
    admin: RestAdmin
    directory: Directory

    @property
    def role(self) -> str:
        return str(self.real.get(f"/roles/{MANAGE_LICENSES}")["id"])

    def newcomer(self) -> str:
        """The id of a user whom nobody has given anything."""
        return self.admin.create_user(f"user{self.real.get('/users/count')}")

    def manages(self, user: str) -> bool:
        return self.directory.is_license_manager(user)


@pytest.fixture(scope="module")
def place(keycloak: AdminApi) -> Iterator[Place]:
    with temporary_realm(keycloak, {"users": [ANN]}) as real:
        yield Place(real, RestAdmin(real), KeycloakDirectory(connect_as_sidecar(real), OWN_CLIENT))


def test_who_has_the_role_directly_manages_licences_until_it_is_taken(place: Place) -> None:
    user = place.newcomer()
    assert not place.manages(user)
    place.admin.grant(user, place.role)
    assert place.manages(user)
    place.admin.revoke(user, place.role)
    assert not place.manages(user)


def test_who_has_it_through_a_group_above_his_own_manages_licences(place: Place) -> None:
    user = place.newcomer()
    above = place.admin.create_group("above")
    place.admin.join(user, place.admin.create_group("inside", above))
    place.admin.grant_group(above, place.role)
    assert place.manages(user)


def test_who_has_it_through_a_role_of_roles_manages_licences(place: Place) -> None:
    user, boss = place.newcomer(), place.admin.create_role("boss", "some-app")
    place.admin.add_to_composite(boss, place.role)
    place.admin.grant(user, boss)
    assert place.manages(user)


def test_a_client_role_of_the_same_name_does_not_count(place: Place) -> None:
    user = place.newcomer()
    place.admin.grant(user, place.admin.create_role(MANAGE_LICENSES, "some-other-app"))
    assert not place.manages(user)


def test_who_is_disabled_or_deleted_manages_nothing(place: Place) -> None:
    user = place.newcomer()
    place.admin.grant(user, place.role)
    place.admin.set_enabled(user, enabled=False)
    assert not place.manages(user)
    place.admin.set_enabled(user, enabled=True)
    assert place.manages(user)
    place.admin.delete_user(user)
    assert not place.manages(user)


@pytest.mark.parametrize(
    "odd", ["", "..", "count", "a b", "a:b", "f:x:y", "žofie", "a/b", "a%2Fb", "a;b", "a\x00b", "x" * 255]
)
def test_an_odd_id_is_nobody(place: Place, odd: str) -> None:
    assert not place.manages(odd)


def test_a_session_that_a_token_names_leads_to_its_user(place: Place) -> None:
    """Those of admin-cli are lightweight: they do not name him."""
    app = App(place.real.api.url, place.real.name, "admin-cli")
    token = app.direct_grant("ann", PASSWORD).answer["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    assert "sub" not in claims

    ann, find = place.real.user_id("ann"), place.directory.find_session_user
    assert find(claims["azp"], claims["sid"]) == ann
    assert find("account", claims["sid"]) is None, "not there"
    assert find("no-such-client", claims["sid"]) is None
    assert find(claims["azp"], "no-such-session") is None
    place.real.post(f"/users/{ann}/logout")
    assert find(claims["azp"], claims["sid"]) is None


def test_the_login_client_is_told_with_its_secret_however_often_that_changes(place: Place) -> None:
    with pytest.raises(ConfigurationError, match="run keycloak-license init"):
        place.directory.login_client()
    admin = connect_as_admin(place.real)
    address = ScreenAddress("https://licences.example", "https://licences.example")
    Provisioner(admin, admin, OWN_CLIENT).provision(Enforcement.OBSERVE, screen=address)

    uuid = place.real.client_uuid(screen_client_id(OWN_CLIENT))
    assert place.directory.login_client().secret == place.real.get(f"/clients/{uuid}/client-secret")["value"]
    renewed = place.real.post(f"/clients/{uuid}/client-secret")["value"]
    assert place.directory.login_client().secret == renewed

    place.real.put(f"/clients/{uuid}", {"attributes": {"keycloak-license.owned": ""}})
    with pytest.raises(ConfigurationError, match="did not make"):
        place.directory.login_client()
