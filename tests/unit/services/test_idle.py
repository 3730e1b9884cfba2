"""`idle`: holders of the last sync, logins of now, and nothing released."""

import csv
import io
from datetime import timedelta

import pytest

from keycloak_license.errors import ConfigurationError, UnavailableError
from keycloak_license.plan.idle_seats import SeatUse
from keycloak_license.services.idle import IdleReport, find_idle, idle_csv, idle_document, summarize
from tests.unit.services.world import NOON, World

DAY = timedelta(days=1)


def used_world() -> World:
    """Ann works daily, Bob stopped long ago, Cyril never came, Dana is new; Eve waits. Seats of WFM: 4."""
    world = World()
    begun = (NOON - DAY * 300).date()
    world.import_file(world.sign(scope={"WFM": 4}, issued_on=begun, starts_on=begun), NOON - DAY * 200)
    ann, bob, _ = world.agents("ann", "bob", "cyril")
    world.sync(NOON - DAY * 200)
    world.agents("dana", "eve")
    world.sync(NOON - DAY * 10)
    for number in range(220):
        world.realm.logins.log_in(ann, NOON - DAY * number)
    world.realm.logins.log_in(bob, NOON - DAY * 95)
    return world


def idle(world: World, application: str | None = "WFM", days: int = 90) -> IdleReport:
    return find_idle(world.managed, application, NOON, days)


def states(report: IdleReport) -> dict[str, str]:
    [usage] = report.applications
    return {holder.claim.username: holder.state.value for holder in usage.holders}


def test_every_holder_has_his_state_and_who_waits_has_none() -> None:
    report = idle(used_world())

    assert states(report) == {"cyril": "never_used", "bob": "dormant", "dana": "new", "ann": "active"}
    assert report.warnings == ()
    assert summarize(report.applications[0]) == (
        "WFM: 2 of 4 seats idle (1 dormant, 1 never used), 0 unknown, 1 new"
    )


def test_nothing_is_written_and_the_realm_is_not_read() -> None:
    world = used_world()
    before, reads = world.everything(), world.realm.reads
    idle(world)
    assert (world.everything(), world.realm.reads) == (before, reads)


def test_where_no_logins_are_recorded_seats_are_unknown_unless_a_session_tells() -> None:
    world = used_world()
    world.realm.logins.events.clear()
    world.realm.logins.is_recording = False
    cyril = world.realm.find_user("cyril")
    assert cyril is not None
    world.realm.logins.log_in(cyril.id, NOON - DAY, stays=True)
    report = idle(world)

    assert states(report) == {"ann": "unknown", "bob": "unknown", "dana": "new", "cyril": "active"}
    assert report.known_since is None
    assert len(report.warnings) == 1
    assert "records no logins" in report.warnings[0]


def test_without_the_right_to_read_events_it_says_which_would_help() -> None:
    world = used_world()
    world.realm.logins.is_readable = False
    report = idle(world)

    assert set(states(report).values()) == {"unknown", "new"}
    assert "view-events" in report.warnings[0]


def test_without_an_application_all_are_told() -> None:
    report = idle(used_world(), application=None)
    assert [(each.application.id, len(each.holders)) for each in report.applications] == [
        ("WFM", 4),
        ("QM", 0),
    ]


def test_an_unknown_application_is_refused_and_a_realm_that_was_never_synced_says_so() -> None:
    with pytest.raises(ConfigurationError, match=r"'XX'.*has WFM, QM"):
        idle(World(), "XX")
    assert idle(World()).warnings[0] == "Realm acme was never synced: run keycloak-license sync"


def test_a_keycloak_that_is_down_is_no_reason_to_call_anybody_idle() -> None:
    world = used_world()
    world.realm.is_unreachable = True
    with pytest.raises(UnavailableError):
        idle(world)


def test_the_document_has_every_holder_with_iso_instants() -> None:
    document = idle_document(idle(used_world()))

    assert document["days"] == 90
    assert document["known_since"] == (NOON - DAY * 207).isoformat()
    assert document["warnings"] == []
    [wfm] = document["applications"]
    assert (wfm["id"], wfm["seats_used"], wfm["idle"]) == ("WFM", 4, 2)
    assert wfm["holders"][1] == {
        "user_id": wfm["holders"][1]["user_id"],
        "username": "bob",
        "email": "bob@example.org",
        "since": (NOON - DAY * 200).isoformat(),
        "state": SeatUse.DORMANT.value,
        "last_seen": (NOON - DAY * 95).isoformat(),
    }


def test_csv_is_a_line_for_each_holder_and_no_formula() -> None:
    world = used_world()
    world.agents("=1+1")
    world.import_file(world.sign(number="T-2", scope={"WFM": 9}), NOON - DAY)
    text = idle_csv(idle(world, application=None))

    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["username"] for row in rows] == ["cyril", "bob", "'=1+1", "dana", "eve", "ann"]
    assert (rows[0]["application"], rows[0]["state"], rows[0]["last_seen"]) == ("WFM", "never_used", "")
    assert rows[1]["last_seen"] == "2026-01-26 12:00:00+00:00"
