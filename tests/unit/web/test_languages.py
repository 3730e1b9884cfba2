"""Which language somebody meets, and that each has all the words of the screen."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from starlette.requests import Request

import keycloak_license.web
from keycloak_license.mail.wording import LANGUAGES
from keycloak_license.web.languages import NAMES, language_of, words_of

ROOM = Path(keycloak_license.web.__file__).parent
METHODS = [("templates/**.html", "jinja2"), ("**.py", "python")]
OPTIONS = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}}
KEYWORDS = {"_": None, "gettext": None, "ugettext": None, "ngettext": (1, 2)}
Key = str | tuple[str, ...]


def said() -> set[Key]:
    """All that templates and Python say in words of ours, with the plural where there is one."""
    found = extract_from_dir(ROOM, METHODS, OPTIONS, KEYWORDS)
    return {message for _, _, message, _, _ in found}


def catalog(code: str) -> Catalog:
    """The words of a language, as they are written down."""
    with (ROOM / "words" / f"{code}.po").open("rb") as stream:
        return read_po(stream, locale=code, abort_invalid=True)


def messages(code: str) -> Iterator[Message]:
    return (message for message in catalog(code) if message.id)


def forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def key(message: Message) -> Key:
    return message.id if isinstance(message.id, str) else tuple(message.id)


TRANSLATED = sorted(set(LANGUAGES) - {"en"})


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_language_has_all_that_is_said_and_nothing_else(code: str) -> None:
    spoken = said()

    assert len(spoken) > 100
    assert {key(message) for message in messages(code)} == spoken


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_sentence_is_there_in_all_its_forms(code: str) -> None:
    plurals = catalog(code).num_plurals
    wrong = [
        message.id
        for message in messages(code)
        if message.fuzzy
        or not all(forms(message))
        or len(forms(message)) != (plurals if isinstance(message.id, tuple | list) else 1)
    ]

    assert wrong == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_form_names_what_the_english_one_names(code: str) -> None:
    wrong = [
        form
        for message in messages(code)
        for form in forms(message)
        if placeholders(form) != placeholders(message.id if isinstance(message.id, str) else message.id[-1])
    ]

    assert wrong == []


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text))


@pytest.mark.parametrize(
    ("count", "text"), [(1, "zbývá 1 den"), (2, "zbývají 2 dny"), (4, "zbývají 4 dny"), (5, "zbývá 5 dnů")]
)
def test_czech_counts_as_czechs_do(count: int, text: str) -> None:
    words = words_of("cs").translations

    assert words.ungettext("%(num)s day left", "%(num)s days left", count) % {"num": count} == text


@pytest.mark.parametrize(
    ("preferred", "chosen", "code"),
    [
        ("cs", "", "cs"),
        ("cs-CZ,cs;q=0.9,en;q=0.8", "", "cs"),
        ("en;q=0.4, cs;q=0.5", "", "cs"),
        ("de-DE,de;q=0.9", "", "en"),
        ("cs;q=0, en", "", "en"),
        ("cs;q=nonsense", "", "en"),
        ("", "", "en"),
        ("en", "cs", "cs"),
        ("cs", "xx", "cs"),
    ],
)
def test_somebody_meets_what_he_chose_or_else_prefers(preferred: str, chosen: str, code: str) -> None:
    headers = [(b"accept-language", preferred.encode()), (b"cookie", f"__Host-language={chosen}".encode())]

    assert language_of(Request({"type": "http", "headers": headers})).code == code


def test_every_language_is_offered_by_its_own_name() -> None:
    assert NAMES == {"en": "English", "cs": "Čeština"}
    assert set(NAMES) == set(LANGUAGES)
