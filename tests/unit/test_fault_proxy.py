"""The proxy of the fault tests does to a connection what it says, and nothing to the requests around it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from tests.real.faults import HTML_PAGE, UNAVAILABLE, Cut, End, Fault, FaultProxy, Run, delay, too_many

BODY = b'["' + b"x" * 1000 + b'"]'


class Upstream(BaseHTTPRequestHandler):
    """Answers with JSON in chunks, and keeps what it was asked."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str | None, bytes]]

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((f"{self.command} {self.path}", self.headers["Host"], body))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Kept", "kept")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))

    do_PUT = do_GET  # noqa: N815 - a name of http.server

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def upstream() -> Iterator[tuple[str, list[tuple[str, str | None, bytes]]]]:
    Upstream.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", Upstream.asked
        server.shutdown()


@pytest.fixture
def asked(upstream: tuple[str, list[tuple[str, str | None, bytes]]]) -> list[tuple[str, str | None, bytes]]:
    return upstream[1]


@pytest.fixture
def proxy(upstream: tuple[str, object]) -> Iterator[FaultProxy]:
    with FaultProxy(upstream[0]) as made:
        yield made


@pytest.fixture
def client() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def test_what_meets_no_fault_passes_unchanged_over_one_connection(
    proxy: FaultProxy, client: requests.Session, asked: list[tuple[str, str | None, bytes]]
) -> None:
    responses = [client.put(f"{proxy.url}/a?b=c%20d", "ě".encode()), client.get(f"{proxy.url}/e")]

    assert [(each.status_code, each.content) for each in responses] == [(200, BODY)] * 2
    assert responses[0].headers["X-Kept"] == "kept"
    host = f"127.0.0.1:{proxy.port}"
    assert asked == [("PUT /a?b=c%20d", host, "ě".encode()), ("GET /e", host, b"")]
    assert proxy.seen == ["PUT /a?b=c%20d", "GET /e"]
    assert proxy.most_at_once == 1


def test_only_the_requests_that_a_rule_means_are_struck(proxy: FaultProxy, client: requests.Session) -> None:
    proxy.on("GET", "^/a", UNAVAILABLE, first=2, times=2)
    proxy.on("PUT", "^/a", too_many(7), times=None)
    proxy.on("*", "^/b", HTML_PAGE)

    def statuses(method: str, path: str) -> list[int]:
        return [client.request(method, f"{proxy.url}{path}").status_code for _ in range(4)]

    assert statuses("GET", "/a") == [200, 503, 503, 200]
    assert statuses("PUT", "/a") == [429, 429, 429, 429]
    assert client.put(f"{proxy.url}/a").headers["Retry-After"] == "7"
    assert client.get(f"{proxy.url}/b").headers["Content-Type"] == "text/html"
    assert client.get(f"{proxy.url}/b").json()
    assert [each[:2] for each in proxy.log[:2]] == [("GET /a", ()), ("GET /a", (UNAVAILABLE,))]
    assert proxy.log[0][2] < proxy.log[1][2]
    proxy.heal()
    assert client.put(f"{proxy.url}/a").status_code == 200
    assert proxy.seen == ["PUT /a"]


@pytest.mark.parametrize(
    ("fault", "passed_on", "error"),
    [
        (End.RESET, 0, requests.ConnectionError),
        (End.GO_DOWN, 0, requests.ConnectionError),
        (End.LOSE_ANSWER, 1, requests.ConnectionError),
        (Cut.LENGTH, 1, requests.exceptions.ChunkedEncodingError),
        (Cut.CHUNKED, 1, requests.exceptions.ChunkedEncodingError),
    ],
)
def test_a_connection_ends_before_or_after_or_in_the_answer(
    proxy: FaultProxy,
    client: requests.Session,
    asked: list[tuple[str, str | None, bytes]],
    fault: Fault,
    passed_on: int,
    error: type[Exception],
) -> None:
    proxy.on("PUT", "/a", fault)

    with pytest.raises(error):
        client.put(f"{proxy.url}/a")
    assert len(asked) == passed_on
    proxy.up()
    assert client.put(f"{proxy.url}/a").status_code == 200


def test_an_answer_may_be_cut_without_a_sign_of_it(proxy: FaultProxy, client: requests.Session) -> None:
    proxy.on("GET", "/a", Cut.FITTING)

    assert client.get(f"{proxy.url}/a").content == BODY[: len(BODY) // 2]


def test_while_it_is_down_it_refuses_and_cuts_and_then_has_the_same_address(
    proxy: FaultProxy, client: requests.Session
) -> None:
    client.get(f"{proxy.url}/a")
    for _ in range(2):
        proxy.down()
        with pytest.raises(requests.ConnectionError):
            client.get(f"{proxy.url}/a")
        with pytest.raises(requests.ConnectionError, match="refused"):
            requests.get(f"{proxy.url}/a", timeout=60)
        proxy.up()
        assert client.get(f"{proxy.url}/a").status_code == 200


def test_a_hook_runs_before_the_request_goes_on_and_may_add_faults(
    proxy: FaultProxy, client: requests.Session, asked: list[tuple[str, str | None, bytes]]
) -> None:
    before: list[int] = []

    def hook() -> None:
        before.append(len(asked))
        proxy.on("GET", "/a", UNAVAILABLE)

    proxy.on("GET", "/a", Run(hook), first=2)
    statuses = [client.get(f"{proxy.url}/a").status_code for _ in range(4)]

    assert (statuses, before) == ([200, 200, 503, 200], [1])


def test_a_hook_may_take_the_proxy_down(proxy: FaultProxy, client: requests.Session) -> None:
    proxy.on("GET", "/a", Run(proxy.down))

    with pytest.raises(requests.ConnectionError):
        client.get(f"{proxy.url}/a")
    proxy.up()
    assert client.get(f"{proxy.url}/a").status_code == 200


def test_a_delayed_request_does_not_hold_up_others(proxy: FaultProxy, client: requests.Session) -> None:
    reached, opened = threading.Event(), threading.Event()

    def wait() -> None:
        reached.set()
        assert opened.wait(60)

    proxy.on("GET", "/slow", Run(wait))
    proxy.on("GET", "/slow", delay(0.01))
    slow = threading.Thread(target=requests.get, args=[f"{proxy.url}/slow"], kwargs={"timeout": 60})
    slow.start()
    assert reached.wait(60)
    assert client.get(f"{proxy.url}/a").status_code == 200
    opened.set()
    slow.join()
    assert proxy.most_at_once == 2


def test_without_keycloak_behind_it_every_connection_is_cut(
    proxy: FaultProxy, client: requests.Session
) -> None:
    proxy.upstream = "http://127.0.0.1:1"

    with pytest.raises(requests.ConnectionError):
        client.get(f"{proxy.url}/a")


def test_a_hook_that_fails_is_told_at_the_end_of_the_block(upstream: tuple[str, object]) -> None:
    def fail() -> None:
        raise LookupError("told")

    proxy = FaultProxy(upstream[0])
    proxy.on("GET", "/a", Run(fail))
    proxy.__enter__()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{proxy.url}/a", timeout=60)
    with pytest.raises(LookupError, match="told"):
        proxy.__exit__()
