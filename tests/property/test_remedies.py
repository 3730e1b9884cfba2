"""What would have to change really does it: all of it together is enough, and nothing of it is too much."""

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from keycloak_license.model.application import Application
from keycloak_license.model.license import Standing
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.model.seat import Claim
from keycloak_license.plan.consumers import paths_by_user
from keycloak_license.plan.remedies import Person, Place, Remedy, RemedyKind, find_default_ways, find_remedies
from tests.property.strategies import APPLICATIONS, NOON, USER_IDS, snapshots, standings

applications = st.sampled_from(APPLICATIONS)
users = st.sampled_from(USER_IDS)
numbers = st.integers(0, 9)


def seated(user: str) -> Claim:
    return Claim("WFM", user, user, None, None, NOON, is_seated=True, seated_at=NOON)


def default_label(snapshot: RealmSnapshot) -> str | None:
    role = snapshot.roles.get(snapshot.default_role_id or "")
    return role.label if role else None


def to_free(
    snapshot: RealmSnapshot, application: Application, user: str, standing: Standing
) -> Remedy | None:
    paths = tuple(paths_by_user(snapshot, application).get(user, ()))
    person = Person(True, False, False, default_label(snapshot))
    ways = find_default_ways(snapshot, application)
    found = find_remedies(person, standing, Place(application, 9, 1, seated(user), None, paths, ways))
    return next((each for each in found if each.kind is RemedyKind.TAKE_AWAY), None)


def take_away(
    snapshot: RealmSnapshot, user: str, grants: Iterable[str], shared: Iterable[str]
) -> RealmSnapshot:
    """Take grants from the user, and roles out of the default roles."""
    role_ids = {role.label: role.id for role in snapshot.roles.values()}
    group_ids = {group.label: group.id for group in snapshot.groups.values()}
    role_users, members = dict(snapshot.role_users), dict(snapshot.group_members)
    for label in grants:
        lists, id_ = (role_users, role_ids[label]) if label in role_ids else (members, group_ids[label])
        lists[id_] = lists.get(id_, frozenset()) - {user}
    composites = dict(snapshot.composites)
    if snapshot.default_role_id is not None:
        children = composites.get(snapshot.default_role_id, frozenset())
        composites[snapshot.default_role_id] = children - {role_ids[label] for label in shared}
    return replace(snapshot, role_users=role_users, group_members=members, composites=composites)


@given(snapshots(), applications, users, standings())
def test_without_all_that_is_told_no_path_is_left(
    snapshot: RealmSnapshot, application: Application, user: str, standing: Standing
) -> None:
    remedy = to_free(snapshot, application, user, standing)
    assume(remedy is not None)
    assert remedy is not None
    left = take_away(snapshot, user, remedy.grants, remedy.shared)
    assert user not in paths_by_user(left, application)


@given(snapshots(), applications, users, standings())
def test_of_what_the_user_was_given_nothing_may_be_left(
    snapshot: RealmSnapshot, application: Application, user: str, standing: Standing
) -> None:
    remedy = to_free(snapshot, application, user, standing)
    for kept in remedy.grants if remedy else ():
        assert remedy is not None
        others = [each for each in remedy.grants if each != kept]
        left = take_away(snapshot, user, others, ())
        assert any(path[0] == kept for path in paths_by_user(left, application)[user])


@given(snapshots(), applications, users, standings())
def test_only_what_everybody_has_by_default_is_told_as_shared(
    snapshot: RealmSnapshot, application: Application, user: str, standing: Standing
) -> None:
    remedy = to_free(snapshot, application, user, standing)
    shared = set(remedy.shared) if remedy else set()
    children = snapshot.composites.get(snapshot.default_role_id or "", frozenset())
    assert shared <= {snapshot.roles[role].label for role in children}


@given(standings(), applications, numbers, numbers, st.integers(1, 9))
def test_with_the_seats_that_lack_who_waits_gets_one_and_with_one_less_he_does_not(
    standing: Standing, application: Application, limit: int, used: int, position: int
) -> None:
    claim = replace(seated("ann"), is_seated=False, seated_at=None)
    place = Place(application, limit, used, claim, position, (("role WFM_AGENT",),))
    for remedy in find_remedies(Person(True, False, False, None), standing, place):
        if remedy.kind is RemedyKind.SEATS:
            assert remedy.seats is not None
            assert limit + remedy.seats - used == position


@given(standings(), applications, st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_there_is_always_something_to_change_but_for_who_waits_for_what_is_free(
    standing: Standing, application: Application, enabled: bool, exempt: bool, service: bool, has_path: bool
) -> None:
    paths = (("role WFM_AGENT",),) if has_path else ()
    is_consumer = has_path and enabled and not exempt and not service
    claim = seated("ann") if is_consumer else None
    found = find_remedies(
        Person(enabled, exempt, service, None), standing, Place(application, 1, 1, claim, None, paths)
    )
    assert found
    kinds = {each.kind for each in found}
    assert (RemedyKind.NOTHING in kinds) == service
    if not service and not is_consumer:
        assert (RemedyKind.GIVE_ROLE in kinds) == (not has_path)
        assert (RemedyKind.ENABLE in kinds) == (not enabled)
        assert (RemedyKind.UNEXEMPT in kinds) == exempt


@given(standings(), applications, st.booleans(), st.booleans(), st.booleans(), numbers)
def test_whose_release_is_held_has_nothing_to_give_up_and_lacks_no_seat(
    standing: Standing, application: Application, enabled: bool, has_path: bool, is_seated: bool, used: int
) -> None:
    claim = seated("ann") if is_seated else replace(seated("ann"), is_seated=False)
    paths = (("role WFM_AGENT",),) if has_path else ()
    place = Place(application, 1, used, claim, None if is_seated else 1, paths, is_held=True)
    kinds = {each.kind for each in find_remedies(Person(enabled, False, False, None), standing, place)}
    assert RemedyKind.HELD in kinds
    assert not kinds & {RemedyKind.TAKE_AWAY, RemedyKind.SEATS, RemedyKind.SEE_AGAIN}
