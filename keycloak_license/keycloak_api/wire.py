"""The parts of Keycloak's representations that we read, checked for shape.

In: response bodies; out: frozen models. Called by `client` for each answer: a list that is not one, or
an entry without its id, is an unexpected answer, never an empty result.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel
from typing_extensions import TypeAliasType

from keycloak_license.model.realm import User, provider_of

STORAGE_TYPE = "org.keycloak.storage.UserStorageProvider"


class Representation(BaseModel):
    """Base of all: camelCase on the wire, unknown fields ignored, because they differ by version."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )


class RoleRepresentation(Representation):
    """A role in a list."""

    id: str
    name: str
    composite: bool = False
    client_role: bool = False
    container_id: str
    """The realm's id, or the id (not the client id) of the client."""


class RealmRepresentation(Representation):
    """A realm as ``GET /admin/realms/{realm}`` shows it to a caller with view-realm."""

    id: str
    realm: str
    attributes: dict[str, str] = Field(default_factory=dict)
    default_role: RoleRepresentation | None = None
    default_groups: tuple[str, ...] = ()
    """Paths."""
    admin_events_enabled: bool = False
    reset_credentials_flow: str | None = None
    registration_flow: str | None = None
    internationalization_enabled: bool = False
    default_locale: str | None = None
    oauth2_device_code_lifespan: int | None = None
    oauth2_device_polling_interval: int | None = None
    browser_security_headers: dict[str, str] | None = None

    def kept_with_attributes(self) -> dict[str, object]:
        """Return what a PUT of attributes has to name as well.

        Keycloak keeps these settings among the attributes, and forgets those that it does not find in their
        own place: the device login's two in every version, the headers in old ones (measured on 26.7.3 and
        26.0.8).
        """
        names = {"oauth2_device_code_lifespan", "oauth2_device_polling_interval", "browser_security_headers"}
        return self.model_dump(by_alias=True, exclude_none=True, include=names)

    @property
    def locale(self) -> str | None:
        """The language of the realm's pages where nobody has chosen; None where there is but one."""
        return self.default_locale if self.internationalization_enabled else None


class GroupRepresentation(Representation):
    """A group in a list."""

    id: str
    path: str
    parent_id: str | None = None
    sub_group_count: int | None = None
    """How many groups are directly inside; some lists do not tell."""


class ClientRepresentation(Representation):
    """A client in a list."""

    id: str
    client_id: str
    service_accounts_enabled: bool = False
    protocol: str | None = None
    attributes: dict[str, str | None] = Field(default_factory=dict)
    authentication_flow_binding_overrides: dict[str, str] = Field(default_factory=dict)
    """Flow id by kind of door; an empty one is none."""
    default_client_scopes: tuple[str, ...] = ()
    """Names."""


class FragileSettings(Representation):
    """What a change of a client takes away or makes up unless it is sent; None where it is not told."""

    service_accounts_enabled: bool | None = None
    authorization_services_enabled: bool | None = None
    web_origins: tuple[str, ...] | None = None


class OwnedClientRepresentation(Representation):
    """A client with what tells whether it is ours, as an admin sees it."""

    id: str
    client_id: str
    enabled: bool = True
    service_accounts_enabled: bool = True
    secret: str | None = Field(default=None, repr=False)
    attributes: dict[str, str | None] = Field(default_factory=dict)


class ScreenClientRepresentation(OwnedClientRepresentation):
    """The client of the screen, with every setting that Keycloak shows."""

    model_config = ConfigDict(extra="allow")

    default_client_scopes: tuple[str, ...] = ()
    """Names."""


class OwnedRoleRepresentation(Representation):
    """A role with what tells whether it is ours."""

    id: str
    name: str
    attributes: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class ClientMappingsRepresentation(Representation):
    """The direct roles of a user that belong to one client."""

    mappings: tuple[RoleRepresentation, ...]


class MappingsRepresentation(Representation):
    """All direct roles of a user; those of clients by client id."""

    realm_mappings: tuple[RoleRepresentation, ...] = ()
    client_mappings: dict[str, ClientMappingsRepresentation] = Field(default_factory=dict)

    @property
    def role_ids(self) -> frozenset[str]:
        """Their ids."""
        of_clients = (role for each in self.client_mappings.values() for role in each.mappings)
        return frozenset(role.id for role in (*self.realm_mappings, *of_clients))


class ComponentRepresentation(Representation):
    """A component, for example a user storage provider."""

    id: str
    name: str = "without a name"
    provider_id: str = "unknown"
    config: dict[str, tuple[str | None, ...]] = Field(default_factory=dict)


class ExecutionRepresentation(Representation):
    """One step of a flow in an export."""

    requirement: str
    priority: int = 0
    authenticator: str | None = None
    authenticator_config: str | None = None
    """Alias."""
    flow_alias: str | None = None


class FlowRepresentation(Representation):
    """A flow in an export, or alone."""

    id: str
    alias: str
    description: str | None = None
    provider_id: str = "basic-flow"
    top_level: bool = True
    built_in: bool = False
    authentication_executions: tuple[ExecutionRepresentation, ...] = ()


class AuthenticatorRepresentation(Representation):
    """An authenticator that this Keycloak has."""

    id: str


class ConfigRepresentation(Representation):
    """What an authenticator is told."""

    alias: str
    config: dict[str, str | None] = Field(default_factory=dict)


class ProviderRepresentation(Representation):
    """An identity provider."""

    alias: str
    post_broker_login_flow_alias: str | None = None


class ScopeRepresentation(Representation):
    """A client scope with what tells whether it is ours."""

    id: str
    name: str
    attributes: dict[str, str | None] = Field(default_factory=dict)


