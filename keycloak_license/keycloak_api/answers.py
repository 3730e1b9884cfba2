"""What an answer of Keycloak, or the lack of one, means for us.

In: responses and exceptions of python-keycloak and requests; out: errors of `errors`, each one sentence.
Called by `client` only.
"""

import math
import re
from dataclasses import dataclass, field

import requests
from keycloak.exceptions import KeycloakError
from pydantic import ValidationError
from urllib3.exceptions import ReadTimeoutError

from keycloak_license.errors import (
    AlreadyThereError,
    AuthenticationError,
    CutAnswerError,
    KeycloakLicenseError,
    MissingRightError,
    NotThereError,
    RealmNotFoundError,
    RejectedRequestError,
    RequestTimeoutError,
    UnavailableError,
    UnexpectedAnswerError,
    UnreachableError,
)

MAX_RETRY_AFTER_SECONDS = 30.0

_ERROR_MESSAGE = re.compile(r'"(?:errorMessage|error)"\s*:\s*"([A-Za-z0-9 .,_-]{1,100})"')

_READ_RIGHTS = {
    "users": "view-users",
    "groups": "view-users",
    "clients": "view-clients",
    "admin-events": "view-events",
    "events": "view-events",
    "identity-provider": "view-identity-providers",
}
_WRITE_RIGHTS = {
    "users": "manage-users",
    "groups": "manage-users",
    "sessions": "manage-users",
    "clients": "manage-clients",
    "client-scopes": "manage-clients",
    "identity-provider": "manage-identity-providers",
}


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach Keycloak and who we are there."""

    url: str
    auth_realm: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_seconds: int = 60
    verify_tls: bool | str = True

    @property
    def who(self) -> str:
        """Whom Keycloak knows us as, for sentences."""
        return f"user {self.username}" if self.username else f"client {self.client_id}"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, for sentences about it."""

    access: Access
    realm: str
    method: str
    path: str
    """Below the realm; starts with a slash when it is below ``/admin`` instead."""

    @property
    def path_segments(self) -> set[str]:
        """The parts of the path; every HTTP library would take `..` for a step up."""
        return set(self.path.split("/"))

    def __str__(self) -> str:
        """Tell what was asked, without the name of a person."""
        path = re.sub(r"^users/(?!(?:[0-9a-f-]{36}|count|profile)(?:/|$))[^/]+", "users/…", self.path)
        shown = f"/admin{path}" if path.startswith("/") else f"/admin/realms/{self.realm}/{path}"
        return f"{self.method.upper()} {shown.rstrip('/')}"


def explain_status(call: Call, response: requests.Response) -> KeycloakLicenseError:
    """Return the error that a response with a failing status is."""
    match response.status_code:
        case 401:
            return AuthenticationError(
                f"Keycloak at {call.access.url} no longer accepts the token of {call.access.who}: "
                "check that the client is enabled and run the command again"
            )
        case 403:
            return MissingRightError(explain_missing_right(call))
        case 404 if "json" not in response.headers.get("Content-Type", ""):
            return not_keycloak(call.access, f"{call} answered 404 with a page")
        case 404 if call.path == "" or "Realm not found" in response.text:
            return realm_not_found(call.access, call.realm)
        case 404:
            return NotThereError(f"Keycloak at {call.access.url} has nothing at {call}")
        case 409:
            return AlreadyThereError(f"Keycloak at {call.access.url} already has what {call} should make")
        case 504:
            return RequestTimeoutError(
                f"A proxy at {call.access.url} did not wait for Keycloak's answer to {call} (504): "
                "raise its time-out"
            )
        case status if status == 429 or status >= 500:
            error = UnavailableError(
                f"Keycloak at {call.access.url} answered {call} with status {status}: "
                "look into its log, or try again later"
            )
            error.retry_after_seconds = retry_after(response)
            return error
        case status:
            return RejectedRequestError(
                f"Keycloak at {call.access.url} answered {call} with status {status}{_own_words(response)}, "
                "which means that this program and the server do not understand each other: check the "
                "server's version"
            )


def _own_words(response: requests.Response) -> str:
    """Return what Keycloak says itself about a refusal, as far as it fits into a sentence."""
    found = _ERROR_MESSAGE.search(response.text)
    return f" ({found[1].rstrip('.')})" if found else ""


def explain_missing_right(call: Call) -> str:
    """Return the sentence that names the role which would have allowed a call."""
    head, *rest = call.path.split("/")
    if call.method == "get":
        right = (
            "view-users" if rest and rest[-1] in {"users", "groups"} else _READ_RIGHTS.get(head, "view-realm")
        )
    else:
        right = _WRITE_RIGHTS.get(head, "manage-realm")
    return (
        f"Keycloak refused {call} (403): give {call.access.who} the role {right} of client "
        f"{rights_client(call.access.auth_realm, call.realm)} in realm {call.access.auth_realm}, "
        "or run keycloak-license init"
    )


def rights_client(auth_realm: str, realm: str) -> str:
    """Return the client whose roles are the rights over a realm.

    Keycloak keeps them in the realm itself as ``realm-management``, and once more in the master realm as
    ``<realm>-realm``.
    """
    return f"{realm}-realm" if auth_realm == "master" else "realm-management"


