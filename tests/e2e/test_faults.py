"""Keycloak or the network goes wrong in any phase of a sync: nobody loses a seat, and the next sync is right.

Where waiting is not the point, stamina's own test mode leaves the waits between attempts out, and lets the
number of attempts stand.
"""

import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import stamina

from tests.e2e.cli import SECRET, Outcome, Site, ledger_rows, license_attributes, make_site
from tests.real.faults import HTML_PAGE, UNAVAILABLE, Cut, End, Fault, FaultProxy, Run, Say, delay, too_many
from tests.real.keycloak import AdminApi, AdminApiError, RealRealm, add_ldap, temporary_realm
from tests.real.slapd import Slapd

APPLICATIONS = {"WFM": {"roles": ["WFM_*"]}}
LOCAL = ("bob", "cid", "dan")
ATTEMPTS = 4
MOST_REQUESTS = 60
"""In one sync, whatever goes wrong, apart from looks at the realm while it is written; usually it is 20."""
MOST_LOOKS = 100
"""With those."""
JSON = (("Content-Type", "application/json"),)
USER = "/users/[0-9a-f-]{36}"
TOKEN = ("POST", "/token$")
STRUCTURE = ("POST", "exportGroupsAndRoles=true")
MEMBERS_OF_ROLE = ("GET", "/roles/WFM_AGENT/users")
MEMBERS_OF_GROUP = ("GET", "/groups/.*/members")
SERVICE_ACCOUNT = ("GET", "/service-account-user$")
LDAP_TEST = ("POST", "/testLDAPConnection$")
USER_AGAIN = ("GET", f"{USER}$")
REALM = ("GET", "^/admin/realms/[^/]+$")
WRITE = ("PUT", "^/admin/realms/[^/]+$")
READING = {
    "token": TOKEN,
    "number of groups": ("GET", "/groups/count$"),
    "structure": STRUCTURE,
    "members of a role": MEMBERS_OF_ROLE,
    "members of a group": MEMBERS_OF_GROUP,
    "service account": SERVICE_ACCOUNT,
    "LDAP mappers": ("GET", r"/components\?parent="),
    "LDAP test": LDAP_TEST,
    "search": ("GET", "/users/f:"),
    "leaver": USER_AGAIN,
    "roles of a leaver": ("GET", f"{USER}/role-mappings/realm/composite$"),
    "LDAP providers": ("GET", r"/components\?type="),
}
CUTS: tuple[Fault, ...] = tuple(Cut)
FAULTS: tuple[Fault, ...] = (End.RESET, End.LOSE_ANSWER, UNAVAILABLE, too_many(0), HTML_PAGE, *CUTS)
FEW: tuple[Fault, ...] = (End.RESET, UNAVAILABLE, HTML_PAGE, End.GO_DOWN)
"""In the usual run; all of them in the slow one."""
WHO_IS_THERE: tuple[Fault, ...] = (*FEW, Cut.LENGTH, Cut.FITTING)
"""Where the answer decides who keeps a seat."""
USUAL = {
    "token": FEW,
    "structure": (UNAVAILABLE, HTML_PAGE),
    "members of a role": WHO_IS_THERE,
    "members of a group": WHO_IS_THERE,
    "LDAP test": (UNAVAILABLE, HTML_PAGE),
    "leaver": FEW,
    "roles of a leaver": FEW,
}
NOT_FOUND = Say(404, b"404 page not found", (("Content-Type", "text/plain"),))
"""What proxies answer while nobody is behind them; Keycloak answers in JSON."""


