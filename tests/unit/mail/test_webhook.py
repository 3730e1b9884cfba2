"""Notices go out as signed JSON to a real web server, and every answer of it has its outcome."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from standardwebhooks import Webhook

from keycloak_license import __version__
from keycloak_license.errors import ConfigurationError
from keycloak_license.mail.webhook import WebhookChannel, WebhookTarget
from keycloak_license.model.notice import (
    AccessEnding,
    Channel,
    Delivered,
    Delivery,
    Notice,
    Outcome,
    OverLimit,
    People,
    Refused,
    Remedy,
    SeatsInUse,
    TrialNotice,
    Unreachable,
)
from tests.real.certificates import Certificate, make_certificate
from tests.real.hook import RealHook, ReceivedRequest
from tests.unit.mail.conftest import Says

PRAGUE = ZoneInfo("Europe/Prague")
NOW = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=PRAGUE)
NOTICE = TrialNotice(realm="acme", at=NOW)
DELIVERED = Delivered()
SECRET = "whsec_" + base64.b64encode(b"twenty-four bytes or more").decode()


@pytest.fixture
def hook() -> Iterator[RealHook]:
    with RealHook() as running:
        yield running


def delivery(notice: Notice = NOTICE, *, number: int = 1) -> Delivery:
    return Delivery(f"notice-{number}", notice, Channel.WEBHOOK)


def channel(
    where: RealHook | str, clock: Callable[[], datetime] = lambda: NOW, **changes: Any
) -> WebhookChannel:
    url = where if isinstance(where, str) else where.url
    settings: dict[str, Any] = {"url": url, "secret": SECRET, "timeout_seconds": 60}
    return WebhookChannel(WebhookTarget(**{**settings, **changes}), clock)


def sent(sender: WebhookChannel, what: Iterable[Delivery]) -> list[Outcome]:
    return [outcome for _, outcome in sender.send(what)]


def only_problem(sender: WebhookChannel, kind: type[Refused] | type[Unreachable] = Unreachable) -> str:
    """The problem of a delivery that must fail: a line that fits."""
    [outcome] = sent(sender, [delivery()])
    assert type(outcome) is kind, outcome
    assert not isinstance(outcome, Delivered)
    assert 0 < len(outcome.problem) <= 200
    assert outcome.problem.isprintable()
    return outcome.problem


def posted(hook: RealHook, notice: Notice) -> Any:
    """The body that one notice makes."""
    assert sent(channel(hook), [delivery(notice)]) == [DELIVERED]
    return json.loads(hook.wait_for(1)[-1].body)


def verify(request: ReceivedRequest, secret: str | bytes) -> Any:
    return Webhook(secret).verify(request.body, dict(request.headers.items()))


def pulled(pulls: list[str], what: Iterable[Delivery]) -> Iterator[Delivery]:
    for each in what:
        pulls.append(each.id)
        yield each


def test_a_notice_is_posted_as_json_with_its_own_headers(hook: RealHook) -> None:
    assert sent(channel(hook), [delivery()]) == [DELIVERED]

    [request] = hook.wait_for(1)
    assert (request.method, request.path) == ("POST", "/hook")
    assert {name: request.headers[name] for name in ("content-type", "user-agent", "webhook-id")} == {
        "content-type": "application/json",
        "user-agent": f"keycloak-license/{__version__}",
        "webhook-id": "notice-1",
    }
    assert request.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert json.loads(request.body) == {
        "id": "notice-1",
        "type": "license.test",
        "timestamp": "2026-03-01T12:00:00.500000+01:00",
        "realm": "acme",
        "data": {},
    }


def test_every_field_of_a_notice_is_in_its_data(hook: RealHook) -> None:
    notice = AccessEnding(
        realm="acme",
        at=NOW,
        number="L-1",
        customer="Žluťoučký kůň",
        last_day=date(2026, 3, 31),
        stops_at=datetime(2026, 4, 1, tzinfo=PRAGUE),
        days_left=30,
        remedy=Remedy.RENEW,
        users=2,
        seats=(SeatsInUse("crm", "CRM", 2), SeatsInUse("wiki", "Wiki", 1)),
    )

    body = posted(hook, notice)
    assert (body["type"], body["realm"]) == ("license.access_ending", "acme")
    assert body["data"] == {
        "number": "L-1",
        "customer": "Žluťoučký kůň",
        "last_day": "2026-03-31",
        "stops_at": "2026-04-01T00:00:00+02:00",
        "days_left": 30,
        "remedy": "renew",
        "users": 2,
        "seats": [
            {"application": "crm", "name": "CRM", "used": 2},
            {"application": "wiki", "name": "Wiki", "used": 1},
        ],
    }


def test_people_are_some_names_and_a_number(hook: RealHook) -> None:
    waiting = People(("ann", "half of a \ud83d"), 7)
    notice = OverLimit(realm="acme", at=NOW, application="crm", name="CRM", limit=1, used=1, waiting=waiting)

    assert posted(hook, notice)["data"] == {
        "application": "crm",
        "name": "CRM",
        "limit": 1,
        "used": 1,
        "waiting": {"named": ["ann", "half of a \N{REPLACEMENT CHARACTER}"], "more": 7},
        "is_digest": False,
        "is_licensed": True,
    }


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        (SECRET, SECRET),
        (SECRET.rstrip("="), SECRET),
        ("žluťoučký kůň", "žluťoučký kůň".encode()),
        ("bm8gYmFzZTY0", b"bm8gYmFzZTY0"),
    ],
)
@pytest.mark.parametrize("zone", [UTC, PRAGUE])
def test_the_body_that_is_sent_is_the_one_that_is_signed(
    hook: RealHook, secret: str, key: str | bytes, zone: Any
) -> None:
    notice = replace(NOTICE, realm="Žižkov 🔑")
    # What verifies looks at the time.
    sender = channel(hook, lambda: datetime.now(zone), secret=secret)
    assert sent(sender, [delivery(notice)]) == [DELIVERED]

    [request] = hook.wait_for(1)
    assert verify(request, key)["realm"] == "Žižkov 🔑"
    forged = replace(request, body=request.body.replace("Žižkov".encode(), b"Zizkov"))
    assert forged.body != request.body
    with pytest.raises(Exception, match="No matching signature"):
        verify(forged, key)


def test_another_attempt_has_the_same_id_and_a_time_and_signature_of_its_own(hook: RealHook) -> None:
    times = iter([NOW, NOW + timedelta(minutes=5)])
    sender = channel(hook, lambda: next(times))
    hook.statuses = [503]
    assert [type(outcome) for outcome in sent(sender, [delivery()])] == [Unreachable]
    assert sent(sender, [delivery()]) == [DELIVERED]

    first, second = hook.wait_for(2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    passed = int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"])
    assert passed == 300
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_status_of_success_is_a_delivery(hook: RealHook, status: int) -> None:
    hook.statuses = [status]

    assert sent(channel(hook), [delivery()]) == [DELIVERED]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 413, 422])
def test_a_refused_notice_does_not_stop_the_others(hook: RealHook, status: int) -> None:
    hook.statuses = [204, status, 204]
    outcomes = sent(channel(hook), [delivery(number=number) for number in range(3)])

    assert [type(outcome) for outcome in outcomes] == [Delivered, Refused, Delivered]
    assert isinstance(outcomes[1], Refused)
    assert outcomes[1].problem.startswith(f"{status} ")
    assert [each.headers["webhook-id"] for each in hook.wait_for(3)] == ["notice-0", "notice-1", "notice-2"]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_nothing_is_pulled_after_a_status_that_asks_for_patience(hook: RealHook, status: int) -> None:
    hook.statuses = [status]
    pulls: list[str] = []
    [(each, outcome)] = channel(hook).send(pulled(pulls, [delivery(number=number) for number in range(3)]))

    assert each.id == "notice-0"
    assert isinstance(outcome, Unreachable)
    assert outcome.problem.startswith(str(status))
    assert pulls == ["notice-0"]


def test_each_outcome_is_yielded_before_the_next_delivery_is_pulled(hook: RealHook) -> None:
    pulls: list[str] = []
    sending = channel(hook).send(pulled(pulls, [delivery(number=number) for number in range(3)]))
    assert pulls == []

    for count, (each, _) in enumerate(sending, 1):
        assert pulls[-1] == each.id
        assert len(pulls) == len(hook.requests) == count


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_not_followed(hook: RealHook, status: int) -> None:
    with RealHook() as other:
        hook.statuses, hook.headers = [status], {"Location": other.url}

        said = only_problem(channel(hook), Refused)
        assert said.startswith(f"{status} ")
        assert said.endswith("redirects are not followed")
        assert other.requests == []


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"HTTP/1.1 200 OK", Delivered),
        (b"HTTP/1.1 404 Not Found", Refused),
        (b"HTTP/1.1 302 Found\r\nLocation: /elsewhere", Refused),
        (b"HTTP/1.1 302 Found\r\nLocation: http://[", Refused),
    ],
)
def test_the_body_of_an_answer_is_not_waited_for(saying: Says, head: bytes, kind: type[Outcome]) -> None:
    port = saying(head + b"\r\nContent-Length: 1000000\r\n\r\nnothing more")

    [outcome] = sent(channel(f"http://127.0.0.1:{port}/"), [delivery()])
    assert type(outcome) is kind


def test_what_a_server_says_becomes_one_line_that_fits(saying: Says) -> None:
    port = saying(b"HTTP/1.1 400 No\x1b[31m\tsuch \xc5\xbe " + b"x" * 400 + b"\r\nContent-Length: 0\r\n\r\n")

    said = only_problem(channel(f"http://127.0.0.1:{port}/"), Refused)
    assert said.startswith("400 No [31m such ")
    assert len(said) == 200


def test_a_server_that_says_nothing_is_not_waited_for(saying: Says) -> None:
    url = f"http://127.0.0.1:{saying(b'')}"

    said = only_problem(channel(url, timeout_seconds=0.05))
    assert said == f"{url} cannot be reached (no answer within 0.05 seconds)"


@pytest.mark.parametrize("words", [b"220 mail.example.org ESMTP\r\n\r\n", b"\xff\0\xfe\r\n\r\n"])
def test_what_is_no_web_server_is_unreachable(saying: Says, words: bytes) -> None:
    url = f"http://127.0.0.1:{saying(words)}"

    assert only_problem(channel(url)).startswith(f"{url} cannot be reached (")


def test_a_problem_and_a_check_keep_the_credentials_of_an_address(closed_port: int) -> None:
    sender = channel(f"http://user:secret@127.0.0.1:{closed_port}/secret?token=secret#secret")
    shown = f"http://127.0.0.1:{closed_port}"

    assert only_problem(sender) == f"{shown} cannot be reached (connection refused)"
    assert sender.check() == f"notices would be posted to {shown}"


def test_the_credentials_of_an_address_are_used(hook: RealHook) -> None:
    url = f"http://user:secret@127.0.0.1:{hook.port}/hook?token=secret"
    assert sent(channel(url), [delivery()]) == [DELIVERED]

    [request] = hook.wait_for(1)
    assert request.path == "/hook?token=secret"
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"user:secret").decode()


def test_a_check_asks_nobody(hook: RealHook) -> None:
    assert channel(hook).check() == f"notices would be posted to {hook.place}"
    assert hook.requests == []


def test_a_certificate_is_checked_against_the_bundle(certificate: Certificate, other_ca: Path) -> None:
    with RealHook(certificate=certificate) as hook:
        assert sent(channel(hook, verify_tls=certificate.ca_file), [delivery()]) == [DELIVERED]
        for verify_tls in (other_ca, True):
            said = only_problem(channel(hook, verify_tls=verify_tls))
            assert said.startswith(f"{hook.place} cannot be reached (its certificate is not trusted: ")
        assert len(hook.requests) == 1


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_certificate_is_not_looked_at_where_nobody_wants_to_know(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.ca_file))
    with RealHook(certificate=certificate) as hook:
        assert sent(channel(hook, verify_tls=False), [delivery()]) == [DELIVERED]


def test_the_bundle_of_the_environment_does_not_replace_the_one_that_is_set(
    certificate: Certificate, other_ca: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.ca_file))
    with RealHook(certificate=certificate) as hook:
        assert "not trusted" in only_problem(channel(hook, verify_tls=other_ca))


def test_a_certificate_of_another_host_is_not_trusted(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, ("hook.example.org",))
    with RealHook(certificate=certificate) as hook:
        said = only_problem(channel(hook, verify_tls=certificate.ca_file))
        assert "its certificate is not trusted: " in said
        assert "mismatch" in said
        assert hook.requests == []


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_ca_bundle_that_cannot_be_used_is_unreachable(
    certificate: Certificate, tmp_path: Path, content: bytes | None
) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_bytes(content)
    with RealHook(certificate=certificate) as hook:
        said = only_problem(channel(hook, verify_tls=bundle))

    assert said.startswith(
        f"the CA bundle {bundle}" if content is None else f"{hook.place} cannot be reached (TLS"
    )


def test_a_proxy_of_the_environment_is_used(hook: RealHook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{hook.port}")
    assert sent(channel("http://hooks.invalid/hook"), [delivery()]) == [DELIVERED]

    assert hook.wait_for(1)[0].path == "http://hooks.invalid/hook"


def test_a_proxy_that_is_gone_is_told_apart(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://user:secret@127.0.0.1:{closed_port}")

    said = only_problem(channel("http://hooks.invalid/hook"))
    assert said == "the proxy before http://hooks.invalid cannot be reached (connection refused)"


@pytest.mark.parametrize(
    "url",
    ["", "hooks.example.org", "ftp://example.org/", "https://", "http://[", "http://a:b/", "http://a:99999/"],
)
def test_what_is_no_web_address_is_a_setting_to_change(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^The address of the webhook is none: write it as https"):
        channel(url)


@pytest.mark.parametrize(
    ("secret", "wrong"),
    [
        ("", "empty"),
        ("whsec_", "empty"),
        ("whsec_a", "base64"),
        ("whsec_%%%%", "base64"),
        ("whsec_ž", "base64"),
    ],
)
def test_a_secret_that_is_none_is_a_setting_to_change(secret: str, wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^The secret of the webhook is [a-z ]*{wrong}"):
        channel("https://example.org/", secret=secret)


def test_neither_the_secret_nor_the_credentials_are_shown() -> None:
    target = WebhookTarget("https://user:secret@example.org/?token=secret", "secret")

    assert "secret" not in repr(target).replace("secret=", "")
    assert str(target) == "https://example.org"
