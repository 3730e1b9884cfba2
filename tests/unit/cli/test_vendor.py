import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import time_machine
from typer.testing import Result

from keycloak_license.errors import ConfigurationError, LicenseRefusedError
from keycloak_license.license_file.verify import TrustedKeys
from keycloak_license.model.license import DEFAULT_EXEMPT_USERS, License, LicenseType
from tests.unit.cli.vendor_call import done, error, run

OPTIONS: dict[str, str] = {
    "--number": "4711",
    "--type": "temporary",
    "--customer": "Přístav [red]Ústí[/red] :ship:",
    "--expires": "2027-01-31",
}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    done("keygen", "--out", folder, "--kid", "acme-1")
    return folder


def issue(keys: Path, out: Path, *more: str | Path, **changes: str) -> Result:
    options = OPTIONS | {f"--{name}": value for name, value in changes.items()}
    words = [word for pair in options.items() for word in pair]
    return run("issue", "--key", keys / "acme-1.private.pem", "--out", out, *words, *more)


def issued(keys: Path, out: Path, *more: str | Path, **changes: str) -> License:
    result = issue(keys, out, *more, **changes)
    assert result.exception is None, result.exception
    return TrustedKeys.load(keys).verify(out.read_bytes())


# --- keygen ---


def test_keygen_tells_where_the_files_are(tmp_path: Path) -> None:
    output = done("keygen", "--out", tmp_path / "new", "--kid", "acme-1")
    for name in ("acme-1.private.pem", "acme-1.public.pem"):
        assert str(tmp_path / "new" / name) in output
        assert (tmp_path / "new" / name).exists()
    assert "BEGIN" not in output


@pytest.mark.parametrize("kid", ["acme-1", "../acme", ".acme"])
def test_keygen_refuses_an_existing_or_unusable_name(keys: Path, kid: str) -> None:
    before = {path.name: path.read_bytes() for path in keys.iterdir()}
    assert isinstance(error(run("keygen", "--out", keys, "--kid", kid)), ConfigurationError)
    assert {path.name: path.read_bytes() for path in keys.iterdir()} == before


# --- issue ---


@time_machine.travel("2026-11-05T23:30:00+00:00", tick=False)
def test_a_licence_issued_with_the_least_words(keys: Path, tmp_path: Path) -> None:
    found = issued(keys, tmp_path / "l", "--seats", "WFM=50")
    today = date(2026, 11, 5)
    assert found == License(
        number="4711",
        issue=1,
        type=LicenseType.TEMPORARY,
        customer=OPTIONS["--customer"],
        issued_on=today,
        starts_on=today,
        expires_on=date(2027, 1, 31),
        scope={"WFM": 50},
        exempt_users=DEFAULT_EXEMPT_USERS,
        activation=None,
        kid="acme-1",
        file=(tmp_path / "l").read_text().strip(),
    )


def test_every_option_reaches_the_licence(keys: Path, tmp_path: Path) -> None:
    seats = ["--seats", "WFM=50", "--seats", "QM=unlimited", "--seats", "SC=0"]
    exempt = ["--exempt", "robot", "--exempt", "boss"]
    dates = ["--issued", "2026-01-01", "--starts", "2026-02-01", "--issue-number", "7"]
    found = issued(keys, tmp_path / "l", *seats, *exempt, *dates, type="commercial")
    assert found.scope == {"WFM": 50, "QM": None, "SC": 0}
    assert found.exempt_users == ("robot", "boss")
    assert (found.issued_on, found.starts_on) == (date(2026, 1, 1), date(2026, 2, 1))
    assert (found.issue, found.type) == (7, LicenseType.COMMERCIAL)


def test_a_licence_starts_on_its_day_of_issue_unless_told(keys: Path, tmp_path: Path) -> None:
    found = issued(keys, tmp_path / "l", "--seats", "WFM=1", "--issued", "2026-01-01")
    assert found.starts_on == date(2026, 1, 1)


