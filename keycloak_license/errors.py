"""Every way a command can fail for a reason a person can mend.

Raised by every room, caught once in `cli.main`: the message is the one sentence people read (what is
wrong, where, what to do) and `exit_status` is what the shell sees. Anything else that escapes is a
fault of ours and ends with status 1.
"""

from typing import ClassVar


class KeycloakLicenseError(Exception):
    """Base of all expected errors; the message is written for the person at the keyboard."""

    exit_status: ClassVar[int] = 1
    is_transient: ClassVar[bool] = False
    """Whether the same request may pass a moment later."""


class ConfigurationError(KeycloakLicenseError):
    """A setting is missing, unknown or wrong, or a command was called with unusable words."""

    exit_status = 2


class AuthenticationError(ConfigurationError):
    """Keycloak refused the credentials it was given."""


class RealmNotFoundError(ConfigurationError):
    """Keycloak answers, but has no realm of that name."""


class UnavailableError(KeycloakLicenseError):
    """Keycloak did not answer, or what answered is not Keycloak."""

    exit_status = 3
    is_transient = True
    retry_after_seconds: float | None = None
    """How long the server asked us to wait."""


class UnreachableError(UnavailableError):
    """Nothing came back at all: no server, or a connection that was cut."""


class RequestTimeoutError(UnreachableError):
    """Keycloak took longer than the time-out; a smaller page may pass."""

    is_transient = False


class MissingRightError(KeycloakLicenseError):
    """Keycloak answered 403; the message names the role that would give the right."""

    exit_status = 3


class UnexpectedAnswerError(UnavailableError):
    """Keycloak answered with something other than the documented shape."""


class CutAnswerError(UnexpectedAnswerError):
    """Keycloak's answer ends in the middle; a smaller page may pass."""


class RejectedRequestError(UnexpectedAnswerError):
    """Keycloak understood the request and does not do it, now or later."""

    is_transient = False


class NotThereError(RejectedRequestError):
    """Keycloak has nothing (any more) at a path that should be there."""


class AlreadyThereError(RejectedRequestError):
    """Keycloak has something of that name already."""


class UnhealthyError(KeycloakLicenseError):
    """The worker does not answer on its management port, or says there that it is not ready."""

    exit_status = 3


class IncompleteSyncError(KeycloakLicenseError):
    """A sync ended without having seen everything; it may have granted, it released nothing."""

    exit_status = 3


class InterruptedSyncError(KeycloakLicenseError):
    """The worker was told to stop; nothing was left half written."""

    exit_status = 3


class LedgerError(KeycloakLicenseError):
    """The database is locked, read-only, unreachable or of a newer version than this program."""

    exit_status = 3


class LeaseTakenError(KeycloakLicenseError):
    """Somebody else is at work on the same realm."""

    exit_status = 3


class LeaseLostError(KeycloakLicenseError):
    """Somebody else took over the realm while this process was held up; it wrote nothing more."""

    exit_status = 3


class HeldReleasesError(KeycloakLicenseError):
    """A sync did all but the releases that the guard holds back."""

    exit_status = 5


class LicenseRefusedError(KeycloakLicenseError):
    """A licence file or activation key is refused, replacing was not confirmed, or access has ended."""

    exit_status = 4


class NotConfirmedError(LicenseRefusedError):
    """A licence would take others out of force, and nobody has agreed to just that."""
