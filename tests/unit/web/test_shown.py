"""Whatever people, realms and licences are called, it is text on every page and in every table."""

import csv
import io
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from threading import Event
from urllib.parse import quote

import pytest

from keycloak_license.errors import UnavailableError
from keycloak_license.model.application import Application
from keycloak_license.model.progress import Progress
from keycloak_license.model.report import SyncReport
from keycloak_license.model.session import AuditAction, AuditEntry
from keycloak_license.plan.guard import Guard
from tests.unit.services.world import NOON, World
from tests.unit.web.booth import HOME, OURS, Answer, Booth, BrokenAudit, Page, open_booth

MARK = "EVILMARK"
EVIL = [
    f"<script>{MARK}</script>",
    f'"><img src=x onerror={MARK}>',
    f"'><svg onload={MARK}>",
    f"javascript:{MARK}",
    f"{{{{{MARK}}}}}{{% {MARK} %}}",
    f"&lt;b {MARK}&gt;",
    f"</textarea></title></script><iframe src={MARK}>",
    f'" autofocus onfocus={MARK} hx-get=//{MARK} x="',
]
ELEMENTS = {"iframe", "img", "object", "embed", "b", "math", "style", "base"}


@pytest.fixture(scope="module")
def booth() -> Iterator[Booth]:
    """Everything that has a name has an evil one."""
    world = World(guard=Guard(max_release_percent=1, max_release_seats=1, hold=timedelta(days=1)))
    evil = "".join(EVIL)
    world.applications = (Application("WFM", evil, roles=("WFM_*",)),)
    role = world.realm.create_role(f"WFM_{evil}")
    group = world.realm.create_group(evil)
    world.realm.grant_group(group, role)
    users = [
        world.realm.create_user(f"{name}{number}", email=f"{name}@{number}.example")
        for number, name in enumerate(EVIL)
    ]
    for user in users:
        world.realm.join(user, group)
    license_ = world.sign(number=evil, customer=evil, scope={"WFM": 6})
    world.import_file(license_)
    world.import_file(world.sign(number=f"future {evil}", customer=evil, scope={"WFM": 7}))
    for user in users[:5]:
        world.realm.leave(user, group)
    world.sync()
    world.realm.attributes["license.expiry_notice_days"] = evil
    for problem in (None, evil):
        entry = AuditEntry("acme", NOON, "u", evil, AuditAction.IMPORT, evil, problem)
        world.ledger.audit.record(entry)
    with open_booth(world=world) as booth:
        yield booth


def expect_text(answer: Answer) -> str:
    """Nothing evil is more than text; return the text, attributes included."""
    page = Page.of(answer)
    assert MARK.lower() not in " ".join(page.elements | page.attributes | page.hollow).lower()
    assert not page.elements & ELEMENTS
    assert not any(name.startswith("on") for name in page.attributes)
    for link in page.links:
        assert link == "" or link[0] in "/?#", link
        assert not link.startswith("//"), link
    assert page.inline_scripts == ""
    return page.text + " ".join(page.values)


def test_the_names_are_there_and_are_only_text(booth: Booth) -> None:
    token = booth.sit()
    text = expect_text(booth.send("GET", HOME, token))
    assert all(each in text for each in EVIL)
    held = booth.world.status().held
    assert len(held) > 1
    assert all(each.username in text for each in held)

    detail = expect_text(booth.send("GET", f"{HOME}/applications/WFM", token))
    assert all(each in detail for each in EVIL)
    for name in EVIL:
        user = booth.world.realm.find_user(f"{name}{EVIL.index(name)}")
        assert user is not None
        assert user.username in expect_text(booth.send("GET", f"{HOME}/users/{user.id}", token))


@pytest.mark.parametrize("part", ["detail", "members", "sync", f'"><script>{MARK}'])
def test_the_parts_that_are_loaded_later_are_only_text(booth: Booth, part: str) -> None:
    headers = {"HX-Request": "true", "HX-Target": f"section#{part}"}
    for path in (f"{HOME}/applications/WFM", f"{HOME}/sync"):
        expect_text(booth.send("GET", path, booth.sit(), headers=headers))


@pytest.mark.parametrize("evil", EVIL)
def test_what_a_request_says_is_only_text(booth: Booth, evil: str) -> None:
    token, said = booth.sit(), quote(evil, safe="")
    query = "&".join(
        f"{name}={said}" for name in ("search", "state", "sort", "size", "page", "direction", "done")
    )
    paths = [HOME, f"{HOME}/applications/WFM", f"{HOME}/applications/{said}", f"{HOME}/login", f"{HOME}/sync"]
    for path in [*paths, f"{HOME}/callback", f"/realms/{said}", f"/{said}", "/", f"/static/{said}"]:
        answer = booth.send(
            "GET", f"{path}?{query}&return_to={said}&error={said}&error_description={said}", token
        )
        expect_text(answer)
        expect_text(booth.send("GET", f"{path}?{query}", headers={"Cookie": f"__Host-theme={said}"}))
    assert evil in expect_text(booth.send("GET", f"{HOME}/applications/WFM?search={said}", token))


