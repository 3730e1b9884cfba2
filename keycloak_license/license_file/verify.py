"""The judge of licence files: nothing becomes a `License` except through here.

In come the bytes of a file and a folder of public keys, out goes a `License` or
`LicenseRefusedError`. Called by the use cases through `services.ports.LicenseVerifier`, and by
`vendor inspect`.

Order: size, shape, header, revoked key, known key, signature, and only then the payload. Several keys
are trusted at once so that a vendor can change over; a retired one counts for what was imported before,
a revoked one for nothing. Whether an activation is of this installation is for the rules to judge.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self, assert_never

from joserfc.jwk import OKPKey

from keycloak_license.errors import ConfigurationError, LicenseRefusedError
from keycloak_license.license_file.envelope import Envelope, is_signed_by, open_envelope
from keycloak_license.license_file.keys import (
    PUBLIC_SUFFIX,
    RETIRED_SUFFIX,
    REVOKED_SUFFIX,
    kid_of,
    marked_kid,
    read_public_key,
)
from keycloak_license.license_file.payload import (
    LicensePayload,
    PayloadError,
    UnknownFormatError,
    read_payload,
)
from keycloak_license.license_file.strict_json import JsonRefusedError, parse_object
from keycloak_license.model.license import License


class Signature(StrEnum):
    """How the signature of a file stands against a set of keys."""

    HOLDS = "holds"
    WRONG = "wrong"
    """Changed after signing, or signed by another key under this name."""
    UNKNOWN_KEY = "unknown_key"
    REVOKED = "revoked"
    """Signed in the name of a key that does not count any more, whether or not the signature is good."""
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file says, trusted only as far as `signature` goes."""

    kid: str
    payload: LicensePayload
    signature: Signature

    @property
    def objection(self) -> str | None:
        """Why `TrustedKeys.verify` would refuse the file; None when it holds or was not checked."""
        return _objection(self.signature, self.kid)


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """The public keys whose licences count, by kid; what is retired and revoked is named beside them."""

    keys: Mapping[str, OKPKey] = field(repr=False)
    retired: tuple[str, ...] = ()
    """Keys that count for what was imported before, sorted; each is among `keys`."""
    revoked: tuple[str, ...] = ()
    """Names that never count, sorted; their keys are not read, and may be missing."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read every ``<kid>.public.pem`` of a folder, and the markers ``<kid>.retired``, ``<kid>.revoked``.

        Names that start with a dot are passed over, and so is a retired kid without a key. An empty folder
        trusts nobody and is no error. `ConfigurationError` names a missing folder, a key file that is not
        an Ed25519 public key, and a key file or marker whose name holds no kid.
        """
        try:
            paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        except OSError as error:
            raise ConfigurationError(
                f"The trusted keys folder {folder} cannot be read ({error.strerror}); create it and put "
                f"the vendor's <kid>{PUBLIC_SUFFIX} there, or correct the path."
            ) from error
        revoked = _marked(paths, REVOKED_SUFFIX)
        files = {kid_of(path, PUBLIC_SUFFIX): path for path in paths if path.name.endswith(PUBLIC_SUFFIX)}
        keys = {kid: read_public_key(path) for kid, path in files.items() if kid not in revoked}
        retired = tuple(kid for kid in _marked(paths, RETIRED_SUFFIX) if kid in keys)
        return cls(keys, retired, revoked)

    @classmethod
    def of_files(cls, *paths: Path) -> Self:
        """Trust exactly these ``<kid>.public.pem`` files; markers beside them are not looked for."""
        return cls({kid_of(path, PUBLIC_SUFFIX): read_public_key(path) for path in paths})

    @property
    def kids(self) -> tuple[str, ...]:
        """The names of the current keys, sorted: neither retired nor revoked."""
        return tuple(sorted(self.keys.keys() - {*self.retired, *self.revoked}))

    def verify(self, file: bytes) -> License:
        """Return the content of a file that was imported before; `accept` is for one that is about to be.

        `LicenseRefusedError` says what is wrong with the file.
        """
        envelope = open_envelope(file)
        signature = self.check(envelope)
        if signature is not Signature.HOLDS:
            raise LicenseRefusedError(_objection(signature, envelope.kid))
        return _payload(envelope).to_license(envelope.kid, envelope.file)

    def accept(self, file: bytes) -> License:
        """Return the content of a file that is about to be imported: as `verify`, and of a current key only.

        `LicenseRefusedError` says what is wrong with the file, or that its key is retired.
        """
        license_ = self.verify(file)
        if license_.kid in self.retired:
            raise LicenseRefusedError(
                f'The licence file is signed with the key "{license_.kid}", which is retired here: what was '
                f"imported before goes on, and nothing new is imported; ask the vendor for a file signed "
                f"with a current key."
            )
        return license_

    def check(self, envelope: Envelope) -> Signature:
        """How the signature stands; the content plays no part."""
        if envelope.kid in self.revoked:
            return Signature.REVOKED
        key = self.keys.get(envelope.kid)
        if key is None:
            return Signature.UNKNOWN_KEY
        return Signature.HOLDS if is_signed_by(envelope, key) else Signature.WRONG


