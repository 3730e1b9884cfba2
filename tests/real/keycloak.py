"""A real Keycloak for tests, and its admin REST API in four small verbs.

The fixtures `keycloak` and `make_realm` hand these out; `add_ldap` puts a federation into a realm. Set
KEYCLOAK_LICENSE_TEST_KEYCLOAK=url,user,password to use a server that already runs.
"""

import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import requests

from keycloak_license.demo.server import LocalKeycloak
from tests.real.slapd import Slapd

RUNNING = "KEYCLOAK_LICENSE_TEST_KEYCLOAK"
LACKS = "lacks"
"""The property by which a test tells what this Keycloak does not have."""
_TOKEN_SECONDS = 40
"""Admin tokens live 60 s."""


class AdminApiError(AssertionError):
    """The admin API refused; `status` says how."""

    def __init__(self, response: requests.Response) -> None:
        request = response.request
        super().__init__(f"{request.method} {request.url}: {response.status_code} {response.text[:500]}")
        self.status = response.status_code


class AdminApi:
    """The admin REST API as the first administrator; the token is renewed as needed. Not for threads."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url, self.user, self.password = url, user, password
        self._session = requests.Session()
        self._token = ""
        self._token_until = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get(self, path: str, **query: object) -> Any:
        return self._call("GET", path, None, query)

    def post(self, path: str, body: Any = None, **query: object) -> Any:
        """Return the id of what was created where Keycloak tells it, else the answer's JSON, else None."""
        return self._call("POST", path, body, query)

    def put(self, path: str, body: Any = None, **query: object) -> Any:
        return self._call("PUT", path, body, query)

    def delete(self, path: str, body: Any = None, **query: object) -> Any:
        return self._call("DELETE", path, body, query)

    def _call(self, method: str, path: str, body: Any, query: Mapping[str, object]) -> Any:
        response = self._session.request(
            method,
            f"{self.url}/admin/realms{path}",
            json=body,
            params={
                name: str(value).lower() if isinstance(value, bool) else str(value)
                for name, value in query.items()
            },
            headers={"Authorization": f"Bearer {self._fresh_token()}"},
            timeout=300,
        )
        if not response.ok:
            raise AdminApiError(response)
        if "Location" in response.headers:
            return response.headers["Location"].rpartition("/")[2]
        return response.json() if response.content else None

    def _fresh_token(self) -> str:
        if time.monotonic() >= self._token_until:
            asked = time.monotonic()
            response = self._session.post(
                f"{self.url}/realms/master/protocol/openid-connect/token",
                data={
                    "grant_type": "password",
                    "client_id": "admin-cli",
                    "username": self.user,
                    "password": self.password,
                },
                timeout=60,
            )
            if not response.ok:
                raise AdminApiError(response)
            self._token = response.json()["access_token"]
            self._token_until = asked + _TOKEN_SECONDS
        return self._token


@dataclass(frozen=True)
class RealRealm:
    """One realm; paths are relative to it, as in ``realm.get("/users", max=5)``."""

    name: str
    id: str
    api: AdminApi

    def get(self, path: str = "", **query: object) -> Any:
        return self.api.get(f"/{self.name}{path}", **query)

    def post(self, path: str, body: Any = None, **query: object) -> Any:
        return self.api.post(f"/{self.name}{path}", body, **query)

    def put(self, path: str, body: Any = None, **query: object) -> Any:
        return self.api.put(f"/{self.name}{path}", body, **query)

    def delete(self, path: str, body: Any = None, **query: object) -> Any:
        return self.api.delete(f"/{self.name}{path}", body, **query)

    def write_attributes(self, attributes: Mapping[str, str]) -> None:
        """Have these and no others, as an admin would write them: old versions forget headers otherwise."""
        headers = self.get()["browserSecurityHeaders"]
        self.put("", {"attributes": attributes, "browserSecurityHeaders": headers})

    def user_id(self, username: str) -> str:
        [user] = self.get("/users", username=username, exact=True)
        return str(user["id"])

    def group_id(self, path: str) -> str:
        return str(self.get(f"/group-by-path{path}")["id"])

    def client_uuid(self, client_id: str) -> str:
        [client] = self.get("/clients", clientId=client_id)
        return str(client["id"])


class MakeRealm(Protocol):
    """What the fixture `make_realm` hands out."""

    def __call__(self, representation: Mapping[str, Any] | None = None) -> RealRealm:
        """Make a realm from a partial representation; its name is always a new one."""


