"""A web server on loopback that keeps what is posted to it and answers what it is told to.

In: statuses, one for each request to come, 204 when they are used up; out: `requests`. A context manager.
"""

import threading
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.real.certificates import Certificate

PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as it came."""

    method: str
    path: str
    headers: Message
    """Looked up without regard to case."""
    body: bytes


class RealHook:
    """Whoever receives webhooks; it speaks TLS where it is given a certificate."""

    def __init__(self, *, certificate: Certificate | None = None) -> None:
        self.requests: list[ReceivedRequest] = []
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        """Sent with each answer."""
        self._changed = threading.Condition()
        hook = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook._answer(self)

            do_GET = do_POST  # noqa: N815 - a name of http.server

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self._scheme = "http" if certificate is None else "https"
        if certificate is not None:
            self._server.socket = certificate.context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def place(self) -> str:
        """Where it is, without the path."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.place}/hook"

    def wait_for(self, count: int) -> list[ReceivedRequest]:
        """Return the requests once there are so many."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.requests) >= count, PATIENCE_SECONDS)
            assert came, f"{len(self.requests)} requests came instead of {count}"
            return list(self.requests)

    def _answer(self, request: Any) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        with self._changed:
            self.requests.append(ReceivedRequest(request.command, request.path, request.headers, body))
            status = self.statuses.pop(0) if self.statuses else 204
            self._changed.notify_all()
        request.send_response(status)
        for name, value in self.headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", "0")
        request.end_headers()
