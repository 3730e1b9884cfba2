"""A realm that is not there (any more) is told by its own error, whatever is asked of it."""

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from keycloak_license.errors import RealmNotFoundError
from keycloak_license.keycloak_api.answers import Access
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.model.changes import AttributeSet
from keycloak_license.services.ports import Realm
from tests.contract.realm_admin import SECRET, connect_as_admin, connect_as_sidecar
from tests.fakes import SimulatedRealm, unfenced
from tests.real.keycloak import AdminApi, temporary_realm


def simulated(_request: pytest.FixtureRequest) -> Realm:
    realm = SimulatedRealm()
    realm.delete()
    return realm


def never_there(request: pytest.FixtureRequest) -> Realm:
    api: AdminApi = request.getfixturevalue("keycloak")
    access = Access(api.url, "no-such-realm", "keycloak-license", SECRET)
    return KeycloakRealm(KeycloakClient(access, "no-such-realm"))


def deleted_since_our_login(request: pytest.FixtureRequest) -> Realm:
    with ExitStack() as stack:
        realm = stack.enter_context(temporary_realm(request.getfixturevalue("keycloak"), {}))
        ours = KeycloakRealm(connect_as_sidecar(realm))
        ours.find_user("nobody")
    return ours


def deleted_with_our_login_in_master(request: pytest.FixtureRequest) -> Realm:
    with ExitStack() as stack:
        realm = stack.enter_context(temporary_realm(request.getfixturevalue("keycloak"), {}))
        ours = KeycloakRealm(connect_as_admin(realm))
        ours.find_user("nobody")
    return ours


@pytest.fixture(params=[simulated, never_there, deleted_since_our_login, deleted_with_our_login_in_master])
def gone(request: pytest.FixtureRequest) -> Realm:
    make: Callable[[pytest.FixtureRequest], Realm] = request.param
    return make(request)


@pytest.mark.parametrize(
    "ask",
    [
        lambda realm: realm.read([]),
        lambda realm: realm.find_user("ann"),
        lambda realm: realm.ensure_writable(),
        lambda realm: realm.reread(["user-1"], []),
        lambda realm: realm.write_attributes([AttributeSet("license.state", "OK")], unfenced),
    ],
    ids=["read", "find_user", "ensure_writable", "reread", "write_attributes"],
)
def test_a_realm_that_is_not_there_is_told_by_its_own_error(
    gone: Realm, ask: Callable[[Realm], object]
) -> None:
    with pytest.raises(RealmNotFoundError):
        ask(gone)
