"""Mails go out over SMTP to a real server, and every way in which it does not take them has its outcome."""

from datetime import timedelta

import pytest

from keycloak_license.errors import ConfigurationError
from keycloak_license.mail.message import Message
from keycloak_license.mail.smtp import Security, SmtpChannel
from keycloak_license.model.notice import (
    Delivery,
    Refused,
    Unreachable,
)
from tests.real.mailserver import RealMailServer
from tests.unit.mail.conftest import Says, Start
from tests.unit.mail.sending import (
    DELIVERED,
    NOW,
    at,
    channel,
    compose,
    deliveries,
    delivery,
    only_problem,
    problem,
    pulled,
    sent,
)


def test_a_mail_arrives_in_text_and_html_with_what_keeps_machines_from_answering(
    server: RealMailServer,
) -> None:
    assert sent(channel(server), [delivery()]) == [DELIVERED]

    [mail] = server.wait_for(1)
    assert (mail.sender, mail.recipients) == ("sso@example.org", ("ann@example.org",))
    assert {name: str(value) for name, value in mail.message.items() if name != "Content-Type"} == {
        "From": "Single Sign-On <sso@example.org>",
        "To": "ann@example.org",
        "Subject": "Žádost o acme",
        "Date": "Sun, 01 Mar 2026 12:00:00 +0000",
        "Message-ID": "<notice-1@example.org>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "Content-Language": "cs",
        "MIME-Version": "1.0",
    }
    assert mail.message.get_content_type() == "multipart/alternative"
    parts = [(each.get_content_type(), each.get_content_charset()) for each in mail.message.iter_parts()]
    assert parts == [("text/plain", "utf-8"), ("text/html", "utf-8")]
    assert (mail.body("plain").strip(), mail.body("html").strip()) == ("Dobrý den", "<p>Dobrý den</p>")
    assert mail.raw.isascii()


def test_everybody_gets_a_mail_of_their_own_over_one_connection_that_is_closed(
    server: RealMailServer,
) -> None:
    recipients = ["ann@example.org", "bob@example.org", "eve@example.org"]

    assert sent(channel(server), deliveries(*recipients)) == [DELIVERED] * 3
    mails = server.wait_for(3)
    assert [mail.recipients for mail in mails] == [(each,) for each in recipients]
    assert [mail.message["To"] for mail in mails] == recipients
    assert len({mail.connection for mail in mails}) == 1
    assert server.commands[-1] == "QUIT"
    server.wait_for_goodbye()


def test_nobody_is_connected_where_nothing_is_to_be_sent(server: RealMailServer) -> None:
    assert sent(channel(server), []) == []
    assert sent(channel(server), [delivery("nobody")]) == [Refused("this is no mail address")]
    assert server.commands == []


def test_the_connection_is_closed_when_the_consumer_has_enough(server: RealMailServer) -> None:
    sending = channel(server).send(deliveries("ann@example.org", "bob@example.org"))
    next(sending)
    sending.close()  # type: ignore[attr-defined]

    assert server.commands[-1] == "QUIT"
    server.wait_for_goodbye()
    assert len(server.mails) == 1


def test_the_connection_is_closed_when_the_words_cannot_be_found(server: RealMailServer) -> None:
    def write(each: Delivery) -> Message:
        if each.recipient == "bob@example.org":
            raise LookupError("no words")
        return compose(each)

    with pytest.raises(LookupError):
        sent(channel(server, write), deliveries("ann@example.org", "bob@example.org"))
    assert server.commands[-1] == "QUIT"
    server.wait_for_goodbye()


def test_each_outcome_is_yielded_before_the_next_delivery_is_pulled(server: RealMailServer) -> None:
    pulls: list[str] = []
    recipients = ["ann@example.org", "bob@example.org", "eve@example.org"]
    sending = channel(server).send(pulled(pulls, deliveries(*recipients)))
    assert pulls == []

    for count, (each, outcome) in enumerate(sending, 1):
        assert (each.recipient, outcome) == (recipients[count - 1], DELIVERED)
        assert pulls == recipients[:count]
        assert len(server.mails) == count


def test_nothing_is_pulled_after_the_server_is_found_unreachable(closed_port: int) -> None:
    pulls: list[str] = []
    sending = channel(closed_port).send(pulled(pulls, deliveries("ann@example.org", "bob@example.org")))

    [(each, outcome)] = sending
    assert each.recipient == "ann@example.org"
    assert problem(outcome, Unreachable) == (
        f"the mail server 127.0.0.1:{closed_port} cannot be reached (connection refused)"
    )
    assert pulls == ["ann@example.org"]


@pytest.mark.parametrize("answer", ["550 5.1.1 No such user", "450 4.2.0 Greylisted", "552 Over quota"])
def test_a_refused_recipient_does_not_stop_the_others(server: RealMailServer, answer: str) -> None:
    server.refused["bob@example.org"] = answer
    people = deliveries("ann@example.org", "bob@example.org", "eve@example.org")

    assert sent(channel(server), people) == [DELIVERED, Refused(answer), DELIVERED]
    mails = server.wait_for(2)
    assert [mail.recipients for mail in mails] == [("ann@example.org",), ("eve@example.org",)]
    assert len({mail.connection for mail in mails}) == 1


