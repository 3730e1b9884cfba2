"""Measures a sync against the obvious script, and giving seats against a bare loop, on one real Keycloak.

In: numbers of users and seats; out: tables on stdout, and the same as JSON with `--json FILE`. Called by
`make bench`. Times are medians; only their ratios mean something on another machine.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from keycloak import KeycloakAdmin
from rich.console import Console
from rich.table import Table

from keycloak_license.bootstrap import Admin, create_realm, open_client, open_provisioner
from keycloak_license.demo.server import LocalKeycloak, default_cache
from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.ledger.store import open_ledger
from keycloak_license.license_file.issue import SigningKey, generate_key_pair, new_payload
from keycloak_license.license_file.verify import TrustedFolder
from keycloak_license.model.enforcement import Enforcement
from keycloak_license.services.licenses import import_license
from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.reconcile import run_once
from tests.bench.granting import GrantRow, measure_granting
from tests.bench.setting import CLIENT_SECRET, timed, write_settings

WARM_UP_RUNS = 100
"""About as many requests as one round of asking each user makes."""
SYNC_RUNS = 9


@dataclass(frozen=True)
class Row:
    """One measured way to know who uses Workforce Management."""

    users: int
    way: str
    seconds: float
    requests: int
    times_faster: float
    """Than asking each user in turn, in the same run."""


def main() -> None:
    """Boot, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--seats", type=int, nargs="+", default=[3000])
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    rows: list[Row] = []
    grants: list[GrantRow] = []
    with LocalKeycloak(default_cache()) as keycloak:
        admin = Admin(keycloak.admin_user, keycloak.admin_password)
        for users in options.users:
            rows += measure(keycloak.url, admin, users)
        for seats in options.seats:
            grants += measure_granting(keycloak.url, admin, seats)
    Console().print(table_of(rows))
    Console().print(granting_table(grants))
    if options.json:
        figures = [*map(asdict, rows), *map(asdict, grants)]
        options.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")


def measure(url: str, admin: Admin, users: int) -> Iterator[Row]:
    """Yield the rows for a realm of that many users."""
    with licensed_realm(url, admin, users) as (managed, requests_made):
        # The faster of two, for the first also warms the server up.
        tries = [asking_each_user(url, admin, managed.name) for _ in range(2)]
        asked = min(tries, key=lambda each: each.seconds)
        used = len(asked.consumers)
        yield Row(users, "asking each user in turn", asked.seconds, asked.requests, 1.0)
        for _ in range(WARM_UP_RUNS):
            run_once(managed, now=datetime.now(UTC))
        before = requests_made()
        times = [timed(lambda: run_once(managed, now=datetime.now(UTC))) for _ in range(SYNC_RUNS)]
        seconds = statistics.median(times)
        # The login, once a minute, is not in it.
        requests = round((requests_made() - before) / SYNC_RUNS)
        usage = run_once(managed, now=datetime.now(UTC)).realm.applications
        found = next(each.used for each in usage if each.id == "WFM")
        if found != used:
            raise SystemExit(f"The two ways disagree: {used} and {found} users of WFM")
        yield Row(users, "keycloak-license sync", seconds, requests, asked.seconds / seconds)


@dataclass(frozen=True)
class Asked:
    """What the obvious script found and took."""

    consumers: set[str]
    seconds: float
    requests: int


def asking_each_user(url: str, admin: Admin, realm: str) -> Asked:
    """Do what one would write first: list the users, then ask for the effective roles of each."""
    script = KeycloakAdmin(
        server_url=url,
        username=admin.username,
        password=admin.password,
        realm_name=realm,
        user_realm_name="master",
    )
    exempt = {"eleveo.admin", "eleveotrain"}
    started = time.perf_counter()
    users = script.get_users({})
    consumers = {
        user["id"]
        for user in users
        if any(
            role["name"].startswith("WFM_") for role in script.get_composite_realm_roles_of_user(user["id"])
        )
        and user["enabled"]
        and user["username"] not in exempt
    }
    seconds = time.perf_counter() - started
    return Asked(consumers, seconds, requests=len(users) + len(users) // 100 + 1)


@contextmanager
def licensed_realm(url: str, admin: Admin, users: int) -> Iterator[tuple[ManagedRealm, Callable[[], int]]]:
    """Make a realm with a licence in force, and tell how many requests were made for it."""
    name = f"bench-{users}"
    with TemporaryDirectory() as folder:
        place = Path(folder)
        settings = write_settings(place, url, name)
        create_realm(settings, admin, rules_example(name, users))
        open_provisioner(settings, name, admin).provision(Enforcement.OBSERVE, client_secret=CLIENT_SECRET)
        client = open_client(settings, name)
        managed = ManagedRealm(
            name=name,
            zone=settings.realm(name)[1].time_zone,
            applications=settings.application_list(),
            keycloak=KeycloakRealm(client),
            ledger=open_ledger(settings.database.get_secret_value()),
            verifier=TrustedFolder(settings.trusted_keys),
        )
        import_license(managed, issue_license(place), lambda _: True, lambda: datetime.now(UTC))
        yield managed, lambda: client.requests_made


def rules_example(name: str, users: int) -> dict[str, object]:
    """Return the example of the licence rules to the letter: 30 in the group AGENTS, two schedulers."""
    people: list[dict[str, object]] = [
        {"username": f"user{number}", "email": f"user{number}@example.com", "enabled": True}
        for number in range(users)
    ]
    for agent in people[:30]:
        agent["groups"] = ["/AGENTS"]
    for scheduler in people[30:32]:
        scheduler["realmRoles"] = ["WFM_SCHEDULER"]
    return {
        "realm": name,
        "enabled": True,
        "roles": {"realm": [{"name": "WFM_AGENT"}, {"name": "WFM_SCHEDULER"}]},
        "groups": [{"name": "AGENTS", "realmRoles": ["WFM_AGENT"]}],
        "users": people,
    }


def issue_license(folder: Path) -> bytes:
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
            "scope": {"WFM": {"seats": 50}},
        }
    )
    return SigningKey.load(pair.private).sign(payload).encode()


def table_of(rows: list[Row]) -> Table:
    """Return the figures as a table."""
    table = Table(title="Who uses Workforce Management?", show_edge=False)
    for heading in ("Users", "Way", "Seconds", "Requests", "Times faster"):
        table.add_column(heading, justify="left" if heading == "Way" else "right")
    for row in rows:
        table.add_row(
            str(row.users), row.way, f"{row.seconds:.2f}", str(row.requests), f"{row.times_faster:.0f}"
        )
    return table


def granting_table(rows: list[GrantRow]) -> Table:
    """Return the figures as a table."""
    table = Table(title="Giving seats in mode gate", show_edge=False)
    for heading in ("Seats", "Way", "Seats a second", "Of the bare loop"):
        table.add_column(heading, justify="left" if heading == "Way" else "right")
    for row in rows:
        table.add_row(str(row.seats), row.way, f"{row.seats_per_second:.0f}", f"{row.share:.0%}")
    return table


if __name__ == "__main__":
    main()
