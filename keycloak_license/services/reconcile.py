"""One sync: read, plan, apply, tell.

In: a `ManagedRealm` and `now`; out: a `SyncReport`. Called by `cli.sync` and `worker`, and for `apply` by
`licenses`. What is decided is decided in `plan`; here is only the order of things.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from keycloak_license.errors import (
    ConfigurationError,
    IncompleteSyncError,
    KeycloakLicenseError,
    LedgerError,
    MissingRightError,
    RealmNotFoundError,
    UnavailableError,
)
from keycloak_license.model.attributes import INSTALLATION_ID
from keycloak_license.model.changes import (
    AttributeChange,
    AttributeRemoved,
    AttributeSet,
    SeatChange,
)
from keycloak_license.model.measures import AccessClosed, Disabling, Measure, explain_refusals
from keycloak_license.model.record import Lease, LicenseChange, SyncFailure, SyncRecord
from keycloak_license.model.report import SyncPlan, SyncReport
from keycloak_license.model.seat import NO_CONSENT, Consent
from keycloak_license.plan.audience import make_audience
from keycloak_license.plan.notices import plan_failure
from keycloak_license.services.confirmation import make_confirmed_plan
from keycloak_license.services.delivery import make_telling
from keycloak_license.services.grantors import name_grantors
from keycloak_license.services.installation import explain_gone
from keycloak_license.services.lease import Fence, hold_lease
from keycloak_license.services.observation import ManagedRealm, Observation, observe
from keycloak_license.services.retention import tidy_history

FAILURES = (UnavailableError, ConfigurationError, MissingRightError, IncompleteSyncError)
"""What `status` has to tell until it is mended; the ledger's own faults cannot be kept in it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A sync that has ended, and what it went by."""

    report: SyncReport
    seen: Observation
    lease: Lease


def run_once(managed: ManagedRealm, *, now: datetime, consent: Consent = NO_CONSENT) -> SyncReport:
    """Bring seats and attributes in line with the realm.

    `now` is what the clock here shows; see `plan.clock` for what is made of it. What there is `consent` to,
    the guard does not hold.
    """
    return bring_in_line(managed, now, lambda _: observe(managed, now), consent).report


def bring_in_line(
    managed: ManagedRealm,
    now: datetime,
    look: Callable[[Lease], Observation],
    consent: Consent = NO_CONSENT,
) -> Outcome:
    """Do the same with what `look` sees once the realm is ours alone."""
    with hold_lease(managed.ledger, managed.name, managed.patience_seconds) as fence:
        failing_since: datetime | None = None
        try:
            seen = look(fence.lease)
            failing_since = seen.record.failure.since if seen.record.failure else None
            seen, plan = make_confirmed_plan(managed, seen, seen.licenses, consent)
            refused = apply(managed, seen, plan, fence)
        except FAILURES as error:
            told = _explain(managed, error)
            # Where the ledger fails as well, the first fault is the one to tell.
            with suppress(LedgerError):
                _record_failure(managed, fence.lease, SyncFailure(failing_since or now, now, str(told)))
            if told is error:
                raise
            raise told from error
        except KeycloakLicenseError:
            raise
        except Exception as error:
            kind = type(error).__name__
            fault = f"a fault of ours ({kind}): run keycloak-license --verbose sync, and report it"
            with suppress(LedgerError):
                _record_failure(managed, fence.lease, SyncFailure(failing_since or now, now, fault))
            raise
    report = replace(plan.report, warnings=(*plan.report.warnings, *refused))
    done = SyncReport(
        report,
        plan.changes,
        is_dry_run=False,
        refused=refused,
        drift=seen.snapshot.drift,
        notices=plan.tidings.notices,
    )
    return Outcome(done, seen, fence.lease)


def preview_once(managed: ManagedRealm, *, now: datetime, consent: Consent = NO_CONSENT) -> SyncReport:
    """Tell what `run_once` would change; nothing is written, not even a lease."""
    seen = observe(managed, now)
    seen, plan = make_confirmed_plan(managed, seen, seen.licenses, consent)
    last = seen.record.last_sync
    report = replace(plan.report, synced_at=last.synced_at if last else None)
    return SyncReport(realm=report, changes=plan.changes, is_dry_run=True, notices=plan.tidings.notices)


