import json
import zlib
from base64 import urlsafe_b64encode
from dataclasses import replace
from typing import Any

import pytest

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.license_file.activation import MAX_CHARACTERS, ActivationKey, activate
from keycloak_license.license_file.payload import LicensePayload, read_payload
from tests.unit.license_file.forge import Vendor, content, content_without

INSTALLATION = "0b0e7a52-7d1f-4c7a-9f0e-0d9c4f6b5a11"
REALM = "c5e1b1d8-2f7c-4b57-8a69-6a2f5d0c9e42"
KEY = ActivationKey("4711", 2, INSTALLATION, REALM)
TEXT = (
    "AK1.WyI0NzExIiwyLCIwYjBlN2E1Mi03ZDFmLTRjN2EtOWYwZS0wZDljNGY2YjVhMTEiLC"
    "JjNWUxYjFkOC0yZjdjLTRiNTctOGE2OS02YTJmNWQwYzllNDIiXcXKLqQ"
)


def checked(content: bytes, checksum: bytes | None = None) -> str:
    data = content + (checksum if checksum is not None else zlib.crc32(content).to_bytes(4, "big"))
    return "AK1." + urlsafe_b64encode(data).decode().rstrip("=")


def payload(**changes: Any) -> LicensePayload:
    return read_payload(content(**changes))


def refusal_of(text: str) -> str:
    with pytest.raises(LicenseRefusedError) as refusal:
        ActivationKey.from_text(text)
    sentence = str(refusal.value)
    assert sentence.count(";") == 1
    assert sentence.endswith(".")
    return sentence


# --- the text ---


def test_the_text_of_a_key_stays_what_it_was() -> None:
    assert KEY.to_text() == TEXT
    assert ActivationKey.from_text(TEXT) == KEY


def test_a_key_wrapped_and_indented_by_a_mail_is_read() -> None:
    lines = [TEXT[start : start + 30] for start in range(0, len(TEXT), 30)]
    assert ActivationKey.from_text("\r\n".join(f"\t {line} " for line in lines)) == KEY


@pytest.mark.parametrize(
    "text",
    ["", " \n ", "4711", "ak1." + TEXT[4:], TEXT[1:], TEXT[4:], "AK0." + TEXT[4:], "AK1" + TEXT[4:], "AK."],
)
def test_something_else_is_no_activation_key(text: str) -> None:
    assert 'not an activation key, which starts with "AK1."' in refusal_of(text)


def test_a_private_key_in_its_place_is_not_repeated() -> None:
    sentence = refusal_of("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIKeep\n-----END PRIVATE KEY-----")
    assert "BEGIN" not in sentence
    assert "MC4" not in sentence


def test_a_licence_file_in_its_place_is_called_by_its_name() -> None:
    assert "This is a licence file, not an activation key" in refusal_of(Vendor().file().decode())


@pytest.mark.parametrize("prefix", ["AK2.", "AK11.", "AK20."])
def test_a_newer_key_asks_for_a_newer_program(prefix: str) -> None:
    assert "made by a newer version; update keycloak-license" in refusal_of(prefix + "whatever")


@pytest.mark.parametrize(
    "text",
    [
        "AK1.",
        TEXT[:-1],
        TEXT[:-4],
        TEXT + "A",
        TEXT + "=",
        TEXT + TEXT,
        TEXT + ".",
        TEXT.replace("0", "O", 1),
        TEXT[:20] + TEXT[21] + TEXT[20] + TEXT[22:],
        TEXT[:20] + "\u200b" + TEXT[20:],
        TEXT[:20] + "+" + TEXT[21:],
        TEXT[:20] + "é" + TEXT[21:],
        TEXT[:30] + "\n> " + TEXT[30:],
        checked(b'["4711",2,"i","r"]', b"\0\0\0\0"),
        checked(b'["4711",2,"i","r"]', b""),
    ],
)
def test_a_damaged_key_is_mistyped(text: str) -> None:
    assert "mistyped or incomplete" in refusal_of(text)


@pytest.mark.parametrize(
    "content",
    [
        b'["4711", 2, "i", "r"]',
        b'["\\u0034711",2,"i","r"]',
        b' ["4711",2,"i","r"]',
        '["é",2,"i","\\u00e9"]'.encode(),
    ],
)
def test_another_spelling_of_the_same_key_is_refused(content: bytes) -> None:
    assert "mistyped or incomplete" in refusal_of(checked(content))