@pytest.mark.parametrize("stage", ["DATA", "CONTENT"])
@pytest.mark.parametrize("answer", ["554 5.7.1 Looks like spam", "451 4.3.0 Try later"])
def test_refused_content_does_not_stop_the_others(server: RealMailServer, stage: str, answer: str) -> None:
    server.answers[stage] = answer
    sending = channel(server).send(deliveries("ann@example.org", "bob@example.org"))

    assert next(sending)[1] == Refused(answer)
    server.answers.clear()
    assert [outcome for _, outcome in sending] == [DELIVERED]


@pytest.mark.parametrize("answer", ["550 5.7.1 Not yours", "451 4.3.0 Try later", "421 4.3.2 Closing"])
def test_a_refused_sender_is_refused_for_everybody(server: RealMailServer, answer: str) -> None:
    server.answers["MAIL"] = answer

    assert only_problem(channel(server)) == f"mails from sso@example.org are not taken: {answer}"


@pytest.mark.parametrize("verb", ["RCPT", "DATA", "CONTENT"])
def test_a_server_that_says_goodbye_takes_nothing_from_anybody(server: RealMailServer, verb: str) -> None:
    server.answers[verb] = "421 4.3.2 Closing"

    assert only_problem(channel(server)) == "421 4.3.2 Closing"


@pytest.mark.parametrize("verb", ["RCPT", "DATA", "CONTENT"])
def test_an_answer_that_fits_nothing_is_no_delivery(server: RealMailServer, verb: str) -> None:
    server.answers[verb] = "299 Well" if verb != "DATA" else "250 OK"

    assert only_problem(channel(server)) == server.answers[verb]


def test_what_a_server_says_becomes_one_line_that_fits(server: RealMailServer) -> None:
    server.refused["ann@example.org"] = f"550-5.1.1 No\x1b[31m such\t user\r\n550 {'ž' * 400}"

    said = only_problem(channel(server), Refused)
    assert said.startswith("550 5.1.1 No [31m such user žžž")
    assert len(said) == 200


def test_a_greeting_that_says_no_is_told(saying: Says) -> None:
    port = saying(b"554 5.3.2 Nobody is served here\r\n")

    said = only_problem(channel(port))
    assert said == f"the mail server 127.0.0.1:{port} answers 554 5.3.2 Nobody is served here"


@pytest.mark.parametrize(
    "words", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff\xfe\0\r\n", b"220" + b"x" * 9000]
)
def test_what_is_no_mail_server_is_unreachable(saying: Says, words: bytes) -> None:
    port = saying(words)

    assert f"the mail server 127.0.0.1:{port} " in only_problem(channel(port))


@pytest.mark.parametrize("security", Security)
def test_a_server_that_says_nothing_is_not_waited_for(saying: Says, security: Security) -> None:
    port = saying(b"")

    said = only_problem(channel(port, security=security, timeout_seconds=0.05))
    assert said == f"the mail server 127.0.0.1:{port} cannot be reached (no answer within 0.05 seconds)"


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example.org"])
def test_a_host_that_cannot_be_is_unreachable(host: str) -> None:
    said = only_problem(channel(25, host=host))

    assert said == f"the mail server {host}:25 cannot be reached (its host name is not known)"


def test_an_answer_that_does_not_come_leaves_the_mail_to_another_attempt_with_the_same_id(
    server: RealMailServer,
) -> None:
    server.drops_answers = True
    said = only_problem(channel(server))
    server.drops_answers = False

    assert said == f"the mail server 127.0.0.1:{server.port} cannot be reached (connection lost)"
    assert sent(channel(server), [delivery()]) == [DELIVERED]
    ids = [mail.message["Message-ID"] for mail in server.wait_for(2)]
    assert ids == ["<notice-1@example.org>"] * 2


def test_a_server_that_closes_after_each_mail_is_connected_once_more_for_the_next(
    server: RealMailServer,
) -> None:
    server.closes_after_each = True

    assert sent(channel(server), deliveries("ann@example.org", "bob@example.org")) == [DELIVERED] * 2
    assert len({mail.connection for mail in server.wait_for(2)}) == 2


def test_a_server_that_takes_leave_while_nothing_is_sent_is_connected_once_more(
    server: RealMailServer,
) -> None:
    server.answers["RSET"] = "421 4.4.2 Idle for too long"

    assert sent(channel(server), deliveries("ann@example.org", "bob@example.org")) == [DELIVERED] * 2


def test_a_server_that_was_restarted_between_two_mails_is_connected_once_more(
    server: RealMailServer,
) -> None:
    sending = channel(server).send(deliveries("ann@example.org", "bob@example.org"))
    next(sending)
    server.stop()
    server.start()

    assert [outcome for _, outcome in sending] == [DELIVERED]
    assert [mail.recipients for mail in server.mails] == [("ann@example.org",), ("bob@example.org",)]


