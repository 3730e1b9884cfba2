"""The JSON API: what the screen shows, for programs.

In: a bearer token of the realm whose user has the role; out: the documents of `services.documents`. Included
by `app`; described at ``/api/v1/openapi.json``.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from keycloak_license.errors import LicenseRefusedError, NotConfirmedError
from keycloak_license.license_file.envelope import MAX_FILE_BYTES
from keycloak_license.services.documents import (
    Document,
    explanation_document,
    import_document,
    members_document,
    status_document,
)
from keycloak_license.services.licenses import LicenseImport, preview_import
from keycloak_license.services.overview import explanation_in, members_in, read_status
from keycloak_license.web import imports, schemas
from keycloak_license.web.bearer import Caller, caller
from keycloak_license.web.limits import Rate
from keycloak_license.web.security import decoding, find_application, limit

_PROBLEM = {"model": schemas.Problem}
router = APIRouter(
    prefix="/api/v1/realms/{realm}",
    tags=["licences"],
    responses={
        401: _PROBLEM | {"description": "No access token of the realm"},
        403: _PROBLEM | {"description": "The user does not have the role manage-licenses"},
        404: _PROBLEM | {"description": "No such realm, application or user"},
        413: _PROBLEM | {"description": "Larger than a licence file can be"},
        422: _PROBLEM | {"description": "Not understood, or a licence that is refused"},
        503: _PROBLEM | {"description": "Keycloak or the database does not answer"},
    },
)
CallerParameter = Annotated[Caller, Depends(caller)]
PLAIN_TYPES = {
    "", "application/json", "application/jose", "application/octet-stream", "text/plain",
    # What curl says where it is told nothing.
    "application/x-www-form-urlencoded",
}  # fmt: skip
_FILE_BODY = {
    "requestBody": {
        "required": True,
        "description": "The licence file: as it is, as JSON, or as the field `file` of a form",
        "content": {
            "application/jose": {"schema": {"type": "string", "maxLength": MAX_FILE_BYTES}},
            "application/json": {"schema": schemas.LicenseUpload.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}


@router.get("/license", response_model=schemas.LicenseDocument)
def read_license(caller_: CallerParameter) -> Document:
    """Tell which licence counts, and what it amounts to now."""
    status = _status(caller_)
    head: Document = {name: status[name] for name in ("realm", "installation_id")}
    return {**head, **status["license"]}


@router.get("/applications", response_model=schemas.ApplicationsDocument)
def read_applications(caller_: CallerParameter) -> Document:
    """Tell the usage of every application, as of the last sync."""
    status = _status(caller_)
    return {name: status[name] for name in ("applications", "synced_at", "complete")}


@router.get("/applications/{application_id}/members", response_model=schemas.MembersDocument)
def read_members(
    caller_: CallerParameter,
    application_id: Annotated[str, Path(max_length=200)],
    state: Annotated[schemas.MemberState | None, Query(description="Only the seated or the waiting")] = None,
) -> Document:
    """Tell who has a seat of an application or waits for one, since when, and why."""
    application = find_application(caller_.desk, application_id)
    allocation, members = members_in(caller_.desk.viewer.look(caller_.site.clock()), application)
    shown = [
        member
        for member in members
        if state is None or member.claim.is_seated == (state is schemas.MemberState.SEATED)
    ]
    return members_document(application.id, allocation.limit, shown)


@router.get("/users/{user_id:path}", response_model=schemas.ExplanationDocument)
def explain(caller_: CallerParameter, user_id: Annotated[str, Path(max_length=300)]) -> Document:
    """Tell why a user, by id or username, has, waits for or does not need each seat."""
    managed = caller_.desk.managed
    user = managed.keycloak.find_user(user_id)
    if user is None:
        raise HTTPException(404)
    view = caller_.desk.viewer.look(caller_.site.clock())
    return explanation_document(explanation_in(view, managed.applications, user))


async def read_file(request: Request) -> bytes:
    """Return the licence file that a request carries in any of three forms."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        with decoding():
            async with request.form(max_files=1, max_fields=5) as form:
                file = form.get("file")
                if isinstance(file, UploadFile):
                    return await file.read(MAX_FILE_BYTES + 1)
        raise LicenseRefusedError("The form has no file: send the licence file as its field `file`")
    if kind not in PLAIN_TYPES:
        raise HTTPException(415)
    body = await request.body()
    if kind == "application/json":
        try:
            return schemas.LicenseUpload.model_validate_json(body).license.encode()
        except ValidationError as error:
            raise LicenseRefusedError(
                'The JSON is not {"license": …} with the content of a licence file: correct it'
            ) from error
    return body


@router.post(
    "/license",
    response_model=schemas.ImportedDocument,
    openapi_extra=_FILE_BODY,
    responses={
        400: _PROBLEM | {"description": "The form is damaged, or has more than a file"},
        409: _PROBLEM | {"description": "It would replace another licence: ask for it with replace=true"},
        415: _PROBLEM | {"description": "Sent in a form that is not understood"},
        429: _PROBLEM | {"description": "Too often"},
    },
)
def import_file(
    caller_: CallerParameter,
    file: Annotated[bytes, Depends(read_file)],
    replace: Annotated[bool, Query(description="Take the licence in force out of force")] = False,  # noqa: FBT002
    dry_run: Annotated[bool, Query(description="Only tell what would change")] = False,  # noqa: FBT002
) -> Document:
    """Import a licence file and sync."""
    limit(caller_.site, Rate.UPLOAD, caller_.actor.user_id)
    if dry_run:
        result = preview_import(caller_.desk.managed, file, caller_.site.clock)
    else:
        result = _import(caller_, file, is_replacing=replace)
    return import_document(result) | {"dry_run": dry_run}


def _import(caller_: Caller, file: bytes, *, is_replacing: bool) -> LicenseImport:
    try:
        return imports.carry_out(caller_.site, caller_.desk, caller_.actor, file, lambda _: is_replacing)
    except NotConfirmedError as error:
        raise HTTPException(409, f"{error}, here by replace=true") from error


def _status(caller_: Caller) -> dict[str, Any]:
    return status_document(read_status(caller_.desk.managed, caller_.site.clock()))
