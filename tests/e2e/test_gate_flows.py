"""Mode `gate` and what admins do to flows: theirs stay as they are, and ours are mended."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.office import CONTACT, PASSWORD, WFM_TEXT, Office, client, open_office, person
from tests.real.keycloak import AdminApi, RealRealm
from tests.real.logins import Browser
from tests.real.otp import one_time_password, otp_credential

OTP_CREDENTIALS = [{"type": "password", "value": PASSWORD}, otp_credential()]
PEOPLE = [
    person("ann", "WFM_AGENT", createdTimestamp=1_700_000_000_001, credentials=OTP_CREDENTIALS),
    person("bob", "WFM_AGENT", createdTimestamp=1_700_000_000_002, credentials=OTP_CREDENTIALS),
    person("carl", "WFM_AGENT", createdTimestamp=1_700_000_000_003),
]


@pytest.fixture
def office(keycloak: AdminApi, tmp_path: Path) -> Iterator[Office]:
    """Ann has the one seat of WFM; wfm-app asks everybody for a one-time password, qm-app does not."""
    with open_office(keycloak, tmp_path / "site", "gate", users=PEOPLE) as made:
        add_strict_flow(made.realm, "strict 2 factors")
        bind(made.realm, "wfm-app", browser="strict 2 factors")
        made.license({"WFM": 1, "QM": 1})
        yield made


def add_strict_flow(realm: RealRealm, alias: str) -> None:
    """Make a flow that wants password and one-time password of everybody without a session."""
    top = make_flow(realm, alias, top=True)
    forms = make_flow(realm, f"{alias} forms")
    add_step(realm, top, "ALTERNATIVE", authenticator="auth-cookie")
    add_step(realm, top, "ALTERNATIVE", flow=forms)
    add_step(realm, forms, "REQUIRED", authenticator="auth-username-password-form")
    add_step(realm, forms, "REQUIRED", authenticator="auth-otp-form")


def make_flow(realm: RealRealm, alias: str, *, top: bool = False) -> str:
    body = {"alias": alias, "providerId": "basic-flow", "topLevel": top, "builtIn": False}
    return str(realm.post("/authentication/flows", body))


def add_step(
    realm: RealRealm, parent: str, requirement: str, *, authenticator: str = "", flow: str = ""
) -> str:
    place = len(realm.get(f"/authentication/flows/{parent}")["authenticationExecutions"])
    what: dict[str, Any] = {"authenticator": authenticator} if authenticator else {"authenticatorFlow": True}
    if flow:
        what["flowId"] = flow
    step = {"parentFlow": parent, "requirement": requirement, "priority": place, **what}
    return str(realm.post("/authentication/executions", step))


def flow_id(realm: RealRealm, alias: str) -> str:
    [found] = (flow["id"] for flow in realm.get("/authentication/flows") if flow["alias"] == alias)
    return str(found)


def bind(realm: RealRealm, client_id: str, **doors: str) -> None:
    """Bind flows by alias to the doors of a client; an empty alias takes a binding away."""
    wanted = {kind: alias and flow_id(realm, alias) for kind, alias in doors.items()}
    realm.put(f"/clients/{realm.client_uuid(client_id)}", {"authenticationFlowBindingOverrides": wanted})


def test_a_login_that_asks_for_a_one_time_password_still_does(office: Office) -> None:
    browser = Browser()
    page = office.enter(office.wfm, "ann", browser)
    assert "One-time code" in page.text
    assert page.code is None
    assert browser.submit(page, {"otp": one_time_password()}).code

    refused = Browser()
    page = office.enter(office.wfm, "bob", refused)
    assert "One-time code" in page.text
    assert WFM_TEXT in refused.submit(page, {"otp": one_time_password()}).text


def test_a_change_of_the_flow_behind_the_gate_is_noticed_and_the_gate_renewed(office: Office) -> None:
    realm = office.realm
    assert office.sync() == []
    first = office.bindings("wfm-app")["browser"]
    [forms] = (
        each["id"]
        for each in realm.get("/authentication/flows/strict%202%20factors/executions")
        if each.get("providerId") == "auth-otp-form"
    )
    realm.delete(f"/authentication/executions/{forms}")

    kinds = [each["kind"] for each in office.sync()]
    assert kinds == ["gate_made", "gate_removed"]
    assert office.bindings("wfm-app")["browser"] != first
    assert office.gets_in(office.wfm, "ann")
    assert WFM_TEXT in office.enter(office.wfm, "bob").text
    assert office.sync() == []


def test_what_the_realm_itself_asks_for_is_followed_too(office: Office) -> None:
    """qm-app has no flow of its own, so that a new default of the realm counts for it."""
    office.hire("ann", "QM_AGENT")
    office.sync()
    assert office.gets_in(office.qm, "ann") is False  # she has a telephone, and the realm asks for it
    office.realm.put("", {"browserFlow": "strict 2 factors"})
    assert [each["kind"] for each in office.sync()] == ["gate_made", "gate_removed"]

    browser = Browser()
    page = office.enter(office.qm, "ann", browser)
    assert browser.submit(page, {"otp": one_time_password()}).code


def test_a_gate_that_somebody_has_opened_is_closed_again(office: Office) -> None:
    realm = office.realm
    bind(realm, "wfm-app", browser="", direct_grant="")
    assert office.gets_in(office.wfm, "carl")

    assert sorted(each["kind"] for each in office.sync()) == [
        "door_bound",
        "gate_made",
        "gate_removed",
        "tokens_revoked",
    ]
    assert WFM_TEXT in office.enter(office.wfm, "carl").text
    assert office.wfm.direct_grant("carl", PASSWORD).status == 401
    assert office.sync() == []


def test_missing_roles_are_made_again_with_everybody_who_had_them_and_it_is_said(office: Office) -> None:
    realm = office.realm
    own = realm.client_uuid("keycloak-license")
    realm.delete(f"/clients/{own}/roles/access-WFM")
    realm.delete(f"/clients/{own}/roles/seat-WFM")
    outcome = office.site.call("sync", "--json").done()
    assert any(
        "The gate of WFM let everybody in for want of access-WFM and seat-WFM" in each
        for each in outcome.document["warnings"]
    )
    assert [each["username"] for each in realm.get(f"/clients/{own}/roles/seat-WFM/users")] == ["ann"]
    assert office.sync() == []


@pytest.mark.slow
def test_a_role_of_ours_that_is_handed_on_lets_nobody_in_for_long(office: Office) -> None:
    realm = office.realm
    own = realm.client_uuid("keycloak-license")
    access = realm.get(f"/clients/{own}/roles/access-WFM")
    default = realm.get()["defaultRole"]["id"]
    realm.post(f"/roles-by-id/{default}/composites", [access])
    group = realm.post("/groups", {"name": "FRIENDS"})
    realm.post(f"/groups/{group}/role-mappings/clients/{own}", [realm.get(f"/clients/{own}/roles/seat-WFM")])
    realm.post(f"/users/{realm.user_id('carl')}/role-mappings/clients/{own}", [access])

    warnings = office.site.call("sync", "--json").document["warnings"]
    assert sum("The gate let people in without a seat" in each for each in warnings) == 2
    assert realm.get(f"/clients/{own}/roles/access-WFM/users") == []
    assert realm.get(f"/clients/{own}/roles/seat-WFM/groups") == []
    assert access["id"] not in {each["id"] for each in realm.get(f"/roles-by-id/{default}/composites")}
    assert office.sync() == []


@pytest.mark.parametrize("way", ["sync", pytest.param("init", marks=pytest.mark.slow), "remove"])
def test_leaving_the_mode_gives_the_clients_back_what_they_had(office: Office, way: str) -> None:
    realm = office.realm
    before = realm.get("/authentication/flows")
    foreign = [flow for flow in before if not flow["alias"].startswith("license ")]
    if way == "remove":
        office.site.init("--remove").done()
    else:
        office.choose("observe")
        if way == "init":
            office.site.init().done()
        else:
            office.sync()

    assert office.bindings("wfm-app") == {"browser": "strict 2 factors"}
    assert office.bindings("qm-app") == {}
    assert office.own_names() == set()
    assert realm.get("/authentication/flows") == foreign
    [wfm] = realm.get("/clients", clientId="wfm-app")
    assert not any(name.startswith("license") for name in wfm["defaultClientScopes"])
    if way != "remove":
        assert office.sync() == []


@pytest.mark.slow
def test_a_client_that_does_not_exist_is_told_and_gated_once_it_does(office: Office) -> None:
    applications = office.site.settings["applications"]
    applications["WFM"] = applications["WFM"] | {"clients": ["wfm-app", "http://wfm/app: new"]}
    office.site.configure()
    warnings = office.site.call("sync", "--json").document["warnings"]
    assert any("names http://wfm/app: new, and realm" in each for each in warnings)

    office.realm.post("/clients", client("http://wfm/app: new"))
    office.sync()
    refused = office.enter(office.app("http://wfm/app: new"), "carl")
    assert f"Please ask {CONTACT}" in refused.text
