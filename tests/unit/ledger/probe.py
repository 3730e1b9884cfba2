"""Opens, reads and writes the ledger at a URL, and prints as JSON how far it came.

Run as a program of its own by tests about files that may not be written: `run_without_root_powers`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from keycloak_license.errors import KeycloakLicenseError
from keycloak_license.ledger.store import open_ledger
from tests.leased import record_sync
from tests.unit.ledger.samples import assign, sync


def probe(url: str) -> dict[str, str]:
    """Return the users found, and what was said where it ended."""
    done: dict[str, str] = {}
    try:
        ledger = open_ledger(url)
        done["read"] = ",".join(claim.username for claim in ledger.load("acme").claims)
        done["writable"] = str(ledger.describe().is_writable)
        record_sync(ledger, sync(minutes=9), assign("mallory"))
        done["wrote"] = "yes"
    except KeycloakLicenseError as error:
        done["error"] = str(error)
    return done


def run_without_root_powers(url: str) -> dict[str, str]:
    """Probe in a process that has to obey file modes, also where the tests run as root."""
    plain_root = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    ended = subprocess.run(
        [*plain_root, sys.executable, "-m", "tests.unit.ledger.probe", url],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    done: dict[str, str] = json.loads(ended.stdout)
    return done


if __name__ == "__main__":
    print(json.dumps(probe(sys.argv[1])))
