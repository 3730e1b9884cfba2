"""Dockerfile and docker-compose.yml: valid by their own rules, and what they say of us is so."""

import re
from fnmatch import fnmatch
from typing import Any

import pytest
from typer.main import get_command

from keycloak_license.cli.main import app
from keycloak_license.settings import Settings
from tests.deployment.image import DOCKERFILE, environment, stages, values, words
from tests.deployment.tools import CONFIG, ROOT, check, load_yaml, settings_of

COMPOSE = ROOT / "docker-compose.yml"
FROM_OUTSIDE = re.compile(r"\$\{(\w+):[?-][^}]*\}")
SECRET = re.compile(r"secret|password|token|_key\b", re.IGNORECASE)


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = load_yaml(COMPOSE)["services"]
    return found


def least_settings() -> Settings:
    return Settings.model_validate({"keycloak": {"client_secret": "s3cret"}, "realms": {"acme": {}}})


def test_hadolint_finds_nothing() -> None:
    assert check("hadolint", DOCKERFILE) == ""


def test_the_last_stage_only_takes_over_what_was_built() -> None:
    build, last = stages()
    assert values(last, "COPY") == ["--from=build /opt/keycloak-license /opt/keycloak-license"]
    assert not any("pip" in command for command in values(last, "RUN"))
    assert any("--require-hashes" in command for command in values(build, "RUN"))


def test_it_runs_as_a_number_that_is_not_root() -> None:
    last = stages()[-1]
    (user,) = values(last, "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    names = [each.name for each in last]
    assert "RUN" not in names[names.index("USER") :], "made after USER, and so not by root"


def test_it_sets_no_secret() -> None:
    for stage in stages():
        assert not SECRET.search(" ".join(values(stage, "ENV") + values(stage, "ARG")))


@pytest.mark.parametrize("instruction", ["HEALTHCHECK", "CMD"])
def test_what_it_calls_is_a_command(instruction: str) -> None:
    last = stages()[-1]
    (entrypoint,), (called,) = values(last, "ENTRYPOINT"), values(last, instruction)
    line = words(called) if instruction == "HEALTHCHECK" else words(entrypoint) + words(called)
    commands: Any = get_command(app)
    assert line[0] == "keycloak-license"
    assert line[1] in commands.commands


def test_it_exposes_the_ports_of_the_settings() -> None:
    web = least_settings().web
    assert values(stages()[-1], "EXPOSE") == [f"{web.port} {web.management_port}"]


def test_dockerignore_lets_in_what_is_copied_and_nothing_else() -> None:
    first, *lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = [source for value in values(stages()[0], "COPY") for source in value.split()[:-1]]
    assert first == "*"
    assert {source.removesuffix("/") for source in copied} == let_in
    assert any(fnmatch("keycloak_license/web/static/vendor", line) for line in lines)


def test_the_compose_file_is_valid_by_its_schema() -> None:
    assert "validation done" in check("check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)


def test_the_schema_would_notice(tmp_path: Any) -> None:
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(
        COMPOSE.read_text(encoding="utf-8").replace("read_only:", "readonly:"), encoding="utf-8"
    )
    with pytest.raises(AssertionError, match="readonly"):
        check("check-jsonschema", "--builtin-schema", "vendor.compose-spec", broken)


def test_compose_publishes_on_loopback_only_and_pins_what_it_fetches(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert "build" in service or re.search(r":v?\d", service["image"]), name
        assert service["restart"] == "unless-stopped", name


def test_the_sidecar_of_compose_can_write_nowhere_but_its_volume(services: dict[str, Any]) -> None:
    sidecar = services["sidecar"]
    assert sidecar["read_only"] is True
    assert sidecar["cap_drop"] == ["ALL"]
    assert sidecar["security_opt"] == ["no-new-privileges:true"]


def test_the_settings_of_compose_load(services: dict[str, Any]) -> None:
    given = {
        name: FROM_OUTSIDE.sub("s3cret", value) for name, value in services["sidecar"]["environment"].items()
    }
    settings = settings_of(environment(stages()[-1]) | given, {"/etc/keycloak-license": CONFIG})
    assert settings.web.host == "0.0.0.0"  # noqa: S104 - in a container
    assert settings.mail.host in services
    assert settings.keycloak.url == "http://keycloak:8080"
    assert settings.web.address.backchannel_url == f"http://sidecar:{settings.web.port}"
