"""Any bytes become a License or a sentence, and no change makes a file say something else."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.license_file.issue import SigningKey
from keycloak_license.license_file.payload import PayloadError, read_payload
from keycloak_license.license_file.verify import Signature, TrustedKeys, inspect
from keycloak_license.model.license import License
from tests import corpus

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = SigningKey("k1", OKPKey.import_key(PRIVATE))
TRUSTED = TrustedKeys({"k1": OKPKey.import_key(PRIVATE.public_key())})
HEADER = b'{"alg":"Ed25519","kid":"k1","typ":"license+jws"}'


def sign(payload: bytes, header: bytes = HEADER) -> bytes:
    signing_input = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in (header, payload))
    return signing_input + b"." + urlsafe_b64encode(PRIVATE.sign(signing_input)).rstrip(b"=")


def verdict(file: bytes, trusted: TrustedKeys = TRUSTED) -> License | str:
    """The licence, or the sentence; any other exception is a failure of the test.

    Asked in every way there is: `accept` and `inspect` must agree with `verify`.
    """
    found = judged(trusted.verify, file)
    assert judged(trusted.accept, file) == found or is_retired(found, trusted)
    try:
        inspection = inspect(file, trusted)
    except LicenseRefusedError as refusal:
        assert isinstance(found, str)
        assert_sentence(str(refusal))
    else:
        assert (inspection.signature is Signature.HOLDS) == isinstance(found, License)
        assert inspection.objection == (None if isinstance(found, License) else found)
    return found


def judged(judge: Callable[[bytes], License], file: bytes) -> License | str:
    try:
        found = judge(file)
    except LicenseRefusedError as refusal:
        assert_sentence(str(refusal))
        return str(refusal)
    assert isinstance(found, License)
    return found


def is_retired(found: License | str, trusted: TrustedKeys) -> bool:
    return isinstance(found, License) and found.kid in trusted.retired


def assert_sentence(sentence: str) -> None:
    assert sentence.isprintable()
    assert sentence.endswith(".")
    assert len(sentence) < 400


GOOD: dict[str, Any] = {
    "format": 1,
    "number": "4711",
    "issue": 1,
    "type": "temporary",
    "customer": "ACME",
    "issued_on": "2026-01-01",
    "starts_on": "2026-01-01",
    "expires_on": "2026-12-31",
    "scope": {"WFM": {"seats": 50}, "QM": {"seats": None}},
    "exempt_users": ["eleveo.admin"],
    "activation": None,
}
GOOD_FILE = sign(json.dumps(GOOD).encode())

printable = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=40)
days = st.dates(date(1970, 1, 1), date(9998, 12, 31))
application_ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
counts = st.integers(0, 2**31 - 1)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
clean_json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=10,
)


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    """Any content the schema allows, with members nobody knows in it."""
    starts_on, expires_on = sorted((draw(days), draw(days)))
    unknown = draw(st.dictionaries(st.text(st.characters(codec="utf-8")), clean_json_values, max_size=3))
    activation = st.fixed_dictionaries({"installation_id": printable, "realm_id": printable})
    entry = st.fixed_dictionaries({"seats": st.none() | counts}, optional={"note": clean_json_values})
    return unknown | {
        "format": 1,
        "number": draw(printable),
        "issue": draw(st.integers(1, 2**31 - 1)),
        "type": draw(st.sampled_from(["commercial", "temporary"])),
        "customer": draw(printable),
        "issued_on": draw(days).isoformat(),
        "starts_on": starts_on.isoformat(),
        "expires_on": expires_on.isoformat(),
        "scope": draw(st.dictionaries(application_ids, entry, min_size=1, max_size=5)),
        "exempt_users": draw(st.lists(printable, max_size=5)),
        "activation": draw(st.none() | activation),
    }


@untimed
@given(contents())
def test_what_is_issued_is_what_is_verified(content: dict[str, Any]) -> None:
    file = SIGNER.sign(read_payload(content))
    found = TRUSTED.verify(file.encode())
    assert found == read_payload(content).to_license("k1", file)
    assert found.scope == {name: entry["seats"] for name, entry in content["scope"].items()}
    assert (found.number, found.customer, found.issue) == (
        content["number"],
        content["customer"],
        content["issue"],
    )
    assert inspect(file.encode(), TRUSTED).payload.to_json() == content


@untimed
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_a_sentence(file: bytes) -> None:
    assert isinstance(verdict(file), str)


@untimed
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_header_and_payload_get_a_verdict(header: bytes, payload: bytes) -> None:
    assert isinstance(verdict(sign(payload, header)), str)
    assert isinstance(verdict(sign(payload)), str)


@untimed
@given(json_values, json_values)
def test_any_json_in_either_place_is_refused(header: Any, payload: Any) -> None:
    assert isinstance(verdict(sign(json.dumps(payload).encode(), json.dumps(header).encode())), str)
    assert isinstance(verdict(sign(json.dumps(payload).encode())), str)


@untimed
@given(st.sampled_from(sorted(GOOD)), json_values)
def test_any_value_in_any_member_gets_a_verdict(member: str, value: Any) -> None:
    found = verdict(sign(json.dumps(GOOD | {member: value}).encode()))
    if isinstance(found, License):
        assert read_payload(GOOD | {member: value}).to_license("k1", found.file) == found


@untimed
@given(st.sampled_from(["alg", "kid", "typ", "crit", "jwk"]), json_values)
def test_any_value_in_any_header_member_gets_a_verdict(member: str, value: Any) -> None:
    header = json.loads(HEADER)
    found = verdict(sign(json.dumps(GOOD).encode(), json.dumps(header | {member: value}).encode()))
    assert isinstance(found, License) == (header.get(member, ...) == value)


@untimed
@given(st.text(), json_values)
def test_any_further_member_is_tolerated_or_refused_but_never_changes_the_rest(name: str, value: Any) -> None:
    found = verdict(sign(json.dumps({name: value} | GOOD).encode()))
    if isinstance(found, License):
        assert found == read_payload(GOOD).to_license("k1", found.file)


@untimed
@given(st.integers(0, 8 * len(GOOD_FILE) - 1))
def test_a_flipped_bit_is_refused(position: int) -> None:
    changed = bytearray(GOOD_FILE)
    changed[position // 8] ^= 1 << position % 8
    assert isinstance(verdict(bytes(changed)), str)


@untimed
@given(st.integers(0, len(GOOD_FILE)), st.integers(0, len(GOOD_FILE)), st.binary(max_size=8))
def test_a_spliced_file_never_says_something_else(start: int, end: int, inserted: bytes) -> None:
    found = verdict(GOOD_FILE[:start] + inserted + GOOD_FILE[max(start, end) :])
    if isinstance(found, License):
        assert found.file.encode() == GOOD_FILE


@untimed
@given(st.data())
def test_parts_of_two_genuine_files_do_not_mix(data: st.DataObject) -> None:
    other = sign(json.dumps(GOOD | {"issue": 2, "scope": {"WFM": {"seats": None}}}).encode())
    pairs = list(zip(GOOD_FILE.split(b"."), other.split(b"."), strict=True))
    mixed = b".".join(data.draw(st.sampled_from(pair)) for pair in pairs)
    assert isinstance(verdict(mixed), License) == (mixed in (GOOD_FILE, other))


@untimed
@given(st.binary(min_size=1, max_size=60))
def test_base64url_has_one_spelling(payload: bytes) -> None:
    # Every last character that a lenient decoder would read as the same bytes, except the true one.
    file = sign(payload)
    header, middle, signature = file.split(b".")
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for character in alphabet:
        respelled = middle[:-1] + bytes([character])
        padded = respelled + b"=" * (-len(respelled) % 4)
        if respelled != middle and urlsafe_b64decode(padded) == payload:
            found = verdict(b".".join((header, respelled, signature)))
            assert "payload is not clean base64url" in str(found)


@untimed
@given(contents(), json_values)
def test_the_schema_knows_no_other_error(content: dict[str, Any], value: Any) -> None:
    for member in list(content):
        with suppress(PayloadError):
            read_payload(content | {member: value})


# --- the corpus, damaged ---

CORPUS_KEYS = TrustedKeys.load(corpus.KEYS)
# The few large files would only make failures unreadable: it is not their size that is judged here.
GOOD_FILES, BAD_FILES = (
    [case.file for case in cases if len(case.file) <= 4096] for cases in (corpus.good(), corpus.bad())
)
FURTHER_NAMES = [
    "__class__",
    "__dict__",
    "__pydantic_extra__",
    "__pydantic_fields_set__",
    "model_fields",
    "kid",
]
interesting = st.sampled_from(
    [b".", b"=", b"\n", b" ", b"\x00", b"\xff", b"A", b"-", b"e30", b'"', b"\\u0000", b"{"]
)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Some bytes with one to four things done to them: bits flipped, cut, inserted, doubled, moved."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        match draw(st.sampled_from(["flip", "cut", "insert", "double", "move"])):
            case "flip" if data:
                data[min(start, len(data) - 1)] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[start:end]
            case "insert":
                data[start:start] = draw(interesting | st.binary(max_size=8))
            case "double":
                data[start:start] = data[start : min(end, start + 400)]
            case _:
                data = data[start:] + data[:start]
    return bytes(data)


@untimed
@given(st.data(), st.sampled_from(GOOD_FILES))
def test_a_damaged_good_file_says_what_it_said_or_is_refused(data: st.DataObject, file: bytes) -> None:
    found = verdict(data.draw(damaged(file)), CORPUS_KEYS)
    assert isinstance(found, str) or found == CORPUS_KEYS.verify(file)


@untimed
@given(st.sampled_from(BAD_FILES).flatmap(damaged))
def test_a_damaged_bad_file_gets_a_verdict(file: bytes) -> None:
    verdict(file, CORPUS_KEYS)


@untimed
@given(st.sampled_from(GOOD_FILES), st.sampled_from(GOOD_FILES + BAD_FILES), st.sampled_from(GOOD_FILES))
def test_parts_of_files_of_the_corpus_do_not_mix(first: bytes, second: bytes, third: bytes) -> None:
    parts = [
        [*file.strip().split(b"."), b"", b""][place] for place, file in enumerate((first, second, third))
    ]
    found = verdict(b".".join(parts), CORPUS_KEYS)
    assert isinstance(found, str) or found == CORPUS_KEYS.verify(third)


@untimed
@given(st.sampled_from(GOOD_FILES), st.binary(max_size=4), st.binary(max_size=4))
def test_what_stands_around_a_good_file_is_white_space_or_makes_it_bad(
    file: bytes, before: bytes, after: bytes
) -> None:
    found = verdict(before + file + after, CORPUS_KEYS)
    assert (found == CORPUS_KEYS.verify(file)) == (not (before + after).strip())


def payload_of(file: bytes) -> bytes:
    part = file.strip().split(b".")[1]
    return urlsafe_b64decode(part + b"=" * (-len(part) % 4))


PAYLOADS = [payload_of(file) for file in GOOD_FILES]


@untimed
@given(st.sampled_from(PAYLOADS).flatmap(damaged))
def test_a_damaged_payload_that_is_signed_gets_a_verdict(payload: bytes) -> None:
    found = verdict(sign(payload))
    if isinstance(found, License):
        assert found == read_payload(json.loads(payload)).to_license("k1", found.file)


@untimed
@given(st.data())
def test_any_value_at_any_depth_of_a_signed_payload_gets_a_verdict(data: st.DataObject) -> None:
    content = GOOD | {"activation": {"installation_id": "i", "realm_id": "r"}}
    content = json.loads(json.dumps(content))
    inner = data.draw(
        st.sampled_from([content, content["scope"], content["scope"]["WFM"], content["activation"]])
    )
    names = st.sampled_from([*inner, *FURTHER_NAMES]) | st.text(max_size=5)
    for name in data.draw(st.lists(names, min_size=1, max_size=3)):
        if data.draw(st.booleans()):
            inner[name] = data.draw(json_values)
        else:
            inner.pop(name, None)
    found = verdict(sign(json.dumps(content).encode()))
    if isinstance(found, License):
        assert found == read_payload(content).to_license("k1", found.file)
        assert inspect(found.file.encode(), TRUSTED).payload.to_json() == content
