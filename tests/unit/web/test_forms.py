"""What somebody else's page can make a browser send, and what no browser would: nothing comes of it."""

import io
import socket
import tempfile
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from keycloak_license.web.security import MAX_BODY_BYTES
from tests.unit.services.world import NOON, World
from tests.unit.web.booth import HOME, SESSION, Booth, open_booth

UPLOAD, API = f"{HOME}/import", "/api/v1/realms/acme/license"
OWN_PROOF = {f"{HOME}/backchannel-logout", API}
"""What needs no session: a token of Keycloak's proves who says so."""
WITHOUT_SESSION = {"/preferences"}
"""It changes nothing but the cookies of the browser that asks."""
FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-origin, cross-site"},
    {"Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "", "Origin": "null"},
    {"Sec-Fetch-Site": "", "Origin": "http://127.0.0.1"},
]


def posts(booth: Booth) -> list[str]:
    """The path of every form that there is."""
    found = [path for method, path in booth.routes() if method not in {"GET", "HEAD"}]
    assert set(found) > OWN_PROOF | WITHOUT_SESSION
    return [path for path in found if path not in OWN_PROOF]


def test_every_form_with_its_token_does_something(booth: Booth) -> None:
    for path in posts(booth):
        token = booth.sit()
        assert booth.send("POST", path, token, {"csrf_token": booth.csrf(token)}).status != 403, path


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_form_from_another_page_does_nothing(booth: Booth, headers: dict[str, str]) -> None:
    for path in posts(booth):
        token = booth.sit()
        fields = {"csrf_token": booth.csrf(token), "language": "cs", "expiry_notice_days": "9"}
        before = booth.world.everything()
        answer = booth.send("POST", path, token, fields, headers)
        assert (answer.status, answer.headers["Set-Cookie"]) == (403, None), path
        assert booth.world.everything() == before
        assert booth.send("GET", HOME, token).status == 200


def test_a_browser_that_does_not_tell_the_site_is_believed_by_its_origin(booth: Booth) -> None:
    told = {"Sec-Fetch-Site": "", "Origin": booth.site.address.origin}
    token = booth.sit()
    fields = {"csrf_token": booth.csrf(token), "expiry_notice_days": "9"}
    assert booth.send("POST", f"{HOME}/settings", token, fields, told).status == 303


@pytest.mark.parametrize("given", ["none", "empty", "another session's", "an earlier one's", "longer", "é"])
def test_a_form_without_the_token_of_its_session_does_nothing(booth: Booth, given: str) -> None:
    ended = booth.sit()
    earlier = booth.csrf(ended)
    booth.site.sessions.end_of_user("acme", "user-marta")
    token, other = booth.sit(), booth.sit()
    own = booth.csrf(token)
    fields = {
        "none": {},
        "empty": {"csrf_token": ""},
        "another session's": {"csrf_token": booth.csrf(other)},
        "an earlier one's": {"csrf_token": earlier},
        "longer": {"csrf_token": own + "x"},
        "é": {"csrf_token": "é" + own[1:]},
    }[given]
    before = booth.world.everything()
    for path in posts(booth):
        if path not in WITHOUT_SESSION:
            answer = booth.send("POST", path, token, fields | {"expiry_notice_days": "9"})
            assert answer.status == 403, path
            # Nor does the token count where no form is.
            by_query = f"{path}?csrf_token={own}"
            assert booth.send("POST", by_query, token, fields, {"X-CSRF-Token": own}).status == 403
    assert booth.world.everything() == before
    assert booth.send("GET", HOME, token).status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "text/xml", ""])
def test_what_is_sent_as_no_form_does_nothing(booth: Booth, kind: str) -> None:
    token = booth.sit()
    body = f"csrf_token={booth.csrf(token)}&expiry_notice_days=9".encode()
    for path in posts(booth):
        assert booth.send("POST", path, token, body, {"Content-Type": kind}).status == 415, path


def test_nothing_is_taken_from_somebody_who_is_not_logged_in(booth: Booth) -> None:
    for path in posts(booth):
        if path not in WITHOUT_SESSION:
            answer = booth.send("POST", path, "", {"csrf_token": ""})
            assert answer.status == 303
            assert "/login?" in answer.location, path
    for path in OWN_PROOF:
        token = booth.sit()
        refused = booth.send("POST", path, token, {"csrf_token": booth.csrf(token), "logout_token": "x.y.z"})
        assert refused.status in {400, 401}


