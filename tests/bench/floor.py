"""A full sync against its floor: the same requests, and nothing done with the answers.

In: a realm in which there is nothing to change; out: rows. Called by `__main__`; the other measurements are
told the floor's seconds. Both log in each time. That our session is opened, which a worker does once and
takes some 0.1 s for TLS, is not counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import requests

from keycloak_license.services.observation import ManagedRealm
from keycloak_license.services.reconcile import run_once
from tests.bench.realms import BenchRealm
from tests.bench.rows import Row
from tests.bench.setting import CLIENT_SECRET, UnexpectedResultError, alternated
from tests.e2e.cli import CountingProxy

FLOOR = "the floor"
ROUNDS = 7
LOGIN = "/protocol/openid-connect/token"


@dataclass(frozen=True)
class FullSync:
    """What a full sync asks, and how it compares."""

    requests: Sequence[str]
    """Each as ``METHOD /path?query``, the login first."""
    floor_seconds: float
    our_seconds: float


def measure_full(realm: BenchRealm, rounds: int = ROUNDS) -> FullSync:
    """Sync fully and send the bare requests, in turns."""
    asked = record_requests(realm)
    opened = [realm.open()[0] for _ in range(rounds)]
    seconds = alternated(rounds, lambda: send_bare(realm, asked), lambda: sync_fully(opened.pop()))
    return FullSync(asked, *seconds)


def rows_of(realm: BenchRealm, full: FullSync) -> list[Row]:
    """Return both as rows."""
    count, ratio = len(full.requests), full.our_seconds / full.floor_seconds
    note = "the same requests as a full sync, and nothing done with the answers"
    return [
        realm.row(FLOOR, full.floor_seconds, count, 1.0, FLOOR, note),
        realm.row("ours, a full sync", full.our_seconds, count, ratio, FLOOR),
    ]


def sync_fully(managed: ManagedRealm) -> None:
    """Do a sync that finds nothing to change."""
    report = run_once(managed, now=datetime.now(UTC))
    if report.changes:
        raise UnexpectedResultError(
            f"Nothing was to change in {managed.name}, and {len(report.changes)} things did"
        )


def record_requests(realm: BenchRealm) -> list[str]:
    """Return what a full sync asks Keycloak, as a proxy sees it."""
    with CountingProxy(realm.server.url) as proxy:
        sync_fully(realm.open(proxy.url)[0])
        return list(proxy.seen)


def send_bare(realm: BenchRealm, asked: Sequence[str], url: str | None = None) -> None:
    """Send the same requests over one connection, and read what comes."""
    with requests.Session() as session:
        for each in asked:
            method, _, path = each.partition(" ")
            is_login = path.endswith(LOGIN)
            response = session.request(
                method, (url or realm.server.url) + path, data=_CREDENTIALS if is_login else None, timeout=600
            )
            response.raise_for_status()
            if is_login:
                session.headers["Authorization"] = f"Bearer {response.json()['access_token']}"


_CREDENTIALS = {
    "grant_type": "client_credentials",
    "client_id": "keycloak-license",
    "client_secret": CLIENT_SECRET,
}
