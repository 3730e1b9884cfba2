"""The languages of the screen.

In: what a browser prefers, or somebody chose; out: words, and the ways of writing dates and numbers. Called
by `rendering`. The English sentence is the key; `words/*.po` has the others.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO

from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from starlette.requests import Request

from keycloak_license.mail.wording import CZECH, ENGLISH, LANGUAGES, Language

LANGUAGE_COOKIE = "__Host-language"
NAMES = {ENGLISH.code: "English", CZECH.code: "Čeština"}


@dataclass(frozen=True, slots=True)
class Words:
    """One language, for templates."""

    language: Language
    translations: NullTranslations


def language_of(request: Request) -> Language:
    """Return what somebody chose, else what his browser prefers, else English."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return LANGUAGES[chosen]
    preferred = negotiate_locale(_preferences(request.headers.get("accept-language", "")), LANGUAGES, sep="-")
    return LANGUAGES[preferred] if preferred else ENGLISH


@cache
def words_of(code: str) -> Words:
    """Return the words of a language."""
    source = files("keycloak_license.web") / "words" / f"{code}.po"
    if not source.is_file():
        return Words(LANGUAGES[code], NullTranslations())
    compiled = BytesIO()
    with source.open("rb") as stream:
        write_mo(compiled, read_po(stream, locale=code))
    compiled.seek(0)
    return Words(LANGUAGES[code], Translations(compiled))


def _preferences(header: str) -> list[str]:
    """Return the languages that a browser names, the best first."""
    weighted: list[tuple[float, str]] = []
    for part in header[:1000].split(","):
        name, _, weight = "".join(part.split()).partition(";q=")
        try:
            weighted.append((float(weight or 1), name.lower()))
        except ValueError:
            continue
    return [name for weight, name in sorted(weighted, key=lambda each: -each[0]) if weight > 0]
