"""A plan carried out leaves nothing to plan, and every exit shows the same count.

`carry_out` says here, in its own words, what the ledger and Keycloak do with the changes of a plan.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.attributes import is_owned
from keycloak_license.model.changes import (
    AttributeRemoved,
    AttributeSet,
    ClaimChange,
    SeatAssigned,
    SeatDisplaced,
    SeatReleased,
    WaitingEnded,
)
from keycloak_license.model.report import SyncPlan
from keycloak_license.model.seat import NO_CONSENT, Claim, Consent
from keycloak_license.plan.planner import SyncInputs, plan_sync
from tests.property.strategies import APPLICATIONS, next_realms, standings, sync_inputs

Key = tuple[str, str]

KINDS = {
    (None, "seated"): ("seat_assigned", "first_come"),
    (None, "waiting"): ("waiting", "no_free_seat"),
    ("waiting", "seated"): ("seat_assigned", "seat_free"),
    ("seated", "waiting"): ("seat_released", None),
    ("seated", None): ("seat_released", None),
    ("waiting", None): ("waiting_ended", None),
}
"""From how a claim was and how it is now to the change that tells it."""


def by_key(claims: Iterable[Claim]) -> dict[Key, Claim]:
    return {(claim.application, claim.user_id): claim for claim in claims}


def state(claim: Claim | None) -> str | None:
    if claim is None:
        return None
    return "seated" if claim.is_seated else "waiting"


def carry_out(inputs: SyncInputs, plan: SyncPlan) -> SyncInputs:
    claims = by_key(inputs.claims)
    attributes = dict(inputs.snapshot.attributes)
    for change in plan.changes:
        match change:
            case SeatReleased(claim=claim) | WaitingEnded(claim=claim):
                del claims[claim.application, claim.user_id]
            case ClaimChange(claim=claim):
                claims[claim.application, claim.user_id] = claim
            case AttributeSet():
                attributes[change.name] = change.value
            case AttributeRemoved():
                del attributes[change.name]
    snapshot = replace(inputs.snapshot, attributes=attributes)
    known = tuple(claims[key] for key in sorted(claims))
    return replace(inputs, snapshot=snapshot, claims=known, held=plan.report.held)


def next_syncs(inputs: SyncInputs) -> st.SearchStrategy[SyncInputs]:
    return st.builds(
        lambda snapshot, standing, consent: replace(
            inputs,
            snapshot=snapshot,
            standing=standing,
            now=inputs.now + timedelta(minutes=15),
            believed=inputs.now + timedelta(minutes=15),
            consent=consent,
        ),
        next_realms(inputs.snapshot),
        st.just(inputs.standing) | standings(),
        st.sampled_from([NO_CONSENT, NO_CONSENT, Consent(to_all=True)]),
    )


@given(first=sync_inputs(), data=st.data())
def test_a_plan_carried_out_leaves_nothing_to_plan(first: SyncInputs, data: st.DataObject) -> None:
    inputs = first
    for _ in range(data.draw(st.integers(1, 4))):
        done = carry_out(inputs, plan_sync(inputs))
        assert plan_sync(done).changes == ()
        if not done.held:
            assert plan_sync(replace(done, now=done.now + timedelta(days=400))).changes == ()
        inputs = data.draw(next_syncs(done))


@given(first=sync_inputs(), data=st.data())
def test_a_crash_between_two_changes_ends_where_no_crash_would_have(
    first: SyncInputs, data: st.DataObject
) -> None:
    inputs = data.draw(next_syncs(carry_out(first, plan_sync(first))))
    plan = plan_sync(inputs)
    done = carry_out(inputs, plan)
    # The seats are one transaction, so a crash comes between them and the attributes or among these.
    seats = [change for change in plan.changes if isinstance(change, ClaimChange)]
    attributes = [change for change in plan.changes if not isinstance(change, ClaimChange)]
    written = attributes[: data.draw(st.integers(0, len(attributes)))]

    crashed = carry_out(inputs, replace(plan, changes=(*seats, *written)))

    assert carry_out(crashed, plan_sync(crashed)) == done


@given(first=sync_inputs(), data=st.data())
def test_the_changes_are_exactly_the_difference(first: SyncInputs, data: st.DataObject) -> None:
    inputs = data.draw(next_syncs(carry_out(first, plan_sync(first))))
    plan = plan_sync(inputs)
    before = by_key(inputs.claims)
    after = by_key(claim for each in plan.allocations for claim in (*each.seated, *each.waiting))
    configured = {application.id for application in APPLICATIONS}
    expected = {
        key: KINDS[state(before.get(key)), state(after.get(key))]
        for key in before.keys() | after.keys()
        if key[0] in configured and state(before.get(key)) != state(after.get(key))
    }
    changes = [change for change in plan.changes if isinstance(change, ClaimChange)]

    told = {(change.claim.application, change.claim.user_id): change for change in changes}
    assert len(told) == len(changes)
    assert told.keys() == expected.keys()
    for key, (kind, reason) in expected.items():
        assert told[key].kind == kind
        assert reason is None or told[key].reason == reason
        assert told[key].claim == after.get(key, before.get(key))
    for displaced in (change for change in changes if isinstance(change, SeatDisplaced)):
        license_ = inputs.standing.license
        assert license_ is not None
        is_licensed = displaced.claim.application in license_.scope
        assert displaced.reason == ("limit_reduced" if is_licensed else "not_licensed")
    for key in before.keys() & after.keys() - told.keys():
        assert before[key] == after[key]


@given(inputs=sync_inputs())
def test_why_a_claim_ended_is_told(inputs: SyncInputs) -> None:
    seen = carry_out(inputs, plan_sync(inputs))
    users = {
        user_id: replace(user, enabled=False) if user_id in {"user-3", "user-4"} else user
        for user_id, user in seen.snapshot.users.items()
        if user_id != "user-5"
    }
    gone = {"user-5", "user-6"}
    later = replace(
        seen,
        snapshot=replace(
            seen.snapshot,
            users=users,
            gaps=(),
            role_users={key: found - gone for key, found in seen.snapshot.role_users.items()},
            group_members={key: found - gone for key, found in seen.snapshot.group_members.items()},
        ),
    )

    for change in plan_sync(later).changes:
        if isinstance(change, SeatReleased | WaitingEnded):
            is_disabled = change.claim.user_id in {"user-3", "user-4"}
            assert change.reason == ("disabled" if is_disabled else "no_role")


@given(first=sync_inputs(), data=st.data())
def test_one_count_everywhere(first: SyncInputs, data: st.DataObject) -> None:
    inputs = data.draw(next_syncs(carry_out(first, plan_sync(first))))
    plan = plan_sync(inputs)
    done = carry_out(inputs, plan)
    attributes = done.snapshot.attributes

    assert [usage.id for usage in plan.report.applications] == [each.id for each in APPLICATIONS]
    for usage, allocation in zip(plan.report.applications, plan.allocations, strict=True):
        claims = [claim for claim in done.claims if claim.application == usage.id]
        assert usage.id == allocation.application
        assert usage.used == len(allocation.seated) == sum(claim.is_seated for claim in claims)
        assert usage.waiting == len(allocation.waiting) == sum(not claim.is_seated for claim in claims)
        assert usage.seats == allocation.limit
        prefix = f"license.{usage.id}"
        assert attributes[f"{prefix}.used"] == str(usage.used)
        assert attributes[f"{prefix}.waiting"] == str(usage.waiting)
        assert attributes[f"{prefix}.seats"] == ("unlimited" if usage.seats is None else str(usage.seats))
        percent = "" if usage.usage_percent is None else f"{usage.usage_percent}%"
        assert attributes.get(f"{prefix}.usage", "") == percent


@given(first=sync_inputs(), data=st.data())
def test_other_peoples_attributes_stay_and_ours_of_old_go(first: SyncInputs, data: st.DataObject) -> None:
    inputs = data.draw(next_syncs(carry_out(first, plan_sync(first))))
    before = inputs.snapshot.attributes
    after = carry_out(inputs, plan_sync(inputs)).snapshot.attributes
    foreign = {"license.expiry_notice_days", "license.note", "cibaInterval", "frontendUrl"}

    assert {name: after.get(name) for name in foreign} == {name: before.get(name) for name in foreign}
    assert after.keys() - foreign <= {name for name in after if is_owned(name)}
    assert not any(name.startswith("license.OLD.") for name in after)


@given(first=sync_inputs(), data=st.data())
def test_no_more_than_the_licence_allows_and_nobody_lost_to_trouble(
    first: SyncInputs, data: st.DataObject
) -> None:
    inputs = data.draw(next_syncs(carry_out(first, plan_sync(first))))
    plan = plan_sync(inputs)
    is_incomplete, standing = bool(inputs.snapshot.gaps), inputs.standing

    def has(*kinds: type[ClaimChange]) -> bool:
        return any(isinstance(change, kinds) for change in plan.changes)

    if is_incomplete:
        assert not has(SeatReleased, SeatDisplaced, WaitingEnded)
    if not standing.is_granted:
        assert not has(SeatDisplaced)
    if standing.is_granted and not is_incomplete:
        assert all(
            allocation.limit is None or len(allocation.seated) <= allocation.limit
            for allocation in plan.allocations
        )
    if standing.license is None:
        assert not has(SeatAssigned)


@given(first=sync_inputs(), data=st.data())
def test_applications_are_decided_each_on_its_own(first: SyncInputs, data: st.DataObject) -> None:
    inputs = data.draw(next_syncs(carry_out(first, plan_sync(first))))
    together = plan_sync(inputs)

    for place, application in enumerate(APPLICATIONS):
        alone = plan_sync(replace(inputs, applications=(application,)))
        assert alone.allocations == together.allocations[place : place + 1]
        assert alone.report.applications == together.report.applications[place : place + 1]


@given(inputs=sync_inputs())
def test_seats_are_planned_in_an_order_that_can_be_read(inputs: SyncInputs) -> None:
    changes = plan_sync(inputs).changes
    groups = [is_seat for is_seat, _ in groupby(changes, lambda change: isinstance(change, ClaimChange))]
    names = [change.name for change in changes if isinstance(change, AttributeSet)]

    assert groups in ([], [True], [False], [True, False])
    assert names == sorted(names)


@given(first=sync_inputs(), data=st.data())
def test_while_it_is_disputed_whose_realm_this_is_only_the_verdict_changes(
    first: SyncInputs, data: st.DataObject
) -> None:
    inputs = replace(data.draw(next_syncs(carry_out(first, plan_sync(first)))), is_disputed=True)
    plan = plan_sync(inputs)
    done = carry_out(inputs, plan)
    before, after = inputs.snapshot.attributes, done.snapshot.attributes
    verdict = {
        "license.state": inputs.standing.state.value,
        "license.access": inputs.standing.access,
        "license.reason": inputs.standing.reason.value,
    }

    assert done.claims == inputs.claims
    assert after == {**before, **verdict}
    assert plan_sync(done).changes == ()
    for usage in plan.report.applications:
        claims = [claim for claim in inputs.claims if claim.application == usage.id]
        assert (usage.used, usage.waiting) == (
            sum(claim.is_seated for claim in claims),
            sum(not claim.is_seated for claim in claims),
        )


@given(inputs=sync_inputs())
def test_that_access_is_about_to_end_is_said_once_and_only_while_there_is_access(inputs: SyncInputs) -> None:
    warnings = plan_sync(inputs).report.warnings
    told = [warning for warning in warnings if warning.startswith("Access ends at ")]

    assert len(told) <= 1
    if told:
        standing = inputs.standing
        assert standing.is_granted
        assert standing.stops_at is not None
        assert standing.stops_at.isoformat(sep=" ") in told[0]
