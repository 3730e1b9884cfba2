"""Attributes are changed, foreign ones stay, and a fight over them is noticed."""

import threading
from collections.abc import Callable
from threading import Event, current_thread, main_thread

import pytest

from keycloak_license.errors import (
    InterruptedSyncError,
    LeaseLostError,
    MissingRightError,
    UnavailableError,
)
from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.keycloak_api.writer import ATTEMPTS, apply_changes
from keycloak_license.model.changes import AttributeRemoved, AttributeSet
from tests.fakes import unfenced
from tests.unit.keycloak_api.fake import Answer, Ask, FakeServer, Reply, connect, cut_while_reading, reply
from tests.unit.keycloak_api.small_realm import SmallRealm

CHANGES = (AttributeSet("license.number", "8"), AttributeRemoved("license.WFM.seats"))
BEFORE = {"license.number": "7", "license.WFM.seats": "50", "foreign": "1"}
KEPT = {
    "oauth2DeviceCodeLifespan": 444,
    "oauth2DevicePollingInterval": 9,
    "browserSecurityHeaders": {"xFrameOptions": "DENY"},
}
"""Settings that Keycloak would forget."""
AFTER = {"license.number": "8", "foreign": "1"}


class Attributes:
    """The attributes of a realm on a server, with what somebody else does after each of our writes."""

    def __init__(self, server: FakeServer, somebody_else: Callable[[dict[str, str]], None]) -> None:
        self.now = dict(BEFORE)
        self.steps: list[str] = []
        """What was asked for by the writer himself, without the looks of other threads meanwhile."""
        self.was_looked_at = Event()
        self._somebody_else = somebody_else
        server.on("GET", "", self._read)
        server.on("PUT", "", self._write)

    def before_write(self) -> None:
        self.steps.append("before")

    def write_under_way(self, theirs: dict[str, str]) -> None:
        """Let somebody else have written when Keycloak is at work on a write of ours, and it show."""
        self.was_looked_at.clear()
        self.now = theirs
        assert self.was_looked_at.wait(10)

    def _read(self, _ask: Ask) -> Reply:
        if current_thread() is main_thread():
            self.steps.append("GET")
            return self._shown()
        shown = self._shown()
        self.was_looked_at.set()
        return shown

    def _write(self, ask: Ask) -> Reply:
        self.steps.append("PUT")
        assert ask.body == {**KEPT, "attributes": ask.body["attributes"]}
        self.now = dict(ask.body["attributes"])
        self._somebody_else(self.now)
        return reply(status=204)

    def _shown(self) -> Reply:
        return reply({"id": "realm-id", "realm": "acme", **KEPT, "attributes": self.now})


def nobody(_attributes: dict[str, str]) -> None:
    """Leave the attributes alone."""


def test_no_changes_no_request(server: FakeServer) -> None:
    KeycloakRealm(connect()).write_attributes([], unfenced)

    assert server.urls == []


def test_changes_are_made_and_foreign_attributes_stay(server: FakeServer) -> None:
    attributes = Attributes(server, nobody)
    threads = set(threading.enumerate())
    KeycloakRealm(connect()).write_attributes(CHANGES, attributes.before_write)

    assert attributes.now == AFTER
    assert attributes.steps == ["GET", "GET", "before", "PUT", "GET"]
    assert set(threading.enumerate()) <= threads


def test_what_somebody_else_wrote_over_is_written_again(server: FakeServer) -> None:
    fights = [BEFORE | {"theirs": "2"}]
    attributes = Attributes(server, lambda now: now.update(fights.pop()) if fights else None)
    KeycloakRealm(connect()).write_attributes(CHANGES, unfenced)

    assert attributes.now == AFTER | {"theirs": "2"}
    assert len(server.writes()) == 2


def test_what_somebody_else_keeps_writing_over_is_given_up_with_a_sentence(server: FakeServer) -> None:
    Attributes(server, lambda now: now.update(BEFORE))

    with pytest.raises(
        UnavailableError, match=r"realm acme were overwritten 8 times.*find the other program"
    ):
        KeycloakRealm(connect()).write_attributes(CHANGES, unfenced)
    assert len(server.writes()) == ATTEMPTS


def test_a_removed_attribute_that_comes_back_is_noticed(server: FakeServer) -> None:
    Attributes(server, lambda now: now.update({"license.WFM.seats": "50"}))

    with pytest.raises(UnavailableError):
        KeycloakRealm(connect()).write_attributes(CHANGES, unfenced)


def test_a_realm_that_shows_the_values_already_is_not_written(server: FakeServer) -> None:
    # Each write drops the realm's cache in the whole cluster.
    Attributes(server, nobody).now = dict(AFTER)
    KeycloakRealm(connect()).write_attributes(CHANGES, unfenced)

    assert server.writes() == []


def test_a_write_whose_answer_is_lost_is_repeated(server: FakeServer) -> None:
    attributes = Attributes(server, nobody)
    lost = [True]

    def write_and_lose(ask: Ask) -> Reply:
        attributes._write(ask)
        if lost and lost.pop():
            raise cut_while_reading()
        return reply(status=204)

    server.on("PUT", "", write_and_lose)
    KeycloakRealm(connect()).write_attributes(CHANGES, unfenced)

    assert attributes.now == AFTER


def test_who_may_write_is_asked_before_each_attempt(server: FakeServer) -> None:
    attributes = Attributes(server, nobody)
    server.on("PUT", "", reply({}, 503), cut_while_reading(), attributes._write)
    KeycloakRealm(connect()).write_attributes(CHANGES, attributes.before_write)

    assert attributes.now == AFTER
    assert attributes.steps == ["GET", "GET", "before", "GET", "before", "GET", "before", "PUT", "GET"]
    assert len(server.writes()) == 3


def test_who_may_write_is_asked_again_when_somebody_else_wrote_over_it(server: FakeServer) -> None:
    fights = [BEFORE]
    attributes = Attributes(server, lambda now: now.update(fights.pop()) if fights else None)
    KeycloakRealm(connect()).write_attributes(CHANGES, attributes.before_write)

    assert attributes.steps == ["GET", *["GET", "before", "PUT", "GET"] * 2]


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_who_was_overtaken_writes_nothing_more(server: FakeServer, writes: int) -> None:
    def was_overtaken() -> None:
        if len(server.writes()) == writes:
            raise LeaseLostError("Another process took over realm acme")

    attributes = Attributes(server, nobody)
    server.on("PUT", "", reply({}, 503))
    threads = set(threading.enumerate())
    with pytest.raises(LeaseLostError):
        KeycloakRealm(connect()).write_attributes(CHANGES, was_overtaken)
    assert len(server.writes()) == writes
    assert attributes.now == BEFORE
    assert set(threading.enumerate()) <= threads


def test_nobody_is_asked_whether_he_may_write_when_there_is_nothing_to_write(server: FakeServer) -> None:
    attributes = Attributes(server, nobody)
    attributes.now = dict(AFTER)
    KeycloakRealm(connect()).write_attributes([], attributes.before_write)
    KeycloakRealm(connect()).write_attributes(CHANGES, attributes.before_write)

    assert attributes.steps == ["GET"]


@pytest.mark.parametrize(
    ("theirs", "after"),
    [
        (BEFORE | {"theirs": "2"}, AFTER | {"theirs": "2"}),
        (BEFORE | {"foreign": "2"}, AFTER | {"foreign": "2"}),
        ({name: value for name, value in BEFORE.items() if name != "foreign"}, {"license.number": "8"}),
    ],
    ids=["added", "changed", "removed"],
)
def test_what_somebody_else_wrote_while_we_did_is_put_back(
    server: FakeServer, theirs: dict[str, str], after: dict[str, str]
) -> None:
    attributes = Attributes(server, nobody)
    others = [theirs]

    def write(ask: Ask) -> Reply:
        if others:
            attributes.write_under_way(others.pop())
        return attributes._write(ask)

    server.on("PUT", "", write)
    KeycloakRealm(connect()).write_attributes(CHANGES, unfenced)

    assert attributes.now == after
    assert len(server.writes()) == 2


