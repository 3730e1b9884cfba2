"""`vendor inspect`: what a licence file says, and whether its signature holds. No server needed.

In comes a file, out goes a table or one JSON document on stdout; `LicenseRefusedError` after it when the
signature does not hold. Mounted by `cli.vendor`.
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from keycloak_license.cli.invocation import Invocation
from keycloak_license.cli.output import print_table
from keycloak_license.errors import ConfigurationError, LicenseRefusedError
from keycloak_license.license_file.envelope import read_license_file
from keycloak_license.license_file.verify import Inspection, Signature, TrustedKeys, inspect
from keycloak_license.settings import find_config

_SIGNATURE_WORDS = {
    Signature.HOLDS: "holds",
    Signature.WRONG: "DOES NOT HOLD",
    Signature.UNKNOWN_KEY: "DOES NOT HOLD (key not among those given)",
    Signature.REVOKED: "DOES NOT COUNT (revoked key)",
    Signature.NOT_CHECKED: "not checked: give --keys",
}


def register(app: typer.Typer) -> None:
    """Add the command to the `vendor` commands."""
    app.command("inspect")(inspect_file)


def inspect_file(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(help="Licence file.")],
    keys: Annotated[
        Path | None, typer.Option(help="Folder of KID.public.pem files to check against.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="One KID.public.pem to check against.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show what a licence file says, and whether its signature holds.

    Without --keys and --key the trusted keys of the configuration count, where there is one.
    """
    folder = keys or (None if key else _configured_keys(context))
    inspection = inspect(read_license_file(file), _trusted(folder, key))
    if as_json:
        # Unknown members may hold anything; as \u escapes it cannot steer the terminal.
        typer.echo(json.dumps(_document(inspection), ensure_ascii=True, indent=2))
    else:
        print_table(_table(inspection))
    if inspection.objection is not None:
        raise LicenseRefusedError(inspection.objection)


def _configured_keys(context: typer.Context) -> Path | None:
    """Return the folder that the configuration names; None for a vendor, who has no configuration."""
    invocation = context.find_object(Invocation)
    if invocation is None or find_config(invocation.config, invocation.environ) is None:
        return None
    return invocation.settings(needs_client_secret=False).trusted_keys


def _trusted(folder: Path | None, file: Path | None) -> TrustedKeys | None:
    match folder, file:
        case None, None:
            return None
        case Path() as only_folder, None:
            return TrustedKeys.load(only_folder)
        case None, Path() as only_file:
            return TrustedKeys.of_files(only_file)
        case _:
            raise ConfigurationError("Both --keys and --key were given; give one of them.")


def _document(inspection: Inspection) -> dict[str, object]:
    return {
        "kid": inspection.kid,
        "signature": inspection.signature.value,
        "license": inspection.payload.to_json(),
    }


def _table(inspection: Inspection) -> Table:
    payload = inspection.payload
    table = Table("Licence", "", show_edge=False)
    table.add_row("Number", payload.number)
    table.add_row("Issue", str(payload.issue))
    table.add_row("Type", payload.type)
    table.add_row("Customer", payload.customer)
    table.add_row("Issued on", payload.issued_on.isoformat())
    table.add_row("Starts on", payload.starts_on.isoformat())
    table.add_row("Expires on", f"{payload.expires_on.isoformat()} (last day of access)")
    for application, entry in payload.scope.items():
        table.add_row(f"Seats {application}", "unlimited" if entry.seats is None else str(entry.seats))
    table.add_row("Exempt users", ", ".join(payload.exempt_users) or "none")
    activation = payload.activation
    if activation is None:
        table.add_row("Activated for", "none")
    else:
        table.add_row("Activated for", f"{activation.installation_id}, realm {activation.realm_id}")
    table.add_row("Signed with", inspection.kid)
    table.add_row("Signature", _SIGNATURE_WORDS[inspection.signature])
    return table