def test_issuing_again_replaces_the_licence_file(keys: Path, tmp_path: Path) -> None:
    issued(keys, tmp_path / "l", "--seats", "WFM=50")
    assert issued(keys, tmp_path / "l", "--seats", "WFM=60", "--issue-number", "2").scope == {"WFM": 60}


@pytest.mark.parametrize(
    ("more", "changes", "sentence"),
    [
        (["--seats", "WFM=5", "--seats", "WFM=6"], {}, 'the application "WFM" twice'),
        (["--seats", "WFM=5", "--seats", "WFM=5"], {}, 'the application "WFM" twice'),
        (["--seats", "WFM=-5"], {}, '"WFM=-5" is not understood'),
        (["--seats", "WFM"], {}, '"WFM" is not understood'),
        (["--seats", "WFM="], {}, '"WFM=" is not understood'),
        (["--seats", "=5"], {}, '"=5" is not understood'),
        (["--seats", "WFM=5.0"], {}, '"WFM=5.0" is not understood'),
        (["--seats", "WFM=\u0665"], {}, '"WFM=\u0665" is not understood'),
        (["--seats", "WFM=5\n"], {}, '"WFM=5?" is not understood'),
        (["--seats", "W FM=5"], {}, '"W FM=5" is not understood'),
        (["--seats", "WFM=99999999999"], {}, 'field "scope.WFM.seats" must be a whole number'),
        (["--seats", "A=1", "--starts", "2027-02-01"], {}, "before it starts on 2027-02-01"),
        (["--seats", "A=1", "--issued", "2027-02-01"], {}, "before it starts on 2027-02-01"),
        (["--seats", "A=1", "--issued", "yesterday"], {}, 'field "issued_on" must be a day'),
        (["--seats", "A=1", "--starts", ""], {}, 'field "starts_on" must be a day'),
        (["--seats", "A=1"], {"expires": "31.1.2027"}, 'field "expires_on" must be a day'),
        (["--seats", "A=1"], {"expires": "9999-12-31"}, 'field "expires_on" must be a day'),
        (["--seats", "A=1", "--issue-number", "0"], {}, 'field "issue" must be a whole number'),
        (["--seats", "A=1", "--exempt", ""], {}, 'field "exempt_users.0" must be'),
        (["--seats", "A=1"], {"number": ""}, 'field "number" must be'),
        (["--seats", "A=1"], {"customer": "a\nb"}, 'field "customer" must be'),
        (["--seats", "A=1"], {"key": "nowhere.private.pem"}, "nowhere.private.pem cannot be read"),
    ],
)
def test_wrong_words_are_one_sentence_and_write_nothing(
    keys: Path, tmp_path: Path, more: list[str], changes: dict[str, str], sentence: str
) -> None:
    refused = error(issue(keys, tmp_path / "l", *more, **changes))
    assert isinstance(refused, ConfigurationError)
    assert sentence in str(refused)
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


@pytest.mark.parametrize(
    ("more", "changes"),
    [([], {}), (["--seats", "A=1"], {"type": "trial"}), (["--seats", "A=1", "--issue-number", "x"], {})],
)
def test_words_typer_itself_refuses_are_wrong_usage(
    keys: Path, tmp_path: Path, more: list[str], changes: dict[str, str]
) -> None:
    assert issue(keys, tmp_path / "l", *more, **changes).exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_a_licence_never_replaces_its_own_key(keys: Path) -> None:
    private = keys / "acme-1.private.pem"
    before = private.read_bytes()
    assert "not a licence file" in str(error(issue(keys, private, "--seats", "A=1")))
    assert private.read_bytes() == before


# --- inspect ---


@pytest.fixture
def file(keys: Path, tmp_path: Path) -> Path:
    issued(keys, tmp_path / "l", "--seats", "WFM=50", "--seats", "QM=unlimited", "--issued", "2026-01-01")
    return tmp_path / "l"


