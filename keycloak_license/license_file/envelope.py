"""The envelope of a licence file: JWS compact, opened without trusting what is inside.

In come the bytes of a file, out goes an `Envelope` or `LicenseRefusedError`; `verify` opens them,
`issue` closes them with `protected_header`.

The header is exactly ``alg``, ``kid`` and ``typ``. RFC 7515 lets a reader ignore members it does not
know, but nobody except our own `issue` writes these files, and the members that exist (``jwk``,
``jku``, ``x5c``, ``b64``, …) either bring a key along or change what is signed: an attacker's tools.
A later need is announced by ``format`` in the payload instead.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.license_file.keys import KID_RULE, is_kid, read_file
from keycloak_license.license_file.strict_json import JsonRefusedError, parse_object, shown

MAX_FILE_BYTES = 64 * 1024
ALGORITHM = "Ed25519"
TYPE = "license+jws"
_MAX_HEADER_CHARACTERS = 512
_COMPACT = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]*)")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A well-formed file; nothing in it is trusted yet."""

    kid: str
    """The key it claims to be signed with; a plain name, see `keys.KID_RULE`."""
    content: bytes
    """The payload, undecoded."""
    file: str
    """The file without the white space around it."""


def protected_header(kid: str) -> dict[str, Any]:
    """Make the one header a licence file may have."""
    return {"alg": ALGORITHM, "kid": kid, "typ": TYPE}


def read_license_file(path: Path) -> bytes:
    """Read the bytes of a licence file for `open_envelope`; `ConfigurationError` when it cannot be read."""
    return read_file(path, MAX_FILE_BYTES)


def open_envelope(file: bytes) -> Envelope:
    """Take a file apart; `LicenseRefusedError` when it is not a licence file of ours."""
    if len(file) > MAX_FILE_BYTES:
        raise LicenseRefusedError(
            "The file is larger than 64 KiB, so it is not a licence file; check that it is the right one."
        )
    compact = file.strip()
    parts = _COMPACT.fullmatch(compact)
    if parts is None:
        raise LicenseRefusedError(
            "The file is not a licence file (one line of three parts joined by dots); "
            "check that it is the right one, or save it again exactly as the vendor sent it."
        )
    kid = _kid(_header(parts[1]))
    content = _decoded(parts[2], "payload")
    _decoded(parts[3], "signature")
    return Envelope(kid, content, compact.decode("ascii"))


def is_signed_by(envelope: Envelope, key: OKPKey) -> bool:
    """Whether the signature is good and made with the private half of `key`."""
    try:
        jws.deserialize_compact(envelope.file, key, algorithms=[ALGORITHM])
    except JoseError:
        return False
    return True


def _header(part: bytes) -> dict[str, Any]:
    if len(part) > _MAX_HEADER_CHARACTERS:
        raise LicenseRefusedError(
            "The licence file's header is longer than any licence has; ask the vendor for the file again."
        )
    try:
        return parse_object(_decoded(part, "header"))
    except JsonRefusedError as error:
        raise LicenseRefusedError(
            f"The licence file's header {error}; ask the vendor for the file again."
        ) from error


def _kid(header: dict[str, Any]) -> str:
    if "crit" in header:
        raise LicenseRefusedError(
            'The licence file demands extensions ("crit") that this version does not know; '
            "update keycloak-license, or ask the vendor for a file without them."
        )
    if header.get("alg") != ALGORITHM:
        raise LicenseRefusedError(
            f"The licence file's signature algorithm is {_named(header, 'alg')}, and only "
            f'"{ALGORITHM}" is accepted; ask the vendor for a file made with `vendor issue`.'
        )
    if header.get("typ") != TYPE:
        raise LicenseRefusedError(
            f'The file\'s type is {_named(header, "typ")} and not "{TYPE}", so it is not a licence file; '
            f"check that it is the right one."
        )
    foreign = sorted(header.keys() - {"alg", "kid", "typ"})
    if foreign:
        raise LicenseRefusedError(
            f"The licence file's header has the member {shown(foreign[0])}, which no licence has; "
            f"ask the vendor for a file made with `vendor issue`."
        )
    kid = header.get("kid")
    if not isinstance(kid, str) or not is_kid(kid):
        raise LicenseRefusedError(
            f"The licence file's key name (kid) is {_named(header, 'kid')} and not {KID_RULE}; "
            f"ask the vendor for a file made with `vendor issue`."
        )
    return kid


def _named(header: dict[str, Any], member: str) -> str:
    value = header.get(member)
    if value is None:
        return "missing"
    return shown(value) if isinstance(value, str) else "not a text"


def _decoded(part: bytes, name: str) -> bytes:
    """Base64url in its one canonical form: no padding, no stray bits in the last character."""
    padding = b"=" * (-len(part) % 4)
    if len(padding) < 3:
        decoded = urlsafe_b64decode(part + padding)
        if urlsafe_b64encode(decoded).rstrip(b"=") == part:
            return decoded
    raise LicenseRefusedError(
        f"The licence file's {name} is not clean base64url, so the file was damaged on its way; "
        f"save it again exactly as the vendor sent it."
    )
