"""Runs the state machine for at least so many random steps: `python -m tests.machine --steps 10000`.

Prints how often each rule ran and each invariant was looked at; ends with status 1 and the shortest script
that leads to a violation where there is one.
"""

import argparse
import random
import sys
import time
import traceback
from collections import Counter

from tests.machine.base import Tally
from tests.machine.machine import RUN_STEPS, choose, run, simulate


def main() -> int:
    """Run, print, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.machine", description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000, help="at least so many rules are run")
    parser.add_argument("--seed", type=int, help="run the same again")
    options = parser.parse_args()
    first = options.seed if options.seed is not None else random.SystemRandom().randrange(2**31)
    tally, began, round_ = Tally(), time.monotonic(), 0
    print(f"seed {first}")
    while tally.steps.total() < options.steps:
        missing = options.steps - tally.steps.total()
        try:
            run(simulate(tally), choose(max(1, missing // RUN_STEPS), database=None), first + round_)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            traceback.print_exception(error)
            print(f"violated after {tally.steps.total()} steps; again with --seed {first}")
            return 1
        round_ += 1
    report(tally, time.monotonic() - began)
    return 0


def report(tally: Tally, seconds: float) -> None:
    """Print what was done."""
    print(f"{tally.steps.total()} steps in {tally.runs} runs, no violation, {seconds:.0f} s")
    for title, counts in (
        ("rules", tally.steps),
        ("invariants checked", tally.checked),
        ("what happened to claims", tally.seen),
        ("how attempts ended", tally.ends),
    ):
        print(f"\n{title}: {counts.total()}")
        show(counts)


def show(counts: Counter[str]) -> None:
    for name, number in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        print(f"  {number:>7}  {name.replace('_', ' ')}")


if __name__ == "__main__":
    sys.exit(main())
