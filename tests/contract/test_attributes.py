"""Writing realm attributes: ours change, everything else stays."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import pytest

from keycloak_license.errors import MissingRightError, UnavailableError
from keycloak_license.keycloak_api.client import Attempt, KeycloakClient
from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.model.attributes import INSTALLATION_ID
from keycloak_license.model.changes import AttributeRemoved, AttributeSet
from keycloak_license.services.ports import Realm
from tests.contract.realm_admin import RealmAdmin, RestAdmin, connect_as_sidecar
from tests.fakes import unfenced
from tests.real.keycloak import MakeRealm

FOREIGN = {
    "team.empty": "",
    "team.unicode": "žluťoučký 🐎",
    "team.long": "x" * 200_000,
    "team.lines": "one\ntwo\ttwo and a half\r\n",
    "team.json": '{"a": ["\\u0000", null]}',
    "team with space/slash": " padded ",
    "licence.near": "almost ours",
    "license": "also not ours",
}


def test_only_what_was_asked_for_changes(admin: RealmAdmin, realm: Realm) -> None:
    admin.set_attributes(FOREIGN | {"license.state": "NONE", "license.number": "1"})
    before = dict(admin.attributes)
    realm.write_attributes(
        [
            AttributeSet("license.state", "OK"),
            AttributeSet("license.customer", "Přístav 🐎"),
            AttributeSet("license.file", "y" * 200_000),
            AttributeRemoved("license.number"),
        ],
        unfenced,
    )

    before.pop("license.number")
    changed = {"license.state": "OK", "license.customer": "Přístav 🐎", "license.file": "y" * 200_000}
    assert admin.attributes == before | changed
    assert before.items() >= FOREIGN.items()


def test_a_read_shows_all_attributes_as_they_are(admin: RealmAdmin, realm: Realm) -> None:
    admin.set_attributes(FOREIGN)
    realm.write_attributes([AttributeSet("license.WFM.usage", "")], unfenced)
    assert realm.read([]).attributes == admin.attributes
    assert admin.attributes.items() >= (FOREIGN | {"license.WFM.usage": ""}).items()


def test_nothing_to_do_is_no_write(admin: RealmAdmin, realm: Realm) -> None:
    before = admin.attribute_writes
    realm.write_attributes([], unfenced)
    realm.read([])
    assert admin.attribute_writes == before


def test_many_changes_are_one_write(admin: RealmAdmin, realm: Realm) -> None:
    before = admin.attribute_writes
    realm.write_attributes([AttributeSet(f"license.A{number}.seats", "5") for number in range(50)], unfenced)
    assert admin.attribute_writes == before + 1
    assert sum(name.startswith("license.A") for name in admin.attributes) == 50


def test_removing_what_is_not_there_changes_nothing(admin: RealmAdmin, realm: Realm) -> None:
    before = dict(admin.attributes)
    realm.write_attributes([AttributeRemoved("license.number")], unfenced)
    assert admin.attributes == before


def test_of_two_changes_to_one_attribute_the_last_counts(admin: RealmAdmin, realm: Realm) -> None:
    realm.write_attributes([AttributeRemoved("license.state"), AttributeSet("license.state", "OK")], unfenced)
    assert admin.attributes["license.state"] == "OK"
    realm.write_attributes(
        [AttributeSet("license.state", "NONE"), AttributeRemoved("license.state")], unfenced
    )
    assert "license.state" not in admin.attributes


def test_whether_we_may_write_is_found_out_without_writing(admin: RealmAdmin, realm: Realm) -> None:
    before = admin.attribute_writes, dict(admin.attributes)
    realm.ensure_writable()
    assert (admin.attribute_writes, admin.attributes) == before


def test_without_the_right_a_write_is_refused_and_changes_nothing(
    read_only: tuple[RealmAdmin, Realm],
) -> None:
    admin, realm = read_only
    before = admin.attribute_writes, dict(admin.attributes)
    with pytest.raises(MissingRightError):
        realm.ensure_writable()
    with pytest.raises(MissingRightError):
        realm.write_attributes([AttributeSet("license.state", "OK")], unfenced)
    realm.write_attributes([], unfenced)
    assert (admin.attribute_writes, admin.attributes) == before
    assert realm.read([]).attributes == admin.attributes


def test_no_other_setting_of_a_real_realm_changes(make_realm: MakeRealm) -> None:
    real = make_realm(
        {
            "displayName": "Ústí",
            "smtpServer": {"host": "mail.example.com", "from": "a@example.com", "user": "u", "password": "p"},
            "passwordPolicy": "length(8) and notUsername",
            "supportedLocales": ["cs", "en"],
            "internationalizationEnabled": True,
            "ssoSessionIdleTimeout": 77,
            "bruteForceProtected": True,
            "failureFactor": 7,
            "oauth2DeviceCodeLifespan": 444,
            "oauth2DevicePollingInterval": 9,
            "clientSessionIdleTimeout": 66,
            "webAuthnPolicyRpEntityName": "Ústí",
            "browserSecurityHeaders": {"xFrameOptions": "DENY", "contentSecurityPolicy": "frame-src 'none'"},
            "attributes": {
                "parRequestUriLifespan": "99",
                "cibaExpiresIn": "240",
                "frontendUrl": "https://a.test",
            },
            "eventsListeners": ["jboss-logging"],
            "defaultGroups": ["/A"],
            "groups": [{"name": "A"}],
        }
    )
    before = real.get()
    ours = KeycloakRealm(connect_as_sidecar(real))
    ours.write_attributes([AttributeSet("license.state", "OK")], unfenced)
    after = real.get()
    written = {INSTALLATION_ID, "license.state"}
    assert after["attributes"].keys() - before["attributes"].keys() == written
    after["attributes"] = {name: value for name, value in after["attributes"].items() if name not in written}
    assert after == before


class Overwritten(KeycloakClient):
    """A client whose first writes are lost at once to another program that puts back what it had read."""

    def __init__(self, client: KeycloakClient, admin: RestAdmin, times: int) -> None:
        super().__init__(client.access, client.realm)
        self._admin, self._times = admin, times

    def put(self, path: str, body: Mapping[str, Any], attempt: Attempt = nullcontext) -> None:
        stale = dict(self._admin.attributes)
        super().put(path, body, attempt)
        if self._times:
            self._times -= 1
            self._admin.replace_attributes(stale | {"other.written": "yes"})


def test_a_write_that_another_program_undoes_is_repeated(make_realm: MakeRealm) -> None:
    real = make_realm()
    admin = RestAdmin(real)
    ours = KeycloakRealm(Overwritten(connect_as_sidecar(real), admin, times=1))
    ours.write_attributes([AttributeSet("license.state", "OK")], unfenced)
    assert admin.attributes.items() >= {"license.state": "OK", "other.written": "yes"}.items()


def test_a_write_that_is_undone_again_and_again_is_an_error(make_realm: MakeRealm) -> None:
    real = make_realm()
    ours = KeycloakRealm(Overwritten(connect_as_sidecar(real), RestAdmin(real), times=1000))
    with pytest.raises(UnavailableError, match="other program that writes realm attributes"):
        ours.write_attributes([AttributeSet("license.state", "OK")], unfenced)
