"""A signal that comes at the worst moment still stops the worker."""

import subprocess
import sys

SCRIPT = """
import signal
from threading import Event
from keycloak_license.worker import stop_on_signals

stop = Event()
stop_on_signals(stop)
# As the worker has it for a moment each time it begins to wait.
with stop._cond:
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
assert stop.wait(60)
"""


def test_a_signal_while_the_worker_begins_to_wait_stops_it() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=20, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
