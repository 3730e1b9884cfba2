"""What goes wrong on the way to another machine, in words that fit into one line.

In: texts and exceptions of the network; out: words. Called by `mime`, `smtp` and `webhook`.
"""

import socket
import ssl
import unicodedata
from collections.abc import Iterator
from smtplib import SMTPServerDisconnected

MAX_PROBLEM = 200
"""How many characters a problem has at most."""


def one_line(text: str) -> str:
    """Return a text as it may stand in a header: one line, no control character, nothing encoded.

    What looks like an encoded word is taken apart: `email` decodes it, line breaks included, and would
    write those out.
    """
    shown = "".join(" " if unicodedata.category(each) == "Cc" else each for each in without_surrogates(text))
    return " ".join(shown.split()).replace("=?", "= ?")


def without_surrogates(text: str) -> str:
    """Return a text that UTF-8 can express; JSON may bring halves of characters."""
    return "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= each <= "\udfff" else each for each in text)


def as_problem(text: str) -> str:
    """Return a text as the problem of an outcome, cut where it is long."""
    line = one_line(text)
    return line if len(line) <= MAX_PROBLEM else f"{line[: MAX_PROBLEM - 1]}…"


def explain(error: BaseException, timeout_seconds: float) -> str:
    """Return why nobody is to be reached; never what the error itself says, for it may hold the address."""
    for cause in _causes(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return f"its certificate is not trusted: {_detail(cause, 'verify_message').rstrip('.')}"
            case ConnectionRefusedError():
                return "connection refused"
            case ConnectionError() | ssl.SSLEOFError() | ssl.SSLZeroReturnError():
                return "connection lost"
            case TimeoutError():
                return f"no answer within {timeout_seconds:g} seconds"
            case socket.gaierror() | UnicodeError():
                return "its host name is not known"
            case ssl.SSLError():
                return f"TLS failed: {_detail(cause, 'reason').replace('_', ' ').lower()}"
            case OSError() if cause.strerror:
                return cause.strerror.lower()
    return "connection lost" if isinstance(error, SMTPServerDisconnected) else "its answer makes no sense"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what lies below: libraries wrap what the system says."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _detail(error: ssl.SSLError, name: str) -> str:
    """Return what OpenSSL says; an error that a library has made itself may say nothing."""
    return getattr(error, name, None) or "unknown reason"
