"""Attacks on the screen whose defence depends on what a real Keycloak does.

What does not is in `tests/unit/web`.
"""

import base64
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from keycloak_license.web.site import digest
from tests.e2e.cli import SECRET
from tests.e2e.screen import MANAGER, OTHER, PASSWORD, REALM, Web, people
from tests.e2e.siege import SESSION, Siege, open_siege
from tests.real.keycloak import AdminApi
from tests.unit.license_file.forge import Vendor, content
from tests.unit.web.booth import Page
from tests.unit.web.test_shown import ELEMENTS, MARK

BY_GROUP, DISABLED, DELETED, DEMOTED = "greta", "dana", "dora", "dina"
LOGIN = "__Host-keycloak-license-login"
EVIL_ROLE, EVIL_GROUP = f"WFM_<script>{MARK}</script>", f'"><img src=x onerror={MARK}>'


def staff() -> list[dict[str, Any]]:
    """More who manage licences, each to lose that in a way of his own, and one with an evil name."""
    template = people()[0]
    names = (DISABLED, DELETED, DEMOTED)
    found = [template | {"username": name, "email": f"{name}@example.com"} for name in names]
    in_group = {"username": BY_GROUP, "email": "greta@example.com", "realmRoles": [], "groups": ["/BOSSES"]}
    evil = {"username": f"<svg onload={MARK}>", "email": f"\"'><b>{MARK}@example.com", "enabled": True}
    return [*people(), *found, template | in_group, evil | {"groups": [f"/{EVIL_GROUP}"]}]


