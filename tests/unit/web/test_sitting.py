"""Who sits at a browser: sessions that are stolen, guessed, planted, outlived or lost."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from keycloak_license.model.session import ScreenSession
from keycloak_license.web.site import digest
from tests.unit.web.booth import HOME, LOGIN, SESSION, Booth, open_booth
from tests.unit.web.browser import SECRET_PAGES, Browser, is_in, sessions

REALMS = ("acme", "globex")


@pytest.fixture(scope="module")
def shared() -> Iterator[Booth]:
    with open_booth(realms=REALMS) as booth:
        yield booth


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


def test_sessions_that_are_over_are_forgotten(booth: Booth) -> None:
    old = booth.sit()
    Browser(booth).leave()
    booth.pass_by(hours=11)
    booth.sit()
    assert digest(old) not in {each.key for each in sessions(booth)}
    assert booth.world.ledger.sessions._attempts == {}
    assert booth.site.lasting == timedelta(hours=10)
