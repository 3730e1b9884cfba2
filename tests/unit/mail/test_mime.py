"""Whatever stands in names, a mail has the headers that it should have, and no other."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keycloak_license.mail.message import Message
from keycloak_license.mail.mime import parse_address, parse_sender, write_mail
from keycloak_license.mail.trouble import one_line
from keycloak_license.model.notice import Channel, Delivery, TrialNotice

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Type",
    "Content-Language",
]
ATTACKS = [
    "a\r\nBcc: evil@example.org",
    "a\nBcc: evil@example.org",
    "a\rBcc: evil@example.org",
    "a\r\n\r\n<b>body",
    "a\0Bcc: evil@example.org",
    "a\u2028Bcc: evil@example.org",
    "a\u2029Bcc: evil@example.org",
    "a\x85Bcc: evil@example.org",
    "a\x0b\x0c\x1c\x1d\x1eBcc: evil@example.org",
    "=?utf-8?q?a=0D=0ABcc:_evil=40example.org?=",
    "=?utf-8?b?YQpCY2M6IGV2aWxAZXhhbXBsZS5vcmc=?=",
    "=\0?utf-8?q?a=0ABcc:_evil=40example.org?=",
    "==??utf-8?q?a=0ABcc:_evil=40example.org?=",
    '"a" <evil@example.org>,',
    "a, evil@example.org; b: c",
    "\ud800\udc00\udfff",
    "ž" * 500,
    "a" * 2000,
    "",
]


def written(
    subject: str = "Hello",
    *,
    sender: str = "sso@example.org",
    recipient: str = "a@example.org",
    text: str = "Hi",
) -> EmailMessage:
    delivery = Delivery("7f0c", TrialNotice(realm="acme", at=NOW), Channel.MAIL, recipient)
    message = Message(subject, text, f"<p>{text}</p>", "en")
    mail = write_mail(delivery, message, parse_sender(sender), NOW)
    assert all(len(line) <= 998 for line in mail.content.split(b"\r\n"))
    read = message_from_bytes(mail.content, policy=policy.default)
    assert isinstance(read, EmailMessage)
    return read


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_subject_adds_a_header(attack: str) -> None:
    mail = written(attack)

    assert mail.keys() == HEADERS
    assert mail["Subject"] == one_line(attack)
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_name_of_the_sender_adds_a_header_or_changes_its_address(attack: str) -> None:
    mail = written(sender=f"{attack.replace('<', '').replace('>', '')} <sso@example.org>")

    assert mail.keys() == HEADERS
    assert [each.addr_spec for each in mail["From"].addresses] == ["sso@example.org"]


@given(st.text(st.characters(), max_size=200))
@example("=?utf-8?q?=0A?=")
@example("a =?utf-8?q?=0A?= b")
def test_any_text_is_a_subject_and_a_name(text: str) -> None:
    mail = written(text, sender=f"{text.replace('<', '').replace('>', '')} <sso@example.org>", text=text)

    assert mail.keys() == HEADERS
    assert mail["Subject"] == one_line(text)
    assert [each.addr_spec for each in mail["From"].addresses] == ["sso@example.org"]


@pytest.mark.parametrize(
    "address",
    [
        *ATTACKS,
        *(f"a{attack}@example.org" for attack in ATTACKS if attack.strip("až")),
        "a",
        "@example.org",
        "a@",
        "a@b@example.org",
        "a b@example.org",
        "a@example.org, b@example.org",
        "Ann <a@example.org>",
        "a@example.org (Ann)",
        "all: a@example.org;",
        "a@example.org\n",
        " a@example.org",
        "=?utf-8?q?b=40example.org=0A?=@example.org",
        "<a@example.org>",
    ],
)
def test_what_is_no_bare_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="mail address"):
        written(recipient=address)


@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=40))
@example("a..b", "example.org")
@example("=?utf-8?q?a?=", "example.org")
@example("a" * 64, "very-long-subdomain." * 9 + "example.org")
def test_any_text_is_refused_as_an_address_or_stands_in_the_header_as_it_is(name: str, domain: str) -> None:
    address = f"{name}@{domain}"
    try:
        parse_address(address)
    except ValueError:
        return
    mail = written(recipient=address)

    assert mail.keys() == HEADERS
    assert mail["To"] == address


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("sso@example.org", ""),
        ("<sso@example.org>", ""),
        ("Single Sign-On <sso@example.org>", "Single Sign-On"),
        ('"Acme, Inc." <sso@example.org>', "Acme, Inc."),
        ("Acme, Inc. <sso@example.org>", "Acme, Inc."),
        ("Přihlášení <sso@example.org>", "Přihlášení"),
        ('Ann "the boss" O\'Neil <sso@example.org>', 'Ann "the boss" O\'Neil'),
    ],
)
def test_a_sender_is_an_address_with_or_without_a_name(sender: str, name: str) -> None:
    [address] = written(sender=sender)["From"].addresses

    assert (address.display_name, address.addr_spec) == (name, "sso@example.org")


@pytest.mark.parametrize(
    "text",
    ["Příliš žluťoučký kůň\n\n.\n..dots\n", "long " * 500, "one\ntwo\tthree", "From here\n"],
)
def test_a_body_arrives_as_it_was_written(text: str) -> None:
    assert plain(written(text=text)).rstrip("\n") == text.rstrip("\n")


def test_a_body_loses_what_no_mail_may_hold() -> None:
    assert plain(written(text="a\0b\x1bc\ud800d")) == "abc\N{REPLACEMENT CHARACTER}d\n"


def plain(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")
