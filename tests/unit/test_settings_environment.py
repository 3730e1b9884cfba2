"""Settings from environment variables: names, precedence, secret files, and what is refused."""

import os
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from keycloak_license.errors import ConfigurationError
from keycloak_license.model.enforcement import Enforcement
from keycloak_license.settings import Settings, load_settings, setting_rows
from keycloak_license.settings.values import DatabaseUrl

LEAST = {"KEYCLOAK_CLIENT_SECRET": "s3cret", "KEYCLOAK_LICENSE_REALMS__acme": ""}
EMPTY_FILE = Path(os.devnull)
ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))

EXAMPLES: dict[str, tuple[str, object]] = {
    "keycloak.url": ("https://sso.example.com/auth", "https://sso.example.com/auth"),
    "keycloak.client_id": ("0123", "0123"),
    "keycloak.client_secret": ("true", SecretStr("true")),
    "keycloak.auth_realm": ("on", "on"),
    "keycloak.timeout_seconds": ("9", 9),
    "keycloak.verify_tls": ("false", False),
    "realms": (
        "{beta: {enforcement: gate}}",
        {
            "beta": {
                "enforcement": Enforcement.GATE,
                "time_zone": ZoneInfo("UTC"),
                "disable_federated": False,
                "contact": None,
            }
        },
    ),
    "realms.<name>.enforcement": ("disable", Enforcement.DISABLE),
    "realms.<name>.time_zone": ("Europe/Prague", ZoneInfo("Europe/Prague")),
    "realms.<name>.disable_federated": ("true", True),
    "realms.<name>.contact": ("Lis, room 3", "Lis, room 3"),
    "applications": (
        "{X: {roles: [x]}}",
        {"X": {"name": None, "roles": ("x",), "client_roles": {}, "clients": ()}},
    ),
    "applications.<name>.name": ("no", "no"),
    "applications.<name>.roles": ("[X_*, 1]", ("X_*", "1")),
    "applications.<name>.client_roles": ("{x-app: [agent]}", {"x-app": ("agent",)}),
    "applications.<name>.clients": ("[x-app, 'y']", ("x-app", "y")),
    "database": ("postgresql+psycopg://u:p@h/d", DatabaseUrl("postgresql+psycopg://u:p@h/d")),
    "trusted_keys": ("/keys", Path("/keys")),
    "sync.interval_seconds": ("7", 7),
    "sync.full_interval_seconds": ("77", 77),
    "sync.lease_seconds": ("17", 17),
    "guard.max_release_percent": ("0", 0),
    "guard.max_release_seats": ("0", 0),
    "guard.hold_hours": ("1", 1),
    "history.keep_days": ("31", 31),
    "history.forget_deleted_users": ("true", True),
    "mail.host": ("null", None),
    "mail.port": ("25", 25),
    "mail.starttls": ("off", False),
    "mail.tls": ("on", True),
    "mail.verify_tls": ("/ca.pem", Path("/ca.pem")),
    "mail.username": ("1.0", "1.0"),
    "mail.password": ("null", SecretStr("null")),
    "mail.sender": ("a@example.com", "a@example.com"),
    "mail.administrators": ("[a@example.com]", ("a@example.com",)),
    "mail.timeout_seconds": ("3", 3),
    "mail.expiry_notice_days": ("[30, 7, 0]", (30, 7, 0)),
    "mail.usage_notice_percents": ("[95, 80]", (95, 80)),
    "webhook.url": ("https://hooks.example.com/in?key=1", "https://hooks.example.com/in?key=1"),
    "webhook.secret": ("on", SecretStr("on")),
    "webhook.timeout_seconds": ("2", 2),
    "webhook.verify_tls": ("false", False),
    "web.enabled": ("no", False),
    "web.host": ("::", "::"),
    "web.port": ("80", 80),
    "web.public_url": ("https://licences.example.com", "https://licences.example.com"),
    "web.backchannel_url": ("http://sidecar:8081", "http://sidecar:8081"),
    "web.idle_minutes": ("5", 5),
    "web.session_hours": ("1", 1),
    "web.trusted_proxies": ("[10.0.0.0/8]", ("10.0.0.0/8",)),
    "web.management_port": ("1", 1),
}
FILE = """
realms: {acme: }
mail: {host: m, username: postman, password: p, sender: b@example.com}
webhook: {url: "https://hooks.example.com/in", secret: s}
"""


def load(environ: Mapping[str, str]) -> Settings:
    return load_settings(EMPTY_FILE, {**LEAST, **environ})


