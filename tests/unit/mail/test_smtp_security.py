"""A mail server is told nothing before it is known who it is; what is wrong with it, a check says."""

import base64
from pathlib import Path

import pytest

from keycloak_license.errors import ConfigurationError, UnavailableError
from keycloak_license.mail.smtp import Security
from tests.real.mailserver import RealMailServer
from tests.unit.mail.conftest import Start
from tests.unit.mail.sending import (
    DELIVERED,
    PASSWORD,
    USER,
    at,
    channel,
    deliveries,
    delivery,
    only_problem,
    sent,
)


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_an_encrypted_connection_carries_login_and_mails(start: Start, encryption: str, host: str) -> None:
    server = start(encryption, user=USER, password=PASSWORD)
    security = Security(encryption)
    sender = channel(
        server, host=host, security=security, verify_tls=server.ca_file, username=USER, password=PASSWORD
    )

    assert sent(sender, deliveries("ann@example.org", "bob@example.org")) == [DELIVERED] * 2
    assert [(mail.is_encrypted, mail.user) for mail in server.wait_for(2)] == [(True, USER)] * 2
    found = sender.check()
    assert found.startswith(f"the mail server {host}:{server.port} answers, encrypted with TLSv1.")
    assert found.endswith(f", logged in as {USER}")
    assert PASSWORD not in found
    server.wait_for_goodbye()


@pytest.mark.parametrize(("user", "password"), [("jürgen", "p"), ("u", "žluťoučký kůň")])
def test_a_login_may_go_beyond_ascii(start: Start, user: str, password: str) -> None:
    server = start(user=user, password=password)

    assert sent(channel(server, username=user, password=password), [delivery()]) == [DELIVERED]
    assert server.wait_for(1)[0].user == user
    wrong = channel(server, username=user, password=f"{password}x")
    assert only_problem(wrong) == "the login is refused: 535 5.7.8 Authentication credentials invalid"


def test_a_refused_login_is_unreachable_and_a_setting_to_change(start: Start) -> None:
    server = start("tls", user=USER, password="another")
    sender = channel(
        server, security=Security.TLS, verify_tls=server.ca_file, username=USER, password=PASSWORD
    )

    said = only_problem(sender)
    assert said == "the login is refused: 535 5.7.8 Authentication credentials invalid"
    with pytest.raises(ConfigurationError, match=r"^The login is refused: 535 .*: check mail.username"):
        sender.check()
    assert "MAIL" not in server.commands
    server.wait_for_goodbye()


def test_a_login_that_is_refused_for_now_is_no_setting_to_change(start: Start) -> None:
    server = start(user=USER, password=PASSWORD)
    server.answers["AUTH"] = "454 4.7.0 Temporary authentication failure"

    with pytest.raises(UnavailableError, match="454"):
        channel(server, username=USER, password=PASSWORD).check()


@pytest.mark.parametrize(
    "echo",
    [
        PASSWORD,
        *(base64.b64encode(each).decode() for each in (PASSWORD.encode(), f"\0{USER}\0{PASSWORD}".encode())),
    ],
)
def test_a_server_that_repeats_the_password_is_not_quoted(start: Start, echo: str) -> None:
    server = start(user=USER, password=PASSWORD)
    server.answers["AUTH"] = f"535 5.7.8 Wrong: {echo.upper()}"
    sender = channel(server, username=USER, password=PASSWORD)

    assert only_problem(sender) == "the login is refused: 535"
    with pytest.raises(ConfigurationError, match=r"^The login is refused: 535: check"):
        sender.check()


def test_a_login_at_a_server_that_knows_none_is_told(server: RealMailServer) -> None:
    sender = channel(server, username=USER, password=PASSWORD)

    assert "offers no login" in only_problem(sender)
    with pytest.raises(ConfigurationError, match=r"leave mail.username out"):
        sender.check()


