"""`doctor`: prove each thing that is needed, one line each with what to do.

In: the configuration; out: a line a check, and the status of the worst. Registered by `cli.main`.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Annotated

import typer

from keycloak_license.bootstrap import (
    load_trusted_keys,
    open_carriers,
    open_client,
    open_database,
    open_realm,
)
from keycloak_license.cli.invocation import Invocation, JsonOption, RealmOption, invocation_of, now
from keycloak_license.cli.output import print_json
from keycloak_license.errors import (
    ConfigurationError,
    KeycloakLicenseError,
    LedgerError,
    LicenseRefusedError,
    UnavailableError,
)
from keycloak_license.keycloak_api.probe import probe
from keycloak_license.keycloak_api.screen_client import ScreenClient
from keycloak_license.model.attributes import LICENSE_FILE
from keycloak_license.model.audience import DEFAULT_LOCALE, is_address
from keycloak_license.model.check import Check, try_out
from keycloak_license.model.instants import show_instant
from keycloak_license.model.license import LicenseState, NotInForce, Reason
from keycloak_license.model.notice import Channel, Delivered, Delivery, Refused, TrialNotice, Unreachable
from keycloak_license.services.delivery import make_delivery
from keycloak_license.services.installation import check_installation
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.overview import (
    check_enforcement,
    check_time,
    describe_audience,
    list_all_licenses,
    read_status,
)
from keycloak_license.services.ports import Carrier
from keycloak_license.settings import Settings

_NEXT = {
    Reason.NOT_STARTED: ": nobody has access before its first day",
    Reason.GRACE: ": send the vendor what keycloak-license activation-key prints",
    Reason.GRACE_OVER: ": send the vendor what keycloak-license activation-key prints",
    Reason.OTHER_INSTALLATION: ": it is activated for another installation or realm; send the vendor what "
    "keycloak-license activation-key prints, and import the file that comes back",
    Reason.EXPIRED: ": import a renewal",
}
_SETTING = {Channel.MAIL: "mail.host and mail.sender", Channel.WEBHOOK: "webhook.url and webhook.secret"}


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(doctor)


def doctor(
    context: typer.Context,
    *,
    realm: RealmOption = None,
    mail: Annotated[str | None, typer.Option("--mail", help="Send a test mail to this address.")] = None,
    webhook: Annotated[bool, typer.Option("--webhook", help="Post a test notice.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Prove configuration, Keycloak, rights, federation, clock, screen, keys, ledger, licence and mail."""
    found: list[Check] = []
    invocation = invocation_of(context)
    for check in chain(
        _checks(invocation, realm), _notice_checks(invocation, realm, mail, is_posting=webhook)
    ):
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
    probed: list[Check] = []
    client, terms = open_client(settings, name), settings.enforcement_terms(name)
    for check in probe(client, terms, now(), settings.sync.interval_seconds):
        probed.append(check)
        yield check
    if settings.web.enabled and all(each.is_ok for each in probed):
        screen = ScreenClient(client, terms.client_id)
        yield try_out("screen", lambda: screen.describe(settings.web.address))
    yield try_out("trusted keys", lambda: _describe_keys(settings))
    ledger = try_out("ledger", lambda: _describe_ledger(settings))
    yield ledger
    if ledger.is_ok:
        managed = open_realm(settings, name)
        installation = try_out(
            "installation", lambda: check_installation(name, managed.keycloak, managed.ledger)
        )
        yield installation
        yield try_out("time", lambda: check_time(managed, now()))
        if installation.is_ok:
            yield try_out("licence", lambda: _describe_license(managed))
        if installation.is_ok and all(each.is_ok for each in probed):
            yield try_out("enforcement", lambda: check_enforcement(managed, now()))
        if all(each.is_ok for each in probed):
            yield try_out("audience", lambda: describe_audience(managed))


