"""How log lines look, and what never stands in one.

In: the stream (stderr) and whether somebody wants more; out: structlog and standard logging set up alike.
Called by `cli` once at the start of every command.
"""

import logging
import re
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from keycloak_license.errors import KeycloakLicenseError

MASK = "[masked]"
SECRET_WORDS = (
    "secret",
    "password",
    "passwd",
    "passphrase",
    "token",
    "authorization",
    "credential",
    "cookie",
    "private_key",
    "api_key",
    "activation_key",
    "license_file",
    "licence_file",
    "jws",
)
PERSONAL_KEYS = frozenset(
    {"username", "user_name", "preferred_username", "email", "e_mail", "firstname", "first_name"}
    | {"lastname", "last_name"}
)
SECRETS_IN_TEXT = (
    (re.compile(r"\beyJ[\w-]{6,}\.[\w-]*\.[\w-]*"), MASK),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*-----|\Z)", re.DOTALL), MASK),
    (re.compile(r"\b(bearer|basic) [\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"(://[^\s:/@]*):[^\s/@]+@"), rf"\1:{MASK}@"),
    (re.compile(r"\b(\w*(?:password|secret|token)=)[^&\s'\"]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"([?&](?:username|email|search)=)[^&\s'\"]+"), rf"\1{MASK}"),
)


class _StandardLines(logging.StreamHandler[TextIO]):
    """Our own kind, so that a second call replaces it and nobody else's."""


def configure_logs(*, verbose: bool, stream: TextIO) -> None:
    """Send every log line to `stream`: for people when it is a terminal, else as JSON, one a line.

    Level INFO, DEBUG with `verbose`; libraries from WARNING up. Tracebacks only with `verbose`. May be
    called again, for another stream.
    """
    common: list[Processor] = [
        *([] if verbose else [without_retries]),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if verbose else name_failure,
        without_secrets,
    ]
    render = _renderer(stream)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *common, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    lines = _StandardLines(stream)
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *common, render],
        )
    )
    root = logging.getLogger()
    for earlier in [lines_ for lines_ in root.handlers if isinstance(lines_, _StandardLines)]:
        root.removeHandler(earlier)
    root.addHandler(lines)
    root.setLevel(logging.WARNING)
    # It warns of what it gives up after an error, and the error is told already.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    logging.getLogger("urllib3").setLevel(logging.WARNING if verbose else logging.ERROR)


def _renderer(stream: TextIO) -> Processor:
    if stream.isatty():
        # Rich tracebacks, the default, show local variables and with them secrets.
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer()


def without_retries(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out that a request is tried again: what matters is whether it passed in the end."""
    if event.get("event") == "stamina.retry_scheduled":
        raise structlog.DropEvent
    return event


def name_failure(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put the kind of an exception in the place of its traceback.

    Its sentence only when it is one of ours: those of others may quote statements, addresses and names.
    """
    event.pop("stack_info", None)
    match event.pop("exc_info", None):
        case BaseException() as failure:
            pass
        case (_, failure, _):
            pass
        case None | False:
            failure = None
        case _:
            failure = sys.exc_info()[1]
    if failure is not None:
        event["error_type"] = type(failure).__name__
    if isinstance(failure, KeycloakLicenseError):
        event.setdefault("error", str(failure))
    return event


def without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask what looks like a secret, by key or by form, and drop personal keys, at any depth."""
    return _shown_mapping(event)


def _shown_mapping(mapping: Mapping[str, object]) -> dict[str, object]:
    shown: dict[str, object] = {}
    for key, value in mapping.items():
        plain = re.sub(r"\W", "_", str(key).lower())
        if plain not in PERSONAL_KEYS:
            shown[str(key)] = MASK if any(word in plain for word in SECRET_WORDS) else _shown(value)
    return shown


def _shown(value: object) -> object:
    """Turn a value into something JSON knows, without secrets and personal keys."""
    match value:
        case None | bool() | int() | float():
            return value
        case date():
            return value.isoformat()
        case Mapping():
            return _shown_mapping(value)
        case list() | tuple() | set() | frozenset():
            return [_shown(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return _shown_mapping(
                {spec.name: getattr(value, spec.name) for spec in fields(value) if spec.repr}
            )
    text = str(value)
    for pattern, replacement in SECRETS_IN_TEXT:
        text = pattern.sub(replacement, text)
    return text
