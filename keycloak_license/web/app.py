"""The application: every route, behind everything that keeps others out.

In: a `Site`; out: an ASGI application. Made by `server`, and by tests.
"""

from importlib.resources import files

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from keycloak_license.web import actions, api, login, pages, problems
from keycloak_license.web.bearer import Managers
from keycloak_license.web.security import BodyCap, SecureHeaders
from keycloak_license.web.site import Site


class VersionedFiles(StaticFiles):
    """Files whose address changes with the version, so that browsers may keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with a file."""
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "public, max-age=86400"
        return answer


def create_app(site: Site) -> FastAPI:
    """Return the screen and the API of a site."""
    app = FastAPI(
        title="keycloak-license",
        version="1",
        description="Licences and seats of the applications behind a Keycloak realm.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        # It would lead to whatever host a request names.
        redirect_slashes=False,
    )
    app.state.site = site
    app.state.managers = Managers()
    for module in (login, pages, actions, api):
        app.include_router(module.router)
    static = files("keycloak_license.web") / "static"
    app.mount("/static", VersionedFiles(directory=str(static)), name="static")
    problems.install(app)
    app.add_middleware(BodyCap)
    app.add_middleware(problems.FaultsAnswered)
    app.add_middleware(SecureHeaders, is_https=site.address.public_url.startswith("https:"))
    return app
