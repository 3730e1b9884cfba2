"""Realms to measure with: so many users, some of whom are consumers, and a licence in force.

In: a server and numbers; out: a `BenchRealm` that has been synced. Made for each size by `__main__`, and by
`tests/e2e/test_bench`. One POST makes the realm, which is by far the fastest way.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from keycloak_license.bootstrap import Admin, create_realm, open_client, open_provisioner, open_realm
from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.ledger.store import SqlLedger, open_ledger
from keycloak_license.license_file.issue import SigningKey, generate_key_pair, new_payload
from keycloak_license.model.enforcement import Enforcement
from keycloak_license.services.licenses import import_license
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.settings import Settings
from tests.bench.rows import Row
from tests.bench.setting import CLIENT_SECRET, write_settings

GROUP, GROUP_ROLE, DIRECT_ROLE = "AGENTS", "WFM_AGENT", "WFM_SCHEDULER"
DIRECT_SHARE = 10
"""One of so many consumers has a role directly, the others have theirs by group."""


@dataclass(frozen=True)
class Server:
    """A Keycloak that runs."""

    url: str
    admin: Admin
    database: str


@dataclass(frozen=True)
class BenchRealm:
    """A realm whose consumers all have seats."""

    server: Server
    name: str
    users: int
    consumers: int
    folder: Path
    settings: Settings
    ledger: SqlLedger

    def open(self, url: str | None = None) -> tuple[ManagedRealm, KeycloakClient]:
        """Return the realm as a command has it, with a new session that has not logged in, and its client."""
        keycloak = self.settings.keycloak
        settings = self.settings.model_copy(
            update={"keycloak": keycloak.model_copy(update={"url": url or keycloak.url})}
        )
        client = open_client(settings, self.name)
        # Asking opens it.
        client.requests_made  # noqa: B018
        managed = open_realm(settings, self.name, ledger=self.ledger)
        return replace(managed, keycloak=KeycloakRealm(client)), client

    @property
    def row(self) -> "partial[Row]":
        """Make a row about this realm."""
        return partial(Row, self.users, self.consumers, self.server.database)


@contextmanager
def licensed_realm(server: Server, name: str, users: int, consumers: int) -> Iterator[BenchRealm]:
    """Make a realm, which stays, and what the sidecar has of it, which goes with the block."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        settings = write_settings(folder, server.url, name)
        create_realm(settings, server.admin, representation(name, users, consumers))
        provisioner = open_provisioner(settings, name, server.admin)
        provisioner.provision(Enforcement.OBSERVE, client_secret=CLIENT_SECRET)
        with closing(open_ledger(settings.database.get_secret_value())) as ledger:
            realm = BenchRealm(server, name, users, consumers, folder, settings, ledger)
            managed, _ = realm.open()
            file = issue_license(folder, seats=users)
            import_license(managed, file, lambda _: True, lambda: datetime.now(UTC))
            yield realm


def representation(name: str, users: int, consumers: int) -> dict[str, object]:
    """Return a realm in which the first users are consumers, most of them by group."""
    people: list[dict[str, object]] = [
        {"username": f"user{number}", "email": f"user{number}@example.com", "enabled": True}
        for number in range(users)
    ]
    for number, consumer in enumerate(people[:consumers]):
        if number % DIRECT_SHARE:
            consumer["groups"] = [f"/{GROUP}"]
        else:
            consumer["realmRoles"] = [DIRECT_ROLE]
    return {
        "realm": name,
        "enabled": True,
        "adminEventsEnabled": True,
        "roles": {"realm": [{"name": GROUP_ROLE}, {"name": DIRECT_ROLE}]},
        "groups": [{"name": GROUP, "realmRoles": [GROUP_ROLE]}],
        "users": people,
    }


def issue_license(folder: Path, seats: int) -> bytes:
    """Make a licence for Workforce Management."""
    today = datetime.now(UTC).date()
    pair = generate_key_pair(folder / "trusted-keys", "bench")
    payload = new_payload(
        {
            "format": 1,
            "number": "BENCH-1",
            "issue": 1,
            "type": "temporary",
            "customer": "Bench",
            "issued_on": today.isoformat(),
            "starts_on": (today - timedelta(days=1)).isoformat(),
            "expires_on": (today + timedelta(days=30)).isoformat(),
            "scope": {"WFM": {"seats": seats}},
        }
    )
    return SigningKey.load(pair.private).sign(payload).encode()
