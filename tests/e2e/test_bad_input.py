"""What is wrong with configuration or Keycloak is told in one sentence, and nothing is written."""

import json
import socket
from pathlib import Path

import pytest

from tests.e2e.cli import (
    CLIENT,
    SECRET,
    CountingProxy,
    Outcome,
    Site,
    call,
    license_attributes,
    make_site,
    taken_back,
)
from tests.e2e.crew import APPLICATIONS
from tests.real.keycloak import AdminApi, MakeRealm, RealRealm

NOWHERE = "http://127.0.0.1:1"
ASKING_KEYCLOAK: tuple[tuple[str, ...], ...] = (
    ("sync",),
    ("sync", "--dry-run"),
    ("members", "WFM"),
    ("explain", "ann"),
    ("duplicates",),
)


def test_an_unknown_key_is_named(site: Site) -> None:
    for words in ASKING_KEYCLOAK:
        sentence = site.configure(guards={"max_release_seats": 1}).call(*words).refused(2)
        assert "guards" in sentence
    assert "enforce" in site.configure(realms={site.realm.name: {"enforce": "gate"}}).call("sync").refused(2)


def test_a_missing_key_is_named(site: Site) -> None:
    assert "realms" in site.configure(realms=None).call("sync").refused(2)
    keycloak = {"url": site.realm.api.url}
    assert "client_secret" in site.configure(keycloak=keycloak).call("sync").refused(2)


def test_a_configuration_that_is_not_there_or_no_yaml_is_named(site: Site) -> None:
    assert "absent.yaml" in call("--config", site.folder / "absent.yaml", "sync").refused(2)
    site.config.write_text("realms: [")
    assert str(site.config) in site.call("sync").refused(2)


def test_a_secret_in_the_wrong_place_is_not_repeated(site: Site) -> None:
    site.configure(database=SECRET, sync={"interval_seconds": SECRET}).call("sync").refused(2)


def test_a_realm_that_keycloak_does_not_have_is_named(site: Site) -> None:
    for words in ASKING_KEYCLOAK:
        sentence = site.configure(realms={"no-such-realm": {}}).call(*words).refused(2)
        assert "no-such-realm" in sentence


def test_a_realm_that_keycloak_does_not_have_is_named_to_a_client_in_master_too(
    make_realm: MakeRealm, keycloak: AdminApi, tmp_path: Path
) -> None:
    realm, master = make_realm(), RealRealm("master", "master", keycloak)
    client = f"sidecar-{realm.name}"
    where = {"url": keycloak.url, "client_secret": SECRET, "client_id": client, "auth_realm": "master"}
    site = make_site(tmp_path / "site", realm, keycloak=where)
    site.init().done()
    try:
        sentence = site.configure(realms={"no-such-realm": {}}).call("sync").refused(2)
    finally:
        master.delete(f"/clients/{master.client_uuid(client)}")

    assert "no-such-realm" in sentence


def test_a_realm_that_is_not_configured_is_named(site: Site) -> None:
    for words in (*ASKING_KEYCLOAK, ("status",), ("import", site.license("X", {"WFM": 1}))):
        sentence = site.call(*words, "--realm", "no-such-realm").refused(2)
        assert "no-such-realm" in sentence
        assert site.realm.name in sentence


def test_with_several_realms_one_must_be_named(site: Site) -> None:
    sentence = site.configure(realms={site.realm.name: {}, "other": {}}).call("sync").refused(2)

    assert "--realm" in sentence
    assert "other" in sentence


@pytest.mark.parametrize("words", [("members", "CRM"), ("members", "wfm"), ("members", "")], ids=repr)
def test_an_unknown_application_is_named_with_those_that_there_are(
    site: Site, words: tuple[str, ...]
) -> None:
    sentence = site.call(*words).refused(2)

    assert repr(words[1]) in sentence
    assert "QM" in sentence


@pytest.mark.parametrize("name", ["nobody", "", ".", "..", "../roles", "ann/../bob", "an", "%61nn"])
def test_an_unknown_user_is_nobody_else(site: Site, name: str) -> None:
    sentence = site.call("explain", name).refused(2)

    assert site.realm.name in sentence


