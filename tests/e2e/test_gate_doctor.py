"""`doctor`, `sync --dry-run` and wrong configurations where a mode is to keep people out."""

import json
from collections.abc import Iterator

import pytest

from tests.e2e.office import LICENSED, Office, open_office, person
from tests.e2e.test_gate_flows import bind
from tests.real.keycloak import AdminApi


@pytest.fixture(scope="module")
def office(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("doctor") / "site"
    with open_office(keycloak, folder, "gate", users=[person("ann", "WFM_AGENT")]) as made:
        made.license({"WFM": 1, "QM": 1})
        yield made


def checks(office: Office) -> dict[str, tuple[bool, str]]:
    """Whether each check passes, and what it says."""
    document = json.loads(office.site.call("doctor", "--json").stdout)
    return {each["name"]: (each["ok"], each["detail"]) for each in document["checks"]}


def test_doctor_proves_the_rights_of_the_mode_and_that_the_gate_is_intact(
    office: Office, tells_clients_apart: bool
) -> None:
    found = checks(office)
    assert all(is_ok for is_ok, _ in found.values()), found
    assert {"right manage-users", "right manage-clients", "right manage-identity-providers"} <= found.keys()
    intact, _, lack = found["enforcement"][1].partition(". ")
    assert intact == "the gate is intact before qm-app, wfm-app"
    assert ("no condition on client scopes" in lack) != tells_clients_apart


def test_doctor_tells_a_gate_that_somebody_has_opened(office: Office) -> None:
    bind(office.realm, "wfm-app", browser="")
    is_ok, detail = checks(office)["enforcement"]
    assert not is_ok
    assert "run keycloak-license sync" in detail
    assert office.gets_in(office.wfm, "ann"), "to look changes nothing"
    assert "browser" not in office.bindings("wfm-app")

    office.sync()
    assert checks(office)["enforcement"][0]


def test_a_dry_run_tells_what_would_be_made_and_makes_nothing(office: Office) -> None:
    bind(office.realm, "qm-app", browser="", direct_grant="")
    document = office.site.call("sync", "--dry-run", "--json").document
    assert [each["kind"] for each in document["changes"]] == ["door_bound", "door_bound", "tokens_revoked"]
    assert office.bindings("qm-app") == {}
    assert "door_bound browser logins of client qm-app" in office.site.call("sync", "--dry-run").done().stdout
    office.sync()


def test_a_mode_without_its_rights_ends_in_one_sentence(office: Office) -> None:
    """Somebody has changed the mode and not run init."""
    office.choose("observe").site.init().done()
    office.choose("gate")
    told = office.site.call("sync").refused(3)
    assert "give client keycloak-license the role manage-" in told
    assert "or run keycloak-license init" in told
    assert checks(office)["right manage-clients"][0] is False

    office.site.init().done()
    assert "gate_made" in {each["kind"] for each in office.sync()}


def test_our_own_client_is_never_gated(office: Office) -> None:
    wrong = LICENSED | {"WFM": LICENSED["WFM"] | {"clients": ["keycloak-license"]}}
    office.site.configure(applications=wrong)
    told = office.site.call("sync").refused(2)
    assert "applications.WFM.clients" in told
    office.site.configure()
