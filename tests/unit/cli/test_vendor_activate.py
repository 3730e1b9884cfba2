from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from keycloak_license.errors import ConfigurationError, LicenseRefusedError
from keycloak_license.license_file.activation import ActivationKey
from keycloak_license.license_file.issue import SigningKey
from keycloak_license.license_file.payload import read_payload
from keycloak_license.license_file.verify import Signature, TrustedKeys, inspect
from keycloak_license.model.license import Activation
from tests.unit.cli.vendor_call import done, error, run
from tests.unit.license_file.forge import content

NEWER = content(
    scope={"WFM": {"seats": 50, "modules": {"deep": [1, 2.5, None]}}}, activation=None, note={"for": "later"}
)
KEY = ActivationKey("4711", 2, "0b0e7a52-7d1f", "c5e1b1d8-2f7c")
BOUND = {"installation_id": "0b0e7a52-7d1f", "realm_id": "c5e1b1d8-2f7c"}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    done("keygen", "--out", tmp_path / "keys", "--kid", "acme-1")
    return tmp_path / "keys"


def signed(folder: Path, words: dict[str, Any] = NEWER, kid: str = "acme-1") -> bytes:
    """A licence file of any words, signed with a key of a folder."""
    return SigningKey.load(folder / f"{kid}.private.pem").sign(read_payload(words)).encode()


def activate(keys: Path, file: bytes, *more: str | Path, key: ActivationKey | str = KEY) -> Result:
    """Activate a file with the key acme-1, into the file `out` beside the folder of keys."""
    given, out = keys.parent / "given", keys.parent / "out"
    given.write_bytes(file)
    text = key if isinstance(key, str) else key.to_text()
    private = keys / "acme-1.private.pem"
    words: list[str | Path] = [
        "--key",
        private,
        "--license",
        given,
        "--activation-key",
        text,
        "--out",
        out,
        *more,
    ]
    return run("activate", *words)


def refused(keys: Path, result: Result) -> str:
    """The sentence of a refusal that wrote and printed nothing and gave nothing away."""
    sentence = str(error(result))
    assert isinstance(error(result), LicenseRefusedError)
    assert result.stdout == ""
    assert not [path for path in keys.parent.iterdir() if "out" in path.name]
    assert KEY.to_text() not in sentence
    for path in keys.parent.glob("*/*.private.pem"):
        assert path.read_text().splitlines()[1] not in sentence
    return sentence


def test_an_activated_licence_says_everything_it_said_and_for_whom(keys: Path, tmp_path: Path) -> None:
    result = activate(keys, signed(keys))
    assert result.exception is None, result.exception
    assert result.stdout == (
        f"Licence 4711, issue 2, activated for installation 0b0e7a52-7d1f of realm id c5e1b1d8-2f7c: "
        f"{tmp_path / 'out'}\n"
    )
    found = inspect((tmp_path / "out").read_bytes(), TrustedKeys.load(keys))
    assert found.signature is Signature.HOLDS
    assert found.payload.to_json() == NEWER | {"activation": BOUND}
    assert (tmp_path / "given").read_bytes() == signed(keys)


def test_a_key_wrapped_by_a_mail_is_read(keys: Path) -> None:
    text = KEY.to_text()
    assert activate(keys, signed(keys), key=f" {text[:40]}\r\n  {text[40:]}\n").exception is None


def test_an_activated_licence_may_be_activated_again(keys: Path, tmp_path: Path) -> None:
    assert activate(keys, signed(keys)).exception is None
    once = (tmp_path / "out").read_bytes()
    assert TrustedKeys.load(keys).verify(once).activation == Activation(**BOUND)
    assert activate(keys, once).exception is None
    assert (tmp_path / "out").read_bytes() == once


@pytest.fixture
def old_keys(tmp_path: Path) -> Path:
    """The folder of a key that the vendor signed with before."""
    done("keygen", "--out", tmp_path / "old", "--kid", "acme-0")
    return tmp_path / "old"


@pytest.mark.parametrize("markers", [[], ["acme-0.retired"]])
def test_a_licence_of_an_older_key_is_signed_with_the_new_one(
    keys: Path, old_keys: Path, tmp_path: Path, markers: list[str]
) -> None:
    for marker in markers:
        (old_keys / marker).touch()
    result = activate(keys, signed(old_keys, kid="acme-0"), "--keys", old_keys)
    assert result.exception is None, result.exception
    assert TrustedKeys.load(keys).verify((tmp_path / "out").read_bytes()).activation == Activation(**BOUND)


def test_a_licence_of_an_older_key_is_not_signed_unchecked(keys: Path, old_keys: Path) -> None:
    file = signed(old_keys, kid="acme-0")
    for more in ((), ("--keys", keys)):
        sentence = refused(keys, activate(keys, file, *more))
        assert 'signed with the key "acme-0"' in sentence
        assert "give a folder that holds acme-0.public.pem as --keys" in sentence


