"""Whatever happens to a realm that is followed, looking at it leaves nothing for a full sync to do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.audience import NoticeTerms
from keycloak_license.model.enforcement import MANAGE_LICENSES
from keycloak_license.services.following import Follower
from tests.unit.services.world import NOON, World

MOST_LOOKS = 8
"""In which a realm comes to rest: our own writes are news, and so is what they lead to."""


@dataclass
class Town:
    """A realm with a licence, followed by one worker."""

    world: World = field(default_factory=World)
    now: datetime = NOON
    _numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.world.notice_terms = NoticeTerms(expiry_days=(30, 3), usage_percents=(50, 90), has_mail=True)
        self.boss = self.world.realm.create_role(MANAGE_LICENSES)
        self.appoint(0)
        self.licenses = [self.world.sign(scope={"WFM": 2}, expires_on=date(2026, 5, 6))]
        self.world.import_file(self.licenses[0])
        self.follower = Follower(self.world.managed, 900, clock=lambda: 0.0)

    def hire(self, number: int) -> None:
        self.world.agents(f"user{number}-{next(self._numbers)}")

    def appoint(self, number: int) -> None:
        """Give somebody new the right to hear; some have no address."""
        email = "eva@example.org" if number % 3 < 2 else None
        user = self.world.realm.create_user(f"boss{number}-{next(self._numbers)}", email=email)
        self.world.realm.grant(user, self.boss)

    def dismiss(self, number: int) -> None:
        self.world.realm.revoke(self._someone(number), self.world.agent)

    def switch_account(self, number: int) -> None:
        user = self._someone(number)
        self.world.realm.set_enabled(user, enabled=not self.world.realm.is_enabled(user))

    def delete(self, number: int) -> None:
        self.world.realm.delete_user(self._someone(number))

    def wipe(self, number: int) -> None:
        attributes = self.world.realm.attributes
        ours = sorted(name for name in attributes if name.startswith("license."))
        attributes.pop(ours[number % len(ours)])

    def set_notice_days(self, number: int) -> None:
        self.world.realm.set_attributes({"license.expiry_notice_days": str(number)})

    def import_license(self, number: int) -> None:
        license_ = self.world.sign(number=f"T-{len(self.licenses) + 1}", scope={"WFM": number % 4})
        self.licenses.append(license_)
        self.world.import_file(license_, self.now)

    def distrust(self, _number: int) -> None:
        self.world.verifier._known.pop(self.licenses[-1].file.encode(), None)

    def trust(self, _number: int) -> None:
        self.world.trust(self.licenses[-1])

    def sync_elsewhere(self, _number: int) -> None:
        self.world.sync(self.now)

    def wait(self, number: int) -> None:
        self.now += timedelta(hours=number)

    def lose_the_ledger(self, _number: int) -> None:
        self.world.forget()
        self.follower.managed = self.world.managed

    def switch_events(self, _number: int) -> None:
        self.world.realm.has_events = not self.world.realm.has_events

    def rest(self) -> None:
        """Tick as a worker does, until nothing is new."""
        for _ in range(MOST_LOOKS):
            look = self.follower.look(self.now)
            if look.is_read_due:
                self.follower.read(self.now)
                # Where no events tell, this is all that can be known.
                if not self.world.realm.has_events:
                    return
            elif look.is_unchanged:
                return
        raise AssertionError("the realm does not come to rest")

    def _someone(self, number: int) -> str:
        people = sorted(self.world.realm._users)
        return people[number % len(people)] if people else self.world.agents("first")[0]


Act = Callable[[Town, int], None]
acts = st.sampled_from(
    [
        Town.hire,
        Town.hire,
        Town.appoint,
        Town.dismiss,
        Town.switch_account,
        Town.delete,
        Town.wipe,
        Town.set_notice_days,
        Town.import_license,
        Town.distrust,
        Town.trust,
        Town.sync_elsewhere,
        Town.wait,
        Town.lose_the_ledger,
        Town.switch_events,
    ]
)
steps: st.SearchStrategy[list[tuple[Act, int]]] = st.lists(
    st.tuples(acts, st.integers(0, 30)), min_size=1, max_size=12
)


@given(steps)
def test_after_looking_a_full_sync_would_change_nothing_and_say_the_same(
    todo: list[tuple[Act, int]],
) -> None:
    town = Town()
    town.rest()
    for act, number in todo:
        act(town, number)
        town.rest()
        assert town.follower._settled
        assert town.follower._settled.record == town.world.ledger.load("acme")
        known = town.world.status(town.now)
        fresh = town.world.sync(town.now, dry_run=True)
        assert (fresh.changes, fresh.notices) == ((), ())
        said = replace(fresh.realm, synced_at=known.synced_at, gaps=())
        assert sorted(said.warnings) == sorted(known.warnings)
        assert replace(said, warnings=()) == replace(known, warnings=())
