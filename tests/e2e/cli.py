"""The command as somebody outside runs it, and a proxy that sees every request it makes.

`Site` is one installation: a folder with configuration, trusted keys and ledger, for one real realm.
`Site.run` starts a process with an environment of its own; `Site.call` does the same in this process
where a process is not the point, which saves starting Python. `CountingProxy` stands before Keycloak.
"""

import http.client
import io
import json
import os
import pty
import re
import select
import socket
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import FileIO
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import yaml

from keycloak_license.cli.main import main
from tests.real.keycloak import RealRealm
from tests.unit.license_file.forge import Vendor, content

CLIENT = "keycloak-license"
SECRET = "s3cret-of-the-sidecar-only"
"""The client secret of every site; it stands in its configuration and may be seen nowhere else."""
HANG_SECONDS = 120
"""Ends a test that hangs; nothing is measured with it."""
TABLES = ("realms", "claims", "licenses", "seat_events")


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    status: int
    stdout: str
    stderr: str

    def done(self) -> Self:
        """The same, of a command that must have passed."""
        assert self.status == 0, self
        return self

    @property
    def document(self) -> Any:
        """The one JSON document of a command that must have passed."""
        return json.loads(self.done().stdout)

    @property
    def warnings(self) -> list[str]:
        return [line for line in self.stderr.splitlines() if line.startswith("Warning: ")]

    def refused(self, status: int) -> str:
        """The sentence of a command that must have failed, and said nothing but that sentence."""
        assert self.status == status, self
        assert self.stdout == "", self
        assert len(self.stderr.splitlines()) == 1, self
        assert self.stderr.startswith("Error: "), self
        assert self.stderr.endswith(".\n"), self
        assert not any(word in self.stderr for word in ("Traceback", SECRET, "eyJ")), self
        return self.stderr


@dataclass
class Site:
    """One installation of the sidecar."""

    folder: Path
    realm: RealRealm
    settings: dict[str, Any]
    vendor: Vendor = field(default_factory=Vendor)

    @property
    def config(self) -> Path:
        return self.folder / "sidecar.yaml"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.db"

    @property
    def keys(self) -> Path:
        return self.folder / "trusted-keys"

    def configure(self, **changes: Any) -> Self:
        """Write the configuration with whole keys changed; None leaves a key out."""
        settings = {key: value for key, value in (self.settings | changes).items() if value is not None}
        self.config.write_text(yaml.safe_dump(settings, sort_keys=False))
        return self

    def reach(self, url: str, **changes: Any) -> Self:
        """Write the configuration with another address of Keycloak."""
        return self.configure(keycloak=self.settings["keycloak"] | {"url": url} | changes)

    def call(self, *words: str | Path, environ: Mapping[str, str] | None = None) -> Outcome:
        """Run a command in this process."""
        return call("--config", self.config, *words, environ=environ)

    def run(self, *words: str | Path, environ: Mapping[str, str] | None = None) -> Outcome:
        """Run a command as a process in the site's folder, with no variables but these."""
        return run(
            [sys.executable, "-m", "keycloak_license", "--config", self.config, *words], self.folder, environ
        )

    def answer(self, *words: str | Path, question: str, answer: str) -> Outcome:
        """Run a command as a process at a terminal, and answer its question; stdout goes to a pipe.

        What stands on the terminal, the question and the echoed answer included, is the stderr.
        """
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "keycloak_license", "--config", self.config, *words],
            env={"PATH": os.defpath, "TERM": "dumb"},
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
        )
        os.close(theirs)
        with process, os.fdopen(ours, "rb+", buffering=0) as terminal:
            asked = _read(terminal, until=question)
            terminal.write(f"{answer}\n".encode())
            told = _read(terminal)
            assert process.stdout
            stdout = process.stdout.read()
            status = process.wait(HANG_SECONDS)
        return Outcome(status, stdout, asked + told)

    def init(self, *words: str, password: str | None = None) -> Outcome:
        """Run `init` as the administrator of Keycloak."""
        return self.call(*self.init_words(password), *words)

    def init_words(self, password: str | None = None) -> tuple[str | Path, ...]:
        """How `init` is called by the administrator, whose password is put into a file."""
        api = self.realm.api
        file = self.folder / "admin-password"
        file.write_text((api.password if password is None else password) + "\n")
        return "init", "--admin-user", api.user, "--admin-password-file", file

    def status(self) -> Any:
        """The document of `status`."""
        return self.call("status", "--json").document

    def usage(self, application: str = "WFM") -> tuple[int | None, int, int]:
        """Seats, used and waiting of an application as the ledger has them."""
        [found] = (each for each in self.status()["applications"] if each["id"] == application)
        return found["seats"], found["used"], found["waiting"]

    def members(self, application: str = "WFM", *words: str) -> list[tuple[str, str, int | None]]:
        """Username, state and position of the members of an application."""
        document = self.call("members", application, "--json", *words).document
        return [(each["username"], each["state"], each["position"]) for each in document["members"]]

    def license(self, number: str, seats: Mapping[str, int | None], **changes: Any) -> Path:
        """Write a licence that this site trusts: temporary and in force, where not told otherwise."""
        facts = {
            "number": number,
            "issue": 1,
            "type": "temporary",
            "customer": "Acme",
            "issued_on": day(-10),
            "starts_on": day(-10),
            "expires_on": day(60),
            "scope": {application: {"seats": count} for application, count in seats.items()},
            "exempt_users": ["eleveo.admin", "eleveotrain"],
            **changes,
        }
        path = self.folder / f"{number}.lic"
        path.write_bytes(self.vendor.file(content(**facts)))
        return path


