"""Every answer tells browsers to be careful, and tells nobody more than he needs."""

import io
import re

import pytest

from keycloak_license import __version__
from keycloak_license.model.realm import User
from keycloak_license.web.login import path_within
from keycloak_license.web.security import MAX_BODY_BYTES
from tests.fakes import SimulatedRealm
from tests.unit.services.world import World
from tests.unit.web.booth import HOME, SESSION, Answer, Booth, BrokenAudit, Page, open_booth

EVIL = "evil.example"


def answers(booth: Booth) -> dict[int, list[Answer]]:
    """Answers of every kind that the screen and the API have, by status."""
    token, send = booth.sit(), booth.send
    fields = {"csrf_token": booth.csrf(token)}
    bearer = {"Authorization": f"Bearer {booth.provider.sign(booth.provider.bearer())}"}
    other = {"Authorization": f"Bearer {booth.provider.sign(booth.provider.bearer(sub='user-otto'))}"}
    api = "/api/v1/realms/acme"
    found = [
        send("GET", HOME, token),
        send("GET", "/"),
        send("GET", f"{api}/license", headers=bearer),
        send("GET", "/api/v1/openapi.json"),
        send("GET", f"{HOME}/applications/WFM/members.csv", token),
        send("GET", HOME),
        send("GET", f"{HOME}/login"),
        send("POST", "/preferences", body={"theme": "dark"}),
        send("GET", f"{HOME}/callback?code=x&state=y"),
        send("POST", f"{HOME}/backchannel-logout", body={"logout_token": "x"}),
        send("GET", f"{api}/license"),
        send("GET", f"{api}/license", headers=other),
        send("POST", f"{HOME}/sync", token),
        send("GET", "/nowhere"),
        send("GET", "/realms/other"),
        send("GET", "/static/nowhere.css"),
        send("GET", f"{HOME}/"),
        send("GET", "/api/v1/realms/other/license"),
        send("PUT", HOME, token),
        send("DELETE", f"{api}/license"),
        send("POST", "/static/screen.css"),
        send("POST", f"{HOME}/settings", token, b"x" * (MAX_BODY_BYTES + 1)),
        send("POST", f"{api}/license", "", b"x" * (MAX_BODY_BYTES + 1), bearer),
        send("POST", f"{HOME}/sync", token, b"{}", {"Content-Type": "application/json"}),
        send("POST", f"{HOME}/settings", token, fields | {"expiry_notice_days": "x"}),
        send("POST", f"{api}/license", "", b"no licence", bearer),
        send("GET", f"{api}/applications/WFM/members?state=x", headers=bearer),
    ]
    for _ in range(40):
        found.append(send("GET", f"{HOME}/login"))
    booth.directory.is_down = True
    booth.pass_by(minutes=1)
    found += [send("GET", HOME, token), send("GET", f"{api}/license", headers=other)]
    by_status: dict[int, list[Answer]] = {}
    for each in found:
        by_status.setdefault(each.status, []).append(each)
    return by_status


def expect_care(answer: Answer, *, is_https: bool = False) -> None:
    headers = answer.headers
    policy = dict(each.split(" ", 1) for each in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "*" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert not any(name.lower() in {"server", "x-powered-by"} for name in headers)
    assert not any(name.lower().startswith("access-control") for name in headers)
    assert ("Strict-Transport-Security" in headers) == is_https


def test_every_answer_has_the_headers(booth: Booth) -> None:
    found = answers(booth)
    assert found.keys() >= {200, 303, 400, 401, 403, 404, 405, 413, 415, 422, 429, 503}
    for each in [one for many in found.values() for one in many]:
        expect_care(each)
        assert each.headers["Cache-Control"] == "no-store"


def test_static_files_have_them_too_and_may_be_kept(booth: Booth) -> None:
    for path in ("/static/screen.css", "/static/screen.js"):
        answer = booth.send("GET", path)
        expect_care(answer)
        assert answer.headers["Cache-Control"] == "public, max-age=86400"
        assert answer.headers["Set-Cookie"] is None


def test_a_fault_of_ours_has_them_and_tells_nothing(log: io.StringIO) -> None:
    with open_booth(audit=BrokenAudit(error=RuntimeError("the password is tulip"))) as booth:
        answer = booth.send("GET", HOME, booth.sit())
    assert answer.status == 500
    expect_care(answer)
    assert answer.headers["Cache-Control"] == "no-store"
    assert not any(word in answer.text for word in ("Traceback", "tulip", ".py", "File "))
    assert "request_crashed" in log.getvalue()
    assert "tulip" not in log.getvalue()


def test_with_https_browsers_are_told_to_stay_with_it() -> None:
    with open_booth(public_url="https://licences.example") as booth:
        for each in [one for many in answers(booth).values() for one in many]:
            expect_care(each, is_https=True)
            seconds = re.fullmatch(
                r"max-age=(\d+); includeSubDomains", each.headers["Strict-Transport-Security"]
            )
            assert seconds
            assert int(seconds[1]) >= 31_536_000


def test_an_error_tells_no_version_and_no_trace(booth: Booth) -> None:
    for status, found in answers(booth).items():
        for each in found if status >= 400 else []:
            assert __version__ not in each.text, each.text
            assert not any(word in each.text for word in ("Traceback", "starlette", "uvicorn", "python"))


def test_no_page_of_documentation_comes_from_elsewhere(booth: Booth) -> None:
    for path in ("/docs", "/redoc", "/docs/oauth2-redirect", "/openapi.json", "/swagger"):
        assert booth.send("GET", path).status == 404
    pages = [booth.send("GET", path, booth.sit()) for path in ("/", HOME, f"{HOME}/applications/WFM", "/no")]
    for page in map(Page.of, pages):
        assert all(link.startswith(("/", "?", "#")) and not link.startswith("//") for link in page.links)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "FOO"])
