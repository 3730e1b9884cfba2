"""Rules: attempts that are disturbed, killed and overtaken at any call; ledgers lost and restored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from keycloak_license.errors import KeycloakLicenseError, LedgerError, UnavailableError
from keycloak_license.model.license import License
from keycloak_license.model.seat import Claim, Consent
from keycloak_license.services.licenses import import_license
from keycloak_license.services.reconcile import run_once
from tests.fakes import MemoryLedger
from tests.machine.base import SECOND, numbers, step
from tests.machine.law import judge
from tests.machine.look import APPLICATIONS
from tests.machine.seats import Memory
from tests.machine.site import Attempt, Site, comparable
from tests.machine.stage import LEDGER_CALLS, POINTS, Point, Stage
from tests.machine.syncs import Syncs
from tests.machine.troubles import DAY
from tests.machine.vendor import LicenseDraft, drafts
from tests.machine.verdict import read

FENCED = tuple(point for point in POINTS if point != ("after", "renew_lease"))
"""Where a process may be held up and still writes nothing more; between the last look at the lease and the
request to Keycloak nobody can keep it from writing."""
WRITES = ("add_licenses", "record_sync", "write_attributes", "renew_lease")
MOVES = ("strip", "hire", "disable", "enable", "hide", "silence", "wipe", "cut", "none")

points = st.sampled_from(POINTS)
# More often where something is written, which an import always does.
import_points = points | st.sampled_from([point for point in POINTS if point[1] in WRITES])
moves = st.sampled_from(MOVES)


@dataclass(frozen=True)
class Backup:
    """A copy of the ledger, with what the model remembered of it."""

    ledger: MemoryLedger
    memory: Memory
    installation_id: str | None
    leased_until: datetime | None


class Accidents(Syncs):
    """Everything that comes in between."""

    backup: Backup | None = None

    @step(point=points, what=moves, number=numbers)
    def something_happens_during_a_sync(self, point: Point, what: str, number: int) -> None:
        self.sync(Stage(point, lambda: self.move(what, number)))

    @step(point=points)
    def a_call_fails(self, point: Point) -> None:
        self.sync(failing(point))

    @step(point=points, is_forced=st.booleans())
    def a_sync_is_killed(self, point: Point, is_forced: bool) -> None:
        self.sync(dying(point), is_forced=is_forced)

    @step(point=import_points, skip=st.sampled_from([0, 0, 1]), draft=drafts)
    def an_import_is_killed(self, point: Point, skip: int, draft: LicenseDraft) -> None:
        self.import_(self.make_license(draft), is_confirmed=True, stage=dying(point, skip))

    @precondition(lambda self: not self.site.is_leased)
    @step(point=st.sampled_from(FENCED), what=moves, number=numbers, is_forced=st.booleans())
    def a_sync_is_overtaken(self, point: Point, what: str, number: int, is_forced: bool) -> None:
        self.overtake(point, what, number, lambda stage: self.sync(stage, is_forced=is_forced))

    @precondition(lambda self: not self.site.is_leased)
    @step(point=import_points.filter(lambda point: point in FENCED), what=moves, number=numbers, draft=drafts)
    def an_import_is_overtaken(self, point: Point, what: str, number: int, draft: LicenseDraft) -> None:
        license_ = self.make_license(draft)
        self.overtake(
            point, what, number, lambda stage: self.import_(license_, is_confirmed=True, stage=stage)
        )

    @precondition(lambda self: not self.site.is_leased)
    @step(what=moves, number=numbers)
    def a_sync_is_overtaken_at_its_last_request(self, what: str, number: int) -> None:
        """It writes what it knew; the next sync puts that right."""
        self.overtake(("after", "renew_lease"), what, number, self.sync, is_fenced=False)
        self.sync()

    def overtake(
        self,
        point: Point,
        what: str,
        number: int,
        work: Callable[[Stage], Attempt],
        *,
        is_fenced: bool = True,
    ) -> None:
        """Stop a process at a call until another has taken over and finished; let it go on then."""
        stage = Stage(point)
        sealed: list[object] = []

        def act() -> None:
            stage.is_overtaken = stage.has_lease
            self.wait_for_lease()
            self.move(what, number)
            self.sync()
            if stage.is_overtaken and is_fenced:
                sealed.append(self.site.everything())

        stage.act = act
        attempt = work(stage)
        if sealed and stage.is_overtaken:
            self.tally.checked["overtaken"] += 1
            assert self.site.everything() == sealed[0], "an overtaken process wrote something"
            has_written = "record_sync" in stage.passed
            assert attempt.error is not None or has_written, "an overtaken process thinks that it has done it"

    @precondition(lambda self: self.site.is_simulated and not self.site.is_leased)
    @step(
        point=import_points,
        skip=st.sampled_from([0, 0, 1]),
        is_killed=st.booleans(),
        is_forced=st.booleans(),
        draft=st.none() | drafts,
    )
    def it_converges(
        self, point: Point, skip: int, is_killed: bool, is_forced: bool, draft: LicenseDraft | None
    ) -> None:
        """Whatever fails at whichever call: the next sync leads to where it would have led without that."""
        site, twin = self.site, self.site.clone()
        had_id = bool(site.record().installation_id or site.side.attributes.get("license.installation_id"))
        stage = dying(point, skip) if is_killed else failing(point, skip)
        if draft is None:
            self.sync(stage, is_forced=is_forced)
            attempt_sync(twin, is_forced=is_forced)
        else:
            license_ = self.make_license(draft)
            self.import_(license_, is_confirmed=True, stage=stage)
            if any(each.file == license_.file for each in site.record().licenses):
                attempt_import(twin, license_)
        meanwhile = judge(twin, twin.record()) if twin.record().last_sync else None
        self.wait_for_lease()
        twin.time.now = site.time.now
        twin.side.is_unreachable, twin.side.is_read_only = site.side.is_unreachable, site.side.is_read_only
        ours, theirs = self.sync(is_forced=is_forced), attempt_sync(twin, is_forced=is_forced)
        assert type(ours.error) is type(theirs.error), f"{ours.error!r} instead of {theirs.error!r}"
        # What time itself has changed in between is another matter.
        if ours.error is None and meanwhile in (None, judge(twin, twin.record())):
            self.tally.checked["converged"] += 1
            one, other = comparable(site, with_id=had_id), comparable(twin, with_id=had_id)
            for what, value in one.items():
                assert value == other[what], f"{what} after {point}: {value}, and without that {other[what]}"

    @step()
    def the_ledger_is_copied(self) -> None:
        site = self.site
        self.backup = Backup(
            site.copy_ledger(site.ledger), self.law.memory.copy(), self.law.installation_id, site.leased_until
        )

    @precondition(lambda self: self.backup)
    @step()
    def an_old_ledger_is_restored(self) -> None:
        backup, site = self.backup, self.site
        assert backup
        site.ledger = site.copy_ledger(backup.ledger)
        site.leased_until = backup.leased_until
        self.law.memory, self.law.installation_id = backup.memory.copy(), backup.installation_id

    @step()
    def the_ledger_is_lost(self) -> None:
        self.lose_ledger()

    def lose_ledger(self) -> None:
        self.site.ledger = self.site.new_ledger()
        self.site.leased_until = None
        self.law.memory, self.law.installation_id = Memory(), None

    @precondition(lambda self: not self.site.is_leased)
    @step(span=st.sampled_from([SECOND, 60 * SECOND, DAY]))
    def a_lost_ledger_costs_nobody_a_seat(self, span: timedelta) -> None:
        """Once all is published and nothing is wrong."""
        self.mend()
        if not self.sync(is_forced=True).is_done:
            return
        before = self.site.record()
        verdict = judge(self.site, before)
        if verdict.license is None or (before.last_sync and before.last_sync.is_disputed):
            return
        queues = {each.id: self.law.memory.in_order(before, each.id) for each in APPLICATIONS}
        in_force = {file for file in self.in_force() if read(self.site.verifier, file)}
        self.lose_ledger()
        self.pass_time(span)
        self.sync()
        after = self.site.record()
        if judge(self.site, after).license != verdict.license:
            return
        self.tally.checked["recovered"] += 1
        assert in_force <= self.in_force(), "a licence was lost with the ledger"
        for application, claims in queues.items():
            limit, used = verdict.limit(application), sum(claim.is_seated for claim in claims)
            if limit is None or used <= limit:
                check_same(claims, self.law.memory.in_order(after, application))


def check_same(before: Sequence[Claim], after: Sequence[Claim]) -> None:
    """The same people hold seats, and wait in the same order where anybody holds one."""
    (seated, waiting), (seated_now, waiting_now) = (
        ([each.user_id for each in claims if each.is_seated], [e.user_id for e in claims if not e.is_seated])
        for claims in (before, after)
    )
    assert set(seated) == set(seated_now), "a lost ledger cost somebody his seat"
    assert waiting == waiting_now if seated else set(waiting) == set(waiting_now), "a lost queue"


def attempt_sync(site: Site, *, is_forced: bool) -> Attempt:
    """Sync without being judged."""
    consent = Consent(to_all=is_forced)
    return site.attempt(lambda managed: run_once(managed, now=site.time.here, consent=consent))[0]


def attempt_import(site: Site, license_: License) -> None:
    """Import without being judged."""
    file = license_.file.encode()
    site.attempt(lambda managed: import_license(managed, file, lambda _: True, lambda: site.time.here))


def dying(point: Point, skip: int = 0) -> Stage:
    """Return a stage on which the process is killed at a call."""
    stage = Stage(point, skip=skip)
    stage.act = stage.die
    return stage


def failing(point: Point, skip: int = 0) -> Stage:
    """Return a stage on which a call fails: before it did anything, or after."""
    stage = Stage(point, skip=skip)
    error: KeycloakLicenseError = UnavailableError("The machine says that Keycloak is gone")
    if point[1] in LEDGER_CALLS:
        error = LedgerError("The machine says that the database is gone")
    stage.act = lambda: stage.fail(error)
    return stage
