"""A realm is kept in line at the cost of what changes: what leads to a sync, and what does not."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from keycloak_license.errors import LeaseTakenError, UnavailableError
from keycloak_license.services.following import PAUSE_FACTOR, Follower, Look
from tests.unit.services.world import NOON, World, told

FULL_INTERVAL = 900
MINUTE = timedelta(minutes=1)
ENDS = datetime(2026, 5, 10, 22, 0, tzinfo=UTC)
"""00:00 in Prague after the last day of `date(2026, 5, 10)`."""


@dataclass
class Watch:
    """A clock that goes on when it is told to, and by some seconds during each read of a realm."""

    world: World
    read_seconds: float = 2.0
    seconds: float = 5000.0
    _reads: int = field(default=0, init=False)

    def __call__(self) -> float:
        self.seconds += self.read_seconds * (self.world.realm.reads - self._reads)
        self._reads = self.world.realm.reads
        return self.seconds


@dataclass
class Scene:
    """A realm that is followed, with a licence for one seat."""

    start: datetime = NOON
    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        self.world.import_file(self.world.sign(expires_on=date(2026, 5, 10)), self.start)
        self.watch = Watch(self.world)
        self.follower = Follower(self.world.managed, FULL_INTERVAL, self.watch)
        self.settle(self.start)

    def settle(self, now: datetime = NOON) -> None:
        """Read, and look until nothing is new: what we wrote ourselves is news as well."""
        self.follower.read(now)
        for _ in range(3):
            if self.follower.look(now).is_unchanged:
                return
        raise AssertionError("The realm does not come to rest")

    def footprint(self) -> tuple[object, ...]:
        """All that a look must leave alone while nothing is new."""
        return self.world.realm.reads, self.world.ledger.read_epoch("acme"), self.world.everything()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def look(scene: Scene, now: datetime = NOON) -> list[tuple[str, str, str]]:
    """Look at a realm in which something is new; return the seat changes."""
    report = scene.follower.look(now).report
    assert report, "nothing was new"
    return sorted(told(report.changes))


def test_a_look_that_finds_nothing_new_neither_reads_nor_writes(scene: Scene) -> None:
    before = scene.footprint()
    for minutes in range(10):
        assert scene.follower.look(NOON + minutes * MINUTE) == Look(is_unchanged=True)
    assert scene.footprint() == before


def test_before_the_first_read_there_is_nothing_to_look_at() -> None:
    follower = Follower(World().managed, FULL_INTERVAL)
    assert follower.look(NOON) == Look(is_read_due=True)


def test_a_change_of_one_user_is_brought_in_line_without_a_full_read(scene: Scene) -> None:
    reads = scene.world.realm.reads
    anna, boris = scene.world.agents("anna", "boris")
    assert look(scene) == [("seat_assigned", "anna", "first_come"), ("waiting", "boris", "no_free_seat")]
    scene.world.realm.set_enabled(anna, enabled=False)
    assert look(scene) == [("seat_assigned", "boris", "seat_free"), ("seat_released", "anna", "disabled")]
    scene.world.realm.delete_user(boris)
    assert look(scene) == [("seat_released", "boris", "deleted")]
    assert scene.world.realm.reads == reads


def test_what_is_wiped_is_written_again(scene: Scene) -> None:
    del scene.world.realm.attributes["license.state"]
    assert scene.follower.look(NOON).report
    assert scene.world.realm.attributes["license.state"] == "OK"


def test_time_alone_ends_access() -> None:
    scene = Scene(ENDS - MINUTE)
    assert scene.follower.look(ENDS - MINUTE / 2).is_unchanged
    assert scene.follower.look(ENDS).report
    assert scene.world.realm.attributes["license.access"] == "blocked"


def test_time_alone_brings_up_that_access_is_about_to_end() -> None:
    scene = Scene(ENDS - timedelta(days=4))
    scene.world.realm.set_attributes({"license.expiry_notice_days": "2"})
    assert look(scene, scene.start) == []
    assert scene.follower.look(ENDS - timedelta(days=3, minutes=1)).is_unchanged
    report = scene.follower.look(ENDS - timedelta(days=3)).report
    assert report
    assert any("Access ends at" in warning for warning in report.realm.warnings)


def test_a_licence_that_verifies_no_more_is_noticed(scene: Scene) -> None:
    [stored] = scene.world.ledger.load("acme").licenses
    kept = scene.world.verifier._known.pop(stored.file.encode())
    assert scene.follower.look(NOON).report
    assert scene.world.realm.attributes["license.access"] == "blocked"
    scene.world.trust(kept)
    while not scene.follower.look(NOON).is_unchanged:
        pass
    assert scene.world.realm.attributes["license.access"] == "granted"


def test_a_licence_that_only_the_realm_has_counts_as_soon_as_its_key_is_trusted(scene: Scene) -> None:
    [stored] = scene.world.ledger.load("acme").licenses
    kept = scene.world.verifier._known.pop(stored.file.encode())
    scene.world.forget()
    scene.follower.managed = scene.world.managed
    scene.settle()
    assert scene.world.in_force() == []
    scene.world.trust(kept)
    assert scene.follower.look(NOON).report
    assert scene.world.in_force() == [("T-1", 1)]


def test_a_licence_on_standby_that_verifies_no_more_is_told(scene: Scene) -> None:
    standby = scene.world.sign_commercial()
    scene.world.import_file(standby)
    scene.world.import_file(scene.world.sign(number="T-2"))
    scene.settle()
    assert len(scene.world.in_force()) == 2
    scene.world.verifier.distrust(standby)
    report = scene.follower.look(NOON).report
    assert report
    assert any("C-1 does not count any more" in warning for warning in report.realm.warnings)


def test_a_held_release_is_carried_out_when_it_was_held_long_enough() -> None:
    scene = Scene()
    scene.world.import_file(scene.world.sign(number="T-2", scope={"WFM": 50}, expires_on=date(2026, 12, 31)))
    agents = scene.world.agents(*(f"user{number}" for number in range(10)))
    scene.settle()
    for user in agents:
        scene.world.realm.revoke(user, scene.world.agent)
    report = scene.follower.look(NOON).report
    assert report
    assert len(report.realm.held) == 10
    assert scene.follower.look(NOON + timedelta(hours=23)).is_unchanged
    report = scene.follower.look(NOON + timedelta(hours=24)).report
    assert report
    assert len(told(report.changes)) == 10


def test_what_another_process_did_is_noticed(scene: Scene) -> None:
    scene.world.agents("anna", "boris")
    assert len(look(scene)) == 2
    scene.world.import_file(scene.world.sign(number="T-2", scope={"WFM": 2}))
    assert scene.world.seated() == ["anna", "boris"]
    assert look(scene) == []
    scene.world.realm.delete_user(scene.world.realm._users.copy().popitem()[0])
    assert [kind for kind, _, _ in look(scene)] == ["seat_released"]
    assert scene.world.seated() == ["anna"]


def test_a_realm_that_another_process_works_on_is_left_to_it_and_nothing_is_forgotten(scene: Scene) -> None:
    scene.world.agents("anna")
    lease = scene.world.ledger.take_lease("acme", "another process")
    with pytest.raises(LeaseTakenError):
        scene.follower.look(NOON)
    scene.world.ledger.end_lease(lease)
    assert look(scene) == [("seat_assigned", "anna", "first_come")]


def test_what_events_told_while_another_process_was_at_work_is_asked_for_again(scene: Scene) -> None:
    anna, boris = scene.world.agents("anna", "boris")
    scene.world.realm.granted_at = {boris: NOON + MINUTE, anna: NOON + 2 * MINUTE}
    lease = scene.world.ledger.take_lease("acme", "another process")
    with pytest.raises(LeaseTakenError):
        scene.follower.look(NOON + 3 * MINUTE)
    scene.world.ledger.end_lease(lease)
    scene.follower.look(NOON + 3 * MINUTE)
    assert scene.world.seated() == ["boris"]


def test_a_ledger_that_is_lost_is_rebuilt_by_the_next_look(scene: Scene) -> None:
    scene.world.agents("anna", "boris")
    look(scene)
    scene.settle()
    scene.world.forget()
    scene.follower.managed = scene.world.managed
    assert scene.follower.look(NOON).report
    assert scene.world.seated() == ["anna"]
    assert scene.world.waiting() == ["boris"]


def test_everything_is_read_when_the_full_interval_is_over(scene: Scene) -> None:
    scene.watch.seconds += FULL_INTERVAL - 3
    assert not scene.follower.look(NOON).is_read_due
    scene.watch.seconds += 3
    assert scene.follower.look(NOON) == Look(is_read_due=True)
    assert scene.follower.read(NOON).drift == 0
    assert not scene.follower.look(NOON).is_read_due


def test_what_cannot_be_reached_is_to_be_read_and_the_failure_kept(scene: Scene) -> None:
    scene.world.realm.is_unreachable = True
    assert scene.follower.look(NOON) == Look(is_read_due=True)
    with pytest.raises(UnavailableError):
        scene.follower.read(NOON)
    assert scene.world.ledger.load("acme").failure
    assert scene.follower.look(NOON) == Look(is_read_due=True)
    scene.world.realm.is_unreachable = False
    scene.settle()
    assert scene.world.ledger.load("acme").failure is None


def test_without_events_a_small_part_of_the_time_is_spent_on_reading(scene: Scene) -> None:
    scene.world.realm.has_events = False
    assert scene.follower.look(NOON) == Look()
    scene.watch.seconds += (PAUSE_FACTOR - 1) * scene.watch.read_seconds - 1
    assert scene.follower.look(NOON) == Look()
    scene.watch.seconds += 1
    assert scene.follower.look(NOON) == Look(is_read_due=True)


def test_without_events_no_large_realm_waits_longer_than_the_full_interval(scene: Scene) -> None:
    scene.world.realm.has_events = False
    scene.watch.read_seconds = 500
    scene.follower.read(NOON)
    scene.watch.seconds += FULL_INTERVAL - 501
    assert not scene.follower.look(NOON).is_read_due
    scene.watch.seconds += 2
    assert scene.follower.look(NOON).is_read_due


def test_without_events_access_still_ends_in_time() -> None:
    scene = Scene(ENDS - MINUTE)
    scene.world.realm.has_events = False
    assert scene.follower.look(ENDS - MINUTE) == Look()
    assert scene.follower.look(ENDS) == Look(is_read_due=True)
    scene.follower.read(ENDS)
    assert scene.world.realm.attributes["license.access"] == "blocked"


def test_an_incomplete_read_is_made_again_after_a_pause(scene: Scene) -> None:
    scene.world.realm.silent_providers.add("corp")
    assert not scene.follower.read(NOON).realm.is_complete
    assert not scene.follower.look(NOON).is_read_due
    scene.watch.seconds += PAUSE_FACTOR * scene.watch.read_seconds
    assert scene.follower.look(NOON) == Look(is_read_due=True)


def test_who_was_given_something_first_is_first_whatever_the_account_says(scene: Scene) -> None:
    anna, boris, cyril = scene.world.agents("anna", "boris", "cyril")
    scene.world.realm.granted_at = {
        anna: NOON + 3 * MINUTE,
        boris: NOON + 2 * MINUTE,
        cyril: NOON + MINUTE,
    }
    changes = look(scene, NOON + 4 * MINUTE)
    assert [name for _, name, _ in changes] == ["cyril", "anna", "boris"]
    assert scene.world.seated() == ["cyril"]
    claims = {claim.username: claim.claimed_at for claim in scene.world.ledger.load("acme").claims}
    assert claims == {"anna": NOON + 3 * MINUTE, "boris": NOON + 2 * MINUTE, "cyril": NOON + MINUTE}
