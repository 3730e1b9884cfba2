"""A TCP proxy before a real Keycloak that goes wrong when it is told to, and remembers every request.

In: rules, each a method, a pattern for the path, which of those requests, and the fault; out: `log`. Used by
the tests of faults and outages. It lives on an event loop in a thread; what may block runs in others.
"""

import asyncio
import http.client
import io
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self
from urllib.parse import urlsplit

HANG_SECONDS = 120
FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})


@dataclass(frozen=True)
class Run:
    """Call something before a request goes on; it may block, and change the proxy."""

    action: Callable[[], object]


@dataclass(frozen=True)
class Say:
    """Answer in the place of Keycloak."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Cut(Enum):
    """Pass a request on, and close the connection after half of the answer's body, which was announced so."""

    LENGTH = "Content-Length of the whole"
    CHUNKED = "chunks without the last one"
    FITTING = "Content-Length of the half"


class End(Enum):
    """Cut connections, so that the other side sees a reset."""

    RESET = "this one, instead of passing the request on"
    LOSE_ANSWER = "this one, once Keycloak has done what was asked"
    GO_DOWN = "all of them, and nobody listens from now on"


Fault = Run | Say | Cut | End
HTML_PAGE = Say(200, b"<!doctype html><title>Please sign in</title>", (("Content-Type", "text/html"),))
UNAVAILABLE = Say(503, b"no healthy upstream")


def too_many(retry_after: int) -> Say:
    """Return the answer of a proxy that counts requests."""
    return Say(429, b"slow down", (("Retry-After", str(retry_after)),))


def delay(seconds: float) -> Run:
    """Return what lets a request wait before it goes on."""
    return Run(lambda: time.sleep(seconds))


@dataclass
class Rule:
    """A fault for some of the requests of one kind; the first of them is 1."""

    method: str
    path: re.Pattern[str]
    fault: Fault
    first: int
    times: int | None
    seen: int = 0

    def strikes(self, method: str, path: str) -> bool:
        if self.method in {method, "*"} and self.path.search(path):
            self.seen += 1
            return self.first <= self.seen and (self.times is None or self.seen < self.first + self.times)
        return False


class FaultProxy:
    """A context manager; `url` is where it listens, on a port that stays its own while it is down."""

    def __init__(self, upstream: str, *, port: int = 0) -> None:
        self.upstream = upstream
        self.log: list[tuple[str, tuple[Fault, ...], float]] = []
        """Every request as "METHOD /path?query", the faults that struck it, and when (monotonic)."""
        self.most_at_once = self._at_once = 0
        """How many requests there have been at the same time."""
        self._rules: list[Rule] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._failures: list[Exception] = []
        self._living, self._ended = threading.Event(), asyncio.Event()
        self._is_down = True
        # Bound and not listening: it keeps the port for us while nobody is to be reached there.
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._place.bind(("127.0.0.1", port))
        self.port: int = self._place.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=asyncio.run, args=[self._live()], daemon=True)
        self._thread.start()
        assert self._living.wait(HANG_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        self._place.close()
        if self._failures:
            raise self._failures[0]

    @property
    def seen(self) -> list[str]:
        return [request for request, *_ in self.log]

    def on(self, method: str, path: str, fault: Fault, *, first: int = 1, times: int | None = 1) -> None:
        """Add a rule; `times` None is from then on. All rules that strike a request count, in their order."""
        self._rules.append(Rule(method, re.compile(path), fault, first, times))

    def heal(self) -> None:
        """Forget all rules and the log, and listen."""
        self._rules.clear()
        self.log.clear()
        self.up()

    def up(self) -> None:
        """Listen, if it does not."""
        self._call(self._listen())

    def down(self) -> None:
        """Refuse and cut every connection."""
        self._call(self._close())

    def _call(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(HANG_SECONDS)

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(32))
        await self._listen()
        self._living.set()
        await self._ended.wait()
        await self._close()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=5)

    async def _listen(self) -> None:
        if self._is_down:
            self._is_down = False
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, reuse_port=True)

    async def _close(self) -> None:
        if not self._is_down:
            self._is_down = True
            self._server.close()
        for writer in self._writers:
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._is_down:
                _reset(writer)
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while not writer.is_closing():
                    await self._serve_one(reader, writer)
        except Exception as error:  # noqa: BLE001 - raised at the end of the block
            self._failures.append(error)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request_line, _, head = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
        headers = dict(http.client.parse_headers(io.BytesIO(head)).items())
        body = await reader.readexactly(int(headers.get("Content-Length", 0)))
        method, path, _ = request_line.decode("latin-1").split(" ")
        faults = tuple([rule.fault for rule in list(self._rules) if rule.strikes(method, path)])
        self.log.append((f"{method} {path}", faults, time.monotonic()))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            for fault in faults:
                if isinstance(fault, Run):
                    await asyncio.to_thread(fault.action)
                elif fault is End.RESET:
                    _reset(writer)
                elif fault is End.GO_DOWN:
                    await self._close()
            # A request whose connection is gone by now does not go on.
            if not writer.is_closing():
                said = next((fault for fault in faults if isinstance(fault, Say)), None)
                answer = said or await asyncio.to_thread(self._ask, method, path, body, headers)
                await _tell(writer, answer, faults)
        finally:
            self._at_once -= 1

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Say | None:
        """Ask Keycloak, on a connection of its own; None when it does not answer."""
        upstream = http.client.HTTPConnection(urlsplit(self.upstream).netloc, timeout=HANG_SECONDS)
        with closing(upstream), suppress(OSError, http.client.HTTPException):
            # The name that the client used stays: Keycloak puts it into the token, and wants it back.
            upstream.request(method, path, body or None, headers)
            response = upstream.getresponse()
            kept = [each for each in response.getheaders() if each[0].lower() not in FRAMING]
            return Say(response.status, response.read(), tuple(kept))
        return None


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close without the usual farewell."""
    if not writer.is_closing():
        at_once = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.transport.abort()


async def _tell(writer: asyncio.StreamWriter, answer: Say | None, faults: tuple[Fault, ...]) -> None:
    if answer is None or End.LOSE_ANSWER in faults:
        _reset(writer)
        return
    cut = next((fault for fault in faults if isinstance(fault, Cut)), None)
    body = answer.body[: len(answer.body) // 2] if cut else answer.body
    lines = [f"HTTP/1.1 {answer.status} {http.client.responses[answer.status]}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if cut is Cut.CHUNKED:
        lines.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%b\r\n" % (len(body), body)
    else:
        lines.append(f"Content-Length: {len(answer.body if cut is Cut.LENGTH else body)}")
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    await writer.drain()
    if cut:
        writer.close()
