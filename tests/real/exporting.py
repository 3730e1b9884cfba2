"""A real Keycloak whose realms can be exported while it runs, as `kc.sh export` does it.

Its H2 database lets a second process in, on loopback only.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from keycloak_license.demo.process import KeycloakProcess
from keycloak_license.demo.server import LocalKeycloak, Variant
from tests.real.keycloak import AdminApi

_EXPORT_SECONDS = 300
_JAVA_OPTIONS = "-XX:-UsePerfData -Dh2.bindAddress=127.0.0.1"
_SHORT_LIVED = "-XX:TieredStopAtLevel=1"
"""To compile thoroughly what runs for seconds takes longer than it saves."""


@dataclass(frozen=True)
class ExportingKeycloak:
    """The server with what a second process needs to get at its data."""

    api: AdminApi
    home: Path
    variables: Mapping[str, str]

    def export(self, *options: str | Path) -> None:
        """Run ``kc.sh export`` with these options."""
        places = (f"-Dkc.home.dir={self.home}", f"-Djava.io.tmpdir={self.home}")
        words = [*places, "export", "--optimized", *map(str, options)]
        variables = {**self.variables, "JAVA_OPTS_APPEND": f"{_JAVA_OPTIONS} {_SHORT_LIVED}"}
        with KeycloakProcess(self.home, words, log=self.home / "export.log", variables=variables) as process:
            assert process.exit_status(_EXPORT_SECONDS) == 0, process.log_tail()


@contextmanager
def exporting_keycloak(cache: Path, database: Path) -> Iterator[ExportingKeycloak]:
    """Boot a Keycloak that keeps its data in a folder of the caller's."""
    url = f"jdbc:h2:file:{database}/keycloakdb;NON_KEYWORDS=VALUE;AUTO_SERVER=TRUE"
    variables = {"KC_DB_URL": url, "JAVA_OPTS_APPEND": _JAVA_OPTIONS}
    with (
        LocalKeycloak(cache, variant=Variant(variables=variables)) as server,
        AdminApi(server.url, server.admin_user, server.admin_password) as api,
    ):
        yield ExportingKeycloak(api, server.log.parent, variables)
