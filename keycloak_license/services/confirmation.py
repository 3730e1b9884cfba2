"""Nobody loses a seat because of a list alone: each release is confirmed by reading that user.

In: a plan with claims that end; out: the same, planned again with what those users are like by themselves.
Called by `reconcile`, `licenses` and `overview` before a plan is carried out or shown as what would be.
"""

from collections.abc import Sequence
from dataclasses import replace

from keycloak_license.model.record import StoredLicense
from keycloak_license.model.report import SyncPlan
from keycloak_license.services.observation import ManagedRealm, Observation, make_plan


def make_confirmed_plan(
    managed: ManagedRealm, seen: Observation, licenses: Sequence[StoredLicense], *, is_forced: bool = False
) -> tuple[Observation, SyncPlan]:
    """Plan a sync in which each release is confirmed; also return what was seen meanwhile.

    More than one round is rare: it takes a user who keeps his seat, and with him too few releases for the
    guard to hold the others.
    """
    while True:
        plan = make_plan(managed, seen, licenses, is_forced=is_forced)
        if not plan.unconfirmed:
            return seen, plan
        again = managed.keycloak.reread(tuple(dict.fromkeys(plan.unconfirmed)), managed.applications)
        snapshot = replace(
            seen.snapshot,
            gaps=(*seen.snapshot.gaps, *again.gaps),
            silent_providers={**seen.snapshot.silent_providers, **again.silent_providers},
        )
        seen = replace(seen, snapshot=snapshot, readings={**seen.readings, **again.users})
