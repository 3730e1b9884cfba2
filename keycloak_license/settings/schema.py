"""Every setting: its name, its bounds, its default, and what it is for.

In: the merged tree of file and environment; out: frozen `Settings`. Built by `load_settings`, read by
`bootstrap`, `cli` and `worker`; the reference table and the example file are held to it by tests.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, model_validator

from keycloak_license.errors import ConfigurationError
from keycloak_license.model.application import Application
from keycloak_license.model.audience import NoticeTerms
from keycloak_license.model.enforcement import Enforcement, EnforcementTerms
from keycloak_license.model.history import HistoryTerms
from keycloak_license.model.screen import ScreenAddress, screen_client_id
from keycloak_license.plan.sharing import keep_pace
from keycloak_license.settings.sources import packaged_applications
from keycloak_license.settings.values import (
    ApplicationId,
    Count,
    Database,
    DatabaseUrl,
    Expected,
    Folder,
    Host,
    HttpUrl,
    MailAddress,
    Names,
    Port,
    RequiredSecret,
    Switch,
    Text,
    TimeZone,
    TlsCheck,
    WebhookUrl,
)


class FrozenModel(BaseModel):
    """Some settings: frozen, no other keys, no values in its error messages."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )


class KeycloakSettings(FrozenModel):
    """How Keycloak is reached."""

    url: HttpUrl = "http://localhost:8080"
    """Address of Keycloak, with its path prefix such as /auth where it has one."""
    client_id: Text = "keycloak-license"
    """The client this program logs in as; `init` creates it."""
    client_secret: RequiredSecret
    """The secret of that client; `init` prints it once."""
    auth_realm: Text | None = None
    """The realm in which the client lives; null means the managed realm."""
    timeout_seconds: Annotated[int, Field(strict=True, ge=1, le=3600)] = 60
    """How long one answer of Keycloak may take, in seconds."""
    verify_tls: TlsCheck = True
    """Whether to check Keycloak's certificate, or the CA bundle to check it against."""


class RealmSettings(FrozenModel):
    """How one realm is treated."""

    enforcement: Enforcement = Enforcement.OBSERVE
    """`observe` publishes only, `gate` closes the login of the applications, `disable` disables users."""
    time_zone: TimeZone = Field(default_factory=lambda: ZoneInfo("UTC"))
    """The IANA time zone in which the dates of a licence are days."""
    disable_federated: Switch = False
    """Whether mode `disable` may also disable users that come from a federation."""
    contact: Text | None = None
    """Whom a refused person is told to ask; null means mail.administrators, else "your administrator"."""


class ApplicationSettings(FrozenModel):
    """One licensed application; it needs at least one pattern in `roles` or `client_roles`."""

    name: Text | None = None
    """The name people read; null means the id."""
    roles: Annotated[Names, Expected("a list of role names or patterns")] = ()
    """Realm roles that make a user its consumer, as shell patterns."""
    client_roles: Annotated[
        Mapping[Text, Annotated[Names, Expected("a list of role names or patterns")]],
        Expected("a mapping of client ids to lists of role names or patterns"),
    ] = Field(default_factory=dict)
    """Client roles that make a user its consumer: client id to shell patterns."""
    clients: Annotated[Names, Expected("a list of client ids")] = ()
    """Client ids of the application itself, closed in mode `gate`."""

    @model_validator(mode="after")
    def _has_a_pattern(self) -> Self:
        if not self.roles and not any(self.client_roles.values()):
            raise ValueError("needs at least one pattern in roles or client_roles")
        return self


class SyncSettings(FrozenModel):
    """How often the worker looks."""

    interval_seconds: Annotated[int, Field(strict=True, ge=1, le=86_400)] = 5
    """Seconds between two looks for changes."""
    full_interval_seconds: Annotated[int, Field(strict=True, ge=1, le=604_800)] = 900
    """Seconds after which everything is read again, changed or not."""
    lease_seconds: Annotated[int | None, Field(strict=True, ge=1, le=600)] = None
    """Seconds a dead process keeps its realm from others; null means twice the interval, at most 10."""

    @property
    def lease_duration(self) -> timedelta:
        """How long the right to write about a realm outlives the process at work on it."""
        if self.lease_seconds is not None:
            return timedelta(seconds=self.lease_seconds)
        return keep_pace(timedelta(seconds=self.interval_seconds)).lease

    @model_validator(mode="after")
    def _full_is_rarer(self) -> Self:
        if self.full_interval_seconds < self.interval_seconds:
            raise ValueError("needs a full_interval_seconds that is not below interval_seconds")
        return self


