"""The API keeps to what its own description promises, whatever is sent to it.

schemathesis reads the description from a running server and makes up requests, good and bad; behind the
server is a real Keycloak, and with each request goes a real token.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keycloak_license.web.limits import Limits, Rate
from tests.e2e.cli import make_site, run
from tests.e2e.screen import APPLICATIONS, MANAGER, OTHER, REALM, Screen, people, serve
from tests.real.keycloak import AdminApi, temporary_realm

HOUR = {"accessTokenLifespan": 3600}
"""Seconds, so that one token lasts."""


class Unlimited(Limits):
    """Lets everybody do everything as often as he likes: it is not the limits that are tried here."""

    def wait_seconds(self, rate: Rate, who: str) -> int:
        return 0


@pytest.fixture(scope="module")
def screen(keycloak: AdminApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    with temporary_realm(keycloak, REALM | HOUR | {"users": people()}) as realm:
        site = make_site(tmp_path_factory.mktemp("site"), realm, applications=APPLICATIONS)
        site.init().done()
        site.call("import", site.license("T-1", {"WFM": 3, "QM": None})).done()
        with serve(site, limits=Unlimited()) as screen:
            yield screen


CONFIGURATION = """
headers = {{ Authorization = "Bearer ${{TOKEN}}" }}
continue-on-failure = true

[generation]
max-examples = {examples}
deterministic = true
database = "none"

[parameters]
"path.realm" = "{realm}"

# No description can tell a licence file from other text.
[[operations]]
include-method = "POST"
checks.positive_data_acceptance.enabled = false
"""
THERE = """
[[operations]]
include-path-regex = "members|users"
parameters."path.application_id" = "WFM"
parameters."path.user_id" = "{user_id}"

[warnings]
fail-on = ["missing_test_data"]
"""


def try_out(screen: Screen, folder: Path, username: str, examples: int, more: str = "") -> None:
    """Let schemathesis send whatever it can think of with the token of this user."""
    file = folder / "schemathesis.toml"
    file.write_text(CONFIGURATION.format(examples=examples, realm=screen.realm.name) + more)
    tool = Path(sys.executable).with_name("schemathesis")
    words = [tool, "--no-color", "--config-file", file, "run", f"{screen.url}/api/v1/openapi.json"]
    outcome = run([*words, "--phases", "coverage,fuzzing"], folder, {"TOKEN": screen.token(username)})
    assert outcome.status == 0, outcome.stdout + outcome.stderr
    assert "Tested: 5" in outcome.stdout, outcome.stdout


def test_of_what_is_there_it_answers_as_described(screen: Screen, tmp_path: Path) -> None:
    try_out(screen, tmp_path, MANAGER, 40, THERE.format(user_id=screen.realm.user_id("agent1")))


def test_whatever_it_is_asked_about_it_answers_as_described(screen: Screen, tmp_path: Path) -> None:
    try_out(screen, tmp_path, MANAGER, 40)


def test_to_others_it_answers_as_described(screen: Screen, tmp_path: Path) -> None:
    try_out(screen, tmp_path, OTHER, 5)
