"""`vendor inspect` on every file of the corpus, through the whole command."""

import json

import pytest

from keycloak_license.cli.main import main
from tests import corpus
from tests.corpus import Case


def inspect(capsys: pytest.CaptureFixture[str], case: Case, *more: str) -> tuple[object, str, str]:
    """Run the command in this process; its status, stdout and stderr."""
    with pytest.raises(SystemExit) as ended:
        main(["vendor", "inspect", str(case.path), "--keys", str(corpus.KEYS), *more])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


@pytest.mark.parametrize("case", corpus.good(), ids=str)
def test_a_good_file_is_shown(capsys: pytest.CaptureFixture[str], case: Case) -> None:
    status, stdout, stderr = inspect(capsys, case)
    assert (status, stderr) == (0, "")
    for name in ("number", "customer", "expires_on", "kid"):
        assert str(case.expected[name]) in stdout
    assert "holds" in stdout


@pytest.mark.parametrize("case", corpus.good(), ids=str)
def test_a_good_file_is_one_json_document(capsys: pytest.CaptureFixture[str], case: Case) -> None:
    status, stdout, stderr = inspect(capsys, case, "--json")
    assert (status, stderr) == (0, "")
    document = json.loads(stdout)
    assert (document["kid"], document["signature"]) == (case.expected["kid"], "holds")
    assert document["license"]["customer"] == case.expected["customer"]


@pytest.mark.parametrize("option", ["", "--json"])
@pytest.mark.parametrize("case", corpus.bad(), ids=str)
def test_a_bad_file_ends_as_refused_with_one_sentence(
    capsys: pytest.CaptureFixture[str], case: Case, option: str
) -> None:
    status, stdout, stderr = inspect(capsys, case, *filter(None, [option]))
    assert status == 4
    assert stderr.startswith("Error: ")
    assert stderr.endswith(".\n")
    assert len(stderr.splitlines()) == 1
    assert case.expected in stderr
    assert "Traceback" not in stdout + stderr
    # What can be read is shown, since the refusal is about it; but never as a signature that holds.
    assert "holds" not in stdout
