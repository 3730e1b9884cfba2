"""One thing that `doctor` has proved or found wanting.

Made by adapters that try themselves out, shown by `cli.doctor`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from keycloak_license.errors import KeycloakLicenseError


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `doctor`."""

    name: str
    detail: str
    """What was found or, when it failed, what is wrong and what to do."""
    exit_status: int = 0
    """0 when all is well, else the status that a command running into this ends with."""

    @property
    def is_ok(self) -> bool:
        """Whether there is nothing to do."""
        return self.exit_status == 0


def try_out(name: str, probe: Callable[[], str]) -> Check:
    """Return what a probe tells, or the sentence of the error it ran into."""
    try:
        return Check(name, probe())
    except KeycloakLicenseError as error:
        return Check(name, str(error), error.exit_status)