@pytest.mark.parametrize("evil", EVIL)
def test_what_a_form_says_is_only_text(booth: Booth, evil: str) -> None:
    booth.site.limits._limiter.storage.reset()
    token = booth.sit()
    fields = {"csrf_token": booth.csrf(token), "expiry_notice_days": evil, "license": evil}
    for path in ("settings", "import/confirm", "import", "held/confirm"):
        expect_text(booth.send("POST", f"{HOME}/{path}", token, fields | {"replaces": evil, "held": evil}))
    said = {"language": evil, "theme": evil, "return_to": evil, "realm": evil}
    assert MARK not in str(booth.send("POST", "/preferences", body=said).headers)


def test_a_preview_is_only_text(booth: Booth) -> None:
    booth.site.limits._limiter.storage.reset()
    token, evil = booth.sit(), "".join(EVIL)
    file = booth.world.sign(number=f"next {evil}", customer=evil, scope={"WFM": 8}).file.encode()
    body = (
        b'--cut\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n'
        + booth.csrf(token).encode()
        + b'\r\n--cut\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        + file
        + b"\r\n--cut--\r\n"
    )
    kind = {"Content-Type": "multipart/form-data; boundary=cut"}
    text = expect_text(booth.send("POST", f"{HOME}/import", token, body, kind))
    assert all(each in text for each in EVIL)


def test_who_has_no_role_is_only_text(booth: Booth) -> None:
    for evil in EVIL:
        booth.now[0] = NOON
        token = booth.sit(evil)
        booth.pass_by(minutes=2)
        answer = booth.send("GET", HOME, token)
        assert answer.status == 403
        assert evil in expect_text(answer)
    booth.now[0] = NOON


def test_an_error_is_only_text() -> None:
    broken = BrokenAudit(error=UnavailableError(f"Keycloak says {''.join(EVIL)}"))
    with open_booth(audit=broken) as booth:
        answer = booth.send("GET", HOME, booth.sit())
    assert answer.status == 503
    assert all(each in expect_text(answer) for each in EVIL)


def test_a_problem_of_a_sync_is_only_text(booth: Booth) -> None:
    token, job, evil = booth.sit(), booth.site.desks["acme"].job, "".join(EVIL)
    is_under_way, may_end, is_over = Event(), Event(), Event()

    def work(progress: Progress) -> SyncReport:
        progress(evil, 1, 2)
        is_under_way.set()
        assert may_end.wait(60)
        raise UnavailableError(evil)

    assert job.start(work, lambda _: is_over.set())
    assert is_under_way.wait(60)
    headers = OURS | {"HX-Request": "true", "HX-Target": "div#sync"}
    assert evil in expect_text(booth.send("GET", f"{HOME}/sync", token, headers=headers))
    may_end.set()
    assert is_over.wait(60)
    while job.state.is_running:
        time.sleep(0.001)
    assert evil in expect_text(booth.send("GET", f"{HOME}?done=sync", token))


def test_the_api_is_never_taken_for_a_page(booth: Booth) -> None:
    bearer = {"Authorization": f"Bearer {booth.provider.sign(booth.provider.bearer())}"}
    api = "/api/v1/realms/acme"
    for path in ("license", "applications", "applications/WFM/members", f"users/{MARK}", "nowhere"):
        answer = booth.send("GET", f"{api}/{path}", headers=bearer)
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "a\r=1", "a\r\n=1", "a\n=1"]
FORMULAS += [f"{sign}1" for sign in SIGNS[-4:]]


def test_no_cell_of_a_table_is_a_formula() -> None:
    world = World()
    for number, formula in enumerate(FORMULAS):
        group = world.realm.create_group(f"{number}")
        world.realm._groups[group] = replace(world.realm._groups[group], path=formula)
        user = world.realm.create_user(f"{formula}{number}", email=f"{formula}@x.example")
        world.realm.grant_group(group, world.agent)
        world.realm.join(user, group)
    world.sync()
    with open_booth(world=world) as booth:
        answer = booth.send("GET", f"{HOME}/applications/WFM/members.csv", booth.sit())
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="members-WFM.csv"'
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows) == 1 + len(FORMULAS)
    assert all(len(row) == 7 for row in rows)
    # Some programs end a row at a return, in quotes or not.
    assert "\r" not in answer.text
    for cell in [cell for row in rows for cell in row]:
        assert not cell.lstrip(" ").startswith(SIGNS), cell
