"""Who consumes, against a model that asks for each user in turn what he effectively has.

The model goes the way Keycloak goes, from the user to the roles; `plan.consumers` goes the other way.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.application import Application
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.plan.consumers import Path, find_warnings, paths_by_user, paths_of, resolve_consumers
from tests.property.strategies import APPLICATIONS, EXEMPT_USERS, ROLES, snapshots

applications = st.sampled_from(APPLICATIONS)
COUNTED = {
    "WFM": {"WFM_AGENT", "WFM_BOTH", "wfm-app/agent", "wfm-app/leader"},
    "QM": {"QM_AGENT", "WFM_BOTH"},
}
"""Written down by hand, so that the patterns are tested too."""


def label(role_id: str) -> str:
    role = ROLES[role_id]
    return f"{role.client_id}/{role.name}" if role.client_id else role.name


def lineage(snapshot: RealmSnapshot, group_id: str) -> list[str]:
    """A group and all above it."""
    parent_id = snapshot.groups[group_id].parent_id
    return [group_id, *(lineage(snapshot, parent_id) if parent_id else [])]


def mappings(snapshot: RealmSnapshot, user_id: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each role a user has before composites, with the groups it goes through, from his own upward."""
    for role_id in ROLES:
        if user_id in snapshot.role_users.get(role_id, ()):
            yield (), role_id
    for group_id, members in snapshot.group_members.items():
        if user_id in members:
            above = lineage(snapshot, group_id)
            for place, ancestor in enumerate(above, start=1):
                for role_id in ROLES:
                    if ancestor in snapshot.role_groups.get(role_id, ()):
                        yield tuple(above[:place]), role_id


def distances(snapshot: RealmSnapshot, role_id: str) -> dict[str, int]:
    """Each role inside a role, and itself, with how many composites lie in between."""
    found = {role_id: 0}
    for _ in ROLES:
        for parent, steps in list(found.items()):
            for child in snapshot.composites.get(parent, ()):
                found[child] = min(found.get(child, steps + 1), steps + 1)
    return found


def effective(snapshot: RealmSnapshot, user_id: str) -> set[str]:
    return {
        label(inside) for _, role_id in mappings(snapshot, user_id) for inside in distances(snapshot, role_id)
    }


@given(snapshot=snapshots(), application=applications)
def test_consumers_are_the_enabled_people_with_a_role(
    snapshot: RealmSnapshot, application: Application
) -> None:
    expected = {
        user_id
        for user_id, user in snapshot.users.items()
        if user.enabled
        and user_id not in snapshot.service_accounts
        and user.username not in {"eleveo.admin", "ROBOT"}
        and effective(snapshot, user_id) & COUNTED[application.id]
    }

    consumers = resolve_consumers(snapshot, application, EXEMPT_USERS)

    assert consumers.keys() == expected
    assert all(consumers[user_id] is snapshot.users[user_id] for user_id in expected)


@given(snapshot=snapshots(), application=applications)
def test_exactly_those_who_effectively_have_a_role_have_a_path(
    snapshot: RealmSnapshot, application: Application
) -> None:
    expected = {
        user_id for user_id in snapshot.users if effective(snapshot, user_id) & COUNTED[application.id]
    }

    assert paths_by_user(snapshot, application).keys() == expected


@given(snapshot=snapshots(), application=applications)
def test_one_user_by_himself_has_the_same_paths_as_among_all(
    snapshot: RealmSnapshot, application: Application
) -> None:
    paths = paths_by_user(snapshot, application)
    for user_id in snapshot.users:
        assert list(paths_of(snapshot, application, user_id)) == paths.get(user_id, [])


@given(snapshot=snapshots(), application=applications)
def test_every_mapping_is_told_once_by_its_shortest_path(
    snapshot: RealmSnapshot, application: Application
) -> None:
    paths = paths_by_user(snapshot, application)

    for user_id in snapshot.users:
        expected = sorted(
            (
                tuple(snapshot.groups[group_id].path for group_id in groups),
                label(role_id),
                label(inside),
                steps,
            )
            for groups, role_id in mappings(snapshot, user_id)
            for inside, steps in distances(snapshot, role_id).items()
            if label(inside) in COUNTED[application.id]
        )
        told = paths.get(user_id, [])
        assert sorted(map(_summary, told)) == expected
        assert [len(path) for path in told] == sorted(len(path) for path in told)


@given(snapshot=snapshots(), application=applications)
def test_every_step_of_every_path_is_real(snapshot: RealmSnapshot, application: Application) -> None:
    role_ids = {f"role {label(role_id)}": role_id for role_id in ROLES}
    group_ids = {f"group {group.path}": group_id for group_id, group in snapshot.groups.items()}

    for user_id, paths in paths_by_user(snapshot, application).items():
        for path in paths:
            groups = [group_ids[step] for step in path if step.startswith("group ")]
            roles = [role_ids[step] for step in path[len(groups) :]]
            if groups:
                assert user_id in snapshot.group_members[groups[0]]
                assert groups[-1] in snapshot.role_groups[roles[0]]
            else:
                assert user_id in snapshot.role_users[roles[0]]
            assert all(snapshot.groups[low].parent_id == high for low, high in pairwise(groups))
            assert all(inner in snapshot.composites[outer] for outer, inner in pairwise(roles))
            assert label(roles[-1]) in COUNTED[application.id]


@given(snapshot=snapshots(), application=applications)
def test_the_warning_about_everybody_is_given_exactly_when_a_newcomer_would_consume(
    snapshot: RealmSnapshot, application: Application
) -> None:
    # Keycloak gives a new user the default role and puts him into the default groups.
    default_roles = [role_id for role_id in [snapshot.default_role_id] if role_id]
    newcomer = replace(
        snapshot,
        role_users={role_id: frozenset({"new"}) for role_id in default_roles},
        group_members={group_id: frozenset({"new"}) for group_id in snapshot.default_groups},
    )

    warned = any("Every user" in warning for warning in find_warnings(snapshot, [application]))

    assert warned == bool(effective(newcomer, "new") & COUNTED[application.id])


@given(snapshot=snapshots(), application=applications)
def test_a_realm_that_was_read_only_where_it_matters_gives_the_same(
    snapshot: RealmSnapshot, application: Application
) -> None:
    # The reader lists holders of roles that count or contain one, and no others.
    useful = {
        role_id
        for role_id in ROLES
        if any(label(inside) in COUNTED[application.id] for inside in distances(snapshot, role_id))
    }
    narrow = replace(
        snapshot,
        role_users={role_id: users for role_id, users in snapshot.role_users.items() if role_id in useful},
        role_groups={role_id: found for role_id, found in snapshot.role_groups.items() if role_id in useful},
    )

    assert paths_by_user(narrow, application) == paths_by_user(snapshot, application)
    assert resolve_consumers(narrow, application, ()) == resolve_consumers(snapshot, application, ())


def _summary(path: Path) -> tuple[tuple[str, ...], str, str, int]:
    groups = tuple(step.removeprefix("group ") for step in path if step.startswith("group "))
    roles = [step.removeprefix("role ") for step in path[len(groups) :]]
    return groups, roles[0], roles[-1], len(roles) - 1
