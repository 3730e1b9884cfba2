"""Whatever happens to a realm: after a sync those get in who may, and only those, in every mode.

A `World` lives through hires, disabled accounts, smaller licences, meddling with our roles and changes of the
mode; what the admin has disabled himself is remembered, for nobody else may enable it.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.application import Application
from keycloak_license.model.enforcement import (
    DISABLED_ROLE,
    OWN_CLIENT,
    Enforcement,
    EnforcementTerms,
    access_role,
    seat_role,
)
from keycloak_license.model.gate import CLIENT_DOORS, Door
from keycloak_license.model.measures import Measure, Refusal
from keycloak_license.plan.gate import is_own_flow
from keycloak_license.services.ports import BeforeWrite
from tests.fake_enforcement import SimulatedGate, own_role
from tests.fakes import MemoryLedger, SimulatedRealm
from tests.unit.services.world import NOON, World

WFM = Application("WFM", "Workforce Management", roles=("WFM_*",), clients=("wfm-app",))
QM = Application("QM", "Quality Management", roles=("QM_*",), clients=("qm-app",))
PEOPLE = 7
MODES = {mode: EnforcementTerms(mode) for mode in Enforcement}

Event = Callable[["Life"], None]


class Crash(BaseException):
    """The process is killed."""


@dataclass
class CrashingRealm(SimulatedRealm):
    """A realm during whose changes the process may be killed."""

    crash_after: int | None = None
    """After how many measures."""

    def enforce(self, measures: Sequence[Measure], before_write: BeforeWrite) -> tuple[Refusal, ...]:
        if self.crash_after is None:
            return super().enforce(measures, before_write)
        done, self.crash_after = measures[: self.crash_after], self.crash_after - len(measures)
        super().enforce(done, before_write)
        if self.crash_after < 0:
            raise Crash
        return ()


@dataclass
class Life:
    """Seven people, more than the licence has seats; the first is exempt, the second manages licences."""

    realm: CrashingRealm = field(default_factory=CrashingRealm)
    world: World = field(init=False)
    people: list[str] = field(default_factory=list)
    disabled_by_admin: set[str] = field(default_factory=set)
    days: int = 0
    number: int = 0

    def __post_init__(self) -> None:
        self.world = World(realm=self.realm, applications=(WFM, QM))
        realm = self.realm
        for client_id in ("wfm-app", "qm-app", "other-app"):
            realm.gate.add_client(client_id)
        realm.gate.add_provider("google")
        realm.create_role(DISABLED_ROLE, OWN_CLIENT)
        names = ["eleveo.admin", *(f"user{number}" for number in range(PEOPLE - 1))]
        self.people = [realm.create_user(name) for name in names]
        realm.grant(self.people[1], realm.create_role("manage-licenses"))
        for user in self.people[:5]:
            realm.grant(user, self.world.agent)
        for user in self.people[3:]:
            realm.grant(user, self.world.reviewer)
        import_license({"WFM": 2, "QM": 1})(self)

    def sync(self) -> None:
        """Sync twice: the second time there is nothing left to do."""
        now = NOON + timedelta(days=self.days)
        self.world.sync(now, force=True)
        again = self.world.sync(now, force=True)
        assert again.changes == (), again.changes

    def own_roles(self) -> dict[str, str]:
        """Id by name."""
        roles = self.world.realm.roles.items()
        return {role.name: id_ for id_, role in roles if role.client_id == OWN_CLIENT}

    def disabled(self) -> set[str]:
        return {each for each in self.people if not self.realm.is_enabled(each)}

    def holders(self, name: str) -> set[str]:
        realm = self.world.realm
        return {each for each in self.people if (OWN_CLIENT, name) in realm.direct_roles(each)}

    def seated(self, application: str) -> set[str]:
        claims = self.world.ledger.load(self.world.realm.name).claims
        return {each.user_id for each in claims if each.is_seated and each.application == application}

    def waiting(self) -> set[str]:
        claims = self.world.ledger.load(self.world.realm.name).claims
        return {each.user_id for each in claims if not each.is_seated}

    def is_open(self, application: str) -> bool:
        attributes = self.world.realm.attributes
        is_granted = attributes["license.access"] == "granted"
        return is_granted and application in attributes["license.scope"].split(",")


def grant(person: int, application: str, *, is_granted: bool) -> Event:
    def event(life: Life) -> None:
        role = life.world.agent if application == "WFM" else life.world.reviewer
        change = life.world.realm.grant if is_granted else life.world.realm.revoke
        change(life.people[person], role)

    return event


def set_enabled(person: int, *, enabled: bool) -> Event:
    """What an admin does.

    To disable who is disabled changes nothing; nor can it be told, when somebody is enabled and disabled
    again between two syncs, that it is not our disabling any more.
    """

    def event(life: Life) -> None:
        user = life.people[person]
        if enabled:
            life.disabled_by_admin.discard(user)
        elif life.world.realm.is_enabled(user) and user not in life.holders(DISABLED_ROLE):
            life.disabled_by_admin.add(user)
        life.world.realm.set_enabled(user, enabled=enabled)

    return event


def import_license(seats: dict[str, int]) -> Event:
    def event(life: Life) -> None:
        life.number += 1
        file = life.world.sign(number=f"L{life.number}", scope=seats)
        life.world.import_file(file, NOON + timedelta(days=life.days))

    return event


def pass_days(days: int) -> Event:
    def event(life: Life) -> None:
        life.days += days

    return event


def choose(mode: Enforcement) -> Event:
    def event(life: Life) -> None:
        life.world.enforcement = MODES[mode]

    return event


def meddle(person: int, name: str, *, is_granted: bool) -> Event:
    """Give one of our roles away by hand, or take it."""

    def event(life: Life) -> None:
        if name in life.own_roles() and not is_granted | (name == DISABLED_ROLE):
            life.world.realm.revoke(life.people[person], own_role(life.world.realm, name))
        elif name in life.own_roles() and name != DISABLED_ROLE:
            life.world.realm.grant(life.people[person], own_role(life.world.realm, name))

    return event


def hand_on(name: str) -> Event:
    """Let the default roles contain one of ours, so that everybody has it."""

    def event(life: Life) -> None:
        if name in life.own_roles():
            realm = life.world.realm
            realm.add_to_composite(realm.default_role, own_role(realm, name))

    return event


def delete_role(name: str) -> Event:
    def event(life: Life) -> None:
        if name in life.own_roles():
            life.world.realm.delete_role(own_role(life.world.realm, name))

    return event


def lose_ledger(life: Life) -> None:
    life.world.ledger = MemoryLedger()


APPLICATIONS = st.sampled_from(["WFM", "QM"])
SOMEBODY = st.integers(0, PEOPLE - 1)
GATE_ROLES = st.sampled_from([of(each) for each in ("WFM", "QM") for of in (seat_role, access_role)])
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(grant, SOMEBODY, APPLICATIONS, is_granted=st.sampled_from([True, True, False])),
    st.builds(set_enabled, SOMEBODY, enabled=st.booleans()),
    st.builds(import_license, st.dictionaries(APPLICATIONS, st.integers(0, 3), min_size=1)),
    st.builds(pass_days, st.sampled_from([1, 40, 400])),
    st.builds(choose, st.sampled_from(Enforcement)),
    st.builds(meddle, SOMEBODY, GATE_ROLES | st.just(DISABLED_ROLE), is_granted=st.booleans()),
    st.builds(hand_on, GATE_ROLES),
    st.builds(delete_role, GATE_ROLES),
    st.just(lose_ledger),
    st.just(Life.sync),
)
HISTORIES = st.lists(EVENTS, max_size=25)


def before_us(gate: SimulatedGate) -> SimulatedGate:
    """A realm with the same doors where nothing was ever gated."""
    fresh = SimulatedGate()
    for client_id, protocol in gate.protocols.items():
        fresh.add_client(client_id, protocol)
    fresh.add_provider("google")
    return fresh


def lead(history: list[Event], mode: Enforcement) -> Life:
    life = Life()
    for event in history:
        event(life)
    choose(mode)(life)
    life.sync()
    return life


def check(life: Life) -> None:
    """What holds after a sync, whatever happened before."""
    match life.world.enforcement.mode:
        case Enforcement.GATE:
            check_gate(life)
        case Enforcement.DISABLE:
            check_disabled(life)
        case Enforcement.OBSERVE:
            check_nothing_left(life)


def check_gate(life: Life) -> None:
    """Just the seated have the role of a seat, and with it access as long as that is granted."""
    realm, exempt = life.world.realm, life.people[0]
    for application, counted in (("WFM", "WFM_AGENT"), ("QM", "QM_AGENT")):
        assert life.holders(seat_role(application)) == life.seated(application)
        needs_none = life.is_open(application) and (None, counted) in realm.effective_roles(exempt)
        is_there = realm.is_enabled(exempt) and exempt not in life.seated(application)
        assert life.holders(access_role(application)) == ({exempt} if needs_none and is_there else set())
        access = OWN_CLIENT, access_role(application)
        with_access = {each for each in life.people if access in realm.effective_roles(each)}
        seated = life.seated(application) if life.is_open(application) else set()
        assert with_access - {exempt} == seated - {exempt}
    assert life.holders(DISABLED_ROLE) == set()
    assert life.disabled() == life.disabled_by_admin
    for client_id in ("wfm-app", "qm-app"):
        assert all(is_own_flow(realm.gate.flow_of(Door(kind, client_id))) for kind in CLIENT_DOORS)


def check_disabled(life: Life) -> None:
    """Just those who lack a seat are disabled by us, and those whom the admin has disabled stay so."""
    assert life.disabled_by_admin <= life.disabled()
    assert life.holders(DISABLED_ROLE) == life.disabled() - life.disabled_by_admin
    if "license.number" in life.world.realm.attributes:
        assert life.holders(DISABLED_ROLE) == life.waiting() - {life.people[1]}
    assert not any(name.startswith(("seat-", "access-")) for name in life.own_roles())


def check_nothing_left(life: Life) -> None:
    """Nothing of ours is there; only the role that the sidecar itself may not remove."""
    realm = life.world.realm
    assert life.own_roles().keys() <= {DISABLED_ROLE}
    assert life.holders(DISABLED_ROLE) == set()
    assert life.disabled() == life.disabled_by_admin
    assert realm.gate.bound == before_us(realm.gate).bound
    assert not any(is_own_flow(flow) for flow in realm.gate.flows.values())
    assert realm.gate.own_scopes == frozenset()


@given(HISTORIES, st.sampled_from(Enforcement))
def test_after_a_sync_those_get_in_who_may_and_only_those(history: list[Event], mode: Enforcement) -> None:
    check(lead(history, mode))


@given(HISTORIES, st.sampled_from(Enforcement), st.integers(0, 12))
def test_after_a_crash_between_any_two_writes_the_next_sync_comes_to_the_same_end(
    history: list[Event], mode: Enforcement, measures: int
) -> None:
    life = Life()
    for event in history:
        event(life)
    choose(mode)(life)
    life.realm.crash_after = measures
    with suppress(Crash):
        life.world.sync(NOON + timedelta(days=life.days), force=True)
    life.realm.crash_after = None
    life.sync()

    check(life)


@given(HISTORIES, st.sampled_from([Enforcement.GATE, Enforcement.DISABLE]))
def test_a_lost_ledger_costs_nobody_a_seat(history: list[Event], mode: Enforcement) -> None:
    """In mode gate not even where the attributes do not tell who waits: the roles do."""
    life = lead(history, mode)
    before = {each: life.seated(each) for each in ("WFM", "QM")}
    lose_ledger(life)
    if mode is Enforcement.GATE:
        for application in before:
            life.world.realm.attributes.pop(f"license.{application}.queue", None)
    life.sync()

    if life.world.realm.attributes["license.access"] == "granted":
        assert {each: life.seated(each) for each in ("WFM", "QM")} == before
