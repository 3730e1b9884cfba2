"""Notices go out as mails over SMTP.

In: deliveries, claimed one by one while they are pulled; out: each with its outcome, right after the
server's answer. Called by whoever empties the outbox, and `check` by the doctor.
"""

import base64
import smtplib
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from keycloak_license.errors import ConfigurationError, KeycloakLicenseError, UnavailableError
from keycloak_license.mail.message import Message
from keycloak_license.mail.mime import Mail, parse_sender, write_mail
from keycloak_license.mail.trouble import as_problem, explain
from keycloak_license.model.notice import Delivered, Delivery, Outcome, Refused, Unreachable

Compose = Callable[[Delivery], Message]

_GOODBYE = 421
_LATER = "look into its log, or try again later"
_LOGINS = frozenset({"PLAIN", "LOGIN", "CRAM-MD5"})


class Security(StrEnum):
    """How the connection is encrypted."""

    NONE = "none"
    STARTTLS = "starttls"
    """It begins plain and is upgraded before anything is told."""
    TLS = "tls"
    """From the first byte."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mails are handed in, and who we are there."""

    host: str
    port: int
    sender: str
    """``address`` or ``Name <address>``."""
    security: Security = Security.STARTTLS
    username: str | None = None
    """None for no login."""
    password: str | None = field(default=None, repr=False)
    timeout_seconds: float = 30
    """For connecting, and for each answer but one."""
    content_timeout_seconds: float = 600
    """How long it may look into a mail that it has: whoever gave up sooner would send it again and again (RFC
    5321, 4.5.3.2.6)."""
    verify_tls: bool | Path = True
    """Or the path of a bundle of CAs."""

    def __str__(self) -> str:
        return f"the mail server {self.host}:{self.port}"


class SmtpChannel:
    """Hands mails to one server; `ConfigurationError` where the sender is no mail address."""

    def __init__(self, server: MailServer, compose: Compose, clock: Callable[[], datetime]) -> None:
        self._server = server
        self._compose = compose
        self._clock = clock
        try:
            self._sender = parse_sender(server.sender)
        except ValueError:
            raise ConfigurationError(
                f"The sender of mails {server.sender!r} is no mail address: "
                "write it as name@example.org or Name <name@example.org>"
            ) from None

    def send(self, deliveries: Iterable[Delivery]) -> Iterator[tuple[Delivery, Outcome]]:
        """Send one after the other over one connection; end after the first `Unreachable`.

        Each outcome is yielded before the next delivery is pulled.
        """
        connection = _Connection(self._server)
        try:
            for delivery in deliveries:
                outcome = self._send_one(delivery, connection)
                yield delivery, outcome
                if isinstance(outcome, Unreachable):
                    return
        finally:
            connection.close()

    def check(self) -> str:
        """Connect, encrypt and log in, send nothing, and return in words what was found.

        `ConfigurationError` where a setting is to be changed, `UnavailableError` otherwise.
        """
        connection = _Connection(self._server)
        try:
            client = connection.open()
            found = _describe(self._server, client)
            _expect(client.noop(), f"{self._server} is not ready")
        except _Trouble as trouble:
            raise trouble.as_error() from None
        except OSError as error:
            raise _explain(self._server, error).as_error() from None
        finally:
            connection.close()
        return found

    def _send_one(self, delivery: Delivery, connection: "_Connection") -> Outcome:
        message = self._compose(delivery)
        try:
            mail = write_mail(delivery, message, self._sender, self._clock())
        except ValueError as error:
            return Refused(as_problem(str(error)))
        try:
            return _transmit(connection.open(), mail, self._server.content_timeout_seconds)
        except _Trouble as trouble:
            return Unreachable(trouble.problem)
        except (OSError, ValueError) as error:
            return Unreachable(_explain(self._server, error).problem)


class _Trouble(Exception):  # noqa: N818 - it never leaves this module
    """Why nothing can be sent, and what a person can do."""

    def __init__(self, problem: str, remedy: str, *, is_setting: bool = True) -> None:
        super().__init__(problem)
        self.problem = as_problem(problem)
        self._remedy = remedy
        self._kind = ConfigurationError if is_setting else UnavailableError

    def as_error(self) -> KeycloakLicenseError:
        return self._kind(f"{self.problem[:1].upper()}{self.problem[1:]}: {self._remedy}")


