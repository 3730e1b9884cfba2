"""Who consumes which application, and by which path.

In: a `RealmSnapshot`; out: users and the paths that lead from them to an application's role. Called by
`plan.planner` and `services.overview`. The seed: "if a user is enabled and has at least one application
role assigned, this user is considered a user of this application and consumes one license".
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from keycloak_license.model.application import Application, matches
from keycloak_license.model.realm import Group, RealmSnapshot, User, containing_roles

Path = tuple[str, ...]
"""Steps from a user to an application's role, for example ``("group /AGENTS", "role WFM_AGENT")``."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One way to an application's role, and everybody who goes it."""

    path: Path
    user_ids: frozenset[str]


def resolve_consumers(
    snapshot: RealmSnapshot, application: Application, exempt_users: Iterable[str]
) -> dict[str, User]:
    """Return the users, by id, who consume the application: each once, however many ways he has.

    They are enabled, persons, and not exempt by the licence.
    """
    exempt = {username.lower() for username in exempt_users}
    holders = _role_holders(snapshot, application)
    # Whom we disabled waits for a seat, so that he is enabled again when one is free.
    return {
        user_id: user
        for user_id, user in snapshot.users.items()
        if user_id in holders
        and (user.enabled or user_id in snapshot.disabled_here)
        and user_id not in snapshot.service_accounts
        and user.username.lower() not in exempt
    }


def resolve_exempt(
    snapshot: RealmSnapshot, application: Application, exempt_users: Iterable[str]
) -> dict[str, User]:
    """Return the users, by id, who would consume the application if the licence did not exempt them."""
    exempt = {username.lower() for username in exempt_users}
    named = {user_id: user for user_id, user in snapshot.users.items() if user.username.lower() in exempt}
    return resolve_consumers(replace(snapshot, users=named), application, ())


def granting_roles(snapshot: RealmSnapshot, application: Application) -> frozenset[str]:
    """Return the application's roles and every role that contains one."""
    counted = [role.id for role in snapshot.roles.values() if application.counts(role)]
    return containing_roles(snapshot.composites, counted)


def granting_groups(snapshot: RealmSnapshot, granting: Iterable[str]) -> frozenset[str]:
    """Return the groups whose members have one of the roles: those that have it, and all below them."""
    tree = _children_by_parent(snapshot.groups)
    todo = [group_id for role_id in granting for group_id in snapshot.role_groups.get(role_id, ())]
    found: set[str] = set()
    while todo:
        group_id = todo.pop()
        if group_id not in found:
            found.add(group_id)
            todo.extend(tree.get(group_id, ()))
    return frozenset(found)


def _role_holders(snapshot: RealmSnapshot, application: Application) -> set[str]:
    """Return the ids of everybody who has one of the application's roles."""
    granting = granting_roles(snapshot, application)
    lists = [snapshot.role_users.get(role_id, frozenset()) for role_id in granting]
    groups = granting_groups(snapshot, granting)
    lists += [snapshot.group_members.get(group_id, frozenset()) for group_id in groups]
    return set().union(*lists)


def paths_by_user(snapshot: RealmSnapshot, application: Application) -> dict[str, list[Path]]:
    """Return every path of every user who has one, shortest first."""
    paths: dict[str, list[Path]] = {}
    for grant in sorted(find_grants(snapshot, application), key=_shortest_first):
        for user_id in grant.user_ids:
            paths.setdefault(user_id, []).append(grant.path)
    return paths


def paths_of(snapshot: RealmSnapshot, application: Application, user_id: str) -> tuple[Path, ...]:
    """Return every path of one user, shortest first, without looking at anybody else."""
    grants = (grant for grant in find_grants(snapshot, application) if user_id in grant.user_ids)
    return tuple(grant.path for grant in sorted(grants, key=_shortest_first))


def _shortest_first(grant: Grant) -> tuple[int, Path]:
    return len(grant.path), grant.path


