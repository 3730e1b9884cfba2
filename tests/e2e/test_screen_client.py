"""`init` makes the client by which people log in to the screen, and people do log in by it."""

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from keycloak_license.bootstrap import Admin, open_directory, open_provisioner
from keycloak_license.demo.example import EXAMPLE_ADMIN, MINIMUM_USERS, example_realm
from keycloak_license.settings import load_settings
from tests.e2e.cli import Site, make_site
from tests.e2e.office import LICENSED, PASSWORD, WFM_TEXT, Office, client, person
from tests.e2e.test_init import fingerprint, remove_client
from tests.real.keycloak import AdminApi, MakeRealm, RealRealm, temporary_realm
from tests.real.logins import App, Browser, Page

SCREEN = "keycloak-license-screen"
PUBLIC = {"public_url": "https://licences.example", "backchannel_url": "http://sidecar:8081"}
MOVED = {"public_url": "https://licences.elsewhere.example", "backchannel_url": "http://sidecar:8081"}
PEOPLE = {
    "internationalizationEnabled": True,
    "supportedLocales": ["en", "cs"],
    "roles": {"realm": [{"name": "WFM_AGENT"}, {"name": "QM_AGENT"}]},
    "clients": [client("wfm-app"), client("qm-app")],
    "users": [
        person("ann", "WFM_AGENT", createdTimestamp=1_700_000_000_001, attributes={"locale": ["cs"]}),
        person("bob", "WFM_AGENT", createdTimestamp=1_700_000_000_002),
    ],
}


@pytest.fixture
def site(make_realm: MakeRealm, tmp_path: Path) -> Site:
    return make_site(tmp_path / "site", make_realm(), web=PUBLIC)


def settings_of(realm: RealRealm, client_id: str = SCREEN) -> Mapping[str, Any]:
    [found] = realm.get("/clients", clientId=client_id)
    settings: Mapping[str, Any] = found
    return settings


def screen_of(site: Site) -> App:
    """The screen's client as the screen has it: from what the sidecar may read."""
    realm, settings = site.realm, load_settings(site.config, {})
    login = open_directory(settings, realm.name).login_client()
    callback = settings.web.address.callback(realm.name)
    return App(realm.api.url, realm.name, login.client_id, callback, login.secret)


def log_in(screen: App, username: str = "ann", **more: str) -> Page:
    return screen.log_in(Browser(screen.callback), username, PASSWORD, **more)


def test_a_second_run_changes_nothing_and_shows_no_secret(site: Site) -> None:
    first = site.init()
    made = settings_of(site.realm)
    site.realm.put("", {"adminEventsEnabled": True})
    second = site.init("--no-admin-events", "--json").document

    assert f"Created client {SCREEN}\n" in first.done().stdout
    assert made["secret"] not in first.stdout + first.stderr
    assert (second["created"], second["removed"]) == ([], [])
    assert site.realm.get("/admin-events") == []
    assert settings_of(site.realm) == made


def test_it_follows_the_addresses_and_keeps_its_secret(site: Site) -> None:
    site.init().done()
    before = settings_of(site.realm)
    told = site.configure(web=MOVED).init("--json").document

    assert told["created"] == [f"addresses of client {SCREEN}"]
    after = settings_of(site.realm)
    address = f"{MOVED['public_url']}/realms/{site.realm.name}/callback"
    assert (after["redirectUris"], after["webOrigins"]) == ([address], [])
    assert after["baseUrl"] == after["attributes"]["post.logout.redirect.uris"] == f"{MOVED['public_url']}/"
    assert (
        after["attributes"]["backchannel.logout.url"]
        == f"http://sidecar:8081/realms/{site.realm.name}/backchannel-logout"
    )
    kept = {"redirectUris", "baseUrl", "attributes"}
    assert {name: after[name] for name in after.keys() - kept} == {
        name: before[name] for name in before.keys() - kept
    }
    assert site.init("--json").document["created"] == []


