"""Log lines: their form on a terminal and elsewhere, and what never stands in one."""

import io
import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from keycloak_license.errors import UnavailableError
from keycloak_license.logs import configure_logs
from keycloak_license.model.realm import User


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def line_of(**keys: object) -> dict[str, Any]:
    stream = io.StringIO()
    configure_logs(verbose=False, stream=stream)
    structlog.get_logger().info("something_happened", **keys)
    (line,) = lines_of(stream)
    return line


def fail(message: str) -> None:
    raise ValueError(message)


def test_elsewhere_than_on_a_terminal_a_line_is_json_with_level_and_utc_time() -> None:
    line = line_of(realm="acme", count=3, ratio=0.5, nothing=None, ok=True)
    written = datetime.fromisoformat(line.pop("timestamp"))
    assert written.utcoffset() == UTC.utcoffset(None)
    assert line == {
        "event": "something_happened",
        "level": "info",
        "realm": "acme",
        "count": 3,
        "ratio": 0.5,
        "nothing": None,
        "ok": True,
    }


def test_on_a_terminal_a_line_is_for_people() -> None:
    stream = Terminal()
    configure_logs(verbose=False, stream=stream)
    structlog.get_logger().info("sync_done", realm="acme")
    assert "sync_done" in stream.getvalue()
    with pytest.raises(json.JSONDecodeError):
        json.loads(stream.getvalue())


@pytest.mark.parametrize(("verbose", "events"), [(False, ["b", "c"]), (True, ["a", "b", "c"])])
def test_debug_lines_come_only_with_verbose(verbose: bool, events: list[str]) -> None:
    stream = io.StringIO()
    configure_logs(verbose=verbose, stream=stream)
    log = structlog.get_logger()
    log.debug("a")
    log.info("b")
    log.warning("c")
    assert [line["event"] for line in lines_of(stream)] == events


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("name", ["apscheduler.executors", "alembic", "sqlalchemy"])
def test_libraries_come_from_warning_up_in_the_same_form(name: str, verbose: bool) -> None:
    stream = io.StringIO()
    configure_logs(verbose=verbose, stream=stream)
    logging.getLogger(name).info("not this")
    logging.getLogger(name).warning("retry %s of %s", 1, 3)
    (line,) = lines_of(stream)
    assert (line["event"], line["level"], line["logger"]) == ("retry 1 of 3", "warning", name)
    assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None


def test_a_second_call_leaves_the_first_stream_and_repeats_nothing() -> None:
    first, second = io.StringIO(), io.StringIO()
    log = structlog.get_logger()
    configure_logs(verbose=False, stream=first)
    log.info("early")
    logging.getLogger("alembic").warning("early")
    configure_logs(verbose=False, stream=second)
    log.info("late")
    logging.getLogger("alembic").warning("late")
    assert [line["event"] for line in lines_of(first)] == ["early", "early"]
    assert [line["event"] for line in lines_of(second)] == ["late", "late"]


# Tracebacks


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
@pytest.mark.parametrize("verbose", [False, True])
def test_a_traceback_comes_only_with_verbose(kind: type[io.StringIO], verbose: bool) -> None:
    stream = kind()
    configure_logs(verbose=verbose, stream=stream)
    try:
        fail("holds a name")
    except ValueError:
        structlog.get_logger().exception("sync_failed")
        logging.getLogger("apscheduler").exception("Job raised")
    written = stream.getvalue()
    assert "ValueError" in written
    assert written.count("Traceback") == (2 if verbose else 0)
    assert ("holds a name" in written) == verbose


def test_a_traceback_shows_no_local_variables() -> None:
    stream = Terminal()
    configure_logs(verbose=True, stream=stream)
    hidden = "".join(["s3", "same"])
    try:
        fail(f"{len(hidden)} letters")
    except ValueError:
        structlog.get_logger().exception("sync_failed")
    assert "6 letters" in stream.getvalue()
    assert "s3same" not in stream.getvalue()


@pytest.mark.parametrize("how", ["exception", "true", "tuple"])
def test_an_error_of_ours_gives_its_sentence(how: str) -> None:
    error = UnavailableError("Keycloak does not answer.")
    stream = io.StringIO()
    configure_logs(verbose=False, stream=stream)
    try:
        raise error
    except UnavailableError:
        given = {"exception": error, "true": True, "tuple": (type(error), error, None)}[how]
        structlog.get_logger().warning("sync_failed", exc_info=given)
    (line,) = lines_of(stream)
    assert (line["error_type"], line["error"]) == ("UnavailableError", "Keycloak does not answer.")


