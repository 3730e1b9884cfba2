"""What we change of an application's client leaves everything else of it as it was."""

from typing import Any

import pytest

from keycloak_license.model.enforcement import Enforcement
from keycloak_license.model.gate import Door, DoorKind, Flow, NamedFlow
from keycloak_license.model.measures import DoorBound, TokensRevoked
from tests.contract.enforced import provision
from tests.real.keycloak import MakeRealm, RealRealm

FRONT_DOOR = Door(DoorKind.BROWSER, "wfm-app")
APPLICATION = {
    "clientId": FRONT_DOOR.name,
    "name": "Workforce Management",
    "publicClient": False,
    "secret": "only-for-this-test",
    "serviceAccountsEnabled": True,
    "authorizationServicesEnabled": True,
    "fullScopeAllowed": False,
    "redirectUris": ["https://wfm.test/*"],
    "attributes": {"post.logout.redirect.uris": "https://wfm.test/bye"},
    "protocolMappers": [
        {"name": "who", "protocol": "openid-connect", "protocolMapper": "oidc-sub-mapper", "config": {}}
    ],
}


@pytest.mark.parametrize("origins", [["https://elsewhere.test"], []], ids=["origins", "no origins"])
def test_closing_and_cutting_off_a_client_leaves_its_robot_its_rights_and_all_its_settings(
    make_realm: MakeRealm, origins: list[str]
) -> None:
    real = make_realm()
    uuid = real.post("/clients", APPLICATION)
    # As an admin leaves them: a client that is made without any gets those of its addresses.
    real.put(f"/clients/{uuid}", {**real.get(f"/clients/{uuid}"), "webOrigins": origins})
    real.post(f"/clients/{uuid}/authz/resource-server/resource", {"name": "schedule"})
    robot = real.get(f"/clients/{uuid}/service-account-user")["id"]
    real.post("/roles", {"name": "WFM_AGENT"})
    real.post(f"/users/{robot}/role-mappings/realm", [real.get("/roles/WFM_AGENT")])
    made = provision(real, Enforcement.GATE)
    before = everything_of(real, uuid)

    [flow] = [each for each in real.get("/authentication/flows") if each["alias"] == "browser"]
    through = NamedFlow(flow["id"], "browser", Flow(()))
    made.enforce(DoorBound(FRONT_DOOR, through), TokensRevoked(FRONT_DOOR.name))
    bound = everything_of(real, uuid)
    made.enforce(DoorBound(FRONT_DOOR, None))

    changed = {name for name in bound["settings"] if bound["settings"][name] != before["settings"].get(name)}
    assert changed == {"authenticationFlowBindingOverrides", "notBefore"}
    kept = {"notBefore": bound["settings"]["notBefore"]}
    assert everything_of(real, uuid) == before | {"settings": before["settings"] | kept}
    assert robot == before["robot"]["id"]


def everything_of(real: RealRealm, uuid: str) -> dict[str, Any]:
    robot = real.get(f"/clients/{uuid}/service-account-user")
    return {
        "settings": {name: in_order(value) for name, value in real.get(f"/clients/{uuid}").items()},
        "robot": robot,
        "rights": {role["name"] for role in real.get(f"/users/{robot['id']}/role-mappings/realm")},
        "resources": {each["name"] for each in real.get(f"/clients/{uuid}/authz/resource-server/resource")},
    }


def in_order(value: Any) -> Any:
    """Lists of names, which Keycloak tells in any order."""
    is_names = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return sorted(value) if is_names else value