@pytest.mark.parametrize(
    "words",
    [("sync", "--no-such-option"), ("no-such-command",), ("members",), ("status", "--realm"), ("explain",)],
    ids=" ".join,
)
def test_wrong_usage_is_one_sentence_too(site: Site, words: tuple[str, ...]) -> None:
    site.call(*words).refused(2)


def test_a_secret_file_that_is_not_there_is_named(site: Site) -> None:
    outcome = site.call("sync", environ={"KEYCLOAK_CLIENT_SECRET_FILE": "absent.secret"})

    assert "KEYCLOAK_CLIENT_SECRET_FILE" in outcome.refused(2)


def test_a_wrong_client_secret_is_told_and_not_shown(site: Site) -> None:
    wrong = "wr0ng-and-not-to-be-shown"
    site.reach(site.realm.api.url, client_secret=wrong)

    for words in (*ASKING_KEYCLOAK, ("import", site.license("X", {"WFM": 1}))):
        sentence = site.call(*words).refused(2)
        assert CLIENT in sentence
        assert "client_secret" in sentence
        assert wrong not in sentence


def test_a_client_that_was_never_made_leads_to_init(site: Site) -> None:
    sentence = site.reach(site.realm.api.url, client_id="no-such-client").call("sync").refused(2)

    assert "no-such-client" in sentence
    assert "client_id" in sentence or "init" in sentence


def test_keycloak_down_is_status_3_for_every_command_that_asks_it(site: Site) -> None:
    site.reach(NOWHERE)

    for words in (("explain", "ann"), ("import", site.license("X", {"WFM": 1}))):
        assert NOWHERE in site.call(*words).refused(3)
    assert NOWHERE in site.init().refused(3)


