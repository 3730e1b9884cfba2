"""Others write realm attributes while we do: what of theirs we undo is seen, and put back."""

import time
from collections.abc import Callable, Mapping

import pytest

from keycloak_license.errors import LeaseLostError
from keycloak_license.keycloak_api.watch import (
    LOOKS_WITHOUT_PAUSE,
    PAUSE_SECONDS,
    WATCHERS,
    Watch,
    find_overwritten,
)
from keycloak_license.keycloak_api.writer import write_attributes
from keycloak_license.model.changes import AttributeChange, AttributeRemoved, AttributeSet
from tests.unit.keycloak_api.fake import Ask, FakeServer, Reply, connect, reply

Attributes = dict[str, str]
CHANGES = (AttributeSet("license.number", "8"),)
BEFORE = {"license.number": "7", "kept": "1", "changed": "old", "removed": "1"}
THEIRS = {"license.number": "7", "kept": "1", "changed": "new", "added": "1"}
BOTH = THEIRS | {"license.number": "8"}
PATIENCE = 5000


class Shared:
    """The attributes of a realm, with what somebody else does around each of our writes."""

    def __init__(self, server: FakeServer) -> None:
        self.now: Attributes = dict(BEFORE)
        self.server = server
        self.around: list[Callable[[Attributes], Reply | None]] = []
        """For our first write, our second and so on: called with its attributes, in the place of Keycloak."""
        server.on("GET", "", self._read)
        server.on("PUT", "", self._write)

    def write(self, attributes: Mapping[str, str]) -> None:
        self.now = dict(attributes)

    def wait_for_a_look(self) -> None:
        """Wait until somebody has begun to look, and ended."""
        looks = len(self.server.asked(""))
        for _ in range(PATIENCE):
            if len(self.server.asked("")) > looks + WATCHERS:
                return
            time.sleep(0.001)
        raise AssertionError("nobody looks")

    def _read(self, _ask: Ask) -> Reply:
        return reply({"id": "realm-id", "realm": "acme", "attributes": self.now})

    def _write(self, ask: Ask) -> Reply:
        ours = ask.body["attributes"]
        if self.around:
            return self.around.pop(0)(ours) or reply(status=204)
        self.write(ours)
        return reply(status=204)


@pytest.fixture
def shared(server: FakeServer) -> Shared:
    return Shared(server)


def test_what_was_written_right_before_ours_and_seen_is_put_back(shared: Shared) -> None:
    def write_first(ours: Attributes) -> None:
        shared.write(THEIRS)
        shared.wait_for_a_look()
        shared.write(ours)

    shared.around = [write_first]
    write_attributes(connect(), CHANGES)

    assert shared.now == BOTH
    assert len(shared.server.writes()) == 2


def test_what_was_put_back_and_is_undone_by_somebody_who_had_read_before_is_put_back_again(
    shared: Shared,
) -> None:
    def write_first(ours: Attributes) -> None:
        shared.write(THEIRS)
        shared.wait_for_a_look()
        shared.write(ours)

    def write_what_was_read_in_between(ours: Attributes) -> None:
        read = dict(shared.now)
        shared.write(ours)
        shared.write(read | {"more": "1"})

    shared.around = [write_first, write_what_was_read_in_between]
    write_attributes(connect(), CHANGES)

    assert shared.now == BOTH | {"more": "1"}


def test_each_attempt_to_write_is_based_on_what_is_there_then(shared: Shared) -> None:
    def fail_and_write(_ours: Attributes) -> Reply:
        shared.write(THEIRS)
        return reply({}, 503)

    shared.around = [fail_and_write]
    write_attributes(connect(), CHANGES)

    assert shared.now == BOTH


def test_a_write_that_keycloak_refuses_because_of_another_one_is_repeated(shared: Shared) -> None:
    def collide(_ours: Attributes) -> Reply:
        shared.write(THEIRS)
        return reply({"errorMessage": "conflict"}, 409)

    shared.around = [collide]
    write_attributes(connect(), CHANGES)

    assert shared.now == BOTH


