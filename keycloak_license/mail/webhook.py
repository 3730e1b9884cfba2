"""Notices go out as signed JSON to one address, by the convention of Standard Webhooks.

In: deliveries, claimed one by one while they are pulled; out: each with its outcome, right after the
server's answer. Called by whoever empties the outbox, and `check` by the doctor.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import requests
from pydantic_core import to_jsonable_python
from standardwebhooks import Webhook

from keycloak_license import __version__
from keycloak_license.errors import ConfigurationError
from keycloak_license.mail.trouble import as_problem, explain, without_surrogates
from keycloak_license.model.notice import Delivered, Delivery, Notice, Outcome, Refused, Unreachable

_BASE64_FOLLOWS = "whsec_"
_COMES_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Where notices are posted."""

    url: str = field(repr=False)
    secret: str = field(repr=False)
    """Base64 behind ``whsec_``; any other text stands for its own bytes."""
    timeout_seconds: float = 10
    """For connecting, and for the answer."""
    verify_tls: bool | Path = True
    """Or the path of a bundle of CAs."""

    def __str__(self) -> str:
        """Tell where it is, as far as that is no secret: of many receivers the path is."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


class WebhookChannel:
    """Posts to one address; `ConfigurationError` where the address or the secret cannot be used."""

    def __init__(self, target: WebhookTarget, clock: Callable[[], datetime]) -> None:
        if not _is_web_address(target.url):
            raise ConfigurationError(
                "The address of the webhook is none: write it as https://example.org/path"
            )
        self._target = target
        self._signer = Webhook(_key(target.secret))
        self._clock = clock

    def send(self, deliveries: Iterable[Delivery]) -> Iterator[tuple[Delivery, Outcome]]:
        """Post one after the other; end after the first `Unreachable`.

        Each outcome is yielded before the next delivery is pulled.
        """
        with _Session() as session:
            for delivery in deliveries:
                outcome = self._post(session, delivery)
                yield delivery, outcome
                if isinstance(outcome, Unreachable):
                    return

    def check(self) -> str:
        """Return in words where notices would be posted; sends nothing."""
        return f"notices would be posted to {self._target}"

    def _post(self, session: requests.Session, delivery: Delivery) -> Outcome:
        body = _body(delivery)
        verify = self._target.verify_tls
        try:
            with session.post(
                self._target.url,
                data=body.encode(),
                headers=self._headers(delivery.id, body),
                timeout=self._target.timeout_seconds,
                # Not the session's: the environment may name another bundle, which would go before it.
                verify=verify if isinstance(verify, bool) else str(verify),
                stream=True,
            ) as response:
                return _judge(response.status_code, response.reason)
        except (OSError, ValueError) as error:
            return Unreachable(as_problem(self._explain(error)))

    def _headers(self, notice_id: str, body: str) -> dict[str, str]:
        # The library takes the hands of a clock for those of UTC.
        now = self._clock().astimezone(UTC)
        return {
            "Content-Type": "application/json",
            "User-Agent": f"keycloak-license/{__version__}",
            "webhook-id": notice_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(notice_id, now, body),
        }

    def _explain(self, error: Exception) -> str:
        bundle = self._target.verify_tls
        if isinstance(bundle, Path) and not bundle.is_file():
            return f"the CA bundle {bundle} for {self._target} is not there"
        behind = "the proxy before " if isinstance(error, requests.exceptions.ProxyError) else ""
        why = explain(error, self._target.timeout_seconds)
        return f"{behind}{self._target} cannot be reached ({why})"


class _Session(requests.Session):
    """Follows no redirect; where requests is told not to, it still reads all of the body."""

    def get_redirect_target(self, _response: requests.Response) -> str | None:
        return None


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _key(secret: str) -> bytes:
    if not secret.startswith(_BASE64_FOLLOWS):
        key = secret.encode()
    else:
        text = secret.removeprefix(_BASE64_FOLLOWS)
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except ValueError:
            raise ConfigurationError(
                "The secret of the webhook is no base64 behind whsec_: copy it once more from the receiver"
            ) from None
    if not key:
        raise ConfigurationError("The secret of the webhook is empty: give the one that the receiver knows")
    return key


def _body(delivery: Delivery) -> str:
    """Return what is signed and sent."""
    notice: Notice = delivery.notice
    facts = to_jsonable_python(notice)
    envelope = {
        "id": delivery.id,
        "type": f"license.{facts.pop('kind')}",
        "timestamp": facts.pop("at"),
        "realm": facts.pop("realm"),
        "data": facts,
    }
    return without_surrogates(json.dumps(envelope, ensure_ascii=False))


def _judge(status: int, words: str) -> Outcome:
    if 200 <= status < 300:
        return Delivered()
    problem = as_problem(f"{status} {words or ''}")
    if status in _COMES_LATER or status >= 500:
        return Unreachable(problem)
    return Refused(f"{problem}, and redirects are not followed" if 300 <= status < 400 else problem)
