"""The only composer: settings in, wired use cases out.

Called by `cli` and `worker`; nothing else knows both a port and its adapter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from keycloak_license.keycloak_api.answers import Access
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.directory import KeycloakDirectory
from keycloak_license.keycloak_api.provision import Provisioner
from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.keycloak_api.session import uncounted
from keycloak_license.ledger.store import SqlLedger, open_ledger
from keycloak_license.license_file.verify import TrustedFolder, TrustedKeys
from keycloak_license.mail.messages import compose
from keycloak_license.mail.smtp import MailServer, Security, SmtpChannel
from keycloak_license.mail.webhook import WebhookChannel, WebhookTarget
from keycloak_license.model.enforcement import Enforcement
from keycloak_license.model.notice import Channel
from keycloak_license.model.progress import Progress, no_progress
from keycloak_license.plan.guard import Guard
from keycloak_license.services.cleaning import Cleaner
from keycloak_license.services.delivery import Post
from keycloak_license.services.observation import ManagedRealm, RealmTerms
from keycloak_license.services.ports import Carrier, Directory, Ledger
from keycloak_license.settings import GuardSettings, MailSettings, Settings

PATIENCE_SECONDS = 20.0


def never() -> bool:
    """Tell that nobody asked to stop."""
    return False


@dataclass(frozen=True, slots=True)
class Admin:
    """An administrator's login, for `init` only; it is not kept."""

    username: str
    password: str
    realm: str = "master"


def open_realm(
    settings: Settings,
    name: str | None,
    *,
    ledger: Ledger | None = None,
    progress: Progress = no_progress,
    should_stop: Callable[[], bool] = never,
    on_request: Callable[[], None] = uncounted,
) -> ManagedRealm:
    """Return a configured realm, ready to work on; without a ledger given, its own is opened.

    `on_request` is called for every request to Keycloak, by any thread.
    """
    realm_name, realm_settings = settings.realm(name)
    client = open_client(settings, realm_name, should_stop, on_request)
    return ManagedRealm(
        name=realm_name,
        zone=realm_settings.time_zone,
        applications=settings.application_list(),
        keycloak=KeycloakRealm(client, progress, settings.enforcement_terms(realm_name)),
        ledger=ledger or open_database(settings),
        verifier=TrustedFolder(settings.trusted_keys),
        guard=_guard(settings.guard),
        patience_seconds=patience_for(settings),
        notice_terms=settings.notice_terms(realm_name),
        enforcement=settings.enforcement_terms(realm_name),
        history=settings.history.terms,
    )


def realm_terms(settings: Settings, name: str) -> RealmTerms:
    """Return what a configured realm is planned by when it is not read from Keycloak; nothing is opened.

    What a mode would do there is left out: only Keycloak knows its flows.
    """
    _, realm_settings = settings.realm(name)
    return RealmTerms(
        name=name,
        zone=realm_settings.time_zone,
        applications=settings.application_list(),
        verifier=TrustedFolder(settings.trusted_keys),
        guard=_guard(settings.guard),
        notice_terms=settings.notice_terms(name),
        enforcement=replace(settings.enforcement_terms(name), mode=Enforcement.OBSERVE),
    )


def open_post(
    settings: Settings, ledger: Ledger, realms: Sequence[str], should_stop: Callable[[], bool] = never
) -> Post:
    """Return what brings the notices of some realms to people, by all ways that are configured."""
    return Post(ledger.outbox, open_carriers(settings), realms, should_stop)


def open_carriers(settings: Settings) -> dict[Channel, Carrier]:
    """Return the ways out that are configured; nothing is connected yet."""
    carriers: dict[Channel, Carrier] = {}
    if (server := _mail_server(settings.mail)) is not None:
        carriers[Channel.MAIL] = SmtpChannel(server, compose, _now)
    webhook = settings.webhook
    if webhook.url is not None and webhook.secret is not None:
        secret = webhook.secret.get_secret_value()
        target = WebhookTarget(webhook.url, secret, webhook.timeout_seconds, webhook.verify_tls)
        carriers[Channel.WEBHOOK] = WebhookChannel(target, _now)
    return carriers


