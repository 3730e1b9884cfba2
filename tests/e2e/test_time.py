"""Clocks that are wrong, on a real Keycloak: the one here is right, and Keycloak's is moved on the wire."""

import json
import sqlite3
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta

import pytest

from tests.e2e.cli import Answer, CountingProxy, Outcome, Site, day, license_attributes
from tests.e2e.crew import Crew, standing
from tests.e2e.desk import Desk, seated

GRACE = ("NOT_ACTIVATED", "granted", "grace", "C-1")
GRACE_OVER = ("NOT_ACTIVATED", "blocked", "grace_over", "C-1")


class OtherTime(CountingProxy):
    """Keycloak with its clock moved: its tokens show another time, and are put right on their way back."""

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream)
        self.moved_by = timedelta()
        self._real: dict[str, str] = {}

    def _pass_on(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        real = {name: self._real.get(value, value) for name, value in headers.items()}
        status, content_type, text, *_ = super()._pass_on(method, path, real, body)
        if path.endswith("/protocol/openid-connect/token") and status == 200:
            document = json.loads(text)
            shown = self._move(document["access_token"])
            self._real[f"Bearer {shown}"] = f"Bearer {document['access_token']}"
            text = json.dumps(document | {"access_token": shown}).encode()
        return status, content_type, text

    def _move(self, token: str) -> str:
        header, payload, signature = token.split(".")
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        claims["iat"] += int(self.moved_by.total_seconds())
        moved = urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
        return f"{header}.{moved}.{signature}"


@pytest.fixture
def clock(crew: Crew) -> Iterator[OtherTime]:
    """The way to Keycloak on which its time can be moved; nobody is licensed yet."""
    with OtherTime(crew.site.realm.api.url) as proxy:
        crew.site.reach(proxy.url)
        yield proxy


def clock_lines(outcome: Outcome) -> list[str]:
    return [line for line in outcome.stdout.splitlines() if line[5:].startswith(("clock:", "time:"))]


@pytest.mark.parametrize(
    ("moved_by", "word"), [(timedelta(hours=1), "behind"), (-timedelta(hours=1), "ahead")]
)
def test_doctor_and_sync_compare_the_clocks(
    crew: Crew, clock: OtherTime, moved_by: timedelta, word: str
) -> None:
    assert [line[:4] for line in clock_lines(crew.site.call("doctor").done())] == ["ok  ", "ok  "]
    clock.moved_by = moved_by

    outcome = crew.site.call("doctor")
    warnings = crew.site.call("sync", "--json").document["warnings"]

    assert outcome.status == 3
    [line] = [line for line in clock_lines(outcome) if line.startswith("FAIL")]
    assert word in line
    assert [each for each in warnings if word in each and "Keycloak" in each]
    assert [each for each in crew.site.status()["warnings"] if word in each]


def test_a_keycloak_far_ahead_for_a_while_does_not_burn_the_grace(
    crew: Crew, desk: Desk, clock: OtherTime
) -> None:
    crew.site.call("import", desk.issue("C-1")).done()
    crew.hire("eve")
    assert standing(crew.site) == GRACE
    before = license_attributes(crew.site.realm)

    clock.moved_by = timedelta(days=45)
    warnings = crew.site.call("sync", "--json").document["warnings"]
    assert license_attributes(crew.site.realm)["license.reason"] == "grace_over"
    assert any("ahead" in each or "behind" in each for each in warnings)
    assert any("without a sync" in each for each in warnings)

    clock.moved_by = timedelta()
    warnings = crew.site.call("sync", "--json").document["warnings"]
    assert [each for each in warnings if "Access ends" not in each] == []
    assert standing(crew.site) == GRACE
    assert license_attributes(crew.site.realm) == before
    assert seated(crew.site) == {"eve"}


def test_a_keycloak_set_back_makes_neither_grace_nor_licence_longer(
    crew: Crew, desk: Desk, clock: OtherTime
) -> None:
    crew.hire("eve")
    crew.site.call("import", desk.issue("C-1", issued=day(-31))).done()
    let_it_have_run_for_a_day(crew.site)
    assert standing(crew.site) == GRACE_OVER

    clock.moved_by = -timedelta(days=20)
    crew.site.call("sync").done()
    assert standing(crew.site) == GRACE_OVER

    late = desk.issue("C-1", issue_number=2, issued=day(-9), expires=day(-1))
    crew.site.call("import", late, "--replace").done()
    assert standing(crew.site) == ("EXPIRED", "blocked", "expired", "C-1")
    assert seated(crew.site) == {"eve"}


def let_it_have_run_for_a_day(site: Site) -> None:
    """What the ledger knows of time after that: a new one believes no clock yet."""
    with closing(sqlite3.connect(site.ledger)) as connection, connection:
        connection.execute("UPDATE realms SET clock_reached = synced_at, clock_leapt_to = NULL")


def test_a_first_sync_with_a_keycloak_set_back_is_mended_with_the_clock(
    crew: Crew, desk: Desk, clock: OtherTime
) -> None:
    """Before any sync nothing is known that would contradict a clock."""
    clock.moved_by = -timedelta(days=20)
    crew.site.call("import", desk.issue("T-1", type="temporary", issued=day(-30), expires=day(-1))).done()

    clock.moved_by = timedelta()
    crew.site.call("sync").done()

    assert standing(crew.site) == ("EXPIRED", "blocked", "expired", "T-1")