@dataclass
class Team:
    """Three seats: of ann by a group, of fay from a directory, and of one of LOCAL by his role.

    Another one of LOCAL waits with that role, and the third has none.
    """

    site: Site
    proxy: FaultProxy
    is_settled: bool = False
    """Whether the last sync was a complete one."""

    @property
    def realm(self) -> RealRealm:
        return self.site.realm

    def claims(self) -> dict[str, bool]:
        """Whether each who is known has a seat."""
        return {name: bool(is_seated) for name, _, is_seated in self._rows()}

    def waiting_ids(self) -> set[str]:
        return {user_id for _, user_id, is_seated in self._rows() if not is_seated}

    def _rows(self) -> list[tuple[str, str, int]]:
        query = "SELECT username, user_id, is_seated FROM claims WHERE realm = ?"
        with closing(sqlite3.connect(self.site.ledger)) as ledger:
            return ledger.execute(query, [self.realm.name]).fetchall()

    def seated(self) -> set[str]:
        return {name for name, is_seated in self.claims().items() if is_seated}

    def attributes(self) -> dict[str, str]:
        return license_attributes(self.realm)

    def sync(self, *words: str) -> Outcome:
        self.is_settled = False
        return self.site.call("sync", "--json", *words)

    def map_role(self, verb: str, name: str) -> None:
        path = f"/users/{self.realm.user_id(name)}/role-mappings/realm"
        getattr(self.realm, verb)(path, [self.realm.get("/roles/WFM_AGENT")])

    def settle(self) -> None:
        """Sync without faults, unless that has been done."""
        self.proxy.heal()
        if not self.is_settled:
            assert self.sync().document["complete"]
            self.proxy.log.clear()
            self.is_settled = True

    def change(self) -> "Change":
        """Somebody leaves his seat, somebody else gets the role; no sync has seen it yet."""
        before = self.claims()
        [leaver] = (name for name in LOCAL if before.get(name))
        [newcomer] = (name for name in LOCAL if name not in before)
        self.map_role("delete", leaver)
        self.map_role("post", newcomer)
        after = {name: True for name in before if name != leaver} | {newcomer: False}
        return Change(before, after, self.attributes(), newcomer)


@dataclass(frozen=True)
class Change:
    """Claims before and after, and the attributes before."""

    before: dict[str, bool]
    after: dict[str, bool]
    attributes: dict[str, str]
    newcomer: str

    def is_nothing_lost(self, team: Team) -> None:
        """Nobody lost a seat; the newcomer may wait already."""
        assert team.claims() in (self.before, self.before | {self.newcomer: False})
        self.is_nothing_half(team)

    def is_nothing_half(self, team: Team) -> None:
        """Attributes are as they were, or all tell what the ledger knows."""
        queue = team.waiting_ids()
        found = team.attributes()
        shown = set(found.pop("license.WFM.queue").split(","))
        rest = {k: v for k, v in self.attributes.items() if k != "license.WFM.queue"}
        if shown == set(self.attributes["license.WFM.queue"].split(",")):
            assert found == rest
        else:
            assert shown == queue
            assert found == rest | {"license.WFM.waiting": str(len(queue))}

    def is_made_by_the_next_sync(self, team: Team) -> None:
        """Without faults all is as if there had been none."""
        team.proxy.heal()
        document = team.sync().document
        assert document["complete"]
        assert document["warnings"] == []
        self.is_made(team)

    def is_made(self, team: Team) -> None:
        assert team.claims() == self.after
        [waiting_id] = team.waiting_ids()
        assert team.attributes() == self.attributes | {"license.WFM.queue": waiting_id}
        team.is_settled = True


def failed(outcome: Outcome, status: int = 3) -> str:
    """The one sentence of a command that failed; when it saw something, its document comes before."""
    lines = outcome.stderr.splitlines()
    assert outcome.status == status, outcome
    assert lines[-1].startswith("Error: "), outcome
    assert lines[-1].endswith("."), outcome
    assert all(line.startswith("Warning: ") for line in lines[:-1]), outcome
    assert not any(word in outcome.stderr for word in ("Traceback", SECRET, "eyJ")), outcome
    if outcome.stdout:
        assert '"complete": false' in outcome.stdout, outcome
    else:
        assert len(lines) == 1, outcome
    return lines[-1]


def name_fault(value: object) -> str | None:
    """How a fault is called in the name of a test."""
    match value:
        case Cut() | End():
            return value.name
        case Say():
            return f"{value.status} {value.body.decode()[:9]}"
        case Run():
            return "run"
        case _:
            return None


def requests_made(team: Team) -> int:
    """How many apart from looks at the realm, which are as many as there is time for."""
    return sum(not matches(request, *REALM) for request in team.proxy.seen)


def struck(proxy: FaultProxy) -> Counter[str]:
    """How often each request met a fault."""
    return Counter(request for request, faults, _ in proxy.log if faults)


