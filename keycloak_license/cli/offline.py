"""`offline`: licence and usage of an exported realm.

In: an export of `kc.sh export`; out: what `status` shows, as text or JSON; neither Keycloak nor database is
asked. Registered by `cli.main`.
"""

from pathlib import Path
from typing import Annotated

import typer

from keycloak_license.bootstrap import realm_terms
from keycloak_license.cli.invocation import JsonOption, invocation_of, now
from keycloak_license.cli.output import (
    describe_standing,
    print_json,
    print_lines,
    print_table,
    print_warnings,
    usage_table,
)
from keycloak_license.keycloak_api.export import read_export
from keycloak_license.keycloak_api.export_snapshot import snapshot_of
from keycloak_license.license_file.envelope import read_license_file
from keycloak_license.services.documents import status_document
from keycloak_license.services.offline import count_offline


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(offline)


def offline(
    context: typer.Context,
    *,
    export: Annotated[
        Path,
        typer.Argument(metavar="REALM_EXPORT", help="File or folder that kc.sh export made, with users."),
    ],
    realm: Annotated[
        str | None, typer.Option("--realm", help="Realm of the export; default: the only one in it.")
    ] = None,
    license_file: Annotated[
        Path | None,
        typer.Option("--license", help="Judge by this licence file; default: the one in the export."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show licence and usage of a realm export, as a first sync would find them; nothing is asked."""
    content = read_license_file(license_file) if license_file else None
    exported = read_export(export, realm)
    settings = invocation_of(context).settings(needs_client_secret=False, realm=exported.realm)
    terms = realm_terms(settings, exported.realm)
    report = count_offline(terms, snapshot_of(exported, terms.enforcement), content, now())
    if as_json:
        print_json(status_document(report))
        return
    print_lines(describe_standing(report))
    print_table(usage_table(report.applications))
    print_warnings(report.warnings)
