"""Rules: syncs and imports, undisturbed, disturbed, killed and overtaken; ledgers lost and restored."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition

from keycloak_license.errors import (
    KeycloakLicenseError,
    LedgerError,
    LicenseRefusedError,
    UnavailableError,
)
from keycloak_license.model.license import Activation, License, LicenseType
from keycloak_license.services.licenses import LicenseImport, import_license, preview_import
from keycloak_license.services.overview import explain_user, list_all_licenses, list_members, read_status
from keycloak_license.services.reconcile import preview_once, run_once
from tests.fakes import MemoryLedger
from tests.machine.base import SECOND, numbers, step
from tests.machine.law import files, judge
from tests.machine.look import APPLICATIONS
from tests.machine.seats import Memory
from tests.machine.site import Attempt, comparable
from tests.machine.stage import LEDGER_CALLS, POINTS, Point, Stage
from tests.machine.troubles import DAY, Troubles, spans
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


class Syncs(Troubles):
    """The use cases."""

    backup: Backup | None = None

    @initialize(
        people=st.integers(0, 30), way=st.sampled_from(["role", "group", "both"]), seats=st.integers(0, 30)
    )
    def a_realm_with_people(self, people: int, way: str, seats: int) -> None:
        self.hire(people, way)
        if seats:
            draft = LicenseDraft("0", True, {"WFM": seats, "QM": seats}, 1, 0, 0, 3000, "none", ())
            self.import_(self.vendor.make(draft, self.today, None), is_confirmed=True)

    # Undisturbed.

    @step(span=spans)
    def sync_after_a_while(self, span: timedelta) -> None:
        self.pass_time(span)
        self.sync()

    @step(
        leaving=st.sampled_from([0, 8, 20]),
        trouble=st.sampled_from(["none", "none", "cut", "silence", "hide", "enable"]),
        number=numbers,
        is_mended=st.booleans(),
    )
    def a_day_passes(self, leaving: int, trouble: str, number: int, is_mended: bool) -> None:
        """Long enough for what is held to be released, if nothing comes in between."""
        for user in self.some_people(number, leaving):
            self.strip(user)
        self.sync()
        self.pass_time(DAY / 2)
        self.move(trouble, number)
        self.sync()
        if is_mended:
            self.mend()
        self.pass_time(DAY / 2)
        self.sync()

    @step()
    def sync_at_once(self) -> None:
        self.sync()

    @step()
    def sync_by_force(self) -> None:
        self.sync(is_forced=True)

    @step(is_forced=st.booleans())
    def a_dry_run_foretells_the_sync(self, is_forced: bool) -> None:
        site, before = self.site, self.site.everything()
        foretold = changes = None
        try:
            foretold = preview_once(site.managed(), now=site.time.here, is_forced=is_forced).changes
        except UnavailableError:
            assert site.side.is_unreachable
        assert site.everything() == before, "a dry run changed something"
        self.tally.checked["dry runs"] += 1
        if foretold is None or not self.is_quiet or site.record().last_sync is None:
            return
        _attempt, report = site.attempt(
            lambda managed: run_once(managed, now=site.time.here, is_forced=is_forced), is_forced=is_forced
        )
        self.law.check_written(site)
        changes = report.changes if report else None
        assert changes == foretold, f"a sync did {changes}, the dry run before it told {foretold}"

    @step(number=numbers)
    def people_look(self, number: int) -> None:
        site, before = self.site, self.site.everything()
        now = site.time.here
        try:
            read_status(site.managed(), now)
            list_all_licenses(site.managed(), now)
            for application in APPLICATIONS:
                list_members(site.managed(), application.id, now)
            if self.people:
                explain_user(site.managed(), self.person(number), now)
        except UnavailableError:
            assert site.side.is_unreachable
        assert site.everything() == before, "looking changed something"
        self.tally.checked["looks"] += 1

    # Licences.

    @step(draft=drafts, is_confirmed=st.sampled_from([True, True, True, False]))
    def a_licence_is_imported(self, draft: LicenseDraft, is_confirmed: bool) -> None:
        self.import_(self.make_license(draft), is_confirmed=is_confirmed)

    @precondition(lambda self: self.vendor.made)
    @step(number=numbers, is_confirmed=st.booleans())
    def an_old_file_is_imported_again(self, number: int, is_confirmed: bool) -> None:
        self.import_(self.old_license(number), is_confirmed=is_confirmed)

    @precondition(lambda self: self.vendor.made)
    @step(number=numbers)
    def an_import_is_previewed(self, number: int) -> None:
        site, before = self.site, self.site.everything()
        with contextlib.suppress(LicenseRefusedError, UnavailableError):
            preview_import(site.managed(), self.old_license(number).file.encode(), lambda: site.time.here)
        assert site.everything() == before, "a preview changed something"

    @precondition(lambda self: self.vendor.made)
    @step(number=numbers, is_trusted=st.booleans())
    def a_key_is_taken_away_or_put_back(self, number: int, is_trusted: bool) -> None:
        license_ = self.old_license(number)
        self.vendor.trust(license_)
        if not is_trusted:
            self.site.verifier.distrust(license_)

    def make_license(self, draft: LicenseDraft) -> License:
        return self.vendor.make(draft, self.today, self.here)

    def old_license(self, number: int) -> License:
        return self.vendor.made[number % len(self.vendor.made)]

    def import_(self, license_: License, *, is_confirmed: bool, stage: Stage | None = None) -> Attempt:
        """Import a file; hold the licences to what the question said."""
        asked: set[str] = set()

        def confirm(result: LicenseImport) -> bool:
            asked.clear()
            asked.update(each.file for each in result.replaced)
            return is_confirmed

        before, site = self.in_force(), self.site
        reason = self.why_refused(license_)
        attempt = self.carry_out(
            lambda managed: import_license(managed, license_.file.encode(), confirm, lambda: site.time.here),
            lambda result: result.plan.report,
            stage,
        )
        if attempt.stage.has_acted:
            return attempt
        if isinstance(attempt.error, LicenseRefusedError):
            is_asked_in_vain = bool(asked) and not is_confirmed
            assert reason or is_asked_in_vain, f"a good licence was refused: {attempt.error}"
        if attempt.error is not None:
            return attempt
        assert reason in {None, "perhaps"}, f"{license_.file} was not refused: {reason}"
        gone = before - self.in_force()
        assert license_.file in self.in_force(), "an imported licence is not in force"
        assert gone <= asked, "a licence was replaced without asking"
        assert is_confirmed or not gone, "a licence was replaced against the answer"
        if license_.type is LicenseType.TEMPORARY:
            kinds = {found.type for file in gone if (found := read(site.verifier, file))}
            assert LicenseType.COMMERCIAL not in kinds, "nothing is left to fall back to"
        return attempt

    def why_refused(self, license_: License) -> str | None:
        """Return why a file must be refused, "perhaps" where it may be, None where it must not."""
        site, record = self.site, self.site.record()
        shown = site.side.attributes.get("license.installation_id")
        if read(site.verifier, license_.file) is None:
            return "not genuine"
        if record.installation_id and shown and shown != record.installation_id:
            return "disputed"
        if license_.file in self.in_force():
            return None
        known = [each for each in record.licenses if each.number == license_.number]
        if any(each.issue > license_.issue for each in known):
            return "older"
        lost = files(site.side.attributes) - {each.file for each in record.licenses}
        is_foreign = license_.activation not in {None, self.here}
        return "perhaps" if known or lost or is_foreign else None

    @property
    def here(self) -> Activation | None:
        own_id = self.site.record().installation_id
        return Activation(own_id, self.site.side.realm_id) if own_id else None

    def in_force(self) -> set[str]:
        return {each.file for each in self.site.record().licenses if each.replaced_at is None}

    # Disturbed.

    def move(self, what: str, number: int) -> None:
        """Let an admin or an outage do something while an attempt is under way."""
        side = self.site.side
        match what:
            case "strip" if self.people:
                self.strip(self.person(number))
            case "hire":
                self.hire(1 + number % 3, "role")
            case "disable" if self.people:
                side.set_enabled(self.person(number), enabled=False)
            case "enable" if self.people:
                for user in self.some_people(number, 5):
                    side.set_enabled(user, enabled=True)
                    side.grant(user, self.roles["WFM_AGENT"])
            case "hide" if self.people:
                side.hidden |= set(self.some_people(number, 3))
            case "silence" if self.federations:
                provider = self.federations[number % len(self.federations)]
                (side.silent_providers if number % 2 else side.disabled_providers).add(provider)
            case "wipe":
                side.remove_attributes([name for name in side.attributes if name.startswith("license.WFM.")])
                self.law.foreign.pop("license.WFM.comment", None)
            case "cut":
                side.is_unreachable = True

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

    @precondition(lambda self: self.site.can_be_cloned and not self.site.is_leased)
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
        license_ = self.make_license(draft) if draft else None
        if license_ is None:
            self.sync(stage, is_forced=is_forced)
            twin.attempt(lambda managed: run_once(managed, now=twin.time.here, is_forced=is_forced))
        else:
            self.import_(license_, is_confirmed=True, stage=stage)
            if any(each.file == license_.file for each in site.record().licenses):
                twin.attempt(
                    lambda managed: import_license(
                        managed, license_.file.encode(), lambda _: True, lambda: twin.time.here
                    )
                )
        meanwhile = judge(twin, twin.record()) if twin.record().last_sync else None
        self.wait_for_lease()
        twin.time.now = site.time.now
        twin.side.is_unreachable, twin.side.is_read_only = site.side.is_unreachable, site.side.is_read_only
        ours = self.sync(is_forced=is_forced)
        theirs, _ = twin.attempt(
            lambda managed: run_once(managed, now=twin.time.here, is_forced=is_forced), is_forced=is_forced
        )
        assert type(ours.error) is type(theirs.error), f"{ours.error!r} instead of {theirs.error!r}"
        if ours.error is None and meanwhile in (None, judge(twin, twin.record())):
            self.tally.checked["converged"] += 1
            one, other = comparable(site, with_id=had_id), comparable(twin, with_id=had_id)
            for what, value in one.items():
                assert value == other[what], f"{what} after {point}: {value}, and without that {other[what]}"

    # Ledgers.

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
        self.site.ledger = self.site.new_ledger()
        self.site.leased_until = None
        self.law.memory, self.law.installation_id = Memory(), None

    @precondition(lambda self: self.is_quiet)
    @step(span=st.sampled_from([SECOND, 60 * SECOND, DAY]))
    def a_lost_ledger_costs_nobody_a_seat(self, span: timedelta) -> None:
        """Once all is published and nothing is wrong."""
        if not self.sync(is_forced=True).is_done:
            return
        before = self.site.record()
        verdict = judge(self.site, before)
        if verdict.license is None or (before.last_sync and before.last_sync.is_disputed):
            return
        queues = {each.id: self.law.memory.in_order(before, each.id) for each in APPLICATIONS}
        in_force = {file for file in self.in_force() if read(self.site.verifier, file)}
        self.the_ledger_is_lost()
        self.pass_time(span)
        self.sync()
        after = self.site.record()
        if judge(self.site, after).license != verdict.license:
            return
        self.tally.checked["recovered"] += 1
        assert in_force <= self.in_force(), "a licence was lost with the ledger"
        for application, claims in queues.items():
            again = self.law.memory.in_order(after, application)
            limit = verdict.limit(application)
            seated = {claim.user_id for claim in claims if claim.is_seated}
            if limit is not None and len(seated) > limit:
                continue
            assert {claim.user_id for claim in again if claim.is_seated} == seated, application
            if seated:
                waiting = [claim.user_id for claim in claims if not claim.is_seated]
                assert [claim.user_id for claim in again if not claim.is_seated] == waiting, application


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
