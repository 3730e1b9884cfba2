import pytest

from keycloak_license.license_file.strict_json import JsonRefusedError, parse_object, shown


def test_an_object_is_read_as_it_stands() -> None:
    text = '{"a": [1, -2, 0.5, true, null, {"b": "žluť \\ud83d\\ude00"}], "": {}}'
    assert parse_object(text.encode()) == {"a": [1, -2, 0.5, True, None, {"b": "žluť 😀"}], "": {}}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "not readable JSON"),
        (b"{", "not readable JSON"),
        (b"{}x", "not readable JSON"),
        (b"{'a': 1}", "not readable JSON"),
        (b'{"a": 01}', "not readable JSON"),
        (b'{"a": "\n"}', "not readable JSON"),
        (b"\xff\xfe", "not readable JSON"),
        (b'{"a": "\xed\xa0\x80"}', "not readable JSON"),
        (b"\xef\xbb\xbf{}", "not readable JSON"),
        ('{"a": 1}'.encode("utf-16"), "not readable JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not readable JSON"),
        (b'{"a":' * 30_000, "not readable JSON"),
        (b"[1]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": 1, "a": 1}', 'names "a" twice'),
        (b'{"a": 1, "\\u0061": 2}', 'names "a" twice'),
        (b'{"x": [{"y": {"a": 1, "b": 2, "a": 3}}]}', 'names "a" twice'),
        (b'{"a": "\\ud800"}', "half a character"),
        (b'{"\\udfff": 1}', "half a character"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "nested too deeply"),
        (b'{"a":' + b"[" * 32 + b"]" * 32 + b"}", "nested too deeply"),
    ],
)
def test_what_has_no_single_meaning_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(JsonRefusedError, match=sentence):
        parse_object(data)


def test_nesting_up_to_the_limit_is_read() -> None:
    assert parse_object(b'{"a":' * 32 + b"1" + b"}" * 32)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", '"plain"'),
        ("a\x1b[31mb\nc\u202ed", '"a?[31mb?c?d"'),
        ("x" * 65, '"' + "x" * 64 + '…"'),
        ("x" * 64, '"' + "x" * 64 + '"'),
        ("\ud800", '"?"'),
    ],
)
def test_untrusted_text_is_shown_short_and_printable(text: str, expected: str) -> None:
    assert shown(text) == expected
