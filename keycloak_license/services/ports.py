"""What the use cases need from outside, each a small Protocol.

Satisfied by shape: `keycloak_api.realm` and `ledger.store` in earnest, `tests/fakes.py` in tests.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from keycloak_license.model.application import Application
from keycloak_license.model.changes import AttributeChange, SeatChange
from keycloak_license.model.license import License
from keycloak_license.model.realm import RealmSnapshot, User
from keycloak_license.model.record import RealmRecord, SeatEvent, StoredLicense, SyncRecord


class Realm(Protocol):
    """One realm of a Keycloak."""

    def read(self, applications: Sequence[Application]) -> RealmSnapshot:
        """Read who holds the applications' roles; what could not be read is in `gaps`."""

    def read_attributes(self) -> Mapping[str, str]:
        """Read the realm's attributes only."""

    def find_user(self, name: str) -> User | None:
        """Return the user of that exact username or id, None when there is none."""

    def ensure_writable(self) -> None:
        """Raise `MissingRightError` when attributes could not be written; writes nothing."""

    def write_attributes(self, changes: Sequence[AttributeChange]) -> None:
        """Carry out attribute changes; no call at all when there are none."""


class Ledger(Protocol):
    """The memory of the sidecar."""

    def load(self, realm: str) -> RealmRecord:
        """Everything remembered of a realm; an empty record for an unknown one."""

    def record_sync(self, sync: SyncRecord, changes: Sequence[SeatChange]) -> None:
        """Carry out claim changes, write their seat events and the sync itself, as one transaction."""

    def add_licenses(
        self, realm: str, added: Sequence[StoredLicense], replaced: Sequence[StoredLicense] = ()
    ) -> None:
        """Keep licences, and take the replaced ones out of force at the instant of the first one's import.

        One transaction; a file that is in force already is not kept twice.
        """

    def seat_events(self, realm: str, application: str | None = None) -> tuple[SeatEvent, ...]:
        """Return the history of claims, oldest first."""


class LicenseVerifier(Protocol):
    """The one judge of licence files."""

    def verify(self, file: bytes) -> License:
        """Return the content, or raise `LicenseRefusedError` saying what is wrong with the file."""

    def accept(self, file: bytes) -> License:
        """Do the same for a file that is new here: a key that was retired does not count for it."""