def find_grants(snapshot: RealmSnapshot, application: Application) -> Iterator[Grant]:
    """Yield each way to one of the application's roles that somebody has.

    Ways that differ only in the middle of nested composites count as one: the shortest is told.
    """
    tree, parents = _children_by_parent(snapshot.groups), _parents_by_child(snapshot)
    for role in filter(application.counts, snapshot.roles.values()):
        for role_id, chain in _chains_to(role.id, parents).items():
            role_steps = tuple(snapshot.roles[step].label for step in chain)
            if users := snapshot.role_users.get(role_id):
                yield Grant(role_steps, users)
            for group_id in snapshot.role_groups.get(role_id, ()):
                for group_steps, member_group in _subtree(snapshot.groups, tree, group_id):
                    if members := snapshot.group_members.get(member_group):
                        yield Grant(group_steps + role_steps, members)


def find_warnings(snapshot: RealmSnapshot, applications: Sequence[Application]) -> Iterator[str]:
    """Yield a sentence for each part of the configuration that probably is not meant so."""
    for application in applications:
        for pattern in application.patterns():
            if not any(matches(role, pattern) for role in snapshot.roles.values()):
                where = f"of client {pattern[0]} " if pattern[0] else ""
                yield (
                    f"The pattern {pattern[1]!r} {where}in applications.{application.id} matches no role of "
                    f"realm {snapshot.realm}; it may be a typing error"
                )
        if everybody := _reason_everybody_consumes(snapshot, application):
            yield f"Every user of realm {snapshot.realm} becomes a consumer of {application.id}: {everybody}"


def _reason_everybody_consumes(snapshot: RealmSnapshot, application: Application) -> str | None:
    everything = granting_roles(snapshot, application)
    if snapshot.default_role_id not in everything and not (
        snapshot.default_groups & granting_groups(snapshot, everything)
    ):
        return None
    for role in filter(application.counts, snapshot.roles.values()):
        granting = containing_roles(snapshot.composites, [role.id])
        if snapshot.default_role_id in granting:
            return f"{role.label} is among the default roles"
        for group_id in sorted(snapshot.default_groups & granting_groups(snapshot, granting)):
            return f"the default {snapshot.groups[group_id].label} has {role.label}"
    return None


def _parents_by_child(snapshot: RealmSnapshot) -> dict[str, list[str]]:
    parents: dict[str, list[str]] = {}
    for parent, children in snapshot.composites.items():
        if parent in snapshot.roles:
            for child in children:
                parents.setdefault(child, []).append(parent)
    return parents


def _chains_to(target: str, parents: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    """Return, for the role and every role that contains it, the shortest chain of roles down to it."""
    chains: dict[str, tuple[str, ...]] = {target: (target,)}
    level = [target]
    while level:
        above: list[str] = []
        for child in level:
            for parent in sorted(parents.get(child, ())):
                if parent not in chains:
                    chains[parent] = (parent, *chains[child])
                    above.append(parent)
        level = above
    return chains


def _children_by_parent(groups: Mapping[str, Group]) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {}
    for group in groups.values():
        if group.parent_id is not None:
            children.setdefault(group.parent_id, []).append(group.id)
    return children


def _subtree(
    groups: Mapping[str, Group], tree: Mapping[str, list[str]], top: str
) -> Iterator[tuple[Path, str]]:
    """Yield a group and its descendants, each with the steps from it up to the top.

    Members of a subgroup have their ancestors' roles (Keycloak's inheritance goes down only).
    """
    todo: list[tuple[Path, str]] = [((groups[top].label,), top)]
    seen: set[str] = set()
    while todo:
        steps, group_id = todo.pop()
        if group_id in seen:  # moved while the tree was read
            continue
        seen.add(group_id)
        yield steps, group_id
        todo.extend(((groups[child].label, *steps), child) for child in tree.get(group_id, ()))
