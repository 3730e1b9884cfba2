"""The vendor's side: making keys and signing licences.

In come folders, private keys and checked payloads, out go files. Called by the `vendor` command (and
the demo) alone: the sidecar has no way to sign.
"""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc import jws
from joserfc.jwk import OKPKey

from keycloak_license.errors import ConfigurationError, LicenseRefusedError
from keycloak_license.license_file.envelope import (
    ALGORITHM,
    MAX_FILE_BYTES,
    open_envelope,
    protected_header,
    read_license_file,
)
from keycloak_license.license_file.keys import (
    KID_RULE,
    PRIVATE_SUFFIX,
    PUBLIC_SUFFIX,
    is_kid,
    kid_of,
    read_private_key,
)
from keycloak_license.license_file.payload import LicensePayload, PayloadError, read_payload
from keycloak_license.license_file.verify import TrustedKeys


@dataclass(frozen=True, slots=True)
class KeyPairFiles:
    """Where a new key pair was written."""

    private: Path
    public: Path


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A vendor's private key and the name its licences carry."""

    kid: str
    key: OKPKey = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read ``<kid>.private.pem``; `ConfigurationError` when it is not one."""
        return cls(kid_of(path, PRIVATE_SUFFIX), read_private_key(path))

    def trusted(self) -> TrustedKeys:
        """Trust the public half of this key, under its kid, and nothing else."""
        return TrustedKeys({self.kid: OKPKey.import_key(self.key.public_key)})

    def sign(self, payload: LicensePayload) -> str:
        """Make the licence file of a payload; `ConfigurationError` when it would be too large to be read."""
        file = jws.serialize_compact(
            protected_header(self.kid), payload.to_bytes(), self.key, algorithms=[ALGORITHM]
        )
        if len(file) > MAX_FILE_BYTES:
            raise ConfigurationError(
                "The licence would be larger than 64 KiB and refused everywhere; "
                "name fewer applications or exempt users."
            )
        return file


def generate_key_pair(folder: Path, kid: str) -> KeyPairFiles:
    """Write a new Ed25519 pair, ``<kid>.private.pem`` (mode 0600) and ``<kid>.public.pem``.

    The folder is created when missing. `ConfigurationError`, and nothing written, when the kid is
    unusable or either file exists: a key that was replaced could never sign an activation again.
    """
    if not is_kid(kid):
        raise ConfigurationError(f"The key name (kid) must be {KID_RULE}; choose another.")
    files = KeyPairFiles(folder / f"{kid}{PRIVATE_SUFFIX}", folder / f"{kid}{PUBLIC_SUFFIX}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_pair(files)
    except FileExistsError as error:
        raise ConfigurationError(
            f"{error.filename} exists already, and nothing is overwritten here; choose another key name "
            f"or folder."
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"The key pair cannot be written to {folder} ({error.strerror}); check the folder and its rights."
        ) from error
    return files


def new_payload(content: dict[str, Any]) -> LicensePayload:
    """Check what is to be licensed; `ConfigurationError` names the first wrong field."""
    try:
        return read_payload(content)
    except PayloadError as error:
        raise ConfigurationError(f"No licence was made: the licence {error}.") from error


def save_license(path: Path, file: str) -> None:
    """Write a licence file whole or not at all.

    An earlier licence file (or an empty one) in its place is replaced, as compilers replace their
    output; anything else there, above all a key, is left alone with `ConfigurationError`.
    """
    try:
        _refuse_to_replace_other_things(path)
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        _create(part, f"{file}\n".encode("ascii"), 0o644)
        try:
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The licence cannot be written to {path} ({error.strerror}); check the folder and its rights."
        ) from error


def _write_pair(files: KeyPairFiles) -> None:
    key = Ed25519PrivateKey.generate()
    private_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public_pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _create(files.public, public_pem, 0o644)
    try:
        _create(files.private, private_pem, 0o600)
    except OSError:
        files.public.unlink()
        raise


def _refuse_to_replace_other_things(path: Path) -> None:
    if not path.exists():
        return
    is_replaceable = path.is_file()
    if is_replaceable and (found := read_license_file(path)):
        try:
            open_envelope(found)
        except LicenseRefusedError:
            is_replaceable = False
    if not is_replaceable:
        raise ConfigurationError(
            f"{path} exists and is not a licence file, so it is not replaced; choose another --out."
        )


def _create(path: Path, data: bytes, mode: int) -> None:
    """Create a file with its mode from the first instant on; never open one that exists."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise
