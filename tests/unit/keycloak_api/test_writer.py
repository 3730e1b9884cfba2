"""Attributes are changed, foreign ones stay, and a fight over them is noticed."""

from collections.abc import Callable

import pytest

from keycloak_license.errors import InterruptedSyncError, MissingRightError, UnavailableError
from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.keycloak_api.writer import ATTEMPTS, apply_changes
from keycloak_license.model.changes import AttributeRemoved, AttributeSet
from tests.unit.keycloak_api.fake import Answer, Ask, FakeServer, Reply, connect, cut_while_reading, reply
from tests.unit.keycloak_api.small_realm import SmallRealm

CHANGES = (AttributeSet("license.number", "8"), AttributeRemoved("license.WFM.seats"))
BEFORE = {"license.number": "7", "license.WFM.seats": "50", "foreign": "1"}
AFTER = {"license.number": "8", "foreign": "1"}


class Attributes:
    """The attributes of a realm on a server, with what somebody else does after each of our writes."""

    def __init__(self, server: FakeServer, somebody_else: Callable[[dict[str, str]], None]) -> None:
        self.now = dict(BEFORE)
        self._somebody_else = somebody_else
        server.on("GET", "", self._read)
        server.on("PUT", "", self._write)

    def _read(self, _ask: Ask) -> Reply:
        return reply({"id": "realm-id", "realm": "acme", "attributes": self.now})

    def _write(self, ask: Ask) -> Reply:
        assert ask.body.keys() == {"attributes"}
        self.now = dict(ask.body["attributes"])
        self._somebody_else(self.now)
        return reply(status=204)


def nobody(_attributes: dict[str, str]) -> None:
    """Leave the attributes alone."""


def test_no_changes_no_request(server: FakeServer) -> None:
    KeycloakRealm(connect()).write_attributes([])

    assert server.urls == []


def test_changes_are_made_and_foreign_attributes_stay(server: FakeServer) -> None:
    attributes = Attributes(server, nobody)
    KeycloakRealm(connect()).write_attributes(CHANGES)

    assert attributes.now == AFTER
    assert [ask.method for ask in server.asks] == ["GET", "PUT", "GET"]


def test_what_somebody_else_wrote_over_is_written_again(server: FakeServer) -> None:
    fights = [BEFORE | {"theirs": "2"}]
    attributes = Attributes(server, lambda now: now.update(fights.pop()) if fights else None)
    KeycloakRealm(connect()).write_attributes(CHANGES)

    assert attributes.now == AFTER | {"theirs": "2"}
    assert len(server.writes()) == 2


def test_what_somebody_else_keeps_writing_over_is_given_up_with_a_sentence(server: FakeServer) -> None:
    Attributes(server, lambda now: now.update(BEFORE))

    with pytest.raises(
        UnavailableError, match=r"realm acme were overwritten 3 times.*find the other program"
    ):
        KeycloakRealm(connect()).write_attributes(CHANGES)
    assert len(server.writes()) == ATTEMPTS


def test_a_removed_attribute_that_comes_back_is_noticed(server: FakeServer) -> None:
    Attributes(server, lambda now: now.update({"license.WFM.seats": "50"}))

    with pytest.raises(UnavailableError):
        KeycloakRealm(connect()).write_attributes(CHANGES)


def test_a_realm_that_shows_the_values_already_is_not_written(server: FakeServer) -> None:
    # Each write drops the realm's cache in the whole cluster.
    Attributes(server, nobody).now = dict(AFTER)
    KeycloakRealm(connect()).write_attributes(CHANGES)

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
    KeycloakRealm(connect()).write_attributes(CHANGES)

    assert attributes.now == AFTER


def test_a_stop_comes_between_two_requests_and_leaves_nothing_half_written(server: FakeServer) -> None:
    attributes = Attributes(server, nobody)

    with pytest.raises(InterruptedSyncError):
        KeycloakRealm(connect(should_stop=lambda: len(server.asks) == 1)).write_attributes(CHANGES)
    assert attributes.now == BEFORE


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
