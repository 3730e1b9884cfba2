"""What the screen shows: GET requests, which change nothing.

In: a `Visit`; out: whole pages, or the part that htmx asks for. Included by `app`; `actions` shows the same
page with what came of an order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from keycloak_license.errors import KeycloakLicenseError
from keycloak_license.license_file.activation import ActivationKey
from keycloak_license.model.application import Application
from keycloak_license.model.attributes import EXPIRY_NOTICE_DAYS
from keycloak_license.model.seat import Allocation
from keycloak_license.plan.usage_history import UsagePoint
from keycloak_license.services.activation import find_inactive
from keycloak_license.services.member_list import members_csv
from keycloak_license.services.overview import (
    Member,
    explanation_in,
    list_all_licenses,
    members_in,
    read_status,
)
from keycloak_license.services.usage_history import read_usage_history
from keycloak_license.web import sessions, views
from keycloak_license.web.chart import ChartWords, draw_usage
from keycloak_license.web.languages import language_of, words_of
from keycloak_license.web.login import home_of
from keycloak_license.web.rendering import render, wanted_part
from keycloak_license.web.security import Visit, find_application, site_of, visit
from keycloak_license.web.views import PAGE_SIZES, MemberOrder, MemberQuery

router = APIRouter(include_in_schema=False)
VisitParameter = Annotated[Visit, Depends(visit)]

CHART_SPAN = timedelta(days=90)
AUDIT_SHOWN = 20
MAX_SEARCH = 200
MAX_USER_ID = 300


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody is told above a page, because of what he has just done."""

    problem: str | None = None
    done: str = ""
    """A word that the template knows."""
    status: int = 200


NOTHING_TOLD = Told()


@router.get("/")
def home(request: Request) -> Response:
    """Show the realms, or lead on who is logged in already."""
    site = site_of(request)
    session = sessions.find(site, request)
    if session is not None and session.realm in site.desks:
        return RedirectResponse(home_of(session.realm), status_code=303)
    return render(request, "home.html", realms=[(name, home_of(name)) for name in site.desks])


@router.get("/realms/{realm}")
def licenses(visit_: VisitParameter, done: str = "") -> Response:
    """Show licence and usage."""
    return show_licenses(visit_, Told(done=done))


@router.get("/realms/{realm}/applications/{application_id}")
def detail(visit_: VisitParameter, application_id: str) -> Response:
    """Show who consumes the seats of an application, in the Detail pane."""
    application = find_application(visit_.desk, application_id)
    part = wanted_part(visit_.request)
    shown = _members(visit_, application)
    if part == "members":
        return render(visit_.request, "members.html", visit_, **shown)
    shown |= {"chart": _chart(visit_, application)}
    if part == "detail":
        return render(visit_.request, "detail.html", visit_, **shown)
    return show_licenses(visit_, NOTHING_TOLD, **shown)


@router.get("/realms/{realm}/applications/{application_id}/members.csv")
def members_file(visit_: VisitParameter, application_id: str) -> Response:
    """Give the members that are looked at, all pages, as CSV."""
    application = find_application(visit_.desk, application_id)
    _, members = _look(visit_, application)
    found = views.find_members(members, _member_query(visit_.request))
    return Response(
        members_csv(found),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="members-{application.id}.csv"'},
    )


@router.get("/realms/{realm}/users/{user_id:path}")
def user(visit_: VisitParameter, user_id: Annotated[str, Path(max_length=MAX_USER_ID)]) -> Response:
    """Show how a user, by id or username, stands with each application, why, and what would change that."""
    managed = visit_.desk.managed
    found = managed.keycloak.find_user(user_id)
    if found is None:
        raise HTTPException(404)
    view = visit_.desk.viewer.look(visit_.site.clock())
    explanation = explanation_in(view, managed.applications, found)
    return render(visit_.request, "user.html", visit_, explanation=explanation)


@router.get("/realms/{realm}/sync")
def sync_progress(visit_: VisitParameter) -> Response:
    """Show how far the sync is that was asked for here; the whole page anew once it is done."""
    if wanted_part(visit_.request) != "sync":
        return show_licenses(visit_, Told(done="sync"))
    return show_progress(visit_)


def show_progress(visit_: Visit) -> Response:
    """Return how far the sync is, as the part of the page that tells it."""
    state = visit_.desk.job.state
    if not state.is_running:
        return Response(headers={"HX-Redirect": f"{home_of(visit_.desk.name)}?done=sync"})
    return render(visit_.request, "sync.html", visit_, job=state)


