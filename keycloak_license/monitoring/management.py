"""The management port: health and metrics, for orchestrators and Prometheus.

In: an address, a registry and whether the worker is ready; out: a server in a thread of its own. Used by
`cli.run`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app

from keycloak_license.errors import ConfigurationError


@contextmanager
def serve_management(
    host: str, port: int, registry: CollectorRegistry, is_ready: Callable[[], bool]
) -> Iterator[int]:
    """Serve ``/health/live``, ``/health/ready`` and ``/metrics`` until the block ends; yield the port.

    Raises `ConfigurationError` when the address cannot be listened on. Port 0 means any that is free.
    """
    metrics: Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]] = make_wsgi_app(registry)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        match environ["PATH_INFO"]:
            case "/metrics":
                return metrics(environ, start_response)
            case "/health/live":
                return _say(start_response, "200 OK", "up")
            case "/health/ready":
                if is_ready():
                    return _say(start_response, "200 OK", "up")
                return _say(start_response, "503 Service Unavailable", "no sync has succeeded yet")
            case _:
                return _say(start_response, "404 Not Found", "see /health/live, /health/ready, /metrics")

    try:
        server = make_server(host, port, answer, server_class=_Server, handler_class=_Quiet)
    except OSError as error:
        raise ConfigurationError(
            f"Nothing can listen on {host}:{port} ({error.strerror}), so there is no health and no metrics: "
            "set web.host and web.management_port to an address that is free here"
        ) from error
    Thread(target=server.serve_forever, name="management", daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _say(start_response: StartResponse, status: str, what: str) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{what}\n".encode()]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing: a probe each second is no news."""
