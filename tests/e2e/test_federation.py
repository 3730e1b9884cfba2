"""Users from a real LDAP directory: they count like anybody, and while it is silent nobody loses a seat.

Keycloak's own effective roles of each user are the truth that the role-first read is held to.
"""

import signal
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.model.application import Application
from keycloak_license.model.changes import SeatAssigned, SeatReleased
from keycloak_license.model.license import License, LicenseType
from keycloak_license.model.realm import RealmSnapshot, Role
from keycloak_license.model.record import StoredLicense
from keycloak_license.model.report import SyncReport
from keycloak_license.plan.consumers import resolve_consumers
from keycloak_license.services.following import Follower
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.reconcile import run_once
from tests.contract.realm_admin import VIEW_ONLY, connect_as_sidecar, connect_as_viewer
from tests.e2e.test_following import timeless
from tests.fakes import MemoryLedger, TrustingVerifier
from tests.leased import add_licenses
from tests.real.keycloak import AdminApiError, LdapProvider, MakeRealm, RealRealm, add_ldap
from tests.real.slapd import Slapd

PEOPLE: Final = tuple(f"person{number:03}" for number in range(200))
AGENTS: Final = PEOPLE[:50]
SCHEDULERS: Final = PEOPLE[40:60]
STAFF: Final = PEOPLE[55:70]
CONSUMERS: Final = set(PEOPLE[:70])

WFM: Final = Application(
    "WFM", "Workforce Management", roles=("WFM_*",), client_roles=(("desk", ("agent",)),)
)
REALM: Final[Mapping[str, Any]] = {
    "adminEventsEnabled": True,
    "clients": [{"clientId": "desk"}, *VIEW_ONLY["clients"]],
    "users": VIEW_ONLY["users"],
    "roles": {
        "realm": [
            {"name": "WFM_AGENT"},
            {"name": "STAFF", "composite": True, "composites": {"client": {"desk": ["agent"]}}},
        ],
        "client": {"desk": [{"name": "agent"}]},
    },
    "groups": [{"name": "AGENTS", "realmRoles": ["WFM_AGENT"]}, {"name": "EVERYBODY"}],
}
NOON: Final = datetime(2026, 3, 29, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Federation:
    """A realm with the directory behind it."""

    realm: RealRealm
    slapd: Slapd
    provider: LdapProvider

    @property
    def ours(self) -> KeycloakRealm:
        return KeycloakRealm(connect_as_sidecar(self.realm))

    def configure(self, component_id: str | None = None, **config: str) -> None:
        """Change settings of the provider, or of one of its mappers; `_` stands for a dot."""
        path = f"/components/{component_id or self.provider.id}"
        component = self.realm.get(path)
        component["config"] |= {key.replace("_", "."): [value] for key, value in config.items()}
        self.realm.put(path, component)

    def stop_importing(self) -> None:
        """Keep nothing of the users in Keycloak's own database from now on."""
        self.configure(importEnabled="false")
        self.realm.post(f"/user-storage/{self.provider.id}/remove-imported-users")

    def add_mapper(self, kind: str, **config: str) -> None:
        body = {
            "name": f"{kind} {config}",
            "providerId": kind,
            "providerType": "org.keycloak.storage.ldap.mappers.LDAPStorageMapper",
            "parentId": self.provider.id,
            "config": {key: [value] for key, value in config.items()},
        }
        self.realm.post("/components", body)

    def holders(self, among: Collection[str]) -> set[str]:
        """Who has a role of WFM by what Keycloak says of each user."""
        paths = {None: "realm", "desk": f"clients/{self.realm.client_uuid('desk')}"}
        return {
            user["username"]
            for user in self.realm.get("/users", max=1000, briefRepresentation=True)
            if user["username"] in among
            for client_id, path in paths.items()
            for role in self.realm.get(f"/users/{user['id']}/role-mappings/{path}/composite")
            if WFM.counts(Role("", role["name"], client_id))
        }


@pytest.fixture
def slapd() -> Iterator[Slapd]:
    with Slapd(PEOPLE, {"AGENTS": AGENTS}, {"WFM_SCHEDULER": SCHEDULERS, "STAFF": STAFF}) as server:
        yield server


@pytest.fixture(params=["imported", pytest.param("not imported", marks=pytest.mark.slow)])
def federation(make_realm: MakeRealm, slapd: Slapd, request: pytest.FixtureRequest) -> Federation:
    realm = make_realm(REALM)
    made = Federation(realm, slapd, add_ldap(realm, slapd))
    if request.param == "not imported":
        made.stop_importing()
    return made


def consumers(snapshot: RealmSnapshot) -> set[str]:
    return {user.username for user in resolve_consumers(snapshot, WFM, ()).values()}


def test_federated_members_consume_by_group_by_role_and_by_composite(federation: Federation) -> None:
    snapshot = federation.ours.read([WFM])
    assert snapshot.gaps == ()
    assert consumers(snapshot) == CONSUMERS
    assert federation.holders(PEOPLE) == CONSUMERS


def test_federated_members_of_a_client_role_consume(federation: Federation) -> None:
    """The directory's role STAFF becomes a role of the client; the realm's own is left without anybody."""
    _, roles_mapper = federation.provider.mapper_ids
    federation.configure(roles_mapper, use_realm_roles_mapping="false", client_id="desk")
    federation.realm.post(f"/clients/{federation.realm.client_uuid('desk')}/roles", {"name": "STAFF"})
    of_client = Application("WFM", "Workforce Management", client_roles=(("desk", ("STAFF",)),))

    snapshot = federation.ours.read([of_client])
    assert snapshot.gaps == ()
    found = resolve_consumers(snapshot, of_client, ())
    assert {user.username for user in found.values()} == set(STAFF)


def test_a_change_in_the_directory_shows_at_the_next_read(federation: Federation) -> None:
    change_members(federation.slapd, "cn=AGENTS,ou=groups", delete=AGENTS[0], add=PEOPLE[199])
    change_members(federation.slapd, "cn=WFM_SCHEDULER,ou=roles", delete=PEOPLE[54], add=PEOPLE[198])
    changed = CONSUMERS - {AGENTS[0], PEOPLE[54]} | {PEOPLE[198], PEOPLE[199]}
    assert consumers(federation.ours.read([WFM])) == changed


def change_members(slapd: Slapd, entry: str, *, delete: str, add: str) -> None:
    slapd.change(
        f"dn: {entry},{slapd.base_dn}\nchangetype: modify\n"
        f"delete: member\nmember: {slapd.person_dn(delete)}\n-\n"
        f"add: member\nmember: {slapd.person_dn(add)}\n"
    )


def cut_off(federation: Federation) -> None:
    federation.slapd.stop()


def hang(federation: Federation) -> None:
    federation.configure(connectionTimeout="500", readTimeout="500")
    process = federation.slapd._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)