class GuardSettings(FrozenModel):
    """When releases are held back until they persist or somebody confirms."""

    max_release_percent: Annotated[int, Field(strict=True, ge=0, le=100)] = 20
    """Percent of an application's seats that one sync may release."""
    max_release_seats: Count = 5
    """Number of seats that one sync may always release."""
    hold_hours: Count = 24
    """Hours after which a held release that persists is carried out."""


class MailSettings(FrozenModel):
    """The mail server; without a host no mail is sent."""

    host: Text | None = None
    """Mail server; null means no mail."""
    port: Port = 587
    """Port of the mail server."""
    starttls: Switch = True
    """Whether the connection must be encrypted with STARTTLS; not used with `tls`."""
    tls: Switch = False
    """Whether the connection is encrypted from the first byte, usually on port 465."""
    verify_tls: TlsCheck = True
    """Whether to check the mail server's certificate, or the CA bundle to check it against."""
    username: Text | None = None
    """Login name at the mail server; null means no login."""
    password: SecretStr | None = None
    """Password of that login."""
    sender: MailAddress | None = None
    """Address the mails come from; required with a host."""
    administrators: Annotated[tuple[MailAddress, ...], Expected("a list of mail addresses")] = ()
    """Addresses that get every mail, besides the users with the role manage-licenses."""
    timeout_seconds: Annotated[int, Field(strict=True, ge=1, le=120)] = 30
    """How long one answer of the mail server may take, in seconds; 600 where it looks into a whole mail."""
    expiry_notice_days: Annotated[
        tuple[Annotated[int, Field(strict=True, ge=0, le=3650)], ...],
        Expected("a list of whole numbers from 0 to 3650"),
    ] = (30,)
    """Days before the last day of access on which to tell that it ends; on that day it is told anyway."""
    usage_notice_percents: Annotated[
        tuple[Annotated[int, Field(strict=True, ge=1, le=100)], ...],
        Expected("a list of whole numbers from 1 to 100"),
    ] = (90,)
    """Shares of an application's seats in percent at which to tell that few are left."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.host is not None and self.sender is None:
            raise ValueError("needs a sender when it has a host")
        if (self.username is None) != (self.password is None):
            raise ValueError("needs username and password together, or neither")
        return self


class HistorySettings(FrozenModel):
    """How long is kept what has happened to seats."""

    keep_days: Annotated[int, Field(strict=True, ge=1, le=36_500)] = 730
    """Days after which what happened to seats is forgotten."""
    forget_deleted_users: Switch = False
    """Whether who is deleted in Keycloak is named no more in what has happened."""

    @property
    def terms(self) -> HistoryTerms:
        """How long what happened is kept, as the rest of the program knows it."""
        return HistoryTerms(timedelta(days=self.keep_days), self.forget_deleted_users)


class WebhookSettings(FrozenModel):
    """A second way to tell the same; without an address nothing is posted."""

    url: WebhookUrl | None = None
    """Where each notice is posted as JSON; null means nowhere."""
    secret: SecretStr | None = None
    """What posts are signed with: any text, or whsec_ and base64; required with an address."""
    timeout_seconds: Annotated[int, Field(strict=True, ge=1, le=120)] = 10
    """How long an answer may take, in seconds."""
    verify_tls: TlsCheck = True
    """Whether to check the certificate there, or the CA bundle to check it against."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.url is not None and not (self.secret and self.secret.get_secret_value()):
            raise ValueError("needs a secret when it has a url")
        return self


