"""Who sits at a browser: sessions that are stolen, guessed, planted, outlived or lost."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from keycloak_license.model.session import ScreenSession
from keycloak_license.web.site import digest
from tests.unit.web.booth import HOME, LOGIN, SESSION, Answer, Booth, open_booth

REALMS = ("acme", "globex")
SECRET_PAGES = (HOME, f"{HOME}/applications/WFM", f"{HOME}/applications/WFM/members.csv", f"{HOME}/sync")


@pytest.fixture(scope="module")
def shared() -> Iterator[Booth]:
    with open_booth(realms=REALMS) as booth:
        yield booth


@pytest.fixture
def booth(shared: Booth) -> Booth:
    shared.begin_anew()
    return shared


@dataclass
class Browser:
    """A browser that logs in, step by step."""

    booth: Booth
    cookies: dict[str, str] = field(default_factory=dict)
    raw_cookies: list[str] = field(default_factory=list)

    def get(self, path: str) -> Answer:
        return self.send("GET", path)

    def send(self, method: str, path: str, body: dict[str, str] | None = None) -> Answer:
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        answer = self.booth.send(method, path, body=body, headers=sent)
        for text in answer.headers.get_all("Set-Cookie") or []:
            self.raw_cookies.append(text)
            for name, morsel in SimpleCookie(text).items():
                self.cookies.pop(name, None)
                if morsel.value:
                    self.cookies[name] = morsel.value
        return answer

    def leave(self, realm: str = "acme", **query: str) -> dict[str, str]:
        """Go to Keycloak; return what it is asked, of which it signs the nonce."""
        more = "&".join(f"{name}={value}" for name, value in query.items())
        asked = parse_qs(urlsplit(self.get(f"/realms/{realm}/login?{more}").location).query)
        return {name: values[0] for name, values in asked.items()}

    def come_back(
        self, asked: dict[str, str], who: str = "marta", realm: str = "acme", **claims: Any
    ) -> Answer:
        """Come back as somebody who has logged in there."""
        fake = self.booth.provider
        told = {"nonce": asked["nonce"], "sub": f"user-{who}", "preferred_username": who}
        fake.id_token = fake.sign(fake.id_claims(**told | claims))
        return self.get(f"/realms/{realm}/callback?code=good&state={asked['state']}")

    def log_in(self, who: str = "marta") -> Answer:
        return self.come_back(self.leave(), who)

    @property
    def session(self) -> str:
        return self.cookies.get(SESSION, "")


def is_in(booth: Booth, token: str, path: str = HOME) -> bool:
    """Whether a cookie opens a page; what is closed leads to the login."""
    answer = booth.send("GET", path, token)
    assert answer.status in {200, 303}
    assert (answer.status == 303) == ("/login?" in answer.location)
    return answer.status == 200


def sessions(booth: Booth) -> list[ScreenSession]:
    return list(booth.world.ledger.sessions._sessions.values())


def test_a_login_lets_in_and_its_cookies_are_shown_to_nobody_else(booth: Booth) -> None:
    browser = Browser(booth)
    answer = browser.log_in()
    assert (answer.status, answer.location) == (303, HOME)
    assert is_in(booth, browser.session)
    kept = [text for text in browser.raw_cookies if "Max-Age=0" not in text]
    assert [text.partition("=")[0] for text in kept] == [LOGIN, SESSION]
    browser.send("POST", "/preferences", {"language": "cs", "theme": "dark"})
    for text in browser.raw_cookies:
        name, _, attributes = text.partition("=")
        found = {each.strip().lower().partition("=")[0] for each in attributes.split(";")[1:]}
        assert name.startswith("__Host-"), text
        assert found >= {"secure", "httponly", "path", "samesite"}, text
        assert "domain" not in found
        assert "samesite=lax" in text.lower()
        assert "path=/;" in text.lower() + ";"


def test_what_a_browser_holds_is_long_new_and_not_in_the_ledger(booth: Booth) -> None:
    held = []
    for _ in range(3):
        browser = Browser(booth)
        browser.leave()
        held.append(browser.cookies[LOGIN])
        browser.log_in()
        held.append(browser.session)
    assert len(set(held)) == len(held)
    assert all(len(each) >= 43 for each in held)
    ledger = repr(vars(booth.world.ledger.sessions)) + repr([vars_of(each) for each in sessions(booth)])
    assert not any(each in ledger for each in held)
    assert "the client's secret" not in ledger


def vars_of(session: ScreenSession) -> list[str]:
    """Everything that is kept of a session, secrets included."""
    return [str(getattr(session, name)) for name in session.__slots__]


@pytest.mark.parametrize("planted", ["chosen by somebody", "x" * 43, ""])
def test_a_cookie_that_was_planted_is_no_session_before_or_after_a_login(booth: Booth, planted: str) -> None:
    browser = Browser(booth, {SESSION: planted, LOGIN: planted})
    assert browser.get(HOME).status == 303
    browser.log_in()
    assert browser.session != planted
    assert is_in(booth, browser.session)
    assert not is_in(booth, planted)
    assert digest(planted) not in {each.key for each in sessions(booth)}


def test_a_login_attempt_that_was_planted_does_not_become_the_victims_session(booth: Booth) -> None:
    thief = Browser(booth)
    asked = thief.leave()
    victim = Browser(booth, {LOGIN: thief.cookies[LOGIN]})
    victim.come_back(asked)
    assert is_in(booth, victim.session)
    assert not thief.session
    assert not is_in(booth, thief.cookies[LOGIN])


def test_a_login_ends_the_session_before_it(booth: Booth) -> None:
    browser = Browser(booth)
    browser.log_in()
    before = browser.session
    browser.log_in()
    assert browser.session != before
    assert not is_in(booth, before)
    assert len(sessions(booth)) == 1


def test_a_login_without_the_role_ends_the_session_before_it_too(booth: Booth) -> None:
    browser = Browser(booth)
    browser.log_in()
    before = browser.session
    assert browser.log_in("otto").status == 403
    assert not browser.session
    assert not is_in(booth, before)


@pytest.mark.parametrize(
    "guess", ["key", "key of a login", "user id", "sid", "csrf token", "id token", "long", "odd"]
)
def test_nothing_that_is_kept_or_guessed_opens_a_session(booth: Booth, guess: str) -> None:
    token = booth.sit()
    Browser(booth).leave()
    [session] = sessions(booth)
    [attempt] = booth.world.ledger.sessions._attempts.values()
    guesses = {
        "key": session.key,
        "key of a login": attempt.key,
        "user id": session.user_id,
        "sid": session.sid,
        "csrf token": session.csrf_token,
        "id token": session.id_token,
        "long": token + "A",
        "odd": "%" + token,
    }
    for path in SECRET_PAGES:
        assert not is_in(booth, guesses[guess], path)
        assert is_in(booth, token, path)


def test_a_session_under_another_cookie_name_is_none(booth: Booth) -> None:
    token = booth.sit()
    for name in ("keycloak-license", "__Secure-keycloak-license", LOGIN, "__host-keycloak-license"):
        answer = booth.send("GET", HOME, headers={"Cookie": f"{name}={token}"})
        assert answer.status == 303


def test_a_session_of_one_realm_opens_no_other(booth: Booth) -> None:
    token = booth.sit(realm="acme")
    assert booth.send("GET", "/realms/globex", token).status == 303
    fields = {"csrf_token": booth.csrf(token)}
    assert booth.send("POST", "/realms/globex/sync", token, fields).status == 303
    assert is_in(booth, token)


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


def test_a_session_nobody_uses_is_over_after_half_an_hour(booth: Booth) -> None:
    token = booth.sit()
    booth.pass_by(minutes=29)
    assert is_in(booth, token)
    booth.pass_by(minutes=29)
    assert is_in(booth, token)
    booth.pass_by(minutes=30)
    assert not is_in(booth, token)
    booth.pass_by(minutes=-30)
    assert not is_in(booth, token)


def test_every_session_is_over_after_ten_hours(booth: Booth) -> None:
    token = booth.sit()
    for _ in range(23):
        booth.pass_by(minutes=25)
        assert is_in(booth, token)
    booth.pass_by(minutes=25)
    assert not is_in(booth, token)


def test_a_login_takes_ten_minutes_at_most(booth: Booth) -> None:
    in_time, late = Browser(booth), Browser(booth)
    first, second = in_time.leave(), late.leave()
    booth.pass_by(minutes=10)
    assert in_time.come_back(first).status == 303
    booth.pass_by(seconds=1)
    assert late.come_back(second).status == 400
    assert not late.session


def test_somebody_elses_answer_does_not_log_a_browser_in(booth: Booth) -> None:
    thief, innocent, busy = Browser(booth), Browser(booth), Browser(booth)
    asked = thief.leave()
    assert innocent.come_back(asked).status == 400
    busy.leave()
    assert busy.come_back(asked).status == 400
    assert not innocent.session
    assert not busy.session
    # It was not used up by those to whom it did not belong.
    assert thief.come_back(asked).status == 303


def test_an_answer_with_the_nonce_of_another_login_is_refused(booth: Booth) -> None:
    browser = Browser(booth)
    asked = browser.leave()
    assert browser.come_back(asked, nonce="of another login").status == 400
    assert not browser.session


def test_an_answer_counts_once(booth: Booth) -> None:
    browser = Browser(booth)
    asked = browser.leave()
    login = browser.cookies[LOGIN]
    browser.come_back(asked)
    again = Browser(booth, {LOGIN: login})
    assert again.come_back(asked).status == 400
    assert not again.session


def test_a_wrong_answer_uses_the_login_up(booth: Booth) -> None:
    browser = Browser(booth)
    asked = browser.leave()
    login = browser.cookies[LOGIN]
    browser.get(f"{HOME}/callback?code=good&state=guess")
    assert Browser(booth, {LOGIN: login}).come_back(asked).status == 400


def test_a_login_to_one_realm_opens_no_other(booth: Booth) -> None:
    browser = Browser(booth)
    asked = browser.leave("globex")
    assert browser.come_back(asked, realm="acme").status == 400
    assert not browser.session


def test_a_session_token_is_no_login_and_the_other_way_round(booth: Booth) -> None:
    browser = Browser(booth)
    asked = browser.leave()
    assert not is_in(booth, browser.cookies[LOGIN])
    confused = Browser(booth, {LOGIN: booth.sit()})
    assert confused.come_back(asked).status == 400


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


def test_sessions_that_are_over_are_forgotten(booth: Booth) -> None:
    old = booth.sit()
    Browser(booth).leave()
    booth.pass_by(hours=11)
    booth.sit()
    assert digest(old) not in {each.key for each in sessions(booth)}
    assert booth.world.ledger.sessions._attempts == {}
    assert booth.site.lasting == timedelta(hours=10)
