"""Writes to a ledger as the services do, with a lease for each.

In: a ledger and what to write; out: the ledger holds it, and nobody has a lease. Used by tests that are not
about leases.
"""

from collections.abc import Sequence

from keycloak_license.model.changes import SeatChange
from keycloak_license.model.notice import NO_TELLING, Telling
from keycloak_license.model.record import StoredLicense, SyncRecord
from keycloak_license.services.lease import hold_lease
from keycloak_license.services.ports import Ledger


def record_sync(
    ledger: Ledger, sync: SyncRecord, changes: Sequence[SeatChange], telling: Telling = NO_TELLING
) -> None:
    """Record a sync."""
    with hold_lease(ledger, sync.realm, patience_seconds=0) as fence:
        ledger.record_sync(fence.lease, sync, changes, telling)


def add_licenses(
    ledger: Ledger, realm: str, added: Sequence[StoredLicense], replaced: Sequence[StoredLicense] = ()
) -> None:
    """Keep licences."""
    with hold_lease(ledger, realm, patience_seconds=0) as fence:
        ledger.add_licenses(fence.lease, added, replaced)
