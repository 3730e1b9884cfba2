"""The words of a mail: in the right language, complete in both forms, and safe whatever is put in."""

import re
from html.parser import HTMLParser
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.mail.messages import MAX_SUBJECT, compose
from keycloak_license.mail.wording import LANGUAGES, choose_language
from keycloak_license.model.notice import Notice, OverLimit, People, SyncsFailing
from tests.unit.mail.notices import MORNING, mail, notices_of

UNSAFE = {
    "a line end": "a\r\nBcc: eve@example.org",
    "a carriage return": "a\rb",
    "NUL": "a\x00b",
    "an escape": "a\x1b[31mb",
    "next line": "a\x85b",
    "a line separator": "a\u2028b",
    "a paragraph separator": "a\u2029b",
    "a bidi override": "a\u202egpj.exe",
    "a bidi isolate": "a\u2067b\u2069",
    "half a character": "a\ud800b",
    "nothing visible": "\u200b\t",
    "markup": "<script>alert('x')</script>&amp;\"",
    "words of a template": "{{ notice }}{% raw %}{0}%s",
    "very much": "x" * 5000,
    "one word after the other": "x " * 5000,
}


class Parsed(HTMLParser):
    """The tags of a page, and the words of its body."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self._text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))
        if tag == "body":
            self._text.clear()

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    @property
    def words(self) -> list[str]:
        return "".join(self._text).split()


def words_of(text: str) -> list[str]:
    """The words of a plain text, without what marks its lists and its end."""
    return re.sub(r"(?m)^(--|-|\d+\.)( |$)", "", text).split()


def assert_safe(text: str) -> None:
    """Hold every mail in which all texts are this one to the same mail with harmless texts."""
    for language in LANGUAGES:
        for notice, harmless in zip(notices_of(text), notices_of("x"), strict=True):
            message, expected = compose(mail(notice, language)), compose(mail(harmless, language))
            assert message.subject.isprintable()
            assert message.subject.startswith("[")
            assert len(message.subject) <= MAX_SUBJECT
            assert len(message.text.splitlines()) == len(expected.text.splitlines())
            assert all(line.replace("\xa0", " ").isprintable() for line in message.text.split("\n"))
            assert message.html.count("<") == expected.html.count("<")
            assert message.html.count(">") == expected.html.count(">")
            assert Parsed(message.html).tags == Parsed(expected.html).tags
            message.html.encode()


def test_every_kind_of_notice_has_words_in_every_language() -> None:
    notices = notices_of("acme")
    assert {type(notice) for notice in notices} == set(get_args(Notice))
    for language in LANGUAGES:
        messages = [compose(mail(notice, language)) for notice in notices]
        assert {message.language for message in messages} == {language}
        assert len({message.text for message in messages}) == len(notices)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [0, 1, 2, 4, 5, 21, 22, 1000])
def test_the_text_says_word_for_word_what_the_html_says(language: str, count: int) -> None:
    for notice in notices_of("Ab <c> & d's", count):
        message = compose(mail(notice, language))
        assert words_of(message.text) == Parsed(message.html).words


@pytest.mark.parametrize("text", UNSAFE.values(), ids=UNSAFE)
def test_no_text_from_outside_forges_a_line_or_markup(text: str) -> None:
    assert_safe(text)


@given(st.text(st.characters(), max_size=200))
def test_no_text_at_all_forges_a_line_or_markup(text: str) -> None:
    assert_safe(text)


def test_names_are_shown_escaped_and_in_one_line() -> None:
    waiting = People(("<script>eve</script>", "bo\r\nris", "\u202eanna"))
    notice = OverLimit(
        realm="acme", at=MORNING, application="W&F", name="W\u2028F", limit=1, used=1, waiting=waiting
    )
    message = compose(mail(notice))
    assert "1. <script>eve</script>\n2. bo ris\n3. anna\n" in message.text
    assert "<li>&lt;script&gt;eve&lt;/script&gt;</li>\n<li>bo ris</li>\n<li>anna</li>" in message.html
    assert message.subject == "[acme] No free seat: 3 people wait for W F (W&F)"
    assert "W F (W&amp;F)" in message.html


def test_a_reason_is_given_as_it_is() -> None:
    reason = "Keycloak at http://kc:8080 does not answer: start it"
    notice = SyncsFailing(realm="acme", at=MORNING, since=MORNING, reason=reason)
    for language in LANGUAGES:
        assert f": {reason}\n" in compose(mail(notice, language)).text


def test_a_long_realm_leaves_room_for_what_is_the_matter() -> None:
    for notice in notices_of("r" * 255):
        subject = compose(mail(notice)).subject
        assert re.match(r"\[r{39}…\] \w", subject)
        assert len(subject) <= MAX_SUBJECT


def test_a_command_names_the_realm_as_a_shell_reads_it() -> None:
    notice = SyncsFailing(realm="a'b $(c)", at=MORNING, since=MORNING, reason="x")
    assert "\n    keycloak-license doctor --realm 'a'\"'\"'b $(c)'\n" in compose(mail(notice)).text


@pytest.mark.parametrize("locale", ["cs", "cs-CZ", "cs_CZ", "CS", "cs-Latn-CZ"])
def test_a_czech_locale_is_czech(locale: str) -> None:
    message = compose(mail(notices_of("acme")[0], locale))
    assert message.language == "cs"
    assert 'lang="cs"' in message.html


@pytest.mark.parametrize("locale", ["en", "en-GB", "pt-BR", "de", "csb", "", "-", "../cs", "\n"])
def test_any_other_locale_is_english(locale: str) -> None:
    assert choose_language(locale).code == "en"
    assert compose(mail(notices_of("acme")[0], locale)).language == "en"