class _Connection:
    """The one to a server: opened when it is needed, and again where the server has ended it meanwhile."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._client: smtplib.SMTP | None = None

    def open(self) -> smtplib.SMTP:
        """Return a client that is ready for a new mail; `_Trouble` where there is none to be had."""
        if self._client is not None and not _is_ready(self._client):
            self.close()
        if self._client is None:
            self._client = _connect(self._server)
        return self._client

    def close(self) -> None:
        if self._client is not None:
            _leave(self._client)
            self._client = None


def _is_ready(client: smtplib.SMTP) -> bool:
    """Tell whether the server is still there, and let it forget a mail that it refused."""
    try:
        return client.rset()[0] == 250
    except OSError:
        return False


def _leave(client: smtplib.SMTP) -> None:
    with suppress(OSError):
        client.quit()
    with suppress(OSError):
        client.close()


def _connect(server: MailServer) -> smtplib.SMTP:
    context = _tls_context(server)
    try:
        client = _reach(server, context)
    except (OSError, ValueError) as error:
        raise _explain(server, error) from None
    try:
        client.ehlo_or_helo_if_needed()
        if server.security is Security.STARTTLS:
            _upgrade(client, server, context)
        _log_in(client, server)
    except (OSError, ValueError) as error:
        _leave(client)
        raise _explain(server, error) from None
    except _Trouble:
        _leave(client)
        raise
    return client


def _reach(server: MailServer, context: ssl.SSLContext) -> smtplib.SMTP:
    if server.security is Security.TLS:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout_seconds, context=context)
    return smtplib.SMTP(server.host, server.port, timeout=server.timeout_seconds)


def _tls_context(server: MailServer) -> ssl.SSLContext:
    bundle = server.verify_tls if isinstance(server.verify_tls, Path) else None
    try:
        context = ssl.create_default_context(cafile=bundle)
    except OSError as error:
        raise _Trouble(
            f"the CA bundle {bundle} for {server} cannot be used ({type(error).__name__})",
            "give a PEM file with certificates",
        ) from None
    if server.verify_tls is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _upgrade(client: smtplib.SMTP, server: MailServer, context: ssl.SSLContext) -> None:
    if not client.has_extn("starttls"):
        raise _Trouble(
            f"{server} offers no STARTTLS, and nothing is sent in the clear",
            "check mail.port, or set mail.tls, or mail.starttls to false",
        )
    client.starttls(context=context)
    client.ehlo_or_helo_if_needed()


def _log_in(client: smtplib.SMTP, server: MailServer) -> None:
    if server.username is None:
        return
    if _LOGINS.isdisjoint(client.esmtp_features.get("auth", "").upper().split()):
        raise _Trouble(
            f"{server} offers no login with a password",
            "check mail.port, mail.tls and mail.starttls, or leave mail.username out",
        )
    code, words = _authenticate(client, server.username, server.password or "")
    if code not in {235, 503}:
        raise _Trouble(
            f"the login is refused: {code} {words}",
            "check mail.username and mail.password",
            is_setting=code >= 500,
        )


def _authenticate(client: smtplib.SMTP, username: str, password: str) -> tuple[int, str]:
    """Return the server's answer, without the words of one that repeats the password."""
    plain = _base64(f"\0{username}\0{password}")
    try:
        if f"{username}{password}".isascii():
            code, words = client.login(username, password)
        else:
            # smtplib would have it in ASCII.
            code, words = client.docmd("AUTH", f"PLAIN {plain}")
    except smtplib.SMTPAuthenticationError as error:
        code, said = error.smtp_code, _text(error.smtp_error)
    else:
        said = _text(words)
    secrets = (password, plain, _base64(password))
    return code, "" if any(each.lower() in said.lower() for each in secrets if each) else said


@contextmanager
def _patience(client: smtplib.SMTP, seconds: float) -> Iterator[None]:
    """Wait so long for each answer inside the block."""
    sock = client.sock
    before = sock.gettimeout() if sock else None
    if sock:
        sock.settimeout(seconds)
    yield
    if sock:
        sock.settimeout(before)


def _transmit(client: smtplib.SMTP, mail: Mail, seconds: float) -> Outcome:
    if mail.is_international and not client.has_extn("smtputf8"):
        whose = Refused if mail.sender.isascii() else Unreachable
        return whose("the mail server takes no addresses beyond ASCII (SMTPUTF8)")
    options = ("SMTPUTF8", "BODY=8BITMIME") if mail.is_international else ()
    _expect(client.mail(mail.sender, options), f"mails from {mail.sender} are not taken")
    answer = client.rcpt(mail.recipient)
    if answer[0] not in {250, 251}:
        return _refusal(*answer)
    try:
        with _patience(client, seconds):
            answer = client.data(mail.content)
    except smtplib.SMTPDataError as error:
        return _refusal(error.smtp_code, error.smtp_error)
    return Delivered() if answer[0] == 250 else _refusal(*answer)


def _refusal(code: int, words: bytes | str) -> Outcome:
    problem = as_problem(f"{code} {_text(words)}")
    return Refused(problem) if 400 <= code < 600 and code != _GOODBYE else Unreachable(problem)


def _expect(answer: tuple[int, bytes], otherwise: str) -> None:
    code, words = answer
    if code != 250:
        raise _Trouble(f"{otherwise}: {code} {_text(words)}", _LATER, is_setting=False)


def _describe(server: MailServer, client: smtplib.SMTP) -> str:
    version = client.sock.version() if isinstance(client.sock, ssl.SSLSocket) else None
    encrypted = f"encrypted with {version}" if version else "not encrypted"
    unchecked = " to whoever has any certificate" if version and server.verify_tls is False else ""
    readable = "" if version else ", and everybody on the way can read the password"
    login = f"logged in as {server.username}{readable}" if server.username else "without a login"
    return f"{server} answers, {encrypted}{unchecked}, {login}"


def _explain(server: MailServer, error: Exception) -> _Trouble:
    match error:
        case smtplib.SMTPResponseException() if error.smtp_code < 100:
            return _Trouble(f"{server} does not speak SMTP", "check mail.host and mail.port")
        case smtplib.SMTPResponseException():
            return _Trouble(
                f"{server} answers {error.smtp_code} {_text(error.smtp_error)}", _LATER, is_setting=False
            )
        case ssl.SSLCertVerificationError():
            remedy, is_setting = "check mail.host, or set mail.verify_tls to the file of its CA", True
        case ssl.SSLError():
            remedy, is_setting = "check mail.port, mail.tls and mail.starttls", True
        case _:
            remedy, is_setting = "check mail.host and mail.port, and that it is up", False
    why = explain(error, server.timeout_seconds)
    return _Trouble(f"{server} cannot be reached ({why})", remedy, is_setting=is_setting)


def _text(words: bytes | str) -> str:
    return words if isinstance(words, str) else words.decode(errors="replace")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
