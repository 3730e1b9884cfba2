"""What the system says about a network becomes words, however deep libraries have wrapped it."""

import socket
import ssl
from smtplib import SMTPServerDisconnected

import pytest
import requests

from keycloak_license.mail.trouble import as_problem, explain, one_line

SECRET = "https://user:secret@example.org/?token=secret"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, SECRET), "connection refused"),
        (ConnectionResetError(104, SECRET), "connection lost"),
        (BrokenPipeError(32, SECRET), "connection lost"),
        (ssl.SSLEOFError(8, SECRET), "connection lost"),
        (TimeoutError(SECRET), "no answer within 7 seconds"),
        (socket.gaierror(-2, SECRET), "its host name is not known"),
        (ssl.SSLError(1, SECRET), "TLS failed: unknown reason"),
        (ssl.SSLCertVerificationError(1, SECRET), "its certificate is not trusted: unknown reason"),
        (OSError(113, "No route to host"), "no route to host"),
        (SMTPServerDisconnected(SECRET), "connection lost"),
        (ValueError(SECRET), "its answer makes no sense"),
    ],
)
def test_an_error_is_explained_as_itself_and_as_the_cause_of_another(error: Exception, words: str) -> None:
    outer = requests.exceptions.ConnectionError(SECRET)
    outer.__context__ = error

    assert explain(error, 7) == words
    if not isinstance(error, SMTPServerDisconnected):
        assert explain(outer, 7) == words


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\n b\tc\0d\x1be\u2028f\u2029g\x85h", "a b c d e f g h"),
        ("  ", ""),
        ("=?utf-8?q?a?=", "= ?utf-8?q?a?="),
        ("=\n?", "= ?"),
        ("\ud83d\udd11 🔑", "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} 🔑"),
    ],
)
def test_any_text_becomes_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


def test_a_problem_is_cut_only_where_it_is_too_long() -> None:
    assert as_problem("a" * 200) == "a" * 200
    assert as_problem("a" * 201) == "a" * 199 + "…"