def change_its_password(federation: Federation) -> None:
    federation.configure(bindCredential="no longer this")


def move_its_users(federation: Federation) -> None:
    federation.configure(usersDn=f"ou=moved,{federation.slapd.base_dn}")


def disable(federation: Federation) -> None:
    federation.configure(enabled="false")


def repair(federation: Federation) -> None:
    process = federation.slapd._process
    if process is None:
        federation.slapd.start()
    else:
        process.send_signal(signal.SIGCONT)
    federation.configure(
        bindCredential=federation.slapd.password,
        usersDn=federation.slapd.people_dn,
        enabled="true",
        connectionTimeout="5000",
        readTimeout="5000",
    )


@pytest.mark.parametrize(
    "trouble",
    [
        cut_off,
        pytest.param(hang, marks=pytest.mark.slow),
        change_its_password,
        move_its_users,
        disable,
    ],
)
def test_while_the_directory_is_in_trouble_the_read_has_a_gap_and_nobody_loses_a_seat(
    federation: Federation, trouble: Callable[[Federation], None]
) -> None:
    managed = managed_with_seats(federation, 100)
    first = run_once(managed, now=NOON)
    assert (first.realm.is_complete, usernames(first, SeatAssigned)) == (True, CONSUMERS)

    ids = [federation.realm.user_id(name) for name in AGENTS[:2]]
    trouble(federation)
    try:
        during = run_once(managed, now=NOON + timedelta(minutes=1))
        again = federation.ours.reread(ids, [WFM])
    finally:
        repair(federation)
    assert during.changes == ()
    assert during.realm.applications[0].used == len(CONSUMERS)
    assert not during.realm.is_complete
    assert any("user storage provider ldap " in warning for warning in during.realm.warnings)
    assert (again.gaps, again.silent_providers) != ((), {})

    change_members(federation.slapd, "cn=AGENTS,ou=groups", delete=AGENTS[0], add=PEOPLE[199])
    after = run_once(managed, now=NOON + timedelta(minutes=2))
    assert after.realm.is_complete
    assert (usernames(after, SeatReleased), usernames(after, SeatAssigned)) == ({AGENTS[0]}, {PEOPLE[199]})


