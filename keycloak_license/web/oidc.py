"""OpenID Connect with one realm: who logs in, who logs out, and whose token this is.

In: what browsers, Keycloak and API clients bring; out: who they are, or a `LoginRefusedError`. Called by
`login` and `bearer`. Every token is verified here; none leaves this process but the ID token at a logout.
"""

import hmac
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet
from pydantic import BaseModel, ConfigDict, ValidationError

from keycloak_license.errors import KeycloakLicenseError, UnreachableError
from keycloak_license.model.session import LoginAttempt, LoginClient

SIGNATURES = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""What a realm can be told to sign with, but for what needs a shared secret."""
DAMAGE = (JoseError, ValueError, TypeError)
"""What joserfc raises for what is no token: of members of a wrong type too."""
LEEWAY_SECONDS = 10
LOGOUT_TOKEN_SECONDS = 120
"""OpenID Connect Back-Channel Logout: tokens live two minutes at the most."""
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
METADATA_SECONDS = 3600.0
KEYS_SECONDS = 600.0
"""How long a key counts that the realm has taken back, because it was stolen perhaps."""
SILENT_SECONDS = 2.0
"""For how long it is believed that nobody answers."""
KEYS_AGAIN_SECONDS = 30.0
"""How soon keys are asked for again because of a key that is not known: anybody can make one up."""


class LoginRefusedError(KeycloakLicenseError):
    """Somebody is not who he says, or has not come by the way he should."""

    exit_status = 2


class Metadata(BaseModel):
    """What a realm tells of itself, as far as it is needed."""

    model_config = ConfigDict(frozen=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str
    jwks_uri: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who has logged in."""

    user_id: str
    username: str
    sid: str
    id_token: str


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """Which of Keycloak's sessions has ended, or all of a user."""

    sid: str | None
    user_id: str | None


@dataclass(frozen=True, slots=True)
class Bearer:
    """What a token says of whom it stands for: a lightweight one names the session only."""

    user_id: str | None
    client_id: str
    sid: str | None


