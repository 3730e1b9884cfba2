"""How much memory a full sync takes: the peak of a process that does one, beside one of an empty realm.

In: two realms; out: a row. Called by `__main__`. Run as a program with the path of a configuration, it does
the sync and prints its own peak.
"""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from keycloak_license.bootstrap import open_realm
from keycloak_license.services.reconcile import run_once
from keycloak_license.settings import load_settings
from tests.bench.realms import BenchRealm
from tests.bench.rows import Row
from tests.bench.setting import config_in

MEBIBYTE = 1024
"""In the kibibytes that Linux counts in."""


def measure_memory(realm: BenchRealm, empty: BenchRealm) -> Row:
    """Sync each in a fresh process."""
    whole, least = peak_of(realm), peak_of(empty)
    return realm.row(
        "ours, memory of a full sync",
        ratio=whole / least,
        of="an empty realm",
        note=f"{whole} MiB at the peak of the whole process, {whole - least} more than with an empty realm",
    )


def peak_of(realm: BenchRealm) -> int:
    """Return the peak of a fresh process that does one sync, in MiB."""
    command = [sys.executable, "-m", __name__, str(config_in(realm.folder))]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return int(told) // MEBIBYTE


def main() -> None:
    """Sync once and print the peak in KiB."""
    settings = load_settings(Path(sys.argv[1]), {})
    run_once(open_realm(settings, None), now=datetime.now(UTC))
    # The peak that getrusage tells is that of the parent where it is larger, for a fork begins as its copy.
    [peak] = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    print(peak)


if __name__ == "__main__":
    main()
