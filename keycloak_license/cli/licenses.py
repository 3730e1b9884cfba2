"""`import`: bring a licence file into force.

In: a file; out: what changes, seat by seat. Registered by `cli.main`.
"""

from pathlib import Path
from typing import Annotated

import typer

from keycloak_license.cli.invocation import JsonOption, RealmOption, invocation_of, is_interactive, now
from keycloak_license.cli.output import print_changes, print_json, print_report, print_table, usage_table
from keycloak_license.cli.sync import require_complete
from keycloak_license.license_file.envelope import read_license_file
from keycloak_license.model.changes import ClaimChange
from keycloak_license.services.documents import import_document
from keycloak_license.services.licenses import LicenseImport, import_license, preview_import


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("import")(import_file)


def import_file(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(help="Licence file.")],
    realm: RealmOption = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the licence in force unasked.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Import a licence file and sync."""
    content = read_license_file(file)

    def confirm(result: LicenseImport) -> bool:
        return replace or (is_interactive() and _ask(result))

    with invocation_of(context).realm(realm) as managed:
        if dry_run:
            result = preview_import(managed, content, now())
        else:
            result = import_license(managed, content, confirm, now())
    if as_json:
        print_json(import_document(result))
    else:
        _print_result(result, is_dry_run=dry_run)
    require_complete(result.plan.report)


def _ask(result: LicenseImport) -> bool:
    """Show who gains and who loses what, and ask; on stderr, for stdout may be a file."""
    _print_preview(result, err=True)
    seats = [change for change in result.plan.changes if isinstance(change, ClaimChange)]
    print_changes(seats, is_dry_run=True, err=True)
    if result.doubt:
        typer.echo(f"{result.doubt}; it is the only copy.", err=True)
    numbers = ", ".join(each.number for each in result.replaced) or "that cannot be verified"
    return typer.confirm(f"Replace licence {numbers}?", err=True)


def _print_preview(result: LicenseImport, *, err: bool = False) -> None:
    typer.echo("Before:", err=err)
    print_table(usage_table(result.before.applications), err=err)
    typer.echo("After:", err=err)
    print_table(usage_table(result.plan.report.applications), err=err)


def _print_result(result: LicenseImport, *, is_dry_run: bool) -> None:
    number = result.license.number
    if result.is_known:
        typer.echo(f"Licence {number} was imported before; nothing was changed")
        return
    if is_dry_run:
        _print_preview(result)
    else:
        typer.echo(f"Licence {number} imported")
    print_changes(result.plan.changes, is_dry_run=is_dry_run)
    print_report(result.plan.report)
