"""How the seats of an application were used, without asking Keycloak.

In: a `ManagedRealm`, an application and a span of time; out: the points of a chart. Called by `web`.
"""

from collections.abc import Sequence
from datetime import datetime

from keycloak_license.model.application import Application
from keycloak_license.model.license import ImportedLicense
from keycloak_license.model.record import RealmRecord, SeatEvent
from keycloak_license.plan.clock import read_clock
from keycloak_license.plan.usage_history import UsageInputs, UsagePoint, usage_over_time
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.overview import find_application, installation_of
from keycloak_license.services.recovery import read_licenses

_TRIES = 3


def read_usage_history(
    managed: ManagedRealm, application_id: str, now: datetime, since: datetime
) -> tuple[UsagePoint, ...]:
    """Return how many seats were taken and licensed from `since` on; the last point is `read_status` now.

    Raises `ConfigurationError` for an application that is not configured.
    """
    application = find_application(managed.applications, application_id)
    # What was before is forgotten, not quiet.
    since = max(since, now - managed.history.keep)
    record, events = read_past(managed, application.id, since)
    [inputs] = make_inputs(managed, record, events, [application])
    return usage_over_time(inputs, since, read_clock(now, None, record.clock).now)


def make_inputs(
    managed: ManagedRealm,
    record: RealmRecord,
    events: Sequence[SeatEvent],
    applications: Sequence[Application],
) -> tuple[UsageInputs, ...]:
    """Return what is known of each application; all licences count that verify, also replaced ones."""
    licenses = tuple(
        ImportedLicense(each.license, each.stored.imported_at, each.stored.replaced_at)
        for each in read_licenses(managed.verifier, record.licenses)
        if each.license is not None
    )
    installation = installation_of(managed, record)
    return tuple(
        UsageInputs(
            application=application.id,
            claims=[claim for claim in record.claims if claim.application == application.id],
            events=[event for event in events if event.application == application.id],
            licenses=licenses,
            installation=installation,
        )
        for application in applications
    )


def read_past(
    managed: ManagedRealm, application_id: str | None = None, since: datetime | None = None
) -> tuple[RealmRecord, tuple[SeatEvent, ...]]:
    """Read what is and what happened; a sync in between would shift the whole past, so then both again."""
    record = managed.ledger.load(managed.name)
    for _ in range(_TRIES):
        events = managed.ledger.seat_events(managed.name, application_id, since)
        if managed.ledger.load(managed.name, ()).last_sync == record.last_sync:
            break
        record = managed.ledger.load(managed.name)
    return record, events
