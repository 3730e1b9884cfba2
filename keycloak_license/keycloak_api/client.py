"""One session with Keycloak's Admin REST API.

In: paths and parameters; out: checked models of `wire`, or an error of `errors`. Called by the other
modules of this room. Retries with a bound what may pass by itself.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import requests
import stamina
from keycloak import KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakError
from pydantic import TypeAdapter, ValidationError

from keycloak_license.errors import (
    InterruptedSyncError,
    NotThereError,
    RequestTimeoutError,
    UnavailableError,
    UnexpectedAnswerError,
)
from keycloak_license.keycloak_api.answers import (
    Access,
    Call,
    explain_failure,
    explain_login_failure,
    explain_status,
    not_keycloak,
)

PAGE_SIZE = 5000
SMALLEST_PAGE = 100


class Entry(Protocol):
    """Anything that Keycloak lists in pages."""

    @property
    def id(self) -> str:
        """Keycloak's id."""


T = TypeVar("T")
E = TypeVar("E", bound=Entry)
Param = str | int


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently a failed request is repeated."""

    attempts: int = 4
    wait_initial_seconds: float = 0.2
    wait_max_seconds: float = 5.0
    wait_jitter_seconds: float = 0.2


class KeycloakClient:
    """Speaks about one realm."""

    def __init__(
        self,
        access: Access,
        realm: str,
        *,
        retry: RetryPolicy | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.access = access
        self.realm = realm
        self.requests_made = 0
        """Every request so far, those for tokens included."""
        self.server_time: datetime | None = None
        """Keycloak's clock at the last login: the token's ``iat``, for it sends no Date header."""
        self._retry = retry or RetryPolicy()
        self._should_stop = should_stop
        self._session = _Session(access)

    def get(self, path: str, shape: TypeAdapter[T], **params: Param) -> T:
        """Return what Keycloak has at a path below the realm.

        Raises any of `UnavailableError` with its subclasses, `MissingRightError`,
        `AuthenticationError`, `RealmNotFoundError`.
        """
        call = Call(self.access, self.realm, "get", path)
        return self._with_retries(lambda: _parse(call, self._send(call, params), shape))

    def pages(self, path: str, shape: TypeAdapter[list[E]], **params: Param) -> Iterator[list[E]]:
        """Yield the entries of a long list, each id once; the same errors as `get`.

        Keycloak may filter after it has cut a page, so a short page is not the last one: an empty one
        is (or one with nothing new, from an endpoint that ignores paging). A page that takes too long
        is asked for again at half its size.
        """
        first, size = 0, PAGE_SIZE
        seen: set[str] = set()
        while True:
            try:
                page = self.get(path, shape, **params, first=first, max=size)
            except RequestTimeoutError:
                if size <= SMALLEST_PAGE:
                    raise
                size //= 2
                continue
            fresh = list({entry.id: entry for entry in page if entry.id not in seen}.values())
            if not fresh:
                return
            seen.update(entry.id for entry in fresh)
            first += size
            yield fresh

    def put(self, path: str, body: Mapping[str, Any]) -> None:
        """Replace what is at a path; the same errors as `get`."""
        call = Call(self.access, self.realm, "put", path)
        self._with_retries(lambda: self._send(call, {}, body))

    def post(self, path: str, body: Any, shape: TypeAdapter[T], **params: Param) -> T:
        """Post and return the answer; only for calls that may be repeated."""
        call = Call(self.access, self.realm, "post", path)
        return self._with_retries(lambda: _parse(call, self._send(call, params, body), shape))

    def create(self, path: str, body: Any) -> None:
        """Make something new; also raises `AlreadyThereError`."""
        call = Call(self.access, self.realm, "post", path)
        self._with_retries(lambda: self._send(call, {}, body))

    def check(self, path: str, body: Any) -> None:
        """Post something that only asks; a refusal is `UnexpectedAnswerError` and is not repeated."""
        call = Call(self.access, self.realm, "post", path)
        self._send(call, {}, body)

    def delete(self, path: str, body: Any = None) -> None:
        """Take something away; the same errors as `get`."""
        call = Call(self.access, self.realm, "delete", path)
        self._with_retries(lambda: self._send(call, {}, body))

    def _with_retries(self, act: Callable[[], T]) -> T:
        policy = self._retry
        attempts = stamina.retry_context(
            on=_backoff,
            attempts=policy.attempts,
            timeout=None,
            wait_initial=policy.wait_initial_seconds,
            wait_max=policy.wait_max_seconds,
            wait_jitter=policy.wait_jitter_seconds,
        )
        for attempt in attempts:
            with attempt:
                return act()
        raise AssertionError("unreachable: the last attempt raises")

    def _send(self, call: Call, params: Mapping[str, Param], body: Any = None) -> requests.Response:
        if self._should_stop():
            raise InterruptedSyncError(f"Stopped as told before {call}; the next sync goes on from here")
        if not call.path_segments.isdisjoint({".", ".."}):
            raise NotThereError(
                f"{call} cannot be asked, because a name in it is a step in a path: rename what is called so"
            )
        try:
            response = self._session.send(call, params, None if body is None else json.dumps(body))
        finally:
            self.requests_made = self._session.requests_made
            self.server_time = self._session.server_time
        if not response.ok:
            raise explain_status(call, response)
        return response


class _Session(KeycloakOpenIDConnection):
    """python-keycloak's connection (token, renewal, one re-login on 401), with requests counted."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.requests_made = 0
        self.server_time: datetime | None = None
        super().__init__(
            server_url=access.url.rstrip("/") + "/",
            username=access.username,
            password=access.password,
            client_id=access.client_id,
            client_secret_key=access.client_secret,
            realm_name=access.auth_realm,
            user_realm_name=access.auth_realm,
            timeout=access.timeout_seconds,
            verify=access.verify_tls,
            max_retries=0,
        )

    def get_token(self) -> None:
        """Log in; a failed login has its own sentences."""
        self.requests_made += 1
        try:
            super().get_token()
            self.server_time = _issued_at((self.token or {})["access_token"])
        except KeycloakError as error:
            raise explain_login_failure(self.access, error) from error
        except (KeyError, TypeError, ValueError) as error:
            raise not_keycloak(self.access, "its login answers without a token") from error

    def send(self, call: Call, params: Mapping[str, Param], body: str | None) -> requests.Response:
        """Send one request, with its own errors when no response comes."""
        below_admin = call.path if call.path.startswith("/") else f"/realms/{call.realm}/{call.path}"
        url = "admin" + below_admin.rstrip("/")
        self.requests_made += 1
        try:
            match call.method:
                case "get":
                    return self.raw_get(url, **params)
                case "put":
                    return self.raw_put(url, body, **params)
                case "post":
                    return self.raw_post(url, body, **params)
                case _:
                    return self.raw_delete(url, body, **params)
        except KeycloakError as error:
            raise explain_failure(self.access, error) from error