def _mail_server(mail: MailSettings) -> MailServer | None:
    if mail.host is None or mail.sender is None:
        return None
    unencrypted = Security.STARTTLS if mail.starttls else Security.NONE
    return MailServer(
        host=mail.host,
        port=mail.port,
        sender=mail.sender,
        security=Security.TLS if mail.tls else unencrypted,
        username=mail.username,
        password=mail.password.get_secret_value() if mail.password else None,
        timeout_seconds=mail.timeout_seconds,
        verify_tls=mail.verify_tls,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def patience_for(settings: Settings) -> float:
    """Return for how many seconds to wait for one who has died to lose its lease, or to finish its work."""
    return settings.sync.lease_duration.total_seconds() + PATIENCE_SECONDS


def open_directory(settings: Settings, realm: str, on_request: Callable[[], None] = uncounted) -> Directory:
    """Return what tells the screen who may work with it; no request is made yet."""
    client = open_client(settings, realm, on_request=on_request)
    return KeycloakDirectory(client, settings.keycloak.client_id)


def open_client(
    settings: Settings,
    realm: str,
    should_stop: Callable[[], bool] = never,
    on_request: Callable[[], None] = uncounted,
) -> KeycloakClient:
    """Return a session with the sidecar's own rights; no request is made yet."""
    keycloak = settings.keycloak
    access = Access(
        url=keycloak.url,
        auth_realm=keycloak.auth_realm or realm,
        client_id=keycloak.client_id,
        client_secret=keycloak.client_secret.get_secret_value(),
        timeout_seconds=keycloak.timeout_seconds,
        verify_tls=tls_check(settings),
    )
    return KeycloakClient(access, realm, should_stop=should_stop, on_request=on_request)


def open_provisioner(settings: Settings, realm: str, admin: Admin) -> Provisioner:
    """Return what makes and removes our things in a realm, with an administrator's rights."""
    access = _admin_access(settings, admin)
    return Provisioner(
        realm=KeycloakClient(access, realm),
        auth_realm=KeycloakClient(access, settings.keycloak.auth_realm or realm),
        client_id=settings.keycloak.client_id,
    )


def open_cleaner(settings: Settings, realm: str, admin: Admin, mode: Enforcement) -> Cleaner:
    """Return what takes enforcement out of a realm, but for that of a mode, as an administrator."""
    terms = replace(settings.enforcement_terms(realm), mode=mode, is_leaving=True)
    client = KeycloakClient(_admin_access(settings, admin), realm)
    return Cleaner(KeycloakRealm(client, terms=terms), terms)


def create_realm(settings: Settings, admin: Admin, representation: Mapping[str, object]) -> None:
    """Create a realm from a representation; for `demo`."""
    KeycloakClient(_admin_access(settings, admin), admin.realm).create("/realms", representation)


def open_database(settings: Settings) -> SqlLedger:
    """Return the ledger, brought up to date."""
    return open_ledger(settings.database.get_secret_value(), lease_duration=settings.sync.lease_duration)


def load_trusted_keys(settings: Settings) -> TrustedKeys:
    """Return the keys whose licences count."""
    return TrustedKeys.load(settings.trusted_keys)


def _guard(settings: GuardSettings) -> Guard:
    return Guard(
        max_release_percent=settings.max_release_percent,
        max_release_seats=settings.max_release_seats,
        hold=timedelta(hours=settings.hold_hours),
    )


def _admin_access(settings: Settings, admin: Admin) -> Access:
    return Access(
        url=settings.keycloak.url,
        auth_realm=admin.realm,
        client_id="admin-cli",
        username=admin.username,
        password=admin.password,
        timeout_seconds=settings.keycloak.timeout_seconds,
        verify_tls=tls_check(settings),
    )


def tls_check(settings: Settings) -> bool | str:
    """Return whether, or by which CA bundle, Keycloak's certificate is checked."""
    verify = settings.keycloak.verify_tls
    return verify if isinstance(verify, bool) else str(verify)
