"""What went wrong, as an answer: a page for people, JSON for programs.

In: the errors of everything below; out: a status and one sentence, never a trace. Installed by `app`.
"""

from urllib.parse import urlencode

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keycloak_license.errors import (
    AuthenticationError,
    ConfigurationError,
    KeycloakLicenseError,
    LicenseRefusedError,
    RealmNotFoundError,
)
from keycloak_license.web import sessions
from keycloak_license.web.login import home_of
from keycloak_license.web.oidc import LoginRefusedError
from keycloak_license.web.rendering import render
from keycloak_license.web.security import ForgedRequestError, TooOftenError, path_of
from keycloak_license.web.sessions import NoRoleError, NoSessionError

log = structlog.get_logger()

API = "/api/"
SENTENCES = {
    400: "This request cannot be understood",
    404: "There is no such page",
    405: "This cannot be done here",
    413: "This is too large: a licence file has 64 KiB at the most",
    415: "This is sent in a form that is not understood here",
}


class UnauthorizedError(Exception):
    """A program brought no token, or one that does not count."""


class FaultsAnswered:
    """Answers what nobody expected; inside of what adds the headers, which Starlette's own way is not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; a fault after the answer has begun cuts it off."""
        has_begun = False

        async def send_noticed(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_noticed)
        except ClientDisconnect:
            log.debug("request_broken_off")
        except Exception as error:
            if has_begun or scope["type"] != "http":
                raise
            await _confess(Request(scope, receive), error)(scope, receive, send)


def status_of(error: KeycloakLicenseError) -> int:
    """Return the HTTP status of an error."""
    match error:
        case LoginRefusedError():
            return 400
        case AuthenticationError() | RealmNotFoundError():
            # Ours, and not that of whoever asks.
            return 503
        case LicenseRefusedError() | ConfigurationError():
            return 422
        case _:
            return 503


def install(app: FastAPI) -> None:
    """Let the application answer every error."""
    app.add_exception_handler(NoSessionError, _send_to_login)
    app.add_exception_handler(NoRoleError, _refuse_role)
    app.add_exception_handler(ForgedRequestError, _refuse_forged)
    app.add_exception_handler(TooOftenError, _let_wait)
    app.add_exception_handler(UnauthorizedError, _ask_for_token)
    app.add_exception_handler(KeycloakLicenseError, _explain)
    app.add_exception_handler(HTTPException, _explain_status)
    app.add_exception_handler(RequestValidationError, _explain_invalid)


def answer_problem(request: Request, status: int, problem: str) -> Response:
    """Return one sentence, as whoever asks can read it."""
    if path_of(request).startswith(API):
        return JSONResponse({"detail": problem}, status_code=status)
    return render(request, "problem.html", None, status, problem=problem)


def _send_to_login(request: Request, _: Exception) -> Response:
    realm = request.path_params["realm"]
    home = home_of(realm)
    wanted = path_of(request) if request.method == "GET" else home
    address = request.app.state.site.address.public_url
    login = f"{address}{home}/login?{urlencode({'return_to': wanted})}"
    if request.headers.get("hx-request") == "true":
        return Response(headers={"HX-Redirect": login})
    return RedirectResponse(login, status_code=303)


def _refuse_role(request: Request, error: Exception) -> Response:
    log.warning("person_refused", route=_route(request), reason="no role")
    if path_of(request).startswith(API):
        return answer_problem(request, 403, "This user does not have the role manage-licenses")
    username = error.username if isinstance(error, NoRoleError) else ""
    answer = render(
        request,
        "no_role.html",
        None,
        403,
        username=username,
        login=f"{home_of(request.path_params['realm'])}/login?again=1",
    )
    sessions.drop_cookie(answer, sessions.SESSION_COOKIE)
    sessions.drop_cookie(answer, sessions.LOGIN_COOKIE)
    return answer


def _refuse_forged(request: Request, _: Exception) -> Response:
    log.warning("forged_request_refused", route=_route(request))
    return answer_problem(request, 403, "This form is not from this page, or too old: open the page again")


def _let_wait(request: Request, error: Exception) -> Response:
    seconds = error.seconds if isinstance(error, TooOftenError) else 60
    log.warning("person_slowed_down", route=_route(request))
    answer = answer_problem(request, 429, "This was done too often: wait a minute and try again")
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _ask_for_token(request: Request, error: Exception) -> Response:
    log.warning("token_refused", route=_route(request), error=str(error))
    return JSONResponse(
        {"detail": str(error)},
        status_code=401,
        headers={"WWW-Authenticate": 'Bearer realm="keycloak-license"'},
    )


def _explain(request: Request, error: Exception) -> Response:
    status = status_of(error) if isinstance(error, KeycloakLicenseError) else 500
    if status >= 500:
        log.warning("request_not_answered", route=_route(request), error=str(error))
    elif isinstance(error, LoginRefusedError):
        log.warning("login_refused", route=_route(request), error=str(error))
    answer = answer_problem(request, status, str(error))
    if status == 503:
        answer.headers["Retry-After"] = "10"
    return answer


def _explain_status(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return _confess(request, error)
    answer = answer_problem(request, error.status_code, SENTENCES.get(error.status_code, error.detail))
    answer.headers.update(error.headers or {})
    if "allow" in answer.headers:
        answer.headers["Allow"] = _methods_at(request)
    return answer


def _methods_at(request: Request) -> str:
    """Return what can be done at a path; Starlette names what the first of its routes does."""
    scope = {**request.scope, "root_path": request.scope.get("app_root_path", request.scope["root_path"])}
    return ", ".join(
        method
        for method in ("GET", "POST")
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    )


def _explain_invalid(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    what = "; ".join(f"{'.'.join(str(each) for each in one['loc'])}: {one['msg']}" for one in found[:5])
    return answer_problem(request, 422, f"This request cannot be understood ({what})")


def _confess(request: Request, error: Exception) -> Response:
    log.error("request_crashed", route=_route(request), error_type=type(error).__name__, exc_info=error)
    return answer_problem(request, 500, f"This is a fault of keycloak-license ({type(error).__name__})")


def _route(request: Request) -> str:
    """Return what kind of address it was: the address itself may name people."""
    return str(getattr(request.scope.get("route"), "path", ""))
