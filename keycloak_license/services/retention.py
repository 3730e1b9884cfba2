"""Lets the history forget: what is old, and people who are gone where that is asked for.

In: a `ManagedRealm`, what was seen and what a sync changed; out: a shorter ledger. Called by `reconcile`
after each sync; all but its first lines run once a day. `forget_user` is called by `cli.forget`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import uuid4

from keycloak_license.errors import ConfigurationError, UnavailableError
from keycloak_license.model.changes import SeatChange, claims_after
from keycloak_license.model.record import FORGOTTEN, Lease
from keycloak_license.model.seat import Claim
from keycloak_license.plan.retention import choose_asked, find_absent, find_deleted, is_tidying_due
from keycloak_license.services.lease import hold_lease
from keycloak_license.services.observation import ManagedRealm, Observation


def tidy_history(
    managed: ManagedRealm, seen: Observation, changes: Sequence[SeatChange], lease: Lease
) -> None:
    """Forget whom these changes show to be deleted and, once a day, what is old and who else is gone.

    Nobody is forgotten after a read with gaps, while a federation is silent, or where it is not certain that
    this is the realm that the history is about.
    """
    last = seen.record.last_sync
    # A clock that leapt ahead takes no history with it.
    is_due = is_tidying_due(last.synced_at if last else None, seen.clock.believed)
    if is_due:
        managed.ledger.remove_seat_events(lease, seen.clock.believed - managed.history.keep)
    is_certain = seen.snapshot.is_complete and not seen.dispute and not seen.other_realm
    if not managed.history.forgets_deleted or not is_certain:
        return
    claims = claims_after(seen.record.claims, changes)
    gone = find_deleted(changes, claims)
    if is_due:
        gone |= _find_gone(managed, claims, seen.clock.believed)
    if gone:
        managed.ledger.forget_users(lease, _pseudonyms(gone))


def _find_gone(managed: ManagedRealm, claims: Collection[Claim], now: datetime) -> frozenset[str]:
    asked = choose_asked(find_absent(managed.ledger.seat_events(managed.name), claims), now)
    try:
        return asked.difference(managed.keycloak.read_usernames(sorted(asked)))
    except UnavailableError:
        # All that the sync is for is written by now: another day will do.
        return frozenset()


def forget_user(managed: ManagedRealm, user: str) -> int:
    """Let the history name a user no more; return how many events named him.

    `user` is a username or an id. Raises `ConfigurationError` where nobody of that name is in the history,
    it is not clear who is meant, or he has a seat or waits for one; Keycloak is not asked.
    """
    with hold_lease(managed.ledger, managed.name, managed.patience_seconds) as fence:
        events = managed.ledger.seat_events(managed.name)
        named: set[tuple[str, str | None]] = {
            (each.user_id, each.username) for each in events if not each.is_forgotten
        }
        named |= {(each.granted_by_id, each.granted_by) for each in events if each.granted_by_id}
        found = sorted({id_ for id_, name in named if user in (id_, name)})
        if not found:
            raise ConfigurationError(f"The history of realm {managed.name} names nobody called {user}.")
        if len(found) > 1:
            raise ConfigurationError(
                f"The history names several people called {user}: give the id, one of {', '.join(found)}."
            )
        claims = managed.ledger.load(managed.name).claims
        if any(claim.user_id == found[0] for claim in claims):
            raise ConfigurationError(
                f"User {user} still has or waits for a seat: take the role away or delete the user in "
                "Keycloak, sync, and try again."
            )
        managed.ledger.forget_users(fence.lease, _pseudonyms(found))
    return sum(found[0] in {each.user_id, each.granted_by_id} for each in events)


def _pseudonyms(user_ids: Collection[str]) -> dict[str, str]:
    """Return what takes the place of each id: made by chance, so that nobody can work it out again."""
    return {user_id: f"{FORGOTTEN}-{uuid4().hex[:12]}" for user_id in user_ids}
