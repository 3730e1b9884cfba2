"""Keycloak as it should not be: away, slow, or answering something else; nobody is let in by that.

`Spoilt` is a provider some of whose paths answer as a test wants.
"""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest

from keycloak_license.errors import UnreachableError
from keycloak_license.model.session import LoginAttempt, LoginClient
from keycloak_license.web.oidc import (
    KEYS_AGAIN_SECONDS,
    METADATA_SECONDS,
    SILENT_SECONDS,
    Bearer,
    LoginRefusedError,
    Provider,
)
from tests.unit.services.world import NOON
from tests.unit.web.provider import CLIENT, FakeProvider, make_key

METADATA, KEYS, TOKEN = "/openid-configuration", "/certs", "/token"
MARTA = Bearer("user-marta", "portal", "sid-marta")
LONG = 60.0
"""Seconds that end a test that hangs."""


@dataclass
class Reply:
    """What a path answers, once it may."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    may_come: threading.Event | None = None


def as_json(document: Any) -> Reply:
    return Reply(body=json.dumps(document).encode(), headers={"Content-Type": "application/json"})


@dataclass
class Spoilt(FakeProvider):
    """A provider with other answers below paths that end in this."""

    replies: dict[str, Reply] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(self))
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def reply(self, path: str) -> Reply:
        for end, reply in self.replies.items():
            if path.endswith(end):
                self.asked.append(path)
                return reply
        return as_json(self.answer(path))

    def count(self, end: str) -> int:
        """How often something was asked for."""
        return sum(path.endswith(end) for path in self.asked)


def _answering(provider: Spoilt) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reply = provider.reply(self.path)
            if reply.may_come is not None:
                reply.may_come.wait(LONG)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Answering


@pytest.fixture
def fake() -> Iterator[Spoilt]:
    with Spoilt() as provider:
        yield provider


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def provider(fake: Spoilt, clock: list[float]) -> Provider:
    return Provider(fake.url, "acme", verify_tls=True, timeout_seconds=30, clock=lambda: clock[0])


def log_in(provider: Provider) -> object:
    """Come back from Keycloak with a code."""
    attempt = LoginAttempt("key", "acme", "the state", "the nonce", "v" * 64, "/realms/acme", NOON)
    answer = {"state": "the state", "code": "a code"}
    return provider.complete_login(LoginClient(CLIENT, "s3cret"), attempt, "http://screen/callback", answer)


NOT_KEYCLOAK = {
    "a fault": Reply(500, b"{}"),
    "a proxy without Keycloak": Reply(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"}),
    "nothing": Reply(),
    "a page": Reply(body=b"<html>Log in to the hotel</html>", headers={"Content-Type": "text/html"}),
    "half an answer": Reply(body=b'{"keys": ['),
    "no text": Reply(body=b"\xff\xfe\x00"),
    "a list": as_json([]),
    "a number": as_json(7),
    "another document": as_json({"message": "hello"}),
    "members of another kind": as_json({"keys": {"kty": "RSA"}, "issuer": 7}),
    "no keys": as_json({"keys": []}),
    "things that are no keys": as_json({"keys": [None, "RSA", [], {"kty": "RSA"}, {"kty": 7}, {}]}),
}


@pytest.mark.parametrize("reply", NOT_KEYCLOAK.values(), ids=NOT_KEYCLOAK.keys())
@pytest.mark.parametrize("where", [METADATA, KEYS])
def test_what_is_not_keycloak_proves_nobody_and_nobody_is_blamed(
    provider: Provider, fake: Spoilt, clock: list[float], where: str, reply: Reply
) -> None:
    fake.replies[where] = reply
    with pytest.raises(UnreachableError, match=f"{fake.url}/realms/acme"):
        provider.read_bearer(fake.sign(fake.bearer()))
    fake.replies.clear()
    clock[0] += SILENT_SECONDS
    assert provider.read_bearer(fake.sign(fake.bearer())) == MARTA


@pytest.mark.parametrize(
    "what", ["a fault", "a proxy without Keycloak", "nothing", "a page", "half an answer", "no text"]
)
def test_a_login_is_not_done_when_keycloak_does_not_answer(
    provider: Provider, fake: Spoilt, what: str
) -> None:
    fake.id_token = fake.sign(fake.id_claims())
    fake.replies[TOKEN] = NOT_KEYCLOAK[what]
    with pytest.raises(UnreachableError):
        log_in(provider)


@pytest.mark.parametrize(
    "document",
    [
        {"error": "invalid_grant"},
        {"message": "hello"},
        {"access_token": "opaque", "token_type": "Bearer"},
        {"access_token": "opaque", "id_token": None},
        {"access_token": "opaque", "id_token": {"sub": "user-marta"}},
        [],
        ["access_token"],
        7,
        None,
        "access_token",
    ],
)
def test_an_answer_without_an_id_token_is_no_login(
    provider: Provider, fake: Spoilt, document: object
) -> None:
    fake.replies[TOKEN] = as_json(document)
    with pytest.raises((LoginRefusedError, UnreachableError)):
        log_in(provider)


@pytest.mark.parametrize("where", [METADATA, KEYS, TOKEN])
def test_who_does_not_answer_in_time_is_away(fake: Spoilt, where: str) -> None:
    may_come = threading.Event()
    fake.replies[where] = Reply(may_come=may_come)
    impatient = Provider(fake.url, "acme", verify_tls=True, timeout_seconds=1)
    try:
        with pytest.raises(UnreachableError):
            log_in(impatient) if where == TOKEN else impatient.read_bearer(fake.sign(fake.bearer()))
    finally:
        may_come.set()


@pytest.mark.parametrize("where", [METADATA, KEYS, TOKEN])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_nobody_is_followed_to_another_address(
    provider: Provider, fake: Spoilt, where: str, status: int
) -> None:
    with Spoilt() as elsewhere:
        elsewhere.replies[""] = as_json(fake.metadata() | {"keys": [make_key("first").as_dict()]})
        document = as_json(fake.metadata() | {"keys": [fake.keys[0].as_dict(private=False)]})
        fake.replies[where] = Reply(status, document.body, {"Location": f"{elsewhere.url}/x"})
        with pytest.raises(UnreachableError):
            log_in(provider) if where == TOKEN else provider.read_bearer(fake.sign(fake.bearer()))
        assert elsewhere.asked == []


def test_what_the_realm_tells_of_itself_is_asked_for_once_an_hour(
    provider: Provider, fake: Spoilt, clock: list[float]
) -> None:
    for _ in range(3):
        assert provider.metadata.issuer == fake.issuer
    clock[0] += METADATA_SECONDS
    assert provider.metadata.issuer == fake.issuer
    assert fake.count(METADATA) == 1
    clock[0] += 1
    assert provider.metadata.issuer == fake.issuer
    assert fake.count(METADATA) == 2


def test_a_kind_of_key_that_is_not_known_here_takes_no_other_with_it(
    provider: Provider, fake: Spoilt
) -> None:
    ours = fake.keys[0].as_dict(private=False)
    strange = {"kty": "AKP", "kid": "later", "alg": "ML-DSA-65", "use": "sig", "pub": "AAAA"}
    fake.replies[KEYS] = as_json({"keys": [strange, ours, ours | {"kid": "other", "use": "enc"}]})
    assert provider.read_bearer(fake.sign(fake.bearer())) == MARTA
    with pytest.raises(LoginRefusedError):
        provider.read_bearer(fake.sign(fake.bearer(), kid="other"))


def test_a_key_that_keycloak_changes_while_it_cannot_be_asked_counts_when_it_can(
    provider: Provider, fake: Spoilt, clock: list[float]
) -> None:
    provider.read_bearer(fake.sign(fake.bearer()))
    fake.keys[:] = [make_key("second")]
    fake.replies[KEYS] = Reply(503)
    clock[0] += KEYS_AGAIN_SECONDS
    with pytest.raises(UnreachableError):
        provider.read_bearer(fake.sign(fake.bearer()))
    fake.replies.clear()
    clock[0] += SILENT_SECONDS
    assert provider.read_bearer(fake.sign(fake.bearer())) == MARTA


def test_of_many_who_come_at_once_each_is_known_and_keycloak_is_asked_once(
    provider: Provider, fake: Spoilt
) -> None:
    tokens = [fake.sign(fake.bearer(sub=f"user-{number}")) for number in range(24)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(provider.read_bearer, tokens))
    assert [each.user_id for each in found] == [f"user-{number}" for number in range(24)]
    assert (fake.count(METADATA), fake.count(KEYS)) == (1, 1)


def test_of_many_who_come_with_a_new_key_one_asks_for_it(
    provider: Provider, fake: Spoilt, clock: list[float]
) -> None:
    provider.read_bearer(fake.sign(fake.bearer()))
    fake.keys[:] = [make_key("second")]
    clock[0] += KEYS_AGAIN_SECONDS
    tokens = [fake.sign(fake.bearer(sub=f"user-{number}")) for number in range(24)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(provider.read_bearer, tokens))
    assert [each.user_id for each in found] == [f"user-{number}" for number in range(24)]
    assert fake.count(KEYS) == 2