def test_no_get_changes_anything(booth: Booth) -> None:
    booth.world.agents("ann")
    booth.world.sync()
    before = booth.world.everything(), booth.site.audit.read("acme", 99)
    paths = [path for method, path in booth.routes() if method == "GET"]
    assert len(paths) > 10
    bearer = {"Authorization": f"Bearer {booth.provider.sign(booth.provider.bearer())}"}
    for path in paths:
        for query in (
            "",
            "?csrf_token=x&expiry_notice_days=9&license=x&replace=true&held=x&done=sync&again=1",
        ):
            booth.send("GET", path + query, booth.sit(), headers=bearer)
            booth.send("HEAD", path + query, booth.sit(), headers=bearer)
    assert (booth.world.everything(), booth.site.audit.read("acme", 99)) == before


def multipart(*parts: tuple[str, bytes], boundary: str = "cut") -> bytes:
    """Parts by their Content-Disposition."""
    lines = [
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + body + b"\r\n"
        for head, body in parts
    ]
    return b"".join(lines) + f"--{boundary}--\r\n".encode()


def send_file(booth: Booth, file: bytes, name: str = "a.lic") -> tuple[int, str]:
    token = booth.sit()
    body = multipart(
        ('name="csrf_token"', booth.csrf(token).encode()), (f'name="file"; filename="{name}"', file)
    )
    answer = booth.send("POST", UPLOAD, token, body, {"Content-Type": "multipart/form-data; boundary=cut"})
    return answer.status, answer.text


FILES = {
    "empty": b"",
    "a page": b"<!doctype html><script>alert(1)</script>",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "an archive": b"PK\x03\x04" + bytes(500),
    "zeros": bytes(64 * 1024),
    "another form": multipart(
        ('name="csrf_token"', b"x"), ('name="file"; filename="b"', b"y"), boundary="in"
    ),
    "64 KiB and one": b"a" * (64 * 1024 + 1),
    "all there may be": b"a" * (MAX_BODY_BYTES - 1000),
}


@pytest.mark.parametrize("kind", FILES)
def test_what_is_no_licence_is_refused_and_not_shown(booth: Booth, kind: str) -> None:
    before = booth.world.everything()
    status, text = send_file(booth, FILES[kind])
    assert status == 422
    assert "alert(1)" not in text
    assert booth.world.everything() == before


