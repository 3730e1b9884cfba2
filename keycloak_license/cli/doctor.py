"""`doctor`: prove each thing that is needed, one line each with what to do.

In: the configuration; out: a line a check, and the status of the worst. Registered by `cli.main`.
"""

import sys
from collections.abc import Iterator

import typer

from keycloak_license.bootstrap import open_client, open_database, open_realm, trusted_kids
from keycloak_license.cli.invocation import JsonOption, RealmOption, invocation_of, now
from keycloak_license.cli.output import print_json, show_instant
from keycloak_license.errors import LedgerError
from keycloak_license.keycloak_api.probe import probe
from keycloak_license.model.check import Check, try_out
from keycloak_license.services.overview import read_status
from keycloak_license.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(doctor)


def doctor(context: typer.Context, *, realm: RealmOption = None, as_json: JsonOption = False) -> None:
    """Prove configuration, Keycloak, rights, federation, clock, keys, licence and ledger."""
    settings = invocation_of(context).settings()
    name, _ = settings.realm(realm)
    found: list[Check] = []
    for check in _checks(settings, name):
        found.append(check)
        if not as_json:
            mark = "ok  " if check.is_ok else "FAIL"
            typer.echo(f"{mark} {check.name}: {check.detail}")
    if as_json:
        checks = [{"name": each.name, "ok": each.is_ok, "detail": each.detail} for each in found]
        print_json({"realm": name, "ok": all(each.is_ok for each in found), "checks": checks})
    sys.exit(max(each.exit_status for each in found))


def _checks(settings: Settings, realm: str) -> Iterator[Check]:
    yield Check("configuration", f"realm {realm}, {len(settings.applications)} applications")
    secret = try_out("client secret", lambda: open_client(settings, realm).access.who)
    if secret.is_ok:
        yield from probe(open_client(settings, realm), now())
    else:
        yield secret
    yield try_out("trusted keys", lambda: _describe_keys(settings))
    ledger = try_out("ledger", lambda: _describe_ledger(settings))
    yield ledger
    if secret.is_ok and ledger.is_ok:
        yield try_out("licence", lambda: _describe_license(settings, realm))


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