@dataclass(frozen=True, slots=True)
class TrustedFolder:
    """A verifier that reads its folder at every use, so that a key put in or taken out counts at once."""

    path: Path

    def verify(self, file: bytes) -> License:
        """Do as `TrustedKeys.verify`; `ConfigurationError` when the folder or a key in it is unusable."""
        return TrustedKeys.load(self.path).verify(file)

    def accept(self, file: bytes) -> License:
        """Do as `TrustedKeys.accept`; `ConfigurationError` when the folder or a key in it is unusable."""
        return TrustedKeys.load(self.path).accept(file)


def inspect(file: bytes, trusted: TrustedKeys | None) -> Inspection:
    """Read what a file says without trusting it; with keys, also whether its signature holds.

    `LicenseRefusedError` only when there is nothing to read: not a licence file, or a payload that
    breaks the schema.
    """
    envelope = open_envelope(file)
    signature = Signature.NOT_CHECKED if trusted is None else trusted.check(envelope)
    return Inspection(envelope.kid, _payload(envelope), signature)


def _objection(signature: Signature, kid: str) -> str | None:
    match signature:
        case Signature.UNKNOWN_KEY:
            return (
                f'The licence file is signed with the key "{kid}", which is not trusted here; if it is your '
                f"vendor's, put {kid}{PUBLIC_SUFFIX} into the trusted keys folder."
            )
        case Signature.REVOKED:
            return (
                f'The licence file is signed with the key "{kid}", which is revoked here: nothing that it '
                f"signed counts any more; ask the vendor for a file signed with a current key."
            )
        case Signature.WRONG:
            return (
                f'The licence file\'s signature does not match the key "{kid}": the file was changed or '
                f"signed with another key; save it again exactly as the vendor sent it, and compare "
                f"{kid}{PUBLIC_SUFFIX} with the vendor's."
            )
        case Signature.HOLDS | Signature.NOT_CHECKED:
            return None
        case _:
            assert_never(signature)


def _marked(paths: Iterable[Path], suffix: str) -> tuple[str, ...]:
    return tuple(sorted(marked_kid(path, suffix) for path in paths if path.name.endswith(suffix)))


def _payload(envelope: Envelope) -> LicensePayload:
    try:
        return read_payload(parse_object(envelope.content))
    except JsonRefusedError as error:
        raise LicenseRefusedError(
            f"The licence file's payload {error}; ask the vendor for a corrected file."
        ) from error
    except UnknownFormatError as error:
        raise LicenseRefusedError(f"The licence {error}; update keycloak-license.") from error
    except PayloadError as error:
        raise LicenseRefusedError(f"The licence {error}; ask the vendor for a corrected file.") from error
