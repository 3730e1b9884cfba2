"""An activation key says one thing or is refused, whatever happens on its way."""

import json
import zlib
from base64 import urlsafe_b64encode
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.license_file.activation import MAX_CHARACTERS, ActivationKey, activate
from keycloak_license.license_file.payload import PayloadError, read_payload
from tests.property.test_license_file import contents, json_values

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
WHITE_SPACE = " \t\r\n\u00a0\u2028\u3000"

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" "),
    min_size=1,
    max_size=64,
).filter(lambda text: text == text.strip())
keys = st.builds(ActivationKey, texts, st.integers(1, 2**31 - 1), texts, texts)


def verdict(text: str) -> ActivationKey | str:
    """The key, or the sentence; any other exception is a failure of the test."""
    try:
        return ActivationKey.from_text(text)
    except LicenseRefusedError as refusal:
        sentence = str(refusal)
        assert sentence.isprintable()
        assert len(sentence) < 400
        return sentence


def checked(content: bytes) -> str:
    """A text with a good checksum, made without the code under test."""
    return "AK1." + urlsafe_b64encode(content + zlib.crc32(content).to_bytes(4, "big")).decode().rstrip("=")


@untimed
@given(keys)
@example(ActivationKey("\U0001f680" * 64, 2**31 - 1, '"' * 64, "\U0001f680" * 64))
def test_a_key_is_one_word_that_says_what_was_put_in(key: ActivationKey) -> None:
    text = key.to_text()
    assert text.startswith("AK1.")
    assert set(text[4:]) <= set(ALPHABET)
    assert len(text) <= MAX_CHARACTERS / 1.5
    assert ActivationKey.from_text(text) == key


@untimed
@given(keys)
def test_the_text_is_that_of_the_contract(key: ActivationKey) -> None:
    fields = [key.number, key.issue, key.installation_id, key.realm_id]
    assert key.to_text() == checked(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode())


@untimed
@given(keys, keys)
def test_two_keys_have_two_texts(one: ActivationKey, other: ActivationKey) -> None:
    assert (one.to_text() == other.to_text()) == (one == other)


@untimed
@given(keys, st.data())
def test_white_space_anywhere_changes_nothing(key: ActivationKey, data: st.DataObject) -> None:
    text = key.to_text()
    for _ in range(5):
        place = data.draw(st.integers(0, len(text)))
        text = text[:place] + data.draw(st.text(WHITE_SPACE, max_size=3)) + text[place:]
    assert ActivationKey.from_text(text) == key


@untimed
@given(keys)
def test_every_single_character_is_guarded(key: ActivationKey) -> None:
    text = key.to_text()
    for place, character in enumerate(text):
        before, after = text[:place], text[place + 1 :]
        changed = {
            "lost": before + after,
            "doubled": before + 2 * character + after,
            "other case": before + character.swapcase() + after,
            "next in the alphabet": before + ALPHABET[(ALPHABET.find(character) + 1) % 64] + after,
            "cut": before,
            "swapped": before + after[:1] + character + after[1:],
        }
        for how, damaged in changed.items():
            assert damaged == text or isinstance(verdict(damaged), str), (how, place)


@untimed
@given(keys, st.data())
def test_any_character_in_any_place_is_refused(key: ActivationKey, data: st.DataObject) -> None:
    text = key.to_text()
    place = data.draw(st.integers(0, len(text)))
    character = data.draw(st.sampled_from(ALPHABET) | st.characters())
    assume(not character.isspace())
    assert isinstance(verdict(text[:place] + character + text[place:]), str)
    replaced = text[:place] + character + text[place + 1 :]
    assert replaced == text or isinstance(verdict(replaced), str)


@untimed
@given(keys)
def test_the_last_character_has_one_spelling(key: ActivationKey) -> None:
    text = key.to_text()
    good = [last for last in ALPHABET if isinstance(verdict(text[:-1] + last), ActivationKey)]
    assert good == [text[-1]]


@untimed
@given(st.text() | st.text(ALPHABET).map("AK1.".__add__) | st.binary().map(checked))
def test_any_text_is_refused_with_a_sentence(text: str) -> None:
    assert isinstance(verdict(text), str)


@untimed
@given(json_values, st.sampled_from([None, (",", ":")]))
def test_any_json_with_a_good_checksum_is_refused(value: Any, separators: tuple[str, str] | None) -> None:
    assert isinstance(verdict(checked(json.dumps(value, separators=separators).encode())), str)


@untimed
@given(st.sampled_from(range(4)), json_values | texts | st.integers(-5, 2**32))
@example(1, True)
@example(1, 1.0)
@example(0, "x" * 65)
@example(3, " x")
def test_a_key_may_hold_what_a_licence_may_and_nothing_else(field: int, value: Any) -> None:
    fields: list[Any] = ["4711", 2, "installation", "realm"]
    fields[field] = value
    content = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    assume(all(character.isascii() or character.isprintable() for character in content))
    found = verdict(checked(content.encode()))
    assert isinstance(found, ActivationKey) == _licence_may_hold(*fields)
    if isinstance(found, ActivationKey):
        assert [found.number, found.issue, found.installation_id, found.realm_id] == fields


def _licence_may_hold(number: Any, issue: Any, installation_id: Any, realm_id: Any) -> bool:
    day = "2026-01-01"
    content = {"format": 1, "type": "commercial", "customer": "ACME", "scope": {"WFM": {"seats": 1}}}
    content |= {"issued_on": day, "starts_on": day, "expires_on": day, "number": number, "issue": issue}
    content |= {"activation": {"installation_id": installation_id, "realm_id": realm_id}}
    with suppress(PayloadError):
        read_payload(content)
        return True
    return False


@untimed
@given(contents(), texts, texts)
def test_activating_adds_the_installation_and_nothing_else(
    content: dict[str, Any], installation_id: str, realm_id: str
) -> None:
    content |= {"type": "commercial", "activation": None}
    payload = read_payload(content)
    key = ActivationKey(payload.number, payload.issue, installation_id, realm_id)
    activated = activate(payload, ActivationKey.from_text(key.to_text()))
    bound = {"installation_id": installation_id, "realm_id": realm_id}
    assert activated.to_json() == content | {"activation": bound}
    assert read_payload(activated.to_json()) == activated
    assert payload.to_json() == content
    assert activate(activated, key) is activated
