"""What must hold of every transaction about claims, one application at a time.

In: a `Commit`, the verdict after it and a `Memory` of the commits before; out: nothing, or an AssertionError
that names the rule. Called by `law`. The memory counts commits instead of looking at clocks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from keycloak_license.model.record import RealmRecord, SeatEvent, SyncRecord
from keycloak_license.model.seat import Claim
from tests.machine.look import APPLICATIONS, Key, Look
from tests.machine.stage import Commit
from tests.machine.verdict import Verdict

HOLD = timedelta(hours=24)
TOLERANCE = timedelta(minutes=1)
ALWAYS_BELIEVED = 5
BELIEVED_SHARE = 5
"""One of so many: 20 %."""

Ticket = tuple[int, int]
"""The commit in which something happened, and a place within it."""
Order = tuple[int, Ticket, Ticket, float, str]


@dataclass
class Memory:
    """What is remembered of the commits to one ledger; lost, copied and restored together with it."""

    commits: int = 0
    came: dict[Key, Ticket] = field(default_factory=dict)
    """When each claim began."""
    seated: dict[Key, Ticket] = field(default_factory=dict)
    """When each claim first had a seat."""
    persisted: dict[Key, timedelta] = field(default_factory=dict)
    """For how long of complete reads each held release was."""
    told: dict[Key, str] = field(default_factory=dict)
    """How each claim stands by the history alone."""
    synced_at: datetime | None = None
    believed: datetime | None = None
    """The same, as long as the clock has not leapt."""

    def copy(self) -> "Memory":
        return Memory(
            self.commits,
            dict(self.came),
            dict(self.seated),
            dict(self.persisted),
            dict(self.told),
            self.synced_at,
            self.believed,
        )

    def order(self, claim: Claim) -> Order:
        """First come, first served; whoever ever had a seat stands before all others."""
        key = (claim.application, claim.user_id)
        came, created = self.came[key], float("inf") if claim.created_at is None else claim.created_at
        if key in self.seated:
            return (0, self.seated[key], came, created, claim.user_id)
        return (1, came, came, created, claim.user_id)

    def in_order(self, record: RealmRecord, application: str) -> list[Claim]:
        """Return the claims of an application in that order."""
        return sorted(claims_of(record, application).values(), key=self.order)


def claims_of(record: RealmRecord, application: str) -> dict[str, Claim]:
    """Return claims by user."""
    return {claim.user_id: claim for claim in record.claims if claim.application == application}


def check_commit(commit: Commit, verdict: Verdict, memory: Memory) -> None:
    """Hold a commit to the rules, then remember it."""
    memory.commits += 1
    _check_time(commit, memory)
    held = _check_persistence(commit, memory)
    for application in APPLICATIONS:
        seats = Seats(
            application.id,
            claims_of(commit.before, application.id),
            claims_of(commit.after, application.id),
            commit,
            verdict,
            memory,
        )
        if commit.after.last_sync and commit.after.last_sync.is_disputed:
            assert seats.after == seats.before, "a disputed realm changed claims"
            continue
        seats.remember()
        seats.check_membership(held)
        seats.check_displaced()
        seats.check_limit()
        seats.check_order()
        seats.check_stamps()
    _check_history(commit, memory)
    assert commit.after.last_sync is not None
    memory.synced_at, memory.believed = _times(commit.after.last_sync)


def _check_persistence(commit: Commit, memory: Memory) -> dict[Key, timedelta]:
    """Return for how long each held release has persisted at this sync, and remember who is held on."""
    assert commit.after.last_sync is not None
    passed = timedelta()
    if memory.synced_at is not None and memory.believed is not None:
        now, believed = _times(commit.after.last_sync)
        passed = believed - memory.believed
        if commit.look.has_gaps or commit.before.failure is not None:
            passed -= max(now - memory.synced_at, timedelta())
    persisted = {key: span + passed for key, span in memory.persisted.items()}
    # While nothing is decided a leap of the clock may be taken off before it is believed, and counted then.
    if not commit.look.has_gaps and not commit.after.last_sync.is_disputed:
        persisted = {key: max(timedelta(), span) for key, span in persisted.items()}
    held = {(each.application, each.user_id) for each in commit.after.last_sync.held}
    memory.persisted = {key: persisted.get(key, timedelta()) for key in held}
    return persisted


def _check_time(commit: Commit, memory: Memory) -> None:
    """Time does not run back behind what was believed, and Keycloak's clock keeps ours from running ahead."""
    before, after, told = commit.before.last_sync, commit.after.last_sync, commit.look.server_time
    assert after is not None
    if before is not None and before.clock.reached is not None:
        assert after.clock.reached is not None
        assert before.clock.reached <= after.clock.reached, "what time it was is forgotten"
        assert before.clock.reached <= after.synced_at, "time ran back"
    if told is not None and (memory.synced_at is None or memory.synced_at <= told + TOLERANCE):
        assert told - TOLERANCE <= after.synced_at <= told + TOLERANCE, "a wrong clock was believed"