def test_what_somebody_has_changed_is_put_right_and_doctor_tells(site: Site) -> None:
    site.init().done()
    uuid = site.realm.client_uuid(SCREEN)
    [scope] = [each for each in site.realm.get("/client-scopes") if each["name"] == "profile"]
    site.realm.delete(f"/clients/{uuid}/default-client-scopes/{scope['id']}")
    weak = {"directAccessGrantsEnabled": True, "attributes": {"pkce.code.challenge.method": ""}}
    site.realm.put(f"/clients/{uuid}", weak)
    is_ok, detail = checked(site)
    assert not is_ok
    # That PUT has made up web origins, too.
    wrong = "directAccessGrantsEnabled, pkce.code.challenge.method, webOrigins, profile"
    assert f"({wrong}): run keycloak-license init" in detail

    mended = ("settings", "addresses", "scope profile")
    assert site.init("--json").document["created"] == [f"{what} of client {SCREEN}" for what in mended]
    assert site.init("--json").document["created"] == []
    assert checked(site) == (True, f"people log in to {PUBLIC['public_url']}/ by client {SCREEN}")


def test_a_client_of_somebody_else_stays_and_nothing_is_made(make_realm: MakeRealm, tmp_path: Path) -> None:
    realm = make_realm({"clients": [{"clientId": SCREEN, "secret": "theirs", "name": "Theirs"}]})
    site = make_site(tmp_path / "site", realm)
    before, theirs = fingerprint(realm), settings_of(realm)

    assert f"{SCREEN} that keycloak-license did not make" in site.init().refused(2)
    assert fingerprint(realm) == before

    site.configure(web={"enabled": False}).init().done()
    site.init("--remove").done()
    assert fingerprint(realm) == before
    assert settings_of(realm) == theirs


def test_without_a_screen_it_is_not_made_and_goes_where_it_was(site: Site) -> None:
    site.init().done()
    site.configure(web={"enabled": False})
    assert site.init("--json").document["removed"] == [f"client {SCREEN}"]
    assert site.realm.get("/clients", clientId=SCREEN) == []
    assert "screen" not in {each["name"] for each in site.call("doctor", "--json").document["checks"]}

    site.configure()
    is_ok, detail = checked(site)
    assert not is_ok
    assert f"no client {SCREEN} for logins to the screen: run keycloak-license init" in detail


def test_remove_takes_it_out(site: Site) -> None:
    before = fingerprint(site.realm)
    site.init().done()
    assert f"client {SCREEN}" in site.init("--remove", "--json").document["removed"]
    assert fingerprint(site.realm) == before


def test_it_is_in_the_managed_realm_where_the_sidecar_logs_in_to_master(
    make_realm: MakeRealm, keycloak: AdminApi, tmp_path: Path
) -> None:
    realm, master = make_realm(), RealRealm("master", "master", keycloak)
    own = f"sidecar-{uuid4().hex[:8]}"
    site = make_site(tmp_path / "site", realm, web=PUBLIC)
    site.settings["keycloak"] |= {"auth_realm": "master", "client_id": own}
    with ExitStack() as clean_up:
        clean_up.callback(remove_client, master, own)
        created = site.configure().init("--json").document["created"]
        assert f"client {own}-screen" in created
        assert settings_of(realm, f"{own}-screen")["redirectUris"]
        assert master.get("/clients", clientId=f"{own}-screen") == []
        assert checked(site)[0]
        assert site.init("--json").document["created"] == []

        assert f"client {own}-screen" in site.init("--remove", "--json").document["removed"]
        assert realm.get("/clients", clientId=f"{own}-screen") == []


