"""Mode `disable`: whose account is disabled, and whose is enabled again.

In: `EnforcementInputs`; out: measures and sentences. Called by `plan.enforcement`. Only accounts that
carry our mark are ever enabled, and what an admin has disabled stays so.
"""

from collections.abc import Iterator

from keycloak_license.model.enforcement import DISABLED_ROLE, MANAGERS
from keycloak_license.model.measures import Measure, UserDisabled, UserEnabled
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.model.seat import Claim
from keycloak_license.plan.consumers import resolve_consumers
from keycloak_license.plan.own_roles import EnforcementInputs, find_role, username


def plan_accounts(inputs: EnforcementInputs) -> Iterator[Measure]:
    """Yield who is disabled and enabled.

    Without a licence nothing is known of who would have a seat, and so nobody is disabled.
    """
    if find_role(inputs, DISABLED_ROLE) is None:
        return
    snapshot = inputs.snapshot
    short = _short_of_seats(inputs)
    claiming = {claim.user_id for each in inputs.allocations for claim in (*each.seated, *each.waiting)}
    for user_id in sorted(snapshot.disabled_here - short.keys()):
        if inputs.standing.license is not None or user_id not in claiming:
            yield UserEnabled("", user_id, username(snapshot, {}, user_id), "not_short_of_seats")
    if inputs.standing.license is None or snapshot.gaps:
        return
    for user_id, claim in sorted(short.items()):
        user = snapshot.users.get(user_id)
        if user is not None and user.enabled:
            reason = "enabled_without_seat" if user_id in snapshot.disabled_here else "no_free_seat"
            yield UserDisabled(claim.application, user_id, claim.username, reason)


def _short_of_seats(inputs: EnforcementInputs) -> dict[str, Claim]:
    """Return who may not be enabled, with the claim that waits: "A user cannot be enabled" (seed).

    Who manages licences may, for somebody has to get to the screen.
    """
    managers = resolve_consumers(inputs.snapshot, MANAGERS, ())
    waiting = {claim.user_id: claim for each in reversed(inputs.allocations) for claim in each.waiting}
    return {
        user_id: claim
        for user_id, claim in waiting.items()
        if user_id not in managers
        and (inputs.terms.may_disable_federated or not _is_federated(inputs.snapshot, claim))
    }


def _is_federated(snapshot: RealmSnapshot, claim: Claim) -> bool:
    user = snapshot.users.get(claim.user_id)
    return (user.provider_id if user else claim.provider_id) is not None


def account_warnings(inputs: EnforcementInputs) -> Iterator[str]:
    """Yield what keeps people from being disabled, and who was enabled without a seat."""
    if find_role(inputs, DISABLED_ROLE) is None:
        yield (
            f"Realm {inputs.snapshot.realm} has no role {inputs.terms.client_id}/{DISABLED_ROLE}, so that "
            "nobody is disabled: run keycloak-license init"
        )
        return
    for measure in plan_accounts(inputs):
        if isinstance(measure, UserDisabled) and measure.reason == "enabled_without_seat":
            yield (
                f"{measure.username} was enabled and is disabled again: a user cannot be enabled as long as "
                f"there is no free seat of {measure.application} for him; free one, or take his roles away"
            )
