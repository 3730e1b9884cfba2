"""The activation key: the text a customer copies to the vendor, and what the vendor makes of it.

In come a key's text and the payload of an inactive licence, out goes the activated payload, or
`LicenseRefusedError`. `cli` prints keys; `vendor activate` reads them and signs what `activate` returns.

A key is no secret and proves nothing: its checksum finds typing errors. What is licensed comes from the
licence file alone.
"""

import json
import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import astuple, dataclass
from typing import Self

from keycloak_license.errors import LicenseRefusedError
from keycloak_license.license_file.payload import MAX_NUMBER, ActivationEntry, LicensePayload
from keycloak_license.license_file.strict_json import shown

PREFIX = "AK1."
MAX_CHARACTERS = 2000
"""Nearly twice what the longest number and ids need."""
_CHECKSUM_BYTES = 4
_NEWER = re.compile(r"AK[1-9][0-9]*\.")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_SOURCE = "copy the whole text that the customer's `keycloak-license activation-key` prints"
_FIELDS = ("licence number", "issue", "installation id", "realm id")


@dataclass(frozen=True, slots=True)
class ActivationKey:
    """Which licence is to be activated for which installation."""

    number: str
    issue: int
    installation_id: str
    realm_id: str

    def to_text(self) -> str:
        """Write it as one word of letters, digits, ``.``, ``-`` and ``_``.

        ``AK1.`` and the base64url, without padding, of the compact JSON array of the four fields and its
        CRC-32 (big-endian). The fields must be ones that a licence can have, or `from_text` refuses them.
        """
        content = json.dumps(astuple(self), ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        return PREFIX + urlsafe_b64encode(content + _checksum(content)).rstrip(b"=").decode("ascii")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `to_text` wrote; white space anywhere is ignored, since mails wrap lines.

        `LicenseRefusedError` says whether it is no activation key, a damaged one, or a newer one. There is
        one text for each key: a wrong, swapped, lost or doubled character is always noticed, or missed once
        in 2**32 times where it shifts all that follows.
        """
        word = "".join(text.split())
        key = cls(*_fields(_content(word)))
        # Decoders read more than one spelling as the same bytes; only the one written here is a key.
        if key.to_text() != word:
            raise _mistyped()
        return key


def activate(payload: LicensePayload, key: ActivationKey) -> LicensePayload:
    """Bind a licence to the installation of a key; everything else in it stays, known or not.

    The payload must come from a file whose signature held. A licence that is activated for this
    installation and realm already is returned as it is. `LicenseRefusedError` when the licence is
    temporary, when the key is of another licence or issue, and when the licence is activated for another
    installation or realm.
    """
    _refuse_unless_meant(payload, key)
    if payload.activation is None:
        entry = ActivationEntry(installation_id=key.installation_id, realm_id=key.realm_id)
        return payload.model_copy(update={"activation": entry})
    bound = payload.activation
    if (bound.installation_id, bound.realm_id) != (key.installation_id, key.realm_id):
        raise LicenseRefusedError(
            f"Licence {shown(payload.number)} is activated for installation {shown(bound.installation_id)} "
            f"of realm id {shown(bound.realm_id)}, and the activation key is of installation "
            f"{shown(key.installation_id)} of realm id {shown(key.realm_id)}; "
            f"activate the licence file as it was first issued."
        )
    return payload


def _refuse_unless_meant(payload: LicensePayload, key: ActivationKey) -> None:
    number = shown(payload.number)
    if payload.type == "temporary":
        raise LicenseRefusedError(
            f"Licence {number} is temporary and needs no activation; the customer imports the file as it is."
        )
    if key.number != payload.number:
        raise LicenseRefusedError(
            f"The activation key is of licence {shown(key.number)}, and the file is licence {number}; "
            f"give the licence file that the customer imported."
        )
    if key.issue != payload.issue:
        raise LicenseRefusedError(
            f"The activation key is of issue {key.issue} of licence {number}, and the file is issue "
            f"{payload.issue}; give the file of issue {key.issue}, or let the customer import issue "
            f"{payload.issue} and send the activation key of that."
        )


def _content(word: str) -> bytes:
    """Take the JSON out of a key without white space; its checksum holds."""
    if word.startswith("eyJ"):
        raise LicenseRefusedError(f"This is a licence file, not an activation key; {_SOURCE}.")
    if not word.startswith(PREFIX):
        if _NEWER.match(word):
            raise LicenseRefusedError(
                "The activation key was made by a newer version; update keycloak-license, and activate again."
            )
        raise LicenseRefusedError(f'This is not an activation key, which starts with "{PREFIX}"; {_SOURCE}.')
    encoded = word.removeprefix(PREFIX)
    if len(word) > MAX_CHARACTERS:
        raise LicenseRefusedError(
            f"The activation key is longer than any can be; {_SOURCE}, and nothing besides."
        )
    # One character too many says nothing: base64 has no group of one.
    if not _BASE64URL.fullmatch(encoded) or len(encoded) % 4 == 1:
        raise _mistyped()
    decoded = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    content, checksum = decoded[:-_CHECKSUM_BYTES], decoded[-_CHECKSUM_BYTES:]
    if checksum != _checksum(content):
        raise _mistyped()
    return content


def _fields(content: bytes) -> tuple[str, int, str, str]:
    """Check the fields as a licence file's are: anybody can compute a checksum."""
    try:
        values = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        values = None
    match values:
        case [number, issue, installation_id, realm_id]:
            fields = (number, issue, installation_id, realm_id)
        case _:
            raise LicenseRefusedError(
                f"The activation key holds something other than its {len(_FIELDS)} fields; {_SOURCE}."
            )
    are_right = (_is_text(number), _is_issue(issue), _is_text(installation_id), _is_text(realm_id))
    for name, is_right in zip(_FIELDS, are_right, strict=True):
        if not is_right:
            raise LicenseRefusedError(
                f"The activation key's {name} is none that a licence can have; {_SOURCE}."
            )
    return fields


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 64 and value.isprintable() and value == value.strip()


def _is_issue(value: object) -> bool:
    # An int, not what merely equals one: Python thinks true == 1 == 1.0.
    return type(value) is int and 1 <= value <= MAX_NUMBER


def _checksum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "big")


def _mistyped() -> LicenseRefusedError:
    return LicenseRefusedError(
        f"The activation key is mistyped or incomplete (its checksum does not match); {_SOURCE}."
    )
