"""A Keycloak realm as far as logins go, on loopback, that signs whatever a test wants.

`FakeProvider` answers with metadata, keys and an ID token; `sign` makes any token, good or bad.
"""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from joserfc import jwt
from joserfc.jwk import RSAKey

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
CLIENT = "keycloak-license-screen"


def make_key(kid: str) -> RSAKey:
    """A key to sign with, which takes a tenth of a second."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


@dataclass
class FakeProvider:
    """A context manager; `url` is what stands before ``/realms``."""

    realm: str = "acme"
    keys: list[RSAKey] = field(default_factory=lambda: [make_key("first")])
    id_token: str = ""
    """What the next code is worth."""
    asked: list[str] = field(default_factory=list)
    """The paths that were asked for, and codes."""

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(self))
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def issuer(self) -> str:
        return f"{self.url}/realms/{self.realm}"

    def metadata(self) -> dict[str, Any]:
        openid = f"{self.issuer}/protocol/openid-connect"
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{openid}/auth",
            "token_endpoint": f"{openid}/token",
            "end_session_endpoint": f"{openid}/logout",
            "jwks_uri": f"{openid}/certs",
        }

    def answer(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        if path.endswith("/certs"):
            return {"keys": [key.as_dict(private=False) for key in self.keys]}
        if path.endswith("/token"):
            return {"access_token": "opaque", "token_type": "Bearer", "id_token": self.id_token}
        return self.metadata()

    def bearer(self, **changes: Any) -> dict[str, Any]:
        """The claims of an access token; None leaves one out."""
        return _changed(self._claims("Bearer", azp="portal", aud="account"), changes)

    def id_claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of an ID token."""
        named = {"nonce": "the nonce", "preferred_username": "marta"}
        claims = self._claims("ID", aud=CLIENT, azp=CLIENT, **named)
        return _changed(claims, changes)

    def logout(self, **changes: Any) -> dict[str, Any]:
        """The claims of a logout token."""
        claims = self._claims("Logout", aud=CLIENT, jti="one", events={LOGOUT_EVENT: {}})
        return _changed(claims, changes)

    def sign(self, claims: dict[str, Any], key: RSAKey | None = None, **header: Any) -> str:
        """A token, by the first key where not told otherwise."""
        key = key or self.keys[0]
        head = _changed({"alg": "RS256", "kid": key.kid, "typ": "JWT"}, header)
        return jwt.encode(head, claims, key, default_type=None)

    def _claims(self, typ: str, **more: Any) -> dict[str, Any]:
        now = int(time.time())
        times = {"iat": now, "exp": now + 120}
        return {"iss": self.issuer, "typ": typ, "sub": "user-marta", "sid": "sid-marta", **times, **more}


def _changed(before: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (before | changes).items() if value is not None}


def _answering(provider: FakeProvider) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(provider.answer(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    return Answering