@pytest.fixture(scope="module")
def house(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Ann has the one seat, and bob waits for it."""
    with temporary_realm(keycloak, PEOPLE) as realm:
        folder = tmp_path_factory.mktemp("screen") / "site"
        office = Office(make_site(folder, realm, applications=LICENSED, web=PUBLIC)).choose("observe")
        office.site.init().done()
        office.license({"WFM": 1, "QM": 1})
        yield office


def test_a_login_by_code_and_pkce_tells_who_it_is(house: Office) -> None:
    screen = screen_of(house.site)
    verifier = secrets.token_urlsafe(48)
    page = log_in(screen, nonce="n-1", **challenge(verifier))
    tokens = screen.redeem(page, code_verifier=verifier)

    claims = claims_of(tokens.answer["id_token"])
    assert claims["sub"] == house.realm.user_id("ann")
    assert (claims["preferred_username"], claims["locale"], claims["nonce"]) == ("ann", "cs", "n-1")
    assert (claims["aud"], claims["azp"]) == (SCREEN, SCREEN)
    sessions = house.realm.get(f"/clients/{house.realm.client_uuid(SCREEN)}/user-sessions")
    assert claims["sid"] in {each["id"] for each in sessions}
    assert "realm_access" not in claims_of(tokens.answer["access_token"])


def test_a_login_without_pkce_is_refused(house: Office) -> None:
    screen = screen_of(house.site)
    assert log_in(screen).sent["error"] == "invalid_request"
    plain = log_in(screen, code_challenge="x" * 43, code_challenge_method="plain")
    assert (plain.code, plain.sent["error"]) == (None, "invalid_request")

    page = log_in(screen, **challenge(secrets.token_urlsafe(48)))
    assert screen.redeem(page, code_verifier=secrets.token_urlsafe(48)).answer["error"] == "invalid_grant"


def test_there_is_no_other_way_in(house: Office) -> None:
    screen = screen_of(house.site)
    assert screen.direct_grant("ann", PASSWORD).answer["error"] == "unauthorized_client"
    assert "error" in screen.start_device()
    aside = screen.authorization_url(redirect_uri=f"{screen.callback}/aside", **challenge("v"))
    assert Browser(screen.callback).open(aside).status == 400


@pytest.mark.parametrize("mode", ["observe", "gate", "disable"])
def test_no_mode_closes_the_screen(house: Office, mode: str) -> None:
    house.choose(mode).site.init().done()
    kinds = {each["kind"] for each in house.sync()}
    if mode == "gate":
        assert WFM_TEXT in house.enter(house.wfm, "bob").text
    if mode == "disable":
        assert "user_disabled" in kinds

    screen = screen_of(house.site)
    for who in ("ann", "bob") if mode != "disable" else ("ann",):
        assert log_in(screen, who, **challenge(secrets.token_urlsafe(48))).code, who
    assert settings_of(house.realm)["authenticationFlowBindingOverrides"] == {}
    assert checked(house.site)[0]


def test_an_application_cannot_have_it_among_its_clients(house: Office) -> None:
    wrong = LICENSED | {"WFM": LICENSED["WFM"] | {"clients": [SCREEN]}}
    house.site.configure(applications=wrong)
    assert f"without {SCREEN}: that client is ours" in house.site.call("sync").refused(2)
    house.site.configure()


def test_who_is_appointed_in_the_example_can_log_in_and_manages_licences(
    make_realm: MakeRealm, tmp_path: Path
) -> None:
    realm = make_realm(example_realm("example", MINIMUM_USERS, PASSWORD))
    site = make_site(tmp_path / "site", realm, web=PUBLIC)
    site.init().done()
    settings, user = load_settings(site.config, {}), realm.user_id(EXAMPLE_ADMIN)
    directory = open_directory(settings, realm.name)
    assert not directory.is_license_manager(user)

    admin = Admin(realm.api.user, realm.api.password)
    open_provisioner(settings, realm.name, admin).appoint(EXAMPLE_ADMIN)
    assert directory.is_license_manager(user)
    page = log_in(screen_of(site), EXAMPLE_ADMIN, **challenge(secrets.token_urlsafe(48)))
    assert page.code, page.text
    assert site.init("--json").document["created"] == []


def checked(site: Site) -> tuple[bool, str]:
    """What `doctor` says of the screen."""
    document = json.loads(site.call("doctor", "--json").stdout)
    [found] = [each for each in document["checks"] if each["name"] == "screen"]
    return found["ok"], found["detail"]


def challenge(verifier: str) -> dict[str, str]:
    """What a login sends of a PKCE verifier."""
    digest = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    return {"code_challenge": digest, "code_challenge_method": "S256"}


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
