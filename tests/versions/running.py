"""Runs the tests of areas on one version of Keycloak.

In: a version and areas; out: their outcomes. Called by `__main__`. Whatever goes wrong is an outcome too, so
that the other versions have their turn.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from xml.etree import ElementTree

from keycloak_license.demo.server import LocalKeycloak
from keycloak_license.errors import KeycloakLicenseError
from tests.real.keycloak import LACKS, RUNNING
from tests.versions.areas import AREAS, WITHOUT_SIMULATOR
from tests.versions.record import Outcome, fingerprint

ROOT: Final = Path(__file__).parents[2]


def try_version(version: str, areas: Sequence[str]) -> dict[str, Outcome]:
    """Boot it, and return the outcome of each area."""
    outcomes: dict[str, Outcome] = {}
    try:
        with LocalKeycloak(ROOT / ".cache", version=version) as server:
            login = f"{server.url},{server.admin_user},{server.admin_password}"
            for area in areas:
                outcomes[area] = _try_area(area, login)
                print(f"Keycloak {version}: {area}: {outcomes[area]}", file=sys.stderr, flush=True)
    except (KeycloakLicenseError, OSError) as error:
        print(f"Keycloak {version}: {error}", file=sys.stderr, flush=True)
        outcomes |= {
            area: Outcome(failed=("Keycloak did not start",)) for area in areas if area not in outcomes
        }
    return outcomes


def list_tests(areas: Iterable[str]) -> Mapping[str, str]:
    """Return the fingerprint of the tests that each area has now."""
    wanted = list(areas)
    ended = _pytest(wanted, "--collect-only", "-q", environment=dict(os.environ))
    found = [line for line in ended.stdout.splitlines() if "::" in line]
    return {
        area: fingerprint(each for each in found if each.partition("::")[0] in AREAS[area]) for area in wanted
    }


def _try_area(area: str, login: str) -> Outcome:
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        words = ("-q", f"--junit-xml={report}", "-p", "no:cacheprovider")
        ended = _pytest([area], *words, environment={**os.environ, RUNNING: login})
        outcome = read_report(report) if report.exists() else Outcome()
    if not outcome.is_good:
        print(ended.stdout, file=sys.stderr, flush=True)
    return outcome if outcome.passed or outcome.failed else Outcome(failed=("pytest ended without a result",))


def read_report(report: Path) -> Outcome:
    """Return what pytest's report tells; a test passed unless anything of it failed or it was left out."""
    bad: dict[str, bool] = {}
    lacks: dict[str, None] = {}
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - pytest's own
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        has_failed = any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
        bad[name] = bad.get(name, False) or has_failed
        for found in case.iter("property"):
            if found.get("name") == LACKS:
                lacks[found.get("value", "")] = None
    failed = tuple(sorted(name for name, is_bad in bad.items() if is_bad))
    return Outcome(len(bad) - len(failed), failed, tuple(lacks), fingerprint(bad))


def _pytest(
    areas: Iterable[str], *words: str, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    modules = [module for area in areas for module in AREAS[area]]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *modules, *WITHOUT_SIMULATOR, "-n", "0", *words],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