def explain_failure(access: Access, error: KeycloakError) -> KeycloakLicenseError:
    """Return what it means that no response came."""
    cause = error.__cause__
    if _is_stalled(cause):
        return RequestTimeoutError(
            f"Keycloak at {access.url} did not answer within {access.timeout_seconds} seconds: "
            "look at its load, or raise keycloak.timeout_seconds"
        )
    if isinstance(cause, requests.exceptions.SSLError):
        if "certificate" not in str(cause).lower():
            return UnreachableError(
                f"What listens at {access.url} does not speak TLS as it should: check whether "
                "keycloak.url is http rather than https"
            )
        return UnreachableError(
            f"The certificate of Keycloak at {access.url} is not trusted: "
            "set keycloak.verify_tls to the file of its CA"
        )
    if isinstance(cause, requests.exceptions.TooManyRedirects):
        return UnreachableError(
            f"{access.url} redirects to another address: set keycloak.url to the address it leads to "
            "(https, for example)"
        )
    if isinstance(cause, requests.exceptions.ConnectTimeout):
        why = "the connection timed out"
    elif "NameResolutionError" in str(cause):
        why = "its host name is not known"
    elif isinstance(cause, requests.exceptions.ConnectionError):
        why = "the connection was refused or cut"
    else:
        why = type(cause or error).__name__
    return UnreachableError(
        f"Keycloak at {access.url} cannot be reached ({why}): check keycloak.url and that the server is up"
    )


def explain_login_failure(
    access: Access, error: KeycloakError, retry_after_seconds: float | None = None
) -> KeycloakLicenseError:
    """Return what it means that Keycloak gave us no token."""
    status = error.response_code
    if status is None:
        failure = explain_failure(access, error)
        # A login that takes too long is no reason for smaller pages.
        return UnreachableError(str(failure)) if isinstance(failure, RequestTimeoutError) else failure
    if status == 404 and not (error.response_body or b"").lstrip().startswith(b"{"):
        return not_keycloak(access, "its login answers 404 with a page")
    if status == 404:
        return realm_not_found(access, access.auth_realm)
    if status in {400, 401, 403}:
        return AuthenticationError(
            f"Keycloak at {access.url} refused the login of {access.who} in realm {access.auth_realm} "
            f"({_oauth_error(error)}): {_login_advice(access, error)}"
        )
    unavailable = UnavailableError(
        f"Keycloak at {access.url} answered the login with status {status}: look into its log, and check "
        "that keycloak.url leads to Keycloak"
    )
    unavailable.retry_after_seconds = retry_after_seconds
    return unavailable


def realm_not_found(access: Access, realm: str) -> RealmNotFoundError:
    """Return the error for a realm that the server does not have."""
    return RealmNotFoundError(
        f"Keycloak at {access.url} has no realm {realm}: check the path of keycloak.url, "
        "keycloak.auth_realm and the names under realms"
    )


def not_keycloak(access: Access, what: str) -> UnexpectedAnswerError:
    """Return the error for an answer that Keycloak would not give."""
    return UnexpectedAnswerError(
        f"What answers at {access.url} is not Keycloak's Admin API ({what}): check keycloak.url, "
        "its path prefix and any proxy in between"
    )


def explain_shape(call: Call, error: ValidationError) -> KeycloakLicenseError:
    """Return the error for JSON that is not what was asked for."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if call.path == "" and any(fault["loc"] == ("id",) and fault["type"] == "missing" for fault in faults):
        # Keycloak shows a caller without view-realm little more than the realm's name.
        return MissingRightError(explain_missing_right(call))
    is_cut = any(fault["type"] == "json_invalid" for fault in faults)
    kind = CutAnswerError if is_cut else UnexpectedAnswerError
    return kind(
        f"Keycloak at {call.access.url} answered {call} with JSON that is cut or of another shape "
        f"({len(faults)} faults): look into its log for a time-out, or check its version"
    )


def _is_stalled(cause: BaseException | None) -> bool:
    """Whether the time-out struck, before the first byte or in the middle of the body."""
    if isinstance(cause, requests.exceptions.ReadTimeout):
        return True
    is_cut = isinstance(cause, requests.exceptions.ConnectionError) and bool(cause.args)
    return is_cut and isinstance(cause.args[0], ReadTimeoutError) if cause else False


def _login_advice(access: Access, error: KeycloakError) -> str:
    body = (error.response_body or b"").decode(errors="replace")
    if "Realm not enabled" in body:
        return f"enable realm {access.auth_realm}, which is disabled"
    if access.username:
        return "check password"
    if "service account" in body:
        return "let the client have a service account, or run keycloak-license init"
    if "invalid_client" in body:
        return "check keycloak.client_id, that the client is enabled, and keycloak.client_secret"
    return "check keycloak.client_secret"


def _oauth_error(error: KeycloakError) -> str:
    body = (error.response_body or b"").decode(errors="replace")
    for code in ("invalid_client", "unauthorized_client", "invalid_grant", "invalid_request"):
        if code in body:
            return code
    return f"status {error.response_code}"


def retry_after(response: requests.Response) -> float | None:
    """Return how many seconds a server asks us to wait, bounded; None when it does not."""
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS) if math.isfinite(seconds) else None
