"""What the values of a configuration file come to mean."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError

from keycloak_license.errors import ConfigurationError
from keycloak_license.model.application import Application
from keycloak_license.model.enforcement import Enforcement
from keycloak_license.settings import RealmSettings, Settings, load_settings

SECRET = {"KEYCLOAK_CLIENT_SECRET": "s3cret"}
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


def test_text_stays_as_it_was_written_in_the_file(folder: Path) -> None:
    given = load(
        folder,
        "keycloak: {client_secret: 0123}\nrealms: {123: , on: , No: }\n"
        "mail: {username: 007, password: true}\napplications: {1_0: {name: yes, roles: [1.0, off]}}",
        {},
    )
    assert given.keycloak.client_secret.get_secret_value() == "0123"
    assert list(given.realms) == ["123", "on", "No"]
    assert given.mail.password is not None
    assert (given.mail.username, given.mail.password.get_secret_value()) == ("007", "true")
    assert given.application_list() == (Application(id="1_0", name="yes", roles=("1.0", "off")),)


def test_an_empty_key_or_section_stands_for_its_default(folder: Path) -> None:
    given = load(folder, REALM + "sync:\nmail:\napplications:\nweb:\n  port: # the usual\n  public_url: ~\n")
    assert given.sync.interval_seconds == 5
    assert given.web.port == 8081
    assert len(given.applications) == 7


def test_an_address_keeps_its_path_but_not_its_last_slash(folder: Path) -> None:
    given = load(folder, REALM + "keycloak: {url: 'https://sso.example.com/auth/'}")
    assert given.keycloak.url == "https://sso.example.com/auth"


def test_relative_paths_are_relative_to_the_configuration_file(folder: Path) -> None:
    home = folder / "etc"
    home.mkdir()
    (home / "ca.pem").touch()
    (home / "secret").write_text("from-file\n", encoding="utf-8")
    text = REALM + "database: sqlite:///data/seats.db?timeout=9\nkeycloak: {verify_tls: ca.pem}"
    given = load(home, text, {"KEYCLOAK_CLIENT_SECRET_FILE": "secret"})
    assert given.database.get_secret_value() == f"sqlite:///{home}/data/seats.db?timeout=9"
    assert given.keycloak.verify_tls == home / "ca.pem"
    assert given.trusted_keys == home / "trusted-keys"
    assert given.keycloak.client_secret.get_secret_value() == "from-file"
    assert load(home, REALM + "trusted_keys: /keys").trusted_keys == Path("/keys")


def test_without_a_file_paths_are_relative_to_the_current_folder(folder: Path) -> None:
    given = load_settings(None, SECRET | {"KEYCLOAK_LICENSE_REALMS__acme": ""})
    assert given.database.get_secret_value() == f"sqlite:///{folder}/keycloak-license.db"
    assert given.trusted_keys == folder / "trusted-keys"


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("sqlite:////var/seats.db", "sqlite:////var/seats.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///file:seats?mode=ro&uri=true", "sqlite:///file:seats?mode=ro&uri=true"),
        ("postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql+psycopg://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
    ],
)
def test_other_databases_are_taken_as_they_are(folder: Path, url: str, meant: str) -> None:
    assert load(folder, REALM + f"database: '{url}'").database.get_secret_value() == meant


def test_applications_come_in_configured_order_and_as_the_model_knows_them(folder: Path) -> None:
    given = load(
        folder,
        REALM
        + "applications:\n  Z: {name: Zed, roles: ['Z_*'], client_roles: {z-app: [agent]}, clients: [z-app]}"
        "\n  A: {roles: [a]}",
    )
    assert given.application_list() == (
        Application("Z", "Zed", ("Z_*",), (("z-app", ("agent",)),), ("z-app",)),
        Application("A", "A", ("a",)),
    )


def test_the_realm_is_the_named_or_the_only_one(folder: Path) -> None:
    one = load(folder, REALM)
    assert one.realm() == ("acme", RealmSettings())
    assert one.realm("acme")[0] == "acme"
    with pytest.raises(ConfigurationError, match="Realm other is not configured: choose one of acme"):
        one.realm("other")
    two = load(folder, "realms: {acme: , beta: {enforcement: gate}}")
    assert two.realm("beta")[1].enforcement is Enforcement.GATE
    with pytest.raises(ConfigurationError, match="name one of acme, beta with --realm"):
        two.realm()


def test_settings_cannot_be_changed(folder: Path) -> None:
    given = load(folder, REALM)
    with pytest.raises(ValidationError):
        given.web.port = 1  # type: ignore[misc]
