"""How people read an instant: one way, for every sentence and table.

In: an aware time; out: text. Called by `plan`, `services` and `cli`.
"""

from datetime import datetime


def show_instant(moment: datetime) -> str:
    """Return an instant to the second, with its offset."""
    return moment.isoformat(sep=" ", timespec="seconds")
