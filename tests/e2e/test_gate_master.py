"""Both modes where the sidecar logs in at the master realm, and its roles are in the other one."""

from pathlib import Path

from tests.e2e.cli import make_site
from tests.e2e.office import LICENSED, WFM_TEXT, Office, client, person
from tests.real.keycloak import MakeRealm

OWN = "sidecar-of-the-test"
REALM = {
    "roles": {"realm": [{"name": "WFM_AGENT"}, {"name": "QM_AGENT"}]},
    "clients": [client("wfm-app"), client("qm-app")],
    "users": [
        person("ann", "WFM_AGENT", createdTimestamp=1_700_000_000_001),
        person("bob", "WFM_AGENT", createdTimestamp=1_700_000_000_002),
    ],
}


def test_a_client_for_roles_is_made_in_the_realm_and_goes_with_the_mode(
    make_realm: MakeRealm, tmp_path: Path
) -> None:
    realm = make_realm(REALM)
    site = make_site(tmp_path / "site", realm, applications=LICENSED)
    site.settings["keycloak"] |= {"auth_realm": "master", "client_id": OWN}
    office = Office(site).choose("gate")
    assert f"Created client {OWN} for roles" in site.init().done().stdout
    office.license({"WFM": 1})
    assert office.gets_in(office.wfm, "ann")
    assert WFM_TEXT in office.enter(office.wfm, "bob").text
    assert all(line.startswith("ok") for line in site.call("doctor").done().stdout.splitlines())

    told = office.choose("disable").site.init().done().stdout
    assert "Removed flow license browser wfm-app" in told
    office.sync()
    assert office.gets_in(office.wfm, "ann")
    assert office.user("bob")["enabled"] is False

    assert f"Removed client {OWN} for roles" in office.choose("observe").site.init().done().stdout
    assert office.user("bob")["enabled"] is True
    site.init("--remove").done()
    assert realm.get("/clients", clientId=OWN) == []
    assert realm.api.get("/master/clients", clientId=OWN) == []