@contextmanager
def running_keycloak(cache: Path) -> Iterator[AdminApi]:
    """Boot a Keycloak, or take the one that the environment names."""
    named = os.environ.get(RUNNING)
    if named:
        with AdminApi(*named.split(",", 2)) as api:
            yield api
        return
    with (
        LocalKeycloak(cache) as server,
        AdminApi(server.url, server.admin_user, server.admin_password) as api,
    ):
        yield api


@contextmanager
def temporary_realm(api: AdminApi, representation: Mapping[str, Any]) -> Iterator[RealRealm]:
    """Make an enabled realm of a name of its own, and delete it after the block."""
    named = {"enabled": True, **representation, "realm": f"test-{uuid.uuid4().hex[:12]}"}
    with named_realm(api, named) as realm:
        yield realm


@contextmanager
def named_realm(api: AdminApi, representation: Mapping[str, Any]) -> Iterator[RealRealm]:
    """Make a realm of the name that it has, and delete it after the block."""
    name = representation["realm"]
    api.post("", representation)
    try:
        yield RealRealm(name, api.get(f"/{name}")["id"], api)
    finally:
        api.delete(f"/{name}")


@dataclass(frozen=True)
class LdapProvider:
    """A user storage provider in a realm, with what is needed to synchronise it."""

    realm: RealRealm
    id: str
    mapper_ids: tuple[str, str]
    """Of groups and of roles."""

    def sync(self) -> None:
        """Bring groups and roles, then all users, from LDAP into the realm."""
        for mapper_id in self.mapper_ids:
            self.realm.post(f"/user-storage/{self.id}/mappers/{mapper_id}/sync", direction="fedToKeycloak")
        self.realm.post(f"/user-storage/{self.id}/sync", action="triggerFullSync")


def add_ldap(realm: RealRealm, slapd: Slapd) -> LdapProvider:
    """Federate a realm with a directory, its groups and realm roles included, read-only; then sync."""
    provider_kind = ("ldap", "org.keycloak.storage.UserStorageProvider")
    provider_id = realm.post(
        "/components", _component(realm.id, "ldap", provider_kind, _provider_config(slapd))
    )

    def add_mapper(name: str, kind: str, config: dict[str, str]) -> str:
        mapper_kind = (kind, "org.keycloak.storage.ldap.mappers.LDAPStorageMapper")
        membership = {"membership.ldap.attribute": "member", "membership.attribute.type": "DN"}
        full_config = config | membership | {"mode": "READ_ONLY"}
        return str(realm.post("/components", _component(provider_id, name, mapper_kind, full_config)))

    mapper_ids = (
        add_mapper("groups", "group-ldap-mapper", _group_config(slapd)),
        add_mapper("roles", "role-ldap-mapper", _role_config(slapd)),
    )
    provider = LdapProvider(realm, provider_id, mapper_ids)
    provider.sync()
    return provider


def _provider_config(slapd: Slapd) -> dict[str, str]:
    return {
        "vendor": "other",
        "connectionUrl": slapd.url,
        "bindDn": slapd.admin_dn,
        "bindCredential": slapd.password,
        "usersDn": slapd.people_dn,
        "usernameLDAPAttribute": "uid",
        "rdnLDAPAttribute": "uid",
        "uuidLDAPAttribute": "entryUUID",
        "userObjectClasses": "inetOrgPerson, organizationalPerson",
        "editMode": "READ_ONLY",
        "importEnabled": "true",
        "searchScope": "1",
        "pagination": "true",
        "batchSizeForSync": "1000",
        # Nothing is answered from memory: a directory that is down must show at once.
        "cachePolicy": "NO_CACHE",
        "connectionTimeout": "5000",
    }


def _group_config(slapd: Slapd) -> dict[str, str]:
    return {
        "groups.dn": slapd.groups_dn,
        "group.name.ldap.attribute": "cn",
        "group.object.classes": "groupOfNames",
        "preserve.group.inheritance": "false",
        "user.roles.retrieve.strategy": "LOAD_GROUPS_BY_MEMBER_ATTRIBUTE",
    }


def _role_config(slapd: Slapd) -> dict[str, str]:
    return {
        "roles.dn": slapd.roles_dn,
        "role.name.ldap.attribute": "cn",
        "role.object.classes": "groupOfNames",
        "use.realm.roles.mapping": "true",
        "user.roles.retrieve.strategy": "LOAD_ROLES_BY_MEMBER_ATTRIBUTE",
    }


def _component(parent_id: str, name: str, kind: tuple[str, str], config: Mapping[str, str]) -> dict[str, Any]:
    provider_id, provider_type = kind
    return {
        "name": name,
        "providerId": provider_id,
        "providerType": provider_type,
        "parentId": parent_id,
        "config": {key: [value] for key, value in config.items()},
    }
