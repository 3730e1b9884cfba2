"""The files that are kept for ever: every one is judged as on the day it was made."""

import hashlib
import json
import re
from base64 import urlsafe_b64decode
from itertools import product
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.license_file.issue import SigningKey
from keycloak_license.license_file.payload import FORMAT, ActivationEntry, LicensePayload, ScopeEntry
from keycloak_license.license_file.verify import Signature, TrustedFolder, TrustedKeys, inspect
from keycloak_license.model.license import License, LicenseType
from tests import corpus
from tests.corpus import Case

each_good = pytest.mark.parametrize("case", corpus.good(), ids=str)
each_bad = pytest.mark.parametrize("case", corpus.bad(), ids=str)


@pytest.fixture(scope="module")
def trusted() -> TrustedKeys:
    return TrustedKeys.load(corpus.KEYS)


def payload_of(file: bytes) -> dict[str, Any]:
    """What a file says, read without the code under test."""
    part = file.strip().split(b".")[1]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    return found


def summary(license_: License, expected: dict[str, Any]) -> dict[str, Any]:
    """A licence in the words of `expected.toml`, with the members that are named there."""
    activation = license_.activation
    whole = {
        **{name: getattr(license_, name) for name in ("number", "issue", "customer", "kid")},
        **{name: getattr(license_, name) for name in ("issued_on", "starts_on", "expires_on")},
        "type": license_.type.value,
        "applications": len(license_.scope),
        "scope": {
            application: "unlimited" if seats is None else seats
            for application, seats in license_.scope.items()
            if "applications" not in expected or application in expected["scope"]
        },
        "exempt_users": list(license_.exempt_users),
        "exempt_count": len(license_.exempt_users),
        "activation": {}
        if activation is None
        else {"installation_id": activation.installation_id, "realm_id": activation.realm_id},
    }
    return {name: whole[name] for name in expected.keys() - {"retired"}}


NAMED_ALWAYS = {
    *("number", "issue", "type", "customer", "kid", "issued_on", "starts_on", "expires_on"),
    *("scope", "activation"),
}


@each_good
def test_a_good_file_says_what_it_said_when_it_was_made(trusted: TrustedKeys, case: Case) -> None:
    found = trusted.verify(case.file)
    expected = {name: value for name, value in case.expected.items() if name != "retired"}
    assert summary(found, case.expected) == expected
    assert expected.keys() >= NAMED_ALWAYS
    assert expected.keys() & {"exempt_users", "exempt_count"}
    assert found.file.encode() == case.file.strip()


@each_good
def test_a_good_file_is_accepted_unless_its_key_is_retired(trusted: TrustedKeys, case: Case) -> None:
    if case.expected.get("retired"):
        with pytest.raises(LicenseRefusedError, match=f'key "{case.expected["kid"]}", which is retired here'):
            trusted.accept(case.file)
    else:
        assert trusted.accept(case.file) == trusted.verify(case.file)


@each_good
def test_inspection_of_a_good_file_has_no_objection(trusted: TrustedKeys, case: Case) -> None:
    found = inspect(case.file, trusted)
    assert (found.kid, found.signature, found.objection) == (case.expected["kid"], Signature.HOLDS, None)


@each_good
def test_signing_a_good_file_again_keeps_what_nobody_knows(trusted: TrustedKeys, case: Case) -> None:
    key = OKPKey.import_key(Ed25519PrivateKey.generate())
    signed_again = SigningKey("again", key).sign(inspect(case.file, trusted).payload)
    assert payload_of(signed_again.encode()) == payload_of(case.file)
    assert TrustedKeys({"again": key}).verify(signed_again.encode()).scope == trusted.verify(case.file).scope


@each_bad
@pytest.mark.parametrize("way", ["verify", "accept", "inspect"])
def test_a_bad_file_is_refused_with_its_sentence(trusted: TrustedKeys, case: Case, way: str) -> None:
    sentence = refusal(trusted, case.file, way)
    assert case.expected in sentence
    assert sentence.isprintable()
    assert sentence.endswith(".")
    assert not re.search(r"[.!?] [A-Z][a-z]", sentence)
    assert len(sentence) < 400


def refusal(trusted: TrustedKeys, file: bytes, way: str) -> str:
    if way == "inspect":
        try:
            objection = inspect(file, trusted).objection
        except LicenseRefusedError as error:
            return str(error)
        assert objection is not None
        return objection
    with pytest.raises(LicenseRefusedError) as caught:
        getattr(trusted, way)(file)
    return str(caught.value)


# --- the corpus itself ---


@pytest.mark.parametrize("day", ["1970-01-02", "2026-02-15", "2999-12-31"])
def test_the_verdict_does_not_depend_on_the_day(trusted: TrustedKeys, day: str) -> None:
    before = [trusted.verify(case.file) for case in corpus.good()]
    with time_machine.travel(day, tick=False):
        keys = TrustedFolder(corpus.KEYS)
        assert [keys.verify(case.file) for case in corpus.good()] == before
        for case in corpus.bad():
            assert case.expected in refusal(trusted, case.file, "verify")


@pytest.mark.parametrize(("kind", "cases"), [("good", corpus.good()), ("bad", corpus.bad())])
def test_each_file_has_an_expectation_and_each_expectation_a_file(kind: str, cases: list[Case]) -> None:
    assert {path.name for path in (corpus.FOLDER / kind).iterdir()} == {case.path.name for case in cases}


def test_no_byte_of_a_file_or_key_has_changed_and_none_is_gone() -> None:
    recorded = dict(line.split("  ")[::-1] for line in corpus.SUMS.read_text(encoding="ascii").splitlines())
    paths = [*corpus.FOLDER.glob("*/*.lic"), *corpus.FOLDER.glob("*/*.pem")]
    assert {
        path.relative_to(corpus.FOLDER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    } == recorded


def test_the_keys_are_public_ones_of_every_standing(trusted: TrustedKeys) -> None:
    assert len(trusted.kids) >= 3
    assert trusted.retired == ("corpus-2020",)
    assert trusted.revoked == ("corpus-gone", "corpus-stolen")
    assert not [
        path for path in corpus.FOLDER.rglob("*") if path.is_file() and is_private_key(path.read_bytes())
    ]


def is_private_key(data: bytes) -> bool:
    return b"-----BEGIN" in data and b"PRIVATE KEY-----" in data


def test_each_type_and_format_version_has_a_good_file() -> None:
    contents = [payload_of(case.file) for case in corpus.good()]
    formats_and_types = {(content["format"], content["type"]) for content in contents}
    assert formats_and_types == set(product(range(1, FORMAT + 1), (type_.value for type_ in LicenseType)))
    commercial = [content for content in contents if content["type"] == "commercial"]
    assert {content.get("activation") is None for content in commercial} == {True, False}


MEMBERS = [
    (path + name, field.is_required())
    for path, model in (("", LicensePayload), ("scope.WFM.", ScopeEntry), ("activation.", ActivationEntry))
    for name, field in model.model_fields.items()
]


@pytest.mark.parametrize(("member", "is_required"), MEMBERS)
def test_each_member_has_a_bad_file_for_being_wrong_and_for_missing(member: str, is_required: bool) -> None:
    fragments = [case.expected for case in corpus.bad()]
    assert any(fragment.startswith(f'field "{member}" must be') for fragment in fragments)
    assert (f'field "{member}" is missing' in fragments) == is_required


def test_there_are_bad_files_enough() -> None:
    assert len(corpus.bad()) >= 30
