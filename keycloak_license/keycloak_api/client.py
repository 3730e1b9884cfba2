"""One session with Keycloak's Admin REST API.

In: paths and parameters; out: checked models of `wire`, or an error of `errors`. Called by the other
modules of this room. Retries with a bound what may pass by itself.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol, Self, TypeVar

import requests
import stamina
from pydantic import TypeAdapter, ValidationError

from keycloak_license.errors import (
    AlreadyThereError,
    CutAnswerError,
    InterruptedSyncError,
    NotThereError,
    RequestTimeoutError,
    UnavailableError,
    UnexpectedAnswerError,
    UnreachableError,
)
from keycloak_license.keycloak_api.answers import Access, Call, explain_shape, explain_status, not_keycloak
from keycloak_license.keycloak_api.session import Session, uncounted

PAGE_SIZE = 5000
PAGES_AT_ONCE = 2
"""In a long list. On two cores Keycloak answers them in two thirds of the time; more at once gain little."""
SMALLEST_PAGE = 100


class Entry(Protocol):
    """Anything that Keycloak lists in pages."""

    @property
    def id(self) -> str:
        """Keycloak's id."""


T = TypeVar("T")
E = TypeVar("E", bound=Entry)
Param = str | int | tuple[str, ...]
Attempt = Callable[[], AbstractContextManager[None]]


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
        on_request: Callable[[], None] = uncounted,
    ) -> None:
        """`on_request` is called for every request, those for tokens included, by any thread."""
        self.access = access
        self.realm = realm
        self._retry = retry or RetryPolicy()
        self._should_stop = should_stop
        self._on_request = on_request
        self._page_size = PAGE_SIZE
        self.knows_instants = True
        """Whether this Keycloak may be asked for events since an instant, as far as has been seen."""

    @cached_property
    def _session(self) -> Session:
        """Made when it is needed: preparing for TLS costs more than a command that asks the ledger alone."""
        return Session.open(self.access, self._on_request)

    @property
    def requests_made(self) -> int:
        """Every request so far, those for tokens included."""
        return self._session.requests_made

    @property
    def server_time(self) -> datetime | None:
        """Keycloak's clock at the last login; None before, and where tokens do not tell."""
        return self._session.server_time

    @property
    def present_server_time(self) -> datetime | None:
        """What Keycloak's clock shows now; None before the first login, and where tokens do not tell."""
        return self._session.present_server_time

    def to_the_end(self) -> Self:
        """Return the same session for a step that must not stop half way when the worker is told to."""
        whole = copy(self)
        whole._should_stop = lambda: False  # noqa: SLF001 - it is one of us
        return whole

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
        is (or one with nothing new, from an endpoint that ignores paging). A page that takes too long, or
        is cut by Keycloak's own time limit, is asked for again at half its size. Behind a full page two are
        asked for at once, so that a long list ends with two empty ones.
        """
        first, size, is_long = 0, self._page_size, False
        seen: set[str] = set()
        ahead: deque[Future[list[E]]] = deque()
        with ThreadPoolExecutor(PAGES_AT_ONCE) as pool:

            def ask(first: int, size: int) -> Future[list[E]]:
                return pool.submit(lambda: self.get(path, shape, **params, first=first, max=size))

            while True:
                while len(ahead) < (PAGES_AT_ONCE if is_long else 1):
                    ahead.append(ask(first + size * len(ahead), size))
                try:
                    page = ahead.popleft().result()
                except (RequestTimeoutError, CutAnswerError):
                    if size <= SMALLEST_PAGE:
                        raise
                    ahead.clear()
                    size = self._page_size = max(size // 2, SMALLEST_PAGE)
                    continue
                fresh = list({entry.id: entry for entry in page if entry.id not in seen}.values())
                if not fresh:
                    return
                seen.update(entry.id for entry in fresh)
                first += size
                is_long = len(page) >= size
                yield fresh

    def peek(self, path: str, shape: TypeAdapter[T]) -> T:
        """Do the same once, whatever comes of it; threads may do this while another one writes."""
        call = Call(self.access, self.realm, "get", path)
        return _parse(call, self._send(call, {}), shape)

    def put(self, path: str, body: Mapping[str, Any], attempt: Attempt = nullcontext) -> None:
        """Replace what is at a path; the same errors as `get`.

        `attempt` is entered before each attempt, may raise to stop it or fill the body, and ends with it.
        """
        self._write("put", path, body, attempt=attempt)

    def post(self, path: str, body: Any, shape: TypeAdapter[T], **params: Param) -> T:
        """Post and return the answer; only for calls that may be repeated."""
        call = Call(self.access, self.realm, "post", path)
        return self._with_retries(lambda: _parse(call, self._send(call, params, body), shape))

    def check(self, path: str, body: Any) -> None:
        """Post something that only asks; a refusal is `RejectedRequestError`."""
        self._write("post", path, body)

    def create(self, path: str, body: Any) -> None:
        """Make something new; also raises `AlreadyThereError`, unless it was ours, its answer lost."""
        self._write("post", path, body, done_before=AlreadyThereError)

    def make(self, path: str, body: Any) -> str:
        """Make something new and return its id, the end of where Keycloak says it is.

        It may have no name to know it by, so it is not asked for again when an answer was lost.
        """
        call = Call(self.access, self.realm, "post", path)

        def act() -> str:
            location = self._send(call, {}, body).headers.get("Location", "")
            if not location:
                raise not_keycloak(call.access, f"{call} answered without a location")
            return location.rpartition("/")[2]

        return self._with_retries(act, _backoff_when_answered)

    def delete(self, path: str, body: Any = None, **params: Param) -> None:
        """Take something away; also raises `NotThereError`, unless it was gone by us, the answer lost."""
        self._write("delete", path, body, done_before=NotThereError, params=params)

    def _write(
        self,
        method: str,
        path: str,
        body: Any,
        *,
        done_before: type[UnexpectedAnswerError] | None = None,
        attempt: Attempt = nullcontext,
        params: Mapping[str, Param] = MappingProxyType({}),
    ) -> None:
        call = Call(self.access, self.realm, method, path)
        tries = 0

        def act() -> None:
            nonlocal tries
            tries += 1
            repeated = done_before if done_before and tries > 1 else None
            with suppress(*([repeated] if repeated else [])), attempt():
                _expect_no_page(call, self._send(call, params, body))

        self._with_retries(act)

    def _with_retries(
        self, act: Callable[[], T], backoff: Callable[[Exception], bool | float] | None = None
    ) -> T:
        policy = self._retry
        attempts = stamina.retry_context(
            on=backoff or _backoff,
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
        response = self._session.send(call, params, None if body is None else json.dumps(body))
        if not response.ok:
            raise explain_status(call, response)
        return response


def _backoff(error: Exception) -> bool | float:
    """Decide whether, and after how many seconds, a failed request is repeated."""
    if not isinstance(error, UnavailableError) or not error.is_transient:
        return False
    return True if error.retry_after_seconds is None else error.retry_after_seconds


def _backoff_when_answered(error: Exception) -> bool | float:
    """Decide the same, but repeat nothing that may have been done."""
    return not isinstance(error, UnreachableError) and _backoff(error)


def _expect_no_page(call: Call, response: requests.Response) -> None:
    """Check that it was Keycloak who took a write, and not a proxy with a page of its own."""
    if response.content and not _is_json(response):
        raise not_keycloak(call.access, f"{call} answered with content type {_content_type(response)}")


def _parse(call: Call, response: requests.Response, shape: TypeAdapter[T]) -> T:
    """Check type and shape: a proxy's page or a cut body must never look like an empty list."""
    if not _is_json(response):
        raise not_keycloak(call.access, f"{call} answered with content type {_content_type(response)}")
    try:
        return shape.validate_json(response.content)
    except ValidationError as error:
        raise explain_shape(call, error) from error


def _is_json(response: requests.Response) -> bool:
    return "json" in response.headers.get("Content-Type", "")


def _content_type(response: requests.Response) -> str:
    return response.headers.get("Content-Type", "none").split(";")[0]
