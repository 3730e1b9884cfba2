"""Mode `gate` for people who log in through another realm: they never reach a client's own flow."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.office import EXPIRED_TEXT, PASSWORD, WFM_TEXT, Office, client, open_office, person
from tests.e2e.test_gate_flows import add_step, flow_id, make_flow
from tests.real.keycloak import AdminApi, RealRealm, temporary_realm
from tests.real.logins import App, Browser, Page

SECRET = "between the realms"
OWN_TEXT = "Not on a Sunday."


@pytest.fixture(scope="module")
def company(keycloak: AdminApi) -> Iterator[RealRealm]:
    """The realm where people have their accounts."""
    broker = client("broker", publicClient=False, secret=SECRET)
    people = [person("dora"), person("emil")]
    with temporary_realm(keycloak, {"users": people, "clients": [broker]}) as realm:
        yield realm


@pytest.fixture
def office(keycloak: AdminApi, tmp_path: Path, company: RealRealm) -> Iterator[Office]:
    """One seat of WFM; nobody has it, and there is a way in from the company."""
    providers = [provider_of(company)]
    with open_office(keycloak, tmp_path / "site", "gate", identityProviders=providers) as made:
        made.license({"WFM": 1, "QM": 1})
        yield made


def provider_of(company: RealRealm, alias: str = "company") -> dict[str, Any]:
    endpoint = f"{company.api.url}/realms/{company.name}/protocol/openid-connect"
    return {
        "alias": alias,
        "providerId": "keycloak-oidc",
        "enabled": True,
        "trustEmail": True,
        "config": {
            "clientId": "broker",
            "clientSecret": SECRET,
            "clientAuthMethod": "client_secret_post",
            "authorizationUrl": f"{endpoint}/auth",
            "tokenUrl": f"{endpoint}/token",
            "jwksUrl": f"{endpoint}/certs",
            "issuer": f"{company.api.url}/realms/{company.name}",
            "validateSignature": "true",
            "useJwksUrl": "true",
            "syncMode": "IMPORT",
            "defaultScope": "openid profile email",
        },
    }


def enter(app: App, username: str, browser: Browser | None = None) -> Page:
    """Log in through the company, without a look at the application's own form."""
    browser = browser or Browser()
    page = browser.open(app.authorization_url(kc_idp_hint="company"))
    return browser.submit(page, {"username": username, "password": PASSWORD})


def assert_told_and_open(office: Office) -> None:
    """Who has no seat comes in, and the admin hears of it."""
    assert office.leaves_shared_doors_open()
    assert enter(office.wfm, "dora").code


def test_who_comes_through_another_realm_needs_a_seat_as_well(
    office: Office, tells_clients_apart: bool
) -> None:
    assert enter(office.other, "dora").code, "the first login makes the account"
    assert enter(office.other, "emil").code
    if not tells_clients_apart:
        assert_told_and_open(office)
        return
    assert WFM_TEXT in enter(office.wfm, "dora").text

    office.hire("dora", "WFM_AGENT")
    office.sync()
    office.hire("emil", "WFM_AGENT")
    office.sync()
    tokens = office.wfm.redeem(enter(office.wfm, "dora"))
    assert tokens.are_granted
    assert WFM_TEXT in enter(office.wfm, "emil").text
    assert enter(office.other, "emil").code

    office.expire({"WFM": 1, "QM": 1})
    assert EXPIRED_TEXT in enter(office.wfm, "dora").text
    assert not office.wfm.refresh(tokens).are_granted
    assert enter(office.other, "dora").code

    office.license({"WFM": 1, "QM": 1})
    assert enter(office.wfm, "dora").code
    office.fire("dora", "WFM_AGENT")
    office.sync()
    assert WFM_TEXT in enter(office.wfm, "dora").text
    assert enter(office.wfm, "emil").code


def test_what_the_provider_asks_after_a_login_is_still_asked_and_comes_back(
    office: Office, tells_clients_apart: bool
) -> None:
    realm = office.realm
    own = make_flow(realm, "after company", top=True)
    add_step(realm, own, "REQUIRED", authenticator="allow-access-authenticator")
    deny = add_step(realm, own, "REQUIRED", authenticator="deny-access-authenticator")
    config = {"alias": "sunday", "config": {"denyErrorMessage": OWN_TEXT}}
    realm.post(f"/authentication/executions/{deny}/config", config)
    path = "/identity-provider/instances/company"
    realm.put(path, realm.get(path) | {"postBrokerLoginFlowAlias": "after company"})

    office.sync()
    assert OWN_TEXT in enter(office.wfm, "dora").text
    assert office.sync() == []
    if not tells_clients_apart:
        assert realm.get(path)["postBrokerLoginFlowAlias"] == "after company"
        return

    realm.delete(f"/authentication/executions/{deny}")
    assert "gate_made" in [each["kind"] for each in office.sync()]
    assert WFM_TEXT in enter(office.wfm, "dora").text
    assert enter(office.other, "dora").code, "the secret of the provider is the same"

    office.choose("observe").sync()
    assert realm.get(path)["postBrokerLoginFlowAlias"] == "after company"
    assert flow_id(realm, "after company") == own
    assert office.own_names() == set()
    assert enter(office.wfm, "dora").code


@pytest.mark.slow
def test_a_new_provider_is_no_way_round_the_gate(office: Office, company: RealRealm) -> None:
    office.realm.post("/identity-provider/instances", provider_of(company, "second"))
    assert [each["kind"] for each in office.sync()] == ["door_bound"]

    browser = Browser()
    page = browser.open(office.wfm.authorization_url(kc_idp_hint="second"))
    assert WFM_TEXT in browser.submit(page, {"username": "dora", "password": PASSWORD}).text
