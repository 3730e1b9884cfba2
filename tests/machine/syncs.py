"""Rules: syncs that nobody disturbs, dry runs, and people who only look."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition

from keycloak_license.errors import UnavailableError
from keycloak_license.model.seat import Consent
from keycloak_license.services.overview import explain_user, list_all_licenses, list_members, read_status
from keycloak_license.services.reconcile import preview_once, run_once
from tests.machine.base import numbers, step
from tests.machine.imports import Imports
from tests.machine.look import APPLICATIONS
from tests.machine.troubles import DAY, spans
from tests.machine.vendor import LicenseDraft
from tests.machine.verdict import is_ours

day_troubles = st.sampled_from(["none", "none", "cut", "silence", "hide", "enable"])


class Syncs(Imports):
    """The use cases as they are meant to go."""

    @initialize(
        people=st.integers(0, 30), way=st.sampled_from(["role", "group", "both"]), seats=st.integers(0, 30)
    )
    def a_realm_with_people(self, people: int, way: str, seats: int) -> None:
        self.hire(people, way)
        if seats:
            draft = LicenseDraft("0", True, {"WFM": seats, "QM": seats}, 1, 0, 0, 3000, "none", ())
            self.import_(self.vendor.make(draft, self.today, None), is_confirmed=True)

    @step(span=spans)
    def sync_after_a_while(self, span: timedelta) -> None:
        self.pass_time(span)
        self.sync()

    @step(trouble=day_troubles, number=numbers, is_mended=st.booleans())
    def a_day_passes(self, trouble: str, number: int, is_mended: bool) -> None:
        self.let_a_day_pass(trouble, number, is_mended=is_mended)

    def let_a_day_pass(self, trouble: str, number: int, *, is_mended: bool) -> None:
        """Long enough for what is held to be released, if nothing comes in between."""
        self.sync()
        self.pass_time(DAY / 2)
        self.move(trouble, number)
        self.sync()
        if is_mended:
            self.mend()
        self.pass_time(DAY / 2)
        self.sync()

    @precondition(lambda self: self.people)
    @step(count=st.sampled_from([8, 20]), trouble=day_troubles, number=numbers, is_mended=st.booleans())
    def many_leave_and_a_day_passes(self, count: int, trouble: str, number: int, is_mended: bool) -> None:
        for user in self.some_people(number, count):
            self.strip(user)
        self.let_a_day_pass(trouble, number, is_mended=is_mended)

    @step()
    def sync_at_once(self) -> None:
        self.sync()

    @step()
    def sync_by_force(self) -> None:
        self.sync(is_forced=True)

    @step(is_forced=st.booleans())
    def a_dry_run_foretells_the_sync(self, is_forced: bool) -> None:
        site, before = self.site, self.site.everything()
        consent = Consent(to_all=is_forced)
        foretold = changes = None
        try:
            foretold = preview_once(site.managed(), now=site.time.here, consent=consent).changes
        except UnavailableError:
            assert site.side.is_unreachable
        assert site.everything() == before, "a dry run changed something"
        self.tally.checked["dry runs"] += 1
        if foretold is None or not self.is_quiet or site.record().last_sync is None:
            return
        _attempt, report = site.attempt(
            lambda managed: run_once(managed, now=site.time.here, consent=consent), is_forced=is_forced
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
                side.remove_attributes([name for name in side.attributes if is_ours(name) and "WFM" in name])
            case "cut":
                side.is_unreachable = True
