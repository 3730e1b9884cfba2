"""python-keycloak's connection, made safe: token, renewal and one new login on 401 are the library's.

In: an `Access`; out: raw responses, or errors of `errors`. Made by `client`. No redirect is followed, so
that neither a secret nor a write goes elsewhere; nothing is repeated behind our back; every request is
counted.
"""

import base64
import json
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Any

import requests
from keycloak import ConnectionManager, KeycloakOpenID, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakError
from requests.adapters import HTTPAdapter

from keycloak_license.errors import AuthenticationError, ConfigurationError
from keycloak_license.keycloak_api.answers import (
    Access,
    Call,
    explain_failure,
    explain_login_failure,
    not_keycloak,
    retry_after,
)

CONNECT_SECONDS = 10


def uncounted() -> None:
    """Leave it to `requests_made` to count a request."""


class CountingAdapter(HTTPAdapter):
    """Counts what goes out, and says so each time, in whatever thread it is."""

    def __init__(self, on_request: Callable[[], None] = uncounted) -> None:
        super().__init__(max_retries=0)
        self.requests_made = 0
        self._on_request = on_request

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send one request."""
        self.requests_made += 1
        self._on_request()
        return super().send(*args, **kwargs)


class _Login(ConnectionManager):
    """The connection for tokens."""

    def __init__(self, access: Access, adapter: CountingAdapter) -> None:
        super().__init__(base_url=_base(access), timeout=_timeout(access), verify=access.verify_tls)
        _harden(self._s, adapter)
        self.retry_after_seconds: float | None = None
        """What the last answer asked for; the library's errors do not tell."""

    def raw_post(self, path: str, data: Any, **kwargs: Any) -> requests.Response:
        """Post, and keep how long we were asked to wait."""
        self.retry_after_seconds = None
        response: requests.Response = super().raw_post(path, data, **kwargs)
        self.retry_after_seconds = retry_after(response)
        return response


class Session(KeycloakOpenIDConnection):
    """The connection for everything else."""

    def __init__(self, access: Access, on_request: Callable[[], None] = uncounted) -> None:
        self.access = access
        self.server_time: datetime | None = None
        """Keycloak's clock at the last login: the token's ``iat``, for it sends no Date header."""
        self._logged_in = 0.0
        """When that was, on a clock that nobody can set."""
        self._adapter = CountingAdapter(on_request)
        self._renewal = RLock()
        super().__init__(
            server_url=_base(access),
            grant_type="client_credentials" if access.username is None else "password",
            username=access.username,
            password=access.password,
            client_id=access.client_id,
            client_secret_key=access.client_secret,
            realm_name=access.auth_realm,
            user_realm_name=access.auth_realm,
            timeout=_timeout(access),
            verify=access.verify_tls,
        )
        _harden(self._s, self._adapter)
        self._keycloak_openid = KeycloakOpenID(
            _base(access), access.auth_realm, access.client_id, access.client_secret
        )
        self._login = _Login(access, self._adapter)
        self._keycloak_openid.connection = self._login

    @classmethod
    def open(cls, access: Access, on_request: Callable[[], None] = uncounted) -> "Session":
        """Return a session that has not sent anything; `ConfigurationError` for what cannot be used."""
        if access.username is not None and not access.password:
            raise AuthenticationError(f"The password of {access.who} is empty: give the right one")
        try:
            return cls(access, on_request)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"The CA bundle {access.verify_tls} cannot be used ({type(error).__name__}): "
                "set keycloak.verify_tls to a PEM file with certificates"
            ) from error

    @property
    def requests_made(self) -> int:
        """Every request so far, those for tokens included."""
        return self._adapter.requests_made

    @property
    def present_server_time(self) -> datetime | None:
        """What Keycloak's clock shows now; None before the first login, and where tokens do not tell."""
        if self.server_time is None:
            return None
        return self.server_time + timedelta(seconds=time.monotonic() - self._logged_in)

    def get_token(self) -> None:
        """Log in; a failed login has its own sentences."""
        try:
            super().get_token()
            self._logged_in = time.monotonic()
            self.server_time = _issued_at((self.token or {})["access_token"])
        except KeycloakError as error:
            raise explain_login_failure(self.access, error, self._login.retry_after_seconds) from error
        except (KeyError, TypeError, ValueError) as error:
            raise not_keycloak(self.access, "its login answers without a token") from error

    def _refresh_if_required(self) -> None:
        """Renew a token that runs out, once, however many threads find it out at the same time."""
        with self._renewal:
            super()._refresh_if_required()

    def refresh_token(self) -> None:
        """Log in again: as cheap as a refresh, and one way less to fail."""
        self.get_token()

    def send(
        self, call: Call, params: Mapping[str, str | int | tuple[str, ...]], body: str | None
    ) -> requests.Response:
        """Send one request, with its own errors when no response comes."""
        below_admin = call.path if call.path.startswith("/") else f"/realms/{call.realm}/{call.path}"
        url = "admin" + below_admin.rstrip("/")
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


def _harden(session: requests.Session, adapter: HTTPAdapter) -> None:
    session.max_redirects = 0
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)


def _base(access: Access) -> str:
    """Return the address with a slash at the end, without which a path prefix would be lost."""
    return access.url.rstrip("/") + "/"


def _timeout(access: Access) -> Any:
    """Return what requests takes as time-outs for connecting and reading; the library just hands it on."""
    return (min(CONNECT_SECONDS, access.timeout_seconds), access.timeout_seconds)


def _issued_at(token: str) -> datetime | None:
    """Return when Keycloak made a token; None when it is not a JWT, which we do not depend on.

    Only the time is taken from it, so nothing is verified.
    """
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return datetime.fromtimestamp(claims["iat"], UTC)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
