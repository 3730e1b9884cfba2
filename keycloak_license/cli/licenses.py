"""`import`, `licenses` and `activation-key`: bringing licences into force.

In: a file, or nothing; out: what changes, seat by seat; every licence; a key to copy. Registered by
`cli.main`.
"""

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from keycloak_license.cli.invocation import JsonOption, RealmOption, invocation_of, is_interactive, now
from keycloak_license.cli.output import (
    describe_standing,
    print_changes,
    print_json,
    print_lines,
    print_notices,
    print_report,
    print_table,
    usage_table,
)
from keycloak_license.cli.sync import require_done
from keycloak_license.license_file.activation import ActivationKey
from keycloak_license.license_file.envelope import read_license_file
from keycloak_license.model.changes import ClaimChange
from keycloak_license.model.instants import show_instant
from keycloak_license.model.license import LicenseType, Reason
from keycloak_license.model.report import ListedLicense
from keycloak_license.services.activation import find_inactive
from keycloak_license.services.documents import import_document, licenses_document
from keycloak_license.services.licenses import LicenseImport, import_license, preview_import
from keycloak_license.services.overview import list_all_licenses


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("import")(import_file)
    app.command("licenses")(licenses)
    app.command("activation-key")(activation_key)


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
            result = preview_import(managed, content, now)
        else:
            result = import_license(managed, content, confirm, now)
    if as_json:
        print_json(import_document(result))
    else:
        _print_result(result, is_dry_run=dry_run)
    require_done(result.plan.report)


def licenses(context: typer.Context, *, realm: RealmOption = None, as_json: JsonOption = False) -> None:
    """List every licence ever imported, and why each is or is not in force; Keycloak is not asked."""
    with invocation_of(context).realm(realm, needs_client_secret=False) as managed:
        listed = list_all_licenses(managed, now())
    if as_json:
        print_json(licenses_document(listed))
    elif listed:
        print_table(_licenses_table(listed, managed.zone))
    else:
        typer.echo("No licence was imported yet")


def activation_key(context: typer.Context, *, realm: RealmOption = None) -> None:
    """Print the activation key of the imported inactive licence, for the vendor, and nothing else."""
    with invocation_of(context).realm(realm, needs_client_secret=False) as managed:
        license_, activation = find_inactive(managed, now())
    key = ActivationKey(license_.number, license_.issue, activation.installation_id, activation.realm_id)
    typer.echo(key.to_text())


def _ask(result: LicenseImport) -> bool:
    """Show who gains and who loses what, and ask; on stderr, for stdout may be a file."""
    _print_preview(result, err=True)
    seats = [change for change in result.plan.changes if isinstance(change, ClaimChange)]
    print_changes(seats, is_dry_run=True, err=True)
    labels = ", ".join(each.label for each in result.replaced)
    return typer.confirm(f"Replace licence {labels}?", err=True)


def _print_preview(result: LicenseImport, *, err: bool = False) -> None:
    for heading, report in (("Before", result.before), ("After", result.plan.report)):
        typer.echo(f"{heading}:", err=err)
        print_lines(describe_standing(report), err=err)
        print_table(usage_table(report.applications), err=err)


def _print_result(result: LicenseImport, *, is_dry_run: bool) -> None:
    number = result.license.number
    if result.is_known:
        typer.echo(f"Licence {number} was imported before; nothing was changed")
        return
    if is_dry_run:
        _print_preview(result)
        print_changes(result.plan.changes, is_dry_run=True)
        return
    typer.echo(f"Licence {number} imported")
    print_changes(result.plan.changes, is_dry_run=False)
    print_report(result.plan.report)
    print_notices(result.plan.tidings.notices, is_dry_run=is_dry_run)
    standing, license_ = result.plan.report.standing, result.license
    if standing.license != license_:
        typer.echo(f"Licence {number} is not the one that counts now: see keycloak-license licenses")
    waits = license_.type is LicenseType.COMMERCIAL and license_.activation is None
    if waits or standing.reason is Reason.OTHER_INSTALLATION:
        typer.echo("Next: send the vendor what keycloak-license activation-key prints")


def _licenses_table(listed: tuple[ListedLicense, ...], zone: ZoneInfo) -> Table:
    table = Table(
        "Number", "Issue", "Type", "State", "In force", "Imported", "Last day", "Ends", "Why", show_edge=False
    )
    for each in listed:
        license_ = each.license
        table.add_row(
            each.stored.number,
            str(each.stored.issue),
            license_.type.value if license_ else "",
            each.state.value,
            "yes" if each.is_in_force else "no",
            show_instant(each.stored.imported_at.astimezone(zone)),
            license_.expires_on.isoformat() if license_ else "",
            show_instant(each.ends_at) if each.ends_at else "",
            each.explanation,
        )
    return table