def test_a_licence_of_a_revoked_key_is_not_signed_again(keys: Path, old_keys: Path) -> None:
    (old_keys / "acme-0.revoked").touch()
    result = activate(keys, signed(old_keys, kid="acme-0"), "--keys", old_keys)
    assert 'signed with the key "acme-0", which is revoked' in refused(keys, result)


def test_nothing_is_signed_with_a_revoked_key(keys: Path, old_keys: Path, tmp_path: Path) -> None:
    (old_keys / "acme-1.revoked").touch()
    for file in (signed(keys), signed(old_keys, kid="acme-0")):
        found = error(activate(keys, file, "--keys", old_keys))
        assert isinstance(found, ConfigurationError)
        assert 'The key "acme-1" given as --key is revoked' in str(found)
        assert not (tmp_path / "out").exists()


def test_a_folder_without_the_signing_key_is_no_obstacle(keys: Path, old_keys: Path) -> None:
    assert activate(keys, signed(keys), "--keys", old_keys).exception is None


def test_the_signing_key_itself_outdoes_another_of_its_name(keys: Path, tmp_path: Path) -> None:
    others = tmp_path / "others"
    done("keygen", "--out", others, "--kid", "acme-1")
    result = activate(keys, signed(others), "--keys", others)
    assert 'signature does not match the key "acme-1"' in refused(keys, result)
    assert activate(keys, signed(keys), "--keys", others).exception is None


@pytest.mark.parametrize("with_keys", [False, True])
def test_words_of_the_customers_own_are_never_signed(keys: Path, tmp_path: Path, with_keys: bool) -> None:
    header, _, signature = signed(keys).split(b".")
    unlimited = content(scope={"WFM": {"seats": None}})
    tampered = b".".join((header, signed(keys, unlimited).split(b".")[1], signature))
    done("keygen", "--out", tmp_path / "others", "--kid", "acme-1")
    more = ("--keys", keys) if with_keys else ()
    for file in (tampered, signed(tmp_path / "others", unlimited)):
        result = activate(keys, file, *more)
        assert 'signature does not match the key "acme-1"' in refused(keys, result)


@pytest.mark.parametrize(
    ("words", "key", "sentence"),
    [
        (content(type="temporary"), KEY, 'Licence "4711" is temporary and needs no activation'),
        (NEWER, replace(KEY, number="4712"), 'is of licence "4712", and the file is licence "4711"'),
        (NEWER, replace(KEY, issue=1), 'is of issue 1 of licence "4711", and the file is issue 2'),
        (content(activation=BOUND | {"realm_id": "r"}), KEY, "activate the licence file as it was first"),
        (content(activation=BOUND | {"installation_id": "i"}), KEY, 'activated for installation "i"'),
        (NEWER, "", "not an activation key"),
        (NEWER, KEY.to_text()[:-1], "mistyped or incomplete"),
        (NEWER, KEY.to_text().replace("A", "a"), "not an activation key"),
        (NEWER, "AK2.x", "newer version"),
    ],
)
def test_a_key_that_does_not_fit_is_refused(
    keys: Path, words: dict[str, Any], key: ActivationKey | str, sentence: str
) -> None:
    assert sentence in refused(keys, activate(keys, signed(keys, words), key=key))


def test_a_file_and_a_key_given_the_wrong_way_round_are_named(keys: Path) -> None:
    assert "not a licence file" in refused(keys, activate(keys, KEY.to_text().encode()))
    assert "This is a licence file" in refused(keys, activate(keys, signed(keys), key=signed(keys).decode()))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--key", "nowhere.private.pem"], "nowhere.private.pem cannot be read"),
        (["--key", "acme-1.public.pem"], "must be named <kid>.private.pem"),
        (["--license", "nowhere"], "nowhere cannot be read"),
        (["--keys", "nowhere"], "trusted keys folder nowhere cannot be read"),
    ],
)
def test_activating_with_wrong_paths_is_wrong_usage(
    keys: Path, tmp_path: Path, more: list[str], sentence: str
) -> None:
    found = error(activate(keys, signed(keys), *more))
    assert isinstance(found, ConfigurationError)
    assert sentence in str(found)
    assert not (tmp_path / "out").exists()


def test_activating_never_replaces_a_key(keys: Path) -> None:
    private = keys / "acme-1.private.pem"
    before = private.read_bytes()
    assert "not a licence file" in str(error(activate(keys, signed(keys), "--out", private)))
    assert private.read_bytes() == before


def test_the_file_as_it_was_first_issued_is_not_written_over(keys: Path) -> None:
    given = keys.parent / "given"
    issued = signed(keys)
    result = activate(keys, issued, "--out", given)

    assert isinstance(error(result), ConfigurationError)
    assert "the licence file itself" in str(error(result))
    assert given.read_bytes() == issued


def test_a_retired_key_activates_nothing_that_would_be_refused(keys: Path) -> None:
    (keys / "acme-1.retired").touch()
    result = activate(keys, signed(keys), "--keys", keys)

    assert isinstance(error(result), ConfigurationError)
    assert 'The key "acme-1" given as --key is retired' in str(error(result))
