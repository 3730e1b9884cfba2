"""`init`: make in the realm what the sidecar needs, or take it out again.

In: an administrator's login; out: what was made, and once the client secret. Registered by `cli.main`.
"""

from pathlib import Path
from typing import Annotated

import typer

from keycloak_license.bootstrap import Admin, open_cleaner, open_database, open_provisioner, patience_for
from keycloak_license.cli.invocation import (
    Invocation,
    JsonOption,
    RealmOption,
    invocation_of,
    is_interactive,
)
from keycloak_license.cli.output import print_json, print_lines, print_warnings
from keycloak_license.errors import ConfigurationError
from keycloak_license.keycloak_api.provision import Provisioned
from keycloak_license.model.enforcement import Enforcement
from keycloak_license.services.lease import hold_lease

PASSWORD_VARIABLE = "KEYCLOAK_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(init)


def init(  # noqa: PLR0913 - Typer takes one parameter for each option
    context: typer.Context,
    *,
    admin_user: Annotated[str, typer.Option(help="An administrator of Keycloak.")],
    admin_password_file: Annotated[
        Path | None, typer.Option(help=f"File with the password; else ${PASSWORD_VARIABLE}.")
    ] = None,
    admin_realm: Annotated[str, typer.Option(help="Realm of the administrator.")] = "master",
    remove: Annotated[bool, typer.Option("--remove", help="Take everything of ours out.")] = False,
    realm: RealmOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create in the realm what the sidecar needs; running it again changes nothing."""
    invocation = invocation_of(context)
    settings = invocation.settings(needs_client_secret=False)
    name, realm_settings = settings.realm(realm)
    admin = Admin(admin_user, _read_password(invocation, admin_password_file), admin_realm)
    provisioner = open_provisioner(settings, name, admin)
    ledger = open_database(settings)
    with hold_lease(ledger, name, patience_for(settings)) as fence:
        mode = Enforcement.OBSERVE if remove else realm_settings.enforcement
        cleaned = open_cleaner(settings, name, admin, mode).clean(fence.check)
        if not remove:
            done = provisioner.provision(
                mode,
                installation_id=ledger.load(name).installation_id,
                client_secret=settings.keycloak.client_secret.get_secret_value() or None,
            )
        else:
            # Whom we disabled and could not enable is known by a role of our client.
            done = Provisioned() if cleaned.refused else provisioner.remove()
    done.removed = [*cleaned.removed, *done.removed]
    if as_json:
        print_json(
            {
                "client_id": settings.keycloak.client_id,
                "client_secret": done.client_secret,
                "created": done.created,
                "removed": done.removed,
            }
        )
    else:
        _print(done)
    print_warnings(cleaned.refused)


def _print(done: Provisioned) -> None:
    print_lines(f"Created {what}" for what in done.created)
    print_lines(f"Removed {what}" for what in done.removed)
    if not done.created and not done.removed:
        typer.echo("Nothing to change")
    if done.client_secret:
        typer.echo(f"Client secret, shown only now: {done.client_secret}")


def _read_password(invocation: Invocation, file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"The password file {file} cannot be read ({type(error).__name__}): check path and rights"
            ) from error
    if password := invocation.environ.get(PASSWORD_VARIABLE):
        return password
    if is_interactive():
        return str(typer.prompt("Password of the administrator", hide_input=True, err=True))
    raise ConfigurationError(
        f"The administrator's password is missing: give --admin-password-file or set {PASSWORD_VARIABLE}"
    )
