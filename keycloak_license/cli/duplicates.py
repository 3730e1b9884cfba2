"""`duplicates`: people who take several seats with several accounts.

In: options; out: a table, CSV or JSON. Registered by `cli.main`.
"""

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
from keycloak_license.cli.output import (
    print_json,
    print_lines,
    print_table,
    print_warnings,
    printable,
    require_complete,
)
from keycloak_license.services.duplicates import (
    DuplicateList,
    duplicate_rows,
    duplicates_csv,
    duplicates_document,
    list_duplicates,
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(duplicates)


def duplicates(
    context: typer.Context,
    *,
    realm: RealmOption = None,
    as_csv: CsvOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show people with several accounts: of one verified address, or of a federation and local."""
    require_one_form(as_csv=as_csv, as_json=as_json)
    with invocation_of(context).realm(realm) as managed:
        listed = list_duplicates(managed, now())
    if as_json:
        print_json(duplicates_document(listed))
    elif as_csv:
        typer.echo(duplicates_csv(listed), nl=False)
    else:
        _print_people(listed)
    print_warnings(f"Incomplete read, people may be missing: {gap}" for gap in listed.gaps)
    require_complete(listed.realm, is_complete=not listed.gaps)


def _print_people(listed: DuplicateList) -> None:
    found = listed.found
    if found.people:
        table = Table(show_edge=False)
        for heading in ("E-mail", "Saved", "Id", "User", "From", "Verified", "Seats", "Waits for"):
            table.add_column(heading, overflow="fold")
        for row in duplicate_rows(listed):
            table.add_row(*map(printable, row))
        print_table(table)
    lines = [
        f"{len(found.people)} people with several accounts; with one each, {found.seats_saved} seats saved"
    ]
    if found.unverified:
        lines.append(
            f"{found.unverified} more accounts share an address, but nobody has verified that it is theirs"
        )
    print_lines(lines)
