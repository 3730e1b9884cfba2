"""`run`: the worker goes on by itself, does one sync at a time, and ends when it is told to."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import pytest

from tests.e2e.cli import (
    HANG_SECONDS,
    CountingProxy,
    Site,
    free_port,
    ledger_rows,
    license_attributes,
    make_site,
)
from tests.real.keycloak import AdminApi, RealRealm, temporary_realm

APPLICATIONS = {"WFM": {"roles": ["WFM_*"]}}
EVERY_SECOND = {"interval_seconds": 1}
BOUND_SECONDS = 30
"""What an orchestrator grants between SIGTERM and SIGKILL; far more than an end takes on any machine."""


@dataclass
class Worker:
    """A context manager: `keycloak-license run` as a process, killed with the block if it still runs."""

    site: Site
    words: tuple[str, ...] = ()
    events: list[dict[str, Any]] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "keycloak_license", "--config", self.site.config, *self.words, "run"],
            cwd=self.site.folder,
            env={"PATH": os.defpath},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe
            pipe.close()

    def wait_for(self, event: str, **keys: object) -> dict[str, Any]:
        """The first log line of that event, with these keys; waits until it is there."""

        def found() -> dict[str, Any] | None:
            return next((e for e in self.events if e["event"] == event and keys.items() <= e.items()), None)

        with self._changed:
            assert self._changed.wait_for(found, HANG_SECONDS), (event, keys, self.events)
        line = found()
        assert line
        return line

    def forget(self) -> None:
        """Wait for new log lines only."""
        with self._changed:
            self.events.clear()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def ended(self) -> int:
        """The exit status, which must come within the bound."""
        status = self._process.wait(BOUND_SECONDS)
        self._reader.join()
        assert self._process.stdout
        assert self._process.stdout.read() == ""
        return status

    def _read(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            with self._changed:
                # A line that is no JSON is a test failure: what else stands there is a traceback.
                self.events.append(json.loads(line) if line.startswith("{") else {"event": "?", "line": line})
                self._changed.notify_all()


@pytest.fixture(scope="module")
def shared_realm(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRealm]:
    people = [{"username": name, "enabled": True} for name in ("ann", "bob")]
    representation = {"users": people, "roles": {"realm": [{"name": "WFM_AGENT"}]}}
    with temporary_realm(keycloak, representation) as realm:
        make_site(tmp_path_factory.mktemp("worker"), realm).init().done()
        yield realm


@pytest.fixture
def site(shared_realm: RealRealm, tmp_path: Path) -> Site:
    """The same realm each time, licensed for two; nobody has a role yet."""
    foreign = {k: v for k, v in shared_realm.get()["attributes"].items() if not k.startswith("license.")}
    shared_realm.put("", {"attributes": foreign})
    for name in ("ann", "bob"):
        map_role("delete", shared_realm, name)
    site = make_site(tmp_path / "site", shared_realm, applications=APPLICATIONS, sync=EVERY_SECOND)
    site.call("import", site.license("W", {"WFM": 2})).done()
    return site


def map_role(verb: str, realm: RealRealm, username: str) -> None:
    role = realm.get("/roles/WFM_AGENT")
    getattr(realm, verb)(f"/users/{realm.user_id(username)}/role-mappings/realm", [role])


def used(site: Site) -> str:
    return license_attributes(site.realm)["license.WFM.used"]


class Gate:
    """Holds the first request that it is meant for until it is opened."""

    def __init__(self, meant: Callable[[str, str], bool]) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()
        self._meant = meant

    def __call__(self, method: str, path: str) -> None:
        if self._meant(method, path) and not self.reached.is_set():
            self.reached.set()
            assert self.opened.wait(HANG_SECONDS)


def test_a_change_of_roles_is_picked_up(site: Site) -> None:
    with Worker(site) as worker:
        worker.wait_for("worker_started")
        for name, expected in (("ann", "1"), ("bob", "2")):
            worker.forget()
            map_role("post", site.realm, name)
            worker.wait_for("sync_finished", realm=site.realm.name, complete=True)
            assert used(site) == expected
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0

    assert worker.events[-1]["event"] == "worker_stopped"
    # A machine that is busy may be late for a tick, and says so twice.
    late = ("sync_still_running", "Execution of job ")
    events = [event for event in worker.events if not event["event"].startswith(late)]
    assert not [event for event in events if event["level"] not in {"info", "debug"}]
    assert site.usage() == (2, 2, 0)


def test_the_log_is_json_without_names_and_secrets(site: Site) -> None:
    map_role("post", site.realm, "ann")
    with Worker(site, ("--verbose",)) as worker:
        worker.wait_for("sync_finished")
        worker.signal(signal.SIGINT)
        assert worker.ended() == 0

    text = json.dumps(worker.events)
    assert not [event for event in worker.events if event["event"] == "?"]
    for word in ("ann", site.settings["keycloak"]["client_secret"], "eyJ"):
        assert f'"{word}"' not in text
        assert f"={word}" not in text


def test_a_tick_that_comes_while_a_sync_runs_waits_for_it(site: Site) -> None:
    gate = Gate(lambda _, path: "/admin/" in path)
    with CountingProxy(site.realm.api.url, gate) as proxy, Worker(site.reach(proxy.url)) as worker:
        assert gate.reached.wait(HANG_SECONDS)
        # The next tick was due, and a second sync did not begin.
        worker.wait_for("sync_still_running", realm=site.realm.name)
        map_role("post", site.realm, "ann")
        gate.opened.set()
        worker.wait_for("sync_finished")
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0

    assert proxy.most_at_once == 1
    assert used(site) == "1"


def test_with_admin_events_a_look_takes_two_requests_and_a_change_no_list(site: Site) -> None:
    map_role("post", site.realm, "ann")
    site.realm.put("", {"adminEventsEnabled": True})
    try:
        with CountingProxy(site.realm.api.url) as proxy, Worker(site.reach(proxy.url)) as worker:
            worker.wait_for("sync_finished", realm=site.realm.name)
            looks = Looks(proxy, site.realm.name)
            looks.wait_for_quiet()
            proxy.seen.clear()
            map_role("post", site.realm, "bob")
            worker.forget()
            worker.wait_for("sync_finished", realm=site.realm.name)
            assert used(site) == "2"
            assert not [each for each in proxy.seen if "/users?" in each or "/members?" in each]
            looks.wait_for_quiet()
            worker.signal(signal.SIGTERM)
            assert worker.ended() == 0
    finally:
        site.realm.put("", {"adminEventsEnabled": False})


class Looks:
    """What a worker asks a realm while nothing happens."""

    REALM, EVENTS = "GET /", "GET /admin-events"
    QUIET: Final = [REALM, EVENTS] * 3

    def __init__(self, proxy: CountingProxy, realm: str) -> None:
        self._proxy, self._prefix = proxy, f"/admin/realms/{realm}"

    def wait_for_quiet(self) -> None:
        """Wait until three ticks in a row found nothing; a login in between is none of it."""
        deadline = time.monotonic() + HANG_SECONDS
        while self._asked()[-len(self.QUIET) :] != self.QUIET:
            assert time.monotonic() < deadline, self._proxy.seen[-20:]
            time.sleep(0.1)

    def _asked(self) -> list[str]:
        paths = (each.partition("?")[0] for each in list(self._proxy.seen))
        return [f"GET {path[len('GET ' + self._prefix) :] or '/'}" for path in paths if self._prefix in path]


def test_keycloak_may_come_later_and_go_and_come_back(site: Site) -> None:
    port = free_port()
    site.reach(f"http://127.0.0.1:{port}")
    with Worker(site) as worker:
        [reason] = worker.wait_for("sync_failed", realm=site.realm.name)["reasons"]
        assert str(port) in reason
        for name, expected in (("ann", "1"), ("bob", "2")):
            map_role("post", site.realm, name)
            with CountingProxy(site.realm.api.url, port=port):
                worker.wait_for("sync_finished", realm=site.realm.name)
                assert used(site) == expected
            worker.forget()
            worker.wait_for("sync_failed", realm=site.realm.name)
        worker.forget()
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0


def test_a_realm_that_is_not_there_does_not_stop_the_others(site: Site) -> None:
    map_role("post", site.realm, "ann")
    site.configure(realms={"no-such-realm": {}, site.realm.name: {}})

    with Worker(site) as worker:
        worker.wait_for("sync_failed", realm="no-such-realm")
        worker.wait_for("sync_finished", realm=site.realm.name)
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0

    assert used(site) == "1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_it_ends_at_once_while_there_is_nothing_to_do(site: Site, number: signal.Signals) -> None:
    with Worker(site.configure(sync={"interval_seconds": 3600, "full_interval_seconds": 3600})) as worker:
        worker.wait_for("worker_started")
        worker.signal(number)
        assert worker.ended() == 0


def test_stopped_while_it_reads_it_writes_nothing(site: Site) -> None:
    map_role("post", site.realm, "ann")
    attributes, rows = license_attributes(site.realm), ledger_rows(site)
    told = threading.Event()
    gate = Gate(lambda _, path: "/users?" in path)

    def slow_once_told(method: str, path: str) -> None:
        gate(method, path)
        if told.is_set():
            time.sleep(0.5)  # several requests would still come before the first write

    with CountingProxy(site.realm.api.url, slow_once_told) as proxy, Worker(site.reach(proxy.url)) as worker:
        assert gate.reached.wait(HANG_SECONDS)
        worker.signal(signal.SIGTERM)
        told.set()
        gate.opened.set()
        worker.wait_for("sync_interrupted", realm=site.realm.name)
        assert worker.ended() == 0

    assert proxy.methods["PUT"] == 0
    assert (license_attributes(site.realm), ledger_rows(site)) == (attributes, rows)


def test_stopped_while_it_writes_it_ends_with_that_write_and_the_next_sync_finds_nothing_to_do(
    site: Site,
) -> None:
    map_role("post", site.realm, "ann")
    gate = Gate(lambda method, _: method == "PUT")
    with CountingProxy(site.realm.api.url, gate) as proxy, Worker(site.reach(proxy.url)) as worker:
        assert gate.reached.wait(HANG_SECONDS)
        worker.signal(signal.SIGTERM)
        gate.opened.set()
        assert worker.ended() == 0

    assert used(site) == "1"
    document = site.reach(site.realm.api.url).call("sync", "--json").document
    assert document["changes"] == []
    assert site.usage() == (2, 1, 0)


def test_it_ends_in_bounded_time_while_keycloak_accepts_and_never_answers(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        site.reach(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=3600)
        with Worker(site) as worker:
            connection, _ = silent.accept()
            with connection:
                assert connection.recv(1)
                worker.signal(signal.SIGTERM)
                assert worker.ended() == 0


def test_a_configuration_it_cannot_work_with_ends_it_at_once(site: Site) -> None:
    assert "sink" in site.configure(sink={"interval_seconds": 1}).run("run").refused(2)
    assert "file/ledger.db" in _without_ledger(site).run("run").refused(3)


def _without_ledger(site: Site) -> Site:
    (site.folder / "file").write_text("")
    return site.configure(database="sqlite:///file/ledger.db")
