"""`idle`: who holds a seat without using it.

In: an application, or none for all, and a number of days; out: a table, CSV or JSON. Registered by
`cli.main`.
"""

from typing import Annotated

import typer
from rich.table import Table

from keycloak_license.cli.invocation import (
    CsvOption,
    JsonOption,
    RealmOption,
    invocation_of,
    now,
    require_one_form,
)
from keycloak_license.cli.output import print_json, print_lines, print_table, print_warnings, printable
from keycloak_license.services.idle import (
    IdleReport,
    find_idle,
    idle_csv,
    idle_document,
    summarize,
    use_cells,
)

MAX_DAYS = 3650


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(idle)


def idle(
    context: typer.Context,
    *,
    application: Annotated[
        str | None, typer.Argument(metavar="[APP]", help="Application id; default: all.")
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, max=MAX_DAYS, help="Days without a login after which a seat is idle.")
    ] = 90,
    realm: RealmOption = None,
    as_csv: CsvOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show who holds a seat but has not logged in for so many days; releases nothing."""
    require_one_form(as_csv=as_csv, as_json=as_json)
    with invocation_of(context).realm(realm) as managed:
        report = find_idle(managed, application, now(), days)
    if as_json:
        print_json(idle_document(report))
        return
    if as_csv:
        typer.echo(idle_csv(report), nl=False)
    else:
        _print_idle(report)
    print_warnings(report.warnings)


def _print_idle(report: IdleReport) -> None:
    for usage in report.applications:
        if usage.holders:
            table = Table(show_edge=False)
            for heading in ("User", "E-mail", "Seat since", "State", "Last seen"):
                table.add_column(heading, overflow="fold")
            for holder in usage.holders:
                table.add_row(*(printable(cell) for cell in use_cells(holder)))
            print_table(table)
        print_lines([summarize(usage)])
