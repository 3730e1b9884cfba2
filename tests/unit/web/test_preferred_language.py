"""Which language somebody is answered in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from keycloak_license.mail.wording import LANGUAGES
from keycloak_license.web.languages import LANGUAGE_COOKIE, NAMES, language_of, words_of


def asked(accept: str | None = None, cookie: str | None = None) -> str:
    """The code of the language of who sends these headers."""
    headers = [(b"accept-language", accept.encode("latin-1"))] if accept is not None else []
    headers += [(b"cookie", f"{LANGUAGE_COOKIE}={cookie}".encode())] if cookie is not None else []
    return language_of(Request({"type": "http", "headers": headers})).code


@pytest.mark.parametrize(
    ("accept", "code"),
    [
        (None, "en"),
        ("", "en"),
        ("cs", "cs"),
        ("CS-cz", "cs"),
        ("cs-CZ,cs;q=0.9,en;q=0.8", "cs"),
        ("en;q=0.8, cs ; q=0.9", "cs"),
        ("en-GB, cs", "en"),
        ("de, sk;q=0.9, cs;q=0.1", "cs"),
        ("cs;q=0, en;q=0.1", "en"),
        ("cs;q=0", "en"),
        ("cs;q=-1, de", "en"),
        ("cs;q=much, de", "en"),
        ("cs;q=nan", "en"),
        ("*", "en"),
        (";q=1,,;,cs", "cs"),
        ("de," * 2000 + "cs", "en"),
    ],
)
def test_a_browser_says_what_it_prefers(accept: str | None, code: str) -> None:
    assert asked(accept) == code


@given(
    accept=st.text(st.characters(max_codepoint=255))
    | st.from_regex(r"[a-z*-]{0,6}(;q=[0-9.einf-]*)?", fullmatch=True)
)
def test_any_garbage_gets_a_language(accept: str) -> None:
    assert asked(accept) in LANGUAGES


def test_what_was_chosen_counts_more_than_what_the_browser_prefers() -> None:
    assert asked("en", cookie="cs") == "cs"
    assert asked("cs", cookie="en") == "en"


@pytest.mark.parametrize("cookie", ["", "xx", "CS", "../cs"])
def test_a_choice_that_there_is_not_is_no_choice(cookie: str) -> None:
    assert asked("cs", cookie=cookie) == "cs"
    assert asked(cookie=cookie) == "en"


def test_every_language_has_a_name_and_words() -> None:
    assert NAMES.keys() == LANGUAGES.keys()
    assert words_of("cs").translations.ugettext("Used") not in {"", "Used"}
    assert words_of("en").translations.ugettext("Used") == "Used"
