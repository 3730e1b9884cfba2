"""A mail server that keeps what it is sent.

A context manager: inside the block it listens on a loopback port, and `wait_for_link` returns what
somebody is to click on.
"""

import re
import socket
from email import message_from_bytes, policy
from email.message import EmailMessage
from queue import Empty, Queue
from typing import Any, Self

from aiosmtpd.controller import Controller

PATIENCE_SECONDS = 60


class Mailbox:
    """Everybody's mail, in the order in which it came."""

    def __init__(self) -> None:
        self._mails: Queue[EmailMessage] = Queue()
        # It cannot choose a port by itself: it looks whether it answers at the one it was told.
        with socket.create_server(("127.0.0.1", 0)) as chosen:
            self._port = chosen.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self._port)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def settings(self) -> dict[str, str]:
        """What a realm needs to send mails here."""
        return {"host": "127.0.0.1", "port": str(self._port), "from": "sso@example.org"}

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self._mails.put(message)
        return "250 OK"

    def wait_for_link(self) -> str:
        """The link in the next mail."""
        try:
            mail = self._mails.get(timeout=PATIENCE_SECONDS)
        except Empty:
            raise AssertionError("no mail came") from None
        body = mail.get_body(("plain",))
        assert body is not None
        [link, *_] = re.findall(r"http://\S+action-token\S+", body.get_content())
        return str(link)