NAMES = [
    "../../etc/passwd",
    "/etc/passwd",
    "C:\\\\windows\\\\x",
    "a\x00b",
    "<script>alert(1)</script>",
    '\\" onx=\\"1',
    "a" * 10_000,
    "é" * 100,
    "a\r\nX-Evil: 1\r\n\r\n",
    "%0d%0a",
    "",
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name)[:20])
def test_what_a_file_is_called_matters_to_nobody(
    booth: Booth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, text = send_file(booth, b"not a licence", name)
    assert status in {400, 422}
    assert not any(word in text for word in ("alert(1)", "passwd", "onx=", "aaaaaaaaaaaa", "X-Evil"))
    assert list(tmp_path.iterdir()) == []


def test_of_two_files_none_is_taken(booth: Booth) -> None:
    token = booth.sit()
    good = booth.world.sign(number="T-of-two").file.encode()
    parts = [('name="file"; filename="a"', good), ('name="file"; filename="b"', good)]
    body = multipart(('name="csrf_token"', booth.csrf(token).encode()), *parts)
    answer = booth.send("POST", UPLOAD, token, body, {"Content-Type": "multipart/form-data; boundary=cut"})
    assert answer.status == 400
    assert "T-of-two" not in answer.text


BROKEN = {
    "no boundary": (b"x", "multipart/form-data"),
    "an empty boundary": (b"----\r\n", "multipart/form-data; boundary="),
    "a boundary that never comes": (b"x" * 1000, "multipart/form-data; boundary=cut"),
    "no name": (multipart(('filename="a"', b"x")), "multipart/form-data; boundary=cut"),
    "no end": (multipart(('name="a"', b"x"))[:-8], "multipart/form-data; boundary=cut"),
    "no header": (b"--cut\r\n\r\n\r\n--cut--\r\n", "multipart/form-data; boundary=cut"),
    "a header without an end": (b"--cut\r\n" + b"A" * 100_000, "multipart/form-data; boundary=cut"),
    "many headers": (b"--cut\r\n" + b"A: b\r\n" * 20_000, "multipart/form-data; boundary=cut"),
    "many parts": (multipart(*[('name="a"', b"")] * 2000), "multipart/form-data; boundary=cut"),
    "many fields": (b"a=&" * 60_000, "application/x-www-form-urlencoded"),
    "signs of percent": (b"%" * 1000, "application/x-www-form-urlencoded"),
    "the code of host names": (
        multipart(('name="language"', b"xn--" + b"z" * 70)),
        "multipart/form-data; boundary=cut; charset=idna",
    ),
    "a code that says nothing": (
        multipart(('name="language"', b"x")),
        "multipart/form-data; boundary=cut; charset=undefined",
    ),
    "halves of characters": (
        multipart(('name="csrf_token"', b"\\ud800")),
        "multipart/form-data; boundary=cut; charset=unicode_escape",
    ),
    "a code that is none": (
        multipart(('name="csrf_token"', b"x")),
        "multipart/form-data; boundary=cut; charset=zip",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_form_is_refused_and_no_fault(booth: Booth, kind: str) -> None:
    body, content_type = BROKEN[kind]
    for path in (UPLOAD, f"{HOME}/settings", f"{HOME}/backchannel-logout", "/preferences"):
        answer = booth.send("POST", path, booth.sit(), body, {"Content-Type": content_type})
        # A form that can be read, and says nothing, leaves preferences as they are.
        allowed = {303} if path == "/preferences" else set[int]()
        assert answer.status in {400, 403, 413, 415, 422} | allowed, path
    api = "/api/v1/realms/acme/license"
    bearer = {"Authorization": f"Bearer {booth.provider.sign(booth.provider.bearer())}"}
    answer = booth.send("POST", api, "", body, bearer | {"Content-Type": content_type})
    assert answer.status in {400, 413, 415, 422}


def chunks(total: int) -> Iterator[bytes]:
    """A body of unknown size, in pieces."""
    for _ in range(total // 1000):
        yield b"a" * 1000


@pytest.mark.parametrize(
    "path", [UPLOAD, "/preferences", f"{HOME}/backchannel-logout", "/api/v1/realms/acme/license"]
)
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=cut", "application/x-www-form-urlencoded"])
def test_a_body_without_end_is_cut_off(booth: Booth, path: str, kind: str) -> None:
    bearer = f"Bearer {booth.provider.sign(booth.provider.bearer())}"
    taken = 0

    def counted() -> Iterator[bytes]:
        nonlocal taken
        yield b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for piece in chunks(200_000_000):
            taken += len(piece)
            yield piece

    headers = {"Content-Type": kind, "Authorization": bearer}
    status = booth.stream(path, booth.sit(), counted(), headers)
    assert status in {400, 413}
    # What lies in the buffers of sockets was sent and not taken.
    assert taken < 50_000_000


@pytest.mark.parametrize("declared", [MAX_BODY_BYTES + 1, 10**12, 10**30])
def test_a_body_that_says_it_is_too_large_is_not_even_read(booth: Booth, declared: int) -> None:
    for path in (*posts(booth), *OWN_PROOF, "/static/screen.css", "/nowhere"):
        status, _ = booth.raw(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {declared}\r\nConnection: close\r\n\r\n"
        )
        assert status in {400, 413}, path


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "5, 6", "²", "", "nan"])
def test_a_size_that_is_no_number_is_refused(booth: Booth, length: str) -> None:
    status, _ = booth.raw(
        f"POST /preferences HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    assert status in {400, 413}


def test_a_body_that_ends_too_early_is_no_fault_of_ours(booth: Booth, log: io.StringIO) -> None:
    bearer = f"Bearer {booth.provider.sign(booth.provider.bearer())}"
    for path in (UPLOAD, f"{HOME}/settings", "/preferences", f"{HOME}/backchannel-logout", API):
        for kind in ("multipart/form-data; boundary=cut", "application/x-www-form-urlencoded"):
            with socket.create_connection(("127.0.0.1", booth.port), timeout=60) as connection:
                told = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nContent-Type: {kind}\r\n"
                told += f"Authorization: {bearer}\r\nCookie: {SESSION}={booth.sit()}\r\n\r\n--cut\r\nConten"
                connection.sendall(told.encode())
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
    assert booth.send("GET", HOME, booth.sit()).status == 200
    assert "request_crashed" not in log.getvalue()


def test_memory_does_not_grow_with_what_is_sent(booth: Booth) -> None:
    token = booth.sit()
    kind = {"Content-Type": "multipart/form-data; boundary=cut"}
    head = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    booth.stream(UPLOAD, token, iter([head, *chunks(10_000)]), kind)
    tracemalloc.start()
    try:
        for _ in range(5):
            booth.stream(UPLOAD, token, iter([head, *chunks(20_000_000)]), kind)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 30_000_000


def test_no_upload_touches_the_disk(booth: Booth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "is not there"))
    assert send_file(booth, FILES["all there may be"])[0] == 422


@pytest.mark.parametrize(
    ("first", "last", "told"), [(-60, -1, "would end for everybody"), (30, 90, "waits for its start")]
)
def test_a_preview_says_what_a_licence_does_that_does_not_count(first: int, last: int, told: str) -> None:
    today, world = NOON.date(), World()
    world.import_file(world.sign(number="FIRST"))
    dates = {"issued_on": today - timedelta(60), "starts_on": today + timedelta(first)}
    other = world.sign(number="OTHER", expires_on=today + timedelta(last), **dates)
    with open_booth(world=world) as booth:
        status, text = send_file(booth, other.file.encode())
    assert status == 200
    assert told in text
