"""A Keycloak to measure with, on either of two databases.

In: the name of a database; out: a `Server` for as long as the block lasts. Called by `__main__`.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from keycloak_license.bootstrap import Admin
from keycloak_license.demo.server import LocalKeycloak, Variant
from tests.bench.realms import Server
from tests.real.postgres import PASSWORD, USER, PostgresServer, postgres

CACHE = Path(__file__).parents[2] / ".cache"
"""The one that the tests use."""
H2, POSTGRESQL = "h2", "postgresql"
DATABASES = (H2, POSTGRESQL)


HEAP = "-Xms1g -Xmx3g"
"""Enough for a hundred thousand users: with little of it, collecting garbage is what is measured."""


@contextmanager
def running_server(database: str) -> Iterator[Server]:
    """Boot a Keycloak with an empty database."""
    with ExitStack() as stack:
        variant = Variant() if database == H2 else _in(stack.enter_context(postgres()))
        variant = replace(variant, variables={**variant.variables, "JAVA_OPTS_KC_HEAP": HEAP})
        keycloak = stack.enter_context(LocalKeycloak(CACHE, variant=variant))
        yield Server(keycloak.url, Admin(keycloak.admin_user, keycloak.admin_password), database)


def _in(server: PostgresServer) -> Variant:
    name = server.create_database().rpartition("/")[2]
    url = f"jdbc:postgresql://127.0.0.1:{server.port}/{name}"
    return Variant("postgres", {"KC_DB_URL": url, "KC_DB_USERNAME": USER, "KC_DB_PASSWORD": PASSWORD})
