"""Templates to answers, in the language of whoever asks.

In: a request, the name of a template and what it shows; out: HTML. Called by `pages`, `actions` and
`problems`. Everything is escaped; nothing is marked safe but the charts that `chart` draws.
"""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from keycloak_license import __version__
from keycloak_license.errors import KeycloakLicenseError
from keycloak_license.model.instants import show_instant
from keycloak_license.web.chart import draw_bar
from keycloak_license.web.languages import NAMES, language_of, words_of
from keycloak_license.web.login import home_of
from keycloak_license.web.security import Visit, content_policy, path_of
from keycloak_license.web.site import digest

THEME_COOKIE = "__Host-theme"
THEMES = ("auto", "light", "dark")
PARTS = {"detail.html", "members.html", "sync.html"}
"""What stands within a page; every other template is a whole one."""


def wanted_part(request: Request) -> str:
    """Return the id of the part of a page that is wanted, because the rest is there already; else nothing."""
    if request.headers.get("hx-request") != "true":
        return ""
    return request.headers.get("hx-target", "").rpartition("#")[2]


def render(
    request: Request, template: str, visit: Visit | None = None, status: int = 200, **shown: Any
) -> HTMLResponse:
    """Return a page; `visit` is there when somebody is logged in."""
    language = language_of(request)
    context = {
        "language": language,
        "languages": NAMES,
        "theme": theme_of(request),
        "status": status,
        "visit": visit,
        "realm": visit.desk.name if visit else None,
        "here": _way_back(request, visit),
    }
    text = environment(language.code).get_template(template).render(context | shown)
    answer = HTMLResponse(text, status_code=status)
    answer.headers["Content-Security-Policy"] = content_policy(*_form_targets(visit))
    answer.headers["Content-Language"] = language.code
    # The same address answers whole or in part.
    answer.headers["Vary"] = "Cookie, Accept-Language, HX-Request"
    if wanted_part(request) and template not in PARTS:
        # What cannot be done takes the place of the page, not of the part that was asked for.
        answer.headers["HX-Retarget"] = "body"
        answer.headers["HX-Reswap"] = "innerHTML"
    return answer


def theme_of(request: Request) -> str:
    """Return what somebody chose, else what his system has."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else "auto"


def _way_back(request: Request, visit: Visit | None) -> str:
    """Return the path of the same page; an answer to a form has none, so there it is the realm's.

    Who is not logged in has none either: of a login's own address, the code is nobody's business.
    """
    if visit is None:
        return "/"
    if request.method == "GET":
        return path_of(request) + (f"?{request.url.query}" if request.url.query else "")
    return home_of(visit.desk.name)


def _form_targets(visit: Visit | None) -> list[str]:
    """Return where forms lead: a logout goes on to Keycloak."""
    if visit is None:
        return []
    try:
        return [visit.desk.provider.browser_origin]
    except KeycloakLicenseError:
        return []


@cache
def environment(code: str) -> Environment:
    """Return the templates, with the words of a language."""
    words = words_of(code)
    environment_ = Environment(
        loader=PackageLoader("keycloak_license.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment_.install_gettext_translations(words.translations, newstyle=True)  # type: ignore[attr-defined]
    # Files get new addresses with each version; which one it is concerns nobody who is not logged in.
    environment_.globals.update(version=digest(__version__)[:12], draw_bar=draw_bar)
    environment_.filters.update(
        instant=words.language.instant,
        day=words.language.day,
        number=words.language.number,
        percent=words.language.percent,
        exact=show_instant,
    )
    return environment_
