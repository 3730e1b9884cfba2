"""A realm as it would be if an admin had given or taken something, and what that means for whom.

In: a `RealmSnapshot` and suppositions; out: the snapshot that a read would bring afterwards, and sentences
about what makes no difference. Called by `services.what_if`; nothing here knows of seats.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from keycloak_license.model.application import Application
from keycloak_license.model.realm import Group, RealmSnapshot, Role, User
from keycloak_license.plan.consumers import granting_groups, granting_roles, paths_of, resolve_consumers

Links = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Supposition:
    """A role given to a user or group, or a group that a user joins; or the same taken away."""

    what: Role | Group
    holder: User | Group
    is_taken: bool = False

    @property
    def label(self) -> str:
        """How people read it."""
        match self.what:
            case Role():
                act = "taken from" if self.is_taken else "given to"
                return f"{self.what.label} {act} {holder_label(self.holder)}"
            case Group():
                act = "leaves" if self.is_taken else "joins"
                return f"{holder_label(self.holder)} {act} {self.what.label}"


def holder_label(holder: User | Group) -> str:
    """Return how people read who has something: ``user NAME`` or ``group /A/B``."""
    return holder.label if isinstance(holder, Group) else f"user {holder.username}"


def suppose(snapshot: RealmSnapshot, suppositions: Iterable[Supposition]) -> RealmSnapshot:
    """Return the snapshot as a read would show it when all of that had been done.

    Each group that is named, with everything below it, has to be in the snapshot.
    """
    for each in suppositions:
        links = _relink(_links(snapshot, each), each)
        match each.what, each.holder:
            case Role(), Group():
                snapshot = replace(snapshot, role_groups=links)
            case Role(), User():
                snapshot = replace(snapshot, role_users=links)
            case _:
                snapshot = replace(snapshot, group_members=links)
        if isinstance(each.holder, User):
            snapshot = replace(snapshot, users={each.holder.id: each.holder} | dict(snapshot.users))
    return snapshot


def is_idle(snapshot: RealmSnapshot, supposition: Supposition) -> bool:
    """Whether it is so already."""
    is_there = supposition.holder.id in _links(snapshot, supposition).get(supposition.what.id, ())
    return is_there is not supposition.is_taken


def effective_roles(snapshot: RealmSnapshot, user_id: str) -> frozenset[Role]:
    """Return what a user has by all ways that the snapshot shows, counted from him upwards."""
    todo = [role_id for role_id, users in snapshot.role_users.items() if user_id in users]
    groups = _with_ancestors(snapshot.groups, _having(snapshot.group_members, user_id))
    todo += [role_id for role_id, having in snapshot.role_groups.items() if groups & having]
    found: set[str] = set()
    while todo:
        role_id = todo.pop()
        if role_id not in found:
            found.add(role_id)
            todo += snapshot.composites.get(role_id, ())
    return frozenset(snapshot.roles[role_id] for role_id in found if role_id in snapshot.roles)


def touched_users(snapshot: RealmSnapshot, supposition: Supposition) -> frozenset[str]:
    """Return the ids of the users whom it concerns: all below the group, where it is a group's."""
    if isinstance(supposition.holder, User):
        return frozenset({supposition.holder.id})
    below = {
        group_id
        for group_id in snapshot.groups
        if supposition.holder.id in _with_ancestors(snapshot.groups, {group_id})
    }
    return frozenset().union(*(snapshot.group_members.get(group_id, frozenset()) for group_id in below))


def find_remarks(
    before: RealmSnapshot,
    suppositions: Sequence[Supposition],
    applications: Sequence[Application],
    exempt_users: Sequence[str],
) -> Iterator[str]:
    """Yield a sentence for each supposition, or person in it, that makes no difference, and why."""
    realms = before, suppose(before, suppositions)
    # One may lead somewhere only because of another.
    leading = {one.id: _leading_to(one, realms[0]) | _leading_to(one, realms[1]) for one in applications}
    compared: dict[str, _Compared] = {}
    for each in suppositions:
        granted = [one for one in applications if each.what.id in leading[one.id]]
        if not granted:
            yield f"{_sentence(each.what.label)} leads to no role of an application"
        elif is_idle(before, each):
            yield _describe_idle(each)
        else:
            for application in granted:
                if application.id not in compared:
                    compared[application.id] = _compare(application, realms, exempt_users)
                yield from _explain_same(each, compared[application.id])