def test_what_they_wrote_while_an_attempt_of_ours_failed_is_kept_by_the_next(server: FakeServer) -> None:
    attributes = Attributes(server, nobody)

    def write_theirs_and_fail(_ask: Ask) -> Reply:
        attributes.write_under_way(BEFORE | {"theirs": "2"})
        return reply({}, 503)

    server.on("PUT", "", write_theirs_and_fail, attributes._write)
    KeycloakRealm(connect()).write_attributes(CHANGES, unfenced)

    assert attributes.now == AFTER | {"theirs": "2"}
    assert len(server.writes()) == 2


def test_a_write_that_met_another_in_the_database_is_done_again(server: FakeServer) -> None:
    # Keycloak answers 409 where two writers add or remove an attribute at the same moment.
    attributes = Attributes(server, nobody)
    server.on("PUT", "", reply({}, 409), attributes._write)
    KeycloakRealm(connect()).write_attributes(CHANGES, attributes.before_write)

    assert attributes.now == AFTER
    assert attributes.steps == ["GET", "GET", "before", "GET", "GET", "before", "PUT", "GET"]


def test_looks_that_fail_do_not_disturb_the_write(server: FakeServer) -> None:
    attributes = Attributes(server, nobody)

    def read(ask: Ask) -> Reply:
        return attributes._read(ask) if current_thread() is main_thread() else reply({}, 503)

    server.on("GET", "", read)
    KeycloakRealm(connect()).write_attributes(CHANGES, unfenced)

    assert attributes.now == AFTER
    assert len(server.writes()) == 1


def test_a_stop_comes_between_two_requests_and_leaves_nothing_half_written(server: FakeServer) -> None:
    attributes = Attributes(server, nobody)

    with pytest.raises(InterruptedSyncError):
        KeycloakRealm(connect(should_stop=lambda: True)).write_attributes(CHANGES, unfenced)
    assert attributes.now == BEFORE


def test_a_stop_after_the_first_request_comes_after_the_last(server: FakeServer) -> None:
    attributes = Attributes(server, nobody)
    KeycloakRealm(connect(should_stop=lambda: len(server.asks) >= 1)).write_attributes(CHANGES, unfenced)

    assert attributes.now == AFTER


def asks_for_the_right(server: FakeServer, *trouble: Answer) -> None:
    """Serve both ways to find out whether manage-realm is there."""
    server.on("POST", "testLDAPConnection", *trouble, reply({"errorMessage": "NamingError"}, 400))
    server.on("POST", "partial-export", *trouble, reply(SmallRealm(roles={}).export()))


def test_the_right_to_write_is_found_out_without_writing(server: FakeServer) -> None:
    asks_for_the_right(server)
    KeycloakRealm(connect()).ensure_writable()

    assert server.asked("", "PUT") == []


def test_a_missing_right_to_write_is_named(server: FakeServer) -> None:
    asks_for_the_right(server, reply({}, 403))

    with pytest.raises(MissingRightError, match="the role manage-realm of client realm-management"):
        KeycloakRealm(connect()).ensure_writable()


def test_trouble_while_the_right_is_found_out_is_tried_again(server: FakeServer) -> None:
    asks_for_the_right(server, reply({}, 503))

    KeycloakRealm(connect()).ensure_writable()


def test_the_right_is_found_out_without_an_error_in_keycloaks_log(server: FakeServer) -> None:
    # Measured on 26.7.3: a connection test without an address logs KC-SERVICES0055 with 25 lines of stack,
    # at each sync that changes something. An empty partial export asks for the same right in 4 ms.
    asks_for_the_right(server)
    KeycloakRealm(connect()).ensure_writable()

    assert server.asked("testLDAPConnection", "POST") == []


def test_the_same_changes_twice_come_to_the_same() -> None:
    once = apply_changes(BEFORE, CHANGES)

    assert once == AFTER
    assert apply_changes(once, CHANGES) == once
    assert BEFORE["license.number"] == "7"
