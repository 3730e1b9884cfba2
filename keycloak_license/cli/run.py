"""`run`: the worker, with its screen and its management port.

In: a configuration; out: nothing but log lines, until somebody stops it. Registered by `cli.main`; `cli.demo`
runs the same.
"""

import os
import sys
from dataclasses import replace
from functools import partial
from threading import Event

import typer

from keycloak_license.bootstrap import open_database, open_post, open_realm
from keycloak_license.cli.invocation import invocation_of
from keycloak_license.monitoring.metrics import Metrics
from keycloak_license.services.following import Follower
from keycloak_license.services.sharing import Membership
from keycloak_license.settings import Settings
from keycloak_license.worker import Postman, Ticker, management_port, run_worker, stop_on_signals


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(run)


def run(context: typer.Context) -> None:
    """Run the worker: sync every realm on schedule until SIGTERM; serve screen, health and metrics."""
    if not run_sidecar(invocation_of(context).settings()):
        # A request that Keycloak does not answer must not keep us: any single write may be cut off.
        sys.stderr.flush()
        os._exit(0)


def run_sidecar(settings: Settings) -> bool:
    """Work until a signal ends it; return whether everything ended, or a request is still under way."""
    # Here, for it takes as long as everything else together, and no other command needs it.
    from keycloak_license.web.server import screen_port  # noqa: PLC0415

    stop = Event()
    stop_on_signals(stop)
    ledger, metrics = open_database(settings), Metrics()
    postman = Postman(open_post(settings, ledger, tuple(settings.realms), stop.is_set), metrics)
    membership = Membership(ledger, settings.realms, settings.sync.interval_seconds)
    tickers: list[Ticker] = []
    for name in settings.realms:
        count = partial(metrics.count_request, name)
        realm = open_realm(settings, name, ledger=ledger, should_stop=stop.is_set, on_request=count)
        # Who does not get the lease tries again at the next look.
        follower = Follower(replace(realm, patience_seconds=0), settings.sync.full_interval_seconds)
        tickers.append(Ticker(follower, metrics, membership))
    web = settings.web
    with (
        management_port(web.host, web.management_port, tickers),
        screen_port(settings, ledger, metrics.count_request, stop.is_set),
    ):
        return run_worker(tickers, postman, settings.sync.interval_seconds, stop)
