"""What the worker's looks cost between two full reads: one that finds nothing, and one that finds a change.

In: a realm with admin events and the seconds of the floor; out: rows. Called by `__main__`. The time of a
change counts from the admin's request, without the interval at which the worker looks.
"""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from keycloak_license.keycloak_api.client import KeycloakClient
from keycloak_license.services.following import Follower
from tests.bench.floor import FLOOR
from tests.bench.realms import DIRECT_ROLE, BenchRealm
from tests.bench.rows import Row
from tests.bench.setting import UnexpectedResultError
from tests.real.keycloak import AdminApi

LOOKS = 20
CHANGES = 5
INTERVAL_SECONDS = 86400


@dataclass
class Watcher:
    """A worker's view of a realm, that has read everything once, and its admin."""

    realm: BenchRealm
    api: AdminApi
    url: str | None = None
    """Where Keycloak is, if a proxy is to see the requests."""
    follower: Follower = field(init=False)
    client: KeycloakClient = field(init=False)

    def __post_init__(self) -> None:
        managed, self.client = self.realm.open(self.url)
        self.follower = Follower(managed, INTERVAL_SECONDS)
        self.follower.read(datetime.now(UTC))

    def look(self) -> int:
        """Look where nothing has changed; return how many requests it took."""
        before = self.client.requests_made
        look = self.follower.look(datetime.now(UTC))
        if not look.is_unchanged:
            raise UnexpectedResultError(
                f"Nothing has changed in {self.realm.name}, and a look says otherwise"
            )
        return self.client.requests_made - before

    def find_change(self) -> int:
        """Do the same where one user is new; it ends with his seat in the realm's attributes."""
        before = self.client.requests_made
        look = self.follower.look(datetime.now(UTC))
        kinds = [change.kind for change in look.report.changes] if look.report else []
        if "seat_assigned" not in kinds:
            raise UnexpectedResultError(f"A user of {self.realm.name} has the role, and a look found {kinds}")
        return self.client.requests_made - before

    def settle(self) -> None:
        """Look once more: what was just written is news as well."""
        self.follower.look(datetime.now(UTC))

    def grant(self, number: int) -> None:
        """Give the role to a user who has none, as an admin does."""
        path = f"/{self.realm.name}"
        [user] = self.api.get(f"{path}/users", username=f"user{number}", exact=True)
        role = self.api.get(f"{path}/roles/{DIRECT_ROLE}")
        self.granted_at = time.perf_counter()
        self.api.post(f"{path}/users/{user['id']}/role-mappings/realm", [role])


def measure_following(realm: BenchRealm, floor_seconds: float) -> Iterator[Row]:
    """Look, change and look again."""
    admin = realm.server.admin
    with AdminApi(realm.server.url, admin.username, admin.password) as api:
        watcher = Watcher(realm, api)
        idle, changed = list(_idle_looks(watcher)), list(_changes(watcher))
    watched = "from the admin's request to the attributes; requests with those that watch while it is written"
    for way, measured, note in (
        ("ours, a look that finds nothing", idle, ""),
        ("ours, one user changed", changed, watched),
    ):
        seconds, requests = (statistics.median(each) for each in zip(*measured, strict=True))
        yield realm.row(way, seconds, round(requests), seconds / floor_seconds, FLOOR, note)


def _idle_looks(watcher: Watcher) -> Iterator[tuple[float, int]]:
    for _ in range(LOOKS):
        started = time.perf_counter()
        requests = watcher.look()
        yield time.perf_counter() - started, requests


def _changes(watcher: Watcher) -> Iterator[tuple[float, int]]:
    for number in range(CHANGES):
        watcher.grant(watcher.realm.users - 1 - number)
        requests = watcher.find_change()
        yield time.perf_counter() - watcher.granted_at, requests
        watcher.settle()