def free_port() -> int:
    """A port of this machine that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def own_ports() -> dict[str, Any]:
    """Ports for a screen that is really open, under the address that follows from them."""
    return {"port": free_port(), "management_port": free_port()}


def make_site(folder: Path, realm: RealRealm, **changes: Any) -> Site:
    """Set up a site for a realm, on ports of its own; `changes` replace whole keys of its configuration."""
    settings = {
        "keycloak": {"url": realm.api.url, "client_secret": SECRET},
        "realms": {realm.name: {}},
        "database": "sqlite:///ledger.db",
        "trusted_keys": "trusted-keys",
        # The same address for all sites of a realm, which they share one after the other.
        "web": own_ports() | {"public_url": "http://127.0.0.1:8081"},
    }
    site = Site(folder, realm, settings | changes)
    site.keys.mkdir(parents=True)
    site.vendor.publish(site.keys)
    return site.configure()


def call(*words: str | Path, environ: Mapping[str, str] | None = None) -> Outcome:
    """Run a command in this process, with no variables of ours but these."""
    stdout, stderr = io.StringIO(), io.StringIO()
    status: object = 0
    with _variables(environ or {}), redirect_stdout(stdout), redirect_stderr(stderr):
        try:
            main([str(word) for word in words])
        except SystemExit as ended:
            status = ended.code or 0
    assert isinstance(status, int), status
    return Outcome(status, stdout.getvalue(), stderr.getvalue())


def run(command: list[Any], folder: Path, environ: Mapping[str, str] | None = None) -> Outcome:
    """Run a process with no terminal and no variables but these."""
    ended = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={"PATH": os.defpath, **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_SECONDS,
    )
    return Outcome(ended.returncode, ended.stdout, ended.stderr)


def _read(terminal: FileIO, until: str | None = None) -> str:
    """What comes from a terminal, until these words or its end."""
    text = ""
    while until is None or until not in text:
        ready, _, _ = select.select([terminal], [], [], HANG_SECONDS)
        assert ready, text
        try:
            text += terminal.read(4096).decode()
        except OSError:  # nobody is at the other side any more
            break
    return text


@contextmanager
def _variables(environ: Mapping[str, str]) -> Iterator[None]:
    ours = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("KEYCLOAK_")}
    os.environ.update(environ)
    try:
        yield
    finally:
        for name in environ:
            del os.environ[name]
        os.environ.update(ours)


def day(offset: int) -> str:
    """A day from today, in UTC."""
    return (datetime.now(UTC).date() + timedelta(days=offset)).isoformat()


def application(document: Any, id_: str) -> Any:
    """One of the applications in a document."""
    [found] = (each for each in document["applications"] if each["id"] == id_)
    return found


def license_attributes(realm: RealRealm) -> dict[str, str]:
    """What stands in the realm under our name, as everybody reads it."""
    return {name: value for name, value in realm.get()["attributes"].items() if name.startswith("license.")}


def ledger_rows(site: Site) -> list[tuple[object, ...]]:
    """Everything the ledger remembers; nothing when there is none."""
    if not site.ledger.exists():
        return []
    with closing(sqlite3.connect(site.ledger)) as connection:
        known = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        return [
            (table, *row)
            for table in TABLES
            if table in known
            for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")  # noqa: S608 - ours
        ]


def written(site: Site) -> tuple[dict[str, str], list[tuple[object, ...]]]:
    """All that a command could have changed: the realm's attributes of ours, and the ledger."""
    return license_attributes(site.realm), ledger_rows(site)


