"""What `LocalKeycloak` does when something does not play its part; `kc.sh` is a line of shell here."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keycloak_license.demo.distribution import home_in, prepared_home
from keycloak_license.demo.server import LocalKeycloak
from keycloak_license.errors import ConfigurationError, UnavailableError

VERSION = "1.2.3"


def test_a_server_that_dies_while_starting_is_an_error_that_ends_with_its_last_words(tmp_path: Path) -> None:
    _prepare(tmp_path, "echo first; echo the disk is full; exit 7")

    with (
        pytest.raises(UnavailableError, match=r"(?s)1\.2\.3 ended with exit status 7 .*the disk is full$"),
        LocalKeycloak(tmp_path, version=VERSION),
    ):
        pass


def test_a_server_that_never_gets_ready_is_ended_and_an_error(tmp_path: Path) -> None:
    pid_file = _prepare(tmp_path, "exec sleep 600")

    with (
        pytest.raises(UnavailableError, match="was not ready after 2 s"),
        LocalKeycloak(tmp_path, version=VERSION, boot_seconds=2),
    ):
        pass

    assert not _runs(int(pid_file.read_text()))


def test_sigterm_while_the_server_starts_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    pid_file = _prepare(tmp_path, "exec sleep 600")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with _python(_boot_in(tmp_path), TMPDIR=str(temporary)) as booting:
        while not (pid_file.exists() and pid_file.read_text().endswith("\n")):
            assert booting.poll() is None
            time.sleep(0.05)
        booting.send_signal(signal.SIGTERM)

    assert booting.returncode == 128 + signal.SIGTERM
    assert not _runs(int(pid_file.read_text()))
    assert list(temporary.iterdir()) == []


def test_a_second_run_waits_for_the_first_ones_preparation_and_uses_it(tmp_path: Path) -> None:
    home = home_in(tmp_path, VERSION)
    told = []
    with home.with_name(f"{home.name}.lock").open("w") as other_run:
        fcntl.flock(other_run, fcntl.LOCK_EX)

        def finish_other_run(what: str, _done: int, _total: int) -> None:
            told.append(what)
            _prepare(tmp_path, "exit 0")
            fcntl.flock(other_run, fcntl.LOCK_UN)

        assert prepared_home(VERSION, tmp_path, finish_other_run) == home

    assert told == ["waiting for another run that prepares Keycloak"]


@pytest.mark.parametrize("version", ["", "26", "26.7", "latest", "../../1.2.3", "1.2.3/"])
def test_what_is_no_version_is_refused_before_anything_is_made(tmp_path: Path, version: str) -> None:
    with (
        pytest.raises(ConfigurationError, match="is no Keycloak version"),
        LocalKeycloak(tmp_path / "cache", version=version),
    ):
        pass

    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path) -> None:
    with _python(f"import sys; sys.modules['jgo'] = None\n{_boot_in(tmp_path)}") as booting:
        _, errors = booting.communicate()

    assert errors.splitlines()[-1].startswith("keycloak_license.errors.ConfigurationError: ")
    assert "pip install 'keycloak-license[demo]'" in errors


def _prepare(cache: Path, shell: str) -> Path:
    """Put a built Keycloak into the cache; return the file that its process id will be in."""
    pid_file = cache / "pid"
    launcher = home_in(cache, VERSION) / "bin" / "kc.sh"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(f"#!/bin/sh\necho $$ > '{pid_file}'\n{shell}\n")
    launcher.chmod(0o755)
    return pid_file


def _boot_in(cache: Path) -> str:
    return f"""
from pathlib import Path
from keycloak_license.demo.server import LocalKeycloak
with LocalKeycloak(Path({str(cache)!r}), version={VERSION!r}):
    pass
"""


def _python(program: str, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, **variables}
    return subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE, text=True
    )


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
