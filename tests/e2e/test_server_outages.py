"""The program while the server of its ledger is killed, cut off or full, and comes back.

The server is a PostgreSQL of this module alone. As with a file, a sync is in the ledger or it is not; the
next one does what is missing, and a worker does so by itself.
"""

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests.e2e.cli import HANG_SECONDS, CountingProxy, Site, license_attributes
from tests.e2e.ledger_scene import APPLICATIONS, Program, Scene, content, outline, temporary_scene, unchanged
from tests.e2e.test_worker import Worker
from tests.real.keycloak import AdminApi
from tests.real.mortal_postgres import MortalServer, plain
from tests.real.postgres import PASSWORD, postgres
from tests.real.small_disk import needs_mount

TELL_ALL = ("--verbose",)
"""What goes on being wrong is a line for debugging."""
HOLDS = 4711
HOLD = f"""
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM set_config('lock_timeout', '0', true);
        PERFORM pg_advisory_xact_lock({HOLDS});
        RETURN NULL;
    END $$;
    CREATE TRIGGER hold AFTER INSERT ON seat_events FOR EACH STATEMENT EXECUTE FUNCTION hold()"""


@pytest.fixture(scope="module")
def mortal() -> Iterator[MortalServer]:
    with postgres() as server:
        yield MortalServer(server)


