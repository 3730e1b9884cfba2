"""`health` asks the port that `run` serves, and says in one sentence what is not well."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest
import yaml

from keycloak_license.errors import UnhealthyError
from keycloak_license.monitoring.management import serve_management
from keycloak_license.monitoring.metrics import Metrics
from keycloak_license.monitoring.probe import ask_health
from tests.e2e.cli import call

LIVE, READY = "/health/live", "/health/ready"
Serve = Callable[[str, bool], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a management port on an address, ready or not."""
    with ExitStack() as stack:
        yield lambda host, ready: stack.enter_context(
            serve_management(host, 0, Metrics().registry, lambda: ready)
        )


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port that is taken, and at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_worker_that_has_not_synced_lives_and_is_not_ready(serve: Serve, host: str) -> None:
    port = serve("127.0.0.1", False)
    assert ask_health(host, port, LIVE) == "up"
    with pytest.raises(UnhealthyError, match=rf"{host}:{port}{READY} says 503, no sync has succeeded yet$"):
        ask_health(host, port, READY)


def test_a_worker_that_has_synced_is_ready(serve: Serve) -> None:
    assert ask_health("127.0.0.1", serve("127.0.0.1", True), READY) == "up"


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "0"])  # noqa: S104 - where a worker listens in a container
def test_a_worker_that_listens_everywhere_is_asked_on_loopback(serve: Serve, everywhere: str) -> None:
    assert ask_health(everywhere, serve("127.0.0.1", True), LIVE) == "up"


def test_a_proxy_of_the_environment_is_not_asked(
    serve: Serve, dead_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{dead_port}")
    assert ask_health("127.0.0.1", serve("127.0.0.1", True), LIVE) == "up"


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid", "::1"])
def test_no_worker_is_one_sentence(dead_port: int, host: str) -> None:
    with pytest.raises(UnhealthyError, match=r"No worker answers at http://.*: start keycloak-license run"):
        ask_health(host, dead_port, LIVE)


def test_a_worker_that_hangs_is_one_sentence() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(UnhealthyError, match=r"No worker answers at .*/health/live \(timed out\)"),
    ):
        ask_health("127.0.0.1", silent.getsockname()[1], LIVE, timeout_seconds=0.1)


def test_something_else_at_the_port_is_one_sentence() -> None:
    def talk() -> None:
        with listener.accept()[0] as peer:
            peer.recv(100)
            peer.sendall(b"SSH-2.0-OpenSSH\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        other = Thread(target=talk, daemon=True)
        other.start()
        with pytest.raises(UnhealthyError, match="No worker answers at"):
            ask_health("127.0.0.1", listener.getsockname()[1], LIVE)
        other.join()


@pytest.mark.parametrize(
    ("ready", "words", "status"), [(False, [], 0), (False, ["--ready"], 3), (True, ["--ready"], 0)]
)
def test_the_command_asks_where_the_configuration_says_and_needs_no_secret(
    serve: Serve, tmp_path: Path, ready: bool, words: list[str], status: int
) -> None:
    config = tmp_path / "keycloak-license.yaml"
    port = serve("127.0.0.1", ready)
    config.write_text(yaml.safe_dump({"realms": {"acme": {}}, "web": {"management_port": port}}))
    assert call("--config", config, "health", *words).status == status
