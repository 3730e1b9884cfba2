"""Whoever does, or tries, something is in the audit, and so is what he did."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from keycloak_license.plan.guard import Guard
from keycloak_license.web.site import digest
from tests.unit.services.world import World
from tests.unit.web.booth import HOME, Booth, Page, open_booth

Entry = tuple[str, str, str, str, bool]
NOTED_ELSEWHERE = {"/preferences", f"{HOME}/backchannel-logout", "/api/v1/realms/acme/license"}
"""The first changes nothing here, the second is Keycloak's, and the third has tests of its own below."""


@pytest.fixture
def booth() -> Iterator[Booth]:
    """Three agents have left at once, and the guard holds their releases."""
    world = World(guard=Guard(max_release_percent=1, max_release_seats=1, hold=timedelta(days=1)))
    users = world.agents("ann", "bob", "cyd")
    world.import_file(world.sign(number="FIRST", scope={"WFM": 5}))
    for user in users:
        world.realm.revoke(user, world.agent)
    world.sync()
    with open_booth(world=world) as booth:
        yield booth


def entries(booth: Booth) -> list[Entry]:
    """User id, name, deed, what of it, and whether it was done."""
    return [
        (each.user_id, each.username, each.action.value, each.what, each.problem is None)
        for each in booth.site.audit.read("acme", 99)
    ]


def wait_for_sync(booth: Booth) -> None:
    """Until the job is over; it says so last."""
    for thread in threading.enumerate():
        if thread.name == "sync from the screen":
            thread.join(60)


def deeds(booth: Booth, token: str) -> dict[str, tuple[dict[str, str], tuple[str, str]]]:
    """Of every form what it has in it to be done, and what is then in the audit."""
    page = Page.of(booth.send("GET", HOME, token))
    file = booth.world.sign(number="SECOND", scope={"WFM": 6}).file
    [first] = booth.world.ledger.load("acme").licenses
    replacing = {"license": file, "replaces": digest(first.file)}
    return {
        f"{HOME}/settings": ({"expiry_notice_days": "3, 9"}, ("notice_days", "9, 3")),
        f"{HOME}/import/confirm": (replacing, ("import", "SECOND issue 1, replacing FIRST issue 1")),
        f"{HOME}/sync": ({}, ("sync", "")),
        f"{HOME}/held/confirm": ({"held": page.inputs["held"]}, ("confirm", "WFM 3")),
        f"{HOME}/logout": ({}, ("logout", "")),
    }


def test_every_deed_is_in_the_audit_with_who_did_it(booth: Booth) -> None:
    found = deeds(booth, booth.sit())
    posts = {path for method, path in booth.routes() if method == "POST"}
    # The first half of an import does nothing, and a refusal is told below.
    assert found.keys() == posts - NOTED_ELSEWHERE - {f"{HOME}/import"}
    for path in found:
        token = booth.sit()
        fields, expected = found[path]
        sent = fields | {"csrf_token": booth.csrf(token)}
        assert booth.send("POST", path, token, sent).status == 303, path
        wait_for_sync(booth)
        assert entries(booth)[0] == ("user-marta", "marta", *expected, True)
    assert len(entries(booth)) == len(found)


def test_what_was_tried_and_refused_is_in_the_audit_too(booth: Booth) -> None:
    token = booth.sit()
    for path, action, fields in (
        ("settings", "notice_days", {"expiry_notice_days": "soon"}),
        ("import/confirm", "import", {"license": "no licence", "replaces": ""}),
        ("import/confirm", "import", {"license": booth.world.sign(number="X").file, "replaces": "guess"}),
    ):
        sent = fields | {"csrf_token": booth.csrf(token)}
        assert booth.send("POST", f"{HOME}/{path}", token, sent).status in {409, 422}
        who, name, deed, _, is_done = entries(booth)[0]
        assert (who, name, deed, is_done) == ("user-marta", "marta", action, False)
    assert len(entries(booth)) == 3


def test_releases_that_somebody_was_not_shown_are_not_confirmed(booth: Booth) -> None:
    token, before = booth.sit(), booth.world.everything()
    for held in ("", "guess", digest("")):
        sent = {"held": held, "csrf_token": booth.csrf(token)}
        assert booth.send("POST", f"{HOME}/held/confirm", token, sent).status == 409
    assert booth.world.everything() == before
    assert entries(booth) == []


def test_a_program_is_in_the_audit_by_the_id_of_its_user(booth: Booth) -> None:
    bearer = {"Authorization": f"Bearer {booth.provider.sign(booth.provider.bearer())}"}
    file = booth.world.sign(number="THIRD", scope={"WFM": 6}).file.encode()
    path = "/api/v1/realms/acme/license"
    for query, body, status in (
        ("", b"no licence", 422),
        ("", file, 409),
        ("?dry_run=true", file, 200),
        ("?replace=true", file, 200),
    ):
        assert booth.send("POST", path + query, "", body, bearer).status == status
    assert [(who, deed, is_done) for who, _, deed, _, is_done in reversed(entries(booth))] == [
        ("user-marta", "import", False),
        ("user-marta", "import", False),
        ("user-marta", "import", True),
    ]
