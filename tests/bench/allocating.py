"""Measures how long it takes to plan a sync of one application that very many people use.

In: a number of consumers; out: rows. Called by `tests.bench`; needs no server. Counted is the
processor's time, that of the garbage collector included.
"""

import gc
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from keycloak_license.model.application import Application
from keycloak_license.model.changes import AttributeSet
from keycloak_license.model.enforcement import (
    OWN_CLIENT,
    Enforcement,
    EnforcementTerms,
    access_role,
    seat_role,
)
from keycloak_license.model.license import License, LicenseState, LicenseType, Reason, Standing
from keycloak_license.model.measures import SeatRoleAssigned
from keycloak_license.model.realm import RealmSnapshot, Role, User
from keycloak_license.model.report import SyncPlan
from keycloak_license.model.seat import Claim
from keycloak_license.plan.planner import SyncInputs, plan_sync

WFM = Application("WFM", "Workforce Management", roles=("WFM_*",))
AGENT = Role("agent", "WFM_AGENT")
SEAT = Role("seat", seat_role(WFM.id), OWN_CLIENT)
ACCESS = Role("access", access_role(WFM.id), OWN_CLIENT)
FIRST_SYNC = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
NEXT_SYNC = FIRST_SYNC + timedelta(minutes=1)


@dataclass(frozen=True)
class AllocationRow:
    """One planned sync."""

    consumers: int
    mode: str
    case: str
    """``first sync``: no claims yet, half of the people get seats; ``nothing new``: everybody has a claim;
    ``one change``: there is one user more."""
    cpu_seconds: float
    seconds_per_million: float


def measure_allocation(consumers: int) -> Iterator[AllocationRow]:
    """Yield the rows for that many users of one application, who are all there is in the realm."""
    users = make_users(consumers + 1)
    newcomer = next(reversed(users))
    everybody = {id_: user for id_, user in users.items() if id_ != newcomer}
    for mode in (Enforcement.OBSERVE, Enforcement.GATE):
        first = make_inputs(everybody, consumers // 2, mode)
        plan, seconds = planned(first)
        yield _row(consumers, mode, "first sync", seconds)
        second = settle(first, plan)
        del plan
        plan, seconds = planned(second)
        if plan.changes:
            raise SystemExit(f"There was something to change: {plan.changes[0]}")
        yield _row(consumers, mode, "nothing new", seconds)
        del plan
        role_users = {**second.snapshot.role_users, AGENT.id: frozenset(users)}
        snapshot = replace(second.snapshot, users=users, role_users=role_users)
        plan, seconds = planned(replace(second, snapshot=snapshot))
        yield _row(consumers, mode, "one change", seconds)
        del plan


def _row(consumers: int, mode: str, case: str, seconds: float) -> AllocationRow:
    return AllocationRow(consumers, mode, case, seconds, seconds * 1_000_000 / consumers)


def planned(inputs: SyncInputs) -> tuple[SyncPlan, float]:
    """Plan, and tell how many seconds of the processor it took."""
    gc.collect()
    started = time.process_time()
    plan = plan_sync(inputs)
    return plan, time.process_time() - started


def make_users(size: int) -> dict[str, User]:
    """Return people as a realm has them, in no order; the same ones every time."""
    random = Random(size)  # noqa: S311 - for ids that nobody has to guess
    ids = (str(UUID(int=random.getrandbits(128))) for _ in range(size))
    return {
        id_: User(
            id_, f"user{number}", True, f"user{number}@example.com", random.randrange(1_600_000_000_000)
        )
        for number, id_ in enumerate(ids)
    }


def make_inputs(users: Mapping[str, User], seats: int, mode: Enforcement) -> SyncInputs:
    """Return what a sync finds that is the first one in a realm where init has been run."""
    snapshot = RealmSnapshot(
        "bench",
        "1",
        roles={role.id: role for role in (AGENT, SEAT, ACCESS)},
        composites={SEAT.id: frozenset({ACCESS.id})},
        users=users,
        role_users={AGENT.id: frozenset(users)},
        has_own_client=mode is not Enforcement.OBSERVE,
    )
    return SyncInputs(
        snapshot=snapshot,
        applications=(WFM,),
        claims=(),
        standing=make_standing(seats),
        installation_id="installation-1",
        now=FIRST_SYNC,
        believed=FIRST_SYNC,
        is_ledger_new=True,
        enforcement=EnforcementTerms(mode),
    )


def make_standing(seats: int) -> Standing:
    """Return that of a licence in force."""
    license_ = License(
        number="BENCH-1",
        issue=1,
        type=LicenseType.TEMPORARY,
        customer="Bench",
        issued_on=FIRST_SYNC.date(),
        starts_on=FIRST_SYNC.date(),
        expires_on=FIRST_SYNC.date() + timedelta(days=100),
        scope={WFM.id: seats},
    )
    return Standing(LicenseState.OK, Reason.TEMPORARY, license_, FIRST_SYNC + timedelta(days=101))


def settle(inputs: SyncInputs, plan: SyncPlan) -> SyncInputs:
    """Return what the next sync finds when a plan was carried out and nobody did anything since."""
    changes = plan.changes
    seated = frozenset(each.user_id for each in changes if isinstance(each, SeatRoleAssigned))
    attributes = {each.name: each.value for each in changes if isinstance(each, AttributeSet)}
    snapshot = replace(
        inputs.snapshot,
        role_users={**inputs.snapshot.role_users, SEAT.id: seated},
        attributes=attributes,
    )
    return replace(
        inputs,
        snapshot=snapshot,
        claims=load_claims(plan),
        is_ledger_new=False,
        now=NEXT_SYNC,
        believed=NEXT_SYNC,
    )


def load_claims(plan: SyncPlan) -> tuple[Claim, ...]:
    """Return the claims as the ledger does: by user, and sharing nothing."""
    claims = (claim for each in plan.allocations for claim in (*each.seated, *each.waiting))
    return tuple(map(_as_loaded, sorted(claims, key=lambda claim: claim.user_id)))


def _as_loaded(claim: Claim) -> Claim:
    return replace(
        claim,
        user_id=_copy(claim.user_id),
        username=_copy(claim.username),
        email=_copy(claim.email or ""),
        claimed_at=claim.claimed_at + timedelta(),
        seated_at=claim.seated_at and claim.seated_at + timedelta(),
    )


def _copy(text: str) -> str:
    return text.encode().decode()
