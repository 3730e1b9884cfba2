"""`health`: ask the worker that runs beside whether it is well.

In: the configuration, for where its management port is; out: what it says, and status 3 when it is not well.
Called by whoever watches a container that has no HTTP client. Registered by `cli.main`.
"""

from typing import Annotated

import typer

from keycloak_license.cli.invocation import invocation_of
from keycloak_license.monitoring.probe import ask_health


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(health)


def health(
    context: typer.Context,
    *,
    ready: Annotated[bool, typer.Option("--ready", help="Ask whether a sync has succeeded, too.")] = False,
) -> None:
    """Ask the running worker on its management port whether it is up."""
    web = invocation_of(context).settings(needs_client_secret=False).web
    typer.echo(ask_health(web.host, web.management_port, "/health/ready" if ready else "/health/live"))
