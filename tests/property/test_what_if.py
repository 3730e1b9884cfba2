"""What would be is what is once it has been done: a sync planned of a supposition, and of the deed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from keycloak_license.model.changes import SeatDisplaced, SeatReleased, WaitingEnded, claim_key, claims_after
from keycloak_license.model.license import License
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.model.report import SyncPlan
from keycloak_license.model.seat import NO_CONSENT, Claim, Consent, HeldRelease
from keycloak_license.plan.difference import NOT_YET
from keycloak_license.services.confirmation import make_confirmed_plan
from keycloak_license.services.licenses import preview_import_in
from keycloak_license.services.observation import observe
from keycloak_license.services.what_if import Prospect, Wish, look_ahead
from tests.fakes import Links, SimulatedRealm
from tests.property.strategies import APPLICATIONS, GROUP_IDS, ROLE_IDS, ROLES, USER_IDS, guards, snapshots
from tests.unit.services.world import NOON, World

LATER = NOON + timedelta(hours=1)


@dataclass(frozen=True)
class Deed:
    """A wish by the ids of what it names."""

    what: str
    holder: str
    is_taken: bool

    def wish(self, realm: SimulatedRealm) -> Wish:
        is_to_group = self.holder in GROUP_IDS
        return Wish(
            _name(realm, self.what),
            _name(realm, self.holder) if is_to_group else self.holder,
            is_to_group,
            self.is_taken,
        )

    def carry_out(self, realm: SimulatedRealm) -> None:
        """Do it as an admin, of which Keycloak keeps an account."""
        is_role, is_of_group = self.what in ROLE_IDS, self.holder in GROUP_IDS
        links = realm._group_roles if is_of_group else realm._user_roles if is_role else realm._user_groups
        if (self.what in links.get(self.holder, ())) is not self.is_taken:
            return
        (links[self.holder].discard if self.is_taken else links.setdefault(self.holder, set()).add)(self.what)
        if is_of_group:
            return
        realm.granted_at.pop(self.holder, None)
        if not self.is_taken:
            realm.granted_at[self.holder] = LATER


def _name(realm: SimulatedRealm, id_: str) -> str:
    return realm._groups[id_].path if id_ in GROUP_IDS else ROLES[id_].label


def _inverted(links: Mapping[str, frozenset[str]]) -> Links:
    found: Links = {}
    for what, holders in links.items():
        for holder in holders:
            found.setdefault(holder, set()).add(what)
    return found


def build(snapshot: RealmSnapshot) -> SimulatedRealm:
    """A realm that is like a drawn snapshot, of which a read then shows what counts."""
    realm = SimulatedRealm(attributes=dict(snapshot.attributes))
    realm._roles = dict(snapshot.roles)
    realm._composites = {role: set(inside) for role, inside in snapshot.composites.items()}
    realm._groups = dict(snapshot.groups)
    realm._users = dict(snapshot.users)
    none: Links = {user: set() for user in USER_IDS}
    realm._user_roles = none | _inverted(snapshot.role_users)
    realm._group_roles = _inverted(snapshot.role_groups)
    realm._user_groups = {user: set() for user in USER_IDS} | _inverted(snapshot.group_members)
    realm._service_accounts = set(snapshot.service_accounts)
    realm._default_groups = set(snapshot.default_groups)
    realm.disabled_providers = set(snapshot.silent_providers)
    realm.unreadable = {"role-1"} if snapshot.gaps else set()
    return realm


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Synced once, or never, with some that a sync has not seen yet."""
    world = World(applications=APPLICATIONS, guard=draw(guards))
    world.realm = build(draw(snapshots()))
    world.realm.has_events = draw(st.booleans())
    if draw(st.booleans()):
        scope = {"WFM": draw(st.none() | st.integers(0, 3)), "QM": draw(st.integers(0, 3))}
        realm = world.realm
        unseen, realm.unreadable, realm.disabled_providers = (
            (realm.unreadable, realm.disabled_providers), set(), set(),
        )  # fmt: skip
        world.import_file(world.sign(number="T-1", scope=scope))
        realm.unreadable, realm.disabled_providers = unseen
        for deed in draw(st.lists(deeds, max_size=2)):
            deed.carry_out(world.realm)
    return world


deeds = st.builds(
    Deed, st.sampled_from(ROLE_IDS), st.sampled_from(USER_IDS + GROUP_IDS), st.booleans()
) | st.builds(Deed, st.sampled_from(GROUP_IDS), st.sampled_from(USER_IDS), st.booleans())


