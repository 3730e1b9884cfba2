"""A realm that is enforced, from the admin's side and from ours; simulated and real.

`Enforced` is what the tests of enforcement work with; `conftest` makes it both ways.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from keycloak_license.keycloak_api.answers import Access
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.provision import Provisioner
from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.model.enforcement import (
    DISABLED_ROLE,
    OWN_CLIENT,
    Enforcement,
    EnforcementTerms,
    access_role,
    seat_role,
)
from keycloak_license.model.gate import Door, DoorKind, GateReading
from keycloak_license.model.measures import Measure
from keycloak_license.model.realm import RealmSnapshot
from keycloak_license.plan.gate import GateDesign, plan_gate
from keycloak_license.services.ports import Realm
from tests.contract.realm_admin import SECRET, RealmAdmin, RestAdmin, connect_as_admin
from tests.fake_enforcement import BROWSER, SimulatedGate
from tests.fakes import SimulatedRealm, unfenced
from tests.real.keycloak import RealRealm

SEAT, ACCESS = seat_role("WFM"), access_role("WFM")


class DoorAdmin(Protocol):
    """What an admin does to the doors of a realm."""

    def add_client(self, client_id: str, protocol: str = "openid-connect") -> None: ...

    def give_own_login(self, client_id: str) -> None:
        """Let a client's browser logins lead through a flow of its own."""

    def add_provider(self, alias: str) -> None: ...

    def is_cut_off(self, client_id: str) -> bool:
        """Whether tokens of the client have been made worthless."""


@dataclass
class SimulatedDoors:
    gate: SimulatedGate

    def add_client(self, client_id: str, protocol: str = "openid-connect") -> None:
        self.gate.add_client(client_id, protocol)

    def give_own_login(self, client_id: str) -> None:
        self.gate.bound[Door(DoorKind.BROWSER, client_id)] = self.gate.add_flow("own login", BROWSER)

    def add_provider(self, alias: str) -> None:
        self.gate.add_provider(alias)

    def is_cut_off(self, client_id: str) -> bool:
        return client_id in self.gate.cut_off


@dataclass
class RestDoors:
    realm: RealRealm

    def add_client(self, client_id: str, protocol: str = "openid-connect") -> None:
        self.realm.post("/clients", {"clientId": client_id, "protocol": protocol})

    def give_own_login(self, client_id: str) -> None:
        # Old versions do not tell the id of a copy.
        self.realm.post("/authentication/flows/browser/copy", {"newName": "own login"})
        [flow] = [
            each["id"] for each in self.realm.get("/authentication/flows") if each["alias"] == "own login"
        ]
        body = {"authenticationFlowBindingOverrides": {"browser": flow}}
        self.realm.put(f"/clients/{self.realm.client_uuid(client_id)}", body)

    def add_provider(self, alias: str) -> None:
        urls = {name: f"https://idp.test/{name}" for name in ("authorizationUrl", "tokenUrl")}
        config = {"clientId": "us", "clientSecret": SECRET, **urls}
        body = {"alias": alias, "providerId": "oidc", "enabled": True, "config": config}
        self.realm.post("/identity-provider/instances", body)

    def is_cut_off(self, client_id: str) -> bool:
        client = self.realm.get(f"/clients/{self.realm.client_uuid(client_id)}")
        return bool(client.get("notBefore"))


@dataclass
class Enforced:
    """A realm from the admin's side and from ours, which may enforce it."""

    admin: RealmAdmin
    doors: DoorAdmin
    realm: Realm

    def enforce(self, *measures: Measure) -> RealmSnapshot:
        assert self.realm.enforce(measures, unfenced) == ()
        return self.realm.read([])

    def gate(self) -> GateReading:
        gate = self.realm.read([]).gate
        assert gate is not None
        return gate

    def build(self, design: GateDesign) -> GateReading:
        self.enforce(*plan_gate(self.gate(), design))
        return self.gate()


Make = Callable[[Enforcement], Enforced]


def connect(real: RealRealm, mode: Enforcement) -> KeycloakRealm:
    admin = connect_as_admin(real)
    Provisioner(admin, admin, OWN_CLIENT).provision(mode, client_secret=SECRET)
    access = Access(real.api.url, real.name, OWN_CLIENT, SECRET)
    return KeycloakRealm(KeycloakClient(access, real.name), terms=EnforcementTerms(mode))


def simulate(mode: Enforcement) -> Enforced:
    """A simulated realm of that mode, as `init` leaves it."""
    simulated = SimulatedRealm(terms=EnforcementTerms(mode))
    if mode is Enforcement.DISABLE:
        simulated.create_role(DISABLED_ROLE, OWN_CLIENT)
    return Enforced(simulated, SimulatedDoors(simulated.gate), simulated)


def provision(real: RealRealm, mode: Enforcement) -> Enforced:
    """A real one likewise."""
    return Enforced(RestAdmin(real), RestDoors(real), connect(real, mode))


def own_names(snapshot: RealmSnapshot) -> set[str]:
    return {role.name for role in snapshot.roles.values() if EnforcementTerms().is_own(role)}
