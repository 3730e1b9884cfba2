"""The machine as it runs on the simulator, and how to run it.

In: how many steps, and a seed; out: a `Tally`, or the AssertionError of a violation with the shortest script
that leads there. Called by `__main__` and `tests/property/test_machine.py`.
"""

from collections.abc import Callable

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.machine.base import Tally
from tests.machine.realm import LyingRealm
from tests.machine.site import Site
from tests.machine.syncs import Syncs

RUN_STEPS = 50
"""How many rules one run has, at most."""


class Machine(Syncs):
    """Every rule, on the simulator."""


def run(tally: Tally, runs: int, with_seed: int | None = None) -> None:
    """Run so many new machines; with a seed always the same ones."""

    def make() -> RuleBasedStateMachine:
        return Machine(Site(LyingRealm()), tally)

    chosen = settings(
        max_examples=runs,
        stateful_step_count=RUN_STEPS,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    factory: Callable[[], RuleBasedStateMachine] = make if with_seed is None else seed(with_seed)(make)
    run_state_machine_as_test(factory, settings=chosen)  # type: ignore[arg-type]
