"""Admin events are switched on with an expiration, and off again as they were found, unless somebody else
has changed the setting since."""

import json
from collections.abc import Callable

import pytest

from keycloak_license.errors import KeycloakLicenseError
from keycloak_license.keycloak_api.provision import Provisioned
from keycloak_license.keycloak_api.recording import (
    DAY_SECONDS,
    EXPIRATION,
    INTERVALS_TO_KEEP,
    Wish,
    describe_recording,
)
from keycloak_license.model.attributes import INSTALLATION_ID
from keycloak_license.model.enforcement import MARK
from tests.unit.keycloak_api.fake import Ask, FakeServer, Reply, connect, reply
from tests.unit.keycloak_api.provisioned import OURS, Directory

WEEK = str(7 * DAY_SECONDS)
INTERVAL = 5
EVENTS_MARK = "keycloak-license.admin-events.id-of-acme"


@pytest.fixture
def directory(server: FakeServer) -> Directory:
    return Directory(server)


def foreign(directory: Directory) -> tuple[object, dict[str, str]]:
    """Whether events are on, and the attributes, but for the installation id."""
    attributes = {name: value for name, value in directory.attributes.items() if name != INSTALLATION_ID}
    return directory.settings["adminEventsEnabled"], attributes


def record(directory: Directory, days: int | None = None) -> Provisioned:
    return directory.provision(recording=Wish(days))


def test_without_the_wish_they_stay_off_and_nothing_remembers_them(directory: Directory) -> None:
    assert "admin events" not in directory.provision().created
    assert foreign(directory) == (False, {"foreign": "1"})
    assert directory.clients[OURS]["attributes"].keys() == {MARK}


def test_they_are_switched_on_and_kept_for_a_week(directory: Directory) -> None:
    done = record(directory)

    assert "admin events" in done.created
    assert done.warnings == []
    assert foreign(directory) == (True, {"foreign": "1", EXPIRATION: WEEK})


@pytest.mark.parametrize(
    ("present", "days", "expected"),
    [
        ("3600", None, "3600"),
        ("3600", 30, str(30 * DAY_SECONDS)),
        (None, 1, str(DAY_SECONDS)),
        ("0", None, WEEK),
        ("", None, WEEK),
        ("soon", None, WEEK),
        ("-5", None, WEEK),
    ],
)
def test_they_are_kept_as_told_or_as_the_realm_has_it(
    directory: Directory, present: str | None, days: int | None, expected: str
) -> None:
    directory.attributes |= {} if present is None else {EXPIRATION: present}
    before = foreign(directory)
    record(directory, days)
    assert foreign(directory) == (True, {"foreign": "1", EXPIRATION: expected})

    done = directory.provisioner().remove()
    assert done.removed[0] == "admin events"
    assert foreign(directory) == before


def test_they_are_on_only_when_they_expire_and_only_when_that_is_remembered(
    server: FakeServer, directory: Directory
) -> None:
    record(directory)

    bodies = [ask.body for ask in server.asks if ask.method == "PUT"]
    marked = next(place for place, body in enumerate(bodies) if EVENTS_MARK in body.get("attributes", {}))
    kept = next(place for place, body in enumerate(bodies) if EXPIRATION in body.get("attributes", {}))
    on = next(place for place, body in enumerate(bodies) if "adminEventsEnabled" in body)
    assert marked < kept < on


def test_running_it_again_changes_nothing(server: FakeServer, directory: Directory) -> None:
    record(directory)
    before = len(server.writes())

    for days in (None, 7):
        assert record(directory, days) == Provisioned()
    assert directory.provision() == Provisioned()
    assert len(server.writes()) == before


def test_our_own_may_get_another_number_of_days(directory: Directory) -> None:
    record(directory)
    done = record(directory, 30)

    assert (done.created, done.warnings) == (["admin events"], [])
    assert directory.attributes[EXPIRATION] == str(30 * DAY_SECONDS)
    directory.provisioner().remove()
    assert foreign(directory) == (False, {"foreign": "1"})