def test_permission_is_asked_before_each_attempt_and_stops_it_when_missing(shared: Shared) -> None:
    asked: list[int] = []

    def may_write() -> None:
        asked.append(len(shared.server.writes()))
        if len(asked) == 3:
            raise LeaseLostError("Somebody else has taken over")

    shared.around = [lambda _: reply({}, 503), lambda _: reply({}, 409)]
    with pytest.raises(LeaseLostError):
        write_attributes(connect(), CHANGES, may_write)

    assert asked == [0, 1, 2]
    assert shared.now == BEFORE


def test_nobody_looks_before_the_beginning_and_after_the_end(shared: Shared) -> None:
    watch = Watch(connect())
    watch.begin_write()
    assert shared.server.asked("") == []
    with watch.look() as before:
        assert before.attributes == BEFORE
        shared.wait_for_a_look()
    looks = len(shared.server.asked(""))
    time.sleep(0.01)
    assert len(shared.server.asked("")) == looks


def test_a_write_that_takes_long_is_looked_at_with_pauses(shared: Shared) -> None:
    with Watch(connect()).look():
        time.sleep(1)
    assert len(shared.server.asked("")) <= 1 + WATCHERS * (LOOKS_WITHOUT_PAUSE + 1 + 1 / PAUSE_SECONDS)


def test_what_was_seen_counts_as_a_change_of_what_was_read_at_that_beginning_only(shared: Shared) -> None:
    watch = Watch(connect())
    with watch.look():
        shared.wait_for_a_look()
        shared.write(THEIRS)
    with watch.look():
        shared.wait_for_a_look()
    # Somebody else has taken all of it back, and that is his right.
    assert watch.find_undone(THEIRS, ours=()) == []


def test_what_an_attempt_undid_that_seemed_to_fail_is_found(shared: Shared) -> None:
    watch = Watch(connect())
    with watch.look():
        shared.write(THEIRS)
        shared.wait_for_a_look()
        shared.write(BEFORE)
    with watch.look():
        pass
    assert AttributeSet("added", "1") in watch.find_undone(BEFORE, ours=())


def test_what_was_seen_two_writes_ago_is_over(shared: Shared) -> None:
    watch = Watch(connect())
    with watch.look():
        shared.write(THEIRS)
        shared.wait_for_a_look()
    shared.write(BEFORE)
    for is_known in (True, True, False):
        assert bool(watch.find_undone(BEFORE, ours=())) == is_known
        watch.begin_write()
        with watch.look():
            pass


def test_a_look_that_fails_stops_nothing(shared: Shared, server: FakeServer) -> None:
    watch = Watch(connect())
    with watch.look():
        server.on("GET", "", reply({}, 503))
    assert watch.find_undone(BEFORE, ours=()) == []


@pytest.mark.parametrize(
    ("seen", "after", "lost"),
    [
        ([{"a": "2"}], {"a": "1"}, [AttributeSet("a", "2")]),
        ([{"a": "1", "b": "1"}], {"a": "1"}, [AttributeSet("b", "1")]),
        ([{}], {"a": "1"}, [AttributeRemoved("a")]),
        ([{"a": "2"}, {"a": "3"}, {"a": "1"}], {"a": "1"}, [AttributeSet("a", "3")]),
        ([{"a": "2"}], {"a": "2"}, []),
        ([{"a": "2"}], {"a": "3"}, []),
        ([{"a": "2"}], {}, []),
        ([{"a": "1"}], {"a": "2"}, []),
        ([{"a": "1", "ours": "2"}], {"a": "1"}, []),
        ([], {"a": "1"}, []),
    ],
)
def test_lost_is_what_was_seen_and_is_again_as_before(
    seen: list[Attributes], after: Attributes, lost: list[AttributeChange]
) -> None:
    assert find_overwritten({"a": "1"}, seen, after, ours={"ours"}) == lost
