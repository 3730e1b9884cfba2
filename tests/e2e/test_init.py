"""`init` makes what the sidecar needs on a real Keycloak, and takes out just that."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from tests.e2e.cli import (
    CLIENT,
    SECRET,
    Site,
    license_attributes,
    make_site,
    written,
)
from tests.real.keycloak import AdminApi, MakeRealm, RealRealm

OBSERVE = {"view-realm", "view-users", "view-clients", "view-events", "manage-realm"}
FOREIGN = {
    "acme.colour": "green",
    "license.expiry_notice_days": "45",
    "license.remarks": "not ours",
    "license.WFM.owner": "not ours either",
}
"""Attributes that somebody else keeps in the realm, some of them close to ours."""


def test_init_makes_what_is_needed_and_tells_the_secret_once(make_realm: MakeRealm, tmp_path: Path) -> None:
    realm = make_realm({"adminEventsEnabled": True})
    site = make_site(tmp_path / "site", realm)
    site.configure(keycloak={"url": realm.api.url})

    first = site.init("--json").document
    realm.delete("/admin-events")
    second = site.init("--json").document
    third = site.init()

    assert first["client_id"] == CLIENT
    assert len(first["client_secret"]) >= 20
    made = {"client keycloak-license", "client keycloak-license-screen"}
    made |= {"role manage-licenses", "attribute license.installation_id"}
    assert set(first["created"]) == made | {f"right {right}" for right in OBSERVE}
    assert (second["client_secret"], second["created"]) == (None, [])
    assert first["client_secret"] not in third.done().stdout + third.stderr
    assert realm.get("/admin-events") == []
    UUID(license_attributes(realm)["license.installation_id"])
    # The secret that was told is the one that counts.
    site.configure(keycloak={"url": realm.api.url, "client_secret": first["client_secret"]})
    site.call("sync").done()


def test_each_enforcement_has_just_its_rights(make_realm: MakeRealm, tmp_path: Path) -> None:
    realm = make_realm()
    site = make_site(tmp_path / "site", realm)
    wanted = {
        "observe": OBSERVE,
        "gate": OBSERVE | {"manage-users", "manage-clients", "manage-identity-providers"},
        "disable": OBSERVE | {"manage-users"},
    }

    for enforcement in ("observe", "gate", "disable", "observe"):
        site.configure(realms={realm.name: {"enforcement": enforcement}}).init().done()

        assert rights(realm, realm, "realm-management") == wanted[enforcement], enforcement


def test_init_remove_takes_out_everything_of_ours_and_nothing_else(
    make_realm: MakeRealm, tmp_path: Path
) -> None:
    realm = make_realm({"attributes": FOREIGN, "roles": {"realm": [{"name": "WFM_AGENT"}]}})
    before = fingerprint(realm)
    site = make_site(tmp_path / "site", realm)
    site.init().done()
    site.call("import", site.license("R-1", {"WFM": 5, "QM": None})).done()
    assert len(license_attributes(realm)) > len(FOREIGN) + 30

    removed = site.init("--remove", "--json").document

    assert fingerprint(realm) == before
    assert {"client keycloak-license", "role manage-licenses", "attribute license.file"} <= set(
        removed["removed"]
    )
    assert site.init("--remove", "--json").document["removed"] == []


def test_a_role_manage_licenses_of_somebody_else_is_used_and_stays(
    make_realm: MakeRealm, tmp_path: Path
) -> None:
    realm = make_realm({"roles": {"realm": [{"name": "manage-licenses", "description": "ours since 2019"}]}})
    site = make_site(tmp_path / "site", realm)
    before = fingerprint(realm)

    assert "role manage-licenses" not in site.init("--json").document["created"]
    assert "role manage-licenses" not in site.init("--remove", "--json").document["removed"]

    assert fingerprint(realm) == before


def test_the_installation_id_stays_the_same_over_remove_and_init(
    make_realm: MakeRealm, tmp_path: Path
) -> None:
    realm = make_realm()
    site = make_site(tmp_path / "site", realm)
    site.init().done()
    site.call("sync").done()
    installation = license_attributes(realm)["license.installation_id"]

    site.init("--remove").done()
    site.init().done()

    assert license_attributes(realm)["license.installation_id"] == installation


def test_one_client_in_master_serves_two_realms_until_it_is_removed_from_both(
    make_realm: MakeRealm, keycloak: AdminApi, tmp_path: Path
) -> None:
    first, second = make_realm(), make_realm()
    master = RealRealm("master", "master", keycloak)
    client = f"sidecar-{uuid4().hex[:8]}"
    site = make_site(
        tmp_path / "site",
        first,
        keycloak={
            "url": keycloak.url,
            "client_secret": SECRET,
            "client_id": client,
            "auth_realm": "master",
        },
        realms={first.name: {}, second.name: {}},
    )
    with ExitStack() as clean_up:
        clean_up.callback(remove_client, master, client)
        for realm in (first, second):
            site.init("--realm", realm.name).done()
            site.call("sync", "--realm", realm.name).done()
            assert rights(master, realm, f"{realm.name}-realm", client) == OBSERVE

        site.init("--remove", "--realm", second.name).done()
        assert license_attributes(second) == {}
        # The other realm goes on as if nothing had happened.
        site.call("sync", "--realm", first.name).done()

        site.init("--remove", "--realm", first.name).done()
        assert master.get("/clients", clientId=client) == []


def test_init_with_a_wrong_password_makes_nothing(make_realm: MakeRealm, tmp_path: Path) -> None:
    site = make_site(tmp_path / "site", make_realm())

    sentence = site.init(password="wr0ng-and-not-to-be-shown").refused(2)

    assert "admin" in sentence
    assert "wr0ng" not in sentence
    assert site.realm.get("/clients", clientId=CLIENT) == []
    assert written(site) == ({}, [])


def test_init_asks_for_the_password_that_nobody_gave(site: Site) -> None:
    sentence = site.call("init", "--admin-user", "admin").refused(2)

    assert "--admin-password-file" in sentence
    assert "KEYCLOAK_ADMIN_PASSWORD" in sentence


def test_init_leaves_a_client_of_somebody_else_alone(make_realm: MakeRealm, tmp_path: Path) -> None:
    realm = make_realm({"clients": [{"clientId": CLIENT, "secret": "theirs", "name": "Theirs"}]})
    site = make_site(tmp_path / "site", realm)
    client = realm.get("/clients", clientId=CLIENT)

    assert CLIENT in site.init().refused(2)
    assert site.init("--remove", "--json").document["removed"] == []

    assert realm.get("/clients", clientId=CLIENT) == client
    assert "manage-licenses" not in {role["name"] for role in realm.get("/roles")}
    assert written(site) == ({}, [])


def test_init_names_a_realm_that_is_not_there(site: Site) -> None:
    assert "no-such-realm" in site.configure(realms={"no-such-realm": {}}).init().refused(2)


def rights(account_realm: RealRealm, realm: RealRealm, holder: str, client: str = CLIENT) -> set[str]:
    """The roles over a realm that the service account of the sidecar has, directly."""
    account = account_realm.get(f"/clients/{account_realm.client_uuid(client)}/service-account-user")
    mappings = account_realm.get(f"/users/{account['id']}/role-mappings").get("clientMappings", {})
    assert set(mappings) <= {holder} or account_realm is not realm
    return {role["name"] for role in mappings[holder]["mappings"]}


def remove_client(realm: RealRealm, client: str) -> None:
    for found in realm.get("/clients", clientId=client):
        realm.delete(f"/clients/{found['id']}")


def fingerprint(realm: RealRealm) -> dict[str, Any]:
    """What somebody would miss, or find too much."""
    return {
        "realm": realm.get(),
        "roles": sorted(json.dumps(role, sort_keys=True) for role in realm.get("/roles")),
        "clients": sorted(client["clientId"] for client in realm.get("/clients")),
        "users": realm.get("/users/count"),
    }
