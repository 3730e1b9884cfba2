"""The state machine of `tests/machine` on a real server: what an admin does goes through the Admin API."""

from typing import Any, Final

import pytest

from tests.machine.accidents import Accidents
from tests.machine.base import Tally
from tests.machine.machine import choose, run
from tests.machine.server import ServerSide
from tests.machine.site import Site
from tests.real.keycloak import MakeRealm

RUNS, STEPS = 6, 45
REALM: Final[dict[str, Any]] = {"editUsernameAllowed": True, "clients": [{"clientId": "desk"}]}


class ServerMachine(Accidents):
    """Every rule but those about federations, which other tests have, and those that copy a realm."""

    providers = (None,)
    federations = ()
    most_people = 12


@pytest.mark.slow
def test_on_a_real_server_the_rules_of_the_product_hold_in_whatever_order(make_realm: MakeRealm) -> None:
    tally = Tally()
    # Shortening a script would make a realm for each try.
    chosen = choose(RUNS, steps=STEPS, is_shortened=False, database=None)
    run(lambda: ServerMachine(Site(ServerSide(make_realm(REALM))), tally), chosen)
    assert tally.steps.total() >= 200
    for what in ("claims", "finished syncs", "licences", "attribute changes"):
        assert tally.checked[what], f"{what} were never looked at"
