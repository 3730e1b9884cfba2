"""Carries out what enforcement has planned.

In: measures in order, and what to call before a write; out: the realm is so, and sentences about what
Keycloak would not do. Called by `realm`. What concerns single users is done several at once, for there is no
call for many.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from threading import Event, Lock
from typing import Self, assert_never
from urllib.parse import quote

from keycloak_license.errors import AlreadyThereError, NotThereError, UnavailableError, UnreachableError
from keycloak_license.keycloak_api import wire
from keycloak_license.keycloak_api.accounts import OwnRoles, change_account, own_role
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.clients import change_client
from keycloak_license.keycloak_api.flows import (
    bind_client,
    bind_provider,
    bind_realm,
    make_gate,
    remove_flow,
)
from keycloak_license.model.enforcement import DISABLED_ROLE, MADE_BY_US, MARK, access_role, seat_role
from keycloak_license.model.gate import REALM_DOORS, Door, DoorKind
from keycloak_license.model.measures import (
    AccessClosed,
    AccessOpened,
    AccountChange,
    DoorBound,
    GateMade,
    GateRemoved,
    LeakClosed,
    Measure,
    RealmMeasure,
    Refusal,
    RoleCreated,
    RoleMeasure,
    RoleRemoved,
    ScopeAttached,
    ScopeCreated,
    ScopeDetached,
    ScopeMeasure,
    ScopeRemoved,
    TokensRevoked,
)
from keycloak_license.model.progress import Progress
from keycloak_license.model.realm import Group, RealmSnapshot

WORKERS = 4
"""Measured with 2 cores: 2.7 ms a role mapping against 5 ms one after the other; more gain nothing."""
CHECK_SECONDS = 0.5
"""How often, at least, the lease is checked while many users are changed: far below what it lasts."""

MARGIN_SECONDS = 2
"""What Keycloak shows of its clock is cut to seconds, and a token of the very second counts as newer."""

BeforeWrite = Callable[[], None]


@dataclass(frozen=True, slots=True)
class OwnThings:
    """What is known of our own client and its roles before anything is changed."""

    client_id: str
    client_uuids: Mapping[str, str] = field(default_factory=dict)
    """By client id, of every client."""
    role_ids: Mapping[str, str] = field(default_factory=dict)
    """Of our roles, by name."""

    @classmethod
    def of(cls, client_id: str, snapshot: RealmSnapshot | None) -> Self:
        """Return what a snapshot tells; nothing where there is none."""
        if snapshot is None:
            return cls(client_id)
        own = {role.name: role.id for role in snapshot.roles.values() if role.client_id == client_id}
        return cls(client_id, snapshot.client_ids, own)


class Enforcer:
    """Carries out one plan; looks up once what is not known."""

    def __init__(
        self, client: KeycloakClient, known: OwnThings, progress: Progress, before_write: BeforeWrite
    ) -> None:
        self._client = client
        self._known = known
        self._progress = progress
        self._before_write = before_write
        self._lock = Lock()
        self._checked = 0.0
        self._uuid_of = cache(self._find_uuid)
        self._reference = cache(self._find_role)

    def carry_out(self, measures: Sequence[Measure]) -> tuple[Refusal, ...]:
        """Do everything in order, and return which users Keycloak would not change.

        Raises what the client raises; everything done so far stays, and the next sync goes on from there.
        """
        refused: list[Refusal] = []
        for concerns_users, group in groupby(measures, lambda each: isinstance(each, AccountChange)):
            if concerns_users:
                refused += self._change_accounts([each for each in group if isinstance(each, AccountChange)])
                continue
            for measure in group:
                if not isinstance(measure, AccountChange):
                    self._before_write()
                    self._change_realm(measure)
        return tuple(refused)

    def _change_accounts(self, changes: Sequence[AccountChange]) -> list[Refusal]:
        own = OwnRoles(self._own_uuid(), self._reference, self._uuid_of)
        refused: list[Refusal] = []
        has_ended = Event()

        def change(each: AccountChange) -> None:
            if has_ended.is_set():
                return
            try:
                self._check_now_and_then()
                change_account(self._client, own, each)
            except BaseException as error:
                # Here, because the thread that waits learns of it later, and others would go on meanwhile.
                if not _concerns_one_user(error):
                    has_ended.set()
                raise

        # Looked up before threads would all do it at once.
        for role in {getattr(each, "role", DISABLED_ROLE) for each in changes}:
            self._reference(role)
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="enforcement") as pool:
            futures = {pool.submit(change, each): each for each in changes}
            try:
                for done, future in enumerate(as_completed(futures), start=1):
                    try:
                        future.result()
                    except UnavailableError as error:
                        # One whom Keycloak cannot change must not keep it from changing the others.
                        if not _concerns_one_user(error):
                            raise
                        refused.append(Refusal(futures[future].user_id, str(error)))
                    self._progress("users", done, len(changes))
            except BaseException:
                has_ended.set()
                raise
        return refused

    def _check_now_and_then(self) -> None:
        with self._lock:
            if time.monotonic() - self._checked < CHECK_SECONDS:
                return
            self._before_write()
            self._checked = time.monotonic()

    def _change_realm(self, measure: RealmMeasure) -> None:
        match measure:
            case RoleCreated() | RoleRemoved() | LeakClosed() | AccessOpened() | AccessClosed():
                self._change_roles(measure)
            case ScopeCreated() | ScopeRemoved() | ScopeAttached() | ScopeDetached():
                self._change_scopes(measure)
            case TokensRevoked():
                self._cut_off([measure.client_id])
            case GateMade():
                flow_id = make_gate(self._client, measure, self._before_write)
                for door in measure.doors:
                    self._bind(door, flow_id, measure.alias)
            case DoorBound():
                flow = measure.flow
                self._bind(measure.door, flow.id if flow else None, flow.alias if flow else None)
            case GateRemoved():
                remove_flow(self._client, measure.flow.id)
            case _:
                assert_never(measure)

    def _change_roles(self, measure: RoleMeasure) -> None:
        client = self._client
        match measure:
            case RoleCreated():
                with suppress(AlreadyThereError):
                    client.create(f"clients/{self._own_uuid()}/roles", own_role(measure.role))
            case RoleRemoved():
                with suppress(NotThereError):
                    client.delete(self._path_of(measure.role))
            case LeakClosed():
                holder = measure.holder
                path = (
                    f"groups/{holder.id}/role-mappings/clients/{self._own_uuid()}"
                    if isinstance(holder, Group)
                    else f"roles-by-id/{holder.id}/composites"
                )
                with suppress(NotThereError):
                    client.delete(path, [self._reference(measure.role)])
            case AccessOpened():
                path = f"{self._path_of(seat_role(measure.application))}/composites"
                client.create(path, [self._reference(access_role(measure.application))])
            case AccessClosed():
                self._close(measure)

    def _change_scopes(self, measure: ScopeMeasure) -> None:
        client = self._client
        if isinstance(measure, ScopeCreated):
            with suppress(AlreadyThereError):
                client.create("client-scopes", _scope(measure))
            return
        scope_id = self._find_scope(measure.scope)
        if scope_id is None:
            return
        if isinstance(measure, ScopeRemoved):
            client.delete(f"client-scopes/{scope_id}")
        elif uuid := self._uuid_of(measure.client_id):
            path = f"clients/{uuid}/default-client-scopes/{scope_id}"
            if isinstance(measure, ScopeAttached):
                # One that is optional there would stay so, and is asked for by nobody.
                with suppress(NotThereError):
                    client.delete(f"clients/{uuid}/optional-client-scopes/{scope_id}")
                client.put(path, {})
            else:
                client.delete(path)

    def _close(self, measure: AccessClosed) -> None:
        """Cut off, then close, which marks it as done; and cut off once more whoever came in between."""
        began = time.monotonic()
        self._cut_off(measure.clients)
        path = f"{self._path_of(seat_role(measure.application))}/composites"
        with suppress(NotThereError):
            self._client.delete(path, [self._reference(access_role(measure.application))])
        if time.monotonic() - began > MARGIN_SECONDS / 2:
            self._cut_off(measure.clients)

    def _cut_off(self, client_ids: Sequence[str]) -> None:
        """Make worthless every token that clients have, from the next refresh on."""
        for client_id in client_ids:
            if uuid := self._uuid_of(client_id):
                self._before_write()
                at = self._client.present_server_time or datetime.now(UTC)
                with suppress(NotThereError):
                    change_client(self._client, uuid, {"notBefore": int(at.timestamp()) + MARGIN_SECONDS})

    def _bind(self, door: Door, flow_id: str | None, alias: str | None) -> None:
        self._before_write()
        if door.kind is DoorKind.BROKER:
            bind_provider(self._client, door.name, alias)
        elif door.kind in REALM_DOORS:
            if alias:
                bind_realm(self._client, door, alias)
        elif uuid := self._uuid_of(door.name):
            bind_client(self._client, uuid, door, flow_id)

    def _own_uuid(self) -> str:
        uuid = self._uuid_of(self._known.client_id)
        if uuid is None:
            raise NotThereError(
                f"Realm {self._client.realm} has no client {self._known.client_id}: run keycloak-license init"
            )
        return uuid

    def _find_uuid(self, client_id: str) -> str | None:
        if client_id in self._known.client_uuids:
            return self._known.client_uuids[client_id]
        found = self._client.get("clients", wire.CLIENTS, clientId=client_id)
        return found[0].id if found else None

    def _find_role(self, name: str) -> Mapping[str, str]:
        if name in self._known.role_ids:
            return {"id": self._known.role_ids[name], "name": name}
        role = self._client.get(self._path_of(name), wire.OWNED_ROLE)
        return {"id": role.id, "name": role.name}

    def _find_scope(self, name: str) -> str | None:
        scopes = self._client.get("client-scopes", wire.SCOPES)
        return next((scope.id for scope in scopes if scope.name == name), None)

    def _path_of(self, role: str) -> str:
        return f"clients/{self._own_uuid()}/roles/{quote(role, safe='')}"


def _scope(measure: ScopeCreated) -> dict[str, object]:
    return {
        "name": measure.scope,
        "description": f"{MADE_BY_US}: tells which application a login is for",
        "protocol": measure.protocol,
        "attributes": {MARK: "true", "include.in.token.scope": "false", "display.on.consent.screen": "false"},
    }


def _concerns_one_user(error: BaseException) -> bool:
    """Tell whether it is only this user whom Keycloak cannot change."""
    return isinstance(error, UnavailableError) and not isinstance(error, UnreachableError)
