"""What all rules share: the site, the law, and how an attempt is carried out and judged.

`People`, `Troubles` and `Syncs` build on `Base`; `machine.Machine` is all of them together.
"""

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from keycloak_license.errors import (
    IncompleteSyncError,
    KeycloakLicenseError,
    LeaseTakenError,
    LicenseRefusedError,
    MissingRightError,
    UnavailableError,
)
from keycloak_license.model.report import RealmReport
from keycloak_license.model.seat import Consent
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.reconcile import run_once
from tests.machine.law import Law
from tests.machine.site import LEASE, Attempt, Site
from tests.machine.stage import Stage
from tests.machine.vendor import Vendor
from tests.machine.verdict import PRAGUE, is_ours

T = TypeVar("T")
SECOND = timedelta(seconds=1)
numbers = st.integers(0, 99)
"""Which of those that are there, counted round."""


@dataclass
class Tally:
    """What was done over all runs."""

    runs: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    """What happened to claims."""
    ends: Counter[str] = field(default_factory=Counter)
    """How attempts ended, and how often what was to happen in the middle of one did."""


Rule = Callable[..., None]


def step(**arguments: st.SearchStrategy[Any]) -> Callable[[Rule], Rule]:
    """Make a rule that is counted."""

    def mark(function: Rule) -> Rule:
        @functools.wraps(function)
        def counted(self: "Base", **drawn: Any) -> None:
            self.tally.steps[function.__name__] += 1
            function(self, **drawn)

        marked: Rule = rule(**arguments)(counted)  # type: ignore[call-overload]
        return marked

    return mark


def change(**arguments: st.SearchStrategy[Any]) -> Callable[[Rule], Rule]:
    """Make a rule for what others do; mostly a sync finds it a minute later, else together with more."""

    def mark(function: Rule) -> Rule:
        def changed(self: "Base", is_seen: bool, **drawn: Any) -> None:
            function(self, **drawn)
            if is_seen:
                self.site.time.pass_by(60 * SECOND)
                self.sync()

        changed.__name__ = function.__name__
        return step(is_seen=st.sampled_from([True, True, False]), **arguments)(changed)

    return mark


class Base(RuleBasedStateMachine):
    """A site that is judged after every step."""

    def __init__(self, site: Site, tally: Tally) -> None:
        super().__init__()
        self.site, self.tally = site, tally
        self.tally.runs += 1
        self.law = Law(checked=tally.checked, seen=tally.seen)
        self.vendor = Vendor(site.verifier)
        self.people: list[str] = []
        self.outage = 0
        """How many attempts it lasts."""
        self.law.foreign = {n: v for n, v in site.side.attributes.items() if not is_ours(n)}

    def check_invariants(self, *arguments: Any, **options: Any) -> None:
        super().check_invariants(*arguments, **options)
        self.law.check_always(self.site)

    # Attempts.

    def sync(self, stage: Stage | None = None, *, is_forced: bool = False) -> Attempt:
        """Sync, and judge how it ended; what happens on the stage may end it in any way."""
        now = self.site.time.here
        return self.carry_out(
            lambda managed: run_once(managed, now=now, consent=Consent(to_all=is_forced)),
            lambda report: report.realm,
            stage,
            is_forced=is_forced,
        )

    def carry_out(
        self,
        work: Callable[[ManagedRealm], T],
        tell: Callable[[T], RealmReport],
        stage: Stage | None = None,
        *,
        is_forced: bool = False,
    ) -> Attempt:
        """Carry an attempt out and hold it to the law."""
        site = self.site
        before, was_leased = site.kept(), site.is_leased
        troubles = {"is_unreachable": site.side.is_unreachable, "is_read_only": site.side.is_read_only}
        attempt, result = site.attempt(work, stage, is_forced=is_forced)
        self.law.check_written(site)
        self.tally.ends["crash" if attempt.is_crashed else type(attempt.error).__name__] += 1
        if attempt.stage.has_acted:
            self.tally.ends[f"acted {' '.join(attempt.stage.point or ())}"] += 1
            return attempt
        self._recover(attempt)
        if not isinstance(attempt.error, LicenseRefusedError):
            assert was_leased == isinstance(attempt.error, LeaseTakenError), "the lease of a dead process"
        if attempt.error is not None:
            assert self._is_expected(attempt.error, **troubles), f"ended with {attempt.error!r}"
            assert site.kept() == before, "an attempt that failed changed something"
        elif result is not None:
            assert not troubles["is_unreachable"]
            if "record_sync" in attempt.stage.passed:
                self.law.check_done(site, attempt, tell(result))
            else:
                assert site.kept() == before, "an attempt that had nothing to do changed something"
        return attempt

    def _recover(self, attempt: Attempt) -> None:
        """Let what is out come back after some attempts, so that not all that follows is in vain."""
        side = self.site.side
        match attempt.error:
            case LeaseTakenError():
                self.site.time.pass_by(LEASE / 2)
            case UnavailableError() | MissingRightError():
                self.outage -= 1
                if self.outage <= 0:
                    side.is_unreachable = side.is_read_only = False

    def _is_expected(self, error: KeycloakLicenseError, *, is_unreachable: bool, is_read_only: bool) -> bool:
        match error:
            case LeaseTakenError() | LicenseRefusedError():
                return True
            case IncompleteSyncError():
                return self.site.record().last_sync is None
            case MissingRightError():
                return is_read_only
            case UnavailableError():
                return is_unreachable
        return False

    # Those that are there.

    def person(self, number: int) -> str:
        return self.people[number % len(self.people)]

    def some_people(self, number: int, count: int) -> list[str]:
        """Return up to `count` people, from a certain one on."""
        return [self.person(number + place) for place in range(min(count, len(self.people)))]

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is wrong that the next sync could notice."""
        side = self.site.side
        troubles: Sequence[object] = (
            side.is_unreachable,
            side.is_read_only,
            side.unreadable,
            side.silent_providers,
            side.disabled_providers,
            side.hidden,
            side.doubtful,
            self.site.is_leased,
        )
        return not any(troubles)

    def wait_for_lease(self) -> None:
        self.site.time.pass_by(LEASE + SECOND)

    @property
    def today(self) -> date:
        return self.site.time.now.astimezone(PRAGUE).date()
