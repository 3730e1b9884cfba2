"""The table of Keycloak's versions tells what came of the tests of today, and that all of them passed."""

from pathlib import Path

import pytest

from tests.versions.__main__ import is_fresh
from tests.versions.areas import AREAS, VERSIONS
from tests.versions.record import Outcome, fingerprint, load, rows, save
from tests.versions.running import ROOT, list_tests, read_report, try_version

NEED_NO_KEYCLOAK = {"test_ledger.py", "test_outbox.py", "test_sessions.py", "test_simulator.py"}
"""Modules of the contract that are about our own database and the simulator alone."""
REPORT = """<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite>
<testcase classname="tests.contract.test_gate" name="test_a[real]"><properties>
<property name="lacks" value="no condition"/></properties></testcase>
<testcase classname="tests.contract.test_gate" name="test_b"><failure message="no"/></testcase>
<testcase classname="tests.contract.test_gate" name="test_c"/>
<testcase classname="tests.contract.test_gate" name="test_c"><error message="at teardown"/></testcase>
<testcase classname="tests.contract.test_gate" name="test_d"><skipped message="left out"/></testcase>
<testcase classname="tests.contract.test_gate" name="test_e"><properties>
<property name="lacks" value="no condition"/></properties></testcase>
</testsuite></testsuites>"""
GATE = "tests/contract/test_gate.py::"
IDS = [GATE + name for name in ("test_a[real]", "test_b", "test_c", "test_d", "test_e")]


def test_what_is_kept_is_of_these_versions_and_areas_all_good_and_of_the_tests_of_today() -> None:
    record, suites = load(), list_tests(AREAS)
    assert {version: list(areas) for version, areas in record.items()} == {
        each: list(AREAS) for each in VERSIONS
    }
    stale = [
        f"{version}: {area}"
        for version, areas in record.items()
        for area, outcome in areas.items()
        if not is_fresh(outcome, suites[area])
    ]
    assert stale == [], "run make versions ARGS=--stale"


def test_the_whole_contract_is_tried() -> None:
    there = {path.name for path in (ROOT / "tests" / "contract").glob("test_*.py")}
    tried = {Path(each).name for modules in AREAS.values() for each in modules if "/contract/" in each}
    assert there - tried == NEED_NO_KEYCLOAK


def test_a_test_passed_unless_anything_of_it_failed_or_it_was_left_out(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT, encoding="utf-8")
    outcome = read_report(report, "Mode `gate`")
    assert outcome == Outcome(2, (IDS[1], IDS[2], IDS[3]), ("no condition",), fingerprint(reversed(IDS)))
    assert str(outcome) == "2 ✓, 3 ✗; no condition"
    assert not outcome.is_good
    assert not read_report(report, "Mode `disable`").is_good, "none was run"


@pytest.mark.parametrize(
    ("outcome", "good"),
    [
        (Outcome(1, suite="s"), True),
        (Outcome(1, lacks=("x",), suite="s"), True),
        (Outcome(1, ("x",), suite="s"), False),
        (Outcome(suite="s"), False),
        (Outcome(1, suite="other"), False),
        (None, False),
    ],
    ids=["passed", "lacks", "failed", "none", "other tests", "not tried"],
)
def test_what_is_not_good_or_of_other_tests_is_tried_again(outcome: Outcome | None, good: bool) -> None:
    assert is_fresh(outcome, "s") is good


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "outcomes.json"
    assert load(file) == {}
    record = {"1.2.3": {"Gate": Outcome(2, ("a", "b"), ("c",), "d"), "Seats": Outcome(1)}}
    save(record, file)
    assert load(file) == record


def test_the_table_tells_what_was_not_tried() -> None:
    record = {"1": {"Gate": Outcome(2, lacks=("no scopes",))}}
    assert list(rows(record, ["1", "2"], ["Gate"])) == [
        ("What was tried", "1", "2"),
        ("Gate", "2 ✓; no scopes", "not tried"),
    ]


def test_a_version_that_does_not_start_is_an_outcome_for_each_area(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert try_version("none", ["a", "b"]) == dict.fromkeys("ab", Outcome(failed=("Keycloak did not start",)))
    assert "is no Keycloak version" in capsys.readouterr().err
