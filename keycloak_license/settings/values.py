"""The kinds of value a setting can hold, each with the words that say what is expected.

In: decoded scalars; out: checked values. Used by `settings.schema` only; messages never repeat a value,
since any of them may be a secret somebody put in the wrong place.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from email.utils import getaddresses
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path, PurePosixPath
from typing import Annotated
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, Secret, SecretStr

MASK = "**********"
DATABASE_FORMS = "sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a value must be, in words that follow "must be"."""

    text: str


class DatabaseUrl(Secret[str]):
    """A database address that shows itself without its password."""

    def _display(self) -> str:
        shown = re.sub(r"(://[^:/@]*):.*@", rf"\1:{MASK}@", self.get_secret_value())
        return re.sub(r"([?&]\w*password=)[^&]*", rf"\1{MASK}", shown, flags=re.IGNORECASE)

    def anchored(self, folder: Path) -> "DatabaseUrl":
        """Return the same database, a relative SQLite file taken from this folder."""
        parts = re.fullmatch(r"(sqlite(?:\+\w+)?:///)([^?]+)(\?.*)?", self.get_secret_value())
        if parts is None or parts[2] == ":memory:" or parts[2].startswith("file:"):
            return self
        # The folder is a path, not yet a part of a URL.
        anchor = quote(str(folder.absolute()), safe="/")
        return DatabaseUrl(f"{parts[1]}{PurePosixPath(anchor) / parts[2]}{parts[3] or ''}")


def _database_url(value: object) -> object:
    """Name the driver that is installed, whatever SQLAlchemy's own default is."""
    if not isinstance(value, str):
        return value
    url = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", value)
    if not re.fullmatch(r"sqlite(\+pysqlite)?://(/.+)?|postgresql\+psycopg://.+", url):
        raise ValueError(f"must be {DATABASE_FORMS}")
    return DatabaseUrl(url)


def _http_url(value: str) -> str:
    """Check an address and drop its trailing slash; a path such as /auth stays."""
    value = _webhook_url(value)
    parts = urlsplit(value)
    if parts.query or parts.fragment:
        raise ValueError("must be an address without ? and #")
    return value.rstrip("/")


def _webhook_url(value: str) -> str:
    """Check an address that may have a query."""
    wrong = "must be an address that begins with http:// or https:// and names a host"
    try:
        parts = urlsplit(value)
        is_usable = parts.port != 0 and bool(parts.hostname)
    except ValueError:
        # The original sentence may quote a part of the address.
        raise ValueError(wrong) from None
    if parts.scheme not in {"http", "https"} or not is_usable or re.search(r"\s", value):
        raise ValueError(wrong)
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password")
    return value


def _host(value: str) -> str:
    """Check where to listen: the brackets of IPv6 belong to addresses with a port."""
    with suppress(ValueError):
        return str(ip_address(value))
    if not re.fullmatch(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*", value):
        raise ValueError("must be an IP address or a host name, such as 0.0.0.0 or localhost")
    return value


def _time_zone(value: object) -> object:
    """Find a zone of the IANA database; the machine's own extras such as `localtime` are none."""
    if isinstance(value, ZoneInfo):
        return value
    zones = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    if value in zones:
        return ZoneInfo(str(value))
    by_lower = {zone.lower(): zone for zone in zones}
    close = get_close_matches(str(value).lower(), by_lower, n=1)
    hint = f" (did you mean {by_lower[close[0]]}?)" if close else " such as Europe/Prague"
    raise ValueError(f"must be a time zone of the IANA database{hint}")


def _mail_address(value: str) -> str:
    addresses = getaddresses([value])
    if len(addresses) != 1 or not re.fullmatch(r"[^@\s]+@[^@\s]+", addresses[0][1]) or "\n" in value:
        raise ValueError("must be a mail address such as licences@example.com")
    return value


Text = Annotated[str, Field(pattern=r"\S"), Expected("text that is not empty")]
Names = tuple[Text, ...]
Switch = Annotated[bool, Field(strict=True), Expected("true or false")]
Count = Annotated[int, Field(strict=True, ge=0)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
RequiredSecret = Annotated[SecretStr, Expected("text that is not empty")]
Host = Annotated[str, AfterValidator(_host), Expected("an IP address or a host name")]
HttpUrl = Annotated[str, AfterValidator(_http_url), Expected("an http:// or https:// address")]
WebhookUrl = Annotated[str, AfterValidator(_webhook_url), Expected("an http:// or https:// address")]
MailAddress = Annotated[str, AfterValidator(_mail_address), Expected("a mail address")]
TimeZone = Annotated[ZoneInfo, BeforeValidator(_time_zone), Expected("a time zone such as Europe/Prague")]
Database = Annotated[DatabaseUrl, BeforeValidator(_database_url), Expected(DATABASE_FORMS)]
Folder = Annotated[Path, Expected("the path of a folder")]
TlsCheck = Annotated[bool | Path, Expected("true, false or the path of a CA bundle")]
ApplicationId = Annotated[
    str, Field(pattern=r"\A[A-Za-z0-9_-]{1,64}\z"), Expected("1 to 64 letters, digits, _ or -")
]
