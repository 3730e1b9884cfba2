"""A mail as it goes over the wire.

In: what `messages` wrote, for whom, from whom and when; out: its bytes. Called by `smtp`.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, Policy

from keycloak_license.mail.message import Message
from keycloak_license.mail.trouble import one_line, without_surrogates
from keycloak_license.model.audience import is_address
from keycloak_license.model.notice import Delivery

MAX_NAME = 200
MAX_WORD = 60
"""Characters of plain text that cannot be folded; longer words are encoded."""

_SENDER = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>\s*", re.DOTALL)
_NO_TEXT = {each: None for each in range(0x20) if chr(each) not in "\t\n"}


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail for one recipient."""

    sender: str
    recipient: str
    """Bare addresses, for the envelope."""
    content: bytes
    is_international: bool
    """Whether an address goes beyond ASCII, which the server has to allow (SMTPUTF8)."""


def parse_address(text: str, name: str = "") -> Address:
    """Return a bare address; `ValueError` for one that is none, or cannot be put into a header."""
    if not is_address(text):
        raise ValueError("this is no mail address")
    local, _, domain = text.rpartition("@")
    return Address(one_line(name)[:MAX_NAME], local, domain)


def parse_sender(text: str) -> Address:
    """Return the address in ``address`` or ``Name <address>``; `ValueError` where there is none."""
    found = _SENDER.fullmatch(text)
    if found is None:
        return parse_address(text.strip())
    name = one_line(found["name"])
    quoted = re.fullmatch(r'"(.*)"', name)
    return parse_address(found["address"].strip(), quoted[1] if quoted else name)


def write_mail(delivery: Delivery, message: Message, sender: Address, at: datetime) -> Mail:
    """Return the mail; `ValueError` where the recipient's address cannot be used."""
    recipient = parse_address(delivery.recipient)
    is_international = not f"{sender.addr_spec}{recipient.addr_spec}".isascii()
    # Bodies in 7 bit pass every server.
    mail = EmailMessage(SMTP.clone(cte_type="7bit", utf8=is_international))
    mail["From"] = _from(sender)
    mail["To"] = recipient
    mail["Subject"] = _subject(message.subject)
    mail["Date"] = at
    mail["Message-ID"] = f"<{one_line(delivery.id)}@{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(_plain(message.text))
    mail.add_alternative(_plain(message.html), subtype="html")
    # Last, for a body comes with its own Content- headers only.
    mail["Content-Language"] = one_line(message.language)
    return Mail(sender.addr_spec, recipient.addr_spec, mail.as_bytes(), is_international)


@dataclass(frozen=True, slots=True)
class _Header:
    """One that is folded already, in the shape in which `email` takes such.

    Its own way loses spaces between encoded words (before Python 3.12.4).
    """

    name: str
    lines: str

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self.lines}{policy.linesep}"


def _subject(text: str) -> _Header:
    line = one_line(text)
    is_plain = line.isascii() and all(len(word) <= MAX_WORD for word in line.split())
    return _Header("Subject", _fold(line, "us-ascii" if is_plain else "utf-8"))


def _from(sender: Address) -> _Header:
    name = sender.display_name
    if name.isascii():
        return _Header("From", str(sender))
    return _Header("From", f"{_fold(name, 'utf-8')}{SMTP.linesep} <{sender.addr_spec}>")


def _fold(text: str, charset: str) -> str:
    return Header(text, charset, header_name="Subject").encode(linesep=SMTP.linesep)


def _plain(text: str) -> str:
    return without_surrogates(text).translate(_NO_TEXT)
