"""`ports.Outbox` in memory, for `tests.fakes.MemoryLedger`; `tests/contract` holds it to the real one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from keycloak_license.model.notice import (
    Channel,
    Delivered,
    Delivery,
    Mark,
    Outcome,
    Refused,
    Telling,
    Undelivered,
    Unreachable,
)

CLAIM = timedelta(hours=1)
KEPT = timedelta(days=30)


@dataclass
class _Entry:
    delivery: Delivery
    realm: str
    due_at: datetime | None
    claimed_until: datetime | None = None
    done_at: datetime | None = None
    is_given_up: bool = False
    problem: str | None = None


@dataclass
class MemoryOutbox:
    """Deliveries and marks of every realm."""

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    """What claims go by."""
    claim: timedelta = CLAIM
    _entries: list[_Entry] = field(default_factory=list)
    _marks: dict[str, tuple[Mark, ...]] = field(default_factory=dict)

    def put(self, realm: str, telling: Telling, at: datetime) -> None:
        self._marks[realm] = tuple(sorted(telling.marks, key=lambda each: each.key))
        if telling.addresses is not None:
            self._take_back(realm, telling.addresses)
        at = min(at, self.clock())
        for each in telling.deliveries:
            self._entries.append(_Entry(replace(each, created_at=at), realm, at))
        if telling.deliveries:
            self._entries = [each for each in self._entries if not each.done_at or each.done_at >= at - KEPT]

    def _take_back(self, realm: str, addresses: Sequence[str]) -> None:
        def is_to_stay(each: _Entry) -> bool:
            is_waiting_mail = each.delivery.channel is Channel.MAIL and each.due_at is not None
            return each.realm != realm or not is_waiting_mail or each.delivery.recipient in addresses

        self._entries = [each for each in self._entries if is_to_stay(each)]

    def marks(self, realm: str) -> tuple[Mark, ...]:
        return self._marks.get(realm, ())

    def undelivered(self, realm: str) -> Undelivered:
        failed = [each for each in self._of([realm]) if each.due_at and each.delivery.attempts]
        given_up = [each for each in self._of([realm]) if each.is_given_up]
        problems = [
            (each.delivery.recipient, each.problem)
            for each in self._of([realm])
            if each.problem is not None and (each in failed or each in given_up)
        ]
        since = min((each.delivery.created_at for each in failed if each.delivery.created_at), default=None)
        return Undelivered(len(failed), since, tuple(problems), len(given_up))

    def take(self, channel: Channel, realms: Sequence[str], now: datetime) -> Delivery | None:
        free = [
            (each.due_at, number, each)
            for number, each in enumerate(self._of(realms))
            if each.delivery.channel is channel
            and each.due_at
            and each.due_at <= now
            and (each.claimed_until is None or each.claimed_until <= self.clock())
        ]
        if not free:
            return None
        _, _, found = min(free)
        is_uncertain = found.claimed_until is not None
        found.claimed_until = self.clock() + self.claim
        return replace(found.delivery, is_uncertain=is_uncertain)

    def record_delivered(self, delivery: Delivery, at: datetime) -> None:
        found = self._entry(delivery)
        found.due_at, found.claimed_until, found.problem, found.done_at = None, None, None, at

    def record_problem(
        self, delivery: Delivery, at: datetime, problem: str | None, next_at: datetime | None
    ) -> None:
        found = self._entry(delivery)
        found.delivery = replace(found.delivery, attempts=delivery.attempts + 1)
        found.problem = found.problem if problem is None else problem
        found.due_at, found.claimed_until = next_at, None
        if next_at is None:
            found.done_at, found.is_given_up = at, True

    def put_off(
        self, channel: Channel, realms: Sequence[str], until: datetime, attempts: int, problem: str
    ) -> None:
        for each in self._of(realms):
            is_waiting = each.due_at and each.due_at < until and each.claimed_until is None
            if each.delivery.channel is channel and is_waiting:
                each.due_at, each.problem = until, problem
                most = max(each.delivery.attempts, attempts)
                each.delivery = replace(each.delivery, attempts=most)

    def hasten(self, realms: Sequence[str], now: datetime) -> None:
        for each in self._of(realms):
            if each.due_at and each.due_at > now:
                each.due_at = now

    def _of(self, realms: Sequence[str]) -> Iterator[_Entry]:
        return (each for each in self._entries if each.realm in realms)

    def _entry(self, delivery: Delivery) -> _Entry:
        return next(each for each in self._entries if each.delivery.id == delivery.id)


@dataclass
class Letterbox:
    """`ports.Carrier` that keeps what it is handed, unless told otherwise."""

    received: list[Delivery] = field(default_factory=list)
    is_unreachable: bool = False
    problem: str = "nobody answers"
    refused: set[str] = field(default_factory=set)
    """Recipients whom it does not take anything for."""

    def send(self, deliveries: Iterable[Delivery]) -> Iterator[tuple[Delivery, Outcome]]:
        for delivery in deliveries:
            if self.is_unreachable:
                yield delivery, Unreachable(self.problem)
                return
            if delivery.recipient in self.refused:
                yield delivery, Refused("550 no such person")
                continue
            self.received.append(delivery)
            yield delivery, Delivered()

    def check(self) -> str:
        return "a letterbox"