def test_a_text_too_long_for_any_key_is_not_decoded() -> None:
    longest = json.dumps(["x" * MAX_CHARACTERS, 2, "i", "r"], separators=(",", ":")).encode()
    assert "longer than any can be" in refusal_of(checked(longest))
    assert "longer than any can be" in refusal_of("AK1." + "A" * 10**6)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"{}",
        b"[]",
        b'["4711",2,"i"]',
        b'["4711",2,"i","r",null]',
        b'{"0":"4711","1":2,"2":"i","3":"r"}',
        b'"4711"',
        b"[" * 1400,
        b'["\xff",2,"i","r"]',
        '["4711",2,"i","r"]'.encode("utf-16"),
        b'\xef\xbb\xbf["4711",2,"i","r"]',
    ],
)
def test_a_good_checksum_over_something_else_is_refused(content: bytes) -> None:
    assert "something other than its 4 fields" in refusal_of(checked(content))


WRONG_TEXTS = [
    "null",
    "4711",
    "true",
    '""',
    '" x"',
    '"x "',
    '"a\\nb"',
    '"\\u202eb"',
    '"\\ud800"',
    '["x"]',
    "{}",
]
WRONG_TEXTS += ['"' + "x" * 65 + '"']
WRONG_ISSUES = ["null", "true", "2.0", '"2"', "0", "-1", str(2**31), "1" * 1000, "1e999", "NaN", "[]"]


@pytest.mark.parametrize(
    ("field", "name", "wrong"),
    [
        (field, name, wrong)
        for field, name, values in (
            (0, "licence number", WRONG_TEXTS),
            (1, "issue", WRONG_ISSUES),
            (2, "installation id", WRONG_TEXTS),
            (3, "realm id", WRONG_TEXTS),
        )
        for wrong in values
    ],
)
def test_a_field_that_no_licence_can_have_is_named(field: int, name: str, wrong: str) -> None:
    fields = ['"4711"', "2", '"i"', '"r"']
    fields[field] = wrong
    sentence = refusal_of(checked(f"[{','.join(fields)}]".encode()))
    assert f"key's {name} is none that a licence can have" in sentence


# --- activating ---


@pytest.mark.parametrize("given", [content(), content_without("activation"), content_without("exempt_users")])
def test_the_installation_is_added_and_everything_else_stays(given: dict[str, Any]) -> None:
    bound = {"installation_id": INSTALLATION, "realm_id": REALM}
    assert activate(read_payload(given), KEY).to_json() == given | {"activation": bound}


def test_members_of_a_newer_vendor_survive_at_every_level() -> None:
    given = content(
        scope={"WFM": {"seats": 5, "modules": {"deep": [1, 2.5, None]}}}, note={"for": "later"}, big=10**300
    )
    activated = activate(read_payload(given), KEY)
    bound = {"installation_id": INSTALLATION, "realm_id": REALM}
    assert json.loads(activated.to_bytes()) == given | {"activation": bound}


def test_an_activated_licence_is_the_same_for_the_same_installation() -> None:
    bound = {"installation_id": INSTALLATION, "realm_id": REALM, "at": "2026-01-01"}
    given = payload(activation=bound)
    assert activate(given, KEY).to_json() == content(activation=bound)


def test_a_temporary_licence_needs_no_activation() -> None:
    with pytest.raises(LicenseRefusedError, match='Licence "4711" is temporary and needs no activation'):
        activate(payload(type="temporary"), KEY)


def test_a_key_of_another_licence_names_both() -> None:
    with pytest.raises(LicenseRefusedError, match='key is of licence "4712", and the file is licence "4711"'):
        activate(payload(), replace(KEY, number="4712"))


@pytest.mark.parametrize("issue", [1, 3])
def test_a_key_of_another_issue_names_both(issue: int) -> None:
    sentence = f'key is of issue {issue} of licence "4711", and the file is issue 2; give the file of issue'
    with pytest.raises(LicenseRefusedError, match=sentence):
        activate(payload(), replace(KEY, issue=issue))


@pytest.mark.parametrize("changed", [{"installation_id": "other"}, {"realm_id": "other"}])
def test_a_licence_activated_for_another_installation_names_both(changed: dict[str, str]) -> None:
    bound = {"installation_id": INSTALLATION, "realm_id": REALM} | changed
    with pytest.raises(LicenseRefusedError) as refusal:
        activate(payload(activation=bound), KEY)
    for part in ("4711", "other", INSTALLATION, REALM, "activate the licence file as it was first issued"):
        assert part in str(refusal.value)