class WebSettings(FrozenModel):
    """The License Management screen and the management port."""

    enabled: Switch = True
    """Whether `run` serves the screen."""
    host: Host = "127.0.0.1"
    """Address on which the screen and the management port listen."""
    port: Port = 8081
    """Port of the screen."""
    public_url: HttpUrl | None = None
    """Address of the screen as browsers see it; null means http://HOST:PORT."""
    backchannel_url: HttpUrl | None = None
    """Address of the screen as Keycloak sees it, for logouts; null means public_url."""
    idle_minutes: Annotated[int, Field(strict=True, ge=1, le=1440)] = 30
    """Minutes after which who does nothing has to log in again."""
    session_hours: Annotated[int, Field(strict=True, ge=1, le=168)] = 10
    """Hours after which everybody has to log in again."""
    trusted_proxies: Annotated[Names, Expected("a list of addresses or networks")] = ("127.0.0.1", "::1")
    """Addresses or networks of proxies whose X-Forwarded-For is believed."""
    management_port: Port = 9000
    """Port of health and metrics."""

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        if self.port == self.management_port:
            raise ValueError("needs a management_port that differs from port")
        if self.public_url is not None and urlsplit(self.public_url).path.strip("/"):
            raise ValueError("needs a public_url without a path: give the screen a host name of its own")
        return self

    @property
    def address(self) -> ScreenAddress:
        """Where the screen is found."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        public_url = (self.public_url or f"http://{host}:{self.port}").rstrip("/")
        return ScreenAddress(public_url, (self.backchannel_url or public_url).rstrip("/"))


_Verifying = TypeVar("_Verifying", KeycloakSettings, MailSettings, WebhookSettings)


def _seven_applications() -> Mapping[str, ApplicationSettings]:
    return _APPLICATIONS.validate_python(packaged_applications())


class Settings(FrozenModel):
    """The whole configuration, checked, with every path absolute."""

    keycloak: KeycloakSettings
    realms: Annotated[
        Mapping[Text, RealmSettings],
        Field(min_length=1),
        Expected("a mapping that names at least one realm"),
    ]
    """The managed realms by name."""
    applications: Annotated[
        Mapping[ApplicationId, ApplicationSettings],
        Field(min_length=1),
        Expected("a mapping that names at least one application"),
    ] = Field(default_factory=_seven_applications)
    """The licensed applications by id, as licences name them."""
    database: Database = DatabaseUrl("sqlite:///keycloak-license.db")
    """Where seats, licences and history are kept: sqlite:///FILE or postgresql+psycopg://…"""
    trusted_keys: Folder = Path("trusted-keys")
    """Folder of the vendor's *.public.pem; the file name is the kid."""
    sync: SyncSettings = SyncSettings()
    guard: GuardSettings = GuardSettings()
    history: HistorySettings = HistorySettings()
    mail: MailSettings = MailSettings()
    webhook: WebhookSettings = WebhookSettings()
    web: WebSettings = WebSettings()

    @model_validator(mode="after")
    def _never_locks_itself_out(self) -> Self:
        ours = {self.keycloak.client_id, screen_client_id(self.keycloak.client_id)}
        for id_, application in self.applications.items():
            for client_id in sorted(ours.intersection(application.clients)):
                raise ValueError(f"needs applications.{id_}.clients without {client_id}: that client is ours")
        return self

    def realm(self, name: str | None = None) -> tuple[str, RealmSettings]:
        """Choose the realm of that name, or the only one there is, with its settings.

        Raises `ConfigurationError` when there is none of that name, or several and no name.
        """
        configured = ", ".join(self.realms)
        if name is None and len(self.realms) > 1:
            raise ConfigurationError(f"Several realms are configured: name one of {configured} with --realm.")
        chosen = next(iter(self.realms)) if name is None else name
        if chosen not in self.realms:
            raise ConfigurationError(
                f"Realm {chosen} is not configured: choose one of {configured}, or add it under realms."
            )
        return chosen, self.realms[chosen]

    def application_list(self) -> tuple[Application, ...]:
        """Return the applications as the rest of the program knows them, in configured order."""
        return tuple(
            Application(
                id=id_,
                name=given.name or id_,
                roles=given.roles,
                client_roles=tuple(given.client_roles.items()),
                clients=given.clients,
            )
            for id_, given in self.applications.items()
        )

    def enforcement_terms(self, name: str) -> EnforcementTerms:
        """Return how a configured realm is to be enforced."""
        realm = self.realms[name]
        administrators = " or ".join(self.mail.administrators)
        return EnforcementTerms(
            mode=realm.enforcement,
            client_id=self.keycloak.client_id,
            may_disable_federated=realm.disable_federated,
            contact=realm.contact or administrators or "your administrator",
        )

    def with_timeout(self, seconds: int) -> Self:
        """Return the same settings, in which no answer of Keycloak takes longer."""
        shorter = min(seconds, self.keycloak.timeout_seconds)
        keycloak = self.keycloak.model_copy(update={"timeout_seconds": shorter})
        return self.model_copy(update={"keycloak": keycloak})

    def notice_terms(self, name: str) -> NoticeTerms:
        """Return who is told of what in a configured realm."""
        return NoticeTerms(
            zone=self.realms[name].time_zone,
            expiry_days=self.mail.expiry_notice_days,
            usage_percents=self.mail.usage_notice_percents,
            administrators=self.mail.administrators,
            has_mail=self.mail.host is not None,
            has_webhook=self.webhook.url is not None,
        )

    def anchored(self, folder: Path) -> Self:
        """Return the same settings, every relative path taken from this folder."""
        anchor = folder.absolute()

        def anchored_tls(section: _Verifying) -> _Verifying:
            tls = section.verify_tls
            return section.model_copy(update={"verify_tls": tls if isinstance(tls, bool) else anchor / tls})

        return self.model_copy(
            update={
                "keycloak": anchored_tls(self.keycloak),
                "mail": anchored_tls(self.mail),
                "webhook": anchored_tls(self.webhook),
                "trusted_keys": anchor / self.trusted_keys,
                "database": self.database.anchored(anchor),
            }
        )


_APPLICATIONS = TypeAdapter(Mapping[ApplicationId, ApplicationSettings])
