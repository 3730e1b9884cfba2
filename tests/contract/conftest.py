"""Each test of the contract runs on the simulator and on the real thing."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.ledger.store import SqlLedger, open_ledger
from keycloak_license.model.application import Application
from keycloak_license.model.changes import AttributeChange
from keycloak_license.model.enforcement import Enforcement
from keycloak_license.model.logins import LoginReading, LoginSearch
from keycloak_license.model.measures import Measure, Refusal, RoleCreated
from keycloak_license.model.realm import GrantTimes, RealmSnapshot, Rereading, User
from keycloak_license.services.ports import BeforeWrite, Ledger, Realm
from tests.contract.enforced import ACCESS, SEAT, Enforced, Make, provision, simulate
from tests.contract.realm_admin import (
    VIEW_ONLY,
    RealmAdmin,
    RestAdmin,
    connect_as_sidecar,
    connect_as_viewer,
)
from tests.fakes import MemoryLedger, SimulatedRealm
from tests.real.keycloak import MakeRealm
from tests.real.postgres import PostgresServer, postgres

Subject = tuple[RealmAdmin, Realm]
"""A realm from the admin's side and from ours."""


class BothWays:
    """The real realm, looked at with all our rights and with view rights only, which must see the same.

    With all rights a small realm is read by export, without by walking. And what is followed from one read
    to the next must be what is read.
    """

    def __init__(self, full: Realm, view_only: Realm, followed: Realm) -> None:
        self._full, self._view_only, self._followed = full, view_only, followed

    def read(self, applications: Sequence[Application], group_paths: Sequence[str] = ()) -> RealmSnapshot:
        if group_paths:
            return self._read_named(applications, group_paths)
        snapshot, same = self._full.read(applications), self._view_only.read(applications)
        refreshed = self._followed.refresh(applications)
        followed = self._followed.follow(applications)
        assert refreshed is None or _timeless(refreshed) == _timeless(snapshot)
        assert _timeless(followed) == _timeless(snapshot)
        assert followed.drift in {None, 0}
        # What is missing is told by what could not be asked, and that depends on the way.
        assert replace(_timeless(same), gaps=()) == replace(_timeless(snapshot), gaps=())
        assert same.is_complete == snapshot.is_complete
        return snapshot

    def _read_named(self, applications: Sequence[Application], group_paths: Sequence[str]) -> RealmSnapshot:
        snapshot = self._full.read(applications, group_paths)
        assert _timeless(self._view_only.read(applications, group_paths)) == _timeless(snapshot)
        return snapshot

    def follow(self, applications: Sequence[Application]) -> RealmSnapshot:
        return self._followed.follow(applications)

    def refresh(self, applications: Sequence[Application]) -> RealmSnapshot | None:
        return self._followed.refresh(applications)

    def date_grants(self, since: datetime | None) -> GrantTimes:
        return self._full.date_grants(since)

    def read_logins(self, search: LoginSearch) -> LoginReading:
        return self._full.read_logins(search)

    def read_attributes(self) -> Mapping[str, str]:
        attributes = self._full.read_attributes()
        assert self._view_only.read_attributes() == attributes
        return attributes

    def find_user(self, name: str) -> User | None:
        user = self._full.find_user(name)
        assert self._view_only.find_user(name) == user
        return user

    def read_usernames(self, user_ids: Collection[str]) -> Mapping[str, str | None]:
        names = self._full.read_usernames(user_ids)
        assert self._view_only.read_usernames(user_ids) == names
        return names

    def ensure_writable(self) -> None:
        self._full.ensure_writable()

    def reread(self, user_ids: Sequence[str], applications: Sequence[Application]) -> Rereading:
        reading = self._full.reread(user_ids, applications)
        assert self._view_only.reread(user_ids, applications).users == reading.users
        return reading

    def write_attributes(self, changes: Sequence[AttributeChange], before_write: BeforeWrite) -> None:
        self._full.write_attributes(changes, before_write)

    def enforce(self, measures: Sequence[Measure], before_write: BeforeWrite) -> tuple[Refusal, ...]:
        return self._full.enforce(measures, before_write)


def _timeless(snapshot: RealmSnapshot) -> RealmSnapshot:
    return replace(snapshot, server_time=None, granted_at=None, is_writable=False, drift=None)


@pytest.fixture(params=["simulated", "real"])
def subject(request: pytest.FixtureRequest) -> Subject:
    if request.param == "simulated":
        simulated = SimulatedRealm()
        return simulated, simulated
    make_realm: MakeRealm = request.getfixturevalue("make_realm")
    real = make_realm({"adminEventsEnabled": True, **VIEW_ONLY})
    ways = (connect_as_sidecar, connect_as_viewer, connect_as_sidecar)
    return RestAdmin(real), BothWays(*(KeycloakRealm(connect(real)) for connect in ways))


@pytest.fixture
def admin(subject: Subject) -> RealmAdmin:
    return subject[0]


@pytest.fixture
def realm(subject: Subject) -> Realm:
    return subject[1]


@pytest.fixture(params=["simulated", "real"])
def read_only(request: pytest.FixtureRequest) -> Subject:
    """A realm in which we have the rights to look, and no others."""
    if request.param == "simulated":
        simulated = SimulatedRealm(is_read_only=True)
        return simulated, simulated
    make_realm: MakeRealm = request.getfixturevalue("make_realm")
    real = make_realm({"adminEventsEnabled": True, **VIEW_ONLY})
    return RestAdmin(real), KeycloakRealm(connect_as_viewer(real))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="module")
def databases(postgres_server: PostgresServer) -> Iterator[tuple[SqlLedger, ...]]:
    """One of each kind, for tests that make realms of their own."""
    with (
        closing(open_ledger("sqlite://")) as in_memory,
        closing(open_ledger(postgres_server.create_database())) as on_a_server,
    ):
        yield in_memory, on_a_server


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.create_database()
    with closing(open_ledger(url)) as opened:
        yield opened


@pytest.fixture(params=["simulated", "real"])
def make_enforced(request: pytest.FixtureRequest) -> Make:
    if request.param == "simulated":
        return simulate
    make_realm: MakeRealm = request.getfixturevalue("make_realm")
    return lambda mode: provision(make_realm(), mode)


@pytest.fixture
def gated(make_enforced: Make) -> Enforced:
    """A realm of mode gate with the roles of one application."""
    made = make_enforced(Enforcement.GATE)
    made.enforce(RoleCreated(SEAT), RoleCreated(ACCESS))
    return made


@pytest.fixture
def disabling(make_enforced: Make) -> Enforced:
    return make_enforced(Enforcement.DISABLE)


@pytest.fixture
def doors(make_enforced: Make) -> Enforced:
    """A realm of mode gate with three clients, one of which has its own login, and a provider."""
    made = make_enforced(Enforcement.GATE)
    made.doors.add_client("wfm-app")
    made.doors.add_client("both-saml", "saml")
    made.doors.add_client("other-app")
    made.doors.add_provider("google")
    made.doors.give_own_login("wfm-app")
    return made
