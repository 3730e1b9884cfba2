"""Licence files made by hand, good and bad, without the code under test: raw Ed25519 over raw text."""

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

GOOD_CONTENT: dict[str, Any] = {
    "format": 1,
    "number": "4711",
    "issue": 2,
    "type": "commercial",
    "customer": "Přístav Ústí, s.r.o.",
    "issued_on": "2026-01-31",
    "starts_on": "2026-02-01",
    "expires_on": "2027-01-31",
    "scope": {"WFM": {"seats": 50}, "QM": {"seats": 0}, "SC": {"seats": None}},
    "exempt_users": ["eleveo.admin", "robot"],
    "activation": None,
}


def content(**changes: Any) -> dict[str, Any]:
    """The good content with some members changed."""
    return {**GOOD_CONTENT, **changes}


def content_without(member: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD_CONTENT.items() if name != member}


def base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


@dataclass(frozen=True)
class Vendor:
    """Somebody with a key, who signs anything he is asked to."""

    kid: str = "acme-1"
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def header(self, **changes: Any) -> dict[str, Any]:
        return {"alg": "Ed25519", "kid": self.kid, "typ": "license+jws", **changes}

    def file(self, payload: dict[str, Any] | bytes = b"", header: dict[str, Any] | bytes = b"") -> bytes:
        """A signed file; bytes are taken as the JSON text itself."""
        signing_input = b".".join(
            base64url(part if isinstance(part, bytes) else json.dumps(part).encode())
            for part in (header or self.header(), payload or GOOD_CONTENT)
        )
        return signing_input + b"." + base64url(self.key.sign(signing_input))

    def public_pem(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def publish(self, folder: Path) -> Path:
        """Put the public key where it is trusted."""
        path = folder / f"{self.kid}.public.pem"
        path.write_bytes(self.public_pem())
        return path
