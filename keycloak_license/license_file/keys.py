"""Key files and the markers beside them: their names, and reading them.

In comes a path, out goes its kid or its key, or `ConfigurationError` naming the file. Called by
`verify` (public keys and markers) and `issue` (private keys).
"""

import re
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from joserfc.jwk import OKPKey

from keycloak_license.errors import ConfigurationError

PUBLIC_SUFFIX = ".public.pem"
PRIVATE_SUFFIX = ".private.pem"
RETIRED_SUFFIX = ".retired"
"""Ends the name of a marker: what the key signed goes on to count, and nothing new is imported."""
REVOKED_SUFFIX = ".revoked"
"""Ends the name of a marker: nothing the key signed counts, with or without its public key."""
KID_RULE = "1 to 64 of the characters A-Z a-z 0-9 . _ - and no dot at the start"
_KID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_MAX_KEY_BYTES = 16 * 1024


def is_kid(text: str) -> bool:
    """Whether a text may name a key: see `KID_RULE`."""
    return _KID.fullmatch(text) is not None


def kid_of(path: Path, suffix: str) -> str:
    """Take the kid from a key file's name: ``acme-1`` for ``acme-1.public.pem``."""
    kid = path.name.removesuffix(suffix)
    if not path.name.endswith(suffix) or not is_kid(kid):
        raise ConfigurationError(
            f"The key file {path} must be named <kid>{suffix}, with a kid of {KID_RULE}; rename it."
        )
    return kid


def marked_kid(path: Path, suffix: str) -> str:
    """Take the kid from a marker's name: ``acme-1`` for ``acme-1.revoked``; its content says nothing."""
    kid = kid_of(path, suffix)
    # Read as a kid, the mistake would pass in silence, and the key that was meant go on to be trusted.
    if kid.endswith(PUBLIC_SUFFIX):
        raise ConfigurationError(
            f"The key file {path} must be named <kid>{suffix}, without {PUBLIC_SUFFIX}; rename it."
        )
    return kid


def read_public_key(path: Path) -> OKPKey:
    """Read an Ed25519 public key in PEM."""
    pem = read_file(path, _MAX_KEY_BYTES)
    if b"PRIVATE KEY" in pem:
        raise ConfigurationError(
            f"The key file {path} holds a private key where a public one belongs; remove it from here, "
            f"keep it with the vendor, and put the {PUBLIC_SUFFIX} file in its place."
        )
    return _ed25519(path, lambda: load_pem_public_key(pem), Ed25519PublicKey)


def read_private_key(path: Path) -> OKPKey:
    """Read an unencrypted Ed25519 private key in PEM (PKCS #8)."""
    pem = read_file(path, _MAX_KEY_BYTES)
    return _ed25519(path, lambda: load_pem_private_key(pem, password=None), Ed25519PrivateKey)


def read_file(path: Path, limit: int) -> bytes:
    """Read a file, at most one more than `limit`, so that a huge one is noticed, not loaded."""
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise ConfigurationError(
            f"The file {path} cannot be read ({error.strerror}); check its name and rights."
        ) from error


def _ed25519(
    path: Path, load: Callable[[], object], kind: type[Ed25519PublicKey] | type[Ed25519PrivateKey]
) -> OKPKey:
    wanted = "public" if kind is Ed25519PublicKey else "private"
    try:
        key = load()
    except TypeError as error:
        raise ConfigurationError(
            f"The key file {path} is protected by a password; give an unprotected copy."
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(
            f"The key file {path} is no readable {wanted} key in PEM; "
            f"replace it by the file that `vendor keygen` made."
        ) from error
    if not isinstance(key, kind):
        raise ConfigurationError(
            f"The key file {path} holds a key that is not Ed25519; "
            f"replace it by the file that `vendor keygen` made."
        )
    return OKPKey.import_key(key)
