"""`sync`, `status` and `run`: the daily work.

In: options; out: the sync report as text or JSON. Registered by `cli.main`.
"""

import os
import sys
from threading import Event
from typing import Annotated

import typer

from keycloak_license.bootstrap import open_database, open_realm
from keycloak_license.cli.invocation import JsonOption, RealmOption, invocation_of, now
from keycloak_license.cli.output import print_changes, print_json, print_report
from keycloak_license.errors import IncompleteSyncError
from keycloak_license.model.report import RealmReport
from keycloak_license.services.documents import status_document, sync_document
from keycloak_license.services.overview import read_status
from keycloak_license.services.reconcile import run_once
from keycloak_license.worker import run_worker, stop_on_signals


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(sync)
    app.command()(status)
    app.command()(run)


def sync(
    context: typer.Context,
    *,
    realm: RealmOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell; needs view rights only.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Do one full sync now."""
    with invocation_of(context).realm(realm) as managed:
        report = run_once(managed, now=now(), dry_run=dry_run)
    if as_json:
        print_json(sync_document(report))
    else:
        print_changes(report.changes, is_dry_run=dry_run)
        print_report(report.realm)
    require_complete(report.realm)


def require_complete(report: RealmReport) -> None:
    """Raise `IncompleteSyncError` when not everything was seen."""
    if not report.is_complete:
        raise IncompleteSyncError(
            f"The sync of realm {report.realm} did not see everything, so nobody lost a seat: see the "
            "warnings, mend what they name and sync again"
        )


def status(context: typer.Context, *, realm: RealmOption = None, as_json: JsonOption = False) -> None:
    """Show licence, state, usage and the last sync; Keycloak is not asked."""
    with invocation_of(context).realm(realm, needs_client_secret=False) as managed:
        report = read_status(managed, now())
    if as_json:
        print_json(status_document(report))
    else:
        print_report(report)


def run(context: typer.Context) -> None:
    """Run the worker: sync every realm on schedule until SIGTERM."""
    settings = invocation_of(context).settings()
    stop = Event()
    stop_on_signals(stop)
    ledger = open_database(settings)
    realms = [open_realm(settings, name, ledger=ledger, should_stop=stop.is_set) for name in settings.realms]
    if not run_worker(realms, settings.sync.interval_seconds, stop):
        # A request that Keycloak does not answer must not keep us: any single write may be cut off.
        sys.stderr.flush()
        os._exit(0)
