"""Puts notices into words.

In: a delivery; out: its `Message`. Called by who sends mails. What is said stands once for each language in
`templates/<language>/<kind>.j2`; `templates/subject.j2`, `text.j2` and `html.j2` say how it is shown.
"""

import re
import shlex
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from keycloak_license.mail.cleaning import clean_notice, shorten
from keycloak_license.mail.message import Message
from keycloak_license.mail.wording import LANGUAGES, choose_language
from keycloak_license.model.notice import Delivery, HeldSeats, NearLimit, OverLimit, SeatsInUse

MAX_SUBJECT = 120
_SPACES = re.compile(r"[ \n]+")
_BLANK_LINES = re.compile(r"\n{3,}")


def compose(delivery: Delivery) -> Message:
    """Return a notice as a mail in the language of the delivery's locale, else in English."""
    language = choose_language(delivery.locale).code
    notice = clean_notice(delivery.notice)
    values = {
        "notice": notice,
        "language": language,
        "program": "keycloak-license",
        "realm_option": f"--realm {shlex.quote(notice.realm)}",
    }
    name = f"{language}/{notice.kind}.j2"
    text, html = (_environment(language, is_html=is_html).get_template(name) for is_html in (False, True))
    subject = shorten(text.render(values, form="subject.j2"), MAX_SUBJECT)
    return Message(
        subject=subject,
        text=_tidy(text.render(values, form="text.j2")),
        html=_tidy(html.render(values, form="html.j2", subject=subject)),
        language=language,
    )


@cache
def _environment(language: str, *, is_html: bool) -> Environment:
    words = LANGUAGES[language]
    environment = Environment(
        loader=PackageLoader("keycloak_license.mail"),
        autoescape=is_html,  # noqa: S701 - plain text has nothing to escape
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    written = (
        words.day,
        words.instant,
        words.number,
        words.percent,
        words.plural,
        words.counted,
        words.listed,
    )
    environment.filters |= {each.__name__: each for each in written}
    environment.filters |= {"flow": _flow, "titled": _titled, "shorten": shorten}
    return environment


def _flow(text: str) -> str:
    """Return a paragraph of a template as one line, as safe as it was."""
    return type(text)(_SPACES.sub(" ", text).strip())


def _titled(application: SeatsInUse | OverLimit | NearLimit | HeldSeats) -> str:
    """Return what an application is called, and the id by which licences name it."""
    name, id_ = application.name, application.application
    return name if name == id_ else f"{name} ({id_})"


def _tidy(text: str) -> str:
    """Return a mail with one blank line where there are several."""
    return _BLANK_LINES.sub("\n\n", text).strip() + "\n"
