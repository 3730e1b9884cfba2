"""The configuration file: where it is, what is refused in it, and that no secret is shown."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from keycloak_license.errors import ConfigurationError
from keycloak_license.model.enforcement import Enforcement
from keycloak_license.settings import RealmSettings, Settings, load_settings, setting_rows

SECRET = {"KEYCLOAK_CLIENT_SECRET": "s3cret"}
LEAST = {**SECRET, "KEYCLOAK_LICENSE_REALMS__acme": ""}
REALM = "realms: {acme: }\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one too."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(folder: Path, text: str, environ: Mapping[str, str] = SECRET) -> Settings:
    file = folder / "given.yaml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ)


def refusal(folder: Path, text: str, environ: Mapping[str, str] = SECRET) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text, environ)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_the_defaults_are_those_of_the_contract(folder: Path) -> None:
    given = load(folder, REALM)
    assert given.keycloak.url == "http://localhost:8080"
    assert given.keycloak.client_id == "keycloak-license"
    assert given.keycloak.auth_realm is None
    assert given.keycloak.timeout_seconds == 60
    assert given.keycloak.verify_tls is True
    assert given.realms == {"acme": RealmSettings()}
    assert given.realms["acme"].enforcement is Enforcement.OBSERVE
    assert given.realms["acme"].time_zone == ZoneInfo("UTC")
    assert not given.realms["acme"].disable_federated
    assert (given.sync.interval_seconds, given.sync.full_interval_seconds) == (5, 900)
    assert (given.guard.max_release_percent, given.guard.max_release_seats) == (20, 5)
    assert given.guard.hold_hours == 24
    assert (given.mail.host, given.mail.port, given.mail.starttls) == (None, 587, True)
    assert (given.mail.administrators, given.mail.expiry_notice_days) == ((), (30,))
    assert (given.web.enabled, given.web.host, given.web.port) == (True, "127.0.0.1", 8081)
    assert (given.web.public_url, given.web.management_port) == (None, 9000)


# Where the file is


@pytest.mark.parametrize(
    ("sync", "seconds"),
    [
        ("{}", 10),
        ("{interval_seconds: 1}", 2),
        ("{interval_seconds: 4}", 8),
        ("{interval_seconds: 600}", 10),
        ("{interval_seconds: 1, lease_seconds: null}", 2),
        ("{interval_seconds: 1, lease_seconds: 30}", 30),
        ("{lease_seconds: 1}", 1),
    ],
)
def test_a_lease_lasts_twice_the_interval_and_at_most_ten_seconds_unless_told_otherwise(
    folder: Path, sync: str, seconds: int
) -> None:
    given = load(folder, f"{REALM}sync: {sync}\n")
    assert given.sync.lease_duration == timedelta(seconds=seconds)


def test_a_realm_that_a_command_names_has_its_defaults_where_it_is_not_configured(folder: Path) -> None:
    (folder / "given.yaml").write_text("realms: {acme: {time_zone: Europe/Prague}}\n")

    given = load_settings(folder / "given.yaml", SECRET, realm="other")
    assert given.realm("other") == ("other", RealmSettings())
    assert given.realm("acme")[1].time_zone == ZoneInfo("Europe/Prague")
    assert load_settings(folder / "given.yaml", SECRET, realm="acme").realms == {"acme": given.realms["acme"]}
    assert load_settings(None, {}, needs_client_secret=False, realm="acme").realms == {
        "acme": RealmSettings()
    }


def test_the_named_file_wins_over_the_variable_and_that_over_the_default(folder: Path) -> None:
    for name in ("config/keycloak-license.yaml", "by-variable.yaml", "by-option.yaml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"realms: {{{Path(name).stem}: }}", encoding="utf-8")
    by_variable = SECRET | {"KEYCLOAK_LICENSE_CONFIG": "by-variable.yaml"}
    assert set(load_settings(Path("by-option.yaml"), by_variable).realms) == {"by-option"}
    assert set(load_settings(None, by_variable).realms) == {"by-variable"}
    assert set(load_settings(None, SECRET).realms) == {"keycloak-license"}


@pytest.mark.usefixtures("folder")
def test_a_named_file_must_exist_but_the_default_one_need_not() -> None:
    assert set(load_settings(None, LEAST).realms) == {"acme"}
    with pytest.raises(ConfigurationError, match=r"gone\.yaml does not exist"):
        load_settings(Path("gone.yaml"), LEAST)
    with pytest.raises(ConfigurationError, match=r"lost\.yaml does not exist"):
        load_settings(None, LEAST | {"KEYCLOAK_LICENSE_CONFIG": "lost.yaml"})


@pytest.mark.usefixtures("folder")
def test_without_a_file_the_error_says_that_there_is_none() -> None:
    with pytest.raises(ConfigurationError, match=r"no config/keycloak-license\.yaml.*realms is missing"):
        load_settings(None, SECRET)


@contextmanager
def without_privileges() -> Iterator[None]:
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_file_that_may_not_be_read_is_refused_with_the_reason(folder: Path) -> None:
    file = folder / "closed.yaml"
    file.touch(mode=0)
    with without_privileges(), pytest.raises(ConfigurationError, match="cannot be read: permission denied"):
        load_settings(file, LEAST)


def test_a_default_file_that_may_not_be_read_is_not_taken_for_a_missing_one(folder: Path) -> None:
    file = folder / "config" / "keycloak-license.yaml"
    file.parent.mkdir()
    file.touch()
    file.parent.chmod(0)
    with without_privileges(), pytest.raises(ConfigurationError, match="cannot be read: permission denied"):
        load_settings(None, LEAST)


def test_a_directory_and_a_file_that_is_no_utf8_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="is a directory"):
        load_settings(folder, LEAST)
    (folder / "latin.yaml").write_bytes("realms: {caf\u00e9: }".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"latin\.yaml is not text in UTF-8"):
        load_settings(folder / "latin.yaml", LEAST)


def test_a_byte_order_mark_does_no_harm(folder: Path) -> None:
    assert set(load(folder, "\ufeff" + REALM).realms) == {"acme"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("realms:\n  acme: {\n", "given.yaml, line 3, column 1, is not valid YAML"),
        ("realms: a: b\n", "line 1, column 10, is not valid YAML: mapping values are not allowed here"),
        ("realms: {acme: }\n---\nrealms: {b: }", "line 2, column 1, is not valid YAML"),
        ("realms: \x00", "is not valid YAML"),
        ("[" * 5000, "is not valid YAML"),
        ("- realms", "the top level must be a mapping"),
        ("just words", "the top level must be a mapping"),
        (REALM + "web: {port: 1}\nweb: {port: 2}", "web is given twice, in line 2 and again in line 3"),
        ("realms: {acme: {time_zone: UTC,\n time_zone: UTC}}", "realms.acme.time_zone is given twice"),
        ("{[a]: b}", "the key in line 1 must be a plain word"),
        (REALM + "keycloak: !env {client_id: x}", "keycloak in line 2 must be written without a YAML tag"),
        (REALM + "database: !env DB", "database in line 2 must be written without a YAML tag"),
    ],
)
def test_what_is_no_proper_yaml_is_refused_with_the_place(folder: Path, text: str, sentence: str) -> None:
    assert sentence in refusal(folder, text)


# Unknown, missing and wrong keys


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "sync: {intervall_seconds: 5}",
            "unknown key sync.intervall_seconds in line 2 (did you mean sync.in",
        ),
        ("realm: acme", "unknown key realm in line 2 (did you mean realms?)"),
        ("hold_hours: 3", "unknown key hold_hours in line 2 (did you mean guard.hold_hours?)"),
        ("Web: {}", "unknown key Web in line 2 (did you mean web?)"),
        ("xyzzy: 1", "unknown key xyzzy in line 2."),
        (
            "applications: {WFM: {roles: [a], rolls: [b]}}",
            "applications.WFM.rolls in line 2 (did you mean app",
        ),
        ("keycloak: {<<: {}}", "unknown key keycloak.<< in line 2"),
    ],
)
def test_an_unknown_key_is_named_with_a_suggestion(folder: Path, text: str, sentence: str) -> None:
    assert sentence in refusal(folder, REALM + text)


@given(st.from_regex(r"\A[a-z_]{1,20}\Z"), st.sampled_from(["", "keycloak", "sync", "guard", "mail", "web"]))
@settings(deadline=None)
def test_no_unknown_key_passes(tmp_path_factory: pytest.TempPathFactory, name: str, section: str) -> None:
    known = {row.key.split(".")[section != ""] for row in setting_rows() if row.key.startswith(section)}
    if name in known | {"on", "off", "yes", "no"}:
        return
    text = f"{section}: {{{name}: 1}}" if section else f"{name}: 1"
    key = f"{section}.{name}" if section else name
    assert f"unknown key {key} " in refusal(tmp_path_factory.mktemp("any"), REALM + text)


def test_the_secret_and_a_realm_are_required(folder: Path) -> None:
    missing = refusal(folder, "", {})
    assert "keycloak" in missing
    assert "realms is missing" in missing
    assert "keycloak.client_secret is missing, give it there or as KEYCLOAK_LICENSE_" in refusal(
        folder, REALM + "keycloak: {client_secret: }", {}
    )
    assert "keycloak.client_secret in line 2 must be text that is not empty" in refusal(
        folder, REALM + "keycloak: {client_secret: ''}", {}
    )
    assert "realms in line 1 must be a mapping that names at least one realm" in refusal(folder, "realms: {}")


def test_init_can_do_without_the_secret(folder: Path) -> None:
    file = folder / "given.yaml"
    file.write_text(REALM, encoding="utf-8")
    assert load_settings(file, {}, needs_client_secret=False).keycloak.client_secret.get_secret_value() == ""
    given = load_settings(file, SECRET, needs_client_secret=False)
    assert given.keycloak.client_secret.get_secret_value() == "s3cret"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "sync: {interval_seconds: soon}",
            "sync.interval_seconds in line 2 must be a whole number from 1 to 86",
        ),
        (
            "sync: {interval_seconds: 0}",
            "sync.interval_seconds in line 2 must be a whole number from 1 to 86",
        ),
        ("sync: {interval_seconds: true}", "must be a whole number"),
        ("sync: {interval_seconds: 1.5}", "must be a whole number"),
        ("sync: {interval_seconds: 0600}", "must be a whole number"),
        ("sync: {interval_seconds: 1:30}", "must be a whole number"),
        ("sync: {interval_seconds: 1000}", "sync in line 2 needs a full_interval_seconds that is not below"),
        ("sync: 5", "sync in line 2 must be a mapping of keys to values"),
        (
            "guard: {max_release_percent: 101}",
            "guard.max_release_percent in line 2 must be a whole number from",
        ),
        ("guard: {hold_hours: -1}", "guard.hold_hours in line 2 must be a whole number of at least 0"),
        ("web: {port: 65536}", "web.port in line 2 must be a whole number from 1 to 65535"),
        ("web: {port: 9000}", "web in line 2 needs a management_port that differs from port"),
        *(
            (
                f"applications: {{A: {{roles: [a], clients: [x, {ours}]}}}}",
                f"needs applications.A.clients without {ours}: that client is ours",
            )
            for ours in ("keycloak-license", "keycloak-license-screen")
        ),
        ("web: {host: a b}", "web.host in line 2 must be an IP address or a host name"),
        ("web: {host: my..host}", "web.host in line 2 must be an IP address or a host name"),
        ("web: {host: '[::]'}", "web.host in line 2 must be an IP address or a host name"),
        ("web: {enabled: maybe}", "web.enabled in line 2 must be true or false"),
        ("web: {public_url: here}", "web.public_url in line 2 must be an address that begins with http://"),
        ("keycloak: {url: 'ftp://x'}", "keycloak.url in line 2 must be an address that begins with http://"),
        (
            "keycloak: {url: 'http://u:s3same@x'}",
            "keycloak.url in line 2 must not hold a user name or password",
        ),
        ("keycloak: {url: 'http://u:s3same/x'}", "keycloak.url in line 2 must be an address that begins"),
        ("keycloak: {url: 'http://x/?a=b'}", "keycloak.url in line 2 must be an address without ? and #"),
        ("keycloak: {client_id: ' '}", "keycloak.client_id in line 2 must be text that is not empty"),
        ("keycloak: {client_id: [s3same]}", "keycloak.client_id in line 2 must be text that is not empty"),
        (
            "keycloak: {timeout_seconds: 0}",
            "keycloak.timeout_seconds in line 2 must be a whole number from 1",
        ),
        (
            "keycloak: {verify_tls: gone.pem}",
            "keycloak.verify_tls in line 2 names a CA bundle that cannot be",
        ),
        ("mail: {host: m}", "mail in line 2 needs a sender when it has a host"),
        ("mail: {password: s3same}", "mail in line 2 needs username and password together"),
        ("mail: {sender: nobody}", "mail.sender in line 2 must be a mail address"),
        ("mail: {sender: 'a@x.cz, b@x.cz'}", "mail.sender in line 2 must be a mail address"),
        ("mail: {administrators: a@x.cz}", "mail.administrators in line 2 must be a list of mail addresses"),
        (
            "mail: {expiry_notice_days: [-1]}",
            "mail.expiry_notice_days in line 2 must be a list of whole numbers",
        ),
        (
            "database: mysql://u:s3same@h/d",
            "database in line 2 must be sqlite:///FILE or postgresql+psycopg://",
        ),
        ("database: sqlite://seats.db", "database in line 2 must be sqlite:///FILE"),
        (
            "applications: {WFM: {}}",
            "applications.WFM in line 2 needs at least one pattern in roles or client_",
        ),
        (
            "applications: {WFM: {client_roles: {a: []}}}",
            "applications.WFM in line 2 needs at least one pattern",
        ),
        (
            "applications: {WFM: {roles: WFM_*}}",
            "applications.WFM.roles in line 2 must be a list of role names",
        ),
        (
            "applications: {WFM: {roles: ['']}}",
            "applications.WFM.roles in line 2 must be a list of role names",
        ),
        (
            "applications: {W.M: {roles: [a]}}",
            "applications.W.M in line 2 must have a name of 1 to 64 letters",
        ),
        (
            "applications: {A: {client_roles: {'': [a]}}}",
            "applications.A.client_roles. in line 2 must have a name",
        ),
        ("applications: {}", "applications in line 2 must be a mapping that names at least one application"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(folder: Path, text: str, sentence: str) -> None:
    said = refusal(folder, REALM + text)
    assert sentence in said
    assert "s3same" not in said


@pytest.mark.parametrize(
    ("zone", "sentence"),
    [
        ("Europe/Pragu", "(did you mean Europe/Prague?)"),
        ("europe/prague", "(did you mean Europe/Prague?)"),
        ("localtime", "must be a time zone"),
        ("../etc/passwd", "must be a time zone"),
        ("+02:00", "must be a time zone"),
    ],
)
def test_a_time_zone_is_one_of_the_iana_database(folder: Path, zone: str, sentence: str) -> None:
    assert sentence in refusal(folder, f"realms: {{acme: {{time_zone: '{zone}'}}}}")


def test_enforcement_is_one_of_three(folder: Path) -> None:
    said = refusal(folder, "realms: {acme: {enforcement: strict}}")
    assert "realms.acme.enforcement in line 1 must be one of observe, gate, disable" in said


def test_several_problems_are_one_sentence_with_a_count(folder: Path) -> None:
    said = refusal(folder, REALM + "a: 1\nb: 2\nc: 3\nd: 4\nweb: {port: x}")
    assert said.count(";") == 3
    assert said.endswith("; and 2 more.")


def test_a_wrong_section_is_not_also_called_incomplete(folder: Path) -> None:
    assert "missing" not in refusal(folder, REALM + "keycloak: [a]", {})


# Secrets

PASSWORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=30)


@given(PASSWORDS, PASSWORDS)
@settings(deadline=None)
def test_no_secret_is_shown_by_any_form_of_the_settings(secret: str, password: str) -> None:
    given = load_settings(
        Path(os.devnull),
        {
            "KEYCLOAK_LICENSE_REALMS": "{acme: }",
            "KEYCLOAK_CLIENT_SECRET": f"<{secret}>",
            "KEYCLOAK_LICENSE_MAIL__USERNAME": "postman",
            "KEYCLOAK_LICENSE_MAIL__PASSWORD": f"<{password}>",
            "KEYCLOAK_LICENSE_DATABASE": "postgresql://seats:<pg-s3same>@db/seats?sslpassword=<pg-s3same>",
        },
    )
    assert given.keycloak.client_secret.get_secret_value() == f"<{secret}>"
    shown = [repr(given), str(given), repr(given.model_dump()), given.model_dump_json(), str(given.database)]
    for text in [*shown, json.dumps(given.model_dump(mode="json"), ensure_ascii=False)]:
        assert f"<{secret}>" not in text
        assert f"<{password}>" not in text
        assert "pg-s3same" not in text
    assert "postgresql+psycopg://seats:**********@db/seats" in str(given.database)


@pytest.mark.parametrize(
    "text",
    [
        "keycloak: {client_secret: *s3same}",
        "keycloak: {client_secret: !s3same!x y}",
        'keycloak: {client_secret: "\\s3same"}',
        "keycloak: {client_secret: %s3same}",
        "keycloak: {client_secret: [s3same]}",
        "keycloak: {client_secret: {s3same: s3same-too}}",
        "database: oracle://scott:s3same@h/d",
        "mail: {password: [s3same]}",
        "keycloak: s3same",
    ],
)
def test_no_error_repeats_a_secret(folder: Path, text: str) -> None:
    assert "s3same" not in refusal(folder, REALM + text)


def test_pydantic_itself_does_not_repeat_a_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"keycloak": {"client_secret": ["s3same"]}, "realms": {}})
    assert "s3same" not in str(caught.value)