def refusal(environ: Mapping[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(environ)
    return str(caught.value)


def load_file(folder: Path, text: str, environ: Mapping[str, str]) -> Settings:
    file = folder / "given.yaml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ)


def test_there_is_an_example_of_every_key() -> None:
    assert list(EXAMPLES) == [row.key for row in setting_rows()]


@pytest.mark.parametrize("key", EXAMPLES)
@pytest.mark.parametrize("is_small", [False, True], ids=["CAPITALS", "small"])
def test_every_key_can_be_given_as_a_variable_that_wins(tmp_path: Path, key: str, is_small: bool) -> None:
    text, expected = EXAMPLES[key]
    steps = key.replace("<name>", "acme" if key.startswith("realms") else "WFM").split(".")
    name = "__".join(steps)
    variable = "KEYCLOAK_LICENSE_" + (name.lower() if is_small else name.upper())
    secret = {"KEYCLOAK_CLIENT_SECRET": "s3cret"}
    before: object = load_file(tmp_path, FILE, secret).model_dump()
    after: object = load_file(tmp_path, FILE, secret | {variable: text}).model_dump()
    for step in steps:
        assert isinstance(before, dict)
        assert isinstance(after, dict)
        before, after = before[step], after[step]
    assert before != expected
    assert after == expected


# Precedence


def test_the_longer_name_wins_over_the_short_one_and_both_over_the_file(tmp_path: Path) -> None:
    text = "realms: {acme: }\nkeycloak: {url: http://file, client_id: file, client_secret: file}"
    environ = {
        "KEYCLOAK_URL": "http://short",
        "KEYCLOAK_CLIENT_ID": "short",
        "KEYCLOAK_LICENSE_KEYCLOAK__URL": "http://long",
    }
    given = load_file(tmp_path, text, environ).keycloak
    assert (given.url, given.client_id, given.client_secret.get_secret_value()) == (
        "http://long",
        "short",
        "file",
    )


def test_a_part_wins_over_its_whole_section() -> None:
    given = load({"KEYCLOAK_LICENSE_WEB": "{port: 1, host: h}", "KEYCLOAK_LICENSE_WEB__PORT": "2"}).web
    assert (given.port, given.host) == (2, "h")


def test_a_section_leaves_alone_what_it_does_not_name_but_own_names_are_replaced(tmp_path: Path) -> None:
    text = "realms: {acme: {enforcement: gate}, beta: }\nkeycloak: {client_id: file}"
    environ = {"KEYCLOAK_CLIENT_SECRET": "s3cret", "KEYCLOAK_LICENSE_KEYCLOAK": "{url: http://section}"}
    given = load_file(tmp_path, text, environ | {"KEYCLOAK_LICENSE_REALMS__ACME": "{time_zone: Asia/Tokyo}"})
    assert (given.keycloak.url, given.keycloak.client_id) == ("http://section", "file")
    assert given.realms["acme"].enforcement is Enforcement.GATE
    assert given.realms["acme"].time_zone == ZoneInfo("Asia/Tokyo")
    given = load_file(tmp_path, text, environ | {"KEYCLOAK_LICENSE_REALMS": "{gamma: }"})
    assert list(given.realms) == ["gamma"]


def test_own_names_match_a_known_one_whatever_its_case_else_stay_as_written() -> None:
    given = load(
        {
            "KEYCLOAK_LICENSE_REALMS__ACME__ENFORCEMENT": "gate",
            "KEYCLOAK_LICENSE_REALMS__My-Realm__TIME_ZONE": "Asia/Tokyo",
            "KEYCLOAK_LICENSE_APPLICATIONS__wfm__ROLES": "[PLANNER]",
            "KEYCLOAK_LICENSE_APPLICATIONS__New__CLIENT_ROLES__new-app": "[agent]",
        }
    )
    assert list(given.realms) == ["acme", "My-Realm"]
    assert given.realms["acme"].enforcement is Enforcement.GATE
    assert given.realms["My-Realm"].time_zone == ZoneInfo("Asia/Tokyo")
    assert given.applications["WFM"].roles == ("PLANNER",)
    assert given.applications["WFM"].name == "Workforce Management"
    assert given.applications["New"].client_roles == {"new-app": ("agent",)}
    assert len(given.applications) == 8


def test_a_name_in_its_own_case_wins_over_one_that_is_only_alike() -> None:
    given = load(
        {
            "KEYCLOAK_LICENSE_REALMS": "{acme: , ACME: , a__b: }",
            "KEYCLOAK_LICENSE_REALMS__ACME__ENFORCEMENT": "gate",
            "KEYCLOAK_LICENSE_REALMS__A__B__ENFORCEMENT": "disable",
        }
    )
    assert [realm.enforcement.value for realm in given.realms.values()] == ["observe", "gate", "disable"]


def test_an_empty_variable_sets_nothing_but_an_empty_realm_is_one(tmp_path: Path) -> None:
    empty = {
        "KEYCLOAK_URL": "",
        "KEYCLOAK_CLIENT_SECRET_FILE": "",
        "KEYCLOAK_LICENSE_WEB__PORT": "",
        "KEYCLOAK_LICENSE_MAIL": "",
        "KEYCLOAK_LICENSE_MAIL__PASSWORD": "",
        "KEYCLOAK_LICENSE_REALMS__beta": "",
    }
    text = "realms: {acme: {enforcement: gate}}\nweb: {port: 99}\nkeycloak: {url: http://file}"
    given = load_file(tmp_path, text, LEAST | empty)
    assert (given.web.port, given.keycloak.url, given.mail.password) == (99, "http://file", None)
    assert given.realms["acme"].enforcement is Enforcement.GATE
    assert list(given.realms) == ["acme", "beta"]
    assert "keycloak.client_secret is missing" in refusal({"KEYCLOAK_CLIENT_SECRET": ""})


# Secret files


@pytest.mark.parametrize(
    "variable", ["KEYCLOAK_CLIENT_SECRET_FILE", "KEYCLOAK_LICENSE_KEYCLOAK__CLIENT_SECRET_FILE"]
)
def test_the_secret_can_come_from_a_file_without_its_last_line_end(tmp_path: Path, variable: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b" 0123 \r\n")
    given = load_settings(EMPTY_FILE, {variable: str(file), "KEYCLOAK_LICENSE_REALMS__acme": ""})
    assert given.keycloak.client_secret.get_secret_value() == " 0123 "


def test_every_secret_has_a_file_variable_and_nothing_else_has(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    assert [row.key for row in setting_rows() if row.is_secret] == [
        "keycloak.client_secret",
        "database",
        "mail.password",
        "webhook.secret",
    ]
    file.write_text("sqlite:////var/seats.db\n", encoding="utf-8")
    given = load({"KEYCLOAK_LICENSE_DATABASE_FILE": str(file)})
    assert given.database.get_secret_value() == "sqlite:////var/seats.db"
    environ = {"KEYCLOAK_LICENSE_MAIL__PASSWORD_FILE": str(file), "KEYCLOAK_LICENSE_MAIL__USERNAME": "u"}
    assert load(environ).mail.password == SecretStr("sqlite:////var/seats.db")
    for row in setting_rows():
        if not row.is_secret and "<name>" not in row.key:
            assert f"unknown variable {row.variable}_FILE" in refusal({f"{row.variable}_FILE": str(file)})


@pytest.mark.parametrize("prefix", ["KEYCLOAK_", "KEYCLOAK_LICENSE_KEYCLOAK__"])
def test_a_secret_and_its_file_together_are_refused(tmp_path: Path, prefix: str) -> None:
    (tmp_path / "secret").write_text("s3same", encoding="utf-8")
    said = refusal(
        {f"{prefix}CLIENT_SECRET": "s3same", f"{prefix}CLIENT_SECRET_FILE": str(tmp_path / "secret")}
    )
    assert f"{prefix}CLIENT_SECRET and {prefix}CLIENT_SECRET_FILE both give keycloak.client_secret" in said
    assert "s3same" not in said


def test_a_secret_file_that_is_missing_empty_or_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    name = "KEYCLOAK_LICENSE_MAIL__PASSWORD_FILE"
    for file, reason in (("gone", "does not exist"), ("empty", "is empty"), (".", "is a directory")):
        said = refusal({name: str(tmp_path / file), "KEYCLOAK_LICENSE_MAIL__USERNAME": "u"})
        assert name in said
        assert reason in said


# What is refused


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("SYNC__INTERVALL_SECONDS", "did you mean KEYCLOAK_LICENSE_SYNC__INTERVAL_SECONDS?"),
        ("SYNC_INTERVAL_SECONDS", "did you mean KEYCLOAK_LICENSE_SYNC__INTERVAL_SECONDS?"),
        ("CLIENT_SECRET", "did you mean KEYCLOAK_LICENSE_KEYCLOAK__CLIENT_SECRET?"),
        ("REALMS__acme__ENFORCMENT", "did you mean KEYCLOAK_LICENSE_REALMS__ACME__ENFORCEMENT?"),
        ("WEB_PORT", "did you mean KEYCLOAK_LICENSE_WEB__PORT?"),
        ("WEB__PORT__X", "unknown variable KEYCLOAK_LICENSE_WEB__PORT__X"),
        ("XYZZY", "unknown variable KEYCLOAK_LICENSE_XYZZY."),
        ("", "unknown variable KEYCLOAK_LICENSE_."),
    ],
)
def test_an_unknown_variable_is_refused_with_a_suggestion(name: str, sentence: str) -> None:
    said = refusal({f"KEYCLOAK_LICENSE_{name}": "1"})
    assert f"unknown variable KEYCLOAK_LICENSE_{name}" in said
    assert sentence in said


def test_what_kubernetes_sets_for_a_service_of_our_name_is_no_setting() -> None:
    made = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "8081",
        "SERVICE_PORT_HTTP": "8081",
        "PORT": "tcp://10.0.0.1:8081",
        "PORT_8081_TCP": "tcp://10.0.0.1:8081",
        "PORT_8081_TCP_ADDR": "10.0.0.1",
        "WEB_SERVICE_HOST": "10.0.0.1",
        "WEB_PORT": "tcp://10.0.0.1:8081",
    }
    assert load({f"KEYCLOAK_LICENSE_{name}": text for name, text in made.items()}) == load({})