def _issued_at(token: str) -> datetime | None:
    """Return when Keycloak made a token; None when it is not a JWT, which we do not depend on.

    Only the time is taken from it, so nothing is verified.
    """
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return datetime.fromtimestamp(claims["iat"], UTC)
    except (IndexError, KeyError, TypeError, ValueError):
        return None


def _backoff(error: Exception) -> bool | float:
    """Decide whether a failed request is repeated; a timed out one is not, its page is halved instead."""
    if not isinstance(error, UnavailableError) or isinstance(error, RequestTimeoutError | NotThereError):
        return False
    return True if error.retry_after_seconds is None else error.retry_after_seconds


def _parse(call: Call, response: requests.Response, shape: TypeAdapter[T]) -> T:
    """Check type and shape: a proxy's page or a cut body must never look like an empty list."""
    content_type = response.headers.get("Content-Type", "none")
    if "json" not in content_type:
        raise not_keycloak(call.access, f"{call} answered with content type {content_type.split(';')[0]}")
    try:
        return shape.validate_json(response.content)
    except ValidationError as error:
        raise UnexpectedAnswerError(
            f"Keycloak at {call.access.url} answered {call} with JSON that is cut or of another shape "
            f"({error.error_count()} faults): look into its log for a time-out, or check its version"
        ) from error
