"""When to sync; never what a sync does.

In: realms and an interval; out: a log line for each sync. Called by `cli.run`. A tick that comes late is
run, ticks that pile up are run once, and a realm is never synced twice at the same time.
"""

import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Event, Thread
from types import FrameType

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, JobEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from keycloak_license.errors import InterruptedSyncError, KeycloakLicenseError
from keycloak_license.model.report import SyncReport
from keycloak_license.services.reconcile import ManagedRealm, run_once

log = structlog.get_logger()

MAX_THREADS = 4
STOP_SECONDS = 8.0
"""Below the ten seconds after which container runtimes kill."""


def run_worker(realms: Sequence[ManagedRealm], interval_seconds: int, stop: Event) -> bool:
    """Sync the realms until `stop` is set; then the sync under way ends between two writes.

    Returns whether it did: false when a request is still waiting for Keycloak after `STOP_SECONDS`.
    """
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(min(len(realms), MAX_THREADS))},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    scheduler.add_listener(_log_trouble, EVENT_JOB_ERROR | EVENT_JOB_MAX_INSTANCES)
    for managed in realms:
        scheduler.add_job(
            tick,
            "interval",
            [managed],
            seconds=interval_seconds,
            id=managed.name,
            next_run_time=datetime.now(UTC),
        )
    scheduler.start()
    log.info("worker_started", realms=[managed.name for managed in realms], interval_seconds=interval_seconds)
    stop.wait()
    log.info("worker_stopping")
    ending = Thread(target=scheduler.shutdown, daemon=True)
    ending.start()
    ending.join(STOP_SECONDS)
    log.info("worker_stopped", request_abandoned=ending.is_alive())
    return not ending.is_alive()


def tick(managed: ManagedRealm) -> SyncReport | None:
    """Sync one realm once; trouble is logged, the next tick tries again."""
    try:
        report = run_once(managed, now=datetime.now(UTC))
    except InterruptedSyncError:
        log.info("sync_interrupted", realm=managed.name)
        return None
    except KeycloakLicenseError as error:
        log.error("sync_failed", realm=managed.name, error=str(error))  # noqa: TRY400 - the sentence is enough
        return None
    log_sync(report)
    return report


def log_sync(report: SyncReport) -> None:
    """Log what a sync did; one that changed nothing only when debugging."""
    realm = report.realm
    write = log.info if report.changes else log.debug
    write(
        "sync_finished",
        realm=realm.realm,
        changes=len(report.changes),
        license_state=realm.standing.state.value,
        access=realm.standing.access,
        complete=realm.is_complete,
    )
    if not realm.is_complete:
        log.warning("sync_incomplete", realm=realm.realm, warnings=list(realm.warnings))


def stop_on_signals(stop: Event) -> None:
    """Set the event on SIGTERM and SIGINT."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)


def _log_trouble(event: JobEvent) -> None:
    if event.code == EVENT_JOB_MAX_INSTANCES:
        log.warning("sync_still_running", realm=event.job_id)
    else:
        log.error("sync_crashed", realm=event.job_id, error=type(event.exception).__name__)
