"""Stand-ins for everything outside, with the shapes of `services.ports`.

`SimulatedRealm` is a Keycloak realm in memory: tests change it as an admin would, the code under test
reads and writes it. `tests/contract` holds it, and `MemoryLedger`, to the real ones.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

from keycloak_license.errors import (
    LeaseLostError,
    LeaseTakenError,
    LicenseRefusedError,
    MissingRightError,
    RealmNotFoundError,
    UnavailableError,
)
from keycloak_license.model.application import Application
from keycloak_license.model.changes import (
    AttributeChange,
    AttributeSet,
    SeatChange,
    SeatReleased,
    WaitingEnded,
)
from keycloak_license.model.enforcement import (
    DISABLED_ROLE,
    MANAGERS,
    OBSERVE_ONLY,
    OWN_CLIENT,
    Enforcement,
    EnforcementTerms,
    is_gate_role,
)
from keycloak_license.model.license import License
from keycloak_license.model.logins import LoginReading, LoginSearch
from keycloak_license.model.measures import Disabling, Measure, Refusal
from keycloak_license.model.notice import NO_TELLING, Telling
from keycloak_license.model.realm import (
    NO_GRANT_TIMES,
    Grant,
    GrantTimes,
    Group,
    RealmSnapshot,
    Rereading,
    Role,
    User,
    UserReading,
    containing_roles,
)
from keycloak_license.model.record import (
    FORGOTTEN,
    Lease,
    RealmRecord,
    SeatEvent,
    StoredLicense,
    SyncFailure,
    SyncRecord,
    Worker,
)
from keycloak_license.model.seat import Claim
from keycloak_license.services.ports import BeforeWrite
from tests.fake_enforcement import SimulatedGate, carry_out
from tests.fake_logins import SimulatedLogins
from tests.fake_outbox import MemoryOutbox
from tests.fake_sessions import MemoryAudit, MemorySessions
from tests.instants import in_utc

RoleName = tuple[str | None, str]
"""The client of a role, None for realm roles, and its name."""

Links = dict[str, set[str]]
FIRST_CREATED = 1_700_000_000_000


@dataclass
class SimulatedRealm:
    """A realm as `ports.Realm` sees it, and the admin's side of it; everything goes by id.

    Members and their roles are kept as Keycloak keeps them: direct mappings only, and the rest follows.
    """

    name: str = "acme"
    attributes: dict[str, str] = field(default_factory=lambda: {"cibaInterval": "5"})
    locale: str | None = None
    attribute_writes: int = 0
    """How often the attributes were written, by us or by the admin."""
    reads: int = 0
    server_time: datetime | None = None
    """What its clock shows; None when it does not tell."""
    is_unreachable: bool = False
    """Whether every call of ours fails."""
    is_read_only: bool = False
    """Whether we lack the right to write attributes."""
    unreadable: set[str] = field(default_factory=set)
    """Roles and groups whose members cannot be listed: a gap, and nobody in the list."""
    unreadable_users: set[str] = field(default_factory=set)
    """Users whose names are not told: asking for one of them by his id fails."""
    silent_providers: set[str] = field(default_factory=set)
    """Federations that do not answer: a gap, and their members are missing from every list."""
    disabled_providers: set[str] = field(default_factory=set)
    """Federations that are switched off: their users read as disabled."""
    rereads: list[str] = field(default_factory=list)
    """Ids of the users that were read by themselves, in order."""
    terms: EnforcementTerms = OBSERVE_ONLY
    """How we are told to enforce it."""
    gate: SimulatedGate = field(default_factory=SimulatedGate)
    has_own_client: bool = True
    """Whether there is a client of ours for roles."""
    has_events: bool = True
    """Whether account is kept of what admins change."""
    logins: SimulatedLogins = field(default_factory=SimulatedLogins)
    """Who has logged in, and what is known of it."""
    granted_at: dict[str, datetime] = field(default_factory=dict)
    """When admins gave something to users, for those of whom the test says so."""
    granted_by: dict[str, str] = field(default_factory=dict)
    """The ids of the users who did, likewise."""
    _is_followed: bool = False
    _is_gone: bool = False
    _roles: dict[str, Role] = field(default_factory=dict)
    _composites: Links = field(default_factory=dict)
    _groups: dict[str, Group] = field(default_factory=dict)
    _users: dict[str, User] = field(default_factory=dict)
    _user_roles: Links = field(default_factory=dict)
    _group_roles: Links = field(default_factory=dict)
    _user_groups: Links = field(default_factory=dict)
    _service_accounts: set[str] = field(default_factory=set)
    _default_groups: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.realm_id = f"realm-{self.name}"
        self.default_role = self.create_role(f"default-roles-{self.name}")
        self.add_to_composite(self.default_role, self.create_role("offline_access"))

    # What the program does.

    def read(self, applications: Sequence[Application], group_paths: Sequence[str] = ()) -> RealmSnapshot:
        """Return what `keycloak_api.reader` would: all roles, and who holds those that count."""
        self._refuse_when_cut_off()
        self.reads += 1
        return self._snapshot(applications, group_paths)

    def follow(self, applications: Sequence[Application]) -> RealmSnapshot:
        """Return the same; the drift is what no event has told, and here everything is told."""
        snapshot = self.read(applications)
        drift = 0 if self._is_followed and self.has_events else None
        self._is_followed = self.has_events and not snapshot.gaps
        return replace(snapshot, drift=drift)

    def refresh(self, applications: Sequence[Application]) -> RealmSnapshot | None:
        was_followed, self._is_followed = self._is_followed, False
        self._refuse_when_cut_off()
        snapshot = self._snapshot(applications)
        self._is_followed = was_followed and self.has_events and not snapshot.gaps
        told = self._grant_times(self.granted_at)
        return replace(snapshot, granted_at=told) if self._is_followed else None

    def date_grants(self, since: datetime | None) -> GrantTimes:
        self._refuse_when_cut_off()
        return self._grant_times(
            {who: at for who, at in self.granted_at.items() if since is None or at >= since}
        )

    def _grant_times(self, times: Mapping[str, datetime]) -> GrantTimes:
        by = self.granted_by
        return GrantTimes(
            dict(times),
            grants={
                who: Grant(at, by[who], by[who] in self._users) for who, at in times.items() if who in by
            },
        )

    def read_usernames(self, user_ids: Collection[str]) -> Mapping[str, str | None]:
        self._refuse_when_cut_off()
        there = [self._users[id_] for id_ in user_ids if id_ in self._users]
        return {user.id: None if user.id in self.unreadable_users else user.username for user in there}

    def read_logins(self, search: LoginSearch) -> LoginReading:
        self._refuse_when_cut_off()
        return self.logins.read(search)

    def _snapshot(
        self, applications: Sequence[Application], group_paths: Sequence[str] = ()
    ) -> RealmSnapshot:
        composites = {parent: frozenset(children) for parent, children in self._composites.items()}
        asked = [*applications, *([MANAGERS] if self.terms.mode is Enforcement.DISABLE else [])]
        own = {role.id: role.name for role in self._roles.values() if self.terms.is_own(role)}
        counted = [role.id for role in self._roles.values() if any(app.counts(role) for app in asked)] + [
            *own
        ]
        role_ids = containing_roles(composites, counted)
        role_users = {role_id: self._listed(self._user_roles, role_id) for role_id in role_ids}
        role_groups = {role_id: _having(self._group_roles, role_id) for role_id in role_ids}
        named = {group.id for group in self._groups.values() if group.path in group_paths}
        group_ids = self._with_descendants(frozenset(named).union(*role_groups.values()))
        group_members = {group_id: self._listed(self._user_groups, group_id) for group_id in group_ids}
        seen = frozenset().union(*role_users.values(), *group_members.values())
        return RealmSnapshot(
            realm=self.name,
            realm_id=self.realm_id,
            roles=dict(self._roles),
            composites=composites,
            groups={group_id: self._groups[group_id] for group_id in group_ids},
            users={user_id: self._shown(user_id) for user_id in seen},
            role_users=role_users,
            role_groups=role_groups,
            group_members=group_members,
            service_accounts=frozenset(self._service_accounts),
            default_role_id=self.default_role,
            default_groups=frozenset(self._default_groups),
            attributes=dict(self.attributes),
            locale=self.locale,
            server_time=self.server_time,
            silent_providers=self._disabled(),
            gaps=tuple(self._gaps(role_ids | group_ids)),
            has_own_client=self.has_own_client,
            client_ids={each: each for each in (*self.gate.protocols, *self._own_client())},
            disabled_here=frozenset().union(
                *(role_users[id_] for id_, name in own.items() if name == DISABLED_ROLE)
            ),
            gate=self.gate.read() if self._concerns_gate(own.values()) else None,
            has_events=self.has_events,
        )

    def _own_client(self) -> list[str]:
        return [OWN_CLIENT] if self.has_own_client else []

    def _concerns_gate(self, own: Iterable[str]) -> bool:
        return self.terms.mode is Enforcement.GATE or self.terms.is_leaving or any(map(is_gate_role, own))

    def reread(self, user_ids: Sequence[str], applications: Sequence[Application]) -> Rereading:
        self._refuse_when_cut_off()
        self.rereads += user_ids
        return Rereading(
            users={user_id: self._reading(user_id, applications) for user_id in user_ids},
            gaps=tuple(self._gaps(frozenset())),
            silent_providers=self._disabled(),
        )

    def read_attributes(self) -> dict[str, str]:
        self._refuse_when_cut_off()
        return dict(self.attributes)

    def find_user(self, name: str) -> User | None:
        self._refuse_when_cut_off()
        for user in self._users.values():
            if name.lower() == user.username or name == user.id:
                return self._shown(user.id)
        return None

    def ensure_writable(self) -> None:
        self._refuse_when_cut_off()
        if self.is_read_only:
            raise MissingRightError(f"The simulated Keycloak refuses writes to realm {self.name}")

    def write_attributes(self, changes: Sequence[AttributeChange], before_write: BeforeWrite) -> None:
        if not changes:
            return
        before_write()
        self.ensure_writable()
        self.attribute_writes += 1
        for change in changes:
            if isinstance(change, AttributeSet):
                self.attributes[change.name] = change.value
            else:
                self.attributes.pop(change.name, None)

    def enforce(self, measures: Sequence[Measure], before_write: BeforeWrite) -> tuple[Refusal, ...]:
        if measures:
            self._refuse_when_cut_off()
        carry_out(self, measures, before_write)
        return ()

    # What an admin does.

    @property
    def roles(self) -> Mapping[str, Role]:
        return self._roles

    def direct_roles(self, user: str) -> set[RoleName]:
        return {(self._roles[role].client_id, self._roles[role].name) for role in self._user_roles[user]}

    def is_enabled(self, user: str) -> bool:
        return self._users[user].enabled

    def create_role(self, name: str, client_id: str | None = None) -> str:
        _refuse_double(role.name == name and role.client_id == client_id for role in self._roles.values())
        role = Role(self._new_id("role"), name, client_id)
        self._roles[role.id] = role
        return role.id

    def delete_role(self, role: str) -> None:
        del self._roles[role]
        self._composites.pop(role, None)
        for links in (self._composites, self._user_roles, self._group_roles):
            _unlink_everywhere(links, role)
        self._composites = {parent: children for parent, children in self._composites.items() if children}

    def add_to_composite(self, parent: str, child: str) -> None:
        self._composites.setdefault(parent, set()).add(self._roles[child].id)

    def remove_from_composite(self, parent: str, child: str) -> None:
        self._composites.get(parent, set()).discard(child)

    def create_group(self, name: str, parent: str | None = None) -> str:
        path = f"{self._groups[parent].path if parent else ''}/{name}"
        _refuse_double(group.path == path and group.parent_id == parent for group in self._groups.values())
        group = Group(self._new_id("group"), path, parent)
        self._groups[group.id] = group
        return group.id

    def delete_group(self, group: str) -> None:
        for each in self._with_descendants(frozenset({group})):
            del self._groups[each]
            self._group_roles.pop(each, None)
            self._default_groups.discard(each)
            _unlink_everywhere(self._user_groups, each)

    def create_user(
        self, username: str, *, enabled: bool = True, email: str | None = None, provider: str | None = None
    ) -> str:
        """Return the id of a user, who gets the default role and groups; `provider` federates him."""
        _refuse_double(user.username == username.lower() for user in self._users.values())
        number = next(self._numbers)
        created_at = FIRST_CREATED + number
        address = email and email.lower()
        user = User(f"user-{number}", username.lower(), enabled, address, created_at, provider)
        self._users[user.id] = user
        self._user_roles[user.id] = {self.default_role}
        self._user_groups[user.id] = set(self._default_groups)
        return user.id

    def create_service_account(self, client_id: str, username: str | None = None) -> str:
        """Return the id of a client's service account; another username than the usual is an import's."""
        user_id = self.create_user(username or f"service-account-{client_id}")
        self._service_accounts.add(user_id)
        return user_id

    def delete_user(self, user: str) -> None:
        del self._users[user], self._user_roles[user], self._user_groups[user]
        self._service_accounts.discard(user)

    def set_enabled(self, user: str, *, enabled: bool) -> None:
        self._users[user] = replace(self._users[user], enabled=enabled)

    def rename_user(self, user: str, username: str) -> None:
        self._users[user] = replace(self._users[user], username=username)

    def grant(self, user: str, role: str) -> None:
        self._user_roles[self._users[user].id].add(self._roles[role].id)

    def revoke(self, user: str, role: str) -> None:
        self._user_roles[user].discard(role)

    def grant_group(self, group: str, role: str) -> None:
        self._group_roles.setdefault(self._groups[group].id, set()).add(self._roles[role].id)

    def revoke_group(self, group: str, role: str) -> None:
        self._group_roles.get(group, set()).discard(role)

    def join(self, user: str, group: str) -> None:
        self._user_groups[self._users[user].id].add(self._groups[group].id)

    def leave(self, user: str, group: str) -> None:
        self._user_groups[user].discard(group)

    def add_default_group(self, group: str) -> None:
        self._default_groups.add(self._groups[group].id)

    def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """Set attributes as another program would; the others stay."""
        self.attributes.update(attributes)
        self.attribute_writes += 1

    def delete(self) -> None:
        """Delete the realm."""
        self._is_gone = True

    def effective_roles(self, user: str) -> set[RoleName]:
        """Return all roles of a user as Keycloak works them out: from the user, not from the roles."""
        found: set[str] = set()
        todo = set(self._user_roles[user])
        for group in self._user_groups[user]:
            each: str | None = group
            while each is not None:
                todo |= self._group_roles.get(each, set())
                each = self._groups[each].parent_id
        while todo:
            role = todo.pop()
            found.add(role)
            todo |= self._composites.get(role, set()) - found
        return {(self._roles[role].client_id, self._roles[role].name) for role in found}

    def _new_id(self, kind: str) -> str:
        return f"{kind}-{next(self._numbers)}"

    def _refuse_when_cut_off(self) -> None:
        if self._is_gone:
            raise RealmNotFoundError(f"The simulated Keycloak has no realm {self.name}")
        if self.is_unreachable:
            raise UnavailableError("The simulated Keycloak cannot be reached: the test says so")

    def _gaps(self, seen: frozenset[str]) -> Iterator[str]:
        for each in sorted(seen & self.unreadable):
            role, group = self._roles.get(each), self._groups.get(each)
            what = f"users of {role.label}" if role else f"members of {group.label}" if group else each
            yield f"the {what} were not read (the test says so)"
        for provider in sorted(self.silent_providers):
            yield f"user storage provider {provider} does not answer"

    def _listed(self, links: Links, what: str) -> frozenset[str]:
        if what in self.unreadable:
            return frozenset()
        return frozenset(
            user
            for user in _having(links, what)
            if self._users[user].provider_id not in self.silent_providers
        )

    def _shown(self, user_id: str) -> User:
        """A user as Keycloak shows him: disabled where his federation is away."""
        user = self._users[user_id]
        is_away = user.provider_id in self.silent_providers | self.disabled_providers
        return replace(user, enabled=user.enabled and not is_away)

    def _reading(self, user_id: str, applications: Sequence[Application]) -> UserReading:
        if user_id not in self._users:
            return UserReading(None)
        asked = {None, *(client_id for each in applications for client_id, _ in each.client_roles)}
        effective = self.effective_roles(user_id)
        roles = (role for role in self._roles.values() if (role.client_id, role.name) in effective)
        return UserReading(self._shown(user_id), frozenset(role for role in roles if role.client_id in asked))

    def _disabled(self) -> dict[str, str]:
        return {each: f"user storage provider {each} is disabled" for each in sorted(self.disabled_providers)}

    def _with_descendants(self, groups: frozenset[str]) -> frozenset[str]:
        found = set(groups)
        # A group is made after its parent, so one pass in that order finds all.
        for group in self._groups.values():
            if group.parent_id in found:
                found.add(group.id)
        return frozenset(found)


@dataclass
class MemoryLedger:
    """`ports.Ledger` without a database."""

    lease_duration: timedelta = timedelta(seconds=10)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    """What leases go by."""
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    sessions: MemorySessions = field(default_factory=MemorySessions)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    _leases: dict[str, tuple[Lease, datetime | None]] = field(default_factory=dict)
    _workers: dict[str, tuple[Worker, datetime, datetime]] = field(default_factory=dict)
    _syncs: dict[str, SyncRecord] = field(default_factory=dict)
    _claims: dict[str, dict[tuple[str, str], Claim]] = field(default_factory=dict)
    _licenses: dict[str, list[StoredLicense]] = field(default_factory=dict)
    _events: dict[str, list[SeatEvent]] = field(default_factory=dict)
    _failures: dict[str, SyncFailure] = field(default_factory=dict)

    def load(self, realm: str, known_claims: Sequence[Claim] | None = None) -> RealmRecord:
        last_sync = self._syncs.get(realm)
        claims = self._claims.get(realm, {})
        return RealmRecord(
            realm=realm,
            installation_id=last_sync.installation_id if last_sync else None,
            licenses=tuple(self._licenses.get(realm, ())),
            claims=tuple(claims[key] for key in sorted(claims))
            if known_claims is None
            else tuple(known_claims),
            last_sync=last_sync,
            failure=self._failures.get(realm),
            marks=self.outbox.marks(realm),
            undelivered=self.outbox.undelivered(realm),
        )

    def read_epoch(self, realm: str) -> int:
        lease, _ = self._leases.get(realm, (None, None))
        return lease.epoch if lease else 0

    def take_lease(self, realm: str, holder: str) -> Lease:
        before, renewed_at = self._leases.get(realm, (None, None))
        now = self.clock()
        if before and renewed_at and renewed_at <= now < renewed_at + before.duration:
            raise LeaseTakenError(f"{before.holder} is at work on realm {realm}")
        lease = Lease(realm, holder, before.epoch + 1 if before else 1, self.lease_duration)
        self._leases[realm] = lease, now
        return lease

    def renew_lease(self, lease: Lease) -> None:
        if self._leases[lease.realm][0] != lease:
            raise LeaseLostError(f"Another process took over realm {lease.realm}")
        self._leases[lease.realm] = lease, self.clock()

    def end_lease(self, lease: Lease) -> None:
        if self._leases[lease.realm][0] == lease:
            self._leases[lease.realm] = replace(lease, epoch=lease.epoch + 1), None

    def announce_worker(self, worker: Worker, lasting: timedelta) -> tuple[Worker, ...]:
        now = self.clock()
        alive = {name: each for name, each in self._workers.items() if each[1] <= now < each[2]}
        self._workers = alive | {worker.name: (worker, now, now + lasting)}
        return tuple(self._workers[name][0] for name in sorted(self._workers))

    def end_worker(self, name: str) -> None:
        self._workers.pop(name, None)

    def record_sync(
        self, lease: Lease, sync: SyncRecord, changes: Sequence[SeatChange], telling: Telling = NO_TELLING
    ) -> None:
        self.renew_lease(lease)
        at = in_utc(sync.synced_at)
        claims = dict(self._claims.get(sync.realm, {}))
        events: list[SeatEvent] = []
        for change in changes:
            claim = change.claim
            key = claim.application, claim.user_id
            events.append(_seat_event(change, at))
            if isinstance(change, SeatReleased | WaitingEnded):
                claims.pop(key, None)
                continue
            seated_at = in_utc(claim.seated_at) if claim.seated_at else None
            claims[key] = replace(claim, claimed_at=in_utc(claim.claimed_at), seated_at=seated_at)
        held = tuple(
            sorted(
                (replace(each, since=in_utc(each.since)) for each in sync.held),
                key=lambda each: (each.application, each.user_id),
            )
        )
        self._syncs[sync.realm] = replace(sync, synced_at=at, held=held)
        self._claims[sync.realm] = claims
        self._failures.pop(sync.realm, None)
        self._events.setdefault(sync.realm, []).extend(events)
        self.outbox.put(sync.realm, telling, at)

    def record_enforcement(
        self, lease: Lease, at: datetime, done: Sequence[Disabling], refused: Sequence[str]
    ) -> None:
        self.renew_lease(lease)
        for each in done:
            who = each.application, each.user_id, each.username
            event = SeatEvent(*who, each.kind, in_utc(at), each.reason)
            self._events.setdefault(lease.realm, []).append(event)
        if sync := self._syncs.get(lease.realm):
            self._syncs[lease.realm] = replace(sync, warnings=(*sync.warnings, *refused))

    def record_failure(self, lease: Lease, failure: SyncFailure, telling: Telling = NO_TELLING) -> None:
        self.renew_lease(lease)
        failure = replace(failure, since=in_utc(failure.since), at=in_utc(failure.at))
        self._failures[lease.realm] = failure
        self.outbox.put(lease.realm, telling, failure.at)

    def add_licenses(
        self, lease: Lease, added: Sequence[StoredLicense], replaced: Sequence[StoredLicense] = ()
    ) -> None:
        self.renew_lease(lease)
        realm = lease.realm
        new = [replace(each, imported_at=in_utc(each.imported_at)) for each in added]
        ended = {each.file for each in replaced}
        kept = [
            replace(each, replaced_at=new[0].imported_at)
            if new and each.replaced_at is None and each.file in ended
            else each
            for each in self._licenses.get(realm, ())
        ]
        present = {each.file for each in kept if each.replaced_at is None}
        self._licenses[realm] = kept + [each for each in new if each.file not in present]

    def remove_seat_events(self, lease: Lease, before: datetime) -> None:
        self.renew_lease(lease)
        kept = [event for event in self._events.get(lease.realm, ()) if event.at >= before]
        self._events[lease.realm] = kept

    def forget_users(self, lease: Lease, pseudonyms: Mapping[str, str]) -> None:
        self.renew_lease(lease)
        events = self._events.get(lease.realm, [])
        self._events[lease.realm] = [_forgetting(event, pseudonyms) for event in events]

    def seat_events(
        self, realm: str, application: str | None = None, since: datetime | None = None
    ) -> tuple[SeatEvent, ...]:
        events = self._events.get(realm, ())
        wanted = [event for event in events if application in {None, event.application}]
        earlier = [place for place, event in enumerate(wanted, 1) if since is not None and event.at < since]
        return tuple(wanted[max(earlier, default=0) :])


@dataclass
class TrustingVerifier:
    """`ports.LicenseVerifier` for licences that a test has made up; their files are just names."""

    _known: dict[bytes, License] = field(default_factory=dict)
    _retired: set[str] = field(default_factory=set)

    def sign(self, license_: License) -> License:
        """Return the licence with its file, which verifies from now on."""
        file = f"file of licence {license_.number}, issue {license_.issue}, no. {len(self._known)}"
        signed = replace(license_, file=file)
        self._known[file.encode()] = signed
        return signed

    def distrust(self, license_: License) -> None:
        """Let the licence's signature no longer hold."""
        del self._known[license_.file.encode()]

    def retire(self, kid: str) -> None:
        """Let a key sign nothing new."""
        self._retired.add(kid)

    def accept(self, file: bytes) -> License:
        license_ = self.verify(file)
        if license_.kid in self._retired:
            raise LicenseRefusedError("The licence file is signed with a key that this test has retired")
        return license_

    def verify(self, file: bytes) -> License:
        if file not in self._known:
            raise LicenseRefusedError("The licence file is not signed by anybody this test trusts")
        return self._known[file]


