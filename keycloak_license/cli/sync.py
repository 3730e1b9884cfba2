"""`sync` and `status`: what is done, and what is known.

In: options; out: the sync report as text or JSON. Registered by `cli.main`.
"""

import time
from dataclasses import replace
from typing import Annotated

import typer

from keycloak_license.bootstrap import open_post
from keycloak_license.cli.invocation import JsonOption, RealmOption, invocation_of, now
from keycloak_license.cli.output import print_changes, print_json, print_notices, print_report
from keycloak_license.errors import HeldReleasesError, IncompleteSyncError, LedgerError
from keycloak_license.model.notice import Delivered, Unreachable
from keycloak_license.model.report import RealmReport
from keycloak_license.model.seat import Consent
from keycloak_license.services.delivery import Post, deliver
from keycloak_license.services.documents import status_document, sync_document
from keycloak_license.services.overview import read_status
from keycloak_license.services.reconcile import preview_once, run_once

DELIVERY_SECONDS = 60.0
"""How long a one-off sync goes on delivering; after that it ends with the one under way."""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(sync)
    app.command()(status)


def sync(
    context: typer.Context,
    *,
    realm: RealmOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell; needs view rights only.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Release also what the guard holds back.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Do one full sync now."""
    invocation, consent = invocation_of(context), Consent(to_all=force)
    with invocation.realm(realm) as managed:
        if dry_run:
            report = preview_once(managed, now=now(), consent=consent)
        else:
            post = open_post(invocation.settings(), managed.ledger, [managed.name])
            try:
                report = run_once(managed, now=now(), consent=consent)
            finally:
                # That syncs fail is told as well.
                undelivered = deliver_now(post)
            realm_report = replace(report.realm, warnings=(*report.realm.warnings, *undelivered))
            report = replace(report, realm=realm_report)
    if as_json:
        print_json(sync_document(report))
    else:
        print_changes(report.changes, is_dry_run=dry_run)
        if dry_run:
            print_notices(report.notices, is_dry_run=True)
        print_report(report.realm)
    require_done(report.realm)


def deliver_now(post: Post) -> tuple[str, ...]:
    """Deliver what is there, however lately it was tried; return sentences about what was not."""
    ends_at = time.monotonic() + DELIVERY_SECONDS

    def is_over() -> bool:
        return time.monotonic() >= ends_at

    try:
        tried = list(deliver(replace(post, should_stop=is_over), now, is_eager=True))
    except LedgerError as error:
        return (f"Not all notices were delivered: {error}",)
    failed = [each.outcome for each in tried if not isinstance(each.outcome, Delivered)]
    told: list[str] = []
    if failed:
        # What a server says of one recipient may name him, and this may end in a log.
        away = (each.problem for each in failed if isinstance(each, Unreachable))
        why = next(away, "see keycloak-license status")
        told.append(
            f"Not all notices were delivered ({why}): mend that, and the next sync or the worker tries again"
        )
    if is_over():
        told.append("Notices may be left for the next sync or the worker: the mail server takes too long")
    return tuple(told)


def require_done(report: RealmReport) -> None:
    """Raise `IncompleteSyncError` when not everything was seen, `HeldReleasesError` when some is held."""
    if not report.is_complete:
        raise IncompleteSyncError(
            f"The sync of realm {report.realm} did not see everything, so nobody lost a seat by what is "
            "missing: see the warnings, mend what they name and sync again"
            + (f" (besides, releases are held back: {len(report.held)})" if report.held else "")
        )
    if report.held:
        raise HeldReleasesError(
            f"The guard holds back releases in realm {report.realm} ({len(report.held)}), because so many at "
            "once may be a fault: look at who is named, then mend the realm, or release them with "
            "keycloak-license sync --force"
        )


def status(context: typer.Context, *, realm: RealmOption = None, as_json: JsonOption = False) -> None:
    """Show licence, state, usage and the last sync; Keycloak is not asked."""
    with invocation_of(context).realm(realm, needs_client_secret=False) as managed:
        report = read_status(managed, now())
    if as_json:
        print_json(status_document(report))
    else:
        print_report(report)