def show_licenses(visit_: Visit, told: Told, **shown: Any) -> Response:
    """Return the License Management page; `shown` is the Detail pane, where it is open."""
    desk, now = visit_.desk, visit_.site.clock()
    report = read_status(desk.managed, now)
    listed = list_all_licenses(desk.managed, now)
    rows, history = views.license_rows(report, listed, now)
    context: dict[str, Any] = {
        "told": told,
        "report": report,
        "rows": rows,
        "history": history,
        "beside": views.usages_beside(report, rows),
        "activation_key": _activation_key(visit_),
        "held_digest": views.digest_held(report.held),
        "job": desk.job.state,
        "notice_days": _notice_days(visit_),
        "audit": visit_.site.audit.read(desk.name, AUDIT_SHOWN),
        "application": None,
    }
    return render(visit_.request, "licenses.html", visit_, told.status, **(context | shown))


def _activation_key(visit_: Visit) -> str | None:
    """Return the key of the licence that waits for its activation; None where none does."""
    try:
        license_, activation = find_inactive(visit_.desk.managed, visit_.site.clock())
    except KeycloakLicenseError:
        return None
    key = ActivationKey(license_.number, license_.issue, activation.installation_id, activation.realm_id)
    return key.to_text()


def _notice_days(visit_: Visit) -> tuple[str, str] | None:
    """Return the realm's own days and those that count without; None when Keycloak does not tell."""
    managed = visit_.desk.managed
    default = ", ".join(str(days) for days in managed.notice_terms.expiry_days)
    try:
        return managed.keycloak.read_attributes().get(EXPIRY_NOTICE_DAYS, ""), default
    except KeycloakLicenseError:
        return None


def _look(visit_: Visit, application: Application) -> tuple[Allocation, list[Member]]:
    return members_in(visit_.desk.viewer.look(visit_.site.clock()), application)


def _members(visit_: Visit, application: Application) -> dict[str, Any]:
    home = f"{home_of(visit_.desk.name)}/applications/{quote(application.id, safe='')}"
    query = _member_query(visit_.request)
    try:
        allocation, members = _look(visit_, application)
    except KeycloakLicenseError as error:
        shown: dict[str, Any] = {"allocation": None, "members": None, "problem": str(error)}
    else:
        shown = {"allocation": allocation, "members": views.cut_page(members, query), "problem": None}
    return shown | {"application": application, "application_path": home, "page_sizes": PAGE_SIZES}


def _member_query(request: Request) -> MemberQuery:
    """Return what somebody wants to see; what cannot be understood counts as not said."""
    given = request.query_params
    order, size, page = given.get("sort", ""), given.get("size", ""), given.get("page", "")
    return MemberQuery(
        search=given.get("search", "").strip()[:MAX_SEARCH],
        state=given.get("state", "") if given.get("state") in {"seated", "waiting"} else "",
        order=MemberOrder(order) if order in set(MemberOrder) else MemberOrder.STATE,
        is_descending=given.get("direction") == "descending",
        page=max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 8 else 1,
        size=int(size) if size in {str(each) for each in PAGE_SIZES} else PAGE_SIZES[0],
    )


def _chart(visit_: Visit, application: Application) -> Markup:
    """Return the usage of the last months."""
    managed, now = visit_.desk.managed, visit_.site.clock()
    points = _since_anything(read_usage_history(managed, application.id, now, now - CHART_SPAN))
    language = language_of(visit_.request)
    gettext = words_of(language.code).translations.ugettext
    last, peak = points[-1], max(points, key=lambda point: point.used)
    limit = gettext("unlimited") if last.limit is None else language.number(last.limit)
    words = ChartWords(
        title=gettext("Usage of %(name)s over time") % {"name": application.name},
        description=gettext("Now %(used)s used, limit %(limit)s; the most was %(peak)s on %(day)s.")
        % {
            "used": language.number(last.used),
            "limit": limit,
            "peak": language.number(peak.used),
            "day": language.day(peak.at.astimezone(managed.zone).date()),
        },
        used=gettext("Used"),
        limit=gettext("Limit"),
    )
    return draw_usage(points, now.astimezone(managed.zone), words, language)


def _since_anything(points: Sequence[UsagePoint]) -> Sequence[UsagePoint]:
    """Return the points from a day before there was anything to show."""
    first, *later = points
    if not later or first.used or first.limit != 0:
        return points
    return (replace(first, at=max(first.at, later[0].at - timedelta(days=1))), *later)
