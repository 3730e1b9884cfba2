"""Attacks on the API with what a real Keycloak gives to programs, and to others.

What does not depend on Keycloak is in `tests/unit/web`.
"""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from tests.e2e.screen import MANAGER, OTHER, PASSWORD, Web, people
from tests.e2e.siege import Siege, open_siege
from tests.real.keycloak import AdminApi
from tests.real.logins import App, Tokens
from tests.unit.license_file.forge import Vendor, content

DISABLED, LIGHT = "dana", "lily"
WRONG_KINDS = ("id_token", "refresh_token")


@pytest.fixture(scope="module")
def shared(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    template = people()[0]
    more = [template | {"username": name, "email": f"{name}@example.com"} for name in (DISABLED, LIGHT)]
    folder = tmp_path_factory.mktemp("siege") / "site"
    with open_siege(keycloak, folder, {"users": [*people(), *more]}) as siege:
        yield siege


@pytest.fixture
def siege(shared: Siege) -> Siege:
    shared.rest()
    return shared


def tokens(siege: Siege, username: str = MANAGER, client_id: str = "portal") -> Tokens:
    """All that a program gets that logs in for somebody."""
    found = App(siege.realm.api.url, siege.realm.name, client_id).direct_grant(username, PASSWORD)
    assert found.are_granted, found
    return found


def ask(siege: Siege, token: str, path: str = "license") -> int:
    answer = requests.get(f"{siege.api}/{path}", headers={"Authorization": f"Bearer {token}"}, timeout=60)
    assert answer.headers["Content-Type"] == "application/json"
    if answer.status_code != 200:
        assert answer.json().keys() == {"detail"}
        assert token not in answer.text
    return answer.status_code


def part(token: str, place: int) -> dict[str, Any]:
    text = token.split(".")[place]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def changed(token: str, place: int, **changes: Any) -> str:
    """A token with a part changed, and the signature as it was."""
    parts = token.split(".")
    parts[place] = (
        base64.urlsafe_b64encode(json.dumps(part(token, place) | changes).encode()).decode().rstrip("=")
    )
    return ".".join(parts)


def test_a_manager_gets_in_and_nobody_without_a_token(siege: Siege) -> None:
    assert ask(siege, siege.token()) == 200
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer "}, {"Authorization": "x"}):
        answer = requests.get(f"{siege.api}/license", headers=headers, timeout=60)
        assert (answer.status_code, answer.headers["WWW-Authenticate"][:6]) == (401, "Bearer")


def test_a_user_without_the_role_is_refused_everywhere(siege: Siege) -> None:
    token = siege.token(OTHER)
    for path in ("license", "applications", "applications/WFM/members", f"users/{MANAGER}", "users/nobody"):
        assert ask(siege, token, path) == 403
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.post(f"{siege.api}/license", b"x", headers=headers, timeout=60).status_code == 403


def test_a_token_of_another_realm_is_refused(siege: Siege) -> None:
    api = siege.realm.api
    token = App(api.url, "master", "admin-cli").direct_grant(api.user, api.password).answer["access_token"]
    assert ask(siege, token) == 401


@pytest.mark.parametrize("kind", WRONG_KINDS)
def test_a_token_of_another_kind_is_refused(siege: Siege, kind: str) -> None:
    assert ask(siege, tokens(siege).answer[kind]) == 401


def test_a_token_of_the_sidecar_itself_is_no_managers(siege: Siege) -> None:
    secret = siege.site.settings["keycloak"]["client_secret"]
    answer = requests.post(
        f"{siege.realm.api.url}/realms/{siege.realm.name}/protocol/openid-connect/token",
        data={"grant_type": "client_credentials", "client_id": "keycloak-license", "client_secret": secret},
        timeout=60,
    ).json()
    assert ask(siege, answer["access_token"]) in {401, 403}


TAMPERED: dict[str, Callable[[str], str]] = {
    "another user": lambda token: changed(token, 1, sub="somebody"),
    "longer life": lambda token: changed(token, 1, exp=9_999_999_999),
    "alg none": lambda token: changed(token, 0, alg="none").rpartition(".")[0] + ".",
    "alg HS256": lambda token: changed(token, 0, alg="HS256"),
    "another key": lambda token: changed(token, 0, kid="another"),
    "cut": lambda token: token[:-10],
    "no signature": lambda token: token.rpartition(".")[0] + ".",
    "garbage": lambda token: "garbage",
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_token_that_was_tampered_with_is_refused(siege: Siege, how: str) -> None:
    tampered = TAMPERED[how](siege.token())
    assert ask(siege, tampered) == 401


def test_a_disabled_user_is_out_within_a_minute(siege: Siege) -> None:
    token = siege.token(DISABLED)
    assert ask(siege, token) == 200
    siege.realm.put(f"/users/{siege.realm.user_id(DISABLED)}", {"enabled": False})
    siege.clock.ahead = timedelta(seconds=59)
    assert ask(siege, token) == 403


def test_a_light_token_counts_until_its_session_ends(siege: Siege) -> None:
    token = tokens(siege, LIGHT, "admin-cli").answer["access_token"]
    assert "sub" not in part(token, 1)
    assert ask(siege, token) == 200
    siege.realm.post(f"/users/{siege.realm.user_id(LIGHT)}/logout")
    assert ask(siege, token) == 401


def test_a_browser_that_is_logged_in_gets_nothing_by_its_cookie(siege: Siege) -> None:
    web, before = siege.sit(), siege.everything()
    for path in ("license", "applications", "applications/WFM/members"):
        assert web.get(f"{siege.api}/{path}").status_code == 401
    file = siege.site.license("BY-COOKIE", {"WFM": 1}).read_bytes()
    assert web.send("POST", f"{siege.api}/license?replace=true", data=file).status_code == 401
    assert siege.everything() == before


def test_a_token_opens_no_page(siege: Siege) -> None:
    answer = Web(siege).get(siege.home, headers=siege.bearer())
    assert answer.status_code == 303


FORMS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "as it is": lambda file: {"data": file},
    "as JSON": lambda file: {"json": {"license": file.decode("latin-1")}},
    "as a form": lambda file: {"files": {"file": ("../../x", file)}},
}
REFUSED = {
    "empty": b"",
    "too large": b"a" * (64 * 1024 + 1),
    "a page": b"<script>alert(1)</script>",
    "an archive": b"PK\x03\x04" + bytes(range(256)),
    "somebody else's": Vendor().file(content(number="FORGED")),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_no_licence_is_refused_and_told_in_the_audit(siege: Siege, form: str) -> None:
    before = siege.tables("audit_entries")
    manager = siege.realm.user_id(MANAGER)
    padded = siege.site.license("PADDED", {"WFM": 1}).read_bytes().ljust(64 * 1024 + 1, b"\n")
    for name, file in (REFUSED | {"a licence with a long end": padded}).items():
        noted = len(siege.tables()["audit_entries"])
        url = f"{siege.api}/license?replace=true"
        answer = requests.post(url, headers=siege.bearer(), timeout=60, **FORMS[form](file))
        assert answer.status_code in {413, 422}, name
        assert answer.headers["Content-Type"] == "application/json"
        if len(file) > 64 * 1024 and form == "as JSON":
            continue
        entry = siege.server.audit.read(siege.realm.name, 1)[0]
        assert len(siege.tables()["audit_entries"]) == noted + 1, name
        assert (entry.user_id, entry.action) == (manager, "import")
        assert entry.problem
    assert siege.tables("audit_entries") == before


ODD_JSON = [
    "[]",
    "null",
    '{"license": 1}',
    '{"license": "x", "y": 1}',
    "{",
    "[" * 50_000,
    '{"license": "\\ud800"}',
]


@pytest.mark.parametrize("text", ODD_JSON, ids=lambda text: text[:20])
def test_odd_json_is_refused(siege: Siege, text: str) -> None:
    headers = siege.bearer() | {"Content-Type": "application/json"}
    answer = requests.post(f"{siege.api}/license", text, headers=headers, timeout=60)
    assert answer.status_code == 422
    assert answer.json().keys() == {"detail"}


def test_an_import_replaces_nothing_unasked_and_is_in_the_audit(siege: Siege) -> None:
    first, second = (siege.site.license(number, {"WFM": 2}).read_bytes() for number in ("ONE", "TWO"))
    url, headers = f"{siege.api}/license", siege.bearer()
    dry = requests.post(f"{url}?dry_run=true", first, headers=headers, timeout=60)
    assert dry.status_code == 200
    assert siege.tables()["licenses"] == []
    assert requests.post(url, first, headers=headers, timeout=60).status_code == 200
    assert requests.post(url, second, headers=headers, timeout=60).status_code == 409
    assert len(siege.tables()["licenses"]) == 1
    manager = siege.realm.user_id(MANAGER)
    done = [
        (entry.user_id, entry.what, entry.problem is None)
        for entry in siege.server.audit.read(siege.realm.name, 2)
    ]
    assert done[1] == (manager, "ONE issue 1", True)
    assert (done[0][0], done[0][2]) == (manager, False)
