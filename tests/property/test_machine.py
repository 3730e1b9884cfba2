"""The state machine of `tests/machine`, bounded; `python -m tests.machine` runs it for as long as wanted."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from keycloak_license.model.changes import SeatChange
from keycloak_license.model.notice import NO_TELLING, Telling
from keycloak_license.model.record import Lease, SyncRecord
from keycloak_license.plan.guard import Guard
from tests.fakes import MemoryLedger
from tests.machine.base import Tally
from tests.machine.machine import choose, run, simulate

RUNS = 100
SEED = 1


def test_whatever_happens_in_whatever_order_the_rules_of_the_product_hold() -> None:
    tally = Tally()
    run(simulate(tally), choose(RUNS))
    assert tally.steps.total() > 20 * RUNS
    for what in ("claims", "finished syncs", "licences", "converged", "overtaken", "recovered"):
        assert tally.checked[what], f"{what} were never looked at"


class UnfencedLedger(MemoryLedger):
    """Also lets somebody write who was overtaken."""

    def record_sync(
        self, lease: Lease, sync: SyncRecord, changes: Sequence[SeatChange], telling: Telling = NO_TELLING
    ) -> None:
        newest, _ = self._leases[lease.realm]
        super().record_sync(newest, sync, changes, telling)


SABOTAGES: Mapping[str, Mapping[str, Any]] = {
    "a ledger without a fence": {"make_ledger": UnfencedLedger},
    "no guard": {"guard": Guard(100, 1000)},
}


@pytest.mark.parametrize("sabotage", SABOTAGES)
def test_the_machine_finds_what_is_broken(sabotage: str) -> None:
    """A machine that finds nothing proves nothing."""
    machines = simulate(Tally(), **SABOTAGES[sabotage])
    with pytest.raises(AssertionError, match="Failing test case"):
        run(machines, choose(4 * RUNS, is_shortened=False, database=None), SEED)
