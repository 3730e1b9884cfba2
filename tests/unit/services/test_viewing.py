"""One look at a realm for all who ask within a few seconds."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event

import pytest

from keycloak_license.errors import UnavailableError
from keycloak_license.model.application import Application
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.services.overview import members_in
from keycloak_license.services.viewing import FRESH_SECONDS, View, Viewer, look_at
from tests.fakes import SimulatedRealm
from tests.unit.services.world import NOON, WFM, World

LONG = 60.0
"""Seconds that end a test that hangs."""


@dataclass
class SlowRealm(SimulatedRealm):
    """Tells when it is read, and is not done before it may be."""

    looks: int = 0
    is_read: Event = field(default_factory=Event)
    may_end: Event = field(default_factory=Event)

    def refresh(self, applications: Sequence[Application]) -> RealmSnapshot | None:
        self.looks += 1
        self.is_read.set()
        assert self.may_end.wait(LONG)
        return super().refresh(applications)


@dataclass
class Scene:
    """A realm with a seat for one, and a viewer with a clock that stands still."""

    world: World = field(default_factory=lambda: World(realm=SlowRealm()))
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.realm.may_end.set()
        self.world.import_file(self.world.sign(scope={"WFM": 1}))
        self.viewer = Viewer(self.world.managed, clock=lambda: self.now)

    @property
    def realm(self) -> SlowRealm:
        assert isinstance(self.world.realm, SlowRealm)
        return self.world.realm

    def members(self) -> list[str]:
        """Who is seen."""
        return names(self.viewer.look(NOON))


def names(view: View) -> list[str]:
    return [member.claim.username for member in members_in(view, WFM)[1]]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_was_seen_is_seen_for_a_few_seconds_and_then_anew(scene: Scene) -> None:
    assert scene.members() == []
    scene.world.agents("ann", "bob")
    scene.now += FRESH_SECONDS - 0.1
    assert (scene.members(), scene.realm.looks) == ([], 1)
    scene.now += 0.1
    assert (scene.members(), scene.realm.looks) == (["ann", "bob"], 2)


def test_it_shows_what_a_look_at_everything_would_show(scene: Scene) -> None:
    ann, _ = scene.world.agents("ann", "bob")
    scene.members()
    scene.world.realm.revoke(ann, scene.world.agent)
    scene.world.agents("cid")
    scene.viewer.forget()
    assert scene.viewer.look(NOON).plan == look_at(scene.world.managed, NOON).plan
    assert scene.members() == ["bob", "cid"]


def test_a_look_after_the_first_costs_no_full_read(scene: Scene) -> None:
    scene.members()
    reads = scene.realm.reads
    scene.world.agents("ann")
    scene.viewer.forget()
    assert (scene.members(), scene.realm.reads) == (["ann"], reads)
    scene.realm.has_events = False
    scene.viewer.forget()
    assert (scene.members(), scene.realm.reads) == (["ann"], reads + 1)


def test_what_was_changed_here_is_seen_at_once(scene: Scene) -> None:
    scene.members()
    scene.world.agents("ann")
    scene.viewer.forget()
    assert scene.members() == ["ann"]


def test_nothing_is_written_by_looking(scene: Scene) -> None:
    scene.world.agents("ann")
    ledger = scene.world.ledger
    before = scene.world.everything(), ledger.read_epoch("acme")
    scene.members()
    assert (scene.world.everything(), ledger.read_epoch("acme")) == before


def test_of_many_who_look_at_once_one_reads_for_all(scene: Scene) -> None:
    scene.world.agents("ann")
    scene.realm.may_end.clear()
    with ThreadPoolExecutor(10) as threads:
        looks = [threads.submit(scene.members) for _ in range(10)]
        assert scene.realm.is_read.wait(LONG)
        scene.realm.may_end.set()
        assert [look.result(LONG) for look in looks] == [["ann"]] * 10
    assert scene.realm.looks == 1


def test_what_was_changed_during_a_look_is_not_hidden_by_it(scene: Scene) -> None:
    scene.realm.may_end.clear()
    with ThreadPoolExecutor(2) as threads:
        look = threads.submit(scene.members)
        assert scene.realm.is_read.wait(LONG)
        scene.now += FRESH_SECONDS - 1
        forgetting = threads.submit(scene.viewer.forget)
        scene.realm.may_end.set()
        look.result(LONG)
        forgetting.result(LONG)
    scene.world.agents("ann")
    assert scene.members() == ["ann"]


def test_how_fresh_it_is_counts_from_when_the_look_began(scene: Scene) -> None:
    scene.realm.may_end.clear()
    with ThreadPoolExecutor(1) as threads:
        look = threads.submit(scene.members)
        assert scene.realm.is_read.wait(LONG)
        scene.now += FRESH_SECONDS
        scene.realm.may_end.set()
        look.result(LONG)
    scene.members()
    assert scene.realm.looks == 2


def test_an_error_is_everybodys_but_not_remembered(scene: Scene) -> None:
    scene.world.agents("ann")
    scene.realm.is_unreachable = True
    for _ in range(2):
        with pytest.raises(UnavailableError):
            scene.members()
    scene.realm.is_unreachable = False
    assert scene.members() == ["ann"]


def test_what_was_seen_before_an_error_is_not_taken_for_the_present(scene: Scene) -> None:
    scene.members()
    scene.now += FRESH_SECONDS
    scene.realm.is_unreachable = True
    with pytest.raises(UnavailableError):
        scene.members()
    scene.now -= 1
    with pytest.raises(UnavailableError):
        scene.members()


def test_a_user_who_seems_gone_is_read_by_himself_before_he_is_shown_as_gone(scene: Scene) -> None:
    [ann] = scene.world.agents("ann")
    scene.world.sync(NOON + timedelta(minutes=1))
    scene.world.realm.revoke(ann, scene.world.agent)
    assert scene.members() == []
    assert scene.realm.rereads == [ann]
