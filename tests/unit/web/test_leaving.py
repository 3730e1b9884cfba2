"""Who is to be out is out: by his own wish, by the realm's, or by Keycloak's word."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from keycloak_license.web.site import digest
from tests.unit.web.booth import HOME, Booth, open_booth
from tests.unit.web.browser import SECRET_PAGES, Browser, is_in, sessions

REALMS = ("acme", "globex")


@pytest.fixture(scope="module")
def shared() -> Iterator[Booth]:
    with open_booth(realms=REALMS) as booth:
        yield booth


def test_after_a_logout_the_session_is_over(booth: Booth) -> None:
    browser = Browser(booth)
    browser.log_in()
    token = browser.session
    answer = browser.send("POST", f"{HOME}/logout", {"csrf_token": booth.csrf(token)})
    assert "/protocol/openid-connect/logout?" in answer.location
    assert not browser.session
    assert not any(is_in(booth, token, path) for path in SECRET_PAGES)


def test_somebody_gets_out_while_keycloak_is_away(booth: Booth) -> None:
    token = booth.sit()
    fields = {"csrf_token": booth.csrf(token)}
    booth.directory.is_down = True
    booth.pass_by(minutes=2)
    answer = booth.send("POST", f"{HOME}/logout", token, fields)
    assert (answer.status, urlsplit(answer.location).path) == (303, "/")
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert sessions(booth) == []
    assert [each.action.value for each in booth.site.audit.read("acme", 9)] == ["logout"]


def test_who_lost_the_role_gets_out_of_keycloak_as_well(booth: Booth) -> None:
    token = booth.sit()
    fields = {"csrf_token": booth.csrf(token)}
    booth.directory.managers.clear()
    booth.pass_by(minutes=2)
    answer = booth.send("POST", f"{HOME}/logout", token, fields)
    assert "id_token_hint=an+id+token" in answer.location
    assert sessions(booth) == []


def test_who_loses_the_role_is_out_within_a_minute(booth: Booth) -> None:
    token = booth.sit()
    booth.directory.managers.clear()
    booth.pass_by(seconds=59)
    answer = booth.send("GET", HOME, token)
    assert answer.status == 403
    assert "Workforce" not in answer.text
    assert not is_in(booth, token)
    # Nor does the role let a session in again that ended.
    booth.directory.managers.add("user-marta")
    assert not is_in(booth, token)


def test_who_loses_the_role_gives_no_orders_within_a_minute(booth: Booth) -> None:
    token = booth.sit()
    fields = {"csrf_token": booth.csrf(token), "expiry_notice_days": "9"}
    booth.directory.managers.clear()
    booth.pass_by(seconds=59)
    before = booth.world.everything()
    assert booth.send("POST", f"{HOME}/settings", token, fields).status == 403
    assert booth.world.everything() == before


def test_the_role_is_looked_up_again_when_the_clock_goes_back(booth: Booth) -> None:
    token = booth.sit()
    booth.pass_by(hours=-1)
    booth.directory.managers.clear()
    assert booth.send("GET", HOME, token).status == 403


def test_while_keycloak_is_away_nothing_is_shown_and_nobody_is_thrown_out(booth: Booth) -> None:
    token = booth.sit()
    booth.directory.is_down = True
    booth.pass_by(seconds=59)
    for path in SECRET_PAGES:
        answer = booth.send("GET", path, token)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
        assert "Workforce" not in answer.text
        assert answer.headers["Set-Cookie"] is None
    booth.directory.is_down = False
    assert is_in(booth, token)


def test_a_program_is_out_within_a_minute_as_well(booth: Booth) -> None:
    path = "/api/v1/realms/acme/license"
    bearer = {"Authorization": f"Bearer {booth.provider.sign(booth.provider.bearer())}"}
    assert booth.send("GET", path, headers=bearer).status == 200
    booth.directory.is_down = True
    booth.pass_by(seconds=59)
    assert booth.send("GET", path, headers=bearer).status == 503
    booth.directory.is_down = False
    booth.directory.managers.clear()
    assert booth.send("GET", path, headers=bearer).status == 403
    booth.directory.managers.add("user-marta")
    assert booth.send("GET", path, headers=bearer).status == 200


def test_a_light_token_lasts_as_long_as_its_session(booth: Booth) -> None:
    path = "/api/v1/realms/acme/license"
    light = booth.provider.bearer(sub=None, azp="admin-cli")
    bearer = {"Authorization": f"Bearer {booth.provider.sign(light)}"}
    booth.directory.sessions["admin-cli", "sid-marta"] = "user-marta"
    assert booth.send("GET", path, headers=bearer).status == 200
    booth.directory.sessions.clear()
    assert booth.send("GET", path, headers=bearer).status == 401
    nobody = booth.provider.sign(booth.provider.bearer(sub=None, sid=None))
    assert booth.send("GET", path, headers={"Authorization": f"Bearer {nobody}"}).status == 401


@pytest.mark.parametrize("scheme", ["", "Basic", "bearer:", "Token"])
def test_a_token_by_another_scheme_is_none(booth: Booth, scheme: str) -> None:
    token = booth.provider.sign(booth.provider.bearer())
    answer = booth.send("GET", "/api/v1/realms/acme/license", headers={"Authorization": f"{scheme} {token}"})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    by_query = f"/api/v1/realms/acme/license?access_token={token}"
    assert booth.send("GET", by_query, booth.sit()).status == 401


def end_at_keycloak(booth: Booth, realm: str = "acme", **claims: Any) -> int:
    token = booth.provider.sign(booth.provider.logout(**claims), typ="logout+jwt")
    path = f"/realms/{realm}/backchannel-logout"
    headers = {"Sec-Fetch-Site": ""}
    return booth.send("POST", path, body={"logout_token": token}, headers=headers).status


def test_keycloak_ends_the_sessions_of_its_own_session_and_no_others(booth: Booth) -> None:
    marta, otto, abroad = booth.sit("marta"), booth.sit("otto"), booth.sit("marta", "globex")
    assert end_at_keycloak(booth) == 200
    assert not is_in(booth, marta)
    assert is_in(booth, otto)
    assert booth.site.sessions.find(digest(abroad))
    again = booth.sit("otto")
    assert end_at_keycloak(booth, sid=None, sub="user-otto") == 200
    assert not is_in(booth, otto)
    assert not is_in(booth, again)


def test_a_logout_token_that_is_none_ends_nothing(booth: Booth) -> None:
    token = booth.sit()
    for claims in ({"nonce": "x"}, {"events": None}, {"aud": "portal"}, {"exp": 1}, {"iss": "x"}):
        assert end_at_keycloak(booth, **claims) == 400
    assert end_at_keycloak(booth, "nowhere") == 404
    for fields in ({}, {"logout_token": ""}, {"logout_token": "x" * 20_000}, {"token": "x"}):
        sent = booth.send("POST", f"{HOME}/backchannel-logout", body=fields)
        assert sent.status in {400, 422}
    assert is_in(booth, token)


def test_a_logout_that_was_seen_on_its_way_does_nothing_the_second_time(booth: Booth) -> None:
    booth.sit()
    assert end_at_keycloak(booth) == 200
    identity = sessions(booth)
    assert identity == []
    browser = Browser(booth)
    browser.come_back(browser.leave(), sid="the next one")
    assert end_at_keycloak(booth) == 200
    assert is_in(booth, browser.session)
