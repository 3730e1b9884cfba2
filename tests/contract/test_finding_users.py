"""Finding one user by what a person types."""

import pytest

from keycloak_license.services.ports import Realm
from tests.contract.realm_admin import RealmAdmin


def test_a_user_is_found_by_his_username_in_any_case_and_by_his_id(admin: RealmAdmin, realm: Realm) -> None:
    admin.create_user("anna")
    ann = admin.create_user("Ann.Á", enabled=False, email="ann@example.com")
    admin.create_user("aann.á")

    found = realm.find_user("ann.á")
    assert found is not None
    assert (found.id, found.username, found.enabled, found.email) == (ann, "ann.á", False, "ann@example.com")
    assert realm.find_user("ANN.Á") == found
    assert realm.find_user(ann) == found


def test_a_service_account_is_found_as_well(admin: RealmAdmin, realm: Realm) -> None:
    account = admin.create_service_account("bob")
    found = realm.find_user("service-account-bob")
    assert found is not None
    assert found.id == account


@pytest.mark.parametrize(
    "name", ["an", "nn", "ann@example.com", "*", "%", "a*", "\\", "ann ", "no/body?", "ann\0", "\x01", "a\tb"]
)
def test_nobody_is_found_by_anything_else(admin: RealmAdmin, realm: Realm, name: str) -> None:
    admin.create_user("ann", email="ann@example.com")
    assert realm.find_user(name) is None


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_nobody_is_found_by_a_step_of_a_path(admin: RealmAdmin, realm: Realm, name: str) -> None:
    admin.create_user("ann")
    assert realm.find_user(name) is None


def test_a_deleted_user_is_not_found(admin: RealmAdmin, realm: Realm) -> None:
    ann = admin.create_user("ann")
    admin.delete_user(ann)
    assert realm.find_user("ann") is None
    assert realm.find_user(ann) is None


def test_names_are_told_of_those_who_are_there(admin: RealmAdmin, realm: Realm) -> None:
    anna, boris = (admin.create_user(name) for name in ("anna", "boris"))
    gone = admin.create_user("cyril")
    admin.delete_user(gone)
    assert realm.read_usernames([anna, gone, boris]) == {anna: "anna", boris: "boris"}
    assert realm.read_usernames(["no such user", "f:no-provider:dana"]) == {}
    assert realm.read_usernames([]) == {}