@pytest.mark.parametrize(
    ("present", "days", "told"),
    [
        ({}, None, "kept for ever, and stay as they are: their table grows without end"),
        ({}, 7, "kept for ever, and stay as they are: their table grows without end"),
        ({EXPIRATION: "7200"}, 7, "kept for 2 hours, and stay as they are"),
    ],
)
def test_those_that_are_on_already_stay_as_they_are(
    directory: Directory, present: dict[str, str], days: int | None, told: str
) -> None:
    directory.settings["adminEventsEnabled"] = True
    directory.attributes |= present
    before = foreign(directory)
    done = record(directory, days)

    assert "admin events" not in done.created
    [sentence] = done.warnings
    assert sentence.startswith("Admin events of realm acme were on already, ")
    assert told in sentence
    assert directory.provisioner().remove().removed[0] != "admin events"
    assert foreign(directory) == before


@pytest.mark.parametrize("days", [None, 30])
def test_nothing_is_said_of_those_that_are_just_as_wished(directory: Directory, days: int | None) -> None:
    directory.settings["adminEventsEnabled"] = True
    directory.attributes[EXPIRATION] = str(30 * DAY_SECONDS)

    assert record(directory, days).warnings == []


@pytest.mark.parametrize("theirs", [{EXPIRATION: "60"}, {}], ids=["shorter", "for ever"])
def test_what_somebody_has_changed_since_stays_and_is_told(
    directory: Directory, theirs: dict[str, str]
) -> None:
    record(directory)
    del directory.attributes[EXPIRATION]
    directory.attributes |= theirs
    before = foreign(directory)
    done = directory.provisioner().remove()

    assert foreign(directory) == before
    assert "admin events" not in done.removed
    assert "were changed since init, and stay on" in done.warnings[0]


def test_what_somebody_has_switched_off_since_stays_off_and_our_expiration_goes(directory: Directory) -> None:
    record(directory)
    directory.settings["adminEventsEnabled"] = False
    directory.provisioner().remove()

    assert foreign(directory) == (False, {"foreign": "1"})


def test_what_somebody_has_switched_off_and_set_anew_counts_as_found(directory: Directory) -> None:
    record(directory)
    directory.settings["adminEventsEnabled"] = False
    directory.attributes[EXPIRATION] = "3600"
    record(directory)
    assert foreign(directory) == (True, {"foreign": "1", EXPIRATION: "3600"})

    directory.provisioner().remove()
    assert foreign(directory) == (False, {"foreign": "1", EXPIRATION: "3600"})


def test_a_mark_that_cannot_be_read_leaves_the_setting_alone(directory: Directory) -> None:
    record(directory)
    directory.clients[OURS]["attributes"][EVENTS_MARK] = json.dumps({"expiration": 1})
    before = foreign(directory)
    directory.provisioner().remove()

    assert foreign(directory) == before


class Breakdown:
    """Refuses one of the writes that follow, and all after it until it is mended."""

    def __init__(self, server: FakeServer, directory: Directory, write: int) -> None:
        self._left: int | None = write
        for path, act in (("", directory._write_realm), ("clients/ours", directory._change_client)):
            server.on("PUT", path, self._before(act))

    def mend(self) -> None:
        self._left = None

    def _before(self, act: Callable[[Ask], Reply]) -> Callable[[Ask], Reply]:
        def answer(ask: Ask) -> Reply:
            if self._left is None:
                return act(ask)
            self._left -= 1
            return act(ask) if self._left >= 0 else reply({}, 403)

        return answer


