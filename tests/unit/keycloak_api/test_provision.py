"""`init` makes what is missing, gives just the rights that are needed, and takes only its own away."""

import pytest

from keycloak_license.errors import (
    ConfigurationError,
    KeycloakLicenseError,
    MissingRightError,
    RealmNotFoundError,
)
from keycloak_license.keycloak_api.provision import RIGHTS, Provisioned, Provisioner
from keycloak_license.model.attributes import EXPIRY_NOTICE_DAYS, INSTALLATION_ID
from keycloak_license.model.enforcement import MARK, Enforcement
from tests.unit.keycloak_api.fake import Ask, FakeServer, Reply, connect, cut_while_reading, no_realm, reply
from tests.unit.keycloak_api.provisioned import OFFERED, OURS, SCREEN, Directory, right


@pytest.fixture
def directory(server: FakeServer) -> Directory:
    return Directory(server)


def test_everything_is_made_and_carries_our_mark(directory: Directory) -> None:
    done = directory.provision()

    client = directory.clients[OURS]
    assert client["attributes"] == {MARK: "true"}
    assert (client["serviceAccountsEnabled"], client["publicClient"]) == (True, False)
    assert (client["standardFlowEnabled"], client["directAccessGrantsEnabled"]) == (False, False)
    assert directory.role is not None
    assert directory.role["attributes"] == {MARK: ["true"]}
    assert directory.attributes.keys() == {"foreign", INSTALLATION_ID}
    assert done.client_secret == "made-up"
    assert done.created == [
        "client keycloak-license",
        *(f"right {name}" for name in sorted(RIGHTS[Enforcement.OBSERVE])),
        "role manage-licenses",
        "attribute license.installation_id",
    ]


def test_running_it_again_changes_nothing_and_shows_no_secret(
    server: FakeServer, directory: Directory
) -> None:
    directory.provision()
    before = len(server.writes())

    assert directory.provision() == Provisioned()
    assert len(server.writes()) == before


def test_a_given_secret_and_a_known_installation_are_used(directory: Directory) -> None:
    done = directory.provision(client_secret="given", installation_id="known")

    assert (directory.clients[OURS]["secret"], done.client_secret) == ("given", "given")
    assert directory.attributes[INSTALLATION_ID] == "known"


def test_an_installation_that_the_realm_knows_stays(directory: Directory) -> None:
    directory.attributes[INSTALLATION_ID] = "first"
    directory.provision(installation_id="other")

    assert directory.attributes[INSTALLATION_ID] == "first"


@pytest.mark.parametrize(
    ("enforcement", "more"),
    [
        (Enforcement.OBSERVE, set()),
        (Enforcement.GATE, {"manage-users", "manage-clients", "manage-identity-providers"}),
        (Enforcement.DISABLE, {"manage-users"}),
    ],
)
def test_the_rights_are_exactly_those_of_the_enforcement(
    directory: Directory, enforcement: Enforcement, more: set[str]
) -> None:
    directory.provision(enforcement)

    base = {"view-realm", "view-users", "view-clients", "view-events", "manage-realm"}
    assert directory.rights.keys() == base | more


def test_a_weaker_enforcement_takes_the_surplus_away(directory: Directory) -> None:
    directory.provision(Enforcement.GATE)
    done = directory.provision(Enforcement.OBSERVE)

    assert directory.rights.keys() == RIGHTS[Enforcement.OBSERVE]
    assert (done.created, done.removed) == (
        [],
        ["right manage-clients", "right manage-identity-providers", "right manage-users"],
    )


def test_rights_that_somebody_took_away_come_back(directory: Directory) -> None:
    directory.provision()
    del directory.rights["view-users"]

    assert directory.provision().created == ["right view-users"]


def test_a_right_that_keycloak_does_not_offer_is_not_passed_over_in_silence(
    server: FakeServer, directory: Directory
) -> None:
    server.on("GET", "clients/holder/roles", reply([right(name) for name in OFFERED if name != "view-users"]))

    with pytest.raises(KeycloakLicenseError, match="view-users"):
        directory.provision()


def test_a_foreign_client_of_our_name_is_refused_and_nothing_is_written(
    server: FakeServer, directory: Directory
) -> None:
    directory.clients[OURS] = {"id": "ours", "clientId": OURS}

    with pytest.raises(ConfigurationError, match=r"that keycloak-license did not make: choose another"):
        directory.provision()
    assert server.writes() == []


def test_a_foreign_role_of_our_name_is_used_and_not_marked(server: FakeServer, directory: Directory) -> None:
    directory.role = {"id": "role", "name": "manage-licenses"}

    assert "role manage-licenses" not in directory.provision().created
    assert "POST roles" not in server.writes()


def test_a_client_in_master_gets_its_rights_from_the_client_of_the_realm(server: FakeServer) -> None:
    directory = Directory(server, auth_realm="master")
    directory.provision()

    assert directory.rights.keys() == RIGHTS[Enforcement.OBSERVE]
    assert [ask.query["clientId"] for ask in server.asked("/realms/master/clients")][-1] == "acme-realm"
    looked_for = [ask.query["clientId"] for ask in server.asked("clients")]
    assert looked_for == [SCREEN, OURS], "a client of the screen or for roles would go"


