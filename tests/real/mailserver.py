"""A mail server on loopback that keeps what it is sent, and misbehaves where it is told to.

In: how it encrypts, who has to log in, and what it answers; out: `mails`. A context manager; inside the
block it can be stopped, and started again on the same port.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Condition
from typing import Any, Literal, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import MISSING, SMTP, Envelope, LoginPassword, Session

from tests.real.certificates import LOOPBACK, make_certificate

PATIENCE_SECONDS = 60

Encryption = Literal["none", "starttls", "tls"]


@dataclass(frozen=True)
class ReceivedMail:
    """One mail as it came, with its envelope."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage
    raw: bytes
    user: str | None
    """Who had logged in."""
    is_encrypted: bool
    connection: int
    """Equal for mails that came over the same one."""

    def body(self, kind: Literal["plain", "html"]) -> str:
        found = self.message.get_body((kind,))
        assert found is not None
        return str(found.get_content())


class RealMailServer:
    """Everybody's mail, in the order in which it came; what it answers may be changed at any time."""

    def __init__(
        self,
        encryption: Encryption = "none",
        *,
        user: str | None = None,
        password: str = "",
        certified_for: tuple[str, ...] = LOOPBACK,
        takes_unicode: bool = True,
    ) -> None:
        self.mails: list[ReceivedMail] = []
        self.commands: list[str] = []
        """The verbs that came: EHLO, AUTH, NOOP, RSET, MAIL, RCPT, DATA, CONTENT where a mail ends, QUIT."""
        self.refused: dict[str, str] = {}
        """What is answered to which recipient, for example ``550 5.1.1 No such user``."""
        self.answers: dict[str, str] = {}
        """What is answered to a verb instead of doing it; after a 421 the connection is closed.

        ``DATA`` is before a mail's content, ``CONTENT`` after it.
        """
        self.drops_answers = False
        """Whether the connection is cut when a mail has come, without an answer."""
        self.closes_after_each = False
        """Whether the connection is closed after each mail."""
        self.on_mail: Callable[[], object] = lambda: None
        """Called when a mail has come, before its answer."""
        self._encryption = encryption
        self._login = None if user is None else LoginPassword(user.encode(), password.encode())
        self._certified_for = certified_for
        self._takes_unicode = takes_unicode
        self._sessions: set[_Session] = set()
        self._changed = Condition()
        self._around = ExitStack()
        self._controller: _Controller | None = None

    def __enter__(self) -> Self:
        with ExitStack() as around:
            folder = Path(around.enter_context(TemporaryDirectory()))
            self._certificate = make_certificate(folder, self._certified_for)
            # Bound and not listening: it keeps the port for us while nobody is to be reached there.
            place = around.enter_context(socket.socket())
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            place.bind((self.host, 0))
            self._port = int(place.getsockname()[1])
            self.start()
            self._around = around.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with self._around:
            self.stop()

    @property
    def host(self) -> str:
        return "127.0.0.1"

    @property
    def port(self) -> int:
        return self._port

    @property
    def ca_file(self) -> Path:
        """The CA to trust."""
        return self._certificate.ca_file

    def start(self) -> None:
        """Listen; `mails` stays what it was."""
        assert self._controller is None
        controller = _Controller(self._begin_session, self.host, self._port, self._implicit_tls)
        controller.start()
        self._controller = controller

    def stop(self) -> None:
        """Cut every connection and refuse new ones; nothing happens while it is stopped."""
        if self._controller is None:
            return
        self._controller.call(self._cut)
        self.wait_for_goodbye()
        self._controller.stop()
        self._controller = None

    def wait_for(self, count: int) -> list[ReceivedMail]:
        """Return the mails once there are so many."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.mails) >= count, PATIENCE_SECONDS)
            assert came, f"{len(self.mails)} mails came instead of {count}"
            return list(self.mails)

    def wait_for_goodbye(self) -> None:
        """Return once nobody is connected."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._sessions, PATIENCE_SECONDS)

    @property
    def _implicit_tls(self) -> ssl.SSLContext | None:
        return self._certificate.context if self._encryption == "tls" else None

    def _begin_session(self) -> "_Session":
        upgrades = self._encryption == "starttls"
        return _Session(
            _Hooks(self),
            on_change=self._note,
            hostname="localhost",
            enable_SMTPUTF8=self._takes_unicode,
            tls_context=self._certificate.context if upgrades else None,
            require_starttls=upgrades,
            auth_require_tls=upgrades,
            auth_callback=lambda _, user, password: (user, password) == self._login,
        )

    def _note(self, session: "_Session", *, is_open: bool) -> None:
        with self._changed:
            (self._sessions.add if is_open else self._sessions.discard)(session)
            self._changed.notify_all()

    async def _cut(self, server: asyncio.AbstractServer) -> None:
        server.close()
        for session in list(self._sessions):
            session.cut()

    def _keep(self, mail: ReceivedMail) -> None:
        with self._changed:
            self.mails.append(mail)
            self._changed.notify_all()
        self.on_mail()

    def _answer(self, smtp: "_Session", verb: str) -> Any:
        self.commands.append(verb)
        answer = self.answers.get(verb, MISSING)
        if str(answer).startswith("421"):
            smtp.close_soon()
        return answer