def test_a_keycloak_that_accepts_and_never_answers_is_not_called_unreachable(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        sentence = site.reach(url, timeout_seconds=1).call("sync").refused(3)

    assert url in sentence
    assert "did not answer within 1 second" in sentence


def test_a_process_says_the_same_and_shows_no_traceback(site: Site) -> None:
    assert NOWHERE in site.reach(NOWHERE).run("sync", "--json").refused(3)


def test_verbose_shows_more_and_keeps_the_exit_status(site: Site) -> None:
    outcome = site.reach(NOWHERE).call("--verbose", "sync", "--json")

    assert outcome.status == 3
    assert outcome.stdout == ""
    assert NOWHERE in outcome.stderr
    assert SECRET not in outcome.stderr


NOT_KEYCLOAK: dict[str, tuple[str, tuple[int, str, bytes]]] = {
    "a web page": ("", (200, "text/html", b"<!doctype html><title>It works</title>")),
    "a web page behind a good login": ("/admin/", (200, "text/html", b"<!doctype html>")),
    "nothing but 404": ("", (404, "text/html", b"not found")),
    "other JSON": ("", (200, "application/json", b'{"hello": "world"}')),
    "other JSON behind a good login": ("/admin/", (200, "application/json", b'{"hello": "world"}')),
    "truncated JSON": ("/admin/", (200, "application/json", b'[{"id": "4711", "name": "WFM_AG')),
    "a list where an object belongs": ("/admin/", (200, "application/json", b"[]")),
    "an empty body": ("/admin/", (200, "application/json", b"")),
    "a broken gateway": ("/admin/", (502, "text/html", b"Bad Gateway")),
}


@pytest.mark.parametrize("kind", NOT_KEYCLOAK)
def test_what_is_not_keycloak_is_never_taken_for_an_empty_realm(site: Site, kind: str) -> None:
    prefix, answer = NOT_KEYCLOAK[kind]

    with CountingProxy(site.realm.api.url, lambda _, path: answer if prefix in path else None) as proxy:
        outcome = site.reach(proxy.url).call("sync", "--json")

        assert outcome.status in {2, 3}
        assert proxy.url in outcome.refused(outcome.status)
        assert proxy.methods["PUT"] == 0


def test_a_wrong_path_prefix_points_at_the_address(site: Site) -> None:
    outcome = site.reach(f"{site.realm.api.url}/auth").call("sync")

    assert "keycloak.url" in outcome.refused(outcome.status)
    assert outcome.status in {2, 3}


def test_a_realm_that_is_switched_off_is_not_called_a_wrong_secret(
    make_realm: MakeRealm, tmp_path: Path
) -> None:
    site = make_site(tmp_path / "site", make_realm())
    site.init().done()
    site.realm.put("", {"enabled": False})

    outcome = site.call("sync")

    sentence = outcome.refused(outcome.status)
    assert outcome.status in {2, 3}
    assert "enabled" in sentence or "disabled" in sentence


@pytest.mark.parametrize(
    ("right", "refused"),
    [
        ("view-users", ASKING_KEYCLOAK),
        ("view-clients", ASKING_KEYCLOAK),
        ("manage-realm", (("sync",), ("sync", "--json"), ("import",))),
        ("view-events", ()),
    ],
)
def test_a_missing_right_is_named_with_the_role_that_gives_it(
    site: Site, right: str, refused: tuple[tuple[str, ...], ...]
) -> None:
    with_import = [
        (*words, site.license("X", {"WFM": 1})) if words == ("import",) else words for words in refused
    ]
    with _Without(site.realm, right):
        for words in with_import:
            sentence = site.call(*words).refused(3)
            assert f"role {right}" in sentence
            assert "realm-management" in sentence
            assert CLIENT in sentence
        doctor = site.call("doctor", "--json")
    # `doctor` opens the ledger, and that is all it may do.
    checks = {check["name"]: check for check in json.loads(doctor.stdout)["checks"]}
    assert doctor.status == 3
    assert [name for name, check in checks.items() if not check["ok"]] == [f"right {right}"]
    assert f"role {right}" in checks[f"right {right}"]["detail"]


def test_without_both_rights_over_the_realm_view_realm_is_named(site: Site) -> None:
    with _Without(site.realm, "manage-realm", "view-realm"):
        sentence = site.call("sync", "--dry-run").refused(3)

    assert "role view-realm" in sentence


class _Without:
    """The service account lacks some rights inside the block."""

    def __init__(self, realm: RealRealm, *rights: str) -> None:
        account = realm.get(f"/clients/{realm.client_uuid(CLIENT)}/service-account-user")["id"]
        self._path = f"/users/{account}/role-mappings/clients/{realm.client_uuid('realm-management')}"
        self._realm = realm
        self._roles = [role for role in realm.get(self._path) if role["name"] in rights]
        assert len(self._roles) == len(rights)

    def __enter__(self) -> None:
        self._realm.delete(self._path, self._roles)

    def __exit__(self, *_: object) -> None:
        self._realm.post(self._path, self._roles)


def test_a_refused_import_is_no_import(site: Site) -> None:
    """Once the right is there, the same file is imported as if it had never been tried."""
    file = site.license("RETRY", {"WFM": 1})
    with _Without(site.realm, "manage-realm"):
        site.call("import", file).refused(3)

    with taken_back(site):
        assert site.call("import", file, "--json").document["already_imported"] is False
        assert license_attributes(site.realm)["license.number"] == "RETRY"


def test_a_terminal_that_cannot_show_every_letter_shows_the_rest(site: Site) -> None:
    outcome = site.run("explain", "ann", environ={"PYTHONIOENCODING": "latin-1"}).done()

    assert "role WFM_AGENT" in outcome.stdout
    assert outcome.stderr == ""


def test_a_pattern_that_matches_no_role_is_a_warning(site: Site) -> None:
    site.configure(
        applications=APPLICATIONS | {"CRM": {"roles": ["CMR_*"], "client_roles": {"crm-app": ["agent"]}}}
    )

    told = site.call("sync", "--dry-run").done()
    document = site.call("sync", "--dry-run", "--json").document

    assert len(told.warnings) == len(document["warnings"]) == 2
    for warning, sentence in zip(told.warnings, document["warnings"], strict=True):
        assert sentence in warning
        assert "CRM" in sentence
    assert "CMR_*" in document["warnings"][0]
    assert "crm-app" in document["warnings"][1]


@pytest.mark.parametrize("way", ["default roles", "default groups"])
def test_an_application_role_that_everybody_gets_is_a_warning(
    make_realm: MakeRealm, tmp_path: Path, way: str
) -> None:
    group = {"name": "EVERYBODY", "subGroups": [{"name": "NEW"}], "realmRoles": ["QM_AGENT"]}
    realm = make_realm({"roles": {"realm": [{"name": "WFM_AGENT"}, {"name": "QM_AGENT"}]}, "groups": [group]})
    if way == "default roles":
        role = realm.get("/roles/WFM_AGENT")
        realm.post(f"/roles/default-roles-{realm.name}/composites", [role])
    else:
        realm.put(f"/default-groups/{realm.group_id('/EVERYBODY/NEW')}")
    for name in ("ann", "bob"):
        realm.post("/users", {"username": name, "enabled": True})
    site = make_site(tmp_path / "site", realm, applications=APPLICATIONS)
    site.init().done()

    outcome = site.call("sync").done()

    [warning] = outcome.warnings
    application = "WFM" if way == "default roles" else "QM"
    assert application in warning
    assert f"{application}_AGENT" in warning
    # The service account of the sidecar has the default roles too, and does not count.
    assert site.usage(application) == (0, 0, 2)


def test_everything_about_keycloak_can_come_from_the_environment(site: Site) -> None:
    site.configure(keycloak={"url": NOWHERE, "client_id": "x", "client_secret": "y"})
    secret_file = site.folder / "secret"
    secret_file.write_text(SECRET + "\n")
    where = {"KEYCLOAK_URL": site.realm.api.url, "KEYCLOAK_CLIENT_ID": CLIENT}
    secrets = (
        {"KEYCLOAK_CLIENT_SECRET": SECRET},
        {"KEYCLOAK_CLIENT_SECRET_FILE": str(secret_file)},
        {"KEYCLOAK_LICENSE_KEYCLOAK__CLIENT_SECRET": SECRET},
        {"KEYCLOAK_LICENSE_KEYCLOAK__CLIENT_SECRET_FILE": "secret"},
    )

    for secret in secrets:
        site.call("sync", "--dry-run", environ=where | secret).done()
    by_process = site.run("sync", "--dry-run", "--json", environ=where | secrets[1])
    assert by_process.document["realm"] == site.realm.name


def test_the_configuration_itself_can_come_from_the_environment(site: Site) -> None:
    named = call("status", "--json", environ={"KEYCLOAK_LICENSE_CONFIG": str(site.config)})
    changed = site.call("status", "--json", environ={"KEYCLOAK_LICENSE_REALMS": "{elsewhere: {}}"})

    assert named.document["realm"] == site.realm.name
    assert changed.document["realm"] == "elsewhere"


def test_the_admin_password_can_come_from_the_environment(site: Site) -> None:
    api = site.realm.api

    outcome = site.call("init", "--admin-user", api.user, environ={"KEYCLOAK_ADMIN_PASSWORD": api.password})

    assert "Nothing to change" in outcome.done().stdout


def test_after_an_incomplete_read_nobody_loses_a_seat_and_the_status_is_3(
    make_realm: MakeRealm, tmp_path: Path
) -> None:
    group = {"name": "AGENTS", "realmRoles": ["WFM_AGENT"]}
    people = [{"username": name, "enabled": True, "groups": ["/AGENTS"]} for name in ("ann", "bob")]
    realm = make_realm({"roles": {"realm": [{"name": "WFM_AGENT"}]}, "groups": [group], "users": people})
    site = make_site(tmp_path / "site", realm, applications={"WFM": {"roles": ["WFM_*"]}})
    site.init().done()
    site.call("import", site.license("X", {"WFM": 5})).done()

    def no_members(_method: str, path: str) -> tuple[int, str, bytes] | None:
        return (404, "application/json", b"{}") if "/members" in path else None

    with CountingProxy(realm.api.url, no_members) as proxy:
        site.reach(proxy.url)
        synced = site.call("sync", "--json")
        imported = site.call("import", site.license("Y", {"WFM": 6}), "--replace", "--json")

    for outcome in (synced, imported):
        _incomplete(outcome)
        assert site.usage() in ((5, 2, 0), (6, 2, 0))


def _incomplete(outcome: Outcome) -> None:
    assert outcome.status == 3
    assert any("AGENTS" in warning for warning in json.loads(outcome.stdout)["warnings"])
    [sentence] = outcome.stderr.splitlines()
    assert sentence.startswith("Error: ")
