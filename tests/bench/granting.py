"""Measures how fast seats are given in mode `gate`, against a bare loop with as many threads.

In: a server and a number of seats; out: rows. Called by `__main__`. Both give roles to the same people in
turns, so that neither has the warmer server.
"""

import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import local

import requests

from keycloak_license.bootstrap import create_realm, open_client, open_provisioner
from keycloak_license.keycloak_api.enforcement import WORKERS
from keycloak_license.keycloak_api.realm import KeycloakRealm
from keycloak_license.ledger.store import open_ledger
from keycloak_license.model.enforcement import Enforcement, EnforcementTerms
from keycloak_license.model.measures import Measure, RoleCreated, SeatRoleAssigned
from keycloak_license.services.lease import hold_lease
from tests.bench.realms import Server
from tests.bench.rows import Row
from tests.bench.setting import CLIENT_SECRET, timed, write_settings

ROUNDS = 3
BARE = f"a bare loop in {WORKERS} threads"


def measure_granting(server: Server, seats: int) -> Iterator[Row]:
    """Yield the rows for that many seats."""
    realm = f"bench-grant-{seats}"
    people = [{"username": f"user{number}", "enabled": True} for number in range(seats)]
    with TemporaryDirectory() as folder:
        settings = write_settings(Path(folder), server.url, realm)
        create_realm(settings, server.admin, {"realm": realm, "enabled": True, "users": people})
        open_provisioner(settings, realm, server.admin).provision(
            Enforcement.GATE, client_secret=CLIENT_SECRET
        )
        ours = KeycloakRealm(open_client(settings, realm), terms=EnforcementTerms(Enforcement.GATE))
        bare = BareLoop(server.url, realm)
        bare_seconds: list[float] = []
        our_seconds: list[float] = []
        with hold_lease(open_ledger(settings.database.get_secret_value()), realm, 0) as fence:
            for number in range(ROUNDS):
                names = (f"seat-BARE{number}", f"seat-OURS{number}")
                ours.enforce([RoleCreated(name) for name in names], fence.check)
                ours.read(())
                ids = bare.user_ids()
                wanted: Sequence[Measure] = [
                    SeatRoleAssigned("WFM", id_, "user", "seated", names[1]) for id_ in ids
                ]
                bare_seconds.append(timed(lambda: bare.assign(names[0], ids)))  # noqa: B023 - called at once
                our_seconds.append(timed(lambda: ours.enforce(wanted, fence.check)))  # noqa: B023
        for way, seconds in ((BARE, bare_seconds), ("ours, giving seats in mode gate", our_seconds)):
            median = statistics.median(seconds)
            yield Row(
                users=seats,
                consumers=seats,
                database=server.database,
                way=way,
                seconds=median,
                ratio=median / statistics.median(bare_seconds),
                of=BARE,
                note=f"{seats / median:.0f} seats a second",
            )


class BareLoop:
    """What one would write first: a token, and one request for each user."""

    def __init__(self, url: str, realm: str) -> None:
        answer = requests.post(
            f"{url}/realms/{realm}/protocol/openid-connect/token",
            data={
                "grant_type": "client_credentials",
                "client_id": "keycloak-license",
                "client_secret": CLIENT_SECRET,
            },
            timeout=60,
        ).json()
        self._headers = {"Authorization": f"Bearer {answer['access_token']}"}
        self._admin = f"{url}/admin/realms/{realm}"
        self._threads = local()

    def user_ids(self) -> list[str]:
        query = {"max": "1000000", "briefRepresentation": "true"}
        return [each["id"] for each in self._get("/users", **query) if each["username"].startswith("user")]

    def assign(self, role: str, user_ids: Sequence[str]) -> None:
        [client] = self._get("/clients", clientId="keycloak-license")
        body = [self._get(f"/clients/{client['id']}/roles/{role}")]

        def give(user_id: str) -> None:
            path = f"{self._admin}/users/{user_id}/role-mappings/clients/{client['id']}"
            self._session().post(path, json=body, timeout=60).raise_for_status()

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(give, user_ids))

    def _get(self, path: str, **query: str) -> list[dict[str, str]]:
        response = self._session().get(self._admin + path, params=query, timeout=600)
        found: list[dict[str, str]] = response.json()
        return found

    def _session(self) -> requests.Session:
        if not hasattr(self._threads, "session"):
            self._threads.session = requests.Session()
            self._threads.session.headers.update(self._headers)
        session: requests.Session = self._threads.session
        return session
