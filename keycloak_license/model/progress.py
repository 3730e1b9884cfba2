"""How far something long has come.

Called by `keycloak_api.reader` with what is being done, how many steps are done and how many there are so
far; shown by `cli`.
"""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Show nothing."""