@dataclass(frozen=True, slots=True)
class _Compared:
    """An application in the realm without and with all that is supposed."""

    application: Application
    realms: tuple[RealmSnapshot, RealmSnapshot]
    consumers: tuple[frozenset[str], frozenset[str]]
    """Their ids."""


def _compare(
    application: Application, realms: tuple[RealmSnapshot, RealmSnapshot], exempt_users: Sequence[str]
) -> _Compared:
    before, after = (frozenset(resolve_consumers(realm, application, exempt_users)) for realm in realms)
    return _Compared(application, realms, (before, after))


def _describe_idle(supposition: Supposition) -> str:
    holder, what = _sentence(holder_label(supposition.holder)), supposition.what
    match what:
        case Role() if supposition.is_taken:
            return f"{holder} does not have {what.label} directly, so that there is nothing to take"
        case Role():
            return f"{holder} has {what.label} already"
        case Group() if supposition.is_taken:
            return f"{holder} is no direct member of {what.label}"
        case Group():
            return f"{holder} is a member of {what.label} already"


def _explain_same(supposition: Supposition, compared: _Compared) -> Iterator[str]:
    """Yield why somebody needs a seat, or none, with or without it."""
    application, realms, (before, after) = compared.application, compared.realms, compared.consumers
    touched = touched_users(realms[1], supposition)
    same = touched & before & after
    holder = supposition.holder
    if isinstance(holder, Group):
        if same:
            yield (
                f"A seat of {application.id} is needed with or without it by {len(same)} of {len(touched)} "
                f"members of {holder.label} and of the groups below it"
            )
    elif same:
        path = " → ".join(paths_of(realms[supposition.is_taken], application, holder.id)[0])
        yield (
            f"{_sentence(holder_label(holder))} needs a seat of {application.id} with or "
            f"without it, by {path}"
        )
    elif (
        touched.isdisjoint(before)
        and touched.isdisjoint(after)
        and (
            # There is a path, and it is not the path that is missing.
            paths_of(realms[not supposition.is_taken], application, holder.id)
        )
    ):
        why = _why_no_consumer(realms[1], holder)
        yield f"{_sentence(holder_label(holder))} needs no seat of {application.id}: {why}"


def _why_no_consumer(snapshot: RealmSnapshot, user: User) -> str:
    if user.id in snapshot.service_accounts:
        return "it is a service account"
    if not user.enabled and user.id not in snapshot.disabled_here:
        return "the account is disabled"
    return "the account is exempt by its name"


def _leading_to(application: Application, snapshot: RealmSnapshot) -> frozenset[str]:
    """Return the ids of the roles, and of the groups to be in, that give one of the application's roles."""
    granting = granting_roles(snapshot, application)
    return granting | granting_groups(snapshot, granting)


def _links(snapshot: RealmSnapshot, supposition: Supposition) -> Links:
    """Return the mapping of which it adds or removes one entry."""
    match supposition.what, supposition.holder:
        case Role(), Group():
            return snapshot.role_groups
        case Role(), User():
            return snapshot.role_users
        case _:
            return snapshot.group_members


def _relink(links: Links, supposition: Supposition) -> Links:
    what, holder = supposition.what.id, frozenset({supposition.holder.id})
    present = links.get(what, frozenset())
    return {**links, what: present - holder if supposition.is_taken else present | holder}


def _having(links: Links, holder: str) -> set[str]:
    return {what for what, holders in links.items() if holder in holders}


def _with_ancestors(groups: Mapping[str, Group], group_ids: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for group_id in group_ids:
        each: str | None = group_id
        while each is not None and each in groups and each not in found:
            found.add(each)
            each = groups[each].parent_id
    return found


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