class Unfollowed:
    """The part of a realm for tests in which nobody remembers it."""

    def follow(self, applications: Sequence[Application]) -> RealmSnapshot:
        raise AssertionError("The realm was followed")

    def refresh(self, applications: Sequence[Application]) -> RealmSnapshot | None:
        raise AssertionError("The realm was refreshed")

    def date_grants(self, since: datetime | None) -> GrantTimes:
        return NO_GRANT_TIMES

    def read_logins(self, search: LoginSearch) -> LoginReading:
        raise AssertionError("Logins were read")

    def read_usernames(self, user_ids: Collection[str]) -> Mapping[str, str | None]:
        return {}


def unfenced() -> None:
    """What is called before each write in tests in which nobody else is at work."""


def _seat_event(change: SeatChange, at: datetime) -> SeatEvent:
    claim, grant = change.claim, change.grant
    event = SeatEvent(claim.application, claim.user_id, claim.username, change.kind, at, change.reason)
    if grant is None:
        return event
    return replace(event, granted_at=in_utc(grant.at), granted_by_id=grant.by_id, granted_by=grant.by)


def _forgetting(event: SeatEvent, pseudonyms: Mapping[str, str]) -> SeatEvent:
    if event.user_id in pseudonyms:
        event = replace(event, user_id=pseudonyms[event.user_id], username=FORGOTTEN)
    if event.granted_by_id in pseudonyms:
        event = replace(event, granted_by_id=None, granted_by=None)
    return event


def _having(links: Links, what: str) -> frozenset[str]:
    return frozenset(one for one, many in links.items() if what in many)


def _unlink_everywhere(links: Links, what: str) -> None:
    for many in links.values():
        many.discard(what)


def _refuse_double(matches: Iterator[bool]) -> None:
    if any(matches):
        raise ValueError("Keycloak refuses a second one of that name")
