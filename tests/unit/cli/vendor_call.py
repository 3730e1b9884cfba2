"""The vendor commands called in process, and what a test asks of their end."""

from pathlib import Path

from typer.testing import CliRunner, Result

from keycloak_license.cli.vendor import vendor_app
from keycloak_license.errors import KeycloakLicenseError


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(vendor_app, [str(argument) for argument in arguments])


def done(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exception is None, result.exception
    return result.stdout


def error(result: Result) -> KeycloakLicenseError:
    assert isinstance(result.exception, KeycloakLicenseError)
    assert "\n" not in str(result.exception)
    return result.exception