def test_a_realm_that_holds_no_rights_over_the_managed_one_is_refused(server: FakeServer) -> None:
    directory = Directory(server, auth_realm="master")
    del directory.clients["acme-realm"]

    with pytest.raises(ConfigurationError, match=r"holds no rights over realm acme: set keycloak.auth_realm"):
        directory.provision()


def test_a_third_realm_is_refused_before_anything_is_made_there(server: FakeServer) -> None:
    # Its realm-management gives rights over that realm, and none over the managed one.
    directory = Directory(server, auth_realm="other")

    with pytest.raises(ConfigurationError, match=r"auth_realm"):
        directory.provision()
    assert directory.rights == {}
    assert server.writes() == []


def test_a_realm_that_does_not_exist_is_named_and_nothing_is_made(server: FakeServer) -> None:
    server.otherwise = no_realm()
    with pytest.raises(RealmNotFoundError, match="has no realm acme"):
        Provisioner(connect(auth_realm="master"), connect(auth_realm="master"), OURS).provision(
            Enforcement.OBSERVE
        )
    assert server.writes() == []


def test_an_administrator_without_the_right_is_told_which(server: FakeServer, directory: Directory) -> None:
    server.on("POST", "clients", reply({}, 403))

    with pytest.raises(
        MissingRightError, match="give user root the role manage-clients of client acme-realm"
    ):
        directory.provision()


def test_a_run_that_broke_off_after_the_client_still_hands_out_the_secret_the_next_time(
    server: FakeServer, directory: Directory
) -> None:
    server.on("GET", "clients/holder/roles", reply({}, 500))
    with pytest.raises(KeycloakLicenseError):
        directory.provision()
    server.on("GET", "clients/holder/roles", reply([right(name) for name in OFFERED]))

    assert directory.provision().client_secret == "made-up"


def test_a_lost_answer_while_the_client_is_made_does_not_lose_the_secret(
    server: FakeServer, directory: Directory
) -> None:
    lost = [True]

    def make_and_lose(ask: Ask) -> Reply:
        made = directory._make_client(directory.clients, ask)
        if lost and lost.pop():
            raise cut_while_reading()
        return made

    server.on("POST", "clients", make_and_lose)

    assert directory.provision().client_secret == "made-up"


def test_who_is_appointed_gets_the_role_that_was_made(server: FakeServer, directory: Directory) -> None:
    directory.provision()
    directory.provisioner().appoint("ann")

    [given] = server.asked("users/user-ann/role-mappings/realm", "POST")
    assert given.body == [{"id": "role", "name": "manage-licenses"}]


@pytest.mark.parametrize(("username", "is_provisioned"), [("bob", True), ("ann", False)])
def test_nobody_can_be_appointed_without_an_account_or_without_the_role(
    directory: Directory, username: str, *, is_provisioned: bool
) -> None:
    if is_provisioned:
        directory.provision()

    with pytest.raises(ConfigurationError, match=f"no user {username} or no role manage-licenses"):
        directory.provisioner().appoint(username)


def test_remove_takes_attributes_role_and_client_and_leaves_what_is_foreign(directory: Directory) -> None:
    directory.provision()
    directory.attributes |= {"license.WFM.used": "3", EXPIRY_NOTICE_DAYS: "30", "license.theirs": "x"}
    done = directory.provisioner().remove()

    assert directory.attributes == {"foreign": "1", EXPIRY_NOTICE_DAYS: "30", "license.theirs": "x"}
    assert directory.role is None
    assert OURS not in directory.clients
    assert done.removed == [
        "attribute license.WFM.used",
        "attribute license.installation_id",
        "role manage-licenses",
        "client keycloak-license",
    ]


def test_remove_where_nothing_of_ours_is_does_nothing(server: FakeServer, directory: Directory) -> None:
    assert directory.provisioner().remove() == Provisioned()
    assert server.writes() == []


def test_remove_leaves_a_foreign_role_alone(directory: Directory) -> None:
    directory.provision()
    directory.role = {"id": "role", "name": "manage-licenses"}

    assert "role manage-licenses" not in directory.provisioner().remove().removed
    assert directory.role is not None


def test_remove_leaves_a_foreign_client_alone_and_takes_the_rest(directory: Directory) -> None:
    directory.clients[OURS] = {"id": "ours", "clientId": OURS}
    directory.attributes[INSTALLATION_ID] = "x"

    assert directory.provisioner().remove().removed == ["attribute license.installation_id"]
    assert OURS in directory.clients


def test_remove_from_one_realm_keeps_the_client_in_master_that_another_realm_still_needs(
    server: FakeServer,
) -> None:
    other = Directory(server, auth_realm="master", managed="other")
    acme = Directory(server, auth_realm="master")
    acme.clients[other.holder] = {"id": "other-holder", "clientId": other.holder}
    mapping = "/realms/master/users/user-sa/role-mappings"
    server.on("GET", f"{mapping}/clients/other-holder", reply([right("view-users")]))
    server.on(
        "GET",
        mapping,
        lambda _ask: reply(
            {"clientMappings": {other.holder: {"id": "other-holder", "mappings": [right("view-users")]}}}
        ),
    )
    acme.provision()
    acme.provisioner().remove()

    assert OURS in acme.clients
    assert INSTALLATION_ID not in acme.attributes