def fails(federation: Federation, path: str, **query: object) -> bool:
    """Whether Keycloak tells by an error that it could not ask the directory."""
    try:
        federation.realm.get(path, **query)
    except AdminApiError:
        return True
    return False


def test_with_view_rights_only_a_federated_realm_is_never_complete(federation: Federation) -> None:
    viewer = KeycloakRealm(connect_as_viewer(federation.realm))
    snapshot = viewer.read([WFM])
    assert snapshot.gaps == ()
    assert not snapshot.is_complete
    assert snapshot.silent_providers.keys() == {federation.provider.id}
    assert "manage-realm" in snapshot.silent_providers[federation.provider.id]
    assert consumers(snapshot) == CONSUMERS
    assert viewer.reread([], [WFM]).silent_providers == snapshot.silent_providers


def test_while_the_directory_is_switched_off_only_its_own_people_keep_their_seats(
    federation: Federation,
) -> None:
    realm = federation.realm
    locals_ = {
        name: str(realm.post("/users", {"username": name, "enabled": True})) for name in ("ann", "bob")
    }
    role = realm.get("/roles/WFM_AGENT")
    for user in locals_.values():
        realm.post(f"/users/{user}/role-mappings/realm", [role])
    managed = managed_with_seats(federation, 100)
    first = run_once(managed, now=NOON)
    assert usernames(first, SeatAssigned) == CONSUMERS | locals_.keys()

    disable(federation)
    realm.delete(f"/users/{locals_['ann']}/role-mappings/realm", [role])
    change_members(federation.slapd, "cn=AGENTS,ou=groups", delete=AGENTS[0], add=PEOPLE[199])
    during = run_once(managed, now=NOON + timedelta(minutes=1))
    assert not during.realm.is_complete
    assert usernames(during, SeatReleased) == {"ann"}
    assert usernames(during, SeatAssigned) == set()

    repair(federation)
    after = run_once(managed, now=NOON + timedelta(minutes=2))
    assert after.realm.is_complete
    assert (usernames(after, SeatReleased), usernames(after, SeatAssigned)) == ({AGENTS[0]}, {PEOPLE[199]})


def test_a_federated_user_read_by_himself_is_told_with_his_provider_and_all_his_roles(
    federation: Federation,
) -> None:
    sample = (AGENTS[0], SCHEDULERS[-1], STAFF[-1], PEOPLE[199])
    ids = {name: federation.realm.user_id(name) for name in sample}
    found = federation.ours.reread(tuple(ids.values()), [WFM])

    assert (found.gaps, found.silent_providers) == ((), {})
    for name, user_id in ids.items():
        reading = found.users[user_id]
        assert reading.user is not None
        assert (reading.user.username, reading.user.provider_id) == (name, federation.provider.id)
        assert any(WFM.counts(role) for role in reading.roles) == (name in CONSUMERS)


def test_a_user_who_left_the_directory_is_gone_and_one_of_a_provider_that_is_gone_is_too(
    federation: Federation,
) -> None:
    leaver, other = (federation.realm.user_id(name) for name in (AGENTS[0], AGENTS[1]))
    federation.slapd.change(f"dn: {federation.slapd.person_dn(AGENTS[0])}\nchangetype: delete\n")
    found = federation.ours.reread([leaver, other], [WFM])
    assert found.gaps == ()
    assert [reading.user is None for reading in found.users.values()] == [True, False]

    federation.realm.delete(f"/components/{federation.provider.id}")
    found = federation.ours.reread([other], [WFM])
    assert (found.gaps, found.silent_providers) == ((), {})
    assert found.users[other].user is None


HARDCODED: Final = {
    "role": ("hardcoded-ldap-role-mapper", {"role": "WFM_AGENT"}),
    "client role": ("hardcoded-ldap-role-mapper", {"role": "desk.agent"}),
    "composite": ("hardcoded-ldap-role-mapper", {"role": "STAFF"}),
    "group": ("hardcoded-ldap-group-mapper", {"group": "/AGENTS"}),
}


@pytest.mark.parametrize("hardcoded", HARDCODED)
def test_what_a_mapper_gives_to_every_federated_user_makes_him_a_consumer(
    federation: Federation, hardcoded: str
) -> None:
    kind, config = HARDCODED[hardcoded]
    federation.add_mapper(kind, **config)
    assert_everybody_consumes(federation)


