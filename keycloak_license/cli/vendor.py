"""The `vendor` commands: make keys, issue licence files, look into them. No server needed.

In come options, out go files and tables on stdout; wrong words become `ConfigurationError`, a bad
file `LicenseRefusedError`. Mounted by `cli.main`.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from keycloak_license.cli.invocation import Invocation
from keycloak_license.cli.output import print_table
from keycloak_license.errors import ConfigurationError, LicenseRefusedError
from keycloak_license.license_file.envelope import read_license_file
from keycloak_license.license_file.issue import SigningKey, generate_key_pair, new_payload, save_license
from keycloak_license.license_file.payload import FORMAT
from keycloak_license.license_file.strict_json import shown
from keycloak_license.license_file.verify import Inspection, Signature, TrustedKeys, inspect
from keycloak_license.model.license import DEFAULT_EXEMPT_USERS, LicenseType
from keycloak_license.settings import find_config

vendor_app = typer.Typer(
    name="vendor", help="For application vendors: keys and licence files, offline.", no_args_is_help=True
)

_SEATS = re.compile(r"([A-Za-z0-9_-]{1,64})=([0-9]{1,20}|unlimited)")
_SIGNATURE_WORDS = {
    Signature.HOLDS: "holds",
    Signature.WRONG: "DOES NOT HOLD",
    Signature.UNKNOWN_KEY: "DOES NOT HOLD (key not among those given)",
    Signature.NOT_CHECKED: "not checked: give --keys",
}


@vendor_app.command()
def keygen(
    out: Annotated[Path, typer.Option(help="Folder for the two files; created when missing.")],
    kid: Annotated[str, typer.Option(help="Name of the key; licences carry it, and the files are named so.")],
) -> None:
    """Make an Ed25519 key pair: KID.private.pem to sign with, KID.public.pem to hand out."""
    files = generate_key_pair(out, kid)
    typer.echo(f"Private key, keep it secret: {files.private}")
    typer.echo(f"Public key, for the trusted keys folder of every installation: {files.public}")


@vendor_app.command()
def issue(  # noqa: PLR0913 - Typer takes one parameter for each option
    *,
    key: Annotated[Path, typer.Option(help="Private key, KID.private.pem.")],
    number: Annotated[str, typer.Option(help="Licence number; stays the same when a licence is renewed.")],
    type_: Annotated[LicenseType, typer.Option("--type", help="Whether it needs activation.")],
    customer: Annotated[str, typer.Option(help="Who it is for.")],
    seats: Annotated[list[str], typer.Option(help="APP=50 or APP=unlimited; repeat for each application.")],
    expires: Annotated[str, typer.Option(help="Last day of access, YYYY-MM-DD.")],
    out: Annotated[Path, typer.Option(help="Licence file to write; replaces a licence file, nothing else.")],
    issued: Annotated[str | None, typer.Option(help="Day of issue; default: today in UTC.")] = None,
    starts: Annotated[str | None, typer.Option(help="First day; default: the day of issue.")] = None,
    exempt: Annotated[
        list[str] | None,
        typer.Option(
            help=f"User who never takes a seat; repeat. Default: {', '.join(DEFAULT_EXEMPT_USERS)}."
        ),
    ] = None,
    issue_number: Annotated[int, typer.Option(help="Counts up with each file made for one number.")] = 1,
) -> None:
    """Make a signed licence file."""
    issued_on = issued if issued is not None else datetime.now(UTC).date().isoformat()
    payload = new_payload(
        {
            "format": FORMAT,
            "number": number,
            "issue": issue_number,
            "type": type_.value,
            "customer": customer,
            "issued_on": issued_on,
            "starts_on": starts if starts is not None else issued_on,
            "expires_on": expires,
            "scope": _scope(seats),
            "exempt_users": list(exempt or DEFAULT_EXEMPT_USERS),
            "activation": None,
        }
    )
    save_license(out, SigningKey.load(key).sign(payload))
    typer.echo(
        f"Licence {payload.number}, issue {payload.issue}, {payload.type}, "
        f"{payload.starts_on} to {payload.expires_on}: {out}"
    )


@vendor_app.command("inspect")
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


def _scope(seats: Sequence[str]) -> dict[str, dict[str, int | None]]:
    scope: dict[str, dict[str, int | None]] = {}
    for option in seats:
        parts = _SEATS.fullmatch(option)
        if parts is None:
            raise ConfigurationError(
                f"--seats {shown(option)} is not understood; write APP=NUMBER with a whole number from 0, "
                f"or APP=unlimited, where APP is 1 to 64 of A-Z a-z 0-9 _ -."
            )
        application, number = parts.groups()
        if application in scope:
            raise ConfigurationError(f'--seats names the application "{application}" twice; give it once.')
        scope[application] = {"seats": None if number == "unlimited" else int(number)}
    return scope


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
