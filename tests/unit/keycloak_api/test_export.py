from pathlib import Path
from typing import Any

import pytest

from keycloak_license.errors import ConfigurationError
from keycloak_license.keycloak_api.export import read_export
from keycloak_license.keycloak_api.export_snapshot import snapshot_of
from keycloak_license.model.application import Application
from keycloak_license.model.enforcement import MARK, OBSERVE_ONLY
from keycloak_license.model.realm import RealmSnapshot, User
from keycloak_license.plan.consumers import paths_by_user, resolve_consumers
from tests.exports import Document, write, write_folder

WFM = Application("WFM", "Workforce", roles=("WFM_*",), client_roles=(("app", ("agent",)),))
ANN = {"id": "u-ann", "username": "ann", "enabled": True, "realmRoles": ["WFM_AGENT"]}


def realm(*users: Document, **changes: Any) -> Document:
    return {
        "id": "r-1",
        "realm": "acme",
        "roles": {"realm": [{"name": "WFM_AGENT"}]},
        "users": users,
    } | changes


def read(path: Path, name: str | None = None) -> RealmSnapshot:
    return snapshot_of(read_export(path, name), OBSERVE_ONLY)


def consumers(snapshot: RealmSnapshot) -> set[str]:
    return {user.username for user in resolve_consumers(snapshot, WFM, ()).values()}


def refusal(path: Path, name: str | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(path, name)
    return str(caught.value).replace(f"{path.parent}/", "").replace(str(path), path.name)


def test_one_realm_needs_no_name_and_may_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "e.json", realm(ANN))

    assert consumers(read(path)) == consumers(read(path, "acme")) == {"ann"}
    assert refusal(path, "other") == "The export e.json holds no realm other: it has acme"


def test_two_realms_of_one_name_are_refused(tmp_path: Path) -> None:
    said = refusal(write(tmp_path / "e.json", [realm(ANN), realm(ANN)]))
    assert "holds two realms of one name: take one of them out" in said


def test_a_path_that_cannot_be_looked_at_cannot_be_read(tmp_path: Path) -> None:
    assert "cannot be read (File name too long)" in refusal(tmp_path / ("a" * 300))


def test_of_several_realms_one_is_named(tmp_path: Path) -> None:
    bob = ANN | {"username": "bob"}
    path = write(tmp_path / "e.json", [realm(ANN), realm(bob, realm="umbrella")])

    assert consumers(read(path, "umbrella")) == {"bob"}
    assert refusal(path) == (
        "The export e.json holds several realms: name one of acme, umbrella with --realm"
    )


def test_of_a_folder_with_two_realms_one_is_named_and_gets_its_own_users(tmp_path: Path) -> None:
    write_folder(tmp_path, realm(ANN))
    write_folder(tmp_path, realm(ANN | {"username": "bob"}, realm="acme-users-0"))
    (tmp_path / "notes.txt").write_text("not part of it")

    assert consumers(read(tmp_path, "acme")) == {"ann"}
    assert consumers(read(tmp_path, "acme-users-0")) == {"bob"}
    assert "holds several realms: name one of acme, acme-users-0 with --realm" in refusal(tmp_path)


def test_a_folder_with_the_users_in_the_realms_own_file(tmp_path: Path) -> None:
    write(tmp_path / "acme-realm.json", realm(ANN))

    assert consumers(read(tmp_path)) == {"ann"}


def test_a_folder_that_lacks_one_of_its_files_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, realm(ANN, {"username": "bob"}, {"username": "cyr"}), 1)
    (tmp_path / "acme-users-1.json").unlink()

    assert "lacks the file acme-users-1.json: copy the whole folder, or export again" in refusal(tmp_path)


def test_users_of_a_federation_who_are_not_imported_count_by_what_keycloak_gave_them(tmp_path: Path) -> None:
    write_folder(tmp_path, realm(ANN))
    federated = [{"id": "f:prov-1:Bob", "realmRoles": ["WFM_AGENT"], "groups": []}]
    write(tmp_path / "acme-federated-users-0.json", {"realm": "acme", "federatedUsers": federated})

    snapshot = read(tmp_path)

    assert consumers(snapshot) == {"ann", "Bob"}
    assert snapshot.users["f:prov-1:Bob"] == User("f:prov-1:Bob", "Bob", enabled=True, provider_id="prov-1")


NO_USERS = (
    "of realm acme holds no users, so nobody can be counted (a partial export of the admin console never "
    "has any, a folder has them in files of their own): name the folder, or make one with kc.sh export "
    "--realm NAME --file FILE"
)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"users": None}, id="none"),
        pytest.param({"users": []}, id="empty"),
        pytest.param(
            {"users": [{"username": "service-account-app", "serviceAccountClientId": "app"}]}, id="services"
        ),
    ],
)
def test_an_export_without_people_is_refused(tmp_path: Path, changes: Document) -> None:
    document = {key: value for key, value in (realm() | changes).items() if value is not None}

    assert refusal(write(tmp_path / "e.json", document)) == f"The export e.json {NO_USERS}"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "is not valid JSON (EOF while parsing a value at line 1 column 0)"),
        ('{"realm": "acme", "us', "is not valid JSON (EOF while parsing a string at line 1 column 21)"),
        ("[1]", "is not a realm export (0: input should be an object)"),
        ("null", "is not a realm export (the whole: input should be an object)"),
        ('{"realm": "acme", "users": []}', "is not a realm export (roles: field required)"),
        (
            '{"realm": "acme", "roles": {}, "users": [{"id": 7}]}',
            "is not a realm export (users.0.id: input should be a valid string)",
        ),
    ],
)
def test_what_is_no_export_is_refused_in_one_sentence(tmp_path: Path, content: str, expected: str) -> None:
    path = tmp_path / "e.json"
    path.write_text(content)

    assert (
        refusal(path)
        == f"The file e.json {expected}: export again with kc.sh export --realm NAME --file FILE"
    )