def _times(sync: SyncRecord) -> tuple[datetime, datetime]:
    """Return the time of a sync, and the time that it believed."""
    return (
        sync.synced_at,
        sync.synced_at if sync.clock.leapt_to is None else sync.clock.reached or sync.synced_at,
    )


def _check_history(commit: Commit, memory: Memory) -> None:
    for event in commit.events:
        memory.told[event.application, event.user_id] = _told(event)
    standing = {
        (claim.application, claim.user_id): "seated" if claim.is_seated else "waiting"
        for claim in commit.after.claims
    }
    told = {key: how for key, how in memory.told.items() if how != "gone"}
    assert told == standing, f"history does not add up to the claims: {told} against {standing}"


def _told(event: SeatEvent) -> str:
    match event.kind:
        case "seat_assigned":
            return "seated"
        case "waiting":
            return "waiting"
        case "seat_released" if event.reason in {"limit_reduced", "not_licensed"}:
            return "waiting"
        case "seat_released" | "waiting_ended":
            return "gone"
    raise AssertionError(f"history has an unknown event {event}")


@dataclass(frozen=True)
class Seats:
    """One application before and after a commit."""

    application: str
    before: Mapping[str, Claim]
    after: Mapping[str, Claim]
    commit: Commit
    verdict: Verdict
    memory: Memory

    @property
    def look(self) -> Look:
        return self.commit.look

    def check_membership(self, persisted: Mapping[Key, timedelta]) -> None:
        """Whoever consumes has a claim; whoever had one loses it only for good reasons."""
        look, before = self.look, self.before.keys()
        ended = before - self.after.keys()
        consumers = {user for user in look.listed(self.application) if not self._is_exempt(user)}
        if look.has_gaps:
            assert not ended, f"{self.application}: an incomplete sync ended {sorted(ended)}"
            newcomers = self.after.keys() - before
            assert newcomers <= look.consumers[self.application], f"{self.application}: {newcomers} came"
            assert not any(map(self._is_exempt, newcomers)), f"{self.application}: an exempt one came"
            return
        exempt = {user for user in before - consumers if self._exempts(self._name(user))}
        certain = {user for user in exempt if user in look.accounts and user in look.shown}
        away = {user for user, claim in self.before.items() if look.is_away(user, claim.provider_id)}
        proved = {user for user in before if (self.application, user) in look.present}
        leaving = before - consumers - certain - away - proved - look.unknown
        held = self._held(leaving, persisted)
        told = {each.user_id for each in self._last.held if each.application == self.application}
        assert told == held, f"{self.application}: held are {sorted(told)}, not {sorted(held)}"
        expected = certain | (leaving - held)
        assert ended == expected, f"{self.application}: {sorted(ended)} ended, not {sorted(expected)}"
        unread = {user for user in leaving - held if (self.application, user) not in look.gone}
        assert not unread, f"{self.application}: {sorted(unread)} lost their claims unread"
        assert self.after.keys() == before - ended | consumers, f"{self.application}: who has a claim"

    def _held(self, leaving: set[str], persisted: Mapping[Key, timedelta]) -> set[str]:
        """Nobody for longer than a day; else everybody when there are too many, and whoever was already."""
        fresh = {u for u in leaving if persisted.get((self.application, u), timedelta()) < HOLD}
        releases = sum(self.before[user].is_seated for user in fresh)
        seated = sum(claim.is_seated for claim in self.before.values())
        is_too_much = releases > ALWAYS_BELIEVED and releases * BELIEVED_SHARE > seated
        if self.commit.before.last_sync and self.commit.before.last_sync.realm_id != self.look.realm_id:
            is_too_much = releases > 0
        if self.commit.is_forced:
            return set()
        return fresh if is_too_much else {u for u in fresh if (self.application, u) in persisted}

    def check_displaced(self) -> None:
        """A smaller licence, and nothing else, moves holders back into the queue: the newest."""
        displaced = [
            claim
            for user, claim in self.after.items()
            if not claim.is_seated and user in self.before and self.before[user].is_seated
        ]
        if not displaced:
            return
        assert not self.look.has_gaps, f"{self.application}: an incomplete sync took seats"
        assert self.verdict.is_granted, f"{self.application}: seats were taken while access is blocked"
        assert self._used(self.after) == self.verdict.limit(self.application), f"{self.application}: too many"
        first = min(self.memory.order(claim) for claim in displaced)
        for claim in self.after.values():
            assert not claim.is_seated or self.memory.order(claim) < first, (
                f"{self.application}: not the newest"
            )

    def check_limit(self) -> None:
        """Nobody gets a seat that is not there, and none is left over while somebody waits for it."""
        limit, used = self.verdict.limit(self.application), self._used(self.after)
        is_within = limit is None or used <= limit
        if self.verdict.is_granted and not self.look.has_gaps:
            assert is_within, f"{self.application}: {used} seats of {limit}"
        assert is_within or not self._newly_seated(), f"{self.application}: given beyond the limit"
        if self.verdict.is_granted and (limit is None or used < limit):
            assert not self._seen_waiting(), f"{self.application}: somebody waits beside a free seat"

    def check_order(self) -> None:
        """Seats go to those who came first; who is only held, or away, is passed over."""
        given = [self.memory.order(claim) for claim in self._newly_seated()]
        waiting = [self.memory.order(claim) for claim in self._seen_waiting()]
        assert not given or not waiting or max(given) < min(waiting), f"{self.application}: not first come"

    def _seen_waiting(self) -> list[Claim]:
        """Whoever waits and was certainly seen consuming."""
        seen = set() if self.look.has_gaps else self.look.listed(self.application)
        return [claim for user, claim in self.after.items() if not claim.is_seated and user in seen]

    def check_stamps(self) -> None:
        """The time of claims never runs back, and what was stamped stays."""
        stamps = [
            stamp for claim in self.before.values() for stamp in (claim.claimed_at, claim.seated_at) if stamp
        ]
        for user, claim in self.after.items():
            earlier = self.before.get(user)
            if earlier is None:
                assert not stamps or claim.claimed_at > max(stamps), f"{self.application}: {user} came before"
                continue
            assert claim.claimed_at == earlier.claimed_at, f"{self.application}: {user} was stamped anew"
            if earlier.seated_at is not None:
                assert claim.seated_at == earlier.seated_at, f"{self.application}: {user} was seated anew"
        assert all(claim.seated_at for claim in self.after.values() if claim.is_seated)

    def remember(self) -> None:
        """Keep who came and who was seated by this commit; with a new ledger, as the realm had the queue."""
        queue: list[str] = []
        if self.commit.before.last_sync is None:
            queue = self.look.attributes.get(f"license.{self.application}.queue", "").split(",")
        places = {user: place for place, user in enumerate(queue, start=1)}
        now = self.memory.commits
        for user, claim in self.after.items():
            key = (self.application, user)
            if user not in self.before:
                self.memory.came[key] = (now, places.get(user, 0))
            if claim.is_seated:
                self.memory.seated.setdefault(key, (now, 0))
        for user in self.before.keys() - self.after.keys():
            self.memory.came.pop((self.application, user))
            self.memory.seated.pop((self.application, user), None)

    @property
    def _last(self) -> SyncRecord:
        last = self.commit.after.last_sync
        assert last is not None
        return last

    def _is_exempt(self, user: str) -> bool:
        return self._exempts(self._name(user))

    def _name(self, user: str) -> str:
        """How a user was called when he was seen, now or the last time."""
        account, claim = self.look.accounts.get(user), self.before.get(user)
        if account is not None and (claim is None or user in self.look.shown):
            return account.username
        return claim.username if claim else ""

    def _exempts(self, username: str) -> bool:
        """Without a licence nobody is exempt by a name of somebody who was not before."""
        if self.verdict.license is None and username in {each.username for each in self.before.values()}:
            return False
        return username.lower() in self.verdict.exempt

    def _used(self, claims: Mapping[str, Claim]) -> int:
        return sum(claim.is_seated for claim in claims.values())

    def _newly_seated(self) -> list[Claim]:
        return [
            claim
            for user, claim in self.after.items()
            if claim.is_seated and not (user in self.before and self.before[user].is_seated)
        ]
