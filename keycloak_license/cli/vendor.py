"""The `vendor` commands that make something: keys, licence files, activated licence files. No server needed.

In come options, out go files and a line on stdout; wrong words become `ConfigurationError`, a bad
file or activation key `LicenseRefusedError`. Mounted by `cli.main`, `inspect` among them.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, assert_never

import typer

from keycloak_license.cli import vendor_inspect
from keycloak_license.errors import ConfigurationError, LicenseRefusedError
from keycloak_license.license_file.activation import ActivationKey, activate
from keycloak_license.license_file.envelope import read_license_file
from keycloak_license.license_file.issue import SigningKey, generate_key_pair, new_payload, save_license
from keycloak_license.license_file.keys import PUBLIC_SUFFIX
from keycloak_license.license_file.payload import FORMAT, LicensePayload
from keycloak_license.license_file.strict_json import shown
from keycloak_license.license_file.verify import Signature, TrustedKeys, inspect
from keycloak_license.model.license import DEFAULT_EXEMPT_USERS, LicenseType

vendor_app = typer.Typer(
    name="vendor", help="For application vendors: keys and licence files, offline.", no_args_is_help=True
)

_SEATS = re.compile(r"([A-Za-z0-9_-]{1,64})=([0-9]{1,20}|unlimited)")


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


@vendor_app.command("activate")
def activate_file(
    *,
    key: Annotated[Path, typer.Option(help="Private key to sign with, KID.private.pem.")],
    license_file: Annotated[Path, typer.Option("--license", help="Licence file as it was first issued.")],
    activation_key: Annotated[str, typer.Option(help="What the customer's `activation-key` prints.")],
    out: Annotated[Path, typer.Option(help="Licence file to write; replaces a licence file, nothing else.")],
    keys: Annotated[
        Path | None,
        typer.Option(help="Folder of KID.public.pem files; needed when another key signed the licence."),
    ] = None,
) -> None:
    """Make the licence file that an activation key asks for."""
    if out.resolve() == license_file.resolve():
        raise ConfigurationError(
            f"--out {out} is the licence file itself, which another activation needs; choose another name."
        )
    signing = SigningKey.load(key)
    asked = ActivationKey.from_text(activation_key)
    payload = activate(_genuine_payload(license_file, _keys_of_vendor(signing, keys)), asked)
    save_license(out, signing.sign(payload))
    typer.echo(
        f"Licence {payload.number}, issue {payload.issue}, activated for installation "
        f"{asked.installation_id} of realm id {asked.realm_id}: {out}"
    )


def _keys_of_vendor(signing: SigningKey, folder: Path | None) -> TrustedKeys:
    own = signing.trusted()
    if folder is None:
        return own
    listed = TrustedKeys.load(folder)
    if signing.kid in (*listed.revoked, *listed.retired):
        what = "revoked" if signing.kid in listed.revoked else "retired"
        raise ConfigurationError(
            f'The key "{signing.kid}" given as --key is {what} in {folder}, so nothing that it signs would '
            f"be imported; give a current one."
        )
    return replace(listed, keys={**listed.keys, **own.keys})


def _genuine_payload(path: Path, trusted: TrustedKeys) -> LicensePayload:
    """Read what the vendor signed before; otherwise a customer could have any words signed."""
    found = inspect(read_license_file(path), trusted)
    match found.signature:
        case Signature.HOLDS:
            return found.payload
        case Signature.UNKNOWN_KEY:
            raise LicenseRefusedError(
                f'The licence file is signed with the key "{found.kid}", not with that of --key, and cannot '
                f"be checked without it; give a folder that holds {found.kid}{PUBLIC_SUFFIX} as --keys."
            )
        case Signature.REVOKED:
            raise LicenseRefusedError(
                f'The licence file is signed with the key "{found.kid}", which is revoked; issue the licence '
                f"again with a current key."
            )
        case Signature.WRONG | Signature.NOT_CHECKED:
            raise LicenseRefusedError(
                f'The licence file\'s signature does not match the key "{found.kid}", so it is not what was '
                f"issued; activate the licence file as it was first issued."
            )
        case _:
            assert_never(found.signature)


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


vendor_inspect.register(vendor_app)
