"""What somebody does at the screen: POST requests, each a plain form that this screen has shown.

In: an `Order`; out: the page with what came of it, by a redirect where something was done. Included by `app`.
Each keeps in the audit who did what.
"""

from collections import Counter
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from keycloak_license.errors import KeycloakLicenseError, NotConfirmedError
from keycloak_license.mail.wording import LANGUAGES
from keycloak_license.model.progress import Progress
from keycloak_license.model.report import SyncReport
from keycloak_license.model.seat import NO_CONSENT, Consent
from keycloak_license.model.session import AuditAction
from keycloak_license.services.licenses import LicenseImport, preview_import
from keycloak_license.services.notice_days import set_notice_days
from keycloak_license.services.overview import read_status
from keycloak_license.services.reconcile import run_once
from keycloak_license.web import imports, views
from keycloak_license.web.languages import LANGUAGE_COOKIE
from keycloak_license.web.limits import Rate
from keycloak_license.web.login import home_of, path_within
from keycloak_license.web.pages import Told, show_licenses, show_progress
from keycloak_license.web.problems import status_of
from keycloak_license.web.rendering import THEME_COOKIE, THEMES, render, wanted_part
from keycloak_license.web.security import Form, Order, limit, order, refuse_other_sites, site_of
from keycloak_license.web.sessions import PREFERENCE_LASTS, set_cookie

router = APIRouter(include_in_schema=False)
OrderParameter = Annotated[Order, Depends(order)]


@router.post("/realms/{realm}/import")
def upload(order_: OrderParameter) -> Response:
    """Show what importing a file would change; nothing is written."""
    limit(order_.site, Rate.UPLOAD, order_.session.user_id)
    if not order_.file:
        return show_licenses(order_, Told("Choose the licence file that you were sent", status=422))
    try:
        result = preview_import(order_.desk.managed, order_.file, order_.site.clock)
    except KeycloakLicenseError as error:
        return _refused(order_, AuditAction.IMPORT, error)
    return _show_preview(order_, result)


@router.post("/realms/{realm}/import/confirm")
def confirm_import(order_: OrderParameter) -> Response:
    """Import a file whose effects were shown; it replaces what was shown to be replaced, and nothing else."""
    limit(order_.site, Rate.CHANGE, order_.session.user_id)
    agreed, file = order_.fields.get("replaces", ""), order_.fields.get("license", "").encode()

    def confirm(shown: LicenseImport) -> bool:
        return views.digest_replaced(shown) == agreed

    try:
        result = imports.carry_out(order_.site, order_.desk, order_.actor, file, confirm)
    except NotConfirmedError:
        # Somebody else has imported meanwhile: what would change now is shown instead.
        return _show_preview(order_, preview_import(order_.desk.managed, file, order_.site.clock), status=409)
    except KeycloakLicenseError as error:
        return show_licenses(order_, Told(str(error), status=status_of(error)))
    return _led_back(order_, "" if result.is_known else "import")


@router.post("/realms/{realm}/sync")
def sync(order_: OrderParameter) -> Response:
    """Start a full sync."""
    limit(order_.site, Rate.CHANGE, order_.session.user_id)
    return _start(order_, AuditAction.SYNC)


@router.post("/realms/{realm}/held/confirm")
def confirm_held(order_: OrderParameter) -> Response:
    """Release what the guard held back and was shown, and nothing that it holds since."""
    limit(order_.site, Rate.CHANGE, order_.session.user_id)
    held = read_status(order_.desk.managed, order_.site.clock()).held
    if not held or views.digest_held(held) != order_.fields.get("held"):
        told = Told("The held releases are not those that were shown any more: look again", status=409)
        return show_licenses(order_, told)
    counts = Counter(each.application for each in held)
    what = ", ".join(f"{application} {count}" for application, count in sorted(counts.items()))
    confirmed = frozenset((each.application, each.user_id) for each in held)
    return _start(order_, AuditAction.CONFIRM, what, Consent(releases=confirmed))


@router.post("/realms/{realm}/settings")
def change_settings(order_: OrderParameter) -> Response:
    """Set the days in advance on which people are told that the licence expires."""
    limit(order_.site, Rate.CHANGE, order_.session.user_id)
    try:
        kept = set_notice_days(order_.desk.managed, order_.fields.get("expiry_notice_days", ""))
    except KeycloakLicenseError as error:
        return _refused(order_, AuditAction.NOTICE_DAYS, error)
    order_.desk.viewer.forget()
    order_.site.note(order_.desk.name, order_.actor, AuditAction.NOTICE_DAYS, kept)
    return _led_back(order_, "settings")


@router.post("/preferences")
def prefer(request: Request, form: Form) -> Response:
    """Keep in the browser which language and look somebody wants."""
    refuse_other_sites(request, site_of(request))
    fields, _ = form
    realm = fields.get("realm", "")
    answer = RedirectResponse(
        path_within(realm, fields.get("return_to", "")) if realm in site_of(request).desks else "/",
        status_code=303,
    )
    if fields.get("language") in LANGUAGES:
        set_cookie(answer, LANGUAGE_COOKIE, fields["language"], PREFERENCE_LASTS)
    if fields.get("theme") in THEMES:
        set_cookie(answer, THEME_COOKIE, fields["theme"], PREFERENCE_LASTS)
    return answer


def _show_preview(order_: Order, result: LicenseImport, status: int = 200) -> Response:
    return render(
        order_.request,
        "preview.html",
        order_,
        status,
        result=result,
        comparisons=views.compare(result),
        seat_changes=views.seat_changes(result),
        replaces=views.digest_replaced(result),
    )


def _start(order_: Order, action: AuditAction, what: str = "", consent: Consent = NO_CONSENT) -> Response:
    desk, site, actor = order_.desk, order_.site, order_.actor

    def work(progress: Progress) -> SyncReport:
        return run_once(desk.open_realm(progress), now=site.clock(), consent=consent)

    def done(problem: str | None) -> None:
        desk.viewer.forget()
        site.note(desk.name, actor, action, what, problem)

    is_started = desk.job.start(work, done)
    if wanted_part(order_.request) == "sync":
        return show_progress(order_)
    if not is_started:
        return show_licenses(order_, Told("A sync is running already: wait until it is done", status=409))
    return RedirectResponse(f"{home_of(desk.name)}/sync", status_code=303)


def _refused(order_: Order, action: AuditAction, error: KeycloakLicenseError) -> Response:
    order_.site.note(order_.desk.name, order_.actor, action, problem=str(error))
    return show_licenses(order_, Told(str(error), status=status_of(error)))


def _led_back(order_: Order, done: str) -> Response:
    path = f"{home_of(order_.desk.name)}?{urlencode({'done': done})}"
    return RedirectResponse(path, status_code=303)
