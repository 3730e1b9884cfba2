"""What the commands tell about the seed's example on a real Keycloak."""

import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest

from keycloak_license.demo.example import example_realm
from tests.e2e.cli import (
    Site,
    application,
    day,
    license_attributes,
    make_site,
    run,
)
from tests.e2e.crew import APPLICATIONS
from tests.real.keycloak import AdminApi, RealRealm, temporary_realm

OBSERVE = {"view-realm", "view-users", "view-clients", "view-events", "manage-realm"}
FOREIGN = {
    "acme.colour": "green",
    "license.expiry_notice_days": "45",
    "license.remarks": "not ours",
    "license.WFM.owner": "not ours either",
}
"""Attributes that somebody else keeps in the realm, some of them close to ours."""


@pytest.fixture(scope="module")
def example(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The seed's 1000 users with some odd ones among them, licensed and synced; tests only read it.

    The odd ones consume QM, which has five seats for ten people, so that some wait.
    """
    representation = example_realm("example", 1000) | {"attributes": FOREIGN}
    with temporary_realm(keycloak, representation) as realm:
        _add_odd_ones(realm)
        site = make_site(tmp_path_factory.mktemp("example"), realm, applications=EXAMPLE_APPLICATIONS)
        site.init().done()
        site.call("import", site.license("EX-1", EXAMPLE_SEATS, expires_on=day(30))).done()
        yield site


EXAMPLE_SEATS = {"WFM": 50, "QM": 5, "ELEARNING": None, "ODD": 0}
EXAMPLE_APPLICATIONS = {
    **APPLICATIONS,
    "ELEARNING": {"name": "eLearning", "roles": ["ELEARNING_*"]},
    "ODD": {"roles": ["ODD_*"], "client_roles": {"odd-app": ["operator"]}},
}


def _add_odd_ones(realm: RealRealm) -> None:
    """A service account and a person named like one; a client role in a realm composite; a deep subgroup."""
    realm.post("/roles", {"name": "ODD_USER"})
    odd_user = realm.get("/roles/ODD_USER")
    app = realm.post("/clients", {"clientId": "odd-app", "serviceAccountsEnabled": True, "secret": "x"})
    account = realm.get(f"/clients/{app}/service-account-user")["id"]
    realm.post(f"/users/{account}/role-mappings/realm", [odd_user])
    realm.post(f"/clients/{app}/roles", {"name": "operator"})
    realm.post("/roles", {"name": "SHIFT_LEAD"})
    shift_lead = realm.get("/roles/SHIFT_LEAD")
    realm.post("/roles/SHIFT_LEAD/composites", [realm.get(f"/clients/{app}/roles/operator")])
    parent = realm.post("/groups", {"name": "PLANT"})
    realm.post(f"/groups/{parent}/role-mappings/realm", [odd_user])
    for name in ("HALL", "LINE", "STATION"):
        parent = realm.post(f"/groups/{parent}/children", {"name": name})
    for name, enabled in (("service-account-bob", True), ("gone", False), ("lead", True), ("deep", True)):
        user = realm.post("/users", {"username": name, "enabled": enabled, "email": f"{name}@example.com"})
        if name == "deep":
            realm.put(f"/users/{user}/groups/{parent}")
        else:
            realm.post(f"/users/{user}/role-mappings/realm", [shift_lead if name == "lead" else odd_user])


def test_of_1000_users_32_use_workforce_management(example: Site) -> None:
    assert example.usage("WFM") == (50, 32, 0)
    assert example.call("members", "WFM", "--json").document["seats"] == 50
    members = {username for username, _, _ in example.members("WFM")}
    assert members == {"senior-agent", "scheduler1", "scheduler2", *(f"agent{n}" for n in range(1, 30))}


def test_the_default_users_have_roles_and_need_no_seat(example: Site) -> None:
    for username in ("eleveo.admin", "eleveotrain"):
        document = example.call("explain", username, "--json").document
        wfm = application(document, "WFM")
        assert document["exempt"] is True
        assert wfm["state"] == "not_needed"
        assert wfm["paths"] != []


def test_a_user_with_a_role_by_group_by_composite_and_directly_has_one_seat_and_three_paths(
    example: Site,
) -> None:
    document = example.call("explain", "senior-agent", "--json").document
    text = example.call("explain", "senior-agent").done().stdout

    paths = [
        ["role WFM_AGENT"],
        ["group /AGENTS", "role WFM_AGENT"],
        ["role SENIOR_AGENT", "role WFM_AGENT"],
    ]
    wfm = application(document, "WFM")
    assert sorted(wfm["paths"]) == sorted(paths)
    assert wfm["state"] == "seated"
    assert [name for name, _, _ in example.members("WFM")].count("senior-agent") == 1
    for path in paths:
        assert re.search(r"^\s+" + r"\W+".join(map(re.escape, path)) + "$", text, re.MULTILINE), path


def test_a_member_of_a_subgroup_four_deep_has_the_roles_of_the_top(example: Site) -> None:
    document = example.call("explain", "deep", "--json").document

    [path] = application(document, "ODD")["paths"]

    assert path == [
        "group /PLANT/HALL/LINE/STATION",
        "group /PLANT/HALL/LINE",
        "group /PLANT/HALL",
        "group /PLANT",
        "role ODD_USER",
    ]


def test_a_client_role_inside_a_realm_role_counts(example: Site) -> None:
    document = example.call("explain", "lead", "--json").document

    assert application(document, "ODD")["paths"] == [["role SHIFT_LEAD", "role odd-app/operator"]]
    assert application(document, "ODD")["state"] == "waiting"


def test_a_service_account_and_a_disabled_user_do_not_count_a_person_named_like_one_does(
    example: Site,
) -> None:
    members = {username for username, _, _ in example.members("ODD")}
    disabled = example.call("explain", "gone", "--json").document

    assert members == {"service-account-bob", "lead", "deep"}
    assert (disabled["enabled"], application(disabled, "ODD")["state"]) == (False, "not_needed")
    assert application(disabled, "ODD")["paths"] == [["role ODD_USER"]]


def test_foreign_attributes_survive_what_we_write(example: Site) -> None:
    attributes = example.realm.get()["attributes"]

    assert {name: attributes.get(name) for name in FOREIGN} == FOREIGN


def test_no_seats_unlimited_seats_and_too_few(example: Site) -> None:
    attributes = license_attributes(example.realm)

    def shown(application_id: str) -> list[str | None]:
        return [
            attributes.get(f"license.{application_id}.{what}")
            for what in ("seats", "used", "waiting", "usage")
        ]

    assert shown("WFM") == ["50", "32", "0", "64%"]
    assert shown("ODD") == ["0", "0", "3", "0%"]
    assert shown("QM") == ["5", "5", "4", "100%"]
    assert shown("ELEARNING")[:3] == ["unlimited", "6", "0"]
    assert shown("ELEARNING")[3] in ("", None)
    assert example.usage("ELEARNING") == (None, 6, 0)


def test_the_realm_has_exactly_the_attributes_of_the_contract(example: Site) -> None:
    attributes = license_attributes(example.realm)
    file = (example.folder / "EX-1.lic").read_text()
    installation = attributes.pop("license.installation_id")

    UUID(installation)
    expected = {
        "license.file": file,
        "license.number": "EX-1",
        "license.type": "temporary",
        "license.customer": "Acme",
        "license.state": "OK",
        "license.access": "granted",
        "license.reason": "temporary",
        "license.issued_on": day(-10),
        "license.expires_on": day(30),
        "license.stops_at": f"{day(31)}T00:00:00+00:00",
        "license.scope": "ELEARNING,ODD,QM,WFM",
        **{
            f"license.{id_}.{what}": value
            for id_, values in {
                "WFM": ("50", "32", "0", "64%"),
                "QM": ("5", "5", "4", "100%"),
                "ELEARNING": ("unlimited", "6", "0", ""),
                "ODD": ("0", "0", "3", "0%"),
            }.items()
            for what, value in zip(("seats", "used", "waiting", "usage"), values, strict=True)
        },
        "license.QM.queue": ",".join(
            example.realm.user_id(name) for name, _, _ in example.members("QM", "--waiting")
        ),
        **{name: value for name, value in FOREIGN.items() if name.startswith("license.")},
    }
    # Some databases keep an empty value as none at all.
    assert {"license.ELEARNING.usage": "", **attributes} == expected


def test_status_is_the_document_of_the_contract_and_tells_what_the_attributes_tell(example: Site) -> None:
    document = example.status()
    attributes = license_attributes(example.realm)

    assert list(document) == [
        "realm",
        "installation_id",
        "license",
        "applications",
        "synced_at",
        "complete",
        "held",
        "warnings",
    ]
    assert document["realm"] == example.realm.name
    assert document["installation_id"] == attributes["license.installation_id"]
    assert (document["complete"], document["held"]) == (True, [])
    # In a month, and the realm's admins asked to be told 45 days before.
    [warning] = document["warnings"]
    assert warning.startswith(f"Access ends at {day(31)} 00:00:00+00:00")
    assert datetime.fromisoformat(document["synced_at"]).utcoffset() is not None
    license_ = {
        key: document["license"][key]
        for key in ("number", "type", "state", "access", "reason", "issued_on", "expires_on", "stops_at")
    }
    assert license_ == {key: attributes[f"license.{key}"] for key in license_}
    assert [each["id"] for each in document["applications"]] == list(EXAMPLE_APPLICATIONS)
    for each in document["applications"]:
        assert set(each) == {"id", "name", "seats", "used", "waiting", "usage_percent"}
        assert str(each["used"]) == attributes[f"license.{each['id']}.used"]
        assert str(each["waiting"]) == attributes[f"license.{each['id']}.waiting"]
    assert application(document, "WFM") == {
        "id": "WFM",
        "name": "Workforce Management",
        "seats": 50,
        "used": 32,
        "waiting": 0,
        "usage_percent": 64,
    }
    assert application(document, "ELEARNING")["usage_percent"] is None


def test_status_answers_while_keycloak_is_down(example: Site, tmp_path: Path) -> None:
    before = example.status()
    same_places = {"database": f"sqlite:///{example.ledger}", "trusted_keys": str(example.keys)}
    site = Site(tmp_path, example.realm, example.settings | same_places)
    site.reach("http://127.0.0.1:1")

    assert site.status() == before
    assert "32" in site.call("status").done().stdout


def test_sync_is_the_status_with_what_changed(example: Site) -> None:
    document = example.call("sync", "--json").document

    assert {key: value for key, value in document.items() if key in example.status()} == example.status()
    assert (document["dry_run"], document["changes"]) == (False, [])


def test_members_is_the_document_of_the_contract(example: Site) -> None:
    document = example.call("members", "QM", "--json").document

    assert list(document) == ["application", "seats", "members"]
    assert (document["application"], document["seats"]) == ("QM", 5)
    states = [(member["state"], member["position"]) for member in document["members"]]
    assert states == [("seated", None)] * 5 + [("waiting", place) for place in (1, 2, 3, 4)]
    for member in document["members"]:
        assert set(member) == {"user_id", "username", "email", "state", "since", "position", "paths"}
        assert member["email"] == f"{member['username']}@example.com"
        assert member["user_id"] == example.realm.user_id(member["username"])
        assert datetime.fromisoformat(member["since"]).utcoffset() is not None
        assert member["paths"]


def test_members_waiting_are_the_waiting_in_their_order(example: Site) -> None:
    waiting = example.members("QM", "--waiting")

    assert waiting == [each for each in example.members("QM") if each[1] == "waiting"]
    assert [position for _, _, position in waiting] == [1, 2, 3, 4]


def test_members_csv_is_read_by_a_spreadsheet(example: Site) -> None:
    text = example.call("members", "QM", "--csv").done().stdout
    document = example.call("members", "QM", "--json").document

    rows = list(csv.DictReader(io.StringIO(text)))

    assert [row["user_id"] for row in rows] == [member["user_id"] for member in document["members"]]
    assert [row["username"] for row in rows] == [member["username"] for member in document["members"]]
    assert [row["state"] for row in rows] == ["seated"] * 5 + ["waiting"] * 4
    assert [row["position"] for row in rows] == [""] * 5 + ["1", "2", "3", "4"]
    assert all(datetime.fromisoformat(row["since"]).utcoffset() is not None for row in rows)
    assert all("role QM_EVALUATOR" in row["paths"] for row in rows)


def test_explain_is_the_document_of_the_contract_by_name_and_by_id(example: Site) -> None:
    document = example.call("explain", "agent7", "--json").document
    user_id = example.realm.user_id("agent7")

    assert {key: document[key] for key in ("user_id", "username", "enabled", "exempt")} == {
        "user_id": user_id,
        "username": "agent7",
        "enabled": True,
        "exempt": False,
    }
    assert [each["id"] for each in document["applications"]] == list(EXAMPLE_APPLICATIONS)
    for each in document["applications"]:
        assert set(each) == {"id", "state", "since", "position", "paths", "to_change"}
    quality = dict(application(document, "QM"))
    assert [(each["kind"], each["roles"]) for each in quality.pop("to_change")] == [
        ("give_role", ["role QM_*"])
    ]
    assert quality == {
        "id": "QM",
        "state": "not_needed",
        "since": None,
        "position": None,
        "paths": [],
    }
    assert application(document, "WFM")["state"] == "seated"
    assert example.call("explain", user_id, "--json").document == document
    assert example.call("explain", "AGENT7", "--json").document == document


@pytest.mark.parametrize(
    "words",
    [
        ("sync",),
        ("sync", "--dry-run"),
        ("status",),
        ("members", "WFM"),
        ("explain", "agent7"),
        ("duplicates",),
        ("doctor",),
    ],
    ids=" ".join,
)
def test_json_is_one_document_and_nothing_else(example: Site, words: tuple[str, ...]) -> None:
    outcome = example.call(*words, "--json").done()

    json.loads(outcome.stdout)
    assert outcome.stderr == ""


def test_doctor_finds_nothing_wrong(example: Site) -> None:
    document = example.call("doctor", "--json").document

    assert document["ok"] is True
    assert {f"right {right}" for right in OBSERVE} <= {check["name"] for check in document["checks"]}
    assert all(line.startswith("ok") for line in example.call("doctor").done().stdout.splitlines())


def test_the_module_and_the_console_script_are_one_command(example: Site) -> None:
    script = Path(sys.executable).with_name("keycloak-license")
    words = ["--config", example.config, "status", "--json"]

    by_script = run([script, *words], example.folder)

    assert by_script == example.run("status", "--json")
    assert by_script.document == example.status()