@pytest.fixture(scope="module")
def scene(
    keycloak: AdminApi, mortal: MortalServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("scene") / "site"
    with temporary_scene(keycloak, folder, mortal.server.create_database()) as made:
        yield made


def begin(scene: Scene, folder: Path, mortal: MortalServer) -> Site:
    """A site with a copy of the ledger."""
    return scene.begin(folder, mortal.copy_database(scene.first.settings["database"]))


@pytest.fixture
def site(scene: Scene, tmp_path: Path, mortal: MortalServer) -> Iterator[Site]:
    """Its server runs again at the end, whatever was done to it."""
    yield begin(scene, tmp_path / "site", mortal)
    if mortal.is_killed():
        mortal.start()


@pytest.fixture(scope="module")
def undisturbed(scene: Scene, mortal: MortalServer, tmp_path_factory: pytest.TempPathFactory) -> object:
    """What the next sync comes to when nothing happens."""
    site = begin(scene, tmp_path_factory.mktemp("undisturbed") / "site", mortal)
    site.call("sync").done()
    assert (site.usage("QM"), site.usage("WFM")) == ((2, 2, 1), (250, 250, 50))
    return outline(site)


@contextmanager
def held_in_the_middle(site: Site) -> Iterator[Callable[[], int]]:
    """Hold each sync right before it commits; what is yielded waits for one, and returns its backend."""
    with psycopg.connect(plain(site.settings["database"]), autocommit=True) as connection:
        connection.execute(HOLD.encode())
        connection.execute(f"SELECT pg_advisory_lock({HOLDS})".encode())

        def wait() -> int:
            waiting = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
            deadline = time.monotonic() + HANG_SECONDS
            while not (found := connection.execute(waiting.encode(), [HOLDS]).fetchone()):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            return int(found[0])

        yield wait


def let_go(site: Site) -> None:
    """Hold nobody any more."""
    with psycopg.connect(plain(site.settings["database"]), autocommit=True) as connection:
        connection.execute(b"DROP FUNCTION hold CASCADE")


def test_a_connection_cut_in_the_middle_of_a_transaction_leaves_nothing_and_the_next_sync_does_all(
    site: Site, undisturbed: object
) -> None:
    with unchanged(site), held_in_the_middle(site) as wait, Program(site, "sync") as program:
        backend = wait()
        with psycopg.connect(plain(site.settings["database"]), autocommit=True) as other:
            other.execute(b"SELECT pg_terminate_backend(%s, 60000)", [backend])
        sentence = program.ended().refused(3)
    assert "cannot be reached" in sentence
    assert "@127.0.0.1" in sentence
    let_go(site)
    site.call("sync").done()
    assert outline(site) == undisturbed


def test_a_program_killed_in_the_middle_of_a_transaction_leaves_nothing_and_the_next_sync_does_all(
    site: Site, undisturbed: object
) -> None:
    with unchanged(site):
        with held_in_the_middle(site) as wait, Program(site, "sync") as program:
            wait()
            program.process.kill()
            program.ended()
        let_go(site)
    site.call("sync").done()
    assert outline(site) == undisturbed


def test_a_server_killed_in_the_middle_of_a_transaction_and_away_for_a_while_loses_nothing(
    site: Site, mortal: MortalServer, undisturbed: object
) -> None:
    before = content(site)
    with Program(site, "sync") as program:
        with suppress(psycopg.OperationalError), held_in_the_middle(site) as wait:
            wait()
            mortal.kill()
        sentences = [program.ended().refused(3)]
    sentences += [site.call(*words).refused(3) for words in (("sync",), ("status",), ("members", "QM"))]
    assert len(set(sentences)) == 1
    assert "cannot be reached: check that the server runs" in sentences[0]
    assert PASSWORD not in sentences[0]

    mortal.start()
    assert content(site) == before
    let_go(site)
    site.call("sync").done()
    assert outline(site) == undisturbed


def test_the_worker_outlives_a_server_that_is_killed_and_nobody_loses_a_seat_meanwhile(
    site: Site, mortal: MortalServer
) -> None:
    realm = site.realm
    path = f"/users/{realm.user_id('ann')}/role-mappings/realm"
    role = [realm.get("/roles/QM_EXPERT")]
    with Worker(site, TELL_ALL) as worker:
        worker.wait_for("sync_finished", realm=realm.name, complete=True)
        shown = license_attributes(realm)
        mortal.kill()
        try:
            realm.delete(path, role)
            for _ in range(2):
                worker.forget()
                [sentence] = worker.wait_for("sync_failed", realm=realm.name)["reasons"]
                assert "cannot be reached" in sentence
            assert license_attributes(realm) == shown
            mortal.start()
            worker.wait_for("sync_recovered", realm=realm.name)
            assert site.members("QM") == [("bob", "seated", None), ("cid", "seated", None)]
        finally:
            realm.post(path, role)
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0
    assert site.usage("WFM") == (250, 250, 50)


def test_a_server_that_goes_away_while_keycloak_is_written_to_takes_nothing_with_it(
    site: Site, mortal: MortalServer, undisturbed: object
) -> None:
    def kill_at_write(method: str, _path: str) -> None:
        if method == "PUT":
            mortal.kill()

    with CountingProxy(site.realm.api.url, kill_at_write) as proxy:
        site.reach(proxy.url).run("sync").done()
    mortal.start()
    assert outline(site) == undisturbed


@needs_mount
def test_a_server_whose_disk_is_full_is_named_and_with_room_the_next_sync_does_all(
    site: Site, mortal: MortalServer, undisturbed: object
) -> None:
    with mortal.small_space() as (disk, space):
        name = mortal.move_database(site.settings["database"], space)
        with unchanged(site):
            disk.leave(1 << 17)
            sentence = site.run("sync").refused(3)
            disk.make_room()
        assert f"/{name} cannot grow because its disk is full" in sentence
        site.call("sync").done()
        assert outline(site) == undisturbed
        mortal.move_database(site.settings["database"], "pg_default")


# --- whichever database it is

QM = {"QM": APPLICATIONS["QM"]}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")
SECOND = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00")
"""The same for people, too coarse to tell one from the next."""


def everything_told(site: Site, licenses: tuple[Path, Path]) -> str:
    """What each command says in a life with a new ledger; instants are numbered in their order."""
    realm = site.realm
    path = f"/users/{realm.user_id('ann')}/role-mappings/realm"
    role = [realm.get("/roles/QM_EXPERT")]
    told: list[str] = []

    def tell(*words: str | Path) -> None:
        told.append(site.call(*words).done().stdout)

    def tell_all() -> None:
        for words in (("sync",), ("status",), ("members", "QM")):
            tell(*words, "--json")

    told.append(site.init("--json").done().stdout)
    tell("import", licenses[0])
    tell_all()
    realm.delete(path, role)
    tell_all()
    realm.post(path, role)
    tell("sync", "--dry-run", "--json")
    tell_all()
    tell("members", "QM", "--waiting", "--json")
    tell("import", licenses[1], "--replace")
    tell_all()
    tell("licenses", "--json")

    text = SECOND.sub("a second", "\n".join(told))
    places = {instant: place for place, instant in enumerate(sorted(set(INSTANT.findall(text))))}
    return INSTANT.sub(lambda found: f"instant {places[found[0]]}", text)


@pytest.mark.slow
def test_a_file_and_a_server_lead_to_the_same_documents(
    scene: Scene, tmp_path: Path, mortal: MortalServer
) -> None:
    licenses = (scene.first.license("L-1", {"QM": 2}), scene.first.license("L-2", {"QM": 3}))
    urls = {"file": f"sqlite:///{tmp_path / 'ledger.db'}", "server": mortal.server.create_database()}
    told = [
        everything_told(scene.begin(tmp_path / kind, url, is_new=True).configure(applications=QM), licenses)
        for kind, url in urls.items()
    ]
    assert told[0] == told[1]
    assert "instant 5" in told[0]  # each import and each sync has one of its own
