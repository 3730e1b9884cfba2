"""The files under config/: the example is complete and loads, the seven applications are the seed's."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from keycloak_license.errors import ConfigurationError
from keycloak_license.model.realm import Role
from keycloak_license.settings import DEFAULT_CONFIG, Settings, load_settings, setting_rows

CONFIG = Path(__file__).parents[2] / "config"
EXAMPLE = CONFIG / "keycloak-license.yaml"
SECRET = {"KEYCLOAK_CLIENT_SECRET": "s3cret"}


def uncommented(text: str) -> str:
    """The example with every `#key:` set; `# text` stays a comment."""
    return re.sub(r"^(\s*)#(?=\s*[\w-]+:(?: |$))(?! \w)", r"\1", text, flags=re.MULTILINE)


def keys(tree: object, path: str = "") -> set[str]:
    if not isinstance(tree, dict) or not tree:
        return {path}
    own_names = path in {"realms", "applications"}
    inner = {
        key
        for name, value in tree.items()
        for key in keys(value, f"{path}.{'<name>' if own_names else name}".lstrip("."))
    }
    return inner | ({path} if own_names else set())


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    file = tmp_path / "whole.yaml"
    file.write_text(uncommented(EXAMPLE.read_text(encoding="utf-8")), encoding="utf-8")
    return file


def test_the_example_is_the_default_file() -> None:
    assert CONFIG.parent / DEFAULT_CONFIG == EXAMPLE


def test_the_example_loads_as_it_is_and_says_the_defaults() -> None:
    least = Settings.model_validate({"keycloak": {"client_secret": "s3cret"}, "realms": {"acme": {}}})
    assert load_settings(EXAMPLE, SECRET) == least.anchored(CONFIG)


def test_the_example_asks_for_nothing_but_the_secret() -> None:
    with pytest.raises(
        ConfigurationError, match=r"keycloak-license\.yaml: keycloak\.client_secret is missing, "
    ):
        load_settings(EXAMPLE, {})


def test_the_example_loads_with_everything_set_too(whole: Path) -> None:
    given = load_settings(whole, {})
    assert given.mail.host == "mail.example.com"
    assert list(given.applications) == ["WFM"]


def test_the_example_shows_every_key_and_no_other(whole: Path) -> None:
    shown = keys(yaml.safe_load(whole.read_text(encoding="utf-8")))
    shown = {re.sub(r"(client_roles)\..*", r"\1", key) for key in shown}
    assert shown == {row.key for row in setting_rows()}


def test_every_setting_is_described_once() -> None:
    rows = setting_rows()
    assert all(row.description for row in rows)
    assert len({row.description for row in rows}) == len(rows)
    assert len({row.variable for row in rows}) == len(rows)


def test_the_reference_names_the_short_variables() -> None:
    assert {row.key: row.short_variable for row in setting_rows() if row.short_variable} == {
        "keycloak.url": "KEYCLOAK_URL",
        "keycloak.client_id": "KEYCLOAK_CLIENT_ID",
        "keycloak.client_secret": "KEYCLOAK_CLIENT_SECRET",
    }


def test_the_package_carries_the_applications_of_the_config_folder() -> None:
    packaged = files("keycloak_license.settings").joinpath("applications.yaml").read_text(encoding="utf-8")
    assert packaged == (CONFIG / "applications.yaml").read_text(encoding="utf-8")


def test_the_applications_are_the_seven_of_the_seed() -> None:
    applications = load_settings(EXAMPLE, SECRET).application_list()
    assert [(one.id, one.name) for one in applications] == [
        ("QM", "Quality Management"),
        ("WFM", "Workforce Management"),
        ("CONVERSATIONS_EXPLORER", "Conversations Explorer"),
        ("WFO_ANALYTICS", "WFO Analytics"),
        ("ELEARNING", "eLearning"),
        ("SPEECHREC", "SpeechRec"),
        ("GENERATIVE_AI", "Generative AI"),
    ]
    assert all(one.clients == () for one in applications)


@pytest.mark.parametrize(
    ("role", "application"),
    [
        ("WFM_AGENT", "WFM"),
        ("WFM_SCHEDULER", "WFM"),
        ("QM_REVIEWER", "QM"),
        ("WFO_ANALYTICS_USER", "WFO_ANALYTICS"),
    ],
)
def test_a_role_belongs_to_one_application_only(role: str, application: str) -> None:
    applications = load_settings(EXAMPLE, SECRET).application_list()
    assert [one.id for one in applications if one.counts(Role("1", role))] == [application]


def test_the_applications_file_can_be_copied_into_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "copied.yaml"
    text = (CONFIG / "applications.yaml").read_text(encoding="utf-8")
    file.write_text(f"realms: {{acme: }}\n{text}", encoding="utf-8")
    assert load_settings(file, SECRET).applications == load_settings(EXAMPLE, SECRET).applications
