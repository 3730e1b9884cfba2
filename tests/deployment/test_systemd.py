"""The systemd unit: systemd understands it, it is closed off, and its settings load."""

import re
import sys
from pathlib import Path

import pytest

from tests.deployment.tools import CONFIG, check, settings_of

UNIT = CONFIG / "systemd" / "keycloak-license.service"
USERS = CONFIG / "systemd" / "keycloak-license.sysusers.conf"
MOST_EXPOSED = 15
"""Tenths, of what `systemd-analyze security` counts; a service without any of it has 96."""


def assignments(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there."""
    text = UNIT.read_text(encoding="utf-8").replace(
        "/opt/keycloak-license/bin/keycloak-license", sys.executable
    )
    copy = tmp_path / UNIT.name
    copy.write_text(text, encoding="utf-8")
    return copy


def test_systemd_understands_every_line(unit: Path) -> None:
    assert check("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit) == ""


def test_it_is_closed_off(unit: Path) -> None:
    check("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", unit)


def test_its_user_is_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    check("systemd-sysusers", f"--root={tmp_path}", USERS)
    (user,) = assignments("User")
    assert (tmp_path / "etc" / "passwd").read_text(encoding="utf-8").startswith(f"{user}:")


def test_its_settings_load(tmp_path: Path) -> None:
    etc, credentials = tmp_path / "keycloak-license", tmp_path / "credentials"
    for folder in (etc, credentials):
        folder.mkdir()
    (etc / "keycloak-license.yaml").write_text((CONFIG / "keycloak-license.yaml").read_text(encoding="utf-8"))
    (credential,) = assignments("LoadCredential")
    (credentials / credential.split(":")[0]).write_text("s3cret\n")
    given = dict(each.split("=", 1) for each in assignments("Environment"))
    settings = settings_of(given, {"%E": tmp_path, "%d": credentials})
    assert settings.keycloak.client_secret.get_secret_value() == "s3cret"