@pytest.fixture
def forged(file: Path, tmp_path: Path) -> Path:
    """The same words, signed by somebody else under the same key name."""
    done("keygen", "--out", tmp_path / "others", "--kid", "acme-1")
    path = tmp_path / "forged"
    issued(tmp_path / "others", path, "--seats", "WFM=5000")
    return path


def rows(output: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("│")] for line in output.splitlines()]


def test_inspect_shows_what_the_file_says_letter_for_letter(file: Path) -> None:
    output = done("inspect", file)
    for word in ("4711", "temporary", OPTIONS["--customer"], "2026-01-01", "2027-01-31", "acme-1"):
        assert word in output
    assert "eleveo.admin, eleveotrain" in output
    assert ["Seats WFM", "50"] in rows(output)
    assert ["Seats QM", "unlimited"] in rows(output)
    assert ["Signature", "not checked: give --keys"] in rows(output)


@pytest.mark.parametrize(("option", "place"), [("--keys", ""), ("--key", "acme-1.public.pem")])
def test_inspect_says_when_the_signature_holds(keys: Path, file: Path, option: str, place: str) -> None:
    assert ["Signature", "holds"] in rows(done("inspect", file, option, keys / place))


def document(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_inspect_prints_one_json_document(keys: Path, file: Path) -> None:
    found = document(run("inspect", file, "--keys", keys, "--json"))
    assert (found["kid"], found["signature"]) == ("acme-1", "holds")
    assert found["license"]["scope"] == {"WFM": {"seats": 50}, "QM": {"seats": None}}
    assert found["license"]["customer"] == OPTIONS["--customer"]
    assert found["license"]["expires_on"] == "2027-01-31"


def test_inspect_shows_a_forged_file_and_ends_as_refused(keys: Path, forged: Path) -> None:
    shown = run("inspect", forged, "--keys", keys)
    assert "5000" in shown.stdout
    assert "DOES NOT HOLD" in shown.stdout
    assert isinstance(error(shown), LicenseRefusedError)
    as_json = run("inspect", forged, "--keys", keys, "--json")
    assert document(as_json)["signature"] == "wrong"
    assert isinstance(error(as_json), LicenseRefusedError)


def test_inspect_refuses_a_key_it_was_not_given(file: Path, tmp_path: Path) -> None:
    done("keygen", "--out", tmp_path / "others", "--kid", "other")
    result = run("inspect", file, "--keys", tmp_path / "others", "--json")
    assert document(result)["signature"] == "unknown_key"
    assert 'the key "acme-1", which is not trusted' in str(error(result))
    assert isinstance(error(result), LicenseRefusedError)


def test_inspect_shows_a_file_of_a_revoked_key_and_ends_as_refused(keys: Path, file: Path) -> None:
    (keys / "acme-1.revoked").touch()
    shown = run("inspect", file, "--keys", keys)
    assert ["Signature", "DOES NOT COUNT (revoked key)"] in rows(shown.stdout)
    assert 'the key "acme-1", which is revoked' in str(error(shown))
    assert isinstance(error(shown), LicenseRefusedError)
    assert document(run("inspect", file, "--keys", keys, "--json"))["signature"] == "revoked"


def test_inspect_of_something_else_is_refused_and_shows_nothing(keys: Path) -> None:
    result = run("inspect", keys / "acme-1.public.pem")
    assert isinstance(error(result), LicenseRefusedError)
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere"], "nowhere cannot be read"),
        (["l", "--keys", "nowhere"], "trusted keys folder nowhere cannot be read"),
        (["l", "--key", "l"], "must be named <kid>.public.pem"),
        (["l", "--key", "keys/acme-1.public.pem", "--keys", "keys"], "Both --keys and --key"),
    ],
)
def test_inspect_with_wrong_words(file: Path, words: list[str], sentence: str) -> None:
    places = {
        "l": file,
        "keys": file.parent / "keys",
        "keys/acme-1.public.pem": file.parent / "keys/acme-1.public.pem",
    }
    result = run("inspect", *(places.get(word, word) for word in words))
    assert sentence in str(error(result))
    assert isinstance(error(result), ConfigurationError)
