"""Servers and deliveries for the tests of both channels."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.real.certificates import Certificate, make_certificate
from tests.real.mailserver import RealMailServer

Says = Callable[[bytes], int]
Start = Callable[..., RealMailServer]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def saying() -> Iterator[Says]:
    """Start a server that says the given bytes to each who connects, keeps the line, and never listens."""
    with ExitStack() as around:

        def start(words: bytes) -> int:
            server = around.enter_context(socket.create_server(("127.0.0.1", 0)))
            around.callback(server.shutdown, socket.SHUT_RDWR)
            threading.Thread(target=_say, args=[server, words], daemon=True).start()
            return int(server.getsockname()[1])

        yield start


def _say(server: socket.socket, words: bytes) -> None:
    with ExitStack() as lines:
        while True:
            try:
                line = lines.enter_context(server.accept()[0])
            except OSError:
                return
            line.sendall(words)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody listens, as long as the test runs."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        yield int(place.getsockname()[1])


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """For loopback."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def other_ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that has signed nothing."""
    return make_certificate(tmp_path_factory.mktemp("other")).ca_file


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a mail server that lives as long as the test."""
    with ExitStack() as around:
        yield lambda *args, **kwargs: around.enter_context(RealMailServer(*args, **kwargs))


@pytest.fixture
def server(start: Start) -> RealMailServer:
    return start()