def test_an_array_without_realms_a_folder_without_one_and_a_missing_file(tmp_path: Path) -> None:
    where = "name a file, or a folder with NAME-realm.json, of kc.sh export --realm NAME --file FILE"

    assert refusal(write(tmp_path / "e.json", [])) == f"The export e.json holds no realm: {where}"
    assert refusal(tmp_path).endswith(f"holds no realm: {where}")
    assert refusal(tmp_path / "gone.json") == (
        "The export gone.json cannot be read (No such file or directory): check its name and rights"
    )


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = write(tmp_path / "e.json", realm(ANN))
    path.write_bytes(b"\xef\xbb\xbf\n" + path.read_bytes())

    assert consumers(read(path)) == {"ann"}


def test_a_role_that_is_only_named_is_made_and_a_group_has_to_be_there(tmp_path: Path) -> None:
    users = (ANN | {"realmRoles": ["WFM_OTHER"]}, {"username": "bob", "enabled": True, "groups": ["/GONE"]})

    assert consumers(read(write(tmp_path / "e.json", realm(users[0])))) == {"ann"}
    assert refusal(write(tmp_path / "e.json", realm(*users))) == (
        "The export of realm acme names a group /GONE that it does not hold: export the whole realm with "
        "kc.sh export --realm NAME --file FILE"
    )


def test_names_with_slashes_may_give_two_groups_one_path_and_then_both_count(tmp_path: Path) -> None:
    inner = {"name": "C", "path": "/A/B/C", "realmRoles": ["WFM_AGENT"]}
    groups = [
        {"name": "A", "path": "/A", "subGroups": [{"name": "B/C", "path": "/A/B/C"}]},
        {"name": "A/B", "path": "/A/B", "subGroups": [inner]},
    ]
    snapshot = read(
        write(tmp_path / "e.json", realm(ANN | {"realmRoles": [], "groups": ["/A/B/C"]}, groups=groups))
    )

    assert paths_by_user(snapshot, WFM) == {"u-ann": [("group /A/B/C", "role WFM_AGENT")]}
    assert snapshot.gaps == (
        "two groups have the path /A/B/C, so everybody in one of them counts as in both",
    )


def test_only_its_client_proves_a_service_account(tmp_path: Path) -> None:
    def account(name: str, client: str) -> Document:
        return ANN | {"id": name, "username": name, "serviceAccountClientId": client}

    clients = [{"clientId": "app", "serviceAccountsEnabled": True}, {"clientId": "old"}]
    users = (ANN | {"username": "service-account-app"}, account("robot", "app"), account("left-over", "old"))
    snapshot = read(write(tmp_path / "e.json", realm(*users, clients=clients)))

    assert consumers(snapshot) == {"service-account-app", "left-over"}


@pytest.mark.parametrize(("attributes", "expected"), [({MARK: "true"}, {"ann"}), ({}, set())])
def test_whom_we_disabled_waits_and_whom_somebody_else_disabled_does_not(
    tmp_path: Path, attributes: Document, expected: set[str]
) -> None:
    ours = OBSERVE_ONLY.client_id
    user = ANN | {"enabled": False, "clientRoles": {ours: ["disabled-by-license"]}}
    clients = [{"clientId": ours, "attributes": attributes}]

    assert consumers(read(write(tmp_path / "e.json", realm(user, clients=clients)))) == expected


def test_a_federation_is_named_as_what_an_export_cannot_tell(tmp_path: Path) -> None:
    provider = {"id": "p-1", "name": "directory", "providerId": "ldap", "config": {}}
    components = {"org.keycloak.storage.UserStorageProvider": [provider]}
    user = ANN | {"federationLink": "p-1", "emailVerified": True, "email": "ann@example.com"}
    snapshot = read(write(tmp_path / "e.json", realm(user, components=components)))

    assert snapshot.users["u-ann"] == User(
        "u-ann", "ann", True, "ann@example.com", provider_id="p-1", email_verified=True
    )
    assert snapshot.providers == {"p-1": "directory"}
    assert snapshot.silent_providers["p-1"].startswith("of user storage provider directory it holds only")
    assert not snapshot.is_complete


@pytest.mark.parametrize("users", [(ANN, ANN), (ANN, {"enabled": True})])
def test_users_who_cannot_be_told_apart_are_refused(tmp_path: Path, users: tuple[Document, ...]) -> None:
    expected = "The export of realm acme holds a user twice, or one without id and username"

    assert refusal(write(tmp_path / "e.json", realm(*users))).startswith(expected)
