"""The machine as it runs on the simulator, and how to run it.

In: how many runs, and a seed; out: a `Tally`, or the AssertionError of a violation with the shortest script
that leads there. Called by `__main__`, `tests/property` and `tests/e2e`.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.machine.accidents import Accidents
from tests.machine.base import Tally
from tests.machine.realm import LyingRealm
from tests.machine.site import Site

RUN_STEPS = 50
"""How many rules one run has, at most."""

MakeMachine = Callable[[], RuleBasedStateMachine]


class Machine(Accidents):
    """Every rule, on the simulator."""


def simulate(tally: Tally, **changes: Any) -> MakeMachine:
    """Return a maker of machines, each with a site of its own; `changes` are fields of the site."""
    return lambda: Machine(Site(LyingRealm(), **changes), tally)


def run(make: MakeMachine, chosen: settings, with_seed: int | None = None) -> None:
    """Run new machines as the settings say; with a seed always the same ones."""
    run_state_machine_as_test(make if with_seed is None else seed(with_seed)(make), settings=chosen)  # type: ignore[arg-type]


def choose(runs: int, *, steps: int = RUN_STEPS, is_shortened: bool = True, **changes: Any) -> settings:
    """Return settings for so many runs; a script that violates a rule is shortened, or not."""
    shorten = (Phase.shrink, Phase.explain) if is_shortened else ()
    return settings(
        max_examples=runs,
        stateful_step_count=steps,
        phases=(Phase.reuse, Phase.generate, *shorten),
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        **changes,
    )