def _notice_checks(
    invocation: Invocation, realm: str | None, address: str | None, *, is_posting: bool
) -> Iterator[Check]:
    """Yield whether notices get out, and whether those that were asked for did."""
    try:
        settings = invocation.settings()
        name, _ = settings.realm(realm)
    except ConfigurationError:
        return  # told already
    try:
        carriers = open_carriers(settings)
    except ConfigurationError as error:
        yield Check("mail and webhook", str(error), error.exit_status)
        return
    for channel in Channel:
        yield try_out(channel.value, partial(_describe_channel, carriers, channel))
    if address is not None:
        trial = _trial(settings, name, Channel.MAIL, address)
        yield try_out("test mail", partial(_try_channel, carriers, trial))
    if is_posting:
        trial = _trial(settings, name, Channel.WEBHOOK, "")
        yield try_out("test post", partial(_try_channel, carriers, trial))


def _describe_channel(carriers: Mapping[Channel, Carrier], channel: Channel) -> str:
    return carriers[channel].check() if channel in carriers else f"none is configured ({_SETTING[channel]})"


def _trial(settings: Settings, realm: str, channel: Channel, recipient: str) -> Delivery:
    """Return a test in the language of the realm, where the ledger knows it."""
    locale: str | None = None
    with suppress(KeycloakLicenseError):
        last_sync = open_database(settings).load(realm, known_claims=()).last_sync
        locale = last_sync.locale if last_sync else None
    at = now().astimezone(settings.realms[realm].time_zone)
    return make_delivery(TrialNotice(realm=realm, at=at), channel, recipient, locale or DEFAULT_LOCALE)


def _try_channel(carriers: Mapping[Channel, Carrier], trial: Delivery) -> str:
    channel, recipient = trial.channel, trial.recipient
    if channel not in carriers:
        raise ConfigurationError(f"There is nowhere to send a test to: set {_SETTING[channel]}")
    if channel is Channel.MAIL and not is_address(recipient):
        raise ConfigurationError(f"{recipient!r} is no mail address: write it as name@example.org")
    match next(outcome for _, outcome in carriers[channel].send([trial])):
        case Delivered():
            return f"handed over for {recipient}: see whether it arrives" if recipient else "accepted"
        case Refused(problem) | Unreachable(problem):
            raise UnavailableError(f"It was not accepted: {problem}")


def _describe_keys(settings: Settings) -> str:
    keys = load_trusted_keys(settings)
    if not keys.kids:
        return f"no current key in {settings.trusted_keys}: put the vendor's <kid>.public.pem there"
    parts = [", ".join(keys.kids)]
    parts += [f"retired {', '.join(keys.retired)}"] if keys.retired else []
    parts += [f"revoked {', '.join(keys.revoked)}"] if keys.revoked else []
    return f"{'; '.join(parts)} in {settings.trusted_keys}"


def _describe_ledger(settings: Settings) -> str:
    description = open_database(settings).describe()
    if description.write_problem:
        raise LedgerError(description.write_problem)
    return f"{description.database} at revision {description.revision}, writable"


def _describe_license(managed: ManagedRealm) -> str:
    report = read_status(managed, now())
    standing = report.standing
    if standing.reason is Reason.NO_LICENSE:
        return _describe_no_license(managed)
    ends = f", last day {standing.license.expires_on.isoformat()}" if standing.license else ""
    ends_word = "until" if standing.is_granted else "ended at"
    until = f", access {ends_word} {show_instant(standing.stops_at)}" if standing.stops_at else ""
    found = f"{standing.state}, access {standing.access} ({standing.reason}){ends}{until}"
    if standing.state is LicenseState.NONE or standing.is_granted:
        return f"{found}{_NEXT.get(standing.reason, '')}"
    raise LicenseRefusedError(f"{found}{_NEXT[standing.reason]}")


def _describe_no_license(managed: ManagedRealm) -> str:
    """Tell whether a licence was lost, does not count any more, or was never there."""
    for each in list_all_licenses(managed, now()):
        if each.reason is NotInForce.NOT_VERIFIED:
            raise LicenseRefusedError(
                f"NONE, access blocked: licence {each.stored.label} does not count, {each.explanation}"
            )
    if managed.keycloak.read_attributes().get(LICENSE_FILE):
        return "NONE in the ledger, but the realm has one: run keycloak-license sync, which takes it back"
    return "NONE, access blocked (no_license): import the file you were sent"