def _record_failure(managed: ManagedRealm, lease: Lease, failure: SyncFailure) -> None:
    """Keep that a sync failed; who was there to be told at the last one is told when it goes on for long."""
    record = managed.ledger.load(managed.name, known_claims=())
    failure = replace(failure, since=record.failure.since if record.failure else failure.since)
    last = record.last_sync
    audience = make_audience(
        last.addressees if last else (), managed.notice_terms, last.locale if last else None
    )
    marks = {mark.key: mark for mark in record.marks}
    tidings = plan_failure(managed.name, failure, audience, marks, managed.notice_terms.zone)
    managed.ledger.record_failure(lease, failure, make_telling(tidings))


def _explain(managed: ManagedRealm, error: KeycloakLicenseError) -> KeycloakLicenseError:
    """Return the error, with more to it when it is a realm that was there before."""
    if isinstance(error, RealmNotFoundError):
        with suppress(LedgerError):
            if last_sync := managed.ledger.load(managed.name).last_sync:
                return explain_gone(last_sync, error)
    return error


def apply(
    managed: ManagedRealm,
    seen: Observation,
    plan: SyncPlan,
    fence: Fence,
    imported: LicenseChange | None = None,
) -> tuple[str, ...]:
    """Carry a plan out: the ledger first, durable, then Keycloak, so that a crash loses nothing.

    That attributes may not be written is found out before either, so that it leaves nothing half done; what
    enforcement may not do is left for the next sync. What was seen has to have been seen behind the same
    fence. Returns what the realm would not do, as sentences.
    """
    if not plan.may_begin:
        raise IncompleteSyncError(
            f"The ledger knows nothing of realm {managed.name} yet, people have seats there who cannot be "
            f"seen, and so nothing was changed ({plan.report.gaps[0]}): mend that and sync again"
            + ("" if seen.snapshot.gaps else ", or give their seats away with keycloak-license sync --force")
        )
    seats = [change for change in plan.changes if isinstance(change, SeatChange)]
    attributes: list[AttributeChange] = [
        change for change in plan.changes if isinstance(change, AttributeSet | AttributeRemoved)
    ]
    if attributes and not seen.snapshot.is_writable:
        managed.keycloak.ensure_writable()
    for change in (seen.known.recovered, imported):
        if change is not None:
            managed.ledger.add_licenses(fence.lease, change.added, change.replaced)
    seats = name_grantors(managed.keycloak, seats)
    record = _sync_record(managed, seen, plan)
    managed.ledger.record_sync(fence.lease, record, seats, make_telling(plan.tidings))
    measures = [change for change in plan.changes if isinstance(change, Measure)]
    # What closes waits for nothing else.
    closing = [each for each in measures if isinstance(each, AccessClosed)]
    _enforce(managed, closing, fence, seen.now)
    managed.keycloak.write_attributes(attributes, fence.check)
    refused = _enforce(managed, [each for each in measures if each not in closing], fence, seen.now)
    tidy_history(managed, seen, seats, fence.lease)
    return refused


def _enforce(
    managed: ManagedRealm, measures: Sequence[Measure], fence: Fence, at: datetime
) -> tuple[str, ...]:
    """Carry out measures, and keep in the ledger what came of them; only then it is known."""
    if not measures:
        return ()
    refusals = managed.keycloak.enforce(measures, fence.check)
    unchanged = {each.user_id for each in refusals}
    done = [each for each in measures if isinstance(each, Disabling) and each.user_id not in unchanged]
    refused = explain_refusals(refusals)
    if done or refused:
        managed.ledger.record_enforcement(fence.lease, at, done, refused)
    return refused


def _sync_record(managed: ManagedRealm, seen: Observation, plan: SyncPlan) -> SyncRecord:
    return SyncRecord(
        realm=managed.name,
        realm_id=seen.snapshot.realm_id,
        installation_id=seen.installation.installation_id,
        synced_at=seen.now,
        is_complete=plan.report.is_complete,
        warnings=plan.read_warnings,
        published_id=seen.snapshot.attributes.get(INSTALLATION_ID) if seen.dispute else None,
        clock=seen.clock.mark,
        held=plan.report.held,
        addressees=plan.addressees,
        locale=seen.snapshot.locale,
    )
