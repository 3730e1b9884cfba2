"""What a licence file says: the wire schema of ``format`` 1.

In comes a JSON object, out goes a `LicensePayload` and from it a `License`, or `PayloadError`. Called
by `verify` after the signature held, by `issue` before there is one.

Members this version does not know are kept at every level, so that signing a payload again (an
activation does) loses nothing a newer vendor put in.
"""

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from keycloak_license.license_file.strict_json import shown
from keycloak_license.model.license import DEFAULT_EXEMPT_USERS, Activation, License, LicenseType

FORMAT = 1
MAX_NUMBER = 2**31 - 1
"""Highest issue and number of seats: what every database column and reader holds."""
FIRST_DAY = date(1970, 1, 1)
LAST_DAY = date(9998, 12, 31)
"""A year short of the calendar's end, so that "the day after, in any time zone" always exists."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_MUST_BE = {
    "number": "1 to 64 printable characters without space at either end",
    "issue": f"a whole number from 1 to {MAX_NUMBER}",
    "type": '"commercial" or "temporary"',
    "customer": "1 to 200 printable characters without space at either end",
    "issued_on": f"a day as YYYY-MM-DD from {FIRST_DAY} to {LAST_DAY}",
    "starts_on": f"a day as YYYY-MM-DD from {FIRST_DAY} to {LAST_DAY}",
    "expires_on": f"a day as YYYY-MM-DD from {FIRST_DAY} to {LAST_DAY}",
    "scope": "an object of 1 to 500 application ids (1 to 64 of A-Z a-z 0-9 _ -), each an object with seats",
    "seats": f"a whole number from 0 to {MAX_NUMBER}, or null for unlimited",
    "exempt_users": "a list of at most 500 user names of 1 to 255 printable characters",
    "activation": "null, or an object with installation_id and realm_id",
    "installation_id": "1 to 64 printable characters",
    "realm_id": "1 to 64 printable characters",
}


class PayloadError(ValueError):
    """The payload is wrong; the message continues a sentence that starts with "The licence"."""


class UnknownFormatError(PayloadError):
    """The payload may be right, for another version of this program."""


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError
    return text


def _day(value: object) -> date:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError
    day = date.fromisoformat(value)
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError
    return day


_Text64 = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_printable)]
_Text200 = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]
_Username = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_printable)]
_ApplicationId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_Day = Annotated[date, BeforeValidator(_day)]


class _Wire(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", frozen=True)


class ScopeEntry(_Wire):
    """What is licensed of one application."""

    seats: Annotated[int, Field(ge=0, le=MAX_NUMBER)] | None
    """None is unlimited."""


class ActivationEntry(_Wire):
    """The installation a commercial licence is activated for."""

    installation_id: _Text64
    realm_id: _Text64


class LicensePayload(_Wire):
    """The content of a licence file; says nothing about whether it was signed."""

    format: Literal[1]
    number: _Text64
    issue: Annotated[int, Field(ge=1, le=MAX_NUMBER)]
    type: Literal["commercial", "temporary"]
    customer: _Text200
    issued_on: _Day
    starts_on: _Day
    expires_on: _Day
    scope: Annotated[dict[_ApplicationId, ScopeEntry], Field(min_length=1, max_length=500)]
    exempt_users: Annotated[list[_Username], Field(max_length=500)] = list(DEFAULT_EXEMPT_USERS)
    activation: ActivationEntry | None = None

    @model_validator(mode="after")
    def _starts_before_it_ends(self) -> Self:
        if self.expires_on < self.starts_on:
            raise ValueError(f"ends on {self.expires_on}, before it starts on {self.starts_on}")
        return self

    def to_json(self) -> dict[str, Any]:
        """As JSON values, with every unknown member and without the defaults it did not name."""
        return self.model_dump(mode="json", exclude_unset=True)

    def to_bytes(self) -> bytes:
        """Write the text that is signed."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":")).encode("utf-8")

    def to_license(self, kid: str, file: str) -> License:
        """Turn it into the trusted thing; only `verify` may say that the signature by `kid` held."""
        entry = self.activation
        return License(
            number=self.number,
            issue=self.issue,
            type=LicenseType(self.type),
            customer=self.customer,
            issued_on=self.issued_on,
            starts_on=self.starts_on,
            expires_on=self.expires_on,
            scope={application: licensed.seats for application, licensed in self.scope.items()},
            exempt_users=tuple(self.exempt_users),
            activation=Activation(entry.installation_id, entry.realm_id) if entry else None,
            kid=kid,
            file=file,
        )


def read_payload(content: Mapping[str, Any]) -> LicensePayload:
    """Check a JSON object against the schema; `PayloadError` names the first wrong member."""
    _check_format(content)
    try:
        return LicensePayload.model_validate(dict(content))
    except ValidationError as error:
        raise PayloadError(_first_mistake(error)) from None


def _check_format(content: Mapping[str, Any]) -> None:
    if "format" not in content:
        raise PayloadError('field "format" is missing')
    found = content["format"]
    # An int, not what merely equals one: Python thinks true == 1 == 1.0.
    if type(found) is not int:
        raise PayloadError('field "format" must be a whole number')
    if found != FORMAT:
        raise UnknownFormatError(
            f"format is {shown(str(found), 12)}, and this version reads format {FORMAT} only"
        )


def _first_mistake(error: ValidationError) -> str:
    mistake = error.errors(include_url=False, include_input=False)[0]
    location = tuple(str(step) for step in mistake["loc"] if step != "[key]")
    if not location:
        return str(mistake["ctx"]["error"])
    path = shown(".".join(location), 120)
    if mistake["type"] == "missing":
        return f"field {path} is missing"
    return f"field {path} must be {_must_be(location)}"


def _must_be(location: tuple[str, ...]) -> str:
    match location:
        case ("scope", _, "seats") | ("activation", "installation_id" | "realm_id"):
            return _MUST_BE[location[-1]]
        case _:
            return _MUST_BE[location[0]]
