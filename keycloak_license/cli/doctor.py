"""`doctor`: prove each thing that is needed, one line each with what to do.

In: the configuration; out: a line a check, and the status of the worst. Registered by `cli.main`.
"""

import sys
from collections.abc import Iterator

import typer

from keycloak_license.bootstrap import open_client, open_database, open_realm, trusted_kids
from keycloak_license.cli.invocation import Invocation, JsonOption, RealmOption, invocation_of, now
from keycloak_license.cli.output import print_json, show_instant
from keycloak_license.errors import ConfigurationError, LedgerError
from keycloak_license.keycloak_api.probe import probe
from keycloak_license.model.check import Check, try_out
from keycloak_license.services.overview import read_status
from keycloak_license.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(doctor)


def doctor(context: typer.Context, *, realm: RealmOption = None, as_json: JsonOption = False) -> None:
    """Prove configuration, Keycloak, rights, federation, clock, keys, licence and ledger."""
    found: list[Check] = []
    for check in _checks(invocation_of(context), realm):
        found.append(check)
        if not as_json:
            mark = "ok  " if check.is_ok else "FAIL"
            typer.echo(f"{mark} {check.name}: {check.detail}")
    if as_json:
        checks = [{"name": each.name, "ok": each.is_ok, "detail": each.detail} for each in found]
        print_json({"ok": all(each.is_ok for each in found), "checks": checks})
    sys.exit(max(each.exit_status for each in found))


def _checks(invocation: Invocation, realm: str | None) -> Iterator[Check]:
    try:
        settings = invocation.settings()
        name, _ = settings.realm(realm)
    except ConfigurationError as error:
        yield Check("configuration", str(error), error.exit_status)
        return
    yield Check("configuration", f"realm {name}, {len(settings.applications)} applications")
    yield from probe(open_client(settings, name), now())
    yield try_out("trusted keys", lambda: _describe_keys(settings))
    ledger = try_out("ledger", lambda: _describe_ledger(settings))
    yield ledger
    if ledger.is_ok:
        yield try_out("licence", lambda: _describe_license(settings, name))


def _describe_keys(settings: Settings) -> str:
    kids = trusted_kids(settings)
    if not kids:
        return f"no key in {settings.trusted_keys} yet: put the vendor's <kid>.public.pem there"
    return f"{', '.join(kids)} in {settings.trusted_keys}"


def _describe_ledger(settings: Settings) -> str:
    description = open_database(settings).describe()
    if description.write_problem:
        raise LedgerError(description.write_problem)
    return f"{description.database} at revision {description.revision}, writable"


def _describe_license(settings: Settings, realm: str) -> str:
    standing = read_status(open_realm(settings, realm), now()).standing
    until = f" until {show_instant(standing.stops_at)}" if standing.stops_at else ""
    return f"{standing.state}, access {standing.access} ({standing.reason}){until}"