@pytest.mark.parametrize("write", range(4))
@pytest.mark.parametrize("present", [{}, {EXPIRATION: "0"}, {EXPIRATION: WEEK}], ids=["none", "0", "a week"])
def test_switching_on_that_broke_off_is_made_good_and_can_be_undone(
    server: FakeServer, directory: Directory, write: int, present: dict[str, str]
) -> None:
    directory.attributes |= present
    before = foreign(directory)
    breakdown = Breakdown(server, directory, write)
    with pytest.raises(KeycloakLicenseError):
        record(directory)
    breakdown.mend()

    done = record(directory)
    # The secret is told by the run that gets to its end, and is not lost with an earlier one.
    assert done.client_secret == "made-up"
    assert foreign(directory) == (True, {"foreign": "1", EXPIRATION: WEEK})
    directory.provisioner().remove()
    assert foreign(directory) == before


@pytest.mark.parametrize("write", range(1, 4))
@pytest.mark.parametrize("present", [{}, {EXPIRATION: "0"}, {EXPIRATION: WEEK}], ids=["none", "0", "a week"])
def test_switching_on_that_broke_off_can_be_undone_at_once(
    server: FakeServer, directory: Directory, write: int, present: dict[str, str]
) -> None:
    directory.attributes |= present
    before = foreign(directory)
    breakdown = Breakdown(server, directory, write)
    with pytest.raises(KeycloakLicenseError):
        record(directory)
    breakdown.mend()

    directory.provisioner().remove()
    assert foreign(directory) == before


@pytest.mark.parametrize("write", range(3))
def test_switching_off_that_broke_off_is_made_good(
    server: FakeServer, directory: Directory, write: int
) -> None:
    before = foreign(directory)
    record(directory)
    breakdown = Breakdown(server, directory, write)
    with pytest.raises(KeycloakLicenseError):
        directory.provisioner().remove()
    assert OURS in directory.clients
    breakdown.mend()

    assert directory.provisioner().remove().warnings == []
    assert foreign(directory) == before
    assert OURS not in directory.clients


def test_a_client_in_master_remembers_each_realm_by_itself(server: FakeServer) -> None:
    other = Directory(server, auth_realm="master", managed="other")
    acme = Directory(server, auth_realm="master")
    acme.clients[other.holder] = other.clients[other.holder]
    other.clients = acme.clients
    # Its rights over the other realm keep it there.
    mapped: dict[str, object] = {"clientMappings": {other.holder: {"mappings": []}}}
    server.on("GET", "/realms/master/users/user-sa/role-mappings", reply(mapped))
    acme.attributes[EXPIRATION] = "60"
    record(acme, 1)
    record(other)

    acme.provisioner().remove()
    assert foreign(acme) == (False, {"foreign": "1", EXPIRATION: "60"})
    assert foreign(other) == (True, {"foreign": "1", EXPIRATION: WEEK})
    assert acme.clients[OURS]["attributes"].keys() == {MARK, "keycloak-license.admin-events.id-of-other"}

    other.provisioner().remove()
    assert foreign(other) == (False, {"foreign": "1"})
    assert OURS not in other.clients


@pytest.mark.parametrize(
    ("is_on", "present", "told"),
    [
        (False, {}, "off, so that changes are seen by full reads only; with them"),
        (False, {EXPIRATION: WEEK}, "run keycloak-license init --admin-events"),
        (True, {}, "on, kept for ever: their table grows without end"),
        (True, {EXPIRATION: "0"}, "on, kept for ever: their table grows without end"),
        (True, {EXPIRATION: WEEK}, "on, kept for 7 days"),
        (True, {EXPIRATION: str(INTERVALS_TO_KEEP * INTERVAL)}, "on, kept for 50 seconds"),
        (
            True,
            {EXPIRATION: "49"},
            "on, kept for 49 seconds, too short to be of use with a look every 5 seconds",
        ),
    ],
)
def test_doctor_says_what_is_and_what_would_be_better(
    server: FakeServer, directory: Directory, is_on: bool, present: dict[str, str], told: str
) -> None:
    directory.settings["adminEventsEnabled"] = is_on
    directory.attributes |= present
    found = describe_recording(connect(), INTERVAL)

    assert told in found
    assert ("init --admin-events" in found) == (not is_on)
    assert ("Realm settings" in found) == (is_on and found != told)
    assert server.writes() == []
