"""Everything that is to be told gets there once, whatever is in its way."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from keycloak_license.errors import LedgerError
from keycloak_license.model.notice import (
    Channel,
    Delivered,
    Delivery,
    Outcome,
    Refused,
    TrialNotice,
    Unreachable,
)
from keycloak_license.plan.backoff import next_attempt
from keycloak_license.services.delivery import Attempt, Post, deliver
from tests.fake_outbox import Letterbox
from tests.unit.services.post import MAIL, Scene
from tests.unit.services.world import NOON

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
PEOPLE = ("ann", "bob", "cid")


@pytest.fixture
def scene() -> Scene:
    """Three people are to be told that somebody waits."""
    scene = Scene()
    for name in PEOPLE[:2]:
        scene.appoint(name, f"{name}@example.org")
    scene.world.agents("x", "y")
    scene.world.import_file(scene.world.sign())
    return scene


def recipients(letterbox: Letterbox) -> list[str]:
    return sorted(each.recipient for each in letterbox.received)


ALL = ["ann@example.org", "bob@example.org", "eva@example.org"]


def test_each_recipient_has_a_mail_of_his_own(scene: Scene) -> None:
    scene.deliver()
    assert recipients(scene.letterbox) == ALL
    assert len({each.id for each in scene.letterbox.received}) == 3
    assert scene.deliver(NOON + DAY) == []


def test_after_an_hour_without_a_server_each_mail_arrives_once_and_soon(scene: Scene) -> None:
    scene.letterbox.is_unreachable = True
    attempts = [
        each for seconds in range(0, 3600, 5) for each in scene.deliver(NOON + timedelta(seconds=seconds))
    ]
    # Five seconds doubled up to ten minutes, whatever number of mails waits.
    assert len(attempts) == 12
    warning = scene.world.status(NOON + HOUR).warnings[-1]
    assert warning.startswith("Notices wait to be delivered (3), the oldest since 2026-05-01 12:00:00+00:00:")
    assert warning.endswith("nobody answers (ann@example.org, bob@example.org, eva@example.org)")
    scene.letterbox.is_unreachable = False
    for seconds in range(3600, 2 * 3600, 5):
        scene.deliver(NOON + timedelta(seconds=seconds))
        if len(scene.letterbox.received) == 3:
            break
    assert seconds <= 3600 + 600
    assert recipients(scene.letterbox) == ALL
    for seconds in range(0, 3600, 5):
        assert scene.deliver(NOON + 2 * HOUR + timedelta(seconds=seconds)) == []


@dataclass
class Touchy(Letterbox):
    """Hangs up on one recipient, every time."""

    def send(self, deliveries: Iterable[Delivery]) -> Iterator[tuple[Delivery, Outcome]]:
        for delivery in deliveries:
            if delivery.recipient == "ann@example.org":
                yield delivery, Unreachable("connection lost")
                return
            yield from super().send([delivery])


def test_one_on_whom_the_server_hangs_up_keeps_the_others_back_for_seconds(scene: Scene) -> None:
    scene.letterbox = Touchy()
    for seconds in (0, 5, 10):
        scene.deliver(NOON + timedelta(seconds=seconds))
    assert recipients(scene.letterbox) == ALL[1:]


def test_what_is_older_than_five_days_is_told_to_nobody(scene: Scene) -> None:
    attempts = scene.deliver(NOON + 5 * DAY)
    assert [each.outcome for each in attempts] == [Refused("it is too late to tell")] * 3
    assert scene.letterbox.received == []
    warning = scene.world.status(NOON + HOUR).warnings[-1]
    assert warning == "Notices of the last 30 days were given up (3): nobody has tried"


def test_whoever_is_eager_does_not_wait(scene: Scene) -> None:
    scene.letterbox.is_unreachable = True
    scene.deliver()
    scene.letterbox.is_unreachable = False
    assert scene.deliver(NOON + SECOND) == []
    scene.deliver(NOON + SECOND, is_eager=True)
    assert recipients(scene.letterbox) == ALL


def test_one_who_is_refused_keeps_back_nobody_and_is_given_up_after_five_days(scene: Scene) -> None:
    scene.letterbox.refused = {"ann@example.org"}
    scene.deliver()
    assert recipients(scene.letterbox) == ALL[1:]
    tried = 0
    for hours in range(24 * 7):
        tried += len(scene.deliver(NOON + hours * HOUR))
    assert tried < 40
    warning = scene.world.status(NOON + HOUR).warnings[-1]
    assert warning == "Notices of the last 30 days were given up (1): 550 no such person (ann@example.org)"


def test_a_webhook_that_is_away_keeps_no_mail_back() -> None:
    scene = Scene(replace(MAIL, has_webhook=True))
    scene.hook.is_unreachable = True
    scene.world.agents("x", "y")
    scene.world.import_file(scene.world.sign())
    outcomes = [(each.delivery.channel, type(each.outcome)) for each in scene.deliver()]
    assert outcomes == [(Channel.MAIL, Delivered), (Channel.WEBHOOK, Unreachable)]


class BrokenOutboxError(LedgerError):
    """The process dies between the server's yes and our keeping it."""


