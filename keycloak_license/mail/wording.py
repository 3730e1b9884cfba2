"""How a language writes days, instants, numbers and plurals.

In: a locale, then values; out: text. Called by `messages`, which hands the methods to the templates.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.lists import format_list
from babel.numbers import format_decimal, format_percent

_OFFSET = "'(UTC'xxx')'"


@dataclass(frozen=True, slots=True)
class Language:
    """One that there are templates for."""

    code: str
    locale: str
    """Babel's, in whose way things are written."""
    day_pattern: str
    instant_pattern: str

    def day(self, day: date) -> str:
        """Return a day: ``1 January 2027``."""
        return format_date(day, self.day_pattern, locale=self.locale)

    def instant(self, moment: datetime) -> str:
        """Return an instant, to the minute: ``1 January 2027 at 00:00 (UTC+01:00)``."""
        return format_datetime(moment, self.instant_pattern, locale=self.locale)

    def number(self, count: int) -> str:
        """Return a whole number, in groups of thousands."""
        return format_decimal(count, locale=self.locale)

    def percent(self, percent: int) -> str:
        """Return whole percents."""
        return format_percent(Decimal(percent) / 100, locale=self.locale)

    def plural(self, count: int, **forms: str) -> str:
        """Return the form that goes with a number; `forms` have CLDR's names: ``one``, ``few``, ``other``."""
        return forms[Locale.parse(self.locale).plural_form(count)]

    def counted(self, count: int, **forms: str) -> str:
        """Return a number and the form that goes with it: ``5 people``."""
        return f"{self.number(count)} {self.plural(count, **forms)}"

    def listed(self, names: Iterable[str]) -> str:
        """Return names as an enumeration: ``A, B and C``."""
        return format_list(list(names), locale=self.locale)


ENGLISH = Language("en", "en_GB", "d MMMM y", f"d MMMM y 'at' HH:mm {_OFFSET}")
CZECH = Language("cs", "cs_CZ", "d. MMMM y", f"d. MMMM y 'v' H:mm {_OFFSET}")
LANGUAGES = {each.code: each for each in (ENGLISH, CZECH)}


def choose_language(locale: str) -> Language:
    """Return the language of a locale such as ``cs`` or ``pt-BR``; English where it has no words."""
    code = locale.replace("_", "-").partition("-")[0].lower()
    return LANGUAGES.get(code, ENGLISH)