@pytest.fixture(scope="module")
def shared(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    groups = [
        {"name": "BOSSES", "realmRoles": ["manage-licenses"]},
        {"name": EVIL_GROUP, "realmRoles": [EVIL_ROLE]},
    ]
    realm = {
        "users": staff(),
        "groups": [*REALM["groups"], *groups],
        "roles": {"realm": [*REALM["roles"]["realm"], {"name": EVIL_ROLE}]},
    }
    with open_siege(keycloak, tmp_path_factory.mktemp("siege") / "site", realm) as siege:
        yield siege


@pytest.fixture
def siege(shared: Siege) -> Iterator[Siege]:
    shared.rest()
    yield shared
    shared.proxy.up()


def is_in(web: Web) -> bool:
    answer = web.get(web.screen.home)
    assert answer.status_code in {200, 303}
    return answer.status_code == 200


def with_query(address: str, **changes: str) -> str:
    """The same address with some of its query changed."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    return f"{address.partition('?')[0]}?{urlencode(query | changes)}"


def test_a_login_gives_a_new_session_and_ends_the_one_before(siege: Siege) -> None:
    web = Web(siege)
    web.cookies[siege.host] = {SESSION: "planted by somebody"}
    assert web.log_in().status_code == 200
    first = web.session_cookie
    assert first != "planted by somebody"
    web.cookies = {siege.host: web.cookies[siege.host]}
    assert web.log_in().status_code == 200
    assert web.session_cookie != first
    assert is_in(web)
    web.cookies[siege.host][SESSION] = first
    assert not is_in(web)


def test_a_refused_login_ends_the_session_before(siege: Siege) -> None:
    web = Web(siege)
    web.log_in()
    before = web.session_cookie
    web.cookies = {siege.host: {SESSION: before}}
    assert web.come_back(OTHER).status_code == 403
    assert siege.audit()[0] == (OTHER, "login", "the role manage-licenses is missing")
    web.cookies = {siege.host: {SESSION: before}}
    assert not is_in(web)


def test_an_answer_of_keycloak_counts_once_and_in_one_browser(siege: Siege) -> None:
    thief, victim = Web(siege), Web(siege)
    answer = thief.way_back()
    attempt = thief.cookies[siege.host][LOGIN]
    assert victim.get(answer).status_code == 400
    victim.get(f"{siege.home}/login")
    assert victim.get(answer).status_code == 400
    assert SESSION not in victim.cookies[siege.host]

    assert thief.get(answer).status_code == 303
    again = Web(siege)
    again.cookies[siege.host] = {LOGIN: attempt}
    assert again.get(answer).status_code == 400


def test_a_code_that_was_stolen_or_used_is_worth_nothing(siege: Siege) -> None:
    thief, victim = Web(siege), Web(siege)
    stolen = victim.way_back()
    code = parse_qs(urlsplit(stolen).query)["code"][0]
    own = parse_qs(urlsplit(thief.get(f"{siege.home}/login").headers["Location"]).query)["state"][0]
    refused = thief.get(with_query(stolen, state=own))
    assert refused.status_code == 400
    assert code not in refused.text
    assert SESSION not in thief.cookies[siege.host]

    used = Web(siege)
    answer = used.way_back()
    assert used.get(answer).status_code == 303
    del used.cookies[siege.host][SESSION]
    state = parse_qs(urlsplit(used.get(f"{siege.home}/login").headers["Location"]).query)["state"][0]
    assert used.get(with_query(answer, state=state)).status_code == 400
    assert SESSION not in used.cookies[siege.host]


def test_an_answer_that_names_another_issuer_is_refused(siege: Siege) -> None:
    web = Web(siege)
    assert "iss=" in (answer := web.way_back())
    assert web.get(with_query(answer, iss="https://evil.example/realms/x")).status_code == 400


def take_role(siege: Siege, name: str) -> None:
    roles = [siege.realm.get("/roles/manage-licenses")]
    siege.realm.delete(f"/users/{siege.realm.user_id(name)}/role-mappings/realm", roles)


def leave_group(siege: Siege, name: str) -> None:
    siege.realm.delete(f"/users/{siege.realm.user_id(name)}/groups/{siege.realm.group_id('/BOSSES')}")


def disable(siege: Siege, name: str) -> None:
    siege.realm.put(f"/users/{siege.realm.user_id(name)}", {"enabled": False})


def delete(siege: Siege, name: str) -> None:
    siege.realm.delete(f"/users/{siege.realm.user_id(name)}")


@pytest.mark.parametrize(
    ("name", "lose"),
    [(DEMOTED, take_role), (BY_GROUP, leave_group), (DISABLED, disable), (DELETED, delete)],
)
def test_who_must_not_manage_licences_any_more_is_out_within_a_minute(
    siege: Siege, name: str, lose: Callable[[Siege, str], None]
) -> None:
    web, bearer = siege.sit(name), siege.bearer(name)
    siege.clock.ahead = timedelta(seconds=56)
    assert is_in(web)
    assert web.get(f"{siege.api}/license", headers=bearer).status_code == 200
    lose(siege, name)
    siege.clock.ahead += timedelta(seconds=59)
    answer = web.get(siege.home)
    assert answer.status_code == 403
    assert "Workforce" not in answer.text
    assert web.get(siege.home).status_code == 303
    assert web.get(f"{siege.api}/license", headers=bearer).status_code == 403


def test_while_keycloak_is_away_nothing_is_shown_and_nobody_is_thrown_out(
    siege: Siege, log: io.StringIO
) -> None:
    web, bearer = siege.sit(), siege.bearer()
    siege.clock.ahead = timedelta(seconds=59)
    siege.proxy.down()
    for answer in (web.get(siege.home), web.get(f"{siege.api}/users/{MANAGER}", headers=bearer)):
        assert answer.status_code == 503
        assert "Workforce" not in answer.text
    assert "request_not_answered" in log.getvalue()
    assert MANAGER not in log.getvalue()
    siege.proxy.up()
    assert is_in(web)
    fields = {"csrf_token": web.csrf_token()}
    siege.clock.ahead += timedelta(seconds=59)
    siege.proxy.down()
    assert web.post(f"{siege.home}/logout", fields).headers["Location"] == f"{siege.url}/"
    siege.proxy.up()
    assert not is_in(web)


def test_who_is_logged_out_at_keycloak_is_logged_out_here(siege: Siege) -> None:
    web, other = Web(siege), siege.sit(BY_GROUP)
    web.log_in()
    assert is_in(web)
    # Keycloak posts to us before it answers.
    siege.realm.post(f"/users/{siege.realm.user_id(MANAGER)}/logout")
    assert not is_in(web)
    assert siege.server.sessions.find(key_of(siege, other)) is not None


def key_of(siege: Siege, web: Web) -> str:
    """By what the ledger knows a browser."""
    return digest(web.session_cookie)


def test_who_logs_out_here_is_logged_out_at_keycloak(siege: Siege) -> None:
    web = Web(siege)
    web.log_in()
    fields = {"csrf_token": web.csrf_token()}
    left = web.post(f"{siege.home}/logout", fields)
    assert web.get(left.headers["Location"]).headers["Location"].partition("?")[0] == f"{siege.url}/"
    assert not is_in(web)
    # Otherwise the form for names and passwords would not come.
    to_keycloak = web.get(f"{siege.home}/login").headers["Location"]
    assert "kc-form-login" in web.get(to_keycloak).text


def test_a_token_of_another_kind_ends_no_session(siege: Siege) -> None:
    web = Web(siege)
    web.log_in()
    [session] = [row for row in siege.tables()["screen_sessions"] if row[0] == key_of(siege, web)]
    id_token = next(value for value in session if str(value).startswith("eyJ"))
    for token in (id_token, siege.token(), "eyJ.eyJ.x"):
        posted = {"logout_token": token}
        assert Web(siege).post(f"{siege.home}/backchannel-logout", posted).status_code == 400
    assert is_in(web)


def test_what_is_kept_lets_nobody_in(siege: Siege) -> None:
    web = Web(siege)
    web.get(f"{siege.home}/login")
    attempt = web.cookies[siege.host][LOGIN]
    web.log_in()
    kept = repr(siege.tables())
    assert not any(each in kept for each in (web.session_cookie, attempt, PASSWORD, SECRET))
    [client] = siege.realm.get("/clients", clientId="keycloak-license-screen")
    assert client["secret"] not in kept
    kinds = {claims_kind(token) for token in re.findall(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+", kept)}
    assert kinds <= {"ID"}


def claims_kind(token: str) -> str:
    payload = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["typ"])


def test_no_get_changes_the_realm_or_the_ledger(siege: Siege) -> None:
    web = siege.sit()
    before = siege.everything()
    query = f"?csrf_token={web.csrf_token()}&expiry_notice_days=3&replace=true&done=import"
    paths = ["", "/sync", "/applications/WFM", "/applications/WFM/members.csv", "/callback", "/login"]
    posts = ["/settings", "/import", "/import/confirm", "/held/confirm", "/logout", "/backchannel-logout"]
    for path in paths + posts:
        web.get(f"{siege.home}{path}{query}")
    for path in ("license", "applications", "applications/WFM/members", f"users/{MANAGER}"):
        assert web.get(f"{siege.api}/{path}{query}", headers=siege.bearer()).status_code == 200
    assert siege.everything() == before
    assert is_in(web)


def test_names_of_keycloak_are_only_text(siege: Siege) -> None:
    web = siege.sit()
    siege.site.call("sync").done()
    answer = web.get(f"{siege.home}/applications/WFM?size=100")
    page = Page.of(answer)
    for name in (EVIL_ROLE, EVIL_GROUP, f"<svg onload={MARK}>".lower(), f"\"'><b>{MARK}@example.com".lower()):
        assert name in page.text
    assert not page.elements & ELEMENTS
    assert page.inline_scripts == ""
    assert MARK.lower() not in " ".join(page.elements | page.attributes).lower()


def upload(web: Web, file: bytes) -> Any:
    headers = {"Sec-Fetch-Site": "same-origin"}
    return web.send(
        "POST",
        f"{web.screen.home}/import",
        data={"csrf_token": web.csrf_token()},
        files={"file": ("../../x.lic", file)},
        headers=headers,
    )


def test_a_licence_of_somebody_else_is_refused_at_every_step(siege: Siege) -> None:
    web, before = siege.sit(), siege.tables("audit_entries", "screen_sessions", "login_attempts")
    forged = Vendor(kid=siege.site.vendor.kid).file(content(number="FORGED"))
    files = {each for each in siege.site.folder.iterdir() if not each.name.startswith("ledger.db")}
    assert upload(web, forged).status_code == 422
    fields = {"csrf_token": web.csrf_token(), "license": forged.decode(), "replaces": ""}
    assert web.post(f"{siege.home}/import/confirm", fields).status_code == 422
    [(who, what, problem), _] = siege.audit()[:2]
    assert (who, what) == (MANAGER, "import")
    assert problem
    assert siege.tables("audit_entries", "screen_sessions", "login_attempts") == before
    assert {each for each in siege.site.folder.iterdir() if not each.name.startswith("ledger.db")} == files


def test_a_licence_that_is_too_large_is_not_cut_to_fit(siege: Siege) -> None:
    file = siege.site.license("PADDED", {"WFM": 1}).read_bytes()
    assert upload(siege.sit(), file + b"\n").status_code == 200
    padded = upload(siege.sit(), file.ljust(64 * 1024 + 1, b"\n"))
    assert (padded.status_code, "64 KiB" in padded.text) == (422, True)


def test_every_deed_is_in_the_audit_and_no_name_or_secret_in_the_log(
    siege: Siege, log: io.StringIO, tmp_path: Path
) -> None:
    web, since = Web(siege), len(siege.tables()["audit_entries"])
    Web(siege).come_back(OTHER)
    web.log_in()
    token, licence = web.csrf_token(), siege.site.license("AUDITED", {"WFM": 1}).read_text()
    fields = {"csrf_token": token}
    for days in ("soon", "9, 3"):
        web.post(f"{siege.home}/settings", fields | {"expiry_notice_days": days})
    upload(web, b"no licence")
    web.post(f"{siege.home}/import/confirm", fields | {"license": licence, "replaces": digest_of_nothing()})
    web.post(f"{siege.home}/sync", fields)
    while siege.server.desks[siege.realm.name].job.state.is_running:
        time.sleep(0.05)
    web.post(f"{siege.home}/sync", fields, headers={"Sec-Fetch-Site": "cross-site"})
    session = web.session_cookie
    web.post(f"{siege.home}/logout", fields)

    deeds = siege.audit()[: len(siege.tables()["audit_entries"]) - since]
    assert [(who, what, problem is None) for who, what, problem in reversed(deeds)] == [
        (OTHER, "login", False),
        (MANAGER, "login", True),
        (MANAGER, "notice_days", False),
        (MANAGER, "notice_days", True),
        (MANAGER, "import", False),
        (MANAGER, "import", True),
        (MANAGER, "sync", True),
        (MANAGER, "logout", True),
    ]
    told = log.getvalue()
    assert "forged_request_refused" in told
    names = [each["username"] for each in staff()] + ["@example.com", "Novák"]
    for secret in (*names, licence[:40], session, token, SECRET, PASSWORD, "eyJ"):
        assert secret not in told, secret
    assert all(row[3] for row in siege.tables()["audit_entries"])


def digest_of_nothing() -> str:
    """What the preview of a licence that replaces none has in its form."""
    return digest("")
