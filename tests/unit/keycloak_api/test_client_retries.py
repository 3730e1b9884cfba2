"""What is tried again, how often, and what is said in the end."""

from collections.abc import Iterator

import pytest
import requests
from stamina.instrumentation import RetryDetails, get_on_retry_hooks, set_on_retry_hooks

from keycloak_license.errors import (
    AlreadyThereError,
    InterruptedSyncError,
    NotThereError,
    RequestTimeoutError,
    UnavailableError,
    UnexpectedAnswerError,
)
from keycloak_license.keycloak_api import wire
from tests.unit.keycloak_api.fake import (
    BASE,
    Answer,
    FakeServer,
    Reply,
    connect,
    cut_while_reading,
    html,
    login,
    reply,
)

OK = reply({"id": "realm-id", "realm": "acme"})


class WaitSeenError(Exception):
    """Ends a test before it would really wait."""


@pytest.fixture
def waits() -> Iterator[list[float]]:
    """Collect how long stamina would wait, and end the test there."""
    seen: list[float] = []

    def note(details: RetryDetails) -> None:
        seen.append(details.wait_for)
        raise WaitSeenError

    hooks = get_on_retry_hooks()
    set_on_retry_hooks([note])
    yield seen
    set_on_retry_hooks(hooks)


@pytest.mark.parametrize(
    "trouble",
    [
        reply(status=503),
        reply(status=500),
        reply(status=502),
        reply(status=429),
        html(),
        (200, {"Content-Type": "application/json"}, '{"id": "realm-id", "rea'),
        cut_while_reading(),
        requests.exceptions.ChunkedEncodingError("IncompleteRead"),
        requests.exceptions.ConnectTimeout("connect timed out"),
    ],
    ids=["503", "500", "502", "429", "html", "cut JSON", "reset", "cut body", "connect time-out"],
)
def test_what_may_pass_by_itself_is_tried_again(server: FakeServer, trouble: Answer) -> None:
    server.on("GET", "", trouble, trouble, OK)

    assert connect().get("", wire.REALM).id == "realm-id"
    assert len(server.asks) == 3


@pytest.mark.parametrize(("told", "waited"), [("7", 7.0), ("0", 0.0), ("3600", 30.0), ("-5", 0.0)])
def test_retry_after_is_honoured_up_to_a_bound(
    server: FakeServer, waits: list[float], told: str, waited: float
) -> None:
    server.on("GET", "", reply(status=429, **{"Retry-After": told}))

    with pytest.raises(WaitSeenError):
        connect().get("", wire.REALM)
    assert waits == [waited]


@pytest.mark.parametrize("told", ["soon", "Wed, 21 Oct 2026 07:28:00 GMT", ""])
def test_a_retry_after_that_is_no_number_leaves_the_usual_wait(
    server: FakeServer, waits: list[float], told: str
) -> None:
    server.on("GET", "", reply(status=503, **{"Retry-After": told}))

    with pytest.raises(WaitSeenError):
        connect().get("", wire.REALM)
    assert waits == [0.0]


def test_attempts_are_bounded_and_the_error_names_url_call_and_what_to_do(server: FakeServer) -> None:
    server.on("GET", "", reply(status=503))

    with pytest.raises(UnavailableError) as caught:
        connect(attempts=4).get("", wire.REALM)
    assert len(server.asks) == 4
    assert str(caught.value) == (
        f"Keycloak at {BASE} answered GET /admin/realms/acme with status 503: "
        "look into its log, or try again later"
    )


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (requests.ConnectionError("[Errno 111] Connection refused"), "the connection was refused or cut"),
        (requests.exceptions.ConnectTimeout("timed out"), "the connection timed out"),
        (OSError("no CA file"), "OSError"),
    ],
)
@pytest.mark.parametrize("where", ["login", ""])
def test_a_server_that_cannot_be_reached_is_named_with_the_reason(
    server: FakeServer, trouble: Exception, why: str, where: str
) -> None:
    server.on("POST" if where else "GET", where, trouble)

    with pytest.raises(UnavailableError) as caught:
        connect().get("", wire.REALM)
    assert str(caught.value) == (
        f"Keycloak at {BASE} cannot be reached ({why}): check keycloak.url and that the server is up"
    )
    assert caught.value.exit_status == 3