def test_who_dies_before_keeping_that_it_was_delivered_delivers_it_a_second_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = scene.world.ledger.outbox

    def die(_delivery: Delivery, _at: datetime) -> None:
        raise BrokenOutboxError("killed")

    with monkeypatch.context() as dying:
        dying.setattr(outbox, "record_delivered", die)
        with pytest.raises(BrokenOutboxError):
            scene.deliver()
    outbox.clock = lambda: datetime(9001, 1, 1, tzinfo=UTC)
    scene.deliver()
    assert len(scene.letterbox.received) == 4
    twice = [each for each in scene.letterbox.received if each.is_uncertain]
    assert [each.id for each in twice] == [scene.letterbox.received[0].id]
    assert scene.deliver(NOON + DAY) == []


@dataclass
class Speechless(Letterbox):
    """Cannot put one of them into words."""

    def send(self, deliveries: Iterable[Delivery]) -> Iterator[tuple[Delivery, Outcome]]:
        for delivery in deliveries:
            if delivery.recipient == "ann@example.org":
                raise TypeError("no words")
            yield from super().send([delivery])


def test_one_that_cannot_be_put_into_words_keeps_back_no_other(scene: Scene) -> None:
    scene.letterbox = Speechless()
    outcomes = [each for _ in range(3) for each in scene.deliver()]
    assert recipients(scene.letterbox) == ALL[1:]
    assert [each.outcome for each in outcomes if not isinstance(each.outcome, Delivered)] == [
        Refused("a fault of ours (TypeError)")
    ]


def test_who_is_told_to_stop_takes_no_more(scene: Scene) -> None:
    answers = iter([False, True, True])
    carriers = {Channel.MAIL: scene.letterbox}
    post = Post(scene.world.ledger.outbox, carriers, ["acme"], lambda: next(answers))
    assert len(list(deliver(post, lambda: NOON))) == 1


def test_the_outbox_of_another_realm_is_left_alone(scene: Scene) -> None:
    post = Post(scene.world.ledger.outbox, {Channel.MAIL: scene.letterbox}, ["beta"])
    assert list(deliver(post, lambda: NOON)) == []


@pytest.mark.parametrize(
    ("outcome", "pauses"),
    [
        (Unreachable(""), [5, 10, 20, 40, 80, 160, 320, 600, 600]),
        (Refused(""), [5, 10, 20, 40, 80, 160, 320]),
    ],
)
def test_pauses_double_up_to_a_bound(outcome: Refused | Unreachable, pauses: list[int]) -> None:
    delivery = Delivery("1", TrialNotice(realm="acme", at=NOON), Channel.MAIL, created_at=NOON)
    found = [next_attempt(replace(delivery, attempts=number), outcome, NOON) for number in range(len(pauses))]
    assert [(each - NOON).total_seconds() for each in found if each] == pauses
    assert next_attempt(replace(delivery, attempts=9999), Refused(""), NOON) == NOON + 6 * HOUR
    assert next_attempt(delivery, outcome, NOON + 5 * DAY) is None


def test_an_attempt_tells_what_came_of_it(scene: Scene) -> None:
    scene.letterbox.is_unreachable = True
    [attempt] = scene.deliver()
    assert attempt == Attempt(attempt.delivery, Unreachable("nobody answers"), NOON + 5 * SECOND)