# Secrets and people


@pytest.mark.parametrize(
    "key",
    [
        "client_secret",
        "clientSecret",
        "password",
        "KEYCLOAK_ADMIN_PASSWORD",
        "access_token",
        "Authorization",
        "proxy-authorization",
        "cookie",
        "license_file",
        "license.file",
        "activation_key",
        "private-key",
    ],
)
def test_values_of_secret_keys_are_masked_at_any_depth(key: str) -> None:
    line = line_of(**{key: "s3same"}, deep=[{"deeper": ({key: ["s3same"]},)}])
    assert "s3same" not in json.dumps(line)
    assert line[key] == "[masked]"
    assert line["deep"] == [{"deeper": [{key: "[masked]"}]}]


@pytest.mark.parametrize("key", ["username", "email", "userName", "preferred_username", "first-name"])
def test_personal_keys_are_dropped_at_any_depth(key: str) -> None:
    line = line_of(**{key: "bob"}, user_id="u1", deep={"id": 1, key: "bob"})
    assert "bob" not in json.dumps(line)
    assert line["user_id"] == "u1"
    assert line["deep"] == {"id": 1}


def test_an_object_is_shown_by_its_fields_without_the_personal_and_the_hidden_ones() -> None:
    @dataclass(frozen=True)
    class Held:
        user: User
        text: str = field(repr=False)

    line = line_of(held=Held(User("u1", "bob", enabled=True, email="bob@example.com"), "s3same"))
    assert line["held"] == {
        "user": {
            "id": "u1",
            "enabled": True,
            "created_at": None,
            "provider_id": None,
            "email_verified": False,
        }
    }


@pytest.mark.parametrize(
    "text",
    [
        "refused eyJhbGciOiJFZDI1NTE5In0.eyJzM3NhbWUiOjF9.c2lnbmF0dXJl-s3same here",
        "Authorization: Bearer s3same.s3same",
        "postgresql://seats:s3same@db/seats",
        "POST grant_type=x&client_secret=s3same&a=b",
        "GET /admin/realms/r/users?first=0&username=s3same&max=1",
        "-----BEGIN PRIVATE KEY-----\ns3same\n-----END PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----\ns3same",
    ],
)
def test_what_looks_like_a_secret_is_masked_inside_text(text: str) -> None:
    stream = io.StringIO()
    configure_logs(verbose=False, stream=stream)
    structlog.get_logger().info(text, answer=text, parts=[text], failure=ValueError(text))
    logging.getLogger("alembic").warning("%s", text)
    assert len(lines_of(stream)) == 2
    assert "s3same" not in stream.getvalue()
    assert "[masked]" in stream.getvalue()


def test_plain_text_stays_as_it_is() -> None:
    text = "Realm acme at https://sso.example.com:8443/auth?x=1: 3 of 5, see mail@example.com"
    assert line_of(text=text)["text"] == text


def test_other_values_are_written_as_text() -> None:
    line = line_of(
        at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        day=date(2026, 1, 2),
        path=Path("a/b"),
        held=SecretStr("s3same"),
    )
    assert (line["at"], line["day"], line["path"]) == ("2026-01-02T03:04:00+00:00", "2026-01-02", "a/b")
    assert line["held"] == "**********"


@given(
    st.dictionaries(
        st.text(min_size=1).filter(
            lambda key: key not in {"event", "level", "timestamp", "exc_info", "self"}
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
            lambda inner: st.lists(inner) | st.dictionaries(st.integers() | st.text(), inner),
            max_leaves=8,
        ),
        max_size=4,
    )
)
@settings(deadline=None)
def test_whatever_is_logged_is_one_line_of_json(keys: dict[str, object]) -> None:
    assert line_of(**keys)["level"] == "info"


@pytest.mark.parametrize(("verbose", "shown"), [(False, 0), (True, 2)])
def test_that_a_request_is_tried_again_is_told_only_to_who_wants_more(verbose: bool, shown: int) -> None:
    stream = io.StringIO()
    configure_logs(verbose=verbose, stream=stream)
    logging.getLogger("urllib3.connectionpool").warning("Retrying after connection broken")
    structlog.get_logger().warning("stamina.retry_scheduled", retry_num=1)
    assert len(stream.getvalue().splitlines()) == shown