class Provider:
    """One realm as an OpenID provider; threads may share it."""

    def __init__(
        self,
        url: str,
        realm_path: str,
        *,
        verify_tls: bool | str,
        timeout_seconds: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = f"{url.rstrip('/')}/realms/{realm_path}/.well-known/openid-configuration"
        self._verify_tls = verify_tls
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._lock = Lock()
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._failure: tuple[float, UnreachableError] | None = None

    @property
    def metadata(self) -> Metadata:
        """What the realm tells of itself; asked for once an hour."""
        with self._lock:
            if self._metadata is None or self._clock() - self._metadata[0] > METADATA_SECONDS:
                try:
                    self._metadata = self._clock(), Metadata.model_validate(self._ask(self._url))
                except ValidationError as error:
                    raise UnreachableError(f"What answers at {self._url} is not Keycloak") from error
                except UnreachableError:
                    if self._metadata is None:
                        raise
            return self._metadata[1]

    @property
    def browser_origin(self) -> str:
        """Where browsers find this Keycloak: scheme, host and port."""
        parts = urlsplit(self.metadata.authorization_endpoint)
        return f"{parts.scheme}://{parts.netloc}"

    def login_url(self, client: LoginClient, attempt: LoginAttempt, callback: str, **hints: str) -> str:
        """Return where a browser is sent to log in; hints are OpenID's, such as ``ui_locales``."""
        url, _ = self._session(client, callback).create_authorization_url(
            self.metadata.authorization_endpoint,
            state=attempt.state,
            nonce=attempt.nonce,
            code_verifier=attempt.verifier,
            **hints,
        )
        return str(url)

    def complete_login(
        self, client: LoginClient, attempt: LoginAttempt, callback: str, answer: Mapping[str, str]
    ) -> Identity:
        """Return who has logged in, by what the browser brought back from Keycloak."""
        if not hmac.compare_digest(answer.get("state", "").encode(), attempt.state.encode()):
            raise LoginRefusedError("This login began elsewhere: log in again")
        # RFC 9207: a code of another provider must not be sent to this one.
        if answer.get("iss", self.metadata.issuer) != self.metadata.issuer:
            raise LoginRefusedError("This answer is not from this realm: log in again")
        if "code" not in answer:
            raise LoginRefusedError("Keycloak has not let you in: log in again")
        try:
            with self._session(client, callback) as session:
                token = session.fetch_token(
                    self.metadata.token_endpoint,
                    code=answer["code"],
                    code_verifier=attempt.verifier,
                    timeout=self._timeout_seconds,
                )
        except (requests.RequestException, ValueError) as error:
            raise self._unreachable(self.metadata.token_endpoint) from error
        except AuthlibBaseError as error:
            raise LoginRefusedError("Keycloak does not know this login any more: log in again") from error
        return self._identify(str(token.get("id_token", "")), client, attempt)

    def _identify(self, id_token: str, client: LoginClient, attempt: LoginAttempt) -> Identity:
        payload = self._verify(id_token, typ="ID")
        claims = CodeIDToken(
            payload,
            {},
            {
                "iss": {"essential": True, "value": self.metadata.issuer},
                "aud": {"essential": True, "value": client.client_id},
                "sid": {"essential": True},
            },
            {"nonce": attempt.nonce, "client_id": client.client_id},
        )
        try:
            claims.validate(leeway=LEEWAY_SECONDS)
        except (JoseError, AuthlibBaseError) as error:
            raise LoginRefusedError(
                "Keycloak's answer does not belong to this login: log in again"
            ) from error
        username = str(payload.get("preferred_username", payload["sub"]))
        return Identity(str(payload["sub"]), username, str(payload["sid"]), id_token)

    def read_logout(self, token: str, client_id: Callable[[], str]) -> LoggedOut:
        """Return what a logout token of Keycloak ends; whom it has to be for is asked once it is genuine."""
        claims = self._verify(token, header_typ="logout+jwt")
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.metadata.issuer},
            aud={"essential": True, "value": client_id()},
            iat={"essential": True},
            exp={"essential": True},
            jti={"essential": True},
        )
        self._validate(registry, claims)
        is_old = time.time() - claims["iat"] > LOGOUT_TOKEN_SECONDS + LEEWAY_SECONDS
        events = claims.get("events")
        is_meant = isinstance(events, dict) and LOGOUT_EVENT in events and "nonce" not in claims
        ended = LoggedOut(_text(claims, "sid"), _text(claims, "sub"))
        if is_old or not is_meant or (ended.sid is None and ended.user_id is None):
            raise LoginRefusedError("This is no logout token for this screen")
        return ended

    def read_bearer(self, token: str) -> Bearer:
        """Return whom an access token of the realm stands for."""
        claims = self._verify(token, typ="Bearer")
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.metadata.issuer},
            exp={"essential": True},
        )
        self._validate(registry, claims)
        # RFC 7800: it counts only together with a proof that its owner has the key, which nobody asks for.
        if "cnf" in claims:
            raise LoginRefusedError("This token is bound to a key: bring one that is not")
        return Bearer(_text(claims, "sub"), _text(claims, "azp") or "", _text(claims, "sid"))

    def logout_url(self, client_id: str, id_token: str, return_to: str, state: str) -> str:
        """Return where a browser is sent to log out of Keycloak as well."""
        query = {
            "client_id": client_id,
            "id_token_hint": id_token,
            "post_logout_redirect_uri": return_to,
            "state": state,
        }
        return f"{self.metadata.end_session_endpoint}?{urlencode(query)}"

    def _verify(self, token: str, *, typ: str | None = None, header_typ: str | None = None) -> dict[str, Any]:
        """Return the claims of a token that the realm has signed."""
        try:
            decoded = self._decode(token)
        except DAMAGE as error:
            raise LoginRefusedError("This token is not signed by this realm") from error
        is_right = header_typ is None or str(decoded.header.get("typ", "")).lower() == header_typ
        if not is_right or (typ is not None and decoded.claims.get("typ") != typ):
            raise LoginRefusedError("This token is of another kind")
        return dict(decoded.claims)

    def _decode(self, token: str) -> jwt.Token:
        keys = self._key_set()
        try:
            return jwt.decode(token, keys, algorithms=SIGNATURES)
        except DAMAGE:
            # The realm may have new ones, and somebody else may have brought them meanwhile.
            self._renew_keys()
            newer = self._key_set()
            if newer is keys:
                raise
        return jwt.decode(token, newer, algorithms=SIGNATURES)

    def _key_set(self) -> KeySet:
        if self._keys is None or self._clock() - self._keys[0] >= KEYS_SECONDS:
            self._renew_keys()
        if self._keys is None:
            raise self._unreachable(self.metadata.jwks_uri)
        return self._keys[1]

    def _renew_keys(self) -> None:
        """Ask for the keys, unless that was done just now."""
        address = self.metadata.jwks_uri
        with self._lock:
            if self._keys is not None and self._clock() - self._keys[0] < KEYS_AGAIN_SECONDS:
                return
            found = _signing_keys(self._ask(address))
            if not found:
                raise UnreachableError(f"What answers at {address} is not Keycloak")
            self._keys = self._clock(), KeySet(found)

    def _validate(self, registry: jwt.JWTClaimsRegistry, claims: dict[str, Any]) -> None:
        try:
            registry.validate(claims)
        except JoseError as error:
            raise LoginRefusedError("This token is for somebody else, or has run out") from error

    def _session(self, client: LoginClient, callback: str) -> Any:
        session = OAuth2Session(
            client.client_id,
            client.secret,
            scope="openid",
            redirect_uri=callback,
            code_challenge_method="S256",
        )
        session.verify = self._verify_tls
        session.max_redirects = 0
        return session

    def _ask(self, url: str) -> dict[str, Any]:
        """Ask, but not right after nobody has answered: who waited for that would each wait as long again."""
        if self._failure is not None and self._clock() - self._failure[0] < SILENT_SECONDS:
            raise self._failure[1]
        try:
            return self._get(url)
        except UnreachableError as error:
            self._failure = self._clock(), error
            raise

    def _get(self, url: str) -> dict[str, Any]:
        try:
            response = requests.get(
                url, timeout=self._timeout_seconds, verify=self._verify_tls, allow_redirects=False
            )
            if response.status_code != requests.codes.ok:
                raise self._unreachable(url)
            found = response.json()
        except (requests.RequestException, ValueError) as error:
            raise self._unreachable(url) from error
        return found if isinstance(found, dict) else {}

    def _unreachable(self, url: str) -> UnreachableError:
        return UnreachableError(f"Keycloak does not answer at {url}: see that it runs, and try again")


def _signing_keys(found: Mapping[str, object]) -> list[Key]:
    """Return the keys to verify with; those of a kind that is not known here take no others with them."""
    listed = found.get("keys")
    keys: list[Key] = []
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, dict) and each.get("use", "sig") == "sig":
            with suppress(*DAMAGE):
                keys.append(JWKRegistry.import_key(each))
    return keys


def _text(claims: Mapping[str, object], name: str) -> str | None:
    found = claims.get(name)
    return found if isinstance(found, str) and found else None
