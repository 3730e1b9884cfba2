"""The management port answers probes and Prometheus, and tells no names."""

from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from keycloak_license.errors import ConfigurationError
from keycloak_license.monitoring.management import serve_management
from keycloak_license.monitoring.metrics import Metrics
from tests.unit.services.world import NOON, World

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def readiness() -> list[bool]:
    return [False]


@pytest.fixture
def port(readiness: list[bool]) -> Iterator[int]:
    with serve_management("127.0.0.1", 0, Metrics().registry, lambda: readiness[0]) as port:
        yield port


def test_it_lives_at_once_and_is_ready_when_it_says_so(port: int, readiness: list[bool]) -> None:
    assert get(port, "/health/live") == (200, "up\n")
    assert get(port, "/health/ready") == (503, "no sync has succeeded yet\n")
    readiness[0] = True
    assert get(port, "/health/ready") == (200, "up\n")


def test_another_path_names_those_that_are_there(port: int) -> None:
    assert get(port, "/")[0] == 404
    assert "/metrics" in get(port, "/")[1]


def test_a_port_that_is_taken_is_one_sentence(port: int) -> None:
    with (
        pytest.raises(ConfigurationError, match=rf"listen on 127.0.0.1:{port}.*set web.host and"),
        serve_management("127.0.0.1", port, Metrics().registry, lambda: True),
    ):
        pass


def samples(metrics: Metrics) -> Samples:
    """Every sample by its name and labels, as Prometheus reads them from the port."""
    with serve_management("127.0.0.1", 0, metrics.registry, lambda: True) as port:
        status, text = get(port, "/metrics")
    assert status == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_report_is_shown_by_realm_and_application_and_names_nobody() -> None:
    world = World()
    users = world.agents(*(f"user{number}" for number in range(9)))
    world.import_file(world.sign(scope={"WFM": 8, "QM": None}))
    for user in users[:6]:
        world.realm.revoke(user, world.agent)
    report = world.sync(NOON).realm
    metrics = Metrics()
    metrics.show_report(report, NOON)
    metrics.count_sync("acme", "complete", 0.25)
    metrics.count_request("acme")
    found = samples(metrics)
    wfm, realm = (("application", "WFM"), ("realm", "acme")), (("realm", "acme"),)
    assert {name: found[name, wfm] for name, labels in found if labels == wfm} == {
        "keycloak_license_seats_limit": 8,
        "keycloak_license_seats_used": 8,
        "keycloak_license_seats_waiting": 1,
        "keycloak_license_releases_held": 6,
    }
    assert found["keycloak_license_seats_limit", (("application", "QM"), ("realm", "acme"))] == float("inf")
    assert report.standing.stops_at is not None
    assert found["keycloak_license_expiry_timestamp_seconds", realm] == report.standing.stops_at.timestamp()
    assert found["keycloak_license_access_granted", realm] == 1
    assert found["keycloak_license_sync_complete", realm] == 1
    assert found["keycloak_license_last_success_timestamp_seconds", realm] == NOON.timestamp()
    assert found["keycloak_license_syncs_total", (("realm", "acme"), ("result", "complete"))] == 1
    assert found["keycloak_license_sync_duration_seconds_count", realm] == 1
    assert found["keycloak_license_keycloak_requests_total", realm] == 1
    assert not any("user" in value for _, labels in found for _, value in labels)


def test_an_incomplete_sync_is_no_success() -> None:
    world = World()
    world.realm.silent_providers.add("corp")
    metrics = Metrics()
    metrics.show_report(world.sync(NOON).realm, NOON)
    found = samples(metrics)
    assert found["keycloak_license_sync_complete", (("realm", "acme"),)] == 0
    assert ("keycloak_license_last_success_timestamp_seconds", (("realm", "acme"),)) not in found
    assert found["keycloak_license_access_granted", (("realm", "acme"),)] == 0
    assert found["keycloak_license_expiry_timestamp_seconds", (("realm", "acme"),)] == float("inf")