def test_a_server_that_wants_a_login_refuses_the_sender_without_one(start: Start) -> None:
    server = start(user=USER, password=PASSWORD)

    assert "530 5.7.0 Authentication required" in only_problem(channel(server))


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
@pytest.mark.parametrize("bundle", ["the system's", "another"])
def test_a_certificate_of_an_unknown_ca_is_not_trusted(
    start: Start, other_ca: Path, encryption: str, bundle: str
) -> None:
    server = start(encryption, user=USER, password=PASSWORD)
    sender = channel(
        server,
        security=Security(encryption),
        verify_tls=other_ca if bundle == "another" else True,
        username=USER,
        password=PASSWORD,
    )

    assert "cannot be reached (its certificate is not trusted: " in only_problem(sender)
    with pytest.raises(ConfigurationError, match=r"set mail.verify_tls to the file of its CA"):
        sender.check()
    assert "AUTH" not in server.commands
    assert "MAIL" not in server.commands


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_a_certificate_of_another_host_is_not_trusted(start: Start, encryption: str) -> None:
    server = start(encryption, certified_for=("mail.example.org",))
    sender = channel(server, host="localhost", security=Security(encryption), verify_tls=server.ca_file)

    said = only_problem(sender)
    assert "its certificate is not trusted: Hostname mismatch" in said
    assert "'localhost'" in said
    assert "MAIL" not in server.commands


def test_a_certificate_is_not_looked_at_where_nobody_wants_to_know(start: Start) -> None:
    server = start("tls", certified_for=("mail.example.org",))
    sender = channel(server, security=Security.TLS, verify_tls=False)

    assert sent(sender, [delivery()]) == [DELIVERED]
    assert "to whoever has any certificate" in sender.check()


def test_nothing_is_sent_in_the_clear_where_starttls_is_wanted(start: Start) -> None:
    server = start(user=USER, password=PASSWORD)
    sender = channel(server, security=Security.STARTTLS, username=USER, password=PASSWORD)

    said = only_problem(sender)
    assert said == (
        f"the mail server 127.0.0.1:{server.port} offers no STARTTLS, and nothing is sent in the clear"
    )
    with pytest.raises(ConfigurationError, match="offers no STARTTLS"):
        sender.check()
    assert set(server.commands) == {"EHLO", "QUIT"}
    server.wait_for_goodbye()


def test_tls_at_a_plain_port_is_a_setting_to_change(server: RealMailServer) -> None:
    sender = channel(server, security=Security.TLS)

    assert "cannot be reached (TLS failed: " in only_problem(sender)
    with pytest.raises(ConfigurationError, match=r"check mail.port, mail.tls and mail.starttls"):
        sender.check()


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_ca_bundle_that_cannot_be_used_is_named(
    server: RealMailServer, tmp_path: Path, content: bytes | None
) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_bytes(content)
    sender = channel(server, security=Security.STARTTLS, verify_tls=bundle)

    assert only_problem(sender).startswith("the CA bundle ")
    with pytest.raises(ConfigurationError, match=r"ca\.pem .* cannot be used .*give a PEM file"):
        sender.check()


def test_a_check_sends_nothing_and_tells_what_it_found(server: RealMailServer) -> None:
    found = channel(server).check()

    assert found == f"the mail server 127.0.0.1:{server.port} answers, not encrypted, without a login"
    assert server.commands == ["EHLO", "NOOP", "QUIT"]
    server.wait_for_goodbye()


def test_a_check_of_nobody_says_what_to_look_at(closed_port: int) -> None:
    with pytest.raises(UnavailableError) as caught:
        channel(closed_port).check()

    assert str(caught.value) == (
        f"The mail server 127.0.0.1:{closed_port} cannot be reached (connection refused): "
        "check mail.host and mail.port, and that it is up"
    )


@pytest.mark.parametrize("answer", ["421 4.3.2 Closing", "500 What?"])
def test_a_check_of_a_server_that_is_not_ready_fails(server: RealMailServer, answer: str) -> None:
    server.answers["NOOP"] = answer

    with pytest.raises(UnavailableError, match=f"is not ready: {answer}".replace("?", r"\?")):
        channel(server).check()


def test_the_password_is_not_shown() -> None:
    assert PASSWORD not in repr(at(25, password=PASSWORD))
