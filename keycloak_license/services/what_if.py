"""What a change of roles, groups or licence would do to seats, without making it.

In: a `ManagedRealm` and what somebody has in mind; out: a `Prospect`. Called by `cli.what_if`. The realm is
read once; a sync is planned of it as it is and as it would be, by the same functions as a real one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from keycloak_license.errors import ConfigurationError
from keycloak_license.model.application import Application
from keycloak_license.model.changes import ClaimKey, SeatChange, claim_key
from keycloak_license.model.license import License
from keycloak_license.model.realm import GrantTimes, Group, RealmSnapshot, Rereading, Role, User, UserReading
from keycloak_license.model.report import RealmReport, SyncPlan
from keycloak_license.model.seat import NO_CONSENT, Consent, HeldRelease
from keycloak_license.plan.difference import compare_plans, newly_held
from keycloak_license.plan.planner import exempt_users
from keycloak_license.plan.supposition import (
    Supposition,
    effective_roles,
    find_remarks,
    holder_label,
    is_idle,
    suppose,
)
from keycloak_license.services.confirmation import make_confirmed_plan
from keycloak_license.services.licenses import preview_import_in, refuse_unknown_applications
from keycloak_license.services.observation import ManagedRealm, Observation, observe_in
from keycloak_license.services.overview import find_user
from keycloak_license.services.ports import Witness


@dataclass(frozen=True, slots=True)
class Wish:
    """Something to be given or taken, in the words of the person who asks."""

    what: str
    """A role as ``ROLE`` or ``CLIENT/ROLE``, or the path of a group to join or leave."""
    holder: str
    """A username or user id, or the path of a group."""
    is_to_group: bool = False
    is_taken: bool = False

    @property
    def group_paths(self) -> tuple[str, ...]:
        """Paths of the groups that it names."""
        named = (self.what, self.holder) if self.is_to_group else (self.what,)
        return tuple(path for text in named if (path := _group_path(text)))


@dataclass(frozen=True, slots=True)
class Prospect:
    """A sync as it would be now, and as it would be after what is supposed."""

    suppositions: tuple[Supposition, ...]
    license: License | None
    """The one that is supposed to be imported."""
    before: RealmReport
    after: SyncPlan
    changes: tuple[SeatChange, ...]
    """What the second does to seats beyond the first."""
    held: tuple[HeldRelease, ...]
    """What the guard would hold because of it; told among the changes and the second sync as carried out."""
    hold: timedelta
    """For how long."""
    remarks: tuple[str, ...]
    """Why some of it makes no difference, as sentences."""

    def positions(self) -> dict[ClaimKey, int]:
        """Return the places in the queues, from 1, of everybody who would wait."""
        return {
            claim_key(claim): place
            for each in self.after.allocations
            for place, claim in enumerate(each.waiting, start=1)
        }


def look_ahead(
    managed: ManagedRealm, wishes: Sequence[Wish], file: bytes | None, clock: Callable[[], datetime]
) -> Prospect:
    """Return what carrying out all wishes, and importing a file, would do; nothing is written.

    Raises `ConfigurationError` for a role, user or group that is not there, and what `preview_import` does
    for the file.
    """
    license_ = None if file is None else managed.verifier.verify(file)
    if license_ is not None:
        refuse_unknown_applications(managed, license_)
    record, now = managed.ledger.load(managed.name), clock()
    paths = dict.fromkeys(path for wish in wishes for path in wish.group_paths)
    seen = observe_in(managed, now, record, managed.keycloak.read(managed.asked_about, tuple(paths)))
    suppositions = _understand(managed, seen.snapshot, wishes)
    _, before = make_confirmed_plan(managed, seen, seen.licenses)
    supposed = replace(seen, snapshot=suppose(seen.snapshot, suppositions))
    witness = SupposedWitness(managed.keycloak, seen, supposed.snapshot, suppositions)
    supposed, after, remarks = _plan_supposed(managed, supposed, witness, license_)
    if held := newly_held(before.report, after.report):
        # Somebody asks for just this, so it is shown as if he had confirmed it.
        consent = Consent(releases=frozenset((each.application, each.user_id) for each in held))
        _, after, _ = _plan_supposed(managed, supposed, witness, license_, consent)
    exempt = exempt_users(after.report.standing)
    remarks += tuple(find_remarks(seen.snapshot, suppositions, managed.applications, exempt))
    return Prospect(
        suppositions=suppositions,
        license=license_,
        before=before.report,
        after=after,
        changes=tuple(compare_plans(before, after, record.claims)),
        held=held,
        hold=managed.guard.hold,
        remarks=tuple(dict.fromkeys(remarks)),
    )


def _plan_supposed(
    managed: ManagedRealm,
    supposed: Observation,
    witness: Witness,
    license_: License | None,
    consent: Consent = NO_CONSENT,
) -> tuple[Observation, SyncPlan, tuple[str, ...]]:
    """Return what was seen, the plan of a sync after it all, and what there is to say of the licence."""
    if license_ is None:
        return *make_confirmed_plan(managed, supposed, supposed.licenses, consent, witness), ()
    supposed, imported = preview_import_in(managed, license_, supposed, witness, consent)
    if imported.is_known:
        return supposed, imported.plan, (f"Licence {license_.number} is in force already",)
    replaced = tuple(f"Licence {each.label} would be replaced" for each in imported.replaced)
    return supposed, imported.plan, replaced


@dataclass(frozen=True, slots=True)
class SupposedWitness:
    """Asks the real realm, and answers as it would after what is supposed."""

    real: Witness
    seen: Observation
    after: RealmSnapshot
    suppositions: Sequence[Supposition]

    def date_grants(self, since: datetime | None) -> GrantTimes:
        """Return the real times, with what is supposed as given just now."""
        times, now = self.real.date_grants(since), self.seen.now
        users, structure = dict(times.users), times.structure
        for each in self.suppositions:
            if is_idle(self.seen.snapshot, each):
                continue
            if isinstance(each.holder, Group):
                structure = structure if each.is_taken else structure or now
            elif each.is_taken:
                users.pop(each.holder.id, None)
            else:
                users[each.holder.id] = now
        return GrantTimes(users, structure)

    def reread(self, user_ids: Sequence[str], applications: Sequence[Application]) -> Rereading:
        """Read the real users; each has the roles that he has, but for what is supposed."""
        again = self.real.reread(user_ids, applications)
        users = {user_id: self._suppose(user_id, reading) for user_id, reading in again.users.items()}
        return replace(again, users=users)

    def _suppose(self, user_id: str, reading: UserReading) -> UserReading:
        had, has = (effective_roles(each, user_id) for each in (self.seen.snapshot, self.after))
        return replace(reading, roles=reading.roles - (had - has) | (has - had))


def _understand(
    managed: ManagedRealm, snapshot: RealmSnapshot, wishes: Iterable[Wish]
) -> tuple[Supposition, ...]:
    """Return what is wished as things of the realm, each once."""
    users: dict[str, User] = {}
    found: dict[Supposition, None] = {}
    for wish in wishes:
        what = _find_what(snapshot, wish.what)
        if wish.is_to_group:
            holder: User | Group = _find_group(snapshot, wish.holder)
        else:
            holder = users.setdefault(wish.holder, users.get(wish.holder) or find_user(managed, wish.holder))
        supposition = Supposition(what, holder, wish.is_taken)
        if isinstance(what, Group) and isinstance(holder, Group):
            raise ConfigurationError(
                f"A group joins or leaves no other ({what.label}, {holder.label}): name a user or a role"
            )
        if replace(supposition, is_taken=not wish.is_taken) in found:
            raise ConfigurationError(
                f"Both --assign and --remove name {what.label} for {holder_label(holder)}: "
                "leave one of them out"
            )
        found[supposition] = None
    return tuple(found)


def _find_what(snapshot: RealmSnapshot, text: str) -> Role | Group:
    if _group_path(text) is not None:
        return _find_group(snapshot, text)
    name = text.removeprefix("role ")
    match [role for role in snapshot.roles.values() if role.label == f"role {name}"]:
        case [role]:
            return role
        case []:
            raise ConfigurationError(
                f"Realm {snapshot.realm} has no role {name!r}: write ROLE for a realm role, CLIENT/ROLE for "
                "a client's, /PATH for a group, all in their exact case"
            )
        case _:
            raise ConfigurationError(
                f"{name!r} is a realm role and a client's in realm {snapshot.realm}: rename one of them"
            )


def _find_group(snapshot: RealmSnapshot, text: str) -> Group:
    path = _group_path(text)
    for group in snapshot.groups.values():
        if group.path == path:
            return group
    raise ConfigurationError(
        f"Realm {snapshot.realm} has no group {text!r}: give its whole path in its exact case, for example "
        "/AGENTS/NIGHT"
    )


def _group_path(text: str) -> str | None:
    """Return the path of a group, written as in the steps of a path or by itself; None for anything else."""
    path = text.removeprefix("group ")
    return path if path.startswith("/") else None