def test_another_method_does_nothing_and_gives_nothing_back(booth: Booth, method: str) -> None:
    token = booth.sit()
    before = booth.world.everything()
    for path in {path for _, path in booth.routes()}:
        status, text = booth.raw(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\nX-Mirror: tulip\r\n"
            f"X-HTTP-Method-Override: POST\r\nCookie: {SESSION}={token}\r\nConnection: close\r\n\r\n"
        )
        assert status in {400, 405}, path
        assert "tulip" not in text
        assert token not in text
    assert booth.world.everything() == before
    assert booth.send("GET", HOME, token).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e%2fapp.py",
        "/static/..%5capp.py",
        "/static/....//app.py",
        "/static//etc/passwd",
        "/static/%2fetc/passwd",
        "/static/%00",
        "/static/screen.css%00.js",
        "/static/",
        "/static",
        "/static/vendor/",
        "/static/" + "a/" * 500,
        "/static/" + "a" * 5000,
        "/realms/acme%00",
        "/realms/acme%2f",
        "/realms/%2e%2e",
        "/realms/..%2f..%2fetc",
        "/realms/acme%20",
        "/realms/ACME",
        "/realms/%ff%fe",
        "/realms/<script>",
        "/realms/acme;x=y",
        "/realms/acme/applications/nowhere",
        "/realms/acme/applications/WFM%00",
        "/realms/acme/applications/..%2f..",
        "/realms/" + "a" * 20_000,
        "//evil.example",
        "//evil.example/realms/acme",
        "/realms//acme",
        "/.env",
        "/.git/config",
        "/metrics",
        "/health/ready",
    ],
    ids=lambda path: path[:40],
)
def test_a_tricky_path_leads_nowhere(booth: Booth, path: str) -> None:
    status, text = booth.raw(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nCookie: {SESSION}={booth.sit()}\r\nConnection: close\r\n\r\n"
    )
    assert status in {400, 404}
    assert not any(word in text for word in ("create_app", "root:", "<script>alert", '<script>"'))
    assert "location:" not in text.lower()


@pytest.mark.parametrize(
    "header", ["Host", "X-Forwarded-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL"]
)
def test_no_link_follows_what_a_request_says_of_the_host(booth: Booth, header: str) -> None:
    token = booth.sit()
    value = {"Forwarded": f"host={EVIL};proto=https", "X-Original-URL": f"https://{EVIL}/"}.get(header, EVIL)
    told = {header: value, "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": f"//{EVIL}"}
    fields = {"csrf_token": booth.csrf(token), "realm": "acme", "return_to": HOME}
    paths = [
        "/",
        HOME,
        f"{HOME}/",
        "/static",
        f"{HOME}/applications/WFM",
        f"{HOME}/login",
        f"{HOME}/callback",
    ]
    for path in [*paths, "/no", "/api/v1/realms/acme/license/", "/api/v1/openapi.json"]:
        for answer in (booth.send("GET", path, token, headers=told), booth.send("GET", path, headers=told)):
            assert EVIL not in answer.text, path
            assert EVIL not in str(answer.headers), path
    for path in ("/preferences", f"{HOME}/settings", f"{HOME}/import", f"{HOME}/logout"):
        answer = booth.send("POST", path, token, fields, told)
        assert EVIL not in answer.text + str(answer.headers), path