@contextmanager
def taken_back(site: Site) -> Iterator[None]:
    """Forget what is written inside the block."""
    attributes = site.realm.get()["attributes"]
    try:
        yield
    finally:
        site.realm.put("", {"attributes": attributes})
        for file in site.folder.glob("ledger.db*"):
            file.unlink()


Answer = tuple[int, str, bytes] | tuple[int, str, bytes, str]
"""Status, content type, body, and where it says that something new is."""
Interfere = Callable[[str, str], Answer | None]
"""Given method and path, before they go on; an answer is sent in the place of Keycloak's."""


def let_pass(_method: str, _path: str) -> None:
    """Leave every request alone."""


class CountingProxy:
    """A context manager: passes requests on to Keycloak, and remembers each as "METHOD /path"."""

    def __init__(self, upstream: str, interfere: Interfere = let_pass, *, port: int = 0) -> None:
        self.interfere = interfere
        self.seen: list[str] = []
        self.most_at_once = 0
        """How many requests there have been at the same time, but for looks at the realm, which threads take
        while another one writes to it."""
        self._at_once = 0
        self._lock = threading.Lock()
        self._upstream = urlsplit(upstream).netloc
        self._server = _Server(("127.0.0.1", port), _passing_on(self._answer))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()

    @property
    def methods(self) -> Counter[str]:
        """How many requests there were of each method."""
        return Counter(each.partition(" ")[0] for each in self.seen)

    def _answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        counted = not (method == "GET" and re.fullmatch("/admin/realms/[^/]+", path))
        with self._lock:
            self.seen.append(f"{method} {path}")
            self._at_once += counted
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return self.interfere(method, path) or self._pass_on(method, path, headers, body)
        finally:
            with self._lock:
                self._at_once -= counted

    def _pass_on(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        with closing(http.client.HTTPConnection(self._upstream, timeout=HANG_SECONDS)) as connection:
            # The name that the client used stays: Keycloak puts it into the token, and wants it back.
            connection.request(method, path, body or None, dict(headers))
            response = connection.getresponse()
            content_type, location = (response.headers.get(name, "") for name in ("Content-Type", "Location"))
            return response.status, content_type, response.read(), location


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        self._connections: list[socket.socket] = []
        super().__init__(*arguments)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.append(connection)
        return connection, address

    def hang_up(self) -> None:
        """Cut the connections that clients keep open: a server that is down has none."""
        for connection in self._connections:
            with suppress(OSError):  # it was closed in time
                connection.shutdown(socket.SHUT_RDWR)


def _passing_on(
    answer: Callable[[str, str, Mapping[str, str], bytes], Answer],
) -> type[BaseHTTPRequestHandler]:
    class PassingOn(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one packet: apart they wait for each other's acknowledgement.
        wbufsize = -1

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answered = answer(self.command, self.path, dict(self.headers.items()), body)
            status, content_type, text, *location = answered
            self.send_response(status)
            for where in filter(None, location):
                self.send_header("Location", where)
            if content_type:
                self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - names of http.server

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return PassingOn