class _Controller(Controller):
    """The thread that listens; what it starts may listen on a port that somebody else holds for it."""

    def __init__(
        self, begin: Callable[[], SMTP], host: str, port: int, ssl_context: ssl.SSLContext | None
    ) -> None:
        super().__init__(
            None, hostname=host, port=port, ssl_context=ssl_context, ready_timeout=PATIENCE_SECONDS
        )
        self._begin = begin

    def factory(self) -> SMTP:
        return self._begin()

    def _create_server(self) -> Coroutine[Any, Any, asyncio.Server]:
        return self.loop.create_server(
            self._factory_invoker, self.hostname, self.port, ssl=self.ssl_context, reuse_port=True
        )

    def call(self, action: Callable[[asyncio.AbstractServer], Coroutine[Any, Any, None]]) -> None:
        assert self.server is not None
        asyncio.run_coroutine_threadsafe(action(self.server), self.loop).result(PATIENCE_SECONDS)


class _Session(SMTP):
    """One connection."""

    def __init__(self, hooks: "_Hooks", *, on_change: Callable[..., None], **settings: Any) -> None:
        super().__init__(hooks, **settings)
        self._hooks = hooks
        self._on_change = on_change

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._on_change(self, is_open=True)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._on_change(self, is_open=False)

    @property
    def wire(self) -> Any:
        return self.transport

    @property
    def is_encrypted(self) -> bool:
        return self.wire.get_extra_info("ssl_object") is not None

    def cut(self) -> None:
        self.wire.abort()

    def close_soon(self) -> None:
        """Close once what is to be answered now is on its way."""
        self.loop.call_soon(self.wire.close)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd
        answer = self._hooks.before_data(self)
        if answer is MISSING:
            await super().smtp_DATA(arg)
        else:
            await self.push(answer)


class _Hooks:
    """What aiosmtpd asks; MISSING lets it do as usual."""

    def __init__(self, owner: RealMailServer) -> None:
        self._owner = owner

    async def handle_EHLO(  # noqa: N802 - aiosmtpd
        self, smtp: _Session, session: Session, _envelope: Envelope, name: str, answers: list[str]
    ) -> list[str]:
        session.host_name = name
        answer = self._owner._answer(smtp, "EHLO")
        if answer is not MISSING:
            return [answer]
        has_users = self._owner._login is not None
        return [each for each in answers if has_users or not each.startswith("250-AUTH")]

    async def handle_AUTH(self, smtp: _Session, *_: object) -> Any:  # noqa: N802 - aiosmtpd
        return self._owner._answer(smtp, "AUTH")

    async def handle_NOOP(self, smtp: _Session, *_: object) -> Any:  # noqa: N802 - aiosmtpd
        return self._owner._answer(smtp, "NOOP")

    async def handle_RSET(self, smtp: _Session, *_: object) -> Any:  # noqa: N802 - aiosmtpd
        return self._owner._answer(smtp, "RSET")

    async def handle_QUIT(self, smtp: _Session, *_: object) -> Any:  # noqa: N802 - aiosmtpd
        return self._owner._answer(smtp, "QUIT")

    async def handle_MAIL(self, smtp: _Session, session: Session, *_: object) -> Any:  # noqa: N802 - aiosmtpd
        answer = self._owner._answer(smtp, "MAIL")
        if answer is MISSING and self._owner._login is not None and not session.authenticated:
            return "530 5.7.0 Authentication required"
        return answer

    async def handle_RCPT(  # noqa: N802 - aiosmtpd
        self, smtp: _Session, _session: Session, _envelope: Envelope, address: str, *_: object
    ) -> Any:
        answer = self._owner._answer(smtp, "RCPT")
        return self._owner.refused.get(address, answer)

    def before_data(self, smtp: _Session) -> Any:
        return self._owner._answer(smtp, "DATA")

    async def handle_DATA(self, smtp: _Session, session: Session, envelope: Envelope) -> Any:  # noqa: N802
        answer = self._owner._answer(smtp, "CONTENT")
        if answer is not MISSING:
            return answer
        self._owner._keep(_received(smtp, session, envelope))
        if self._owner.drops_answers:
            raise asyncio.CancelledError
        if self._owner.closes_after_each:
            smtp.close_soon()
        return "250 OK"


def _received(smtp: _Session, session: Session, envelope: Envelope) -> ReceivedMail:
    assert isinstance(envelope.content, bytes)
    assert envelope.mail_from is not None
    assert session.peer is not None
    message = message_from_bytes(envelope.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    login = session.auth_data
    return ReceivedMail(
        envelope.mail_from,
        tuple(envelope.rcpt_tos),
        message,
        envelope.content,
        login.login.decode() if isinstance(login, LoginPassword) else None,
        smtp.is_encrypted,
        int(session.peer[1]),
    )