def test_a_server_that_is_gone_between_two_mails_ends_the_sending(server: RealMailServer) -> None:
    pulls: list[str] = []
    people = deliveries("ann@example.org", "bob@example.org", "eve@example.org")
    sending = channel(server).send(pulled(pulls, people))
    next(sending)
    server.stop()

    [(each, outcome)] = sending
    assert each.recipient == "bob@example.org"
    assert "cannot be reached (connection refused)" in problem(outcome, Unreachable)
    assert pulls == ["ann@example.org", "bob@example.org"]


def test_an_address_beyond_ascii_needs_a_server_that_takes_it(server: RealMailServer) -> None:
    assert sent(channel(server), deliveries("žofie@příklad.cz", "ann@example.org")) == [DELIVERED] * 2

    first, second = server.wait_for(2)
    assert first.recipients == ("žofie@příklad.cz",)
    assert first.message["To"] == "žofie@příklad.cz"
    assert second.raw.isascii()


def test_an_address_beyond_ascii_is_refused_by_a_server_that_does_not_take_it(start: Start) -> None:
    server = start(takes_unicode=False)
    outcomes = sent(channel(server), deliveries("žofie@příklad.cz", "ann@example.org"))

    assert "SMTPUTF8" in problem(outcomes[0], Refused)
    assert outcomes[1:] == [DELIVERED]
    assert "SMTPUTF8" in only_problem(channel(server, sender="žofie@příklad.cz"))


def test_recipients_that_are_no_addresses_are_refused_and_the_others_are_sent(
    server: RealMailServer,
) -> None:
    wrong = ["", "ann", "ann@example.org\r\nRCPT TO:<eve@example.org>", "a@b.org, c@d.org", "a\0@b.org"]
    outcomes = sent(channel(server), deliveries(*wrong, "ann@example.org"))

    assert outcomes == [Refused("this is no mail address")] * len(wrong) + [DELIVERED]
    assert [mail.recipients for mail in server.wait_for(1)] == [("ann@example.org",)]


@pytest.mark.parametrize(
    "attack",
    [
        "x\r\nBcc: eve@example.org",
        "x\nBcc: eve@example.org",
        "x\0\rBcc: eve@example.org",
        "x\u2028Bcc: eve@example.org\u2029\x85",
        "=?utf-8?q?x=0D=0ABcc:_eve=40example.org?=",
        "x\r\n.\r\nMAIL FROM:<eve@example.org>",
    ],
)
def test_no_name_adds_a_header_a_recipient_or_a_command(server: RealMailServer, attack: str) -> None:
    def write(_: Delivery) -> Message:
        return Message(attack, attack, attack, attack)

    sender = channel(server, write, sender=f"{attack.replace('<', '').replace('>', '')} <sso@example.org>")
    assert sent(sender, [delivery()]) == [DELIVERED]

    [mail] = server.wait_for(1)
    assert (mail.sender, mail.recipients) == ("sso@example.org", ("ann@example.org",))
    assert len(mail.message.keys()) == 10
    assert "Bcc" not in mail.message
    assert len(mail.message["Subject"].splitlines()) == 1
    assert server.commands == ["EHLO", "MAIL", "RCPT", "DATA", "CONTENT", "QUIT"]


@pytest.mark.parametrize("subject", ["Přístup končí " * 40, "word " * 200, "x" * 900, "🔑" * 100])
def test_a_long_subject_arrives_whole_in_short_lines(server: RealMailServer, subject: str) -> None:
    assert sent(channel(server, lambda _: Message(subject, "", "", "cs")), [delivery()]) == [DELIVERED]

    [mail] = server.wait_for(1)
    assert mail.message["Subject"] == subject.strip()
    assert max(map(len, mail.raw.splitlines())) <= 100


def test_lines_that_begin_with_a_dot_arrive(server: RealMailServer) -> None:
    text = ".\n..\n.text\n" + "long " * 400
    assert sent(channel(server, lambda _: Message("s", text, text, "en")), [delivery()]) == [DELIVERED]

    assert server.wait_for(1)[0].body("plain").split() == text.split()


@pytest.mark.parametrize("sender", ["", "Acme", "Acme <>", "a@b@c", "a@b.org, c@d.org", "x\r\ny@example.org"])
def test_a_sender_that_is_no_address_is_a_setting_to_change(server: RealMailServer, sender: str) -> None:
    with pytest.raises(ConfigurationError, match="is no mail address: write it as"):
        channel(server, sender=sender)


def test_the_date_is_that_of_the_attempt(server: RealMailServer) -> None:
    times = iter([NOW, NOW + timedelta(hours=1)])
    sender = SmtpChannel(at(server), compose, lambda: next(times))
    assert sent(sender, [delivery(), delivery()]) == [DELIVERED] * 2

    assert [mail.message["Date"].datetime for mail in server.wait_for(2)] == [NOW, NOW + timedelta(hours=1)]
