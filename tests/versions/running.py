"""Runs the tests of areas on one version of Keycloak.

In: a version and areas; out: their outcomes. Called by `__main__`. Whatever goes wrong is an outcome too, so
that the other versions have their turn.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_AT_ONCE: Final = ("-n", "2", "--dist", "loadfile")


def try_version(version: str, areas: Sequence[str]) -> dict[str, Outcome]:
    """Boot it, and return the outcome of each area."""
    try:
        with LocalKeycloak(ROOT / ".cache", version=version) as server:
            return _try_areas(areas, f"{server.url},{server.admin_user},{server.admin_password}")
    except (KeycloakLicenseError, OSError) as error:
        print(f"Keycloak {version}: {error}", file=sys.stderr)
        return {area: Outcome(failed=("Keycloak did not start",)) for area in areas}


def list_tests(areas: Iterable[str]) -> Mapping[str, str]:
    """Return the fingerprint of the tests that each area has now."""
    wanted = list(areas)
    ended = subprocess.run(
        _pytest(wanted, "--collect-only", "-n", "0"), cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True
    )
    found = [line for line in ended.stdout.splitlines() if "::" in line]
    return {area: fingerprint(each for each in found if _is_in(area, each)) for area in wanted}


def read_report(report: Path, area: str) -> Outcome:
    """Return what pytest's report tells of an area.

    A test passed unless anything of it failed, its setting up and clearing away included, or it was left out.
    """
    is_bad: dict[str, bool] = {}
    lacks: dict[str, None] = {}
    for name, case in _cases(report):
        if not _is_in(area, name):
            continue
        has_failed = any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
        is_bad[name] = is_bad.get(name, False) or has_failed
        lacks |= {each.get("value", ""): None for each in case.iter("property") if each.get("name") == LACKS}
    failed = tuple(sorted(name for name, bad in is_bad.items() if bad))
    return Outcome(len(is_bad) - len(failed), failed, tuple(lacks), fingerprint(is_bad))


def _try_areas(areas: Sequence[str], login: str) -> dict[str, Outcome]:
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        words = (*_AT_ONCE, f"--junit-xml={report}", "-p", "no:cacheprovider")
        # Not to stdout, where only the table belongs.
        subprocess.run(
            _pytest(areas, *words),
            cwd=ROOT,
            env={**os.environ, RUNNING: login},
            stdout=sys.stderr,
            check=False,
        )
        if not report.exists():
            return {area: Outcome(failed=("pytest ended without a report",)) for area in areas}
        return {area: read_report(report, area) for area in areas}


def _cases(report: Path) -> Iterator[tuple[str, ElementTree.Element]]:
    """Yield what the report has, by the ids that pytest uses elsewhere."""
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - pytest's own
        yield f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}", case


def _is_in(area: str, test: str) -> bool:
    return test.partition("::")[0] in AREAS[area]


def _pytest(areas: Iterable[str], *words: str) -> list[str]:
    modules = [module for area in areas for module in AREAS[area]]
    return [sys.executable, "-m", "pytest", "-q", *modules, *WITHOUT_SIMULATOR, *words]