def test_variables_of_others_are_left_alone() -> None:
    assert load({"KEYCLOAK_LICENSEE": "x", "KEYCLOAK_ADMIN_PASSWORD": "x", "KC_DB": "x"}) == load({})


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        (
            "WEB__PORT",
            "s3same",
            "web.port in KEYCLOAK_LICENSE_WEB__PORT must be a whole number from 1 to 65535",
        ),
        (
            "WEB__PORT",
            "[s3same",
            "The value of KEYCLOAK_LICENSE_WEB__PORT, line 1, column 8, is not valid YAML",
        ),
        ("WEB__PORT", "# s3same", "web.port in KEYCLOAK_LICENSE_WEB__PORT must be a whole number"),
        ("KEYCLOAK", "!x {url: s3same}", "KEYCLOAK_LICENSE_KEYCLOAK must be written without a YAML tag"),
        (
            "APPLICATIONS",
            "# s3same",
            "KEYCLOAK_LICENSE_APPLICATIONS must be a mapping that names at least one",
        ),
        ("WEB", "{prot: s3same}", "unknown key web.prot in KEYCLOAK_LICENSE_WEB (did you mean web.port?)"),
        ("WEB", "{port: s3same}", "web.port in KEYCLOAK_LICENSE_WEB must be a whole number"),
        ("MAIL__ADMINISTRATORS", "s3same", "MAIL__ADMINISTRATORS must be a list of mail addresses"),
        (
            "REALMS__ACME__TIME_ZONE",
            "s3same",
            "in KEYCLOAK_LICENSE_REALMS__ACME__TIME_ZONE must be a time zone",
        ),
        ("DATABASE", "s3same", "database in KEYCLOAK_LICENSE_DATABASE must be sqlite:///FILE"),
        (
            "APPLICATIONS__X",
            "{name: s3same}",
            "applications.X in KEYCLOAK_LICENSE_APPLICATIONS__X needs at least",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_variable_and_not_repeated(
    name: str, text: str, sentence: str
) -> None:
    said = refusal({f"KEYCLOAK_LICENSE_{name}": text})
    assert sentence in said
    assert "s3same" not in said


def test_one_key_by_two_spellings_is_refused() -> None:
    said = refusal({"KEYCLOAK_LICENSE_WEB__PORT": "1", "KEYCLOAK_LICENSE_web__port": "2"})
    assert "KEYCLOAK_LICENSE_WEB__PORT and KEYCLOAK_LICENSE_web__port both give web.port" in said


# Anything at all


@given(ANY_TEXT.filter(bool))
@settings(deadline=None)
def test_a_secret_is_taken_as_it_is(secret: str) -> None:
    assert load({"KEYCLOAK_CLIENT_SECRET": secret}).keycloak.client_secret.get_secret_value() == secret


@given(st.dictionaries(st.sampled_from([row.variable for row in setting_rows()]), ANY_TEXT))
@settings(deadline=None)
def test_any_values_are_settings_or_one_sentence(environ: dict[str, str]) -> None:
    assert is_settings_or_one_sentence(EMPTY_FILE, LEAST | environ)


@given(st.one_of(ANY_TEXT.map(str.encode), st.binary(), st.text("{}[]:,-&*!|>#'\"\\\n aweb").map(str.encode)))
@example(b'"a\\nb\\e[31m": 1')
@example(b"&a {web: *a, realms: &b {c: *b}}")
@settings(deadline=None)
def test_any_file_is_settings_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "anything.yaml"
    file.write_bytes(content)
    assert is_settings_or_one_sentence(file, LEAST)


def is_settings_or_one_sentence(file: Path, environ: Mapping[str, str]) -> bool:
    try:
        load_settings(file, environ)
    except ConfigurationError as error:
        return str(error).isprintable()
    return True