def matches(request: str, method: str, path: str) -> bool:
    asked, _, at = request.partition(" ")
    return asked == method and re.search(path, at) is not None


@pytest.fixture(scope="module")
def shared_team(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    people: list[dict[str, Any]] = [{"username": name, "enabled": True} for name in LOCAL]
    representation = {
        "users": [*people, {"username": "ann", "enabled": True, "groups": ["/AGENTS"]}],
        "roles": {"realm": [{"name": "WFM_AGENT"}]},
        "groups": [{"name": "AGENTS", "realmRoles": ["WFM_AGENT"]}],
    }
    with (
        Slapd(["fay"], {"AGENTS": ["fay"]}, {}) as slapd,
        temporary_realm(keycloak, representation) as realm,
        FaultProxy(keycloak.url) as proxy,
    ):
        add_ldap(realm, slapd)
        site = make_site(tmp_path_factory.mktemp("faults") / "site", realm, applications=APPLICATIONS)
        site.init().done()
        team = Team(site.reach(proxy.url), proxy)
        team.map_role("post", "bob")
        site.call("import", site.license("F", {"WFM": 3})).done()
        team.map_role("post", "cid")
        team.settle()
        assert team.claims() == {"ann": True, "fay": True, "bob": True, "cid": False}
        yield team


@pytest.fixture
def waiting_team(shared_team: Team) -> Team:
    """With the waits of the product."""
    shared_team.settle()
    return shared_team


@pytest.fixture
def no_waits() -> Iterator[None]:
    """Between attempts."""
    with stamina.set_testing(True, attempts=ATTEMPTS + 1, cap=True):
        yield


@pytest.fixture
def team(waiting_team: Team, no_waits: None) -> Team:
    return waiting_team


@pytest.mark.parametrize(
    "fault",
    [
        *(fault for fault in FAULTS if fault in FEW),
        *(pytest.param(fault, marks=pytest.mark.slow) for fault in FAULTS if fault not in FEW),
        NOT_FOUND,
        delay(0.05),
    ],
    ids=name_fault,
)
def test_a_fault_that_passes_is_met_with_another_attempt_and_the_sync_is_complete(
    team: Team, fault: Fault
) -> None:
    """Every phase meets it once; the read back, among those who watch, until it cannot have been spared."""
    change = team.change()
    for phase in (*READING.values(), REALM, WRITE):
        team.proxy.on(*phase, fault)
    successful_write = 1 if isinstance(fault, Cut | Run) else 2
    strike_again = Run(lambda: team.proxy.on(*REALM, fault, times=ATTEMPTS - 1))
    team.proxy.on(*WRITE, strike_again, first=successful_write)

    assert team.sync().document["complete"]

    for phase in (*READING.values(), WRITE):
        assert any(matches(request, *phase) for request in struck(team.proxy)), phase
    assert sum(times for request, times in struck(team.proxy).items() if matches(request, *REALM)) > 1
    change.is_made(team)


@pytest.mark.parametrize(
    ("phase", "faults"),
    [
        *(pytest.param(phase, faults, id=phase) for phase, faults in USUAL.items()),
        *(
            pytest.param(phase, (*FAULTS, End.GO_DOWN), id=f"{phase}, all faults", marks=pytest.mark.slow)
            for phase in READING
        ),
    ],
)
def test_while_a_fault_stays_where_a_sync_reads_nobody_loses_a_seat(
    team: Team, phase: str, faults: tuple[Fault, ...]
) -> None:
    change = team.change()
    for fault in faults:
        if phase == "LDAP test" and isinstance(fault, Cut):
            continue  # the answer has no body that could be cut
        team.proxy.heal()
        team.proxy.on(*READING[phase], fault, times=1 if fault is End.GO_DOWN else None)

        failed(team.sync())

        assert struck(team.proxy), (phase, fault)
        assert max(struck(team.proxy).values()) <= ATTEMPTS, (phase, fault)
        assert requests_made(team) <= MOST_REQUESTS, (phase, fault)
        change.is_nothing_lost(team)
    change.is_made_by_the_next_sync(team)


@pytest.mark.parametrize(
    "fault",
    [
        *FEW,
        *(pytest.param(fault, marks=pytest.mark.slow) for fault in FAULTS if fault not in FEW),
    ],
    ids=name_fault,
)
@pytest.mark.parametrize("phase", ["read", "write", "read back"])
def test_while_a_fault_stays_where_a_sync_writes_it_ends_with_all_or_nothing_written(
    team: Team, phase: str, fault: Fault
) -> None:
    """The ledger is written by then; what Keycloak lacks is made good by the next sync."""
    change = team.change()
    times = 1 if fault is End.GO_DOWN else None
    match phase:
        case "read":
            team.proxy.on(*REALM, fault, times=times)
        case "write":
            team.proxy.on(*WRITE, fault, times=times)
        case _:
            # Only once the write has begun: those who watch it ask the same.
            team.proxy.on(*WRITE, Run(lambda: team.proxy.on(*REALM, fault, times=times)))

    outcome = team.sync()

    if phase == "write" and isinstance(fault, Cut):
        # The answer to a write has no body that could be cut.
        assert outcome.document["complete"]
    else:
        failed(outcome)
    assert requests_made(team) <= MOST_REQUESTS
    assert team.claims() == change.after
    change.is_nothing_half(team)
    change.is_made_by_the_next_sync(team)


def test_a_write_whose_answers_are_all_lost_has_been_made(team: Team) -> None:
    change = team.change()
    team.proxy.on(*WRITE, End.LOSE_ANSWER, times=None)

    failed(team.sync())

    change.is_made(team)
    team.proxy.heal()
    assert team.sync().document["changes"] == []


@pytest.mark.parametrize(
    "answer",
    [
        HTML_PAGE,
        Cut.FITTING,
        NOT_FOUND,
        Say(200, b"", JSON),
        Say(200, b"[]", JSON),
        Say(204),
        *(
            pytest.param(answer, marks=pytest.mark.slow)
            for answer in (
                Cut.LENGTH,
                Cut.CHUNKED,
                Say(200, b"null", JSON),
                Say(200, b"{}", JSON),
                Say(200, b"[]"),
                Say(302, b"", (("Location", "/login"),)),
            )
        ),
    ],
    ids=name_fault,
)
def test_no_list_of_members_that_is_none_releases_anybody_not_even_by_force(
    team: Team, answer: Fault
) -> None:
    before, attributes = team.claims(), team.attributes()
    team.proxy.on(*MEMBERS_OF_ROLE, answer, times=None)
    team.proxy.on(*MEMBERS_OF_GROUP, answer, times=None)

    outcome = team.sync("--force")

    # An empty list is what Keycloak itself gives when it knows no better; nobody is believed gone by it.
    assert outcome.status in ({0, 3} if answer == Say(200, b"[]", JSON) else {3}), outcome
    assert (team.claims(), team.attributes()) == (before, attributes)


@pytest.mark.parametrize("phase", [TOKEN, SERVICE_ACCOUNT, USER_AGAIN, WRITE], ids=" ".join)
def test_a_proxys_404_is_no_word_of_keycloak(team: Team, phase: tuple[str, str]) -> None:
    """Neither that the realm is gone, nor a user, nor a service account."""
    change = team.change()
    team.proxy.on(*phase, NOT_FOUND, times=None)

    sentence = failed(team.sync())

    assert "no realm" not in sentence
    if phase != WRITE:
        change.is_nothing_lost(team)
    change.is_made_by_the_next_sync(team)


@pytest.mark.parametrize("phase", [TOKEN, STRUCTURE, MEMBERS_OF_ROLE, WRITE], ids=lambda phase: phase[1])
def test_who_is_told_when_to_come_back_asks_nothing_until_then(
    waiting_team: Team, phase: tuple[str, str]
) -> None:
    """Unasked he would be back after 0.2 to 0.4 s."""
    change = waiting_team.change()
    waiting_team.proxy.on(*phase, too_many(1))

    assert waiting_team.sync().document["complete"]

    log = waiting_team.proxy.log
    [told] = (place for place, (_, faults, _) in enumerate(log) if faults)
    again = next(place for place in range(told + 1, len(log)) if matches(log[place][0], *phase))
    assert log[again][2] - log[told][2] >= 1
    assert len(log) <= MOST_LOOKS
    change.is_made(waiting_team)


def test_a_write_that_takes_long_is_not_asked_after_without_a_pause(waiting_team: Team) -> None:
    waiting_team.change()
    waiting_team.proxy.on(*WRITE, delay(1))

    assert waiting_team.sync().document["complete"]

    assert len(waiting_team.proxy.log) <= MOST_LOOKS


def test_an_import_whose_write_fails_is_made_good_by_the_next_sync(team: Team) -> None:
    def licenses() -> list[tuple[object, ...]]:
        return [row for row in ledger_rows(team.site) if row[0] == "licenses"]

    rows, claims, attributes = licenses(), team.claims(), team.attributes()
    file = team.site.license("F", {"WFM": 4}, issue=2 + len(rows))
    team.proxy.on(*MEMBERS_OF_ROLE, End.RESET, times=None)
    failed(team.site.call("import", file, "--replace"))
    assert (licenses(), team.claims(), team.attributes()) == (rows, claims, attributes)

    team.proxy.heal()
    team.proxy.on(*WRITE, UNAVAILABLE, times=None)
    failed(team.site.call("import", file, "--replace"))
    assert team.attributes() == attributes

    team.proxy.heal()
    assert team.sync().document["complete"]
    assert set(team.claims().values()) == {True}
    assert team.attributes()["license.file"] == file.read_text().strip()

    # The others need a place to wait again.
    older = team.site.license("F", {"WFM": 3}, issue=3 + len(rows))
    team.site.call("import", older, "--replace").done()


# What others do to the realm and to our client in the middle of a sync


@contextmanager
def doomed_realm(api: AdminApi, folder: Path) -> Iterator[Team]:
    """A realm of its own that may be gone at the end of the block."""
    representation = {
        "users": [{"username": name, "enabled": True, "realmRoles": ["WFM_AGENT"]} for name in LOCAL],
        "roles": {"realm": [{"name": "WFM_AGENT"}]},
    }
    with temporary_realm(api, representation) as realm, FaultProxy(api.url) as proxy:
        site = make_site(folder / "site", realm, applications=APPLICATIONS)
        site.init().done()
        site.call("import", site.license("D", {"WFM": 2})).done()
        try:
            yield Team(site.reach(proxy.url), proxy)
        finally:
            # Something has to be there to be deleted.
            with suppress(AdminApiError):
                api.post("", {"realm": realm.name})


@pytest.fixture
def doomed(keycloak: AdminApi, tmp_path: Path, no_waits: None) -> Iterator[Team]:
    with doomed_realm(keycloak, tmp_path) as team:
        yield team


def test_a_user_is_not_deleted_because_a_proxy_does_not_find_him(doomed: Team) -> None:
    before = doomed.claims()
    doomed.proxy.on(*MEMBERS_OF_ROLE, Say(200, b"[]", JSON), times=None)
    doomed.proxy.on(*USER_AGAIN, NOT_FOUND, times=None)

    failed(doomed.sync())

    assert doomed.claims() == before


@pytest.mark.parametrize("middle", [MEMBERS_OF_ROLE, WRITE], ids=" ".join)
def test_a_realm_deleted_in_the_middle_is_said_so_and_the_ledger_keeps_everybody(
    doomed: Team, middle: tuple[str, str]
) -> None:
    before = doomed.seated()
    doomed.map_role("delete", min(set(doomed.claims()) - before))
    doomed.proxy.on(*middle, Run(lambda: doomed.realm.delete("")))

    for _ in range(2):
        sentence = failed(doomed.sync(), status=2)

        assert doomed.realm.name in sentence
        assert "deleted or renamed" in sentence
        assert doomed.seated() == before
        assert requests_made(doomed) <= MOST_REQUESTS


@pytest.mark.parametrize("middle", [None, WRITE], ids=["before", "in the middle"])
def test_a_realm_that_was_renamed_is_said_so_and_has_everybody_under_its_new_name(
    doomed: Team, middle: tuple[str, str] | None
) -> None:
    api, name, new = doomed.realm.api, doomed.realm.name, f"{doomed.realm.name}-new"
    before, attributes = doomed.claims(), doomed.attributes()

    def rename() -> None:
        api.put(f"/{name}", {"realm": new})

    if middle is None:
        rename()
    else:
        doomed.proxy.on(*middle, Run(rename))
        doomed.realm.put("", {"attributes": doomed.realm.get()["attributes"] | {"license.WFM.used": "9"}})
    try:
        sentence = failed(doomed.sync(), status=2)
        assert name in sentence
        assert "deleted or renamed" in sentence
        assert doomed.claims() == before

        doomed.proxy.heal()
        renamed = RealRealm(new, doomed.realm.id, api)
        site = doomed.site.configure(
            keycloak=doomed.site.settings["keycloak"] | {"url": doomed.proxy.url}, realms={new: {}}
        )
        assert site.call("sync", "--json").document["complete"]
        assert {n: state == "seated" for n, state, _ in site.members()} == before
        assert license_attributes(renamed) == attributes
    finally:
        api.put(f"/{new}", {"realm": name})


def change_client(team: Team, **changes: object) -> None:
    path = f"/clients/{team.realm.client_uuid('keycloak-license')}"
    team.realm.put(path, {"clientId": "keycloak-license", **changes})


@contextmanager
def client_as_it_was(team: Team) -> Iterator[None]:
    try:
        yield
    finally:
        change_client(team, secret=SECRET, enabled=True)


def test_a_secret_that_is_changed_in_the_middle_ends_no_sync_but_the_next(team: Team) -> None:
    change = team.change()
    team.proxy.on(*MEMBERS_OF_ROLE, Run(lambda: change_client(team, secret="another")))
    with client_as_it_was(team):
        assert team.sync().document["complete"]
        change.is_made(team)
        assert "keycloak.client_secret" in failed(team.sync(), status=2)
        change.is_made(team)
    assert team.sync().document["changes"] == []


def test_a_client_that_is_disabled_in_the_middle_ends_the_sync_and_takes_no_seat(team: Team) -> None:
    change = team.change()
    team.proxy.on(*MEMBERS_OF_ROLE, Run(lambda: change_client(team, enabled=False, secret="another")))
    with client_as_it_was(team):
        for _ in range(2):
            assert "that the client is enabled" in failed(team.sync(), status=2)
            change.is_nothing_lost(team)
            assert requests_made(team) <= MOST_REQUESTS
    change.is_made_by_the_next_sync(team)


def disable_and_enable_at_the_next_login(team: Team) -> None:
    change_client(team, enabled=False)
    team.proxy.on(*TOKEN, Run(lambda: change_client(team, enabled=True)), times=None)


def push_not_before(team: Team) -> None:
    team.realm.put("", {"notBefore": next_second()})
    team.realm.post("/push-revocation")


def log_out_the_service_account(team: Team) -> None:
    client = team.realm.client_uuid("keycloak-license")
    account = team.realm.get(f"/clients/{client}/service-account-user")["id"]
    next_second()
    team.realm.post(f"/users/{account}/logout")


def next_second() -> int:
    """Tokens know only seconds: one that is revoked has to be of an earlier one."""
    second = int(time.time()) + 1
    while time.time() < second:
        time.sleep(0.01)
    return second


@pytest.mark.parametrize(
    ("middle", "revoke"),
    [
        (MEMBERS_OF_GROUP, disable_and_enable_at_the_next_login),
        (MEMBERS_OF_GROUP, log_out_the_service_account),
        (MEMBERS_OF_GROUP, push_not_before),
        (WRITE, push_not_before),
    ],
)
def test_a_token_that_is_revoked_in_the_middle_costs_a_new_login_and_no_more(
    team: Team, middle: tuple[str, str], revoke: Callable[[Team], None]
) -> None:
    change = team.change()
    team.proxy.on(*middle, Run(lambda: revoke(team)))
    with client_as_it_was(team):
        assert team.sync().document["complete"]
    assert sum(matches(request, *TOKEN) for request in team.proxy.seen) >= 2
    assert requests_made(team) <= MOST_REQUESTS
    change.is_made(team)


def test_a_token_that_is_never_accepted_ends_the_sync_after_one_new_login(team: Team) -> None:
    change = team.change()
    team.proxy.on(*MEMBERS_OF_ROLE, Say(401, b"{}", JSON), times=None)

    assert "no longer accepts the token" in failed(team.sync(), status=2)

    assert sum(matches(request, *TOKEN) for request in team.proxy.seen) == 2
    change.is_nothing_lost(team)
    change.is_made_by_the_next_sync(team)
