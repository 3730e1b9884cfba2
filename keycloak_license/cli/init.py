"""`init`: make in the realm what the sidecar needs, or take it out again.

In: an administrator's login; out: what was made, and once the client secret. Registered by `cli.main`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
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
from keycloak_license.keycloak_api.provision import Provisioned, Provisioner
from keycloak_license.keycloak_api.recording import DEFAULT_DAYS, Wish, explain_off, offer
from keycloak_license.model.enforcement import Enforcement
from keycloak_license.services.cleaning import Cleaned
from keycloak_license.services.lease import hold_lease
from keycloak_license.settings import Settings

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
    admin_events: Annotated[
        bool | None,
        typer.Option(
            "--admin-events/--no-admin-events",
            help="Switch Keycloak's admin events on, or leave them as they are; else it asks on a terminal.",
        ),
    ] = None,
    admin_events_days: Annotated[
        int | None,
        typer.Option(min=1, max=365, help=f"Days to keep them; else as the realm has it, or {DEFAULT_DAYS}."),
    ] = None,
    realm: RealmOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create in the realm what the sidecar needs; running it again changes nothing."""
    _refuse_contradictions(remove=remove, admin_events=admin_events, days=admin_events_days)
    invocation = invocation_of(context)
    settings = invocation.settings(needs_client_secret=False)
    name, _ = settings.realm(realm)
    admin = Admin(admin_user, _read_password(invocation, admin_password_file), admin_realm)
    if remove:
        done = _take_out(settings, name, admin)
    else:
        done = _make(settings, name, admin, wish=admin_events, days=admin_events_days)
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
    print_warnings(done.warnings)


def _make(settings: Settings, name: str, admin: Admin, *, wish: bool | None, days: int | None) -> Provisioned:
    provisioner, ledger = open_provisioner(settings, name, admin), open_database(settings)
    # Nobody is asked while the worker has to wait.
    wants_events = _decide(provisioner, name, wish=wish)
    mode = settings.realm(name)[1].enforcement
    with _cleaned(settings, name, admin, mode) as cleaned:
        done = provisioner.provision(
            mode,
            installation_id=ledger.load(name).installation_id,
            client_secret=settings.keycloak.client_secret.get_secret_value() or None,
            recording=Wish(days) if wants_events else None,
            screen=settings.web.address if settings.web.enabled else None,
        )
    done.warnings += [explain_off(name)] if wants_events is None else []
    return _with_cleaned(done, cleaned)


def _take_out(settings: Settings, name: str, admin: Admin) -> Provisioned:
    provisioner = open_provisioner(settings, name, admin)
    with _cleaned(settings, name, admin, Enforcement.OBSERVE) as cleaned:
        # Whom we disabled and could not enable is known by a role of our client.
        done = Provisioned() if cleaned.refused else provisioner.remove()
    return _with_cleaned(done, cleaned)


@contextmanager
def _cleaned(settings: Settings, name: str, admin: Admin, mode: Enforcement) -> Iterator[Cleaned]:
    """Take out what the mode does not need, and keep everybody else from the realm until the block ends."""
    with hold_lease(open_database(settings), name, patience_for(settings)) as fence:
        yield open_cleaner(settings, name, admin, mode).clean(fence.check)


def _with_cleaned(done: Provisioned, cleaned: Cleaned) -> Provisioned:
    removed, warnings = [*cleaned.removed, *done.removed], [*cleaned.refused, *done.warnings]
    return replace(done, removed=removed, warnings=warnings)


def _refuse_contradictions(*, remove: bool, admin_events: bool | None, days: int | None) -> None:
    if remove and admin_events is not None:
        raise ConfigurationError("--remove takes out what was made: give no other option about admin events")
    if days is not None and not admin_events:
        raise ConfigurationError(
            "--admin-events-days says how long to keep them: give --admin-events as well"
        )


def _decide(provisioner: Provisioner, realm: str, *, wish: bool | None) -> bool | None:
    """Return whether to switch events on; None when they are off and there is nobody to ask."""
    if wish is not None:
        return wish
    events = provisioner.look_at_events()
    if events.is_on:
        return False
    if not is_interactive():
        return None
    return typer.confirm(offer(realm, events), err=True)


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
