"""The commands of the README do what they say, typed as they stand there.

Each scenario is what one reader does from top to bottom, in one folder: its blocks go to a shell in the
order of the README.
"""

import http
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from keycloak_license.demo.example import MINIMUM_USERS, example_realm
from tests.e2e.cli import HANG_SECONDS, free_port
from tests.e2e.reader import Reader, reader, scenario
from tests.readme import README
from tests.real.keycloak import AdminApi, RealRealm, named_realm


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Reader]:
    """A reader in the clone whose demo stays, with what it has printed at hand."""
    cache = tmp_path_factory.mktemp("cache")
    # Where the demo looks for a Keycloak that is built already; the tests have one.
    (cache / "keycloak-license").symlink_to(pytestconfig.rootpath / ".cache")
    typist = reader(README.parent, cache, XDG_CACHE_HOME=str(cache))
    [block] = scenario("stay")
    with typist.staying(block.strip()) as process:
        shown = _read_until(process, "Ctrl-C ends everything")
        typist.filled_in = {
            "KEYCLOAK_LICENSE_CONFIG=": _found(r"Configuration +(\S+)", shown),
            "KEYCLOAK=": _found(r"Keycloak +(\S+)/admin/", shown),
            "SCREEN=": _found(r"Screen +(http://[^/]+)/", shown),
            "PASSWORD=": _found(r"user eleveo.admin, password (\S+)", shown),
        }
        yield typist


def test_the_demo_answers_what_the_readme_asks(demo: Reader) -> None:
    printed = "".join(demo.type(block) for block in scenario("demo"))

    for promised in (
        "To change: 1 more seat in the licence, or 1 holder who gives theirs up",
        "Enable the account: while it is disabled, no seat is needed",
        "evaluator1 would get a seat of WFM",
        "senior-agent needs a seat of WFM with or without it",
        '"used":32,',
    ):
        assert promised in printed


def _read_until(process: subprocess.Popen[str], last: str) -> str:
    assert process.stdout
    text = ""
    for line in process.stdout:
        text += line
        if last in line:
            return text
    raise AssertionError(text)


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, text
    return found[1]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a clone has that the commands use, without what was built in it."""
    folder = tmp_path / "clone"
    ignored = shutil.ignore_patterns("__pycache__", "vendor")
    for part in ("config", "keycloak_license"):
        shutil.copytree(README.parent / part, folder / part, ignore=ignored)
    return folder


@pytest.fixture
def acme(keycloak: AdminApi) -> Iterator[RealRealm]:
    """The realm that the shipped configuration names."""
    with named_realm(keycloak, example_realm("acme", MINIMUM_USERS)) as realm:
        yield realm


def test_who_installs_it_gets_from_nothing_to_an_activated_licence(
    clone: Path, acme: RealRealm, tmp_path: Path
) -> None:
    operator = reader(clone, tmp_path, **_environment(acme.api))
    for block in scenario("production"):
        printed = operator.type(_without_pip(block))
        if "keycloak-license init" in block:
            operator.filled_in["KEYCLOAK_CLIENT_SECRET="] = _found(
                r"Client secret, shown only now: (\S+)", printed
            )
    assert acme.get()["attributes"]["license.state"] == "OK"
    assert "would lose the seat of WFM (limit_reduced) and wait at place 12" in printed
    [block] = scenario("serve")
    with operator.staying(block.partition("#")[0].strip()):
        _wait_for(
            f"http://127.0.0.1:{operator.environ['KEYCLOAK_LICENSE_WEB__MANAGEMENT_PORT']}/health/ready"
        )


def _environment(api: AdminApi) -> dict[str, str]:
    """What differs between a reader's machine and this one: addresses, and the password he would type."""
    return {
        "KEYCLOAK_URL": api.url,
        "KEYCLOAK_ADMIN_PASSWORD": api.password,
        "KEYCLOAK_LICENSE_WEB__PORT": str(free_port()),
        "KEYCLOAK_LICENSE_WEB__MANAGEMENT_PORT": str(free_port()),
    }


def _without_pip(block: str) -> str:
    """The block without the installation, which `unit/test_assets` does: here the program is there."""
    return "\n".join(line for line in block.splitlines() if not line.startswith("pip install"))


def _wait_for(url: str) -> None:
    for _ in range(HANG_SECONDS * 10):
        with suppress(OSError), urllib.request.urlopen(url) as answer:  # noqa: S310 - ours
            if answer.status == http.HTTPStatus.OK:
                return
        time.sleep(0.1)
    raise AssertionError(url)
