"""Deliveries for the tests of SMTP, and how they are sent."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from keycloak_license.mail.message import Message
from keycloak_license.mail.smtp import MailServer, Security, SmtpChannel
from keycloak_license.model.notice import (
    Channel,
    Delivered,
    Delivery,
    Outcome,
    Refused,
    TrialNotice,
    Unreachable,
)
from tests.real.mailserver import RealMailServer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DELIVERED = Delivered()
USER, PASSWORD = "keycloak-license", "correct horse battery staple"


def delivery(recipient: str = "ann@example.org", *, number: int = 1) -> Delivery:
    return Delivery(f"notice-{number}", TrialNotice(realm="acme", at=NOW), Channel.MAIL, recipient)


def deliveries(*recipients: str) -> list[Delivery]:
    return [delivery(each, number=number) for number, each in enumerate(recipients, 1)]


def compose(each: Delivery) -> Message:
    return Message(f"Žádost o {each.notice.realm}", "Dobrý den", "<p>Dobrý den</p>", "cs")


def at(server: RealMailServer | int, **changes: Any) -> MailServer:
    port = server if isinstance(server, int) else server.port
    settings: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "sender": "Single Sign-On <sso@example.org>",
        "security": Security.NONE,
        "timeout_seconds": 60,
    }
    return MailServer(**{**settings, **changes})


def channel(
    server: RealMailServer | int, write: Callable[[Delivery], Message] = compose, **changes: Any
) -> SmtpChannel:
    return SmtpChannel(at(server, **changes), write, lambda: NOW)


def sent(sender: SmtpChannel, what: Iterable[Delivery]) -> list[Outcome]:
    return [outcome for _, outcome in sender.send(what)]


def problem(outcome: Outcome, kind: type[Refused] | type[Unreachable]) -> str:
    """The problem of an outcome, which is a line that fits."""
    assert type(outcome) is kind, outcome
    assert not isinstance(outcome, Delivered)
    assert 0 < len(outcome.problem) <= 200
    assert outcome.problem.isprintable()
    assert PASSWORD not in outcome.problem
    return outcome.problem


def only_problem(sender: SmtpChannel, kind: type[Refused] | type[Unreachable] = Unreachable) -> str:
    [outcome] = sent(sender, [delivery()])
    return problem(outcome, kind)


def pulled(pulls: list[str], what: Iterable[Delivery]) -> Iterator[Delivery]:
    for each in what:
        pulls.append(each.recipient)
        yield each
