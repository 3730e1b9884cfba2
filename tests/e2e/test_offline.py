"""`offline` against `status` of the same realm: what Keycloak really exports is counted as it is live."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keycloak_license.demo.example import EXAMPLE_USAGE, MINIMUM_USERS, example_realm
from tests.e2e.cli import Site, call, make_site
from tests.e2e.reader import reader, scenario
from tests.exports import write
from tests.real.exporting import ExportingKeycloak, exporting_keycloak
from tests.real.keycloak import RealRealm, add_ldap, named_realm, temporary_realm
from tests.real.slapd import Slapd

APPLICATIONS = {
    "WFM": {"roles": ["WFM_*"], "client_roles": {"wfm-app": ["agent"]}},
    "QM": {"roles": ["QM_*"]},
    "EVERYBODY": {"roles": ["BASIC"]},
}
CREATED = 1_700_000_000_000


def person(name: str, place: int, **has: Any) -> dict[str, Any]:
    return {"username": name, "enabled": True, "createdTimestamp": CREATED + place} | has


REALM = {
    "roles": {
        "realm": [
            *({"name": name} for name in ("WFM_AGENT", "QM_AGENT", "BASIC")),
            {
                "name": "SENIOR",
                "composite": True,
                "composites": {"realm": ["WFM_AGENT"], "client": {"wfm-app": ["boss"]}},
            },
        ],
        "client": {
            "wfm-app": [
                {"name": "agent"},
                {"name": "boss", "composite": True, "composites": {"realm": ["QM_AGENT", "SENIOR"]}},
            ]
        },
    },
    "clients": [{"clientId": "wfm-app", "serviceAccountsEnabled": True, "secret": "only-for-this-test"}],
    "groups": [
        {
            "name": "A",
            "realmRoles": ["WFM_AGENT"],
            "subGroups": [
                {"name": "B/C", "subGroups": [{"name": "D", "clientRoles": {"wfm-app": ["boss"]}}]}
            ],
        },
        {"name": "NEWCOMERS", "clientRoles": {"wfm-app": ["agent"]}},
    ],
    "users": [
        person("late", 9, groups=["/A"]),
        person("nested", 1, groups=["/A/B/C/D"]),
        person("disabled", 2, enabled=False, realmRoles=["WFM_AGENT"]),
        person("composed", 3, realmRoles=["SENIOR"]),
        person("by-client", 4, clientRoles={"wfm-app": ["boss"]}),
        person("eleveo.admin", 5, realmRoles=["WFM_AGENT"]),
        person("service-account-bob", 6, realmRoles=["WFM_AGENT"]),
        person("nobody", 7),
    ],
}


@dataclass(frozen=True)
class Exported:
    """A realm that was synced, what `status` says of it, and where it was exported to."""

    site: Site
    status: Any
    file: Path
    server: ExportingKeycloak


@pytest.fixture(scope="module")
def exported(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    folder = tmp_path_factory.mktemp("offline")
    with (
        Slapd(("anna", "boris", "cyril"), {"AGENTS": ("anna",)}, {"WFM_AGENT": ("boris",)}) as slapd,
        exporting_keycloak(pytestconfig.rootpath / ".cache", folder / "database") as server,
        temporary_realm(server.api, REALM) as realm,
    ):
        add_ldap(realm, slapd)
        _complete(realm)
        site = make_site(folder / "site", realm, applications=APPLICATIONS)
        site.init().done()
        license_ = site.license("L-1", {"WFM": 4, "QM": None, "EVERYBODY": 2})
        site.call("import", license_, "--replace").done()
        status = site.status()
        file = folder / "export.json"
        server.export("--file", file, "--realm", realm.name)
        yield Exported(site, status, file, server)


def _complete(realm: RealRealm) -> None:
    """Add what a representation does not take: grants to federated groups, services and newcomers."""
    agents = f"/groups/{realm.group_id('/AGENTS')}/role-mappings/realm"
    realm.post(agents, [realm.get("/roles/QM_AGENT")])
    service = realm.get(f"/clients/{realm.client_uuid('wfm-app')}/service-account-user")
    realm.post(f"/users/{service['id']}/role-mappings/realm", [realm.get("/roles/WFM_AGENT")])
    # Whoever was there before is in no default group, and has the default role only where he was given it.
    realm.put(f"/default-groups/{realm.group_id('/NEWCOMERS')}")
    realm.post(f"/roles/default-roles-{realm.name}/composites", [realm.get("/roles/BASIC")])
    realm.post("/users", {"username": "newcomer", "enabled": True})


def test_an_exported_file_is_counted_as_the_realm_itself(exported: Exported) -> None:
    offline = exported.site.call("offline", exported.file, "--json").document

    assert offline["applications"] == exported.status["applications"]
    assert [(each["used"], each["waiting"]) for each in offline["applications"]] == [(4, 3), (4, 0), (2, 2)]
    assert offline["license"] == exported.status["license"]
    assert offline["installation_id"] == exported.status["installation_id"]
    assert offline.keys() == exported.status.keys()


def test_the_federation_of_an_export_is_named_as_what_it_cannot_tell(exported: Exported) -> None:
    offline = exported.site.call("offline", exported.file, "--json").document

    assert offline["complete"] is False
    assert "user storage provider ldap" in offline["warnings"][0]


def test_an_exported_folder_is_counted_as_the_realm_itself(exported: Exported, tmp_path: Path) -> None:
    exported.server.export("--dir", tmp_path / "all", "--users-per-file", "3")

    words = ("offline", tmp_path / "all", "--realm", exported.site.realm.name, "--json")
    offline = exported.site.call(*words).document
    assert offline["applications"] == exported.status["applications"]
    refusal = exported.site.call("offline", tmp_path / "all").refused(2)
    assert f"several realms: name one of master, {exported.site.realm.name} with --realm" in refusal


def test_a_partial_export_has_no_users(exported: Exported, tmp_path: Path) -> None:
    partial = exported.site.realm.post("/partial-export", exportGroupsAndRoles=True, exportClients=True)

    refusal = exported.site.call("offline", write(tmp_path / "partial.json", partial)).refused(2)

    assert "a partial export of the admin console never has any" in refusal


def test_the_readme_counts_an_export(exported: Exported, tmp_path: Path) -> None:
    with named_realm(exported.server.api, example_realm("acme", MINIMUM_USERS)):
        exported.server.export("--file", tmp_path / "acme.json", "--realm", "acme")
    (tmp_path / "keys").mkdir()
    (tmp_path / "sidecar.yaml").write_text("trusted_keys: keys\n")
    typist = reader(tmp_path, tmp_path, KEYCLOAK_LICENSE_CONFIG="sidecar.yaml")

    [printed] = [typist.type(block) for block in scenario("offline")]

    [row] = [line.split("│") for line in printed.splitlines() if line.split()[:1] == ["WFM"]]
    assert [cell.strip() for cell in row[2:5]] == ["0", "0", str(EXAMPLE_USAGE["WFM"])]


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example realm, as a file written by hand, beside a configuration that knows no realm."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "sidecar.yaml").write_text("trusted_keys: keys\n")
    return write(tmp_path / "acme.json", example_realm("acme"))


def test_neither_server_nor_database_nor_a_configured_realm_is_needed(example: Path) -> None:
    folder = example.parent
    before = sorted(folder.iterdir())

    document = call("--config", folder / "sidecar.yaml", "offline", example, "--json").document

    waiting = {each["id"]: each["waiting"] for each in document["applications"] if each["waiting"]}
    assert waiting == EXAMPLE_USAGE
    assert (document["realm"], document["license"]["state"]) == ("acme", "NONE")
    assert sorted(folder.iterdir()) == before


def test_people_read_a_table(example: Path) -> None:
    outcome = call("--config", example.parent / "sidecar.yaml", "offline", example)

    assert outcome.status == 0
    assert outcome.stdout.startswith("Realm acme: licence NONE, access blocked (no_license)\n")
    assert "Last sync" not in outcome.stdout
    [row] = [line.split("│") for line in outcome.stdout.splitlines() if line.split()[:1] == ["WFM"]]
    assert [cell.strip() for cell in row[2:5]] == ["0", "0", "32"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(("gone.json",), "cannot be read (No such file or directory)", id="no file"),
        pytest.param(("sidecar.yaml",), "is not valid JSON", id="no json"),
        pytest.param(("keys",), "holds no realm", id="empty folder"),
        pytest.param(("acme.json", "--realm", "other"), "holds no realm other: it has acme", id="no realm"),
        pytest.param(("acme.json", "--license", "gone.lic"), "gone.lic", id="no licence"),
    ],
)
def test_what_cannot_be_counted_is_refused(
    example: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], expected: str
) -> None:
    monkeypatch.chdir(example.parent)

    assert expected in call("--config", "sidecar.yaml", "offline", *words).refused(2)