@st.composite
def scenes(draw: st.DrawFn) -> tuple[World, list[Deed]]:
    """A world, and what is planned there: most of it can be done."""
    world = draw(worlds())
    realm = world.realm
    present = [
        Deed(what, holder, is_taken=True)
        for links in (realm._user_roles, realm._group_roles, realm._user_groups)
        for holder, held in sorted(links.items())
        for what in sorted(held)
    ]
    some = st.sampled_from(present) | deeds if present else deeds
    return world, draw(st.lists(some, max_size=4, unique_by=lambda deed: (deed.what, deed.holder)))


others = st.none() | st.fixed_dictionaries({"WFM": st.integers(0, 3), "QM": st.none() | st.integers(0, 2)})


def ask(world: World, planned: Sequence[Deed], file: License | None) -> Prospect:
    content = file.file.encode() if file else None
    return look_ahead(world.managed, [each.wish(world.realm) for each in planned], content, lambda: LATER)


def plan_really(world: World, file: License | None, consent: Consent = NO_CONSENT) -> SyncPlan:
    managed = world.managed
    seen = observe(managed, LATER)
    if file is not None:
        license_ = managed.verifier.verify(file.file.encode())
        return preview_import_in(managed, license_, seen, managed.keycloak, consent)[1].plan
    return make_confirmed_plan(managed, seen, seen.licenses, consent)[1]


def without_new_id(plan: SyncPlan) -> object:
    """A plan but for the id that a new installation gets anew each time."""
    changes = [each for each in plan.changes if getattr(each, "name", "") != "license.installation_id"]
    report = plan.report
    return (
        plan.allocations, changes, report.standing, report.applications, report.held, report.warnings,
        report.is_complete, plan.may_begin, plan.tidings,
    )  # fmt: skip


@settings(max_examples=150)
@given(scenes(), others)
def test_what_would_be_is_what_is_once_it_is_done(
    scene: tuple[World, list[Deed]], scope: dict[str, int | None] | None
) -> None:
    world, planned = scene
    file = world.sign(number="T-2", scope=scope) if scope is not None else None
    before = world.everything()

    held_before = _keys(plan_really(world, None).report.held)

    prospect = ask(world, planned, file)

    assert world.everything() == before
    assert world.realm.attribute_writes == before[-1]  # type: ignore[index]
    for each in planned:
        each.carry_out(world.realm)
    assert _keys(prospect.held) == _keys(plan_really(world, file).report.held) - held_before
    confirmed = Consent(releases=_keys(prospect.held))
    assert without_new_id(prospect.after) == without_new_id(plan_really(world, file, confirmed))


@settings(max_examples=150)
@given(scenes(), others)
def test_the_changes_lead_from_the_seats_before_to_those_after(
    scene: tuple[World, list[Deed]], scope: dict[str, int | None] | None
) -> None:
    world, planned = scene
    file = world.sign(number="T-2", scope=scope) if scope is not None else None
    before = plan_really(world, None)

    prospect = ask(world, planned, file)

    assert prospect.before.applications == before.report.applications
    after = claims_after(_claims(before), prospect.changes)
    assert _standings(after) == _standings(_claims(prospect.after))
    places = prospect.positions()
    assert places.keys() == {key for key, is_seated in _standings(after).items() if not is_seated}
    for each in prospect.after.allocations:
        assert [places[claim_key(claim)] for claim in each.waiting] == list(range(1, len(each.waiting) + 1))


@given(scenes(), others)
def test_only_who_has_something_loses_it(
    scene: tuple[World, list[Deed]], scope: dict[str, int | None] | None
) -> None:
    world, planned = scene
    had = _standings(world.ledger.load("acme").claims)
    file = world.sign(number="T-2", scope=scope) if scope is not None else None
    for change in ask(world, planned, file).changes:
        standing = had.get(claim_key(change.claim))
        match change:
            case SeatReleased() | SeatDisplaced():
                assert standing is (None if change.reason == NOT_YET else True)
            case WaitingEnded():
                assert standing is (None if change.reason == NOT_YET else False)


def _keys(held: Iterable[HeldRelease]) -> frozenset[tuple[str, str]]:
    return frozenset((each.application, each.user_id) for each in held)


def _claims(plan: SyncPlan) -> list[Claim]:
    return [claim for each in plan.allocations for claim in (*each.seated, *each.waiting)]


def _standings(claims: Iterable[Claim]) -> dict[tuple[str, str], bool]:
    return {claim_key(claim): claim.is_seated for claim in claims}


@given(worlds())
def test_nothing_follows_from_nothing(world: World) -> None:
    prospect = ask(world, [], None)
    assert prospect.before.applications == prospect.after.report.applications
    assert prospect.changes == ()
    assert prospect.remarks == ()