def test_a_default_role_makes_consumers_of_federated_users(federation: Federation) -> None:
    realm = federation.realm
    default_role = realm.get()["defaultRole"]["id"]
    realm.post(f"/roles-by-id/{default_role}/composites", [realm.get("/roles/WFM_AGENT")])
    assert_everybody_consumes(federation)


def test_a_default_group_makes_consumers_of_federated_users(make_realm: MakeRealm, slapd: Slapd) -> None:
    """Imported users join it when they are imported, others have it as long as it is one."""
    realm = make_realm({**REALM, "defaultGroups": ["/AGENTS"]})
    federation = Federation(realm, slapd, add_ldap(realm, slapd))
    assert_everybody_consumes(federation)
    federation.stop_importing()
    assert_everybody_consumes(federation)


@pytest.fixture
def imported(make_realm: MakeRealm, slapd: Slapd) -> Federation:
    """Others take no roles from admins."""
    realm = make_realm(REALM)
    return Federation(realm, slapd, add_ldap(realm, slapd))


def test_federated_users_whom_an_admin_changes_are_followed(imported: Federation) -> None:
    kind, config = HARDCODED["composite"]
    imported.add_mapper(kind, **config)
    followed = imported.ours
    followed.follow([WFM])
    realm, someone = imported.realm, imported.realm.user_id(PEOPLE[150])
    role = realm.get("/roles/WFM_AGENT")
    group = realm.post("/groups", {"name": "HERE"})
    realm.post(f"/groups/{group}/role-mappings/realm", [role])

    def assert_followed() -> None:
        snapshot = followed.refresh([WFM])
        assert snapshot, "it would have to be read again"
        read = imported.ours.read([WFM])
        assert timeless(snapshot) == timeless(read)

    realm.post(f"/users/{someone}/role-mappings/realm", [role])
    assert_followed()
    realm.put(f"/users/{someone}/groups/{group}")
    assert_followed()
    realm.delete(f"/users/{someone}/role-mappings/realm", [role])
    assert_followed()
    realm.post(f"/users/{realm.user_id(AGENTS[0])}/logout")
    assert_followed()
    realm.delete(f"/users/{someone}/groups/{group}")
    assert_followed()


def test_a_user_whom_an_admin_touches_while_the_directory_is_silent_keeps_his_seat(
    imported: Federation,
) -> None:
    person = imported.realm.user_id(AGENTS[0])
    follower = Follower(managed_with_seats(imported, 100), 900)
    assert usernames(follower.read(NOON), SeatAssigned) == CONSUMERS
    assert follower.look(NOON).report
    assert follower.look(NOON).is_unchanged
    # Before: old versions cannot touch whom they cannot ask for.
    imported.realm.post(f"/users/{person}/logout")
    cut_off(imported)
    try:
        later = NOON + timedelta(minutes=1)
        # Old versions do not tell one user, so that all have to be read.
        report = follower.look(later).report or follower.read(later)
    finally:
        repair(imported)
    assert not report.realm.is_complete
    assert report.changes == ()
    assert report.realm.applications[0].used == len(CONSUMERS)


def assert_everybody_consumes(federation: Federation) -> None:
    """By Keycloak's own word first, so that a change of its ways is told from a fault of ours."""
    snapshot = federation.ours.read([WFM])
    sample = PEOPLE[::10]
    assert federation.holders(sample) == set(sample)
    assert snapshot.gaps == ()
    assert consumers(snapshot) == set(PEOPLE)


def managed_with_seats(federation: Federation, seats: int) -> ManagedRealm:
    verifier, ledger = TrustingVerifier(), MemoryLedger()
    day = date(2026, 3, 1)
    license_ = verifier.sign(
        License(
            number="L-1",
            issue=1,
            type=LicenseType.TEMPORARY,
            customer="Example",
            issued_on=day,
            starts_on=day,
            expires_on=day.replace(year=2027),
            scope={"WFM": seats},
        )
    )
    add_licenses(ledger, federation.realm.name, [StoredLicense("L-1", 1, license_.file, NOON)])
    return ManagedRealm(
        name=federation.realm.name,
        zone=ZoneInfo("UTC"),
        applications=(WFM,),
        keycloak=federation.ours,
        ledger=ledger,
        verifier=verifier,
    )


def usernames(report: SyncReport, kind: type[SeatAssigned] | type[SeatReleased]) -> Collection[str]:
    return {change.claim.username for change in report.changes if isinstance(change, kind)}
