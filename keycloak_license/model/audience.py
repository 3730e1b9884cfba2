"""Who is told, and of what.

The terms come from `settings`; addressees are found by `plan.audience` and kept by the ledger, so that they
can be told when Keycloak is away.
"""

import re
from dataclasses import dataclass
from datetime import UTC, tzinfo

DEFAULT_LOCALE = "en"
MAX_ADDRESS = 320
_ADDRESS = re.compile(
    r"""[^\s@<>()\[\],:;"\\]+
      @ [^\s@<>()\[\],:;"\\.]+ (?:\.[^\s@<>()\[\],:;"\\.]+)*""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class NoticeTerms:
    """What is configured about notices; by default nobody is told anything."""

    expiry_days: tuple[int, ...] = ()
    """How many days before the last day of access to tell, unless the realm's admins have set others."""
    usage_percents: tuple[int, ...] = ()
    """At which shares of the seats of an application to tell that few are left."""
    administrators: tuple[str, ...] = ()
    """Mail addresses that get every notice."""
    has_mail: bool = False
    """Whether there is a mail server."""
    has_webhook: bool = False
    zone: tzinfo = UTC
    """In which people read instants."""


NO_NOTICES = NoticeTerms()


@dataclass(frozen=True, slots=True)
class Addressee:
    """An enabled user with the effective role manage-licenses."""

    user_id: str
    username: str
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Audience:
    """Where notices of one realm go."""

    addresses: tuple[str, ...] = ()
    """Mail addresses, each once."""
    has_webhook: bool = False
    locale: str = DEFAULT_LOCALE

    @property
    def is_there(self) -> bool:
        """Whether anybody is told at all."""
        return bool(self.addresses) or self.has_webhook


NO_AUDIENCE = Audience()


def is_address(text: str) -> bool:
    """Whether mail can be sent there; Keycloak takes anything that an admin imports.

    What looks like an encoded word is none: `email` would decode it, line breaks included.
    """
    is_harmless = text.isprintable() and "=?" not in text and len(text) <= MAX_ADDRESS
    return is_harmless and _ADDRESS.fullmatch(text) is not None
