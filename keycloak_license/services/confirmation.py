"""What only a first plan brings up: whose release has to be confirmed, and when new consumers came.

In: what was seen; out: a plan, with what was asked for meanwhile. Nobody loses a seat because of a list
alone: each release is preceded by reading that user by himself.
Called by `reconcile`, `licenses`, `viewing` and `what_if` before a plan is carried out or shown as what
would be.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from keycloak_license.model.realm import GrantTimes
from keycloak_license.model.record import StoredLicense
from keycloak_license.model.report import SyncPlan
from keycloak_license.model.seat import NO_CONSENT, Consent
from keycloak_license.services.observation import ManagedRealm, Observation, make_plan
from keycloak_license.services.ports import Witness

MARGIN = timedelta(minutes=5)
"""How far Keycloak's clock may be behind the one by which syncs are dated."""


def make_confirmed_plan(
    managed: ManagedRealm,
    seen: Observation,
    licenses: Sequence[StoredLicense],
    consent: Consent = NO_CONSENT,
    witness: Witness | None = None,
) -> tuple[Observation, SyncPlan]:
    """Plan a sync in which each release is confirmed and each arrival dated; also return what was seen.

    The `witness` is the realm itself, where it is not supposed to be another than it is.

    More than one round is rare: it takes a user who keeps his seat, and with him too few releases for the
    guard to hold the others.
    """
    witness = witness or managed.keycloak
    while True:
        plan = make_plan(managed, seen, licenses, consent)
        if plan.has_arrivals and seen.granted_at is None and seen.snapshot.has_events:
            seen = replace(seen, granted_at=_date_grants(witness, seen))
            continue
        if not plan.unconfirmed:
            return seen, plan
        again = witness.reread(tuple(dict.fromkeys(plan.unconfirmed)), managed.applications)
        snapshot = replace(
            seen.snapshot,
            gaps=(*seen.snapshot.gaps, *again.gaps),
            silent_providers={**seen.snapshot.silent_providers, **again.silent_providers},
        )
        seen = replace(seen, snapshot=snapshot, readings={**seen.readings, **again.users})


def _date_grants(witness: Witness, seen: Observation) -> GrantTimes:
    last_sync = seen.record.last_sync
    return witness.date_grants(last_sync.synced_at - MARGIN if last_sync else None)
