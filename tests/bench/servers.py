"""A Keycloak to measure with, on either of two databases.

In: the name of a database; out: a `Server` for as long as the block lasts. Called by `__main__`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keycloak_license.bootstrap import Admin
from keycloak_license.demo.server import Database, LocalKeycloak
from tests.bench.realms import Server
from tests.real.postgres import PASSWORD, USER, PostgresServer, postgres

CACHE = Path(__file__).parents[2] / ".cache"
"""The one that the tests use."""
H2, POSTGRESQL = "h2", "postgresql"
DATABASES = (H2, POSTGRESQL)


@contextmanager
def running_server(database: str) -> Iterator[Server]:
    """Boot a Keycloak with an empty database."""
    if database == H2:
        with LocalKeycloak(CACHE) as keycloak:
            yield _server(keycloak, database)
        return
    with (
        postgres() as data,
        LocalKeycloak(CACHE, database=_in_postgres(data)) as keycloak,
    ):
        yield _server(keycloak, database)


def _server(keycloak: LocalKeycloak, database: str) -> Server:
    return Server(keycloak.url, Admin(keycloak.admin_user, keycloak.admin_password), database)


def _in_postgres(server: PostgresServer) -> Database:
    name = server.create_database().rpartition("/")[2]
    return Database(
        "postgres",
        {
            "KC_DB_URL": f"jdbc:postgresql://127.0.0.1:{server.port}/{name}",
            "KC_DB_USERNAME": USER,
            "KC_DB_PASSWORD": PASSWORD,
        },
    )
