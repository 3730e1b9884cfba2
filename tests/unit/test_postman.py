"""What the worker logs and counts of notices: trouble once as it begins and ends, and nobody by name."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from keycloak_license.errors import LedgerError
from keycloak_license.model.notice import Channel, Delivery
from keycloak_license.monitoring.metrics import Metrics
from keycloak_license.services.delivery import Post
from keycloak_license.worker import Postman
from tests.unit.services.post import Scene

Logs = list[Any]

pytestmark = pytest.mark.usefixtures("logs")


@pytest.fixture
def scene() -> Scene:
    """Eva and ann are to be told that somebody waits."""
    scene = Scene()
    scene.appoint("ann", "ann@example.org")
    scene.world.agents("x", "y")
    scene.world.import_file(scene.world.sign(expires_on=date(2999, 1, 1)), datetime.now(UTC))
    return scene


@pytest.fixture
def postman(scene: Scene) -> Postman:
    return Postman(Post(scene.world.ledger.outbox, {Channel.MAIL: scene.letterbox}, ["acme"]), Metrics())


def said(logs: Logs) -> list[str]:
    """The events since the last look, those for debugging left out."""
    found = [entry["event"] for entry in logs if entry["log_level"] != "debug"]
    logs.clear()
    return found


def count(postman: Postman, result: str) -> float | None:
    labels = {"realm": "acme", "channel": "mail", "result": result}
    return postman.metrics.registry.get_sample_value("keycloak_license_notices_total", labels)


def test_each_that_is_delivered_is_logged_without_a_name(postman: Postman, logs: Logs) -> None:
    postman()
    assert all(set(entry) == {"event", "log_level", "realm", "kind", "channel", "id"} for entry in logs)
    assert said(logs) == ["notice_delivered"] * 2
    assert count(postman, "delivered") == 2
    postman()
    assert said(logs) == []


def test_an_outage_is_told_as_it_begins_and_ends(scene: Scene, postman: Postman, logs: Logs) -> None:
    scene.letterbox.is_unreachable = True
    for _ in range(3):
        postman()
        for entry in scene.world.ledger.outbox._entries:
            entry.due_at = datetime.now(UTC)
    assert said(logs) == ["notices_not_delivered"]
    assert count(postman, "put_off") == 3
    scene.letterbox.is_unreachable = False
    postman()
    assert said(logs) == ["notice_delivered", "notices_delivered_again", "notice_delivered"]


def test_another_reason_is_told_again_and_names_nobody(scene: Scene, postman: Postman, logs: Logs) -> None:
    scene.letterbox.is_unreachable = True
    reasons = []
    for problem in ("connection refused", "connection refused", "421 <ann@example.org> is busy"):
        scene.letterbox.problem = problem
        for entry in scene.world.ledger.outbox._entries:
            entry.due_at = datetime.now(UTC)
        postman()
        reasons += [entry["reason"] for entry in logs if entry["log_level"] == "warning"]
        logs.clear()
    assert reasons == ["connection refused", "421 [masked] is busy"]


def test_a_refusal_is_told_without_what_the_server_says(scene: Scene, postman: Postman, logs: Logs) -> None:
    scene.letterbox.refused = {"ann@example.org"}
    postman()
    assert "550" not in str(logs)
    assert "example.org" not in str(logs)
    assert sorted(said(logs)) == ["notice_delivered", "notice_refused"]
    assert count(postman, "refused") == 1


def test_what_is_given_up_is_said(scene: Scene, postman: Postman, logs: Logs) -> None:
    outbox = scene.world.ledger.outbox
    scene.letterbox.is_unreachable = True
    for entry in outbox._entries:
        entry.delivery = replace(entry.delivery, created_at=datetime.now(UTC) - timedelta(days=5))
    postman()
    assert said(logs) == ["notice_given_up"] * 2
    assert count(postman, "given_up") == 2


def test_an_outbox_that_cannot_be_reached_is_told_once(
    scene: Scene, postman: Postman, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Delivery:
        raise LedgerError("The ledger does not answer")

    with monkeypatch.context() as failing:
        failing.setattr(scene.world.ledger.outbox, "take", fail)
        postman()
        postman()
    assert said(logs) == ["notices_not_delivered"]
    postman()
    assert said(logs) == ["notice_delivered"] * 2


def test_a_fault_of_ours_stops_nothing_but_this_attempt(
    scene: Scene, postman: Postman, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Delivery:
        raise ZeroDivisionError

    with monkeypatch.context() as failing:
        failing.setattr(scene.world.ledger.outbox, "take", fail)
        postman()
    assert [entry["reason"] for entry in logs if entry["log_level"] == "warning"] == ["ZeroDivisionError"]
    postman()
    assert "notice_delivered" in said(logs)


def test_what_may_arrive_twice_is_said(scene: Scene, postman: Postman, logs: Logs) -> None:
    outbox = scene.world.ledger.outbox
    taken = outbox.take(Channel.MAIL, ["acme"], outbox.clock())
    assert taken
    postman()
    assert said(logs) == ["notice_delivered"]
    late = outbox.clock()
    outbox.clock = lambda: late.replace(year=late.year + 1)
    postman()
    assert said(logs) == ["notice_maybe_delivered_twice", "notice_delivered"]
