"""Random histories of a realm keep the rules of the product; `python -m tests.machine` runs more of them."""

import pytest

from tests.machine.base import Tally
from tests.machine.machine import run

STEPS = 700


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens_the_rules_hold_after_every_step(seed: int) -> None:
    tally = Tally()
    run(tally, 25, seed)

    assert tally.steps.total() >= STEPS
    assert len(tally.steps) > 40
