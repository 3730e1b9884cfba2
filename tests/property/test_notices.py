"""Whatever happens, people are told of everything once, and of nothing that is not so."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.notice import (
    AccessEnded,
    AccessEnding,
    NearLimit,
    Notice,
    OverLimit,
    is_about_seats,
)
from keycloak_license.model.report import RealmReport
from tests.unit.services.post import MAIL, Scene
from tests.unit.services.world import NOON

DAY = timedelta(days=1)
TERMS = replace(MAIL, expiry_days=(60, 14, 3), usage_percents=(50, 90))


@dataclass(frozen=True)
class Told:
    """What was told at one sync, and how things stood."""

    at: datetime
    report: RealmReport
    notices: tuple[Notice, ...]


@dataclass
class Story:
    """A realm over some months."""

    scene: Scene = field(default_factory=lambda: Scene(TERMS))
    now: datetime = NOON
    people: list[str] = field(default_factory=list)
    licenses: int = 0
    told: list[Told] = field(default_factory=list)

    def hire(self, number: int) -> None:
        self.people += self.scene.world.agents(f"user{len(self.people)}-{number}")

    def dismiss(self, number: int) -> None:
        if self.people:
            user = self.people[number % len(self.people)]
            self.scene.world.realm.revoke(user, self.scene.world.agent)

    def hire_again(self, number: int) -> None:
        if self.people:
            self.scene.world.realm.grant(self.people[number % len(self.people)], self.scene.world.agent)

    def wait(self, number: int) -> None:
        self.now += number * timedelta(hours=6)

    def wait_long(self, number: int) -> None:
        # By steps that no clock is doubted for.
        for _ in range(number):
            self.now += DAY
            self.sync()

    def license(self, number: int) -> None:
        self.licenses += 1
        until = self.now.date() + timedelta(days=3 * number)
        world = self.scene.world
        world.import_file(
            world.sign(
                number=f"L-{self.licenses}",
                expires_on=max(until, date(2026, 5, 2)),
                scope={"WFM": number % 5} if number else {"WFM": None},
            ),
            self.now,
        )
        # The import is a sync of its own.
        self.told.append(Told(self.now, world.status(self.now), self._arrived()))

    def set_days(self, number: int) -> None:
        self.scene.world.realm.set_attributes({"license.expiry_notice_days": str(number)})

    def sync(self) -> None:
        report = self.scene.world.sync(self.now).realm
        self.told.append(Told(self.now, report, self._arrived()))

    def _arrived(self) -> tuple[Notice, ...]:
        return tuple(each.notice for each in self.scene.collect(self.now))


Act = Callable[[Story, int], None]
acts = st.sampled_from(
    [
        Story.hire,
        Story.hire,
        Story.dismiss,
        Story.hire_again,
        Story.wait,
        Story.wait_long,
        Story.license,
        Story.set_days,
    ]
)
stories = st.lists(st.tuples(acts, st.integers(0, 25)), min_size=1, max_size=25)


def play(steps: Sequence[tuple[Act, int]]) -> list[Told]:
    story = Story()
    for act, number in steps:
        act(story, number)
        story.sync()
    return story.told


def of_kind(told: Sequence[Told], kind: type[Notice]) -> list[tuple[Told, Notice]]:
    return [(each, notice) for each in told for notice in each.notices if isinstance(notice, kind)]


@given(stories)
def test_what_is_told_is_so(steps: list[tuple[Act, int]]) -> None:
    for told in play(steps):
        usage = {each.id: each for each in told.report.applications}
        for notice in told.notices:
            if isinstance(notice, AccessEnding):
                standing = told.report.standing
                assert standing.is_granted
                assert notice.stops_at == standing.stops_at
                assert notice.at.astimezone(notice.stops_at.tzinfo).date() + timedelta(
                    days=notice.days_left
                ) == (notice.last_day)
            if isinstance(notice, AccessEnded):
                assert not told.report.standing.is_granted
            if is_about_seats(notice):
                found = usage[notice.application]
                assert (notice.limit, notice.used) == (found.seats, found.used)
            if isinstance(notice, OverLimit):
                assert notice.waiting.count == usage[notice.application].waiting > 0
            if isinstance(notice, NearLimit):
                assert usage[notice.application].waiting == 0


@given(stories)
def test_nothing_is_told_again_by_syncing_again(steps: list[tuple[Act, int]]) -> None:
    story = Story()
    for act, number in steps:
        act(story, number)
        story.sync()
        story.sync()
        assert story.told[-1].notices == ()


@given(stories)
def test_of_each_licence_each_threshold_is_told_once_and_they_come_closer(
    steps: list[tuple[Act, int]],
) -> None:
    by_license: dict[str, list[int]] = {}
    for _, notice in of_kind(play(steps), AccessEnding):
        assert isinstance(notice, AccessEnding)
        by_license.setdefault(notice.number, []).append(notice.days_left)
    for left in by_license.values():
        assert left == sorted(left, reverse=True)
    ended = Counter(
        (notice.number, notice.reason)
        for _, notice in of_kind(play(steps), AccessEnded)
        if isinstance(notice, AccessEnded)
    )
    assert not ended or max(ended.values()) == 1


@given(stories)
def test_whoever_waits_has_been_told_of_and_at_most_daily(steps: list[tuple[Act, int]]) -> None:
    last: datetime | None = None
    for told in play(steps):
        usage = next(each for each in told.report.applications if each.id == "WFM")
        notices = [each for each in told.notices if isinstance(each, OverLimit)]
        if not told.report.standing.is_granted:
            assert not notices
            continue
        if not usage.waiting:
            assert not notices
            last = None
            continue
        assert notices or last is not None
        for notice in notices:
            assert notice.is_digest == (last is not None)
            assert last is None or told.at - last >= DAY
            last = told.at
