"""The program while the file of its ledger is locked, full, read-only or damaged, or while it is killed.

Whatever happens, the ledger holds what it held before or all of the sync, Keycloak shows nothing that the
ledger does not know, people read one sentence, and the next sync comes to the end of an undisturbed one.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli import HANG_SECONDS, CountingProxy, Outcome, Site, license_attributes
from tests.e2e.ledger_scene import (
    AGENTS,
    Program,
    Scene,
    move_ledger,
    outline,
    temporary_scene,
    unchanged,
)
from tests.e2e.test_worker import Worker
from tests.real.keycloak import AdminApi
from tests.real.small_disk import PAGE, Disk, any_disk, needs_mount, scarce_disk
from tests.unit.ledger.test_disk import is_sound

TELL_ALL = ("--verbose",)
"""What goes on being wrong is a line for debugging."""
AS_PLAIN_USER = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()
"""File modes do not hold root back."""


@pytest.fixture(scope="module")
def scene(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("scene") / "site"
    with temporary_scene(keycloak, folder, f"sqlite:///{folder / 'ledger.db'}") as made:
        yield made


def begin(scene: Scene, folder: Path) -> Site:
    """A site with a copy of the ledger."""
    site = scene.begin(folder, f"sqlite:///{folder / 'ledger.db'}")
    # A copy of the file alone would lack what SQLite keeps beside it while anybody has it open.
    with (
        closing(sqlite3.connect(scene.first.ledger)) as source,
        closing(sqlite3.connect(site.ledger)) as copy,
    ):
        source.backup(copy)
    return site


@pytest.fixture
def site(scene: Scene, tmp_path: Path) -> Site:
    return begin(scene, tmp_path / "site")


@pytest.fixture(scope="module")
def undisturbed(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> object:
    """What the next sync comes to when nothing happens."""
    site = begin(scene, tmp_path_factory.mktemp("undisturbed") / "site")
    site.call("sync").done()
    assert (site.usage("QM"), site.usage("WFM")) == ((2, 2, 1), (250, 250, 50))
    return outline(site)


def run_as_plain_user(site: Site, *words: str) -> Outcome:
    with Program(site, *words, before=AS_PLAIN_USER) as program:
        return program.ended()


# --- another process writes


class Other:
    """Somebody else's connection to an SQLite ledger."""

    def __init__(self, site: Site) -> None:
        self._connection = sqlite3.connect(site.ledger, isolation_level=None, check_same_thread=False)

    def write(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("DELETE FROM claims")

    def take_back(self) -> None:
        self._connection.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()


def test_a_sync_waits_while_another_process_writes_and_then_does_its_work(
    site: Site, undisturbed: object
) -> None:
    """The other one begins while the program reads Keycloak, and is done a while after the last request."""
    seen: list[str] = []
    with closing(Other(site)) as other:

        def release() -> None:
            seen.append("released")
            other.take_back()

        def interfere(method: str, path: str) -> None:
            if "/users/" in path or "members" in path or "partial-export" in path:
                if "locked" not in seen:
                    seen.append("locked")
                    other.write()
                    threading.Timer(1, release).start()
            elif method == "PUT":
                seen.append("PUT")

        with CountingProxy(site.realm.api.url, interfere) as proxy:
            site.reach(proxy.url).run("sync").done()
    assert seen[:3] == ["locked", "released", "PUT"]
    assert outline(site) == undisturbed


@pytest.mark.parametrize(
    "is_late", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["from the start", "in the middle"]
)
def test_while_another_process_never_ends_its_write_a_sync_gives_up_and_readers_are_not_disturbed(
    site: Site, undisturbed: object, is_late: bool
) -> None:
    told = [site.call(*words).document for words in (("status", "--json"), ("members", "QM", "--json"))]
    with unchanged(site), closing(Other(site)) as other:
        begun = threading.Event()

        def interfere(_method: str, path: str) -> None:
            if "/admin/" in path and not begun.is_set():
                begun.set()
                other.write()

        if not is_late:
            begun.set()
            other.write()
        with (
            CountingProxy(site.realm.api.url, interfere) as proxy,
            Program(site.reach(proxy.url), "sync") as sync,
        ):
            assert begun.wait(HANG_SECONDS)
            for words, document in zip(
                (("status", "--json"), ("members", "QM", "--json")), told, strict=True
            ):
                assert site.call(*words).document == document
            sentence = sync.ended().refused(3)
        assert proxy.methods["PUT"] == 0
        other.take_back()
    assert f"sqlite:///{site.ledger} is locked by another process" in sentence
    site.reach(site.realm.api.url).run("sync").done()
    assert outline(site) == undisturbed


# --- the disk


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with scarce_disk(request.param, tmp_path / "disk") as made:
        yield made


def put_ledger_on(disk: Disk, site: Site) -> Path:
    """Let the site have its ledger on that disk."""
    file = disk.folder / "ledger.db"
    shutil.move(site.ledger, file)
    move_ledger(site, f"sqlite:///{file}")
    return file


@any_disk
def test_a_disk_that_gets_full_in_a_big_sync_loses_nothing_and_with_room_the_next_one_does_all(
    site: Site, disk: Disk, undisturbed: object
) -> None:
    file = put_ledger_on(disk, site)
    with unchanged(site):
        # Enough for the lease and what else is small, not for three hundred people.
        disk.leave(32 * PAGE)
        sentence = site.run("sync").refused(3)
        disk.make_room()
        assert is_sound(file)
    assert f"The ledger sqlite:///{file} " in sentence
    assert disk.words in sentence
    site.run("sync").done()
    assert outline(site) == undisturbed


@any_disk
@pytest.mark.parametrize("is_new", [False, True], ids=["known", "new"])
def test_a_disk_that_is_full_when_the_ledger_is_opened_is_named(
    site: Site, disk: Disk, is_new: bool, undisturbed: object
) -> None:
    file = put_ledger_on(disk, site)
    before = license_attributes(site.realm)
    if is_new:
        file.unlink()
    disk.leave(0)
    sentences = [site.call(*words).refused(3) for words in (("sync",), ("status",))]
    disk.make_room()
    for sentence in sentences:
        assert f"The ledger sqlite:///{file} " in sentence
        assert disk.words in sentence
    assert license_attributes(site.realm) == before
    site.call("sync").done()
    assert outline(site) == undisturbed


@needs_mount
@pytest.mark.parametrize("disk", ["full"], indirect=True)
def test_the_worker_goes_on_by_itself_when_there_is_room_again(
    site: Site, disk: Disk, undisturbed: object
) -> None:
    put_ledger_on(disk, site)
    disk.leave(32 * PAGE)
    with Worker(site, TELL_ALL) as worker:
        for _ in range(2):
            [sentence] = worker.wait_for("sync_failed", realm=site.realm.name)["reasons"]
            assert disk.words in sentence
            worker.forget()
        disk.make_room()
        worker.wait_for("sync_finished", realm=site.realm.name)
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0
    assert outline(site) == undisturbed


# --- a ledger that may not be written


@contextmanager
def read_only_folder(file: Path) -> Iterator[None]:
    file.parent.chmod(0o555)
    yield
    file.parent.chmod(0o755)


@contextmanager
def read_only_mount(file: Path) -> Iterator[None]:
    folder = str(file.parent)
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("protected", [read_only_folder, pytest.param(read_only_mount, marks=needs_mount)])
def test_a_read_only_ledger_is_read_and_not_written(
    site: Site, protected: Any, tmp_path: Path, undisturbed: object
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    file = Path(shutil.move(site.ledger, folder / "ledger.db"))
    move_ledger(site, f"sqlite:///{file}")
    with unchanged(site), protected(file):
        sentence = run_as_plain_user(site, "sync").refused(3)
        status = run_as_plain_user(site, "status", "--json").document
        preview = run_as_plain_user(site, "sync", "--dry-run", "--json").document
    assert f"The ledger sqlite:///{file} is read-only: make it" in sentence
    assert site.status() == status
    assert len([each for each in preview["changes"] if each["kind"] == "seat_assigned"]) == 250
    site.call("sync").done()
    assert outline(site) == undisturbed


# --- a ledger that is none


def cut_in_half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def overwrite(file: Path) -> None:
    noise = bytearray(file.read_bytes())
    noise[PAGE:] = b"\xff" * (len(noise) - PAGE)
    file.write_bytes(noise)


def put_another_database(file: Path) -> None:
    file.unlink()
    execute(file, "CREATE TABLE invoices (number TEXT)")


def put_a_letter(file: Path) -> None:
    file.write_text("Dear colleague,\n" * 1000)


def come_from_the_future(file: Path) -> None:
    execute(file, "UPDATE keycloak_license_version SET version_num = '9999'")


def execute(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (cut_in_half, "is damaged: restore it from a backup"),
        (overwrite, "is damaged: restore it from a backup"),
        (put_a_letter, "is no SQLite database"),
        (put_another_database, "is a database of another program"),
        (come_from_the_future, "was written by a newer version"),
    ],
)
def test_a_file_that_is_no_ledger_of_ours_is_told_and_left_as_it_is(
    site: Site, spoil: Callable[[Path], None], words: str
) -> None:
    attributes, good = license_attributes(site.realm), site.ledger.read_bytes()
    spoil(site.ledger)
    spoilt = site.ledger.read_bytes()
    importing = ("import", site.license("L-2", {"QM": 3}), "--replace")

    for command in (("status",), ("members", "QM"), importing, ("sync",)):
        assert f"The ledger sqlite:///{site.ledger} {words}" in site.call(*command).refused(3)
    assert {file.name for file in site.folder.glob("ledger*")} == {"ledger.db"}
    assert site.ledger.read_bytes() == spoilt
    assert license_attributes(site.realm) == attributes

    site.ledger.write_bytes(good)
    assert site.usage("QM") == (2, 2, 1)


# --- killed in the middle of a transaction

DIE_AT_ROW = """
import os, signal, sys
from itertools import count
from sqlalchemy import Engine, event
from keycloak_license.cli.main import main
rows, last = count(1), int(sys.argv.pop(1))

@event.listens_for(Engine, "connect")
def set_trap(connection, _):
    connection.create_function("row", 0, lambda: next(rows) == last and os.kill(os.getpid(), signal.SIGKILL))
    connection.execute("CREATE TEMP TRIGGER trap AFTER INSERT ON main.claims BEGIN SELECT row(); END")

main(sys.argv[1:])
"""


def test_killed_in_the_middle_of_a_big_sync_the_ledger_is_as_before_and_the_next_one_does_all(
    site: Site, undisturbed: object
) -> None:
    with unchanged(site):
        with Program(site, "sync", start=("-c", DIE_AT_ROW, str(len(AGENTS) // 2))) as program:
            assert program.ended().status == -signal.SIGKILL
        assert is_sound(site.ledger)
    site.run("sync").done()
    assert outline(site) == undisturbed