AWAY = [
    "//evil.example",
    "https://evil.example",
    "http:evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/realms/acme/../..//evil.example",
    "/realms/acme/../../static/screen.css",
    "/realms/acme/..",
    "/realms/acme/./x",
    "/realms/acme/%2e%2e/other",
    "/realms/acme/%2E%2E%2fother",
    "/realms/acme/..%2fother",
    "/realms/acme/..;/other",
    "/realms/acme\\..\\other",
    "/realms/acme/%5c%5cevil.example",
    "/realms/acme//evil.example",
    "/realms/acme/\r\nSet-Cookie: a=b",
    "/realms/acme/\tx",
    "/realms/acme/\x00",
    "/realms/acme/é",
    "/realms/acmeevil",
    "/realms/acme@evil.example",
    "/realms/acme.evil.example",
    "/realms/other",
    "/realms/acme#@evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    " /realms/acme",
    "/realms/acme/" + "a" * 5000,
    "",
]


@pytest.mark.parametrize("wanted", AWAY, ids=lambda wanted: repr(wanted)[:40])
def test_nobody_is_led_away(booth: Booth, wanted: str) -> None:
    assert path_within("acme", wanted) == HOME
    answer = booth.send("POST", "/preferences", body={"realm": "acme", "return_to": wanted, "theme": "dark"})
    assert answer.location == HOME


@pytest.mark.parametrize("realm", ["other", "", "//evil.example", "../..", "acme/../.."])
def test_preferences_lead_to_no_realm_that_is_none(booth: Booth, realm: str) -> None:
    fields = {"realm": realm, "return_to": f"/realms/{realm}", "language": "cs"}
    assert booth.send("POST", "/preferences", body=fields).location == "/"


@pytest.mark.parametrize(
    "wanted",
    [HOME, f"{HOME}/applications/WFM", f"{HOME}?done=sync", f"{HOME}/applications/a%20b?search=a.b&page=2"],
)
def test_who_wants_to_go_on_here_is_led_there(wanted: str) -> None:
    assert path_within("acme", wanted) == wanted


@pytest.mark.parametrize("language", ["xx", "cs\r\nX-Evil: 1", "../cs", "cs; Path=/x"])
def test_a_preference_that_is_none_is_not_kept(booth: Booth, language: str) -> None:
    answer = booth.send("POST", "/preferences", body={"language": language, "theme": language})
    assert answer.headers["Set-Cookie"] is None


def test_the_log_has_no_names(booth: Booth, log: io.StringIO) -> None:
    booth.directory.is_down = True
    secret = booth.provider.sign(booth.provider.bearer(sub="user-otto"))
    bearer = {"Authorization": f"Bearer {secret}"}
    booth.send("GET", "/api/v1/realms/acme/users/marta.novak@example.com", headers=bearer)
    assert "request_not_answered" in log.getvalue()
    booth.send("POST", f"{HOME}/sync", booth.sit(), headers={"Sec-Fetch-Site": "cross-site"}, body={})
    assert "forged_request_refused" in log.getvalue()
    assert not any(word in log.getvalue() for word in ("marta", "novak", "otto", secret))


class FaultyRealm(SimulatedRealm):
    """One in which looking for somebody is a fault."""

    def find_user(self, name: str) -> User | None:
        raise RuntimeError(f"{name} has a fault")


def test_a_fault_in_the_api_has_no_names_in_the_log(log: io.StringIO) -> None:
    with open_booth(world=World(realm=FaultyRealm())) as booth:
        bearer = {"Authorization": f"Bearer {booth.provider.sign(booth.provider.bearer())}"}
        answer = booth.send("GET", "/api/v1/realms/acme/users/marta.novak@example.com", headers=bearer)
    assert answer.status == 500
    assert "request_crashed" in log.getvalue()
    assert "novak" not in log.getvalue() + answer.text


def test_who_looks_at_a_realm_with_an_odd_name_is_led_back_there() -> None:
    with open_booth(realms=["odd réalm"]) as booth:
        path = "/realms/odd%20r%C3%A9alm/applications/WFM"
        login = booth.send("GET", path)
        assert booth.send("GET", login.location.partition(str(booth.port))[2]).status == 303
        [attempt] = booth.world.ledger.sessions._attempts.values()
        assert attempt.return_to == path
        shown = Page.of(booth.send("GET", path, booth.sit(realm="odd réalm")))
        fields = {name: shown.inputs[name] for name in ("realm", "return_to")}
        assert booth.send("POST", "/preferences", body=fields).location == path