class FlowsExport(Representation):
    """The part of a partial export that is there even when nothing is asked for."""

    authentication_flows: tuple[FlowRepresentation, ...]
    authenticator_config: tuple[ConfigRepresentation, ...] = ()
    identity_providers: tuple[ProviderRepresentation, ...] = ()
    client_scopes: tuple[ScopeRepresentation, ...] = ()
    browser_flow: str | None = None
    direct_grant_flow: str | None = None
    reset_credentials_flow: str | None = None
    registration_flow: str | None = None


class SystemInfo(Representation):
    """The part of the server info that names the version."""

    version: str | None = None


class ServerInfo(Representation):
    """The server info; only callers with manage-realm see the version."""

    system_info: SystemInfo = SystemInfo()


RoleName = tuple[str | None, str]
"""A role as exports name it: client id, or None for a realm role, and name."""


class ExportedComposites(Representation):
    """The roles directly inside a role, by name."""

    realm: tuple[str, ...] = ()
    client: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    def role_names(self) -> Iterator[RoleName]:
        """Yield them all."""
        yield from _role_names(self.realm, self.client)


class ExportedRole(Representation):
    """A role in a realm export."""

    id: str
    name: str
    composites: ExportedComposites = ExportedComposites()


class ExportedRoles(Representation):
    """All roles of a realm export; client roles by client id."""

    realm: tuple[ExportedRole, ...] = ()
    client: dict[str, tuple[ExportedRole, ...]] = Field(default_factory=dict)


class RoleHolder(Representation):
    """Whoever has roles in a realm export, directly and by name; those of clients by client id."""

    realm_roles: tuple[str, ...] = ()
    client_roles: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    def role_names(self) -> Iterator[RoleName]:
        """Yield the roles."""
        yield from _role_names(self.realm_roles, self.client_roles)


class ExportedGroup(RoleHolder):
    """A group in a realm export."""

    id: str
    path: str
    sub_groups: "tuple[ExportedGroup, ...]" = ()


class ExportedComponents(Representation):
    """The components of an export, as far as we know their shape."""

    storage: tuple[ComponentRepresentation, ...] = Field(default=(), alias=STORAGE_TYPE)


class PartialExport(RealmRepresentation):
    """A partial export with groups, roles and clients."""

    roles: ExportedRoles
    groups: tuple[ExportedGroup, ...] = ()
    clients: tuple[ClientRepresentation, ...]
    components: ExportedComponents = ExportedComponents()


class CountRepresentation(Representation):
    """The answer of the count endpoints."""

    count: int


def _role_names(realm: tuple[str, ...], client: dict[str, tuple[str, ...]]) -> Iterator[RoleName]:
    yield from ((None, name) for name in realm)
    for client_id, names in client.items():
        yield from ((client_id, name) for name in names)


QUIET = ConfigDict(hide_input_in_errors=True)
"""For lists; models say so themselves. What people are called has no place in a traceback."""


_USER_FIELDS = {
    "created_at": "createdTimestamp",
    "provider_id": "federationLink",
    "email_verified": "emailVerified",
}


def _user_field(name: str) -> str:
    """Return what Keycloak calls a field of `User`."""
    return _USER_FIELDS.get(name, name)


def _with_provider(user: User) -> User:
    """Return a user with his provider, which only the id tells where he is not imported."""
    provider_id = user.provider_id or provider_of(user.id)
    return user if provider_id == user.provider_id else replace(user, provider_id=provider_id)


_User = TypeAliasType("_User", Annotated[User, AfterValidator(_with_provider)])
"""A user of a brief list, made without a model in between: there are tens of thousands of them."""
_OF_USERS = ConfigDict(alias_generator=_user_field, hide_input_in_errors=True)

REALM = TypeAdapter(RealmRepresentation)
ROLES = TypeAdapter(list[RoleRepresentation], config=QUIET)
GROUPS = TypeAdapter(list[GroupRepresentation], config=QUIET)
GROUP = TypeAdapter(GroupRepresentation)
USERS: TypeAdapter[list[User]] = TypeAdapter(list[_User], config=_OF_USERS)
USER: TypeAdapter[User] = TypeAdapter(_User, config=_OF_USERS)
CLIENTS = TypeAdapter(list[ClientRepresentation], config=QUIET)
EXPORT = TypeAdapter(PartialExport)
FRAGILE_SETTINGS = TypeAdapter(FragileSettings)
OWNED_CLIENTS = TypeAdapter(list[OwnedClientRepresentation], config=QUIET)
SCREEN_CLIENTS = TypeAdapter(list[ScreenClientRepresentation], config=QUIET)
OWNED_ROLE = TypeAdapter(OwnedRoleRepresentation)
COMPONENTS = TypeAdapter(list[ComponentRepresentation], config=QUIET)
SERVER_INFO = TypeAdapter(ServerInfo)
MAPPINGS = TypeAdapter(MappingsRepresentation)
ANYTHING: TypeAdapter[object] = TypeAdapter(object)
COUNT = TypeAdapter(CountRepresentation)
FLOWS = TypeAdapter(FlowsExport)
TOP_FLOWS = TypeAdapter(list[FlowRepresentation], config=QUIET)
AUTHENTICATORS = TypeAdapter(list[AuthenticatorRepresentation], config=QUIET)
SCOPES = TypeAdapter(list[ScopeRepresentation], config=QUIET)
OBJECT: TypeAdapter[dict[str, object]] = TypeAdapter(dict[str, object], config=QUIET)
"""For what has to be sent back whole."""
