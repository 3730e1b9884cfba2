"""The Dockerfile's own steps, without an engine: what they build runs as nobody and writes nothing."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from keycloak_license import __version__
from tests.deployment.image import Instruction, stages, values
from tests.deployment.tools import CONFIG, ROOT

INSTALLED = "/opt/keycloak-license"


@pytest.fixture(scope="module")
def machine() -> Iterator[Path]:
    """A folder as the root of the image; not pytest's, which would keep hundreds of megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def image(machine: Path) -> Path:
    """What the first stage has built, below a root of its own."""
    subprocess.run([sys.executable, "-m", "venv", machine / "base"], check=True)
    build = machine / "build"
    build.mkdir()
    for instruction in stages()[0]:
        _carry_out(instruction, build, machine)
    subprocess.run(["chmod", "-R", "a-w", machine / INSTALLED.lstrip("/")], check=True)
    return machine


def _carry_out(instruction: Instruction, build: Path, machine: Path) -> None:
    match instruction.name:
        case "COPY":
            *sources, target = instruction.value.split()
            for source in sources:
                _copy(ROOT / source, build / target)
        case "RUN":
            subprocess.run(
                ["bash", "-euc", instruction.value.replace(INSTALLED, f"{machine}{INSTALLED}")],
                cwd=build,
                # All else as it is here: how this machine reaches its registries stands there.
                env=os.environ | {"PATH": f"{machine}/base/bin:{os.defpath}"},
                check=True,
            )


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(
            source,
            target,
            ignore=shutil.ignore_patterns("vendor", ".vendor-*", "__pycache__"),
            dirs_exist_ok=True,
        )
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _run(image: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the program by the number that the image names, in a folder that it cannot write.

    In a user namespace: it needs no root, loses root's rights, and still reaches an interpreter in a home.
    """
    home = image / "empty"
    home.mkdir(mode=0o555, exist_ok=True)
    user, group = values(stages()[-1], "USER")[0].split(":")
    return subprocess.run(
        [
            *("unshare", "--user", f"--map-user={user}", f"--map-group={group}"),
            image / INSTALLED.lstrip("/") / "bin" / "keycloak-license",
            *words,
        ],
        cwd=home,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_what_the_image_holds_runs_as_nobody_and_writes_nothing(image: Path) -> None:
    version = _run(image, "--version")
    assert version.stdout.strip() == __version__, version.stderr
    shutil.copytree(CONFIG, image / "etc")
    health = _run(image, "--config", image / "etc" / "keycloak-license.yaml", "health")
    assert (health.returncode, health.stdout) == (3, "")
    assert "No worker answers at" in health.stderr


@pytest.mark.slow
def test_the_image_holds_the_screen_and_no_tool_to_install(image: Path) -> None:
    holds = {file.name for file in (image / INSTALLED.lstrip("/")).rglob("*")}
    assert {"vendor", "templates"} <= holds
    assert not holds & {"pip", "pytest", "node", "hadolint", "kubectl"}