@pytest.mark.parametrize("where", ["login", ""])
def test_an_untrusted_certificate_has_its_own_sentence(server: FakeServer, where: str) -> None:
    server.on("POST" if where else "GET", where, requests.exceptions.SSLError("self-signed certificate"))

    with pytest.raises(UnavailableError, match=r"is not trusted: set keycloak.verify_tls to the file"):
        connect().get("", wire.REALM)


def test_a_read_time_out_outside_of_pages_is_told_at_once(server: FakeServer) -> None:
    server.on("GET", "", requests.exceptions.ReadTimeout("read timed out"))

    with pytest.raises(RequestTimeoutError, match="did not answer within 9 seconds"):
        connect().get("", wire.REALM)
    assert len(server.asks) == 1


@pytest.mark.parametrize(
    ("status", "error"), [(404, NotThereError), (409, AlreadyThereError), (400, UnexpectedAnswerError)]
)
def test_a_refusal_that_will_not_pass_is_not_repeated(
    server: FakeServer, status: int, error: type[Exception]
) -> None:
    server.on("POST", "roles", reply({}, status))

    with pytest.raises(error):
        connect().create("roles", {"name": "R"})
    assert len(server.asks) == 1


@pytest.mark.parametrize("method", ["create", "delete"])
def test_a_write_whose_answer_was_lost_counts_as_done_when_the_second_try_finds_it_done(
    server: FakeServer, method: str
) -> None:
    server.on("POST", "roles", cut_while_reading(), reply({}, 409))
    server.on("DELETE", "roles/R", cut_while_reading(), reply({}, 404))

    client = connect()
    client.create("roles", {"name": "R"}) if method == "create" else client.delete("roles/R")
    assert len(server.asks) == 2


def test_should_stop_is_asked_before_every_request(server: FakeServer) -> None:
    server.on("GET", "", OK)
    client = connect(should_stop=lambda: len(server.asks) == 2)

    client.get("", wire.REALM)
    client.get("", wire.REALM)
    with pytest.raises(InterruptedSyncError, match="before GET /admin/realms/acme"):
        client.get("", wire.REALM)
    assert len(server.asks) == 2


def test_should_stop_ends_the_attempts_too(server: FakeServer) -> None:
    server.on("GET", "", reply(status=503))

    with pytest.raises(InterruptedSyncError):
        connect(should_stop=lambda: bool(server.asks)).get("", wire.REALM)
    assert len(server.asks) == 1


def test_each_request_and_each_login_is_counted_and_told(server: FakeServer) -> None:
    server.on("GET", "", reply(status=503), OK)
    told: list[int] = []
    client = connect(on_request=lambda: told.append(1))
    client.get("", wire.REALM)
    client.to_the_end().get("", wire.REALM)

    assert client.requests_made == len(told) == len(server.asks) + len(server.logins) == 4


@pytest.mark.parametrize(
    "logins",
    [
        [login(1)],
        [reply({}, 503), login(1)],
        [reply({}, 503, **{"Retry-After": "1"}), reply({}, 503, **{"Retry-After": "1"}), login(1)],
    ],
    ids=["401 renews", "login fails once", "login says when"],
)
def test_requests_made_counts_what_the_library_repeats_by_itself(
    server: FakeServer, logins: list[Reply]
) -> None:
    server.on("POST", "login", *logins)
    server.on("GET", "", reply({}, 401), OK)
    client = connect()
    client.get("", wire.REALM)

    assert client.requests_made == len(server.asks) + len(server.logins)


def test_the_library_underneath_does_not_wait_for_a_retry_after_of_the_login_by_itself(
    server: FakeServer,
) -> None:
    # urllib3 would sleep for as long as the server says, an hour say, deaf to should_stop.
    server.on("POST", "login", reply({}, 503, **{"Retry-After": "3600"}))

    with pytest.raises(UnavailableError):
        connect(attempts=1).get("", wire.REALM)
    assert len(server.logins) == 1
